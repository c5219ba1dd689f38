//! Names of files: those in a folder, sorted because the file system's own order differs from machine to machine.

use std::io;
use std::path::{Path, PathBuf};

/// Every entry of `folder`, by name.
#[expect(clippy::disallowed_methods, reason = "the result is sorted here")]
pub(super) fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// The last part of a path, empty if there is none.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}
