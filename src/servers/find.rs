//! Chooses the server of a run: named, in the environment, on `PATH`, in the store, or fetched.

use std::path::{Path, PathBuf};

use super::error::{Refusal, ServerError};
use super::fetch;
use super::inspect::inspect;
use super::options::{Notify, Options};
use super::server::{Origin, Server};
use super::store::Store;
use super::toolbox::Toolbox;
use super::version::{Family, Spec};
use crate::event_log::ServerIdentity;

const PROGRAMS: [&str; 2] = ["valkey-server", "redis-server"];
const NOTHING_FOUND: &str = "no valkey-server found; ";

/// Something found that may be a server.
#[derive(Debug)]
pub struct Listed {
    /// Who names it: `--server`, `VALKEY_SERVER`, `PATH` or `store`.
    pub found_by: &'static str,
    /// The file as it was found.
    pub path: PathBuf,
    /// The server, or why it cannot be simulated.
    pub server: Result<Server, Refusal>,
}

/// The server to simulate. What is named must be usable; what merely is on `PATH` is passed over with a notice if not.
pub fn find(options: &Options, notify: Notify<'_>) -> Result<Server, ServerError> {
    choose(options, notify).map(|server| Server { toolbox: Toolbox::of(options), ..server })
}

fn choose(options: &Options, notify: Notify<'_>) -> Result<Server, ServerError> {
    let store = Store::below(&options.cache_dir)?;
    if let Some(spec) = named_specs(options).next() {
        return named(spec.1, options, &store, notify);
    }
    if let Some(server) = first_on_path(options, notify) {
        return Ok(server);
    }
    match preferred(&store) {
        Some(server) => Ok(server),
        None => fetch::fetch(&Spec::any(Family::Valkey), &store, NOTHING_FOUND, notify),
    }
}

/// Makes sure that the store holds a version such as `8.1` or `redis-7.0`. A lower one that matches is kept and will do,
/// unless the version that is known to be obtainable is higher.
pub fn install(spec: &str, options: &Options, notify: Notify<'_>) -> Result<Server, ServerError> {
    let store = Store::below(&options.cache_dir)?;
    let spec: Spec = spec.parse().map_err(|()| ServerError::BadSpec(spec.to_owned()))?;
    let higher = fetch::default_spec().filter(|known| spec.matches(known.family, &known.version));
    match higher.map(|known| of_version(&known, &store, notify)) {
        Some(Ok(server)) => Ok(server),
        _ => of_version(&spec, &store, notify),
    }
}

/// Everything found here, usable or not, in the order of preference. Nothing is fetched.
pub fn list(options: &Options) -> Vec<Listed> {
    let shim = options.shim.as_deref();
    let files = named_specs(options).filter(|(_, spec)| spec.parse::<Spec>().is_err());
    let named = files.map(|(found_by, spec)| (found_by, as_file(spec, options)));
    let on_path = on_path(options).into_iter().map(|path| ("PATH", path));
    let found = named.chain(on_path).map(|(found_by, path)| {
        let server = inspect(&path, shim);
        Listed { found_by, path, server }
    });
    found.chain(stored(options)).collect()
}

/// The very program that was run before, if it is here. Those in the store say their digest, so that no other is read.
pub fn find_exact(known: &ServerIdentity, options: &Options) -> Option<Server> {
    let entries = Store::below(&options.cache_dir).map(|store| store.entries()).unwrap_or_default();
    let mut stored = entries.iter().filter(|entry| entry.manifest.sha256 == known.sha256);
    let elsewhere = || list(options).into_iter().filter_map(|listed| listed.server.ok());
    let elsewhere = || elsewhere().find(|server| server.sha256 == known.sha256);
    let found = stored.find_map(|entry| entry.server().ok()).or_else(elsewhere);
    found.map(|server| Server { toolbox: Toolbox::of(options), ..server })
}

fn stored(options: &Options) -> Vec<Listed> {
    let entries = Store::below(&options.cache_dir).map(|store| store.entries()).unwrap_or_default();
    let listed = |path: PathBuf, server: Result<Server, _>| {
        let server = server.map_err(|reason| Refusal { path: path.clone(), reason });
        Listed { found_by: "store", path, server }
    };
    entries.into_iter().map(|entry| listed(entry.binary(), entry.server())).collect()
}

fn named_specs(options: &Options) -> impl Iterator<Item = (&'static str, &str)> {
    let explicit = options.explicit_spec.as_deref().map(|spec| ("--server", spec));
    let environment = options.env_spec.as_deref().map(|spec| ("VALKEY_SERVER", spec));
    explicit.into_iter().chain(environment).filter(|(_, spec)| !spec.is_empty())
}

fn named(spec: &str, options: &Options, store: &Store, notify: Notify<'_>) -> Result<Server, ServerError> {
    if let Ok(version) = spec.parse() {
        return of_version(&version, store, notify);
    }
    let path = as_file(spec, options);
    match store.entry_of(&path) {
        Some(entry) => Ok(entry.server().map_err(|reason| Refusal { path, reason })?),
        None if !spec.contains('/') && !path.exists() => Err(ServerError::BadSpec(spec.to_owned())),
        None => Ok(inspect(&path, options.shim.as_deref())?),
    }
}

/// A bare name that is no file here is looked for on `PATH`.
fn as_file(spec: &str, options: &Options) -> PathBuf {
    let path = Path::new(spec);
    match spec.contains('/') || path.exists() {
        true => path.to_owned(),
        false => executables(options, spec).into_iter().next().unwrap_or_else(|| path.to_owned()),
    }
}

fn of_version(spec: &Spec, store: &Store, notify: Notify<'_>) -> Result<Server, ServerError> {
    match store.best(spec) {
        Some(server) => Ok(server),
        None => fetch::fetch(spec, store, "", notify),
    }
}

fn first_on_path(options: &Options, notify: Notify<'_>) -> Option<Server> {
    on_path(options).iter().find_map(|path| match inspect(path, options.shim.as_deref()) {
        Ok(server) => Some(Server { origin: Origin::SearchPath, ..server }),
        Err(refusal) => {
            notify(&format!("passing over {refusal}"));
            None
        }
    })
}

fn on_path(options: &Options) -> Vec<PathBuf> {
    PROGRAMS.iter().flat_map(|program| executables(options, program)).collect()
}

/// The files called `program` in the folders of `PATH`; an empty or relative folder is not trusted.
fn executables(options: &Options, program: &str) -> Vec<PathBuf> {
    let Some(path) = &options.path_dirs else { return Vec::new() };
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(program)).filter(|file| file.is_file()).collect()
}

/// The version that would be fetched, else the highest Valkey, else the highest Redis.
fn preferred(store: &Store) -> Option<Server> {
    let specs =
        fetch::default_spec().into_iter().chain([Spec::any(Family::Valkey), Spec::any(Family::Redis)]);
    specs.into_iter().find_map(|spec| store.best(&spec))
}

#[cfg(test)]
mod tests {
    use super::super::error::Reason;
    use super::*;

    fn options(path_dirs: &[&Path]) -> Options {
        let path_dirs = std::env::join_paths(path_dirs).expect("plain folders");
        Options { path_dirs: Some(path_dirs), cache_dir: "/no/such/cache".into(), ..Options::default() }
    }

    fn quietly(options: &Options) -> Result<Server, ServerError> {
        find(options, &mut |_| {})
    }

    #[test]
    fn what_the_user_names_is_never_replaced_by_another_server() {
        let named = Options { explicit_spec: Some("/no/such/server".to_owned()), ..options(&[]) };
        assert!(matches!(
            quietly(&named),
            Err(ServerError::Refused(Refusal { reason: Reason::NotFound, .. }))
        ));
        let named = Options { env_spec: Some("no-such-server".to_owned()), ..options(&[]) };
        assert!(matches!(quietly(&named), Err(ServerError::BadSpec(_))));
    }

    #[test]
    fn the_option_goes_before_the_environment() {
        let both = Options {
            explicit_spec: Some("/first".to_owned()),
            env_spec: Some("/second".to_owned()),
            ..options(&[])
        };
        assert!(matches!(quietly(&both), Err(ServerError::Refused(r)) if r.path == Path::new("/first")));
    }

    #[test]
    fn the_search_path_gives_valkey_before_redis() {
        let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
        let redis = folders[0].path().join("redis-server");
        let valkey = folders[1].path().join("valkey-server");
        for file in [&redis, &valkey] {
            std::fs::write(file, "").expect("a file");
        }
        let options = options(&[folders[0].path(), Path::new("relative"), folders[1].path()]);
        assert_eq!(on_path(&options), [valkey.clone(), redis]);
        let listed = list(&options);
        assert_eq!((listed.len(), &listed[0].path, listed[0].found_by), (2, &valkey, "PATH"));
        assert!(listed[0].server.is_err());
    }

    #[test]
    fn only_versions_can_be_installed() {
        assert!(matches!(install("latest", &options(&[]), &mut |_| {}), Err(ServerError::BadSpec(_))));
    }
}
