//! `machine_loss`: a node's machine is gone without a word, and may come back.
//!
//! The process ends with it, and so does what its links still held. Nobody is told: its peers hear nothing, try again
//! after ever longer pauses, and see a reset only once the machine is back and knows nothing of their connections. What was
//! not on its disk yet can be gone with it.

use serde::{Deserialize, Serialize};

use super::affliction::Remains;
use super::{Aim, Effect, FaultKind, Swarm};
use crate::id::NodeId;
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A machine is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineLoss {
    /// Whose machine.
    pub target: Target,
    /// How long after it comes back, and its server with it; never if absent.
    pub restart_after_ns: Option<SimDuration>,
    /// What is on its disk then; all that was written if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<Remains>,
}

impl FaultKind for MachineLoss {
    const NAME: &'static str = "machine_loss";
    const ABOUT: &'static str = "A node's machine is gone without a word: its process ends, what its links held is lost, and its peers hear nothing, not even a reset, until it is back. Its disk has all that was written, or what `leaves` says.";
    const KEYS: &'static [Key] = &[
        Key::new(
            "restart_after",
            Form::Seconds,
            "seconds until the machine is back and starts its server; it stays away if absent",
        ),
        Key::new(
            "leaves",
            Form::Word(names::<Remains>),
            "what its disk has, as with `disk_crash`: only what was `synced`, say; everything if absent",
        ),
    ];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str = "type: machine_loss\ntarget: primary\nshard: 1\nat: 2\nrestart_after: 8";

    fn read(reader: &mut Reader) -> Option<Self> {
        Some(MachineLoss {
            target: target::read(reader),
            restart_after_ns: reader.seconds("restart_after"),
            leaves: reader.word("leaves"),
        })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().maybe("restart_after", self.restart_after_ns);
        own.maybe("leaves", self.leaves.map(Word::word)).and(self.target.write())
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let for_good = Stream::new(swarm.seed, "generator", "kills for good").chance(1, 5);
        let stays_away = for_good && stream.chance(1, 2);
        let restart_after = (!stays_away).then(|| stream.tenths(5..=150));
        let own = target::draw(stream, swarm.layout).maybe("restart_after", restart_after);
        let leaves = stream.weighted(&[(2, None), (3, Some(Remains::Synced)), (1, Some(Remains::CutTail))]);
        own.maybe("leaves", leaves.map(Word::word))
    }

    fn in_words(&self) -> String {
        let leaves = self.leaves.map_or(String::new(), |leaves| format!(", leaves {}", leaves.word()));
        format!("Machine Loss ({}{leaves})", self.target.in_words())
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        Effect::Machine { restart_after: self.restart_after_ns, leaves: self.leaves }
    }

    fn lasts(&self) -> SimDuration {
        self.restart_after_ns.unwrap_or_default()
    }

    fn victims<'h>(&self, hit: &'h [NodeId]) -> &'h [NodeId] {
        hit
    }
}
