//! Where a new entry of the store is built, one at a time, and put in place whole.
//!
//! Whoever fetches holds the store's lock, which the kernel releases when its holder dies. So a building folder that
//! is there when the lock is taken was left by a killed fetch, and can go.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tempfile::TempDir;

use super::error::FetchError;
use super::folder;
use super::inspect;
use super::options::Notify;
use super::server::Origin;
use super::store::{Contents, Entry, Manifest, Store};

const BUILDING_PREFIX: &str = ".fetch-";

/// The right to add to the store.
pub(super) struct Workshop<'a> {
    store: &'a Store,
    _lock: Flock<File>,
}

/// A folder being built: `entry` becomes the store's, `scratch` goes away with the rest.
pub(super) struct Bench {
    root: TempDir,
    pub entry: PathBuf,
    pub scratch: PathBuf,
}

/// What a fetch made of a bench's `entry`.
pub(super) struct Built {
    /// Where it came from, for people.
    pub origin: String,
    pub contents: Contents,
}

/// Tools that a fetch put into a bench's `entry`.
pub(super) struct BuiltTools {
    pub version: String,
    /// Where they came from, for people.
    pub origin: String,
    pub contents: Contents,
}

impl<'a> Workshop<'a> {
    /// Waits for whoever is fetching into the store, and clears away what killed fetches left.
    pub fn open(store: &'a Store, notify: Notify<'_>) -> io::Result<Workshop<'a>> {
        std::fs::create_dir_all(&store.dir)?;
        let file = File::options().create(true).append(true).open(store.dir.join(".lock"))?;
        let lock = lock(file, &store.dir, notify)?;
        remove_abandoned(&store.dir)?;
        Ok(Workshop { store, _lock: lock })
    }

    /// An empty bench.
    pub fn bench(&self) -> io::Result<Bench> {
        let root = tempfile::Builder::new().prefix(BUILDING_PREFIX).tempdir_in(&self.store.dir)?;
        let bench = Bench { entry: root.path().join("entry"), scratch: root.path().join("scratch"), root };
        std::fs::create_dir(&bench.entry)?;
        std::fs::create_dir(&bench.scratch)?;
        Ok(bench)
    }

    /// Starts what was built once, writes its manifest and moves it into the store.
    pub fn publish(&self, bench: Bench, built: Built) -> Result<Entry, FetchError> {
        let launch = built.contents.launch(&bench.entry)?;
        let server = inspect::examine(launch, Origin::Store(built.origin.clone()))?;
        let manifest = Manifest::of(&server, built.origin, built.contents);
        manifest.write(&bench.entry)?;
        let folder = self.store.dir.join(manifest.folder_name());
        put(&bench, &folder)?;
        Ok(Entry { folder, manifest })
    }
}

/// An entry that is already there was found unusable by whoever fetches; it leaves with the bench.
fn put(bench: &Bench, place: &Path) -> io::Result<()> {
    if place.exists() {
        std::fs::rename(place, bench.root.path().join("replaced"))?;
    }
    std::fs::rename(&bench.entry, place)
}

fn lock(file: File, dir: &Path, notify: Notify<'_>) -> io::Result<Flock<File>> {
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((file, Errno::EWOULDBLOCK)) => {
            notify(&format!("waiting for another fetch into {}", dir.display()));
            Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno.into())
        }
        Err((_, errno)) => Err(errno.into()),
    }
}

fn remove_abandoned(dir: &Path) -> io::Result<()> {
    let left = folder::sorted(dir)?;
    for path in left.iter().filter(|path| folder::file_name(path).starts_with(BUILDING_PREFIX)) {
        // A program that outlived its killed fetch may still write into the folder; the next fetch tries again.
        let _ = std::fs::remove_dir_all(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (TempDir, Store) {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let store = Store::below(cache.path()).expect("a plain path");
        (cache, store)
    }

    fn open(store: &Store) -> Workshop<'_> {
        Workshop::open(store, &mut |_| {}).expect("a free lock")
    }

    fn count(store: &Store) -> usize {
        folder::sorted(&store.dir).expect("a folder").len()
    }

    #[test]
    fn what_a_killed_fetch_left_is_removed_by_the_next() {
        let (_cache, store) = store();
        let left = store.dir.join(".fetch-killed/entry/bin");
        std::fs::create_dir_all(&left).expect("a folder");
        drop(open(&store));
        assert!(!left.exists());
    }

    #[test]
    fn only_one_fetch_at_a_time_holds_the_store() {
        let (_cache, store) = store();
        let held = open(&store);
        let again = File::open(store.dir.join(".lock")).expect("the lock file");
        let (again, errno) =
            Flock::lock(again, FlockArg::LockExclusiveNonblock).expect_err("the lock is held");
        assert_eq!(errno, Errno::EWOULDBLOCK);
        drop(held);
        assert!(Flock::lock(again, FlockArg::LockExclusiveNonblock).is_ok());
    }

    #[test]
    fn a_build_that_is_no_server_never_reaches_the_store() {
        let (_cache, store) = store();
        let workshop = open(&store);
        let bench = workshop.bench().expect("a bench");
        std::fs::write(bench.entry.join("valkey-server"), "garbage").expect("a file");
        let contents = Contents { binary: "valkey-server".into(), loader: None, library_dirs: Vec::new() };
        let built = Built { origin: "test".to_owned(), contents };
        assert!(matches!(workshop.publish(bench, built), Err(FetchError::Refused(_))));
        assert_eq!(count(&store), 1, "only the lock is left");
    }

    #[test]
    fn a_damaged_entry_is_replaced_by_a_rename() {
        let (_cache, store) = store();
        let workshop = open(&store);
        let bench = workshop.bench().expect("a bench");
        std::fs::write(bench.entry.join("new"), "").expect("a file");
        let place = store.dir.join("8.1.8");
        std::fs::create_dir(&place).expect("a folder");
        std::fs::write(place.join("old"), "").expect("a file");
        put(&bench, &place).expect("a free place");
        drop(bench);
        assert!(place.join("new").exists() && !place.join("old").exists());
        assert_eq!(count(&store), 2, "the lock and the entry are left");
    }
}
