//! What a machine has on its disk for sure, and what is left there when it loses its power.
//!
//! The host's folder has everything that was written, as a page cache would. Beside it stands the account of what survives:
//! for each file the bytes that were synchronised, and for each name the file that it was when its folder was synchronised
//! last. As on common file systems, synchronising a new file keeps its name, too; a rename waits for its folder, and one that
//! takes another file's place reaches the disk no sooner than the bytes it had then (`auto_da_alloc` of ext4; servers
//! save `nodes.conf` without synchronising it where only suspicions changed, and would be left with an empty one).
//! Bytes that were synchronised are kept apart, so that a file that is gone from the host can come back.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::fault::Remains;
use crate::rng::Stream;
use crate::shim::page::{file_call, file_class};

/// The synchronised bytes of one file.
type Content = Rc<RefCell<Vec<u8>>>;

/// The disk of one machine.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    /// What each name stands for on the disk; names are relative to the folder.
    names: BTreeMap<PathBuf, Content>,
    /// What is synchronised of each file of the host, by the number of its node.
    contents: BTreeMap<u64, Content>,
    /// Files whose synchronised bytes may no longer be their first ones.
    rewritten: BTreeSet<u64>,
    /// How many bytes each file's last write brought.
    last_writes: BTreeMap<u64, u64>,
    draws: Stream,
}

/// A file call that was made.
#[derive(Clone, Copy, Debug)]
pub struct Called<'a> {
    /// One of `file_call`.
    pub call: u32,
    /// One of `file_class`.
    pub class: u32,
    /// The number of the file's node, where the call had a descriptor.
    pub node: u64,
    /// The bytes that it wrote.
    pub written: u64,
    /// The path, or the old one and the new one with NUL between them.
    pub path: &'a [u8],
}

impl Disk {
    /// The disk of a machine whose folder is as it should be: all that is there is synchronised.
    pub fn of(folder: &Path, draws: Stream) -> io::Result<Self> {
        let mut disk = Disk {
            folder: folder.canonicalize()?,
            names: BTreeMap::new(),
            contents: BTreeMap::new(),
            rewritten: BTreeSet::new(),
            last_writes: BTreeMap::new(),
            draws,
        };
        disk.settle()?;
        Ok(disk)
    }

    /// Everything in the folder is on the disk from now on.
    pub fn settle(&mut self) -> io::Result<()> {
        self.names.clear();
        self.contents.clear();
        self.rewritten.clear();
        self.last_writes.clear();
        for path in files(&self.folder)? {
            self.keep_bytes(&path)?;
        }
        Ok(())
    }

    /// Takes account of a call: after it was made, and before it where it takes a name away.
    pub fn called(&mut self, called: Called) -> io::Result<()> {
        let path = PathBuf::from(String::from_utf8_lossy(called.path).into_owned());
        match called.call {
            file_call::FSYNC if called.class == file_class::FOLDER => self.keep_names(&path),
            file_call::FSYNC => self.keep_bytes(&path),
            file_call::WRITE => {
                self.last_writes.insert(called.node, called.written);
                Ok(())
            }
            file_call::TRUNCATE => {
                self.rewritten.insert(called.node);
                self.last_writes.remove(&called.node);
                Ok(())
            }
            file_call::RENAME => {
                let both = String::from_utf8_lossy(called.path).into_owned();
                let (old, new) = both.split_once('\0').unwrap_or((&both, ""));
                self.renamed(Path::new(old), Path::new(new))
            }
            file_call::UNLINK => {
                self.part(&path);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A file is about to get another name, in the place of another file if that has it.
    fn renamed(&mut self, old: &Path, new: &Path) -> io::Result<()> {
        if self.on_host(new).exists() && self.on_host(old).exists() {
            let mut file = File::open(self.on_host(old))?;
            let node = file.metadata()?.ino();
            let content = Rc::clone(self.contents.entry(node).or_default());
            read_on(&mut file, &mut content.borrow_mut(), self.rewritten.remove(&node))?;
            self.part(new);
        }
        Ok(())
    }

    /// A file of the host is about to go: its number may be another one's soon.
    fn part(&mut self, path: &Path) {
        if let Ok(status) = fs::metadata(self.on_host(path)) {
            self.contents.remove(&status.ino());
            self.last_writes.remove(&status.ino());
        }
    }

    /// A file's bytes are synchronised, and its name with them if it is new.
    fn keep_bytes(&mut self, path: &Path) -> io::Result<()> {
        let mut file = match File::open(self.on_host(path)) {
            Ok(file) => file,
            // It was synchronised by a descriptor alone, and has no name any more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let node = file.metadata()?.ino();
        let content = Rc::clone(self.contents.entry(node).or_default());
        read_on(&mut file, &mut content.borrow_mut(), self.rewritten.remove(&node))?;
        self.last_writes.remove(&node);
        self.names.entry(self.name_of(path)).or_insert(content);
        Ok(())
    }

    /// A folder's names are synchronised.
    fn keep_names(&mut self, folder: &Path) -> io::Result<()> {
        let folder = self.name_of(folder);
        let is_in = |name: &Path| name.parent() == Some(&folder);
        self.names.retain(|name, _| !is_in(name));
        for path in files(&self.folder)? {
            let name = self.name_of(&path);
            if is_in(&name) {
                let content = self.contents.entry(fs::metadata(&path)?.ino()).or_default();
                self.names.insert(name, Rc::clone(content));
            }
        }
        Ok(())
    }

    /// The machine loses its power: the folder is as it is found afterwards.
    pub fn lose_power(&mut self, remains: Remains) -> io::Result<()> {
        match remains {
            Remains::Everything => {}
            Remains::Synced => self.restore(|content, _| content.to_vec())?,
            Remains::LostRename => self.restore(|content, written| written.unwrap_or(content.to_vec()))?,
            Remains::TornWrite => {
                self.cut(|_, synced, len, last| len - (last.div_ceil(2)).min(len - synced))?
            }
            Remains::CutTail => self.cut(|draws, synced, len, _| draws.range(synced..=len))?,
        }
        self.settle()
    }

    /// Makes the folder anew from the names that are on the disk: of each file what `choose` makes of its synchronised bytes
    /// and of what the host has of it, if it still has it.
    fn restore(&mut self, choose: impl Fn(&[u8], Option<Vec<u8>>) -> Vec<u8>) -> io::Result<()> {
        let mut written = BTreeMap::new();
        for path in files(&self.folder)? {
            written.insert(fs::metadata(&path)?.ino(), fs::read(&path)?);
            fs::remove_file(&path)?;
        }
        for (name, content) in &self.names {
            let same = |other: &&u64| Rc::ptr_eq(&self.contents[*other], content);
            let node = self.contents.keys().find(same);
            let bytes = choose(&content.borrow(), node.and_then(|node| written.get(node).cloned()));
            let path = self.folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, bytes)?;
        }
        Ok(())
    }

    /// Cuts each file to a length that `choose` takes from the synchronised one, the whole one and the last write's.
    fn cut(&mut self, choose: impl Fn(&mut Stream, u64, u64, u64) -> u64) -> io::Result<()> {
        for path in files(&self.folder)? {
            let status = fs::metadata(&path)?;
            let synced = self.contents.get(&status.ino()).map_or(0, |content| content.borrow().len() as u64);
            let last = self.last_writes.get(&status.ino()).copied().unwrap_or(0);
            if synced < status.len() {
                let len = choose(&mut self.draws, synced, status.len(), last);
                File::options().write(true).open(&path)?.set_len(len)?;
            }
        }
        Ok(())
    }

    /// The name of a file that a process called so: by its folder on the host, or from there.
    fn name_of(&self, path: &Path) -> PathBuf {
        let path = path.strip_prefix(&self.folder).unwrap_or(path);
        path.components().filter(|part| *part != std::path::Component::CurDir).collect()
    }

    fn on_host(&self, path: &Path) -> PathBuf {
        self.folder.join(self.name_of(path))
    }
}

/// Brings `content` up to what `file` has: what was appended to it, or all of it.
fn read_on(file: &mut File, content: &mut Vec<u8>, is_rewritten: bool) -> io::Result<()> {
    let len = file.metadata()?.len();
    if is_rewritten || len < content.len() as u64 {
        content.clear();
    }
    file.seek(SeekFrom::Start(content.len() as u64))?;
    file.read_to_end(content)?;
    Ok(())
}

/// Every file below a folder, in the order of their names.
#[expect(clippy::disallowed_methods, reason = "what is found is put in order")]
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => found.extend(files(&entry.path())?),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a disk, and what a server would do there.
    struct Machine {
        folder: tempfile::TempDir,
        disk: Disk,
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let disk = Disk::of(folder.path(), Stream::new(1, "node-1", "disk")).expect("an empty disk");
            Machine { folder, disk }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn call(&mut self, call: u32, class: u32, path: &str, written: u64) {
            let node = fs::metadata(self.path(path)).map_or(0, |status| status.ino());
            let called = Called { call, class, node, written, path: path.as_bytes() };
            self.disk.called(called).expect("an account of it");
        }

        fn append(&mut self, name: &str, text: &str) {
            use std::io::Write;
            let mut file = File::options().create(true).append(true).open(self.path(name)).expect("a file");
            file.write_all(text.as_bytes()).expect("it is written");
            self.call(file_call::WRITE, file_class::AOF_INCR, name, text.len() as u64);
        }

        fn fsync(&mut self, name: &str) {
            self.call(file_call::FSYNC, file_class::AOF_INCR, name, 0);
        }

        fn rename(&mut self, old: &str, new: &str) {
            let path = format!("{old}\0{new}");
            let called = Called {
                call: file_call::RENAME,
                class: file_class::NODES_CONF,
                node: 0,
                written: 0,
                path: path.as_bytes(),
            };
            self.disk.called(called).expect("an account of it");
            fs::rename(self.path(old), self.path(new)).expect("it is renamed");
        }

        fn fsync_folder(&mut self) {
            self.call(file_call::FSYNC, file_class::FOLDER, ".", 0);
        }

        fn crash(&mut self, remains: Remains) {
            self.disk.lose_power(remains).expect("a disk afterwards");
        }

        fn text(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.path(name)).ok()
        }
    }

    /// A file with ten bytes synchronised, and a write of four behind them.
    fn appended() -> Machine {
        let mut machine = Machine::new();
        machine.append("file", "0123456789");
        machine.fsync("file");
        machine.append("file", "abcd");
        machine
    }

    #[test]
    fn what_was_not_synchronised_is_lost_as_far_as_it_is_said() {
        for (remains, left) in [
            (Remains::Everything, "0123456789abcd"),
            (Remains::Synced, "0123456789"),
            (Remains::TornWrite, "0123456789ab"),
            (Remains::LostRename, "0123456789abcd"),
        ] {
            let mut machine = appended();
            machine.crash(remains);
            assert_eq!(machine.text("file").as_deref(), Some(left), "{remains:?}");
        }
        let mut machine = appended();
        machine.crash(Remains::CutTail);
        let left = machine.text("file").expect("a file");
        assert!(left.len() >= 10 && "0123456789abcd".starts_with(&left), "{left}");
    }

    #[test]
    fn a_file_that_was_never_synchronised_is_gone() {
        let mut machine = Machine::new();
        machine.append("file", "0123");
        machine.crash(Remains::Synced);
        assert_eq!(machine.text("file"), None);
    }

    #[test]
    fn a_rename_waits_for_its_folder_to_be_synchronised() {
        let replaced = || {
            let mut machine = Machine::new();
            machine.append("nodes.conf", "old");
            machine.fsync("nodes.conf");
            machine.append("tmp", "new");
            machine.fsync("tmp");
            machine.rename("tmp", "nodes.conf");
            machine
        };
        for remains in [Remains::Synced, Remains::LostRename] {
            let mut machine = replaced();
            machine.crash(remains);
            assert_eq!(machine.text("nodes.conf").as_deref(), Some("old"), "{remains:?}");
            assert_eq!(machine.text("tmp").as_deref(), Some("new"), "{remains:?}");
            let mut machine = replaced();
            machine.fsync_folder();
            machine.crash(remains);
            assert_eq!(machine.text("nodes.conf").as_deref(), Some("new"), "{remains:?}");
            assert_eq!(machine.text("tmp"), None, "{remains:?}");
        }
    }

    #[test]
    fn a_rename_that_reaches_the_disk_brings_its_bytes_along() {
        let mut machine = Machine::new();
        machine.append("nodes.conf", "old");
        machine.fsync("nodes.conf");
        machine.append("tmp", "new");
        machine.rename("tmp", "nodes.conf");
        machine.fsync_folder();
        machine.crash(Remains::Synced);
        assert_eq!(machine.text("nodes.conf").as_deref(), Some("new"));
    }

    #[test]
    fn a_file_that_was_rewritten_has_its_old_bytes_until_it_is_synchronised() {
        let mut machine = appended();
        fs::write(machine.path("file"), "another text, and a longer one").expect("it is written");
        machine.call(file_call::TRUNCATE, file_class::AOF_INCR, "file", 0);
        machine.fsync("file");
        machine.crash(Remains::Synced);
        assert_eq!(machine.text("file").as_deref(), Some("another text, and a longer one"));
    }

    #[test]
    fn what_a_crash_left_is_on_the_disk_for_the_next_one() {
        let mut machine = appended();
        machine.crash(Remains::Everything);
        machine.crash(Remains::Synced);
        assert_eq!(machine.text("file").as_deref(), Some("0123456789abcd"));
    }
}
