//! `restart`: a node's process ends and is started again with its data directory.

use serde::{Deserialize, Serialize};

use super::OpKind;
use super::recipients::{self, ONE_NODE, title};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber};
use crate::rng::Stream;

/// A node is restarted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// The node.
    pub node: NodeId,
    /// Whether it ends at once, instead of shutting down in order.
    pub kill: bool,
}

/// Whether a node that is restarted ends at once.
pub(super) const KILL: Key = Key::new(
    "kill",
    Form::Flag,
    "whether it is killed with SIGKILL instead of asked to end with SIGTERM; not if absent",
);

impl OpKind for Restart {
    const NAME: &'static str = "restart";
    const ABOUT: &'static str = "A node's process ends and is started again at once with its data directory. It is done once the node serves: it has loaded its data, and a replica is linked to its primary.";
    const KEYS: &'static [Key] = &[ONE_NODE, KILL];
    const EXAMPLE: &'static str = "type: restart\nnode: 4\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let node = recipients::read_one(reader, "node")?;
        Some(Restart { node, kill: reader.flag("kill").unwrap_or(false) })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node).with("kill", self.kill)
    }

    fn weight(_layout: Layout) -> u64 {
        2
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let node = stream.range(1..=u64::from(layout.node_count()));
        Entry::default().with("node", node).with("kill", stream.chance(1, 2))
    }

    fn in_words(&self) -> String {
        let how = if self.kill { ", SIGKILL" } else { "" };
        format!("{} ({}{how})", title(Self::NAME), self.node)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.node = new.node(self.node);
    }
}
