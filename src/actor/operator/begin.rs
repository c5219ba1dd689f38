//! How each kind of operation begins: the one place of the operator where kinds are told apart.

use super::job::{Doing, Job};
use super::progress::Progress;
use super::{Desk, command, deferred, sequence};
use crate::op::{Op, OpAction};

/// Begins to do an operation: its parts one after the other, its commands, or as its kind is done.
pub(super) fn begin(op: &Op, desk: &mut Desk) -> (Box<dyn Job>, Progress) {
    match &op.action {
        OpAction::Failover(kind) => kind.start(op, desk),
        OpAction::Reshard(kind) => kind.start(op, desk),
        OpAction::Restart(kind) => kind.start(op, desk),
        OpAction::RestartEmpty(kind) => kind.start(op, desk),
        OpAction::RestartOldCopy(kind) => kind.start(op, desk),
        OpAction::AddReplica(kind) => deferred::start(kind, op, begin, desk),
        OpAction::MoveReplica(kind) => deferred::start(kind, op, begin, desk),
        OpAction::RemoveReplica(kind) => deferred::start(kind, op, begin, desk),
        OpAction::ScaleIn(kind) => deferred::start(kind, op, begin, desk),
        OpAction::RollingUpgrade(kind) => deferred::start(kind, op, begin, desk),
        OpAction::ScaleOut(kind) => deferred::start(kind, op, begin, desk),
        action if action.parts().is_empty() => command::start(op, desk),
        action => sequence::start(op, action.parts(), begin, desk),
    }
}
