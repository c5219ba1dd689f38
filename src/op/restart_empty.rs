//! `restart_empty`: a node comes back with nothing on its disk, as a new node at the old address.

use serde::{Deserialize, Serialize};

use super::OpKind;
use super::recipients::{self, ONE_NODE, title};
use super::restart::KILL;
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Key, Reader, Renumber};

/// A node comes back empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartEmpty {
    /// The node.
    pub node: NodeId,
    /// Whether it ends at once, instead of shutting down in order.
    pub kill: bool,
}

impl OpKind for RestartEmpty {
    const NAME: &'static str = "restart_empty";
    const ABOUT: &'static str = "A node's process ends, its data directory is wiped, and it is started again: a new identity at the old address, which knows nobody. It is done once the node says so.";
    const KEYS: &'static [Key] = &[ONE_NODE, KILL];
    const EXAMPLE: &'static str = "type: restart_empty\nnode: 4\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let node = recipients::read_one(reader, "node")?;
        Some(RestartEmpty { node, kill: reader.flag("kill").unwrap_or(false) })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node).with("kill", self.kill)
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

    fn wipes(&self) -> Vec<NodeId> {
        vec![self.node]
    }
}
