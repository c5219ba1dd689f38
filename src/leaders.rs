//! Who leads each shard, and whom every replica follows, beginning with the plan's layout.
//!
//! A replica that has migrated takes its new shard over when it wins, so a node's shard is not always the one in which it
//! was laid out. Whoever reads a run's events asks here, so that all give one answer.

use std::collections::BTreeMap;

use crate::id::{NodeId, ShardId};
use crate::plan::ClusterPlan;

/// Who leads and who follows.
#[derive(Clone, Debug)]
pub struct Leaders {
    cluster: ClusterPlan,
    leads: BTreeMap<ShardId, NodeId>,
    /// Whom each replica follows, and the shard that one led when it began to.
    follows: BTreeMap<NodeId, (NodeId, Option<ShardId>)>,
}

impl Leaders {
    /// Every shard is led by the primary that it was laid out with.
    pub fn new(cluster: &ClusterPlan) -> Self {
        let leads = cluster.shards().map(|shard| (shard, cluster.first_primary(shard))).collect();
        Leaders { cluster: cluster.clone(), leads, follows: BTreeMap::new() }
    }

    /// The primary of a shard, or the node that would found it.
    pub fn of(&self, shard: ShardId) -> NodeId {
        self.leads.get(&shard).copied().unwrap_or_else(|| self.cluster.first_primary(shard))
    }

    /// Every shard with its primary.
    pub fn all(&self) -> impl Iterator<Item = (ShardId, NodeId)> {
        self.leads.iter().map(|(shard, node)| (*shard, *node))
    }

    /// Whether the node leads a shard.
    pub fn is_leader(&self, node: NodeId) -> bool {
        self.all().any(|(_, leader)| leader == node)
    }

    /// The shard whose primary a node follows or is; where it was laid out if nothing else is known.
    pub fn shard_of(&self, node: NodeId) -> ShardId {
        let followed = self.follows.get(&node);
        let followed = followed.and_then(|(primary, before)| self.led_by(*primary).or(*before));
        followed.or_else(|| self.led(node)).unwrap_or_else(|| self.cluster.shard_of(node))
    }

    /// The shard that a node leads, or would found.
    fn led_by(&self, node: NodeId) -> Option<ShardId> {
        let founded = || Some(self.cluster.shard_of(node)).filter(|_| self.cluster.layout().is_spare(node));
        self.led(node).or_else(founded)
    }

    fn led(&self, node: NodeId) -> Option<ShardId> {
        self.all().find(|(_, primary)| *primary == node).map(|(shard, _)| shard)
    }

    /// A node became the primary of its shard; which, and who led it before.
    pub fn promote(&mut self, node: NodeId) -> (ShardId, NodeId) {
        let shard = self.shard_of(node);
        self.follows.remove(&node);
        let from = self.of(shard);
        self.leads.insert(shard, node);
        (shard, from)
    }

    /// A node follows another one from now on.
    pub fn follow(&mut self, node: NodeId, primary: NodeId) {
        let before = self.follows.get(&node).filter(|(of, _)| *of == primary).and_then(|(_, shard)| *shard);
        let shard = self.led_by(primary).or(before);
        self.follows.insert(node, (primary, shard));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::sample::healthy;

    #[test]
    fn a_replica_that_migrated_leads_its_new_shard() {
        let mut leaders = Leaders::new(&healthy().plan.cluster);
        assert_eq!((leaders.of(ShardId(2)), leaders.shard_of(NodeId(2))), (NodeId(3), ShardId(1)));
        leaders.follow(NodeId(2), NodeId(3));
        assert_eq!(leaders.shard_of(NodeId(2)), ShardId(2));
        assert_eq!(leaders.promote(NodeId(2)), (ShardId(2), NodeId(3)));
        assert_eq!((leaders.of(ShardId(2)), leaders.is_leader(NodeId(3))), (NodeId(2), false));
        assert_eq!(leaders.promote(NodeId(2)), (ShardId(2), NodeId(2)));
    }

    #[test]
    fn whose_primary_was_replaced_by_another_one_meanwhile_still_belongs_to_its_shard() {
        let mut leaders = Leaders::new(&healthy().plan.cluster);
        leaders.follow(NodeId(2), NodeId(3));
        assert_eq!(leaders.promote(NodeId(4)), (ShardId(2), NodeId(3)));
        leaders.follow(NodeId(2), NodeId(3));
        assert_eq!(leaders.promote(NodeId(2)), (ShardId(2), NodeId(4)));
    }

    #[test]
    fn who_follows_somebody_without_a_shard_stays_where_it_was_laid_out() {
        let mut leaders = Leaders::new(&healthy().plan.cluster);
        leaders.follow(NodeId(4), NodeId(6));
        assert_eq!(leaders.promote(NodeId(4)), (ShardId(2), NodeId(3)));
        assert_eq!(leaders.of(ShardId(1)), NodeId(1));
    }
}
