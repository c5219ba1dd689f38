//! Which events disrupt a shard.

use std::collections::BTreeSet;

use crate::event::Body;
use crate::id::ShardId;
use crate::leaders::Leaders;
use crate::op::OpId;
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
                let victims = fault.map_or(&[][..], |fault| fault.action.victims(hit));
                leaders
                    .all()
                    .filter(|(_, primary)| victims.contains(primary))
                    .map(|(shard, _)| shard)
                    .collect()
            }
            Body::Operation { op, .. } if self.begun.insert(*op) => {
                let op = plan.operations.iter().find(|known| known.id == *op);
                op.and_then(|op| op.action.replaces_primary_of()).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}
