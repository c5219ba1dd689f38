//! `descriptors`: a server may open so many files and connections more, and no others.
//!
//! As where a limit (`ulimit -n`) is too low for what there is to do: it accepts nobody, cannot dial its peers or its primary, and
//! opens no file, so that it saves neither data nor `nodes.conf`. What is open stays so. A process that is started meanwhile has the
//! limit of before.

use serde::{Deserialize, Serialize};

use super::affliction::Affliction;
use super::{Aim, Effect, FaultKind, LASTS, Swarm, duration};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader};
use crate::rng::Stream;
use crate::time::SimDuration;

/// Descriptors run out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptors {
    /// Whose.
    pub target: Target,
    /// How many more there are.
    pub spare: u16,
    /// For how long.
    pub duration_ns: SimDuration,
}

/// What a server says that ends because it can open no file: `clusterSaveConfigOrDie` (`cluster_legacy.c`), and what is opened anew
/// for the append-only file (`aof.c`).
const ENDS_ITSELF: [&str; 2] = ["Fatal: can't update cluster config file", "Can't open the append-only file"];

impl FaultKind for Descriptors {
    const NAME: &'static str = "descriptors";
    const ABOUT: &'static str = "A running server can open no more files and connections than it has open, or a few more, until the heal or the end of its process: it accepts nobody, dials nobody, and saves nothing that needs another file.";
    const KEYS: &'static [Key] =
        &[Key::new("spare", Form::Whole(0, 1_000), "how many more it can open; none if absent"), LASTS];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str =
        "type: descriptors\nspare: 1\ntarget: primary\nshard: 1\nat: 2\nduration: 2";

    fn read(reader: &mut Reader) -> Option<Self> {
        let target = target::read(reader);
        let spare = reader.whole("spare").unwrap_or(0) as u16;
        Some(Descriptors { target, spare, duration_ns: duration(reader) })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("spare", self.spare).with("duration", self.duration_ns);
        own.and(self.target.write())
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let own = Entry::default().with("spare", stream.below(4)).with("duration", stream.tenths(5..=30));
        own.and(target::draw(stream, swarm.layout))
    }

    fn in_words(&self) -> String {
        format!("Descriptors ({}, {} spare, {})", self.target.in_words(), self.spare, self.duration_ns)
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        Effect::Afflict(Affliction::Descriptors(self.spare))
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }

    fn excuses_end(&self, last_words: &str) -> bool {
        ENDS_ITSELF.iter().any(|words| last_words.contains(words))
    }
}
