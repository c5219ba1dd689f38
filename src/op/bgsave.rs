//! `bgsave`: nodes write their data to disk in children.

use serde::{Deserialize, Serialize};

use super::recipients::{self, NODE, NODES};
use super::{OpKind, Typed};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Key, Layout, Reader, Renumber};
use crate::rng::Stream;

/// Nodes are told to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bgsave {
    /// The nodes.
    pub nodes: Vec<NodeId>,
}

impl OpKind for Bgsave {
    const NAME: &'static str = "bgsave";
    const ABOUT: &'static str = "`BGSAVE`: nodes write their data to disk in children.";
    const KEYS: &'static [Key] = &[NODE, NODES];
    const EXAMPLE: &'static str = "type: bgsave\nnodes: [1, 2]";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        Some(Bgsave { nodes: recipients::read(reader) })
    }

    fn write(&self) -> Entry {
        recipients::write(&self.nodes)
    }

    fn weight(_layout: Layout) -> u64 {
        1
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        Entry::default().with("node", stream.range(1..=u64::from(layout.node_count())))
    }

    fn targets(&self) -> Vec<Target> {
        self.nodes.iter().copied().map(Target::Node).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.nodes = recipients::renumbered(&self.nodes, new);
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        self.nodes.iter().map(|node| Typed::of(*node, &["BGSAVE"])).collect()
    }
}
