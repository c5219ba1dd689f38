//! Fetches a server from the packages of Debian or Ubuntu, whichever mirror this machine has.
//!
//! The server comes from the package of its tools, where the file of many names is; then its libraries, and the
//! release's own C library where the host's is older.

use std::fs;
use std::path::{Path, PathBuf};

use super::apt::{Apt, Candidate};
use super::error::FetchError;
use super::libc_version;
use super::libraries::{self, LIBRARY_FOLDER};
use super::sources::{self, Distribution, Mirror};
use super::store::Contents;
use super::version::{Family, Spec, Version};
use super::workshop::{Bench, Built, BuiltTools};

/// A release of a distribution, with the series of servers it carried when this was written. They are hints of where to
/// look first: what it carries now is asked of the mirror.
#[derive(Debug, PartialEq)]
pub(super) struct Release {
    pub distribution: Distribution,
    /// Its suites; the last one gives the name.
    suites: &'static [&'static str],
    series: &'static [(Family, &'static str)],
}

/// A release that this machine has a mirror of.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub release: &'static Release,
    pub mirror: Mirror,
}

use Distribution::{Debian, Ubuntu};
use Family::{Redis, Valkey};

/// The releases with servers in them, in the order in which they are asked for any version.
pub(super) const RELEASES: [Release; 8] = [
    Release { distribution: Debian, suites: &["trixie"], series: &[(Valkey, "8.1"), (Redis, "8.0")] },
    Release { distribution: Debian, suites: &["bookworm", "bookworm-backports"], series: &[(Valkey, "8.0")] },
    Release { distribution: Debian, suites: &["sid"], series: &[(Valkey, "9.1"), (Redis, "8.0")] },
    Release { distribution: Debian, suites: &["bookworm"], series: &[(Redis, "7.0")] },
    Release { distribution: Ubuntu, suites: &["questing"], series: &[(Valkey, "8.1"), (Redis, "8.0")] },
    Release { distribution: Ubuntu, suites: &["plucky"], series: &[(Valkey, "8.0"), (Redis, "7.0")] },
    Release {
        distribution: Ubuntu,
        suites: &["noble", "noble-updates"],
        series: &[(Valkey, "7.2"), (Redis, "7.0")],
    },
    Release { distribution: Ubuntu, suites: &["jammy"], series: &[(Redis, "6.0")] },
];

impl Release {
    /// As in `Debian trixie`.
    pub fn name(&self) -> String {
        let suite = self.suites.last().expect("a release has a suite");
        format!("{} {suite}", self.distribution.name())
    }

    /// The highest series it carried that may hold what `spec` asks for.
    pub fn series(&self, spec: &Spec) -> Option<Version> {
        let versions =
            self.series.iter().filter_map(|(family, text)| Some((*family, Version::leading(text)?)));
        versions
            .filter(|(family, version)| spec.may_be_in(*family, version))
            .map(|(_, version)| version)
            .max()
    }

    fn components(&self) -> &'static str {
        match self.distribution {
            Debian => "main",
            Ubuntu => "main universe",
        }
    }
}

/// The releases that the package sources below `etc_apt` have a mirror for.
pub(super) fn offers(etc_apt: &Path) -> Vec<Offer> {
    let offer = |release: &'static Release| {
        sources::mirror(etc_apt, release.distribution).map(|mirror| Offer { release, mirror })
    };
    RELEASES.iter().filter_map(offer).collect()
}

/// Fetches the highest version that matches into the bench's entry.
pub(super) fn fetch(offer: &Offer, spec: &Spec, bench: &Bench) -> Result<Built, FetchError> {
    let release = offer.release;
    let mut apt = Apt::update(&bench.scratch, &offer.mirror, release.suites, release.components())?;
    let chosen = choose(spec, apt.candidates(&format!("{}-tools", spec.family))?)?;
    let packages =
        ["server", "tools"].map(|part| format!("{}-{part}={}", spec.family, chosen.package_version));
    let files = apt.download(&packages)?;
    let server = format!("{}-server", spec.family);
    let found = apt.unpacked(&["usr/bin"], &server).ok_or_else(|| FetchError::Missing(server.clone()))?;
    fs::copy(found, bench.entry.join(&server))?;
    let own_libc = needs_own_libc(&apt)?;
    libraries::gather(&mut apt, &bench.entry, &server, libraries::Start { own_libc, files })?;
    let origin = format!("{} {} {}", release.name(), spec.family, chosen.package_version);
    Ok(Built { origin, contents: contents(server, own_libc, &bench.entry) })
}

/// Fetches the tools of the highest version that matches into the bench's entry.
pub(super) fn fetch_tools(offer: &Offer, spec: &Spec, bench: &Bench) -> Result<BuiltTools, FetchError> {
    let release = offer.release;
    let mut apt = Apt::update(&bench.scratch, &offer.mirror, release.suites, release.components())?;
    let package = format!("{}-tools", spec.family);
    let chosen = choose(spec, apt.candidates(&package)?)?;
    let files = apt.download(&[format!("{package}={}", chosen.package_version)])?;
    let own_libc = needs_own_libc(&apt)?;
    let names = spec.family.tools();
    for name in &names {
        let found = apt.unpacked(&["usr/bin"], name).ok_or_else(|| FetchError::Missing(name.clone()))?;
        fs::copy(found, bench.entry.join(name))?;
        libraries::gather(&mut apt, &bench.entry, name, libraries::Start { own_libc, files: files.clone() })?;
    }
    let origin = format!("{} {} {}", release.name(), package, chosen.package_version);
    let contents = contents(names[0].clone(), own_libc, &bench.entry);
    Ok(BuiltTools { version: chosen.version.to_string(), origin, contents })
}

fn choose(spec: &Spec, candidates: Vec<Candidate>) -> Result<Candidate, FetchError> {
    let offered: Vec<String> = candidates.iter().map(|candidate| candidate.version.to_string()).collect();
    let mut matching =
        candidates.into_iter().filter(|candidate| spec.matches(spec.family, &candidate.version));
    matching.next().ok_or(FetchError::NoSuchVersion { wanted: spec.clone(), offered })
}

/// Whether the release's C library is newer than the host's, or the host has none.
fn needs_own_libc(apt: &Apt) -> Result<bool, FetchError> {
    let newest = apt.candidates("libc6")?.into_iter().next().map(|candidate| candidate.version);
    Ok(newest > libc_version::of_host())
}

fn contents(server: String, own_libc: bool, entry: &Path) -> Contents {
    let folder = PathBuf::from(LIBRARY_FOLDER);
    let loader = own_libc.then(|| folder.join(libraries::LOADER));
    let library_dirs = if entry.join(&folder).exists() { vec![folder] } else { Vec::new() };
    Contents { binary: server.into(), loader, library_dirs }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_names_itself_and_its_series() {
        assert_eq!(RELEASES[1].name(), "Debian bookworm-backports");
        let series = |spec: &str| RELEASES[0].series(&spec.parse().expect("a spec")).map(|v| v.to_string());
        assert_eq!(series("8.1.1").as_deref(), Some("8.1"));
        assert_eq!(series("redis-8").as_deref(), Some("8.0"));
        assert_eq!(series("9"), None);
    }

    #[test]
    fn a_version_that_is_not_offered_is_refused_with_what_is() {
        let spec: Spec = "9.2".parse().expect("a spec");
        let error = choose(&spec, Vec::new()).expect_err("nothing is offered");
        assert_eq!(error.to_string(), "offers no valkey 9.2");
    }
}
