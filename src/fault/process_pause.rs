//! `process_pause`: the process does not run for a while; time goes on and its sockets fill.

use serde::{Deserialize, Serialize};

use super::{Aim, Effect, FaultKind, LASTS, Swarm, duration};
use crate::id::NodeId;
use crate::language::target::{self, Target};
use crate::language::{Entry, Key, Reader};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A process stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessPause {
    /// Whom it hits.
    pub target: Target,
    /// For how long.
    pub duration_ns: SimDuration,
}

impl FaultKind for ProcessPause {
    const NAME: &'static str = "process_pause";
    const ABOUT: &'static str = "The process does not run for a while; time goes on and its sockets fill.";
    const KEYS: &'static [Key] = &[LASTS];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str = "type: process_pause\nnode: 2\nat: 2\nduration: 3";

    fn read(reader: &mut Reader) -> Option<Self> {
        Some(ProcessPause { target: target::read(reader), duration_ns: duration(reader) })
    }

    fn write(&self) -> Entry {
        Entry::default().with("duration", self.duration_ns).and(self.target.write())
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let duration = stream.tenths(2..=120);
        target::draw(stream, swarm.layout).with("duration", duration)
    }

    fn in_words(&self) -> String {
        format!("Process Pause ({}, {})", self.target.in_words(), self.duration_ns)
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        Effect::Pause
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }

    fn victims<'h>(&self, hit: &'h [NodeId]) -> &'h [NodeId] {
        hit
    }
}
