//! `rolling_upgrade`: node after node comes back with another server, each only once the one before it serves again.

use serde::{Deserialize, Serialize};

use super::recipients::{self, NODE, NODES, title};
use super::{Failover, FailoverMode, OpAction, OpKind, Restart};
use crate::id::{NodeId, ShardId};
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Reader, Renumber};

/// Nodes get another server one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollingUpgrade {
    /// The nodes, in order.
    pub nodes: Vec<NodeId>,
    /// The server: a version, or a path.
    pub to: String,
    /// Whether a primary hands over before it ends.
    pub hand_over: bool,
    /// The shards whose primaries may have to.
    pub shards: Vec<ShardId>,
}

impl OpKind for RollingUpgrade {
    const NAME: &'static str = "rolling_upgrade";
    const ABOUT: &'static str = "Nodes are restarted one after the other with another server, newer or older, each once the one before it serves again. A node that leads a shard when its turn comes hands over first, if a replica lives. The order is replicas before primaries, by the layout.";
    const KEYS: &'static [Key] = &[
        NODE,
        NODES,
        Key::new(
            "to",
            Form::Version,
            "the server that they come back with: a version in quotes, or a path. Must be there",
        ),
        Key::new("hand_over", Form::Flag, "whether a primary hands over before it ends; it does if absent"),
    ];
    const EXAMPLE: &'static str = "type: rolling_upgrade\nto: \"9.1\"\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let layout = reader.layout;
        let mut nodes = recipients::read(reader);
        if !reader.has("node") && !reader.has("nodes") {
            nodes.sort_by_key(|node| layout.first_primary(layout.shard_of(*node)) == *node);
        }
        let Some(to) = reader.text("to") else {
            if !reader.has("to") {
                reader.wrong("it is not said which server", "add `to: \"9.1\"`, say");
            }
            return None;
        };
        let hand_over = reader.flag("hand_over").unwrap_or(true) && layout.replicas > 0;
        Some(RollingUpgrade { nodes, to, hand_over, shards: layout.shards().collect() })
    }

    fn write(&self) -> Entry {
        recipients::write(&self.nodes).with("to", self.to.as_str()).with("hand_over", self.hand_over)
    }

    fn in_words(&self) -> String {
        let nodes: Vec<String> = self.nodes.iter().map(ToString::to_string).collect();
        let how = if self.hand_over { ", primaries hand over" } else { "" };
        format!("{} (to {}: {}{how})", title(Self::NAME), self.to, nodes.join(", "))
    }

    fn targets(&self) -> Vec<Target> {
        let shards = self.shards.iter().copied().map(Target::Primary);
        self.nodes.iter().copied().map(Target::Node).chain(shards).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.nodes = recipients::renumbered(&self.nodes, new);
        self.shards = self.shards.iter().map(|shard| new.shard(*shard)).collect();
    }

    /// All that they can be; who leads a shard is looked up.
    fn parts(&self) -> Vec<OpAction> {
        let shards = self.shards.iter().filter(|_| self.hand_over);
        shards
            .map(|shard| self.failover(*shard))
            .chain(self.nodes.iter().map(|node| self.restart(*node)))
            .collect()
    }

    fn installs(&self) -> Option<&str> {
        Some(&self.to)
    }
}

impl RollingUpgrade {
    /// The primary of a shard hands over.
    pub fn failover(&self, shard: ShardId) -> OpAction {
        Failover { shard, mode: FailoverMode::Default, to: None }.into()
    }

    /// A node comes back with the server.
    pub fn restart(&self, node: NodeId) -> OpAction {
        Restart { node, kill: false, server: Some(self.to.clone()) }.into()
    }
}
