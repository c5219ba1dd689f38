//! An operation that is being done: how it begins, and what it is told until it ends.

use std::fmt;

use super::Desk;
use super::progress::Progress;
use crate::actor::session::Answer;
use crate::event::BusSummary;
use crate::id::NodeId;
use crate::op::Op;

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
