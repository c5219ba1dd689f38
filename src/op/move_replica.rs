//! `move_replica`: a replica becomes one of another shard.

use serde::{Deserialize, Serialize};

use super::OpKind;
use super::recipients::{self, title};
use crate::id::{NodeId, ShardId};
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber};
use crate::rng::Stream;

/// A replica changes its shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveReplica {
    /// The node.
    pub node: NodeId,
    /// The shard that it goes to.
    pub to: ShardId,
}

impl OpKind for MoveReplica {
    const NAME: &'static str = "move_replica";
    const ABOUT: &'static str = "`CLUSTER REPLICATE` of the primary of another shard, which is looked up when the time comes. A primary with slots refuses. It is done once the node says that it follows that primary.";
    const KEYS: &'static [Key] = &[
        Key::new("node", Form::Node, "the replica. Must be there"),
        Key::new("to", Form::Shard, "the shard that it goes to. Must be there"),
    ];
    const EXAMPLE: &'static str = "type: move_replica\nnode: 2\nto: 2\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let node = recipients::read_one(reader, "node");
        Some(MoveReplica { node: node?, to: recipients::read_shard(reader, "to")? })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node).with("to", self.to)
    }

    // Drawn for seeds of their own alone (`plan::generate::members`).
    fn weight(_: Layout) -> u64 {
        0
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let node = recipients::draw_replica(stream, layout);
        let others: Vec<ShardId> = layout.shards().filter(|shard| *shard != layout.shard_of(node)).collect();
        Entry::default().with("node", node).maybe("to", stream.pick(&others).copied())
    }

    fn in_words(&self) -> String {
        format!("{} ({} to {})", title(Self::NAME), self.node, self.to)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node), Target::Primary(self.to)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        (self.node, self.to) = (new.node(self.node), new.shard(self.to));
    }

    fn takes_in(&self) -> Vec<(NodeId, ShardId)> {
        vec![(self.node, self.to)]
    }
}
