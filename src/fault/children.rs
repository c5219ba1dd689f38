//! `children`: processes that a server forks are killed at once, or do not run for a while.
//!
//! Servers fork for snapshots, rewrites of the append-only file, full synchronisations and slot migrations; their system
//! kills such children first when memory is short.

use serde::{Deserialize, Serialize};

use super::affliction::{Affliction, ChildFate};
use super::{Aim, Effect, FaultKind, LASTS, Swarm, duration};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// Children come to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Children {
    /// Whose.
    pub target: Target,
    /// What becomes of them.
    pub are: ChildFate,
    /// For how long.
    pub duration_ns: SimDuration,
}

impl FaultKind for Children {
    const NAME: &'static str = "children";
    const ABOUT: &'static str = "Processes that a server forks, for snapshots, rewrites and full synchronisations, are killed \
                                 before they do anything, or do not run for a while.";
    const KEYS: &'static [Key] = &[
        Key::new("are", Form::Word(names::<ChildFate>), "`killed`, which holds if absent, or `hung`"),
        LASTS,
    ];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str =
        "type: children\nare: killed\ntarget: primary\nshard: 1\nat: 2\nduration: 5";
    /// Each fate is a kind of its own to the swarm.
    const VARIANTS: usize = ChildFate::WORDS.len();

    fn read(reader: &mut Reader) -> Option<Self> {
        let target = target::read(reader);
        let are = reader.word("are").unwrap_or(ChildFate::Killed);
        Some(Children { target, are, duration_ns: duration(reader) })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("are", self.are.word()).with("duration", self.duration_ns);
        own.and(self.target.write())
    }

    fn draw(variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let (are, _) = ChildFate::WORDS[variant];
        let own = Entry::default().with("are", are).with("duration", stream.tenths(10..=100));
        own.and(target::draw(stream, swarm.layout))
    }

    fn in_words(&self) -> String {
        format!("Children ({}, {}, {})", self.target.in_words(), self.are.word(), self.duration_ns)
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        Effect::Afflict(Affliction::Children(self.are))
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }
}
