//! `remove_replica`: a node is forgotten by all others, and then ends.

use serde::{Deserialize, Serialize};

use super::OpKind;
use super::recipients::{self, ONE_NODE, title};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Key, Layout, Reader, Renumber};
use crate::rng::Stream;

/// A node leaves the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveReplica {
    /// The node.
    pub node: NodeId,
}

impl OpKind for RemoveReplica {
    const NAME: &'static str = "remove_replica";
    const ABOUT: &'static str = "A node is forgotten (`CLUSTER FORGET`) by all who live and know it, and then ends and stays down. One that owns slots is left as it is, and the operation is not sent. Its own replicas cannot forget it, and are not asked to.";
    const KEYS: &'static [Key] = &[ONE_NODE];
    const EXAMPLE: &'static str = "type: remove_replica\nnode: 2\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        Some(RemoveReplica { node: recipients::read_one(reader, "node")? })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node)
    }

    // Drawn for seeds of their own alone (`plan::generate::members`).
    fn weight(_: Layout) -> u64 {
        0
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        Entry::default().with("node", recipients::draw_replica(stream, layout))
    }

    fn in_words(&self) -> String {
        format!("{} ({})", title(Self::NAME), self.node)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.node = new.node(self.node);
    }

    fn shuts_down(&self, _layout: Layout) -> Vec<NodeId> {
        vec![self.node]
    }

    fn sends_away(&self, _layout: Layout) -> Vec<NodeId> {
        vec![self.node]
    }
}
