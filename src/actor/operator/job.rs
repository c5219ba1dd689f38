//! An operation that is being done: how each kind begins, and what it is told until it ends.

use std::fmt;

use super::progress::Progress;
use super::{Desk, command, sequence};
use crate::actor::session::Answer;
use crate::event::BusSummary;
use crate::id::NodeId;
use crate::op::{Op, OpAction};

/// An operation under way. It is told everything, and passes over what is not its own.
pub(super) trait Job: fmt::Debug {
    /// A node answered.
    fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> Progress;

    /// A timer is due.
    fn ticked(&mut self, token: u64, desk: &mut Desk) -> Progress;

    /// A node's process ended.
    fn node_ended(&mut self, _node: NodeId, _desk: &mut Desk) -> Progress {
        Progress::Working
    }

    /// A message of the cluster bus went by.
    fn bus_seen(&mut self, _node: NodeId, _to: NodeId, _summary: &BusSummary, _desk: &mut Desk) {}
}

/// A kind of operation that is neither commands nor parts: the operator knows how to do it.
pub(super) trait Doing {
    /// Begins to do it; it may be over at once.
    fn start(&self, op: &Op, desk: &mut Desk) -> (Box<dyn Job>, Progress);
}

/// Begins to do an operation: its parts one after the other, its commands, or as its kind is done.
pub(super) fn begin(op: &Op, desk: &mut Desk) -> (Box<dyn Job>, Progress) {
    match &op.action {
        OpAction::Failover(kind) => kind.start(op, desk),
        OpAction::Reshard(kind) => kind.start(op, desk),
        OpAction::Restart(kind) => kind.start(op, desk),
        OpAction::RestartEmpty(kind) => kind.start(op, desk),
        action if action.parts().is_empty() => command::start(op, desk),
        action => sequence::start(op, action.parts(), desk),
    }
}
