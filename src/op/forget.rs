//! `forget`: `CLUSTER FORGET`, a node is struck from the lists of one, some or all others.

use serde::{Deserialize, Serialize};

use super::recipients::{self, NODE, NODES};
use super::{OpKind, Sign, Typed, name_of};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Reader, Renumber};

/// A node is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forget {
    /// Who forgets.
    pub nodes: Vec<NodeId>,
    /// Who is forgotten.
    pub whom: NodeId,
}

impl OpKind for Forget {
    const NAME: &'static str = "forget";
    const ABOUT: &'static str = "`CLUSTER FORGET` at one, some or all other nodes, which take the forgotten one in again for the time of the server's list only if they are told to. It is done once none of them knows it.";
    const KEYS: &'static [Key] =
        &[NODE, NODES, Key::new("whom", Form::Node, "the node that is forgotten. Must be there")];
    const EXAMPLE: &'static str = "type: forget\nwhom: 6\nnode: 1\ndelay: 1";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        let whom = recipients::read_one(reader, "whom")?;
        let everybody = !reader.has("node") && !reader.has("nodes");
        let nodes = recipients::read(reader).into_iter().filter(|node| !everybody || *node != whom);
        Some(Forget { nodes: nodes.collect(), whom })
    }

    fn write(&self) -> Entry {
        recipients::write(&self.nodes).with("whom", self.whom)
    }

    fn targets(&self) -> Vec<Target> {
        self.nodes.iter().copied().chain([self.whom]).map(Target::Node).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.nodes = recipients::renumbered(&self.nodes, new);
        self.whom = new.node(self.whom);
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        let name = name_of(self.whom);
        let forget = |node: &NodeId| Typed::of(*node, &["CLUSTER", "FORGET", &name]);
        self.nodes.iter().map(|node| forget(node).shown_by(Sign::Forgot(self.whom))).collect()
    }
}
