//! `disk`: calls that concern files of a class fail, write too little, take long, or lie about what they did.

use serde::{Deserialize, Serialize};

use super::affliction::{Affliction, FileCall, FileClass, FileRule, FileVerdict};
use super::{Aim, Effect, FaultKind, LASTS, Swarm, duration};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A disk does not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Whose.
    pub target: Target,
    /// What is wrong.
    pub how: How,
    /// Which files.
    pub file: FileClass,
    /// Which calls; those that it can be wrong with if absent.
    pub call: Option<FileCall>,
    /// The first call that it is wrong with, from 1.
    pub nth: u64,
    /// How many calls; until the heal if absent.
    pub count: Option<u64>,
    /// How much longer a call of a slow disk takes.
    pub slow_by_ns: SimDuration,
    /// For how long.
    pub duration_ns: SimDuration,
}

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// There is no room left: `ENOSPC`.
    Full,
    /// The device fails: `EIO`.
    Error,
    /// Writes write half.
    Short,
    /// Calls take long.
    Slow,
    /// Synchronisation does nothing and says that it did.
    Lie,
}

impl Word for How {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("full", How::Full),
        ("error", How::Error),
        ("short", How::Short),
        ("slow", How::Slow),
        ("lie", How::Lie),
    ];
}

/// How much longer a call takes if that is not said.
const SLOW_BY: SimDuration = SimDuration::from_ms(500);

impl How {
    /// The calls that it can be wrong with.
    fn calls(self) -> &'static [FileCall] {
        match self {
            How::Full | How::Short => &[FileCall::Write],
            How::Error => &[FileCall::Open, FileCall::Write, FileCall::Fsync, FileCall::Rename],
            How::Slow | How::Lie => &[FileCall::Fsync],
        }
    }
}

impl Disk {
    fn verdict(&self) -> FileVerdict {
        match self.how {
            How::Full => FileVerdict::Full,
            How::Error => FileVerdict::Error,
            How::Short => FileVerdict::Short,
            How::Slow => FileVerdict::Slow(self.slow_by_ns),
            How::Lie => FileVerdict::Lie,
        }
    }

    fn check_call(how: How, call: FileCall, reader: &mut Reader) {
        let possible = match how {
            How::Slow => &[FileCall::Open, FileCall::Write, FileCall::Fsync, FileCall::Rename],
            other => other.calls(),
        };
        if !possible.contains(&call) {
            let words: Vec<&str> = possible.iter().map(|call| call.word()).collect();
            let advice = format!("write `{}`, or no `call:`", words.join("` or `"));
            reader.wrong_at("call", format!("`{}` cannot be so", call.word()), advice);
        }
    }
}

impl FaultKind for Disk {
    const NAME: &'static str = "disk";
    const ABOUT: &'static str = "Calls that concern files of a class fail, write too little, take long, or lie about what \
                                 they did. A server that ends because of it is started again after the heal.";
    const KEYS: &'static [Key] = &[
        Key::new(
            "how",
            Form::Word(names::<How>),
            "`full` (`ENOSPC`, and holds if absent), `error` (`EIO`), `short` (half of the bytes are written), `slow`, or \
             `lie` (synchronised it says, and is not)",
        ),
        Key::new(
            "file",
            Form::Word(names::<FileClass>),
            "which files, temporary ones included; all if absent",
        ),
        Key::new(
            "call",
            Form::Word(names::<FileCall>),
            "which calls; all that it can be wrong with if absent",
        ),
        Key::new("nth", Form::Whole(1, 1_000_000), "the first call that it is wrong with; 1 if absent"),
        Key::new("count", Form::Whole(1, 1_000_000), "how many calls; all until the heal if absent"),
        Key::new("slow_by", Form::Duration, "seconds that a call takes longer; 0.5 if absent"),
        LASTS,
    ];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str = "type: disk\nhow: full\nfile: nodes.conf\nnode: 2\nat: 2\nduration: 3";
    /// Each way that is drawn is a kind of its own to the swarm.
    const VARIANTS: usize = 4;

    fn read(reader: &mut Reader) -> Option<Self> {
        let target = target::read(reader);
        let how = reader.word("how").unwrap_or(How::Full);
        let call = reader.word("call");
        if let Some(call) = call {
            Disk::check_call(how, call, reader);
        }
        if reader.has("slow_by") && how != How::Slow {
            reader.wrong_at("slow_by", "the disk is not slow", "write `how: slow`");
        }
        Some(Disk {
            target,
            how,
            file: reader.word("file").unwrap_or(FileClass::All),
            call,
            nth: reader.whole("nth").unwrap_or(1),
            count: reader.whole("count"),
            slow_by_ns: reader.seconds("slow_by").unwrap_or(SLOW_BY),
            duration_ns: duration(reader),
        })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("how", self.how.word()).with("file", self.file.word());
        let own = own.maybe("call", self.call.map(Word::word)).with("nth", self.nth);
        let slow_by = (self.how == How::Slow).then_some(self.slow_by_ns);
        let own = own.maybe("count", self.count).maybe("slow_by", slow_by);
        own.with("duration", self.duration_ns).and(self.target.write())
    }

    fn draw(variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let (how, _) = How::WORDS[variant];
        let files =
            [(4, FileClass::NodesConf), (2, FileClass::Aof), (2, FileClass::Rdb), (2, FileClass::All)];
        let file = stream.weighted(&files);
        let count = stream.chance(1, 2).then(|| stream.range(1..=3));
        let nth = stream.range(1..=3);
        let slow_by = (how == "slow").then(|| stream.tenths(1..=20));
        let own = Entry::default().with("how", how).with("file", file.word()).with("nth", nth);
        let own = own.maybe("count", count).maybe("slow_by", slow_by);
        own.with("duration", stream.tenths(10..=80)).and(target::draw(stream, swarm.layout))
    }

    fn in_words(&self) -> String {
        let call = self.call.map_or(String::new(), |call| format!(" {}", call.word()));
        let (how, file) = (self.how.word(), self.file.word());
        format!("Disk ({}, {how}{call} of {file}, {})", self.target.in_words(), self.duration_ns)
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        Effect::Afflict(Affliction::Files(FileRule {
            file: self.file,
            calls: self.call.map_or_else(|| self.how.calls().to_vec(), |call| vec![call]),
            verdict: self.verdict(),
            skip: self.nth - 1,
            count: self.count,
        }))
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }

    /// A server ends by its own rule where it cannot keep what it must.
    fn excuses_end(&self, last_words: &str) -> bool {
        self.how != How::Short && ENDS_ITSELF.iter().any(|words| last_words.contains(words))
    }
}

/// What a server says that ends because of its disk: `clusterSaveConfigOrDie` (`cluster_legacy.c`), `flushAppendOnlyFile`
/// and its callers (`aof.c`), and what cannot be opened or read at a start.
const ENDS_ITSELF: [&str; 7] = [
    "Loading the cluster node config from",
    "can't update cluster config file",
    "AOF fsync policy is 'always'",
    "AOF write error",
    "append-only",
    "append only",
    "AOF manifest",
];
