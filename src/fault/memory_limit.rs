//! `memory_limit`: a server gets so much more memory, and no more.
//!
//! As where the system refuses memory (`ulimit -v`, no overcommitment): what a server cannot do without makes it panic, and the few
//! allocations that may fail (a larger hash table, a value that is read from a snapshot) do. What it frees it can have again. A child
//! that it forks, and a process that is started meanwhile, have no limit.

use serde::{Deserialize, Serialize};

use super::affliction::Affliction;
use super::{Aim, Effect, FaultKind, LASTS, Swarm, duration};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader};
use crate::rng::Stream;
use crate::time::SimDuration;

/// Memory runs out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryLimit {
    /// Whose.
    pub target: Target,
    /// How much more there is, in KiB.
    pub spare_kib: u64,
    /// For how long.
    pub duration_ns: SimDuration,
}

/// What a server says that panics because it is refused memory (`serverOutOfMemoryHandler` of `server.c`).
const PANICS: &str = "Out Of Memory allocating";

impl FaultKind for MemoryLimit {
    const NAME: &'static str = "memory_limit";
    const ABOUT: &'static str = "A running server is refused memory beyond what it has, or a little more, until the heal or the end of its process: it panics, unless it does without what it asked for.";
    const KEYS: &'static [Key] = &[
        Key::new("spare_kib", Form::Whole(0, 1_000_000), "how many KiB more it can have; none if absent"),
        LASTS,
    ];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str =
        "type: memory_limit\nspare_kib: 64\ntarget: primary\nshard: 1\nat: 2\nduration: 2";

    fn read(reader: &mut Reader) -> Option<Self> {
        let target = target::read(reader);
        let spare_kib = reader.whole("spare_kib").unwrap_or(0);
        Some(MemoryLimit { target, spare_kib, duration_ns: duration(reader) })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("spare_kib", self.spare_kib).with("duration", self.duration_ns);
        own.and(self.target.write())
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let own =
            Entry::default().with("spare_kib", stream.below(512)).with("duration", stream.tenths(5..=30));
        own.and(target::draw(stream, swarm.layout))
    }

    fn in_words(&self) -> String {
        format!(
            "Memory limit ({}, {} KiB spare, {})",
            self.target.in_words(),
            self.spare_kib,
            self.duration_ns
        )
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        Effect::Afflict(Affliction::Memory(self.spare_kib << 10))
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }

    fn excuses_end(&self, last_words: &str) -> bool {
        last_words.contains(PANICS)
    }
}
