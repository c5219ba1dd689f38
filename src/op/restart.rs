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
    /// The server that it comes back with, a version or a path; the one it had if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

/// Whether a node that is restarted ends at once.
pub(super) const KILL: Key = Key::new(
    "kill",
    Form::Flag,
    "whether it is killed with SIGKILL instead of asked to end with SIGTERM; not if absent",
);

/// The server that a node comes back with.
const SERVER: Key = Key::new(
    "server",
    Form::Version,
    "the server that it comes back with: a version in quotes, or a path; the one it had if absent",
);

impl OpKind for Restart {
    const NAME: &'static str = "restart";
    const ABOUT: &'static str = "A node's process ends and is started again at once with its data directory. It is done once the node serves: it has loaded its data, and a replica is linked to its primary.";
    const KEYS: &'static [Key] = &[ONE_NODE, KILL, SERVER];
    const EXAMPLE: &'static str = "type: restart\nnode: 4\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let node = recipients::read_one(reader, "node")?;
        let (kill, server) = (reader.flag("kill").unwrap_or(false), reader.text("server"));
        Some(Restart { node, kill, server })
    }

    fn write(&self) -> Entry {
        Entry::default()
            .with("node", self.node)
            .with("kill", self.kill)
            .maybe("server", self.server.as_deref())
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
        let with = self.server.as_ref().map(|server| format!(", with {server}")).unwrap_or_default();
        format!("{} ({}{how}{with})", title(Self::NAME), self.node)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.node = new.node(self.node);
    }

    fn installs(&self) -> Option<&str> {
        self.server.as_deref()
    }
}
