//! A folder that one process at a time works in.
//!
//! Two runs that write into one folder leave the log of neither, and neither notices. The lock is on the folder itself,
//! so nothing of it is left behind; a process that ends in any way gives it back.

use std::fs::File;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Held for as long as somebody works in a folder.
#[derive(Debug)]
pub struct Hold {
    /// Nothing on a file system that knows no locks: everybody is trusted there.
    _lock: Option<Flock<File>>,
}

/// Takes the folder at `path`; nothing if another process has it.
pub fn hold(path: &Path) -> io::Result<Option<Hold>> {
    match Flock::lock(File::open(path)?, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(Hold { _lock: Some(lock) })),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err(_) => Ok(Some(Hold { _lock: None })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_once_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = hold(folder.path()).expect("it can be opened").expect("it is free");
        assert!(hold(folder.path()).expect("it can be opened").is_none());
        drop(first);
        assert!(hold(folder.path()).expect("it can be opened").is_some());
        std::fs::remove_dir(folder.path()).expect("it is empty");
    }
}
