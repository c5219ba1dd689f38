//! `reset`: `CLUSTER RESET`, a node forgets the cluster, and with `hard` its own name too.

use serde::{Deserialize, Serialize};

use super::recipients::{self, ONE_NODE};
use super::{OpKind, Sign, Typed};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Reader, Renumber};

/// A node forgets the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// The node.
    pub node: NodeId,
    /// Whether it gives up its name and its epochs too.
    pub hard: bool,
}

impl OpKind for Reset {
    const NAME: &'static str = "reset";
    const ABOUT: &'static str = "`CLUSTER RESET`: a node forgets the cluster. A primary that holds keys refuses. It is done once the node knows nobody but itself.";
    const KEYS: &'static [Key] = &[
        ONE_NODE,
        Key::new("hard", Form::Flag, "whether it gives up its name and its epochs too; not if absent"),
    ];
    const EXAMPLE: &'static str = "type: reset\nnode: 6\nhard: true\ndelay: 1";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        let node = recipients::read_one(reader, "node")?;
        Some(Reset { node, hard: reader.flag("hard").unwrap_or(false) })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node).with("hard", self.hard)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.node = new.node(self.node);
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        let how = if self.hard { "HARD" } else { "SOFT" };
        vec![Typed::of(self.node, &["CLUSTER", "RESET", how]).shown_by(Sign::Alone)]
    }
}
