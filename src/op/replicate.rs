//! `replicate`: `CLUSTER REPLICATE`, a node becomes the replica of another.

use serde::{Deserialize, Serialize};

use super::recipients::{self, ONE_NODE};
use super::{OpKind, Sign, Typed, name_of};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Reader, Renumber};

/// A node becomes a replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicate {
    /// The node.
    pub node: NodeId,
    /// Its primary.
    pub of: NodeId,
}

impl OpKind for Replicate {
    const NAME: &'static str = "replicate";
    const ABOUT: &'static str = "`CLUSTER REPLICATE`: a node becomes the replica of another. It is done once the node says that it is.";
    const KEYS: &'static [Key] =
        &[ONE_NODE, Key::new("of", Form::Node, "the node that becomes its primary. Must be there")];
    const EXAMPLE: &'static str = "type: replicate\nnode: 2\nof: 3\ndelay: 1";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        let (node, of) = (recipients::read_one(reader, "node"), recipients::read_one(reader, "of"));
        Some(Replicate { node: node?, of: of? })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node).with("of", self.of)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node), Target::Node(self.of)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        (self.node, self.of) = (new.node(self.node), new.node(self.of));
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        let name = name_of(self.of);
        vec![Typed::of(self.node, &["CLUSTER", "REPLICATE", &name]).shown_by(Sign::Follows(self.of))]
    }
}
