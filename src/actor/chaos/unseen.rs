//! The operations that wait for something to be seen: chaos hears of it, as of what faults wait for, and tells the operator.

use std::collections::BTreeSet;

use crate::actor::Out;
use crate::actor::message::{Message, OperatorMessage};
use crate::id::ActorId;
use crate::op::{Op, OpId, Start};

/// The operations whose sight has not come.
#[derive(Debug)]
pub(super) struct Unseen {
    waiting: BTreeSet<OpId>,
    /// Every operation of the plan, and whether it begins with the one before it.
    all: Vec<(OpId, bool)>,
}

impl Unseen {
    pub fn of(operations: &[Op]) -> Self {
        Unseen {
            waiting: operations.iter().filter(|op| op.start.cue().is_some()).map(|op| op.id).collect(),
            all: operations.iter().map(|op| (op.id, op.start == Start::Beside)).collect(),
        }
    }

    /// What an operation waits for was seen.
    pub fn came(&mut self, op: OpId, out: &mut Out) {
        if self.waiting.remove(&op) {
            out.send(ActorId::Operator, Message::Operator(OperatorMessage::Seen { op }));
        }
    }

    /// The operations that cannot begin for it: those that wait themselves, and what begins with them.
    pub fn kept_waiting(&self) -> Vec<OpId> {
        let mut is_kept = false;
        let kept = self.all.iter().filter(|(op, beside)| {
            is_kept = self.waiting.contains(op) || *beside && is_kept;
            is_kept
        });
        kept.map(|(op, _)| *op).collect()
    }

    /// Nothing will be seen any more that was not.
    pub fn give_up(&mut self, out: &mut Out) {
        let ops = self.kept_waiting();
        self.waiting.clear();
        if !ops.is_empty() {
            out.send(ActorId::Operator, Message::Operator(OperatorMessage::Missed { ops }));
        }
    }
}
