//! `process_kill`: the process gets a signal that ends it, and may be started again with its data directory.

use serde::{Deserialize, Serialize};

use super::{Aim, Effect, FaultKind, Swarm};
use crate::id::NodeId;
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A process ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessKill {
    /// Whom it hits.
    pub target: Target,
    /// Which signal.
    pub signal: Signal,
    /// How long after its end it is started again; never if absent.
    pub restart_after_ns: Option<SimDuration>,
}

/// A signal that ends a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// The process ends at once.
    #[serde(rename = "SIGKILL")]
    Kill,
    /// The server shuts down in order.
    #[serde(rename = "SIGTERM")]
    Term,
}

impl Word for Signal {
    const WORDS: &'static [(&'static str, Self)] = &[("SIGKILL", Signal::Kill), ("SIGTERM", Signal::Term)];
}

impl Signal {
    /// Its name, as in a scenario.
    pub fn name(self) -> &'static str {
        self.word()
    }
}

impl FaultKind for ProcessKill {
    const NAME: &'static str = "process_kill";
    const ABOUT: &'static str =
        "The process gets a signal that ends it, and may be started again with its data directory.";
    const KEYS: &'static [Key] = &[
        Key::new(
            "signal",
            Form::Word(names::<Signal>),
            "`SIGKILL` ends it at once and holds if absent; after `SIGTERM` it shuts down in order",
        ),
        Key::new(
            "restart_after",
            Form::Seconds,
            "seconds from its end to its next start; it stays dead if absent",
        ),
    ];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str = "type: process_kill\ntarget: primary\nshard: 1\nat: 2\nrestart_after: 8";
    /// Each signal is a kind of its own to the swarm.
    const VARIANTS: usize = 2;

    fn read(reader: &mut Reader) -> Option<Self> {
        Some(ProcessKill {
            target: target::read(reader),
            signal: reader.word("signal").unwrap_or(Signal::Kill),
            restart_after_ns: reader.seconds("restart_after"),
        })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("signal", self.signal.word());
        own.maybe("restart_after", self.restart_after_ns).and(self.target.write())
    }

    fn draw(variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let (signal, _) = Signal::WORDS[variant];
        let for_good = Stream::new(swarm.seed, "generator", "kills for good").chance(1, 5);
        let stays_dead = for_good && stream.chance(1, 2);
        let restart_after = (!stays_dead).then(|| stream.tenths(5..=120));
        let own = Entry::default().with("signal", signal);
        own.and(target::draw(stream, swarm.layout)).maybe("restart_after", restart_after)
    }

    fn in_words(&self) -> String {
        format!("Process Kill ({}, {})", self.target.in_words(), self.signal.name())
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        Effect::Signal { signal: self.signal, restart_after: self.restart_after_ns }
    }

    fn lasts(&self) -> SimDuration {
        self.restart_after_ns.unwrap_or_default()
    }

    fn victims<'h>(&self, hit: &'h [NodeId]) -> &'h [NodeId] {
        hit
    }
}
