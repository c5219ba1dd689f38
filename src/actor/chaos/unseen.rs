//! The operations that wait for something to be seen: chaos hears of it, as of what faults wait for, and tells the operator.

use std::collections::BTreeSet;

use crate::actor::Out;
use crate::actor::message::{Message, OperatorMessage};
use crate::id::ActorId;
use crate::op::{self, Op, OpId};

/// The operations whose sight has not come.
#[derive(Debug)]
pub(super) struct Unseen {
    waiting: BTreeSet<OpId>,
    /// Every operation of the plan, and the one that it begins with.
    all: Vec<(OpId, OpId)>,
}

impl Unseen {
    pub fn of(operations: &[Op]) -> Self {
        let leader = |index| operations[op::leader(index, |i| &operations[i].start)].id;
        Unseen {
            waiting: operations.iter().filter(|op| op.start.cue().is_some()).map(|op| op.id).collect(),
            all: operations.iter().enumerate().map(|(index, op)| (op.id, leader(index))).collect(),
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
        let kept = self.all.iter().filter(|(_, leader)| self.waiting.contains(leader));
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
