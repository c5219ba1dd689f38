//! `flushslots`: `CLUSTER FLUSHSLOTS`, a node forgets whom all of its slots belong to. One that holds keys refuses.

use serde::{Deserialize, Serialize};

use super::recipients::{self, ONE_NODE};
use super::{ALL_SLOTS, OpKind, Sign, Typed};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Key, Reader, Renumber};

/// A node forgets its slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flushslots {
    /// The node.
    pub node: NodeId,
}

impl OpKind for Flushslots {
    const NAME: &'static str = "flushslots";
    const ABOUT: &'static str = "`CLUSTER FLUSHSLOTS` at one node, which refuses if it holds keys. It is done once the node gives no slot to itself.";
    const KEYS: &'static [Key] = &[ONE_NODE];
    const EXAMPLE: &'static str = "type: flushslots\nnode: 2\ndelay: 1";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        Some(Flushslots { node: recipients::read_one(reader, "node")? })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.node = new.node(self.node);
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        vec![Typed::of(self.node, &["CLUSTER", "FLUSHSLOTS"]).shown_by(Sign::Lacks(vec![ALL_SLOTS]))]
    }
}
