//! The names in a folder, sorted: the file system's own order differs from machine to machine.

use std::io;
use std::path::{Path, PathBuf};

/// Every entry of `folder`, by name.
pub(super) fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}
