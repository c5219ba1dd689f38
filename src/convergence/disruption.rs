//! Which events disrupt a shard.

use std::collections::BTreeSet;

use crate::event::Body;
use crate::fault::{FaultAction, Target};
use crate::id::{NodeId, ShardId};
use crate::leaders::Leaders;
use crate::op::{OpAction, OpId};
use crate::plan::Plan;

/// Tells disruptions from other events.
#[derive(Debug, Default)]
pub(super) struct Disruptions {
    /// An operation that is tried again disrupts once.
    begun: BTreeSet<OpId>,
}

impl Disruptions {
    /// The shards that a fault or an operation disrupts; `leaders` are those of this moment.
    pub fn struck(&mut self, plan: &Plan, leaders: &Leaders, body: &Body) -> Vec<ShardId> {
        match body {
            Body::Fault { fault, hit, .. } => {
                let fault = plan.faults.iter().find(|known| known.id == *fault);
                let victims = fault.map_or(&[][..], |fault| victims(&fault.action, hit));
                leaders
                    .all()
                    .filter(|(_, primary)| victims.contains(primary))
                    .map(|(shard, _)| shard)
                    .collect()
            }
            Body::Operation { op, .. } if self.begun.insert(*op) => {
                let op = plan.operations.iter().find(|known| known.id == *op);
                op.and_then(|op| failed_over(&op.action)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The nodes that a fault strikes itself, without those on the other side of a partition.
fn victims<'h>(action: &FaultAction, hit: &'h [NodeId]) -> &'h [NodeId] {
    match action {
        FaultAction::ProcessKill { .. } | FaultAction::ProcessPause { .. } => hit,
        FaultAction::NetworkPartition { a, .. } => {
            let nodes = a.iter().filter(|target| !matches!(target, Target::Clients)).count();
            &hit[..nodes.min(hit.len())]
        }
        FaultAction::NetworkLatency { .. } => &[],
    }
}

fn failed_over(action: &OpAction) -> Option<ShardId> {
    match action {
        OpAction::Failover { shard, .. } => Some(*shard),
        OpAction::Command { .. } => None,
    }
}
