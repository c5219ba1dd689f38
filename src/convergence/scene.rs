//! What is known of the cluster when something is seen of a node.

use std::collections::BTreeSet;

use crate::id::{NodeId, ShardId};
use crate::leaders::Leaders;

/// What is known of the cluster when something is seen of a node of `shard`.
pub(super) struct Scene<'a> {
    pub alive: &'a BTreeSet<NodeId>,
    /// Who calls the cluster down.
    pub down: &'a BTreeSet<NodeId>,
    pub shard: ShardId,
    pub leaders: &'a Leaders,
}

impl Scene<'_> {
    /// The nodes of a shard whose process runs.
    pub fn live_members(&self, shard: ShardId) -> impl Iterator<Item = NodeId> {
        self.alive.iter().copied().filter(move |node| self.leaders.shard_of(*node) == shard)
    }
}
