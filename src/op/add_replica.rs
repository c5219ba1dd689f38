//! `add_replica`: a node starts with nothing, is taken in, and becomes the replica of another.

use serde::{Deserialize, Serialize};

use super::recipients::{self, title};
use super::{Meet, OpAction, OpKind, Replicate, RestartEmpty};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Reader, Renumber};

/// A node joins the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddReplica {
    /// The node, which was removed before.
    pub node: NodeId,
    /// The primary that takes it in.
    pub of: NodeId,
}

impl OpKind for AddReplica {
    const NAME: &'static str = "add_replica";
    const ABOUT: &'static str = "A node starts with nothing on its disk, is taken in by a primary, and becomes its replica. A node that still runs is ended first; who knows it by its old name still does.";
    const KEYS: &'static [Key] = &[
        Key::new("node", Form::Node, "the node, one that was removed before. Must be there"),
        Key::new("of", Form::Node, "the primary. Must be there"),
    ];
    const EXAMPLE: &'static str = "type: add_replica\nnode: 2\nof: 1\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let (node, of) = (recipients::read_one(reader, "node"), recipients::read_one(reader, "of"));
        Some(AddReplica { node: node?, of: of? })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node).with("of", self.of)
    }

    fn in_words(&self) -> String {
        format!("{} ({} of {})", title(Self::NAME), self.node, self.of)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node), Target::Node(self.of)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        (self.node, self.of) = (new.node(self.node), new.node(self.of));
    }

    fn parts(&self) -> Vec<OpAction> {
        let AddReplica { node, of } = *self;
        let empty = RestartEmpty { node, kill: false };
        vec![empty.into(), Meet { node, with: of }.into(), Replicate { node, of }.into()]
    }
}
