//! What can be wrong with a machine, as data: its disk, its clocks, what it grants its processes.
//!
//! An affliction belongs to the machine and outlives the processes on it. The world carries it out; here stands only what is
//! said of it.

use serde::{Deserialize, Serialize};

use crate::language::Word;
use crate::time::SimDuration;

/// How the log says that a process ended because its machine lost its power.
pub const POWER_LOST: &str = "power lost";

/// Something that is wrong with a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affliction {
    /// Calls that concern files are not what they should be.
    Files(FileRule),
    /// The wall clock is wrong; it is set right at the end.
    Clock(WallClock),
    /// Processes that a server forks come to this end.
    Children(ChildFate),
    /// The process that runs can open so many files and connections more; its limit is what it was at the end.
    Descriptors(u16),
    /// The process that runs can have so many bytes of memory more than it has; nothing limits it at the end.
    Memory(u64),
}

/// What becomes of the processes that a server forks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildFate {
    /// They are killed before they do anything, as by a system that is short of memory.
    Killed,
    /// They do not run.
    Hung,
}

impl Word for ChildFate {
    const WORDS: &'static [(&'static str, Self)] =
        &[("killed", ChildFate::Killed), ("hung", ChildFate::Hung)];
}

/// How a wrong wall clock goes, against what is right, from the moment on at which it becomes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallClock {
    /// How far it is ahead at once, in nanoseconds.
    pub ahead_ns: i64,
    /// How fast it goes, in millionths of what is right.
    pub rate_ppm: u64,
    /// How far its other time is from its first one.
    pub strobe_ns: i64,
    /// How long it shows each of the two; zero if there is but one.
    pub every_ns: SimDuration,
}

impl WallClock {
    /// How far it is ahead at most, if it goes so for as long as `lasts`.
    pub fn ahead_at_most(self, lasts: SimDuration) -> SimDuration {
        let drifted = lasts.as_ns() / 1_000_000 * self.rate_ppm.saturating_sub(1_000_000);
        let jumped = self.ahead_ns.max(self.strobe_ns).max(0) as u64;
        SimDuration::from_ns(drifted + jumped)
    }

    /// What it does, for the report.
    pub fn in_words(self) -> String {
        let seconds = |ns: i64| format!("{:+.3} s", ns as f64 / 1e9);
        match self {
            WallClock { every_ns, strobe_ns, .. } if every_ns > SimDuration::ZERO => {
                format!("strobes by {} every {every_ns}", seconds(strobe_ns))
            }
            WallClock { rate_ppm: 0, .. } => "stands still".to_owned(),
            WallClock { ahead_ns: 0, rate_ppm, .. } => format!("goes at {} %", rate_ppm / 10_000),
            WallClock { ahead_ns, .. } => format!("jumps by {}", seconds(ahead_ns)),
        }
    }
}

impl Affliction {
    /// As it is said when it begins.
    pub fn in_words(&self) -> String {
        match self {
            Affliction::Files(rule) => rule.in_words(),
            Affliction::Children(fate) => format!("children {}", fate.word()),
            Affliction::Descriptors(0) => "no more descriptors".to_owned(),
            Affliction::Descriptors(spare) => format!("{spare} more descriptors"),
            Affliction::Memory(0) => "no more memory".to_owned(),
            Affliction::Memory(spare) => format!("{} KiB more memory", spare >> 10),
            Affliction::Clock(clock) => format!("wall clock {}", clock.in_words()),
        }
    }
}

/// What becomes of calls that concern files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRule {
    /// Which files.
    pub file: FileClass,
    /// Which calls.
    pub calls: Vec<FileCall>,
    /// What becomes of them.
    pub verdict: FileVerdict,
    /// Calls that still pass before it begins.
    pub skip: u64,
    /// How many calls it is for; all of them if absent.
    pub count: Option<u64>,
}

impl FileRule {
    fn in_words(&self) -> String {
        let calls: Vec<&str> = self.calls.iter().map(|call| call.word()).collect();
        let calls = calls.join(", ");
        match self.verdict {
            FileVerdict::Full => format!("no room for {} ({calls})", self.file.word()),
            FileVerdict::Error => format!("errors of {} ({calls})", self.file.word()),
            FileVerdict::Short => format!("short writes of {}", self.file.word()),
            FileVerdict::Slow(by) => format!("{calls} of {} takes {by} longer", self.file.word()),
            FileVerdict::Lie => format!("{calls} of {} does nothing", self.file.word()),
            FileVerdict::Crash(..) => format!("power lost at {calls} of {}", self.file.word()),
        }
    }
}

/// Files of one use, with the temporary files that become such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileClass {
    /// What a node knows of the cluster.
    NodesConf,
    /// Everything of the append-only file.
    Aof,
    /// The part of it that a rewrite made.
    AofBase,
    /// The part of it that grows.
    AofIncr,
    /// The list of its parts.
    AofManifest,
    /// Snapshots, those of full synchronisations included.
    Rdb,
    /// All of the server's files.
    All,
}

impl FileClass {
    /// Whether files of another class belong to this one.
    pub fn covers(self, other: FileClass) -> bool {
        use FileClass::{All, Aof, AofBase, AofIncr, AofManifest};
        let is_of_aof = matches!(other, Aof | AofBase | AofIncr | AofManifest);
        self == other || self == All || self == Aof && is_of_aof
    }
}

impl Word for FileClass {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("nodes.conf", FileClass::NodesConf),
        ("aof", FileClass::Aof),
        ("aof_base", FileClass::AofBase),
        ("aof_incr", FileClass::AofIncr),
        ("aof_manifest", FileClass::AofManifest),
        ("rdb", FileClass::Rdb),
        ("all", FileClass::All),
    ];
}

/// A call that concerns a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileCall {
    /// It is opened.
    Open,
    /// Bytes are written.
    Write,
    /// What was written is to reach the disk: `fsync`, `fdatasync`, `sync_file_range`.
    Fsync,
    /// It gets its name by a rename.
    Rename,
}

impl Word for FileCall {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("open", FileCall::Open),
        ("write", FileCall::Write),
        ("fsync", FileCall::Fsync),
        ("rename", FileCall::Rename),
    ];
}

/// What becomes of a call that concerns a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileVerdict {
    /// It fails: there is no room left (`ENOSPC`).
    Full,
    /// It fails: the device does not do it (`EIO`).
    Error,
    /// Half of the bytes are written.
    Short,
    /// It takes so much longer.
    Slow(SimDuration),
    /// It says that it is done, and nothing is.
    Lie,
    /// The machine loses its power, before or after the call took effect.
    Crash(Moment, Remains),
}

/// A step of a machine's files: the n-th of such calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which call.
    pub call: FileCall,
    /// Of which files.
    pub file: FileClass,
    /// Which one of them, from 1.
    pub nth: u64,
    /// Before or after it takes effect.
    pub moment: Moment,
}

impl Step {
    /// As a report says it.
    pub fn in_words(self) -> String {
        format!("{} {} {} of {}", self.moment.word(), self.call.word(), self.nth, self.file.word())
    }

    /// The rule that ends the machine there.
    pub fn rule(self, leaves: Remains) -> FileRule {
        FileRule {
            file: self.file,
            calls: vec![self.call],
            verdict: FileVerdict::Crash(self.moment, leaves),
            skip: self.nth - 1,
            count: Some(1),
        }
    }
}

/// On which side of a call's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// It did not take effect.
    Before,
    /// It did, and nobody was told.
    After,
}

impl Word for Moment {
    const WORDS: &'static [(&'static str, Self)] = &[("before", Moment::Before), ("after", Moment::After)];
}

/// What a machine that lost its power has on its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remains {
    /// Everything that was written.
    Everything,
    /// Only what was synchronised.
    Synced,
    /// All but half of each file's last write, if that was not synchronised.
    TornWrite,
    /// All but a part of what was not synchronised of each file, cut somewhere.
    CutTail,
    /// All bytes, and only the names that were synchronised with their folders.
    LostRename,
}

impl Word for Remains {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("everything", Remains::Everything),
        ("synced", Remains::Synced),
        ("torn_write", Remains::TornWrite),
        ("cut_tail", Remains::CutTail),
        ("lost_rename", Remains::LostRename),
    ];
}
