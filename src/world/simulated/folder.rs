//! The run's private folder: in memory where that can be had, gone when the run ends, swept up later if it was killed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// Every run's folder begins so; what follows has always the same length.
const PREFIX: &str = "valkey-fuzzer-";
/// So begins, with its process's number, a folder whose lock is not held yet: nobody may take it for abandoned.
const UNFINISHED_PREFIX: &str = "valkey-fuzzer+";
/// How many characters follow.
const NAME_CHARACTERS: usize = 8;
const LOCK: &str = "lock";
/// A file system in memory, where synchronous writes and removals cost nothing.
const IN_MEMORY: &str = "/dev/shm";

/// A folder that only this run uses.
pub struct RunFolder {
    path: PathBuf,
    /// Held for as long as the run lives; a folder whose lock is free belongs to nobody.
    _lock: Flock<File>,
}

impl RunFolder {
    /// Makes the folder, after sweeping up those of runs that were killed.
    pub fn new() -> io::Result<Self> {
        let base = base();
        sweep(&base);
        let unfinished = tempfile::Builder::new()
            .prefix(&format!("{UNFINISHED_PREFIX}{}-", std::process::id()))
            .rand_bytes(NAME_CHARACTERS)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(&base)?;
        let lock = take_lock(unfinished.path())?;
        let name = unfinished.path().to_string_lossy();
        let path = base.join(format!("{PREFIX}{}", &name[name.len() - NAME_CHARACTERS..]));
        fs::rename(unfinished.path(), &path)?;
        // Under its old name it is gone already.
        let _ = unfinished.keep();
        Ok(RunFolder { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // What cannot be removed now is swept up by the next run.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Where run folders are made: in memory, else wherever temporary files go.
fn base() -> PathBuf {
    let in_memory = PathBuf::from(IN_MEMORY);
    let probe = in_memory.join(format!("{PREFIX}probe-{}", std::process::id()));
    let usable = fs::DirBuilder::new().mode(0o700).create(&probe).is_ok();
    let _ = fs::remove_dir(&probe);
    if usable { in_memory } else { std::env::temp_dir() }
}

fn take_lock(folder: &Path) -> io::Result<Flock<File>> {
    let file = File::create(folder.join(LOCK))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno.into())
}

/// Removes the folders that no living run holds.
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
    fn runs_that_begin_and_end_at_once_leave_each_others_folders_alone() {
        let begin_and_end = || {
            for _ in 0..500 {
                let folder = RunFolder::new().expect("there is room for a folder");
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
    fn what_a_killed_run_left_is_swept_up_and_a_living_ones_is_not() {
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
}
