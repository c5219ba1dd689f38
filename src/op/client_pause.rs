//! `client_pause`: `CLIENT PAUSE`, nodes let their clients wait.

use serde::{Deserialize, Serialize};

use super::recipients::{self, NODE, NODES};
use super::{OpKind, Typed};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber};
use crate::rng::Stream;
use crate::time::SimDuration;

/// Clients wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientPause {
    /// The nodes.
    pub nodes: Vec<NodeId>,
    /// For how long.
    pub duration_ns: SimDuration,
    /// Whether only those that write wait.
    pub writes_only: bool,
}

impl OpKind for ClientPause {
    const NAME: &'static str = "client_pause";
    const ABOUT: &'static str =
        "`CLIENT PAUSE`: nodes let their clients wait for a while, all of them or those that write.";
    const KEYS: &'static [Key] = &[
        NODE,
        NODES,
        Key::new("duration", Form::Duration, "seconds; 1 to 10 are drawn if absent"),
        Key::new("writes_only", Form::Flag, "whether only those that write wait; not if absent"),
    ];
    const EXAMPLE: &'static str = "type: client_pause\nnode: 1\nduration: 2\nwrites_only: true";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        let duration = reader.seconds("duration");
        Some(ClientPause {
            nodes: recipients::read(reader),
            duration_ns: duration.unwrap_or_else(|| reader.drawn_ms("duration", 1_000..=10_000)),
            writes_only: reader.flag("writes_only").unwrap_or(false),
        })
    }

    fn write(&self) -> Entry {
        let own = recipients::write(&self.nodes).with("duration", self.duration_ns);
        own.with("writes_only", self.writes_only)
    }

    fn weight(_layout: Layout) -> u64 {
        1
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let node = stream.range(1..=u64::from(layout.node_count()));
        let duration = stream.tenths(5..=40);
        let own = Entry::default().with("node", node).with("duration", duration);
        own.with("writes_only", stream.chance(1, 2))
    }

    fn targets(&self) -> Vec<Target> {
        self.nodes.iter().copied().map(Target::Node).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.nodes = recipients::renumbered(&self.nodes, new);
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        let (ms, whom) =
            (self.duration_ns.as_ms().to_string(), if self.writes_only { "WRITE" } else { "ALL" });
        self.nodes.iter().map(|node| Typed::of(*node, &["CLIENT", "PAUSE", &ms, whom])).collect()
    }
}
