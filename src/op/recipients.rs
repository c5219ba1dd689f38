//! The nodes that a command is typed at: one, some, or all that were laid out.

use super::{OpKind, Typed};
use crate::id::{NodeId, ShardId};
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber, Value};
use crate::rng::Stream;

/// The keys that name them.
pub(super) const NODE: Key = Key::new("node", Form::Node, "the node at which it is typed");
pub(super) const NODES: Key =
    Key::new("nodes", Form::Nodes, "several nodes instead of one; all if neither is there");
/// The key of a kind that is typed at one node only.
pub(super) const ONE_NODE: Key = Key::new("node", Form::Node, "the node at which it is typed. Must be there");

/// A kind that is nothing but one command, the same at every node that it names, of which the answer alone counts.
pub trait AtNodes: Sized {
    /// As [`OpKind::NAME`].
    const NAME: &'static str;
    /// As [`OpKind::ABOUT`].
    const ABOUT: &'static str;
    /// As [`OpKind::EXAMPLE`].
    const EXAMPLE: &'static str;
    /// The command.
    const ARGS: &'static [&'static str];

    /// The command at these nodes.
    fn at(nodes: Vec<NodeId>) -> Self;
    /// Where it is typed.
    fn nodes(&self) -> &[NodeId];
}

impl<K: AtNodes> OpKind for K {
    const NAME: &'static str = K::NAME;
    const ABOUT: &'static str = K::ABOUT;
    const KEYS: &'static [Key] = &[NODE, NODES];
    const EXAMPLE: &'static str = K::EXAMPLE;
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        Some(K::at(read(reader)))
    }

    fn write(&self) -> Entry {
        write(self.nodes())
    }

    fn weight(_layout: Layout) -> u64 {
        1
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        Entry::default().with("node", stream.range(1..=u64::from(layout.node_count())))
    }

    fn targets(&self) -> Vec<Target> {
        self.nodes().iter().copied().map(Target::Node).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        *self = K::at(renumbered(self.nodes(), new));
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        self.nodes().iter().map(|node| Typed::of(*node, K::ARGS)).collect()
    }
}

/// Reads one node or several.
pub(super) fn read(reader: &mut Reader) -> Vec<NodeId> {
    if reader.has("node") && reader.has("nodes") {
        reader.wrong_at("nodes", "there is a node too", "keep `node` or `nodes`");
    }
    if reader.nodes("nodes").is_some_and(|nodes| nodes.is_empty()) {
        reader.wrong_at("nodes", "there is nobody", "leave `nodes` out to mean everybody");
    }
    let one = reader.node("node").map(|node| vec![node]);
    one.or_else(|| reader.nodes("nodes")).unwrap_or_else(|| reader.layout.nodes().collect())
}

/// Reads the one node of a kind that must have one.
pub(super) fn read_one(reader: &mut Reader, key: &str) -> Option<NodeId> {
    if !reader.has(key) {
        reader.wrong("it is not said which node", format!("add `{key}:`"));
    }
    reader.node(key)
}

/// Reads the one shard of a kind that must have one.
pub(super) fn read_shard(reader: &mut Reader, key: &str) -> Option<ShardId> {
    if !reader.has(key) {
        reader.wrong("it is not said which shard", format!("add `{key}:`"));
    }
    reader.shard(key)
}

/// Draws a node that is laid out as a replica, of which there must be some.
pub(super) fn draw_replica(stream: &mut Stream, layout: Layout) -> NodeId {
    let shard = ShardId(stream.range(1..=u64::from(layout.shards)) as u16);
    let nth = stream.range(1..=u64::from(layout.replicas)) as u16;
    NodeId(layout.first_primary(shard).0 + nth)
}

/// The keys that name some nodes.
pub(super) fn write(nodes: &[NodeId]) -> Entry {
    Entry::default().with("nodes", nodes.iter().copied().map(Value::from).collect::<Vec<_>>())
}

/// The nodes with the numbers that they have in a smaller cluster.
pub(super) fn renumbered(nodes: &[NodeId], new: &dyn Renumber) -> Vec<NodeId> {
    nodes.iter().map(|node| new.node(*node)).collect()
}

/// What is typed, for the report: `Meet (CLUSTER MEET 10.0.0.4 6379 to node-1)`.
pub(super) fn in_words<K: OpKind>(kind: &K) -> String {
    let typed = kind.typed();
    let alike = typed.chunk_by(|a, b| a.args == b.args);
    let lines = alike.map(|lines| {
        let nodes: Vec<String> = lines.iter().map(|line| line.node.to_string()).collect();
        format!("{} to {}", lines[0].args.join(" "), nodes.join(", "))
    });
    format!("{} ({})", title(K::NAME), lines.collect::<Vec<_>>().join("; "))
}

/// A kind's name as a title: `set_config_epoch` becomes `Set Config Epoch`.
pub(super) fn title(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    };
    name.split('_').map(word).collect::<Vec<_>>().join(" ")
}
