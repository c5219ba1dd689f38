//! Private folders for as long as somebody works in them: in memory or where temporary files go, gone at the end, swept
//! up by the next one if their owner was killed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::statvfs::statvfs;

/// Every such folder begins so; what follows has always the same length.
const PREFIX: &str = "valkey-fuzzer-";
/// So begins, with its process's number, a folder whose lock is not held yet: nobody may take it for abandoned.
const UNFINISHED_PREFIX: &str = "valkey-fuzzer+";
/// How many characters follow.
const NAME_CHARACTERS: usize = 8;
const LOCK: &str = "lock";
/// What is worked in, so that it is empty at first.
const WORK: &str = "work";
/// A file system in memory, where synchronous writes and removals cost nothing.
const IN_MEMORY: &str = "/dev/shm";
/// What a run's servers may want to write; where memory has less, the disk is roomier.
const ROOMY_BYTES: u64 = 256 << 20;

/// A folder that nobody else uses.
pub struct ScratchFolder {
    root: PathBuf,
    path: PathBuf,
    /// Held for as long as the folder is used; one whose lock is free belongs to nobody.
    _lock: Flock<File>,
}

impl ScratchFolder {
    /// A folder where temporary files go.
    pub fn new() -> io::Result<Self> {
        Self::below(&std::env::temp_dir())
    }

    /// A folder in memory; where that is denied or small, in the roomier of memory and the place of temporary files.
    pub fn in_memory() -> io::Result<Self> {
        let places = [PathBuf::from(IN_MEMORY), std::env::temp_dir()];
        places.iter().for_each(|place| sweep(place));
        Self::in_first_of(roomiest_first(places, free_bytes))
    }

    /// The error is that of the last place.
    fn in_first_of(places: Vec<PathBuf>) -> io::Result<Self> {
        let mut made = Err(io::ErrorKind::NotFound.into());
        for place in places {
            made = Self::below(&place);
            if made.is_ok() {
                break;
            }
        }
        made
    }

    fn below(base: &Path) -> io::Result<Self> {
        sweep(base);
        Self::make(base).map_err(|error| {
            io::Error::new(error.kind(), format!("{error} in {} (TMPDIR names another)", base.display()))
        })
    }

    fn make(base: &Path) -> io::Result<Self> {
        let unfinished = tempfile::Builder::new()
            .prefix(&format!("{UNFINISHED_PREFIX}{}-", std::process::id()))
            .rand_bytes(NAME_CHARACTERS)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(base)?;
        let lock = take_lock(unfinished.path())?;
        let name = unfinished.path().to_string_lossy();
        let root = base.join(format!("{PREFIX}{}", &name[name.len() - NAME_CHARACTERS..]));
        fs::create_dir(unfinished.path().join(WORK))?;
        fs::rename(unfinished.path(), &root)?;
        // Under its old name it is gone already.
        let _ = unfinished.keep();
        Ok(ScratchFolder { path: root.join(WORK), root, _lock: lock })
    }

    /// Where it is; empty at first.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // What cannot be removed now is swept up by the next one.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// The bytes that can still be written where `path` is.
fn free_bytes(path: &Path) -> Option<u64> {
    let file_system = statvfs(path).ok()?;
    Some(file_system.blocks_available() * file_system.fragment_size())
}

/// The first place goes first if it has room enough; otherwise the one with the most.
fn roomiest_first(places: [PathBuf; 2], free: impl Fn(&Path) -> Option<u64>) -> Vec<PathBuf> {
    let room = places.each_ref().map(|place| free(place).unwrap_or(0).min(ROOMY_BYTES));
    let [first, second] = places;
    if room[0] >= room[1] { vec![first, second] } else { vec![second, first] }
}

fn take_lock(folder: &Path) -> io::Result<Flock<File>> {
    let file = File::create(folder.join(LOCK))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno.into())
}

/// Removes the folders that nobody alive holds.
#[expect(clippy::disallowed_methods, reason = "the order of removals shows nowhere")]
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_ours =
            name.starts_with(PREFIX) || name.strip_prefix(UNFINISHED_PREFIX).is_some_and(is_of_the_dead);
        let is_free =
            || File::open(path.join(LOCK)).map(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock));
        if is_ours && is_free().is_ok_and(|lock| lock.is_ok()) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Whether the process whose number a name begins with has ended.
fn is_of_the_dead(name: &str) -> bool {
    let number = name.split('-').next().unwrap_or_default();
    number.parse::<u32>().is_ok_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_made_and_dropped_at_once_leave_each_other_alone() {
        let begin_and_end = || {
            for _ in 0..500 {
                let folder = ScratchFolder::in_memory().expect("there is room for a folder");
                fs::write(folder.path().join("page"), "x").expect("nobody swept it up");
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(begin_and_end);
            }
        });
    }

    #[test]
    fn what_the_killed_left_is_swept_up_and_what_the_living_have_is_not() {
        let base = tempfile::tempdir().expect("a folder");
        let folder = |name: &str| {
            let path = base.path().join(name);
            fs::create_dir(&path).expect("made");
            fs::write(path.join(LOCK), "").expect("written");
            path
        };
        let (killed, alive, foreign) =
            (folder("valkey-fuzzer-AAAAAAAA"), folder("valkey-fuzzer-BBBBBBBB"), folder("x"));
        let lock = take_lock(&alive).expect("it is free");
        let own = folder(&format!("{UNFINISHED_PREFIX}{}-CCCCCCCC", std::process::id()));
        let dead = folder(&format!("{UNFINISHED_PREFIX}{}-DDDDDDDD", u32::MAX));
        sweep(base.path());
        assert_eq!(
            [&killed, &alive, &foreign, &own, &dead].map(|path| path.exists()),
            [false, true, true, true, false]
        );
        drop(lock);
        sweep(base.path());
        assert!(!alive.exists());
    }

    #[test]
    fn a_small_memory_gives_way_to_a_roomier_disk() {
        let first = |memory: u64, disk: u64| {
            let places = [PathBuf::from("memory"), PathBuf::from("disk")];
            let free = |place: &Path| Some(if place == Path::new("memory") { memory } else { disk });
            roomiest_first(places, free).swap_remove(0)
        };
        assert_eq!(first(ROOMY_BYTES, ROOMY_BYTES * 9), Path::new("memory"));
        assert_eq!(first(64 << 20, ROOMY_BYTES), Path::new("disk"));
        assert_eq!(first(64 << 20, 1 << 20), Path::new("memory"));
    }
}
