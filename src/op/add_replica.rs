//! `add_replica`: a node starts with nothing, is taken in, and becomes a replica of a shard.

use serde::{Deserialize, Serialize};

use super::recipients::{self, title};
use super::{OpAction, OpKind, RestartEmpty};
use crate::id::{NodeId, ShardId};
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber};
use crate::rng::Stream;

/// A node joins a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddReplica {
    /// The node: a spare one, or one that was removed before.
    pub node: NodeId,
    /// The shard that takes it in.
    pub shard: ShardId,
}

impl OpKind for AddReplica {
    const NAME: &'static str = "add_replica";
    const ABOUT: &'static str = "A spare node, or one that was removed before, starts with nothing on its disk, meets the primary of a shard, which is looked up when the time comes, and becomes its replica. One that is a member already is left as it is, and the operation is not sent.";
    const KEYS: &'static [Key] = &[
        Key::new("node", Form::Node, "the node. Must be there"),
        Key::new("shard", Form::Shard, "the shard. Must be there"),
    ];
    const EXAMPLE: &'static str = "type: add_replica\nnode: 2\nshard: 1\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let node = recipients::read_one(reader, "node");
        Some(AddReplica { node: node?, shard: recipients::read_shard(reader, "shard")? })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node).with("shard", self.shard)
    }

    // Drawn for seeds of their own alone (`plan::generate::members`).
    fn weight(_: Layout) -> u64 {
        0
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let node = u64::from(layout.node_count()) + stream.range(1..=u64::from(layout.spares));
        Entry::default().with("node", node).with("shard", stream.range(1..=u64::from(layout.shards)))
    }

    fn in_words(&self) -> String {
        format!("{} ({}, {})", title(Self::NAME), self.node, self.shard)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node), Target::Primary(self.shard)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        (self.node, self.shard) = (new.node(self.node), new.shard(self.shard));
    }

    fn shard(&self, _layout: Layout) -> Option<ShardId> {
        Some(self.shard)
    }

    /// The first of them; whom it meets and follows is looked up.
    fn parts(&self) -> Vec<OpAction> {
        vec![RestartEmpty { node: self.node, kill: false }.into()]
    }

    fn takes_in(&self) -> Vec<(NodeId, ShardId)> {
        vec![(self.node, self.shard)]
    }
}
