//! `machine_loss`: a node's machine is gone without a word, and may come back.
//!
//! The process ends with it, and so does what its links still held. Nobody is told: its peers hear nothing, try again
//! after ever longer pauses, and see a reset only once the machine is back and knows nothing of their connections.

use serde::{Deserialize, Serialize};

use super::{Aim, Effect, FaultKind, Swarm};
use crate::id::NodeId;
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A machine is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineLoss {
    /// Whose machine.
    pub target: Target,
    /// How long after it comes back, and its server with it; never if absent.
    pub restart_after_ns: Option<SimDuration>,
}

impl FaultKind for MachineLoss {
    const NAME: &'static str = "machine_loss";
    const ABOUT: &'static str = "A node's machine is gone without a word: its process ends, what its links held is lost, and its peers hear nothing, not even a reset, until it is back. Its data directory stays as it is.";
    const KEYS: &'static [Key] = &[Key::new(
        "restart_after",
        Form::Seconds,
        "seconds until the machine is back and starts its server; it stays away if absent",
    )];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str = "type: machine_loss\ntarget: primary\nshard: 1\nat: 2\nrestart_after: 8";

    fn read(reader: &mut Reader) -> Option<Self> {
        Some(MachineLoss { target: target::read(reader), restart_after_ns: reader.seconds("restart_after") })
    }

    fn write(&self) -> Entry {
        Entry::default().maybe("restart_after", self.restart_after_ns).and(self.target.write())
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let for_good = Stream::new(swarm.seed, "generator", "kills for good").chance(1, 5);
        let stays_away = for_good && stream.chance(1, 2);
        let restart_after = (!stays_away).then(|| stream.tenths(5..=150));
        target::draw(stream, swarm.layout).maybe("restart_after", restart_after)
    }

    fn in_words(&self) -> String {
        format!("Machine Loss ({})", self.target.in_words())
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        Effect::Machine { restart_after: self.restart_after_ns }
    }

    fn lasts(&self) -> SimDuration {
        self.restart_after_ns.unwrap_or_default()
    }

    fn victims<'h>(&self, hit: &'h [NodeId]) -> &'h [NodeId] {
        hit
    }
}
