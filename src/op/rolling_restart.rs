//! `rolling_restart`: node after node is restarted, each only once the one before it serves again.

use serde::{Deserialize, Serialize};

use super::recipients::{self, NODE, NODES, title};
use super::restart::KILL;
use super::{OpAction, OpKind, Restart};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Key, Layout, Reader, Renumber};
use crate::rng::Stream;

/// Nodes are restarted one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollingRestart {
    /// The nodes, in order.
    pub nodes: Vec<NodeId>,
    /// Whether each ends at once, instead of shutting down in order.
    pub kill: bool,
}

impl OpKind for RollingRestart {
    const NAME: &'static str = "rolling_restart";
    const ABOUT: &'static str = "Node after node is restarted, each only once the one before it serves again. Without `nodes` it is the whole cluster, the nodes that were laid out as replicas first.";
    const KEYS: &'static [Key] = &[NODE, NODES, KILL];
    const EXAMPLE: &'static str = "type: rolling_restart\nnodes: [2, 4, 6]\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let layout = reader.layout;
        let mut nodes = recipients::read(reader);
        if !reader.has("node") && !reader.has("nodes") {
            nodes.sort_by_key(|node| layout.first_primary(layout.shard_of(*node)) == *node);
        }
        Some(RollingRestart { nodes, kill: reader.flag("kill").unwrap_or(false) })
    }

    fn write(&self) -> Entry {
        recipients::write(&self.nodes).with("kill", self.kill)
    }

    fn weight(layout: Layout) -> u64 {
        if layout.node_count() <= 9 { 1 } else { 0 }
    }

    fn draw(stream: &mut Stream, _layout: Layout) -> Entry {
        Entry::default().with("kill", stream.chance(1, 4))
    }

    fn in_words(&self) -> String {
        let nodes: Vec<String> = self.nodes.iter().map(ToString::to_string).collect();
        let how = if self.kill { ", SIGKILL" } else { "" };
        format!("{} ({}{how})", title(Self::NAME), nodes.join(", "))
    }

    fn targets(&self) -> Vec<Target> {
        self.nodes.iter().copied().map(Target::Node).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.nodes = recipients::renumbered(&self.nodes, new);
    }

    fn parts(&self) -> Vec<OpAction> {
        self.nodes.iter().map(|node| Restart { node: *node, kill: self.kill, server: None }.into()).collect()
    }
}
