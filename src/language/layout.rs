//! The shape of a cluster: which shards and nodes there are, and who is laid out where.

use crate::id::{NodeId, ShardId};

/// How many hash slots a cluster has.
const SLOTS: u32 = 16_384;

/// How large a cluster is. Node 1 is the primary of shard 1, then come its replicas, then shard 2, and after the last
/// shard the spare nodes, which belong to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many shards; 0 is no cluster.
    pub shards: u16,
    /// How many replicas each shard has.
    pub replicas: u16,
    /// How many nodes stand beside the cluster, to be started when they are asked for.
    pub spares: u16,
}

/// Where everything that stays of a cluster is in a smaller one.
pub trait Renumber {
    /// A shard's new number.
    fn shard(&self, shard: ShardId) -> ShardId;
    /// A node's new number.
    fn node(&self, node: NodeId) -> NodeId;
    /// A replica's new number in its shard, from 0.
    fn replica(&self, nth: u16) -> u16;
}

impl Layout {
    /// How many nodes are laid out.
    pub fn node_count(self) -> u16 {
        self.shards * (1 + self.replicas)
    }

    /// All nodes that are laid out, in order.
    pub fn nodes(self) -> impl Iterator<Item = NodeId> {
        (1..=self.node_count()).map(NodeId)
    }

    /// How many nodes there are, spare ones included.
    pub fn host_count(self) -> u16 {
        self.node_count() + self.spares
    }

    /// All nodes, in order, the spare ones last.
    pub fn hosts(self) -> impl Iterator<Item = NodeId> {
        (1..=self.host_count()).map(NodeId)
    }

    /// Whether a node is none that is laid out.
    pub fn is_spare(self, node: NodeId) -> bool {
        node.0 > self.node_count()
    }

    /// All shards, in order.
    pub fn shards(self) -> impl Iterator<Item = ShardId> {
        (1..=self.shards).map(ShardId)
    }

    /// All shards, in order, and after them one for each spare node, which is its shard if it is made the primary of one.
    pub fn possible_shards(self) -> impl Iterator<Item = ShardId> {
        (1..=self.shards + self.spares).map(ShardId)
    }

    /// The shard a node is laid out in, or that a spare one would found.
    pub fn shard_of(self, node: NodeId) -> ShardId {
        match node.0.checked_sub(self.node_count()).filter(|nth| *nth > 0) {
            Some(nth) => ShardId(self.shards + nth),
            None => ShardId(node.0.saturating_sub(1) / (1 + self.replicas) + 1),
        }
    }

    /// The node that is made the primary of a shard, or that founds it.
    pub fn first_primary(self, shard: ShardId) -> NodeId {
        match shard.0.checked_sub(self.shards).filter(|nth| *nth > 0) {
            Some(nth) => NodeId(self.node_count() + nth),
            None => NodeId((shard.0 - 1) * (1 + self.replicas) + 1),
        }
    }

    /// The slots a shard is given, first and last, as even as 16384 allows; none, the last before the first, if it is not
    /// laid out.
    pub fn slots_of(self, shard: ShardId) -> (u16, u16) {
        if shard.0 > self.shards {
            return (1, 0);
        }
        let edge = |n: u16| (u32::from(n) * SLOTS / u32::from(self.shards)) as u16;
        (edge(shard.0 - 1), edge(shard.0) - 1)
    }

    /// The shard that a slot is given to; shard 0, which there is not, where there is no cluster.
    pub fn shard_of_slot(self, slot: u16) -> ShardId {
        let holds = |shard: &ShardId| self.slots_of(*shard).1 >= slot;
        self.shards().find(holds).unwrap_or(ShardId(0))
    }
}
