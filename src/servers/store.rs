//! The managed store: one folder a version, each with a `server.json` that says what is in it.
//!
//! A folder counts only if its manifest can be read, and its binary only if it still has the manifest's hash. New
//! folders come from `workshop`, by one rename.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{Reason, ServerError};
use super::folder;
use super::inspect::{self, Said};
use super::libc_version::HOST_LOADER;
use super::memo::Memo;
use super::server::{Launch, Loader, Origin, Server};
use super::version::{Family, Spec, Version};

const MANIFEST: &str = "server.json";
const FORMAT: u32 = 1;

/// The folder of all stored servers.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub dir: PathBuf,
}

/// What `server.json` holds; paths are relative to its folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    pub name: Family,
    pub version: String,
    /// Where it was fetched from, for people.
    pub origin: String,
    /// SHA-256 of the binary, in hex.
    pub sha256: String,
    pub contents: Contents,
}

/// Where the parts of a server are in its folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contents {
    pub binary: PathBuf,
    /// Its own loader; nothing means the host's.
    pub loader: Option<PathBuf>,
    pub library_dirs: Vec<PathBuf>,
}

/// A folder of the store with its manifest.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub folder: PathBuf,
    pub manifest: Manifest,
}

impl Store {
    /// The store below `cache_dir`, which need not exist. The loader splits its folders at colons, so a cache folder
    /// with one in its name could never hold a library.
    pub fn below(cache_dir: &Path) -> Result<Store, ServerError> {
        let dir = cache_dir.join("servers");
        let dir = std::path::absolute(&dir).unwrap_or(dir);
        if dir.to_string_lossy().contains([':', ';']) {
            let source =
                io::Error::new(io::ErrorKind::InvalidInput, "the path must not hold a colon or semicolon");
            return Err(ServerError::Store { path: dir, source });
        }
        Ok(Store { dir })
    }

    /// Every whole entry, the highest version first and Valkey before Redis.
    pub fn entries(&self) -> Vec<Entry> {
        let folders = folder::sorted(&self.dir).unwrap_or_default();
        let mut entries: Vec<Entry> = folders.into_iter().filter_map(Entry::read).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.manifest.name, entry.version())));
        entries
    }

    /// The highest version that `spec` matches and that is undamaged.
    pub fn best(&self, spec: &Spec) -> Option<Server> {
        let wanted = |entry: &Entry| entry.version().is_some_and(|v| spec.matches(entry.manifest.name, &v));
        self.entries().iter().filter(|entry| wanted(entry)).find_map(|entry| entry.server().ok())
    }

    /// The entry whose binary is the file at `path`.
    pub fn entry_of(&self, path: &Path) -> Option<Entry> {
        let real = path.canonicalize().ok()?;
        self.entries()
            .into_iter()
            .find(|entry| entry.binary().canonicalize().is_ok_and(|binary| binary == real))
    }
}

impl Entry {
    fn read(folder: PathBuf) -> Option<Entry> {
        if folder::file_name(&folder).starts_with('.') {
            return None;
        }
        let manifest: Manifest = serde_json::from_slice(&std::fs::read(folder.join(MANIFEST)).ok()?).ok()?;
        (manifest.format == FORMAT).then_some(Entry { folder, manifest })
    }

    fn version(&self) -> Option<Version> {
        Version::leading(&self.manifest.version)
    }

    /// The server's file.
    pub fn binary(&self) -> PathBuf {
        self.folder.join(&self.manifest.contents.binary)
    }

    /// The entry as a server, if it still is what was fetched and once started.
    pub fn server(&self) -> Result<Server, Reason> {
        let Manifest { name, version, origin, contents, .. } = &self.manifest;
        let (launch, origin) = (contents.launch(&self.folder)?, Origin::Store(origin.clone()));
        let Some(memo) = Memo::recall(&self.folder, &launch) else {
            let examine = || self.undamaged(inspect::examine(launch.clone(), origin)?);
            return Memo::keep(&self.folder, &launch, examine);
        };
        let said = Said { family: *name, version: version.clone(), build: memo.build };
        self.undamaged(inspect::server(launch, origin, said, (memo.sha256, memo.libc)))
    }

    fn undamaged(&self, server: Server) -> Result<Server, Reason> {
        match server.sha256 == self.manifest.sha256 {
            true => Ok(Server { spec: self.manifest.folder_name(), ..server }),
            false => Err(Reason::Damaged("its binary is not the one that was fetched".to_owned())),
        }
    }
}

impl Contents {
    /// How to start what is in `folder`; an error if a part of it is gone.
    pub fn launch(&self, folder: &Path) -> io::Result<Launch> {
        let folder = folder.canonicalize()?;
        for part in self.loader.iter().chain(&self.library_dirs) {
            folder.join(part).metadata()?;
        }
        let binary = folder.join(&self.binary);
        let own = self.loader.as_ref().map(|loader| folder.join(loader));
        let library_dirs: Vec<PathBuf> = self.library_dirs.iter().map(|dir| folder.join(dir)).collect();
        let through_loader = own.is_some() || !library_dirs.is_empty();
        let program = own.unwrap_or_else(|| PathBuf::from(HOST_LOADER));
        let loader = through_loader.then(|| Loader::new(&program, library_dirs));
        Ok(Launch { binary, loader })
    }
}

impl Manifest {
    /// The manifest of a server that was examined in its folder.
    pub fn of(server: &Server, origin: String, contents: Contents) -> Manifest {
        let (name, version, sha256) = (server.name, server.version.clone(), server.sha256.clone());
        Manifest { format: FORMAT, name, version, origin, sha256, contents }
    }

    /// Writes it into the server's folder and makes sure that it is on the disk before the folder is renamed.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join(MANIFEST);
        std::fs::write(&path, serde_json::to_vec_pretty(self)?)?;
        std::fs::File::open(path)?.sync_all()
    }

    /// The name of its folder: `8.1.8`, `redis-7.0.15`.
    pub fn folder_name(&self) -> String {
        match self.name {
            Family::Valkey => self.version.clone(),
            Family::Redis => format!("redis-{}", self.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(version: &str) -> Manifest {
        let contents =
            Contents { binary: "bin/valkey-server".into(), loader: None, library_dirs: Vec::new() };
        let (version, origin, sha256) = (version.to_owned(), "test".to_owned(), "00".to_owned());
        Manifest { format: FORMAT, name: Family::Valkey, version, origin, sha256, contents }
    }

    fn stored(names: &[(&str, &str)]) -> (tempfile::TempDir, Store) {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let store = Store::below(cache.path()).expect("a plain path");
        for (folder, version) in names {
            std::fs::create_dir_all(store.dir.join(folder)).expect("a folder");
            manifest(version).write(&store.dir.join(folder)).expect("a manifest");
        }
        (cache, store)
    }

    #[test]
    fn entries_are_listed_from_the_highest_version_down() {
        let (_cache, store) = stored(&[("8.1.8", "8.1.8"), ("8.1.10", "8.1.10"), ("9.1.2", "9.1.2")]);
        let versions: Vec<String> = store.entries().into_iter().map(|entry| entry.manifest.version).collect();
        assert_eq!(versions, ["9.1.2", "8.1.10", "8.1.8"]);
    }

    #[test]
    fn a_half_made_folder_is_no_entry() {
        let (_cache, store) = stored(&[(".fetch-abc", "8.1.8"), ("8.0.1", "8.0.1")]);
        std::fs::create_dir(store.dir.join("9.1.2")).expect("a folder");
        std::fs::write(store.dir.join("8.0.1").join(MANIFEST), "{\"format\":1,").expect("a cut manifest");
        assert!(store.entries().is_empty());
    }

    #[test]
    fn an_entry_without_its_libraries_cannot_be_started() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let contents = Contents {
            binary: "valkey-server".into(),
            loader: Some("lib/ld-linux-x86-64.so.2".into()),
            library_dirs: vec!["lib".into()],
        };
        assert_eq!(contents.launch(folder.path()).expect_err("gone").kind(), io::ErrorKind::NotFound);
        std::fs::create_dir(folder.path().join("lib")).expect("a folder");
        std::fs::write(folder.path().join("lib/ld-linux-x86-64.so.2"), "").expect("a file");
        let launch = contents.launch(folder.path()).expect("everything is there");
        assert!(launch.loader.is_some_and(|loader| loader.program.is_file()));
    }

    #[test]
    fn an_entry_without_its_binary_is_never_chosen() {
        let (_cache, store) = stored(&[("8.1.8", "8.1.8")]);
        assert_eq!(store.best(&Spec::any(Family::Valkey)), None);
    }

    #[test]
    fn a_cache_folder_with_a_colon_is_refused() {
        assert!(matches!(Store::below(Path::new("/tmp/a:b")), Err(ServerError::Store { .. })));
    }
}
