//! Whether results can be written where somebody wants them: asked before anything runs, not after hours of it.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

/// Makes sure that `folder` is there and takes files.
pub(super) fn check_folder(folder: &Path) -> Result<()> {
    let cannot_write = || format!("cannot write {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot_write)?;
    tempfile::tempfile_in(folder).map(drop).with_context(cannot_write)
}

/// Makes sure that `file` can be written. What is in it stays; where there was none, there is none.
pub(super) fn check_file(file: &Path) -> Result<()> {
    let cannot_write = || format!("cannot write {}", file.display());
    let is_new = !file.exists();
    File::options().create(true).append(true).open(file).with_context(cannot_write)?;
    if is_new { fs::remove_file(file).with_context(cannot_write) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written_is_left_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "mine").expect("written");
        check_file(&old).expect("it can be written");
        check_file(&new).expect("it can be written");
        check_folder(&folder.path().join("a/b")).expect("it can be made");
        assert_eq!(fs::read_to_string(&old).expect("it is there"), "mine");
        assert!(!new.exists());
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let below = file.path().join("below");
        for error in [check_folder(&below), check_file(&below), check_file(Path::new("/no/such/folder/x"))] {
            let said = error.expect_err("it is refused").to_string();
            assert!(said.starts_with("cannot write /"), "{said}");
        }
    }
}
