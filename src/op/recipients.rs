//! The nodes that a command is typed at: one, some, or all that were laid out.

use super::OpKind;
use crate::id::NodeId;
use crate::language::{Entry, Form, Key, Reader, Renumber, Value};

/// The keys that name them.
pub(super) const NODE: Key = Key::new("node", Form::Node, "the node at which it is typed");
pub(super) const NODES: Key =
    Key::new("nodes", Form::Nodes, "several nodes instead of one; all if neither is there");
/// The key of a kind that is typed at one node only.
pub(super) const ONE_NODE: Key = Key::new("node", Form::Node, "the node at which it is typed. Must be there");

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
