//! The run's private folder: in memory where that can be had, gone when the run ends, swept up later if it was killed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// Every run's folder begins so; what follows has always the same length.
const PREFIX: &str = "valkey-fuzzer-";
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
        let path = tempfile::Builder::new()
            .prefix(PREFIX)
            .rand_bytes(8)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(&base)?
            .keep();
        let lock = take_lock(&path)?;
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
        let abandoned = name.starts_with(PREFIX)
            && File::open(path.join(LOCK))
                .is_ok_and(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok());
        if abandoned {
            let _ = fs::remove_dir_all(&path);
        }
    }
}
