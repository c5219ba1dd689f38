//! `process_slow`: a node's machine is slow, so that everything its server does takes so many times longer.

use serde::{Deserialize, Serialize};

use super::{Aim, Effect, FaultKind, LASTS, Swarm, duration};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A machine is slow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSlow {
    /// Whose machine.
    pub target: Target,
    /// How many times slower it works than the others.
    pub times: u64,
    /// For how long.
    pub duration_ns: SimDuration,
}

impl FaultKind for ProcessSlow {
    const NAME: &'static str = "process_slow";
    const ABOUT: &'static str = "A node's machine works so many times slower than the others (see `cluster.cpu`): every turn and all work of its server takes so much longer, also of a server that is started on it meanwhile.";
    const KEYS: &'static [Key] =
        &[Key::new("times", Form::Whole(2, 1_000), "how many times slower; 20 if absent"), LASTS];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str =
        "type: process_slow\ntarget: primary\nshard: 1\ntimes: 50\nat: 2\nduration: 8";

    fn read(reader: &mut Reader) -> Option<Self> {
        let times = reader.whole("times").unwrap_or(20);
        Some(ProcessSlow { target: target::read(reader), times, duration_ns: duration(reader) })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("times", self.times).with("duration", self.duration_ns);
        own.and(self.target.write())
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let times = stream.weighted(&[(2, 5_u64), (3, 20), (2, 100)]);
        let own = Entry::default().with("times", times).with("duration", stream.tenths(20..=150));
        target::draw(stream, swarm.layout).and(own)
    }

    fn in_words(&self) -> String {
        format!("Process Slow ({}, {} times, {})", self.target.in_words(), self.times, self.duration_ns)
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        Effect::Slow { times: self.times }
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }
}
