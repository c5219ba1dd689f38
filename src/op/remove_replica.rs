//! `remove_replica`: a node is forgotten by all others, and then ends.

use serde::{Deserialize, Serialize};

use super::recipients::{self, ONE_NODE, title};
use super::{Forget, OpAction, OpKind, Shutdown, ShutdownOption};
use crate::id::{NodeId, ShardId};
use crate::language::target::Target;
use crate::language::{Entry, Key, Layout, Reader, Renumber};

/// A node leaves the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveReplica {
    /// The node.
    pub node: NodeId,
    /// Who forgets it.
    pub others: Vec<NodeId>,
}

impl RemoveReplica {
    /// The removal of a node of a cluster of this shape.
    fn of(node: NodeId, layout: Layout) -> Self {
        RemoveReplica { node, others: layout.nodes().filter(|other| *other != node).collect() }
    }

    /// The removal of a node whose whole shard leaves: those of the shard that left before cannot be told.
    pub(super) fn among(node: NodeId, shard: ShardId, layout: Layout) -> Self {
        let is_left = |other: &NodeId| layout.shard_of(*other) != shard || *other > node;
        RemoveReplica { node, others: layout.nodes().filter(is_left).collect() }
    }
}

impl OpKind for RemoveReplica {
    const NAME: &'static str = "remove_replica";
    const ABOUT: &'static str = "A node is forgotten by all others (`CLUSTER FORGET`), and then ends and stays down. Nobody looks whether it owns slots: what a node without slots loses is nothing.";
    const KEYS: &'static [Key] = &[ONE_NODE];
    const EXAMPLE: &'static str = "type: remove_replica\nnode: 2\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let node = recipients::read_one(reader, "node")?;
        Some(RemoveReplica::of(node, reader.layout))
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node)
    }

    fn in_words(&self) -> String {
        format!("{} ({})", title(Self::NAME), self.node)
    }

    /// Everybody, so that it stands in the way of smaller clusters: who forgets depends on their number.
    fn targets(&self) -> Vec<Target> {
        [self.node].into_iter().chain(self.others.iter().copied()).map(Target::Node).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.node = new.node(self.node);
        self.others = recipients::renumbered(&self.others, new);
    }

    fn parts(&self) -> Vec<OpAction> {
        let forget = Forget { nodes: self.others.clone(), whom: self.node };
        let options = vec![ShutdownOption::Nosave, ShutdownOption::Now];
        vec![forget.into(), Shutdown { node: self.node, options }.into()]
    }
}
