//! Copies of a node's data directory, as an operator makes of a machine's disk: kept beside it, and put back in its place.
//!
//! A copy is made between two turns, so that it has what was written by then, be it in the middle of a snapshot.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::id::NodeId;
use crate::op::OpId;

/// Keeps what is in a node's folder, below the run's; one that is not there is kept as an empty one.
pub fn keep(run: &Path, node: NodeId, op: OpId) -> io::Result<()> {
    replace(&run.join(node.to_string()), &place(run, op))
}

/// Puts what was kept in the place of a node's folder.
pub fn put_back(run: &Path, node: NodeId, op: OpId) -> io::Result<()> {
    replace(&place(run, op), &run.join(node.to_string()))
}

fn place(run: &Path, OpId(op): OpId) -> PathBuf {
    run.join(format!("copy-{op}"))
}

/// Makes `to` what `from` is.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    match from.exists() {
        true => copy(from, to),
        false => fs::create_dir(to),
    }
}

#[expect(clippy::disallowed_methods, reason = "the order of names makes no difference to a copy")]
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, copy_of) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type()?.is_dir() {
            true => copy(&source, &copy_of)?,
            false => drop(fs::copy(&source, &copy_of)?),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_back_is_what_was_kept_and_nothing_else() {
        let run = tempfile::tempdir().expect("a folder");
        let folder = run.path().join("node-1");
        fs::create_dir_all(folder.join("appendonlydir")).expect("a node's folder");
        fs::write(folder.join("appendonlydir/incr"), "old").expect("a file");
        keep(run.path(), NodeId(1), OpId(3)).expect("a copy");
        fs::write(folder.join("appendonlydir/incr"), "new").expect("a file");
        fs::write(folder.join("dump.rdb"), "later").expect("a file");
        put_back(run.path(), NodeId(1), OpId(3)).expect("it is put back");
        let text = fs::read_to_string(folder.join("appendonlydir/incr")).expect("the file");
        assert!(text == "old" && !folder.join("dump.rdb").exists(), "{text}");
    }

    #[test]
    fn a_folder_that_was_not_there_is_put_back_empty() {
        let run = tempfile::tempdir().expect("a folder");
        keep(run.path(), NodeId(9), OpId(1)).expect("a copy of nothing");
        fs::create_dir(run.path().join("node-9")).expect("a folder");
        fs::write(run.path().join("node-9/nodes.conf"), "x").expect("a file");
        put_back(run.path(), NodeId(9), OpId(1)).expect("it is put back");
        assert!(!run.path().join("node-9/nodes.conf").exists());
    }
}
