//! What an examination of a stored server found, kept beside it, so that the next run need not read and start it again.
//!
//! It holds while the binary, its loader and the folders of its libraries are the very files that were examined: same
//! device, inode, length, and times of the last change of content and of anything. A copy of the store is examined anew.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::server::{Launch, Server};

const FILE: &str = "examined.json";

/// One examination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memo {
    /// Of the binary, its loader and the folders of its libraries.
    files: Vec<Stamp>,
    /// SHA-256 of the binary, in hex.
    pub sha256: String,
    /// What tells builds of one version apart.
    pub build: String,
    /// The C library in words.
    pub libc: String,
}

/// What tells that a file is still the one that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds of the Unix clock.
    content_changed: (i64, i64),
    changed: (i64, i64),
}

impl Memo {
    /// What the memo in `folder` says of what `launch` starts, if it still holds.
    pub fn recall(folder: &Path, launch: &Launch) -> Option<Memo> {
        let memo: Memo = serde_json::from_slice(&std::fs::read(folder.join(FILE)).ok()?).ok()?;
        (memo.files == stamps(launch).ok()?).then_some(memo)
    }

    /// Examines by `examine` and keeps in `folder` what came of it. A folder that cannot be written is examined each
    /// time, which takes longer and changes nothing.
    pub fn keep<E: From<io::Error>>(
        folder: &Path,
        launch: &Launch,
        examine: impl FnOnce() -> Result<Server, E>,
    ) -> Result<Server, E> {
        let files = stamps(launch)?;
        let server = examine()?;
        let (sha256, build, libc) = (server.sha256.clone(), server.build_id.clone(), server.libc.clone());
        if let Err(error) = (Memo { files, sha256, build, libc }).write(folder) {
            tracing::debug!("{} is examined each time: {error}", folder.display());
        }
        Ok(server)
    }

    /// Puts it in place at once, as other runs read it.
    fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&mut file, self)?;
        file.persist(folder.join(FILE))?;
        Ok(())
    }
}

fn stamps(launch: &Launch) -> io::Result<Vec<Stamp>> {
    let loader = launch.loader.iter();
    let beside = loader.flat_map(|own| own.library_dirs.iter().chain([&own.program]));
    [&launch.binary].into_iter().chain(beside).map(|path| Stamp::of(path)).collect()
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Stamp> {
        let data = path.metadata()?;
        Ok(Stamp {
            device: data.dev(),
            inode: data.ino(),
            bytes: data.size(),
            content_changed: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::Reason;
    use super::super::inspect::{self, Said};
    use super::super::server::Origin;
    use super::super::version::Family;
    use super::*;

    fn launch(folder: &Path) -> Launch {
        std::fs::write(folder.join("valkey-server"), "first").expect("a file");
        Launch { binary: folder.join("valkey-server"), loader: None }
    }

    fn server(launch: &Launch) -> Server {
        let said = Said { family: Family::Valkey, version: "8.1.8".to_owned(), build: "b".to_owned() };
        inspect::server(launch.clone(), Origin::File, said, ("00".to_owned(), "glibc 2.36 (host)".to_owned()))
    }

    #[test]
    fn it_holds_until_a_file_is_another_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let launch = launch(folder.path());
        assert_eq!(Memo::recall(folder.path(), &launch), None);
        let kept = Memo::keep(folder.path(), &launch, || Ok::<_, Reason>(server(&launch))).expect("a server");
        let recalled = Memo::recall(folder.path(), &launch).expect("it holds");
        assert_eq!((recalled.sha256, recalled.build), (kept.sha256, kept.build_id));
        std::fs::write(&launch.binary, "another").expect("a file");
        assert_eq!(Memo::recall(folder.path(), &launch), None);
    }

    #[test]
    fn an_examination_that_fails_is_not_kept() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let launch = launch(folder.path());
        let failed = Memo::keep(folder.path(), &launch, || Err(Reason::NotFound));
        assert!(matches!(failed, Err(Reason::NotFound)));
        assert_eq!(Memo::recall(folder.path(), &launch), None);
    }
}
