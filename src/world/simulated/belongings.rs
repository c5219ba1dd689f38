//! The folder that a guest is given: a copy of one of the user's, what it is told by, and what the guest made of it.
//!
//! The copy is made in the order of names and has one time everywhere, so that a guest that lists it or looks at times
//! sees the same every time. The user's own folder is only read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use sha2::{Digest, Sha256};

use crate::event_log::LOG_FILE;
use crate::servers::sha256_of;

/// The most files that are copied.
const MOST_FILES: usize = 50_000;
/// The most bytes that are copied.
const MOST_BYTES: u64 = 1 << 30;
/// What is the user's own, and no program's, wherever it stands in the folder's first level.
const LEFT_OUT: [&str; 3] = [".git", "runs", "campaigns"];
/// What tells a folder of results, wherever it stands: a run's log, or a campaign's ledger.
const RESULTS: [&str; 2] = [LOG_FILE, "campaign.jsonl"];

/// What a guest was given.
#[derive(Debug, Default)]
pub struct Belongings {
    /// The SHA-256 of each file's content, or where a link leads, by the path in the folder.
    entries: BTreeMap<PathBuf, String>,
    bytes: u64,
}

impl Belongings {
    /// Copies what is in `from` to `to`, which is there, but for the results of runs. All files have this time, in seconds of
    /// the Unix epoch.
    ///
    /// # Errors
    /// Something cannot be read or written, or the folder is larger than what is copied.
    pub fn copy(from: &Path, to: &Path, time_s: u64) -> io::Result<Self> {
        let mut belongings = Belongings::default();
        for name in names(from)? {
            let is_left_out = LEFT_OUT.iter().any(|left| Path::new(left) == name);
            if !is_left_out {
                belongings.copy_entry((from, to), &name, time_s)?;
            }
        }
        Ok(belongings)
    }

    /// Copies what is called `name` below both folders.
    fn copy_entry(&mut self, (from, to): (&Path, &Path), name: &Path, time_s: u64) -> io::Result<()> {
        let (source, copy) = (from.join(name), to.join(name));
        let found = source.symlink_metadata()?;
        if found.is_symlink() {
            let target = fs::read_link(&source)?;
            symlink(&target, copy)?;
            self.add(name, target.display().to_string(), 0)
        } else if found.is_dir() && !RESULTS.iter().any(|name| source.join(name).is_file()) {
            fs::create_dir(&copy)?;
            let inner = names(&source)?;
            inner.iter().try_for_each(|inner| self.copy_entry((from, to), &name.join(inner), time_s))
        } else if found.is_file() {
            self.add(name, String::new(), found.len())?;
            let mode = copy_file(&source, &copy, time_s)?;
            self.entries.insert(name.to_owned(), format!("{mode:o} {}", sha256_of(File::open(copy)?)?));
            Ok(())
        } else {
            Ok(())
        }
    }

    fn add(&mut self, name: &Path, told: String, bytes: u64) -> io::Result<()> {
        self.entries.insert(name.to_owned(), told);
        self.bytes += bytes;
        if self.entries.len() > MOST_FILES || self.bytes > MOST_BYTES {
            let limit = format!("more than {MOST_FILES} files or {} MiB", MOST_BYTES >> 20);
            return Err(io::Error::other(format!("{limit} are not copied: name a smaller folder")));
        }
        Ok(())
    }

    /// A digest of all names and contents.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (name, told) in &self.entries {
            hash.update(format!("{}\0{told}\n", name.display()));
        }
        hex::encode(hash.finalize())
    }

    /// Whether the file of this name, below `folder`, is as it was given.
    pub fn is_unchanged(&self, folder: &Path, name: &Path) -> io::Result<bool> {
        let Some(told) = self.entries.get(name) else { return Ok(false) };
        let now = sha256_of(File::open(folder.join(name))?)?;
        Ok(told.ends_with(&now))
    }
}

/// Copies a file's content, and whether it can be executed; the permissions that the copy has.
fn copy_file(source: &Path, copy: &Path, time_s: u64) -> io::Result<u32> {
    const BY_OWNER: u32 = 0o100;
    fs::copy(source, copy)?;
    let mode = if source.metadata()?.permissions().mode() & BY_OWNER == 0 { 0o644 } else { 0o755 };
    fs::set_permissions(copy, fs::Permissions::from_mode(mode))?;
    let time = TimeSpec::new(time_s as i64, 0);
    futimens(File::open(copy)?, &time, &time)?;
    Ok(mode)
}

/// The names in a folder, in order.
#[expect(clippy::disallowed_methods, reason = "they are put in order")]
fn names(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?;
    let mut names = entries
        .map(|entry| entry.map(|entry| PathBuf::from(entry.file_name())))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::ScratchFolder;

    /// A folder with a script, a link, a file below, and what is left out.
    fn folder() -> ScratchFolder {
        let folder = ScratchFolder::new().expect("a folder");
        let path = folder.path();
        for below in ["sub", ".git", "results"] {
            fs::create_dir(path.join(below)).expect("a folder");
        }
        for (name, text) in
            [("run", "#!"), ("sub/data", "1"), (".git/HEAD", "x"), ("results/events.jsonl", "y")]
        {
            fs::write(path.join(name), text).expect("a file");
        }
        symlink("run", path.join("link")).expect("a link");
        folder
    }

    fn copy(from: &Path, to: &Path) -> Belongings {
        Belongings::copy(from, to, 1_000).expect("it is copied")
    }

    #[test]
    fn the_same_content_has_the_same_digest_wherever_it_is_and_another_has_another() {
        let (one, other, to) =
            (folder(), folder(), [(); 3].map(|()| ScratchFolder::new().expect("a folder")));
        let first = copy(one.path(), to[0].path()).digest();
        assert_eq!(first, copy(other.path(), to[1].path()).digest());
        fs::write(other.path().join("sub/data"), "2").expect("a file");
        assert_ne!(first, copy(other.path(), to[2].path()).digest());
    }

    #[test]
    fn what_is_not_the_programs_is_left_out_and_what_it_changed_is_known() {
        let (from, to) = (folder(), ScratchFolder::new().expect("a folder"));
        let given = copy(from.path(), to.path());
        let left = names(to.path()).expect("the copy");
        assert_eq!(left, ["link", "run", "sub"].map(PathBuf::from));
        let is_unchanged = |name: &str| given.is_unchanged(to.path(), Path::new(name)).expect("it is read");
        assert!(is_unchanged("sub/data"));
        fs::write(to.path().join("sub/data"), "2").expect("a file");
        fs::write(to.path().join("new"), "3").expect("a file");
        assert!(!is_unchanged("sub/data") && !is_unchanged("new"));
    }
}
