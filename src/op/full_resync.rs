//! `full_resync`: a primary's replicas can go on from nothing they have, and fetch everything anew.

use serde::{Deserialize, Serialize};

use super::recipients::{self, NODE, NODES};
use super::{OpKind, Typed};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Key, Layout, Reader, Renumber};
use crate::rng::Stream;

/// Replicas are synchronised from nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullResync {
    /// The primaries.
    pub nodes: Vec<NodeId>,
}

impl OpKind for FullResync {
    const NAME: &'static str = "full_resync";
    const ABOUT: &'static str = "A primary changes the name of its replication history (`DEBUG CHANGE-REPL-ID`) and closes the links of its replicas, which then have to fetch everything anew.";
    const KEYS: &'static [Key] = &[NODE, NODES];
    const EXAMPLE: &'static str = "type: full_resync\nnode: 1\ndelay: 1";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        Some(FullResync { nodes: recipients::read(reader) })
    }

    fn write(&self) -> Entry {
        recipients::write(&self.nodes)
    }

    fn weight(layout: Layout) -> u64 {
        if layout.replicas > 0 { 2 } else { 0 }
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
        let both = |node: &NodeId| {
            let rename = Typed::of(*node, &["DEBUG", "CHANGE-REPL-ID"]);
            [rename, Typed::of(*node, &["CLIENT", "KILL", "TYPE", "replica"])]
        };
        self.nodes.iter().flat_map(both).collect()
    }
}
