//! `configuration_change`: `CONFIG SET` at one, some or all nodes, or a role, of directives that are listed here.
//!
//! The list is closed, so that a scenario cannot switch off what the run stands on; what the running server takes is its own
//! affair, and a refusal is told in its words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::recipients::{self, NODE, NODES};
use super::{OpKind, Typed};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber, Value, Word, names};
use crate::rng::Stream;

/// Settings change while the nodes run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationChange {
    /// The nodes.
    pub nodes: Vec<NodeId>,
    /// The directives with their new values.
    pub set: BTreeMap<String, String>,
}

/// The nodes that were laid out as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LaidOut {
    Primaries,
    Replicas,
}

impl Word for LaidOut {
    const WORDS: &'static [(&'static str, Self)] =
        &[("primaries", LaidOut::Primaries), ("replicas", LaidOut::Replicas)];
}

const ROLE: Key = Key::new(
    "role",
    Form::Word(names::<LaidOut>),
    "the nodes that were laid out as `primaries` or `replicas`, whatever they are when it is typed; instead of `node` or `nodes`",
);

/// Reads whose settings change.
fn nodes(reader: &mut Reader) -> Vec<NodeId> {
    let Some(part) = reader.word::<LaidOut>("role") else { return recipients::read(reader) };
    if reader.has("node") || reader.has("nodes") {
        reader.wrong_at("role", "the nodes are named too", "keep `role`, or the nodes");
    }
    let layout = reader.layout;
    if part == LaidOut::Replicas && layout.replicas == 0 {
        reader.wrong_at("role", "there are no replicas", "set `cluster.replicas` to 1 or more");
    }
    let is_primary = |node: &NodeId| layout.first_primary(layout.shard_of(*node)) == *node;
    layout.nodes().filter(|node| is_primary(node) == (part == LaidOut::Primaries)).collect()
}

/// What may be set, each with values that the generator draws from; none where a draw would spoil the run.
const DIRECTIVES: [(&str, &[&str]); 24] = [
    ("appendfsync", &["always", "everysec", "no"]),
    ("appendonly", &["yes", "no"]),
    ("client-output-buffer-limit", &[]),
    ("cluster-allow-reads-when-down", &[]),
    ("cluster-allow-replica-migration", &["yes", "no"]),
    ("cluster-migration-barrier", &["0", "1", "2"]),
    ("cluster-node-timeout", &[]),
    ("cluster-replica-no-failover", &[]),
    ("cluster-replica-validity-factor", &["0", "10"]),
    ("cluster-require-full-coverage", &[]),
    ("dual-channel-replication-enabled", &["yes", "no"]),
    ("hz", &["1", "10", "100"]),
    ("maxmemory", &[]),
    ("maxmemory-policy", &[]),
    ("min-replicas-max-lag", &[]),
    ("min-replicas-to-write", &[]),
    ("repl-backlog-size", &["16384", "1048576", "16777216"]),
    ("repl-diskless-load", &["disabled", "on-empty-db"]),
    ("repl-diskless-sync", &["yes", "no"]),
    ("repl-diskless-sync-delay", &["0", "1", "5"]),
    ("repl-ping-replica-period", &["1", "10"]),
    ("repl-timeout", &[]),
    ("save", &[]),
    ("shutdown-timeout", &["0", "10"]),
];

impl OpKind for ConfigurationChange {
    const NAME: &'static str = "configuration_change";
    const ABOUT: &'static str = "`CONFIG SET` at one, some or all nodes, or at a role, while they run. The directives that can be set are listed in `src/op/configuration_change.rs`.";
    const KEYS: &'static [Key] = &[
        NODE,
        NODES,
        ROLE,
        Key::new("set", Form::Directives, "the directives with their new values. Must be there"),
    ];
    const EXAMPLE: &'static str =
        "type: configuration_change\nnodes: [1, 2]\nset: {appendonly: true, hz: 100}\ndelay: 1";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        let set: BTreeMap<String, String> =
            reader.directives("set").unwrap_or_default().into_iter().collect();
        if set.is_empty() {
            reader.wrong("it is not said what is set", "add `set: {hz: 20}`, say");
            return None;
        }
        let known: Vec<&str> = DIRECTIVES.iter().map(|(name, _)| *name).collect();
        for name in set.keys().filter(|name| !known.contains(&name.as_str())) {
            let advice = format!("here can stand: {}", known.join(", "));
            reader.wrong_at("set", format!("`{name}` cannot be set while the nodes run"), advice);
        }
        Some(ConfigurationChange { nodes: nodes(reader), set })
    }

    fn write(&self) -> Entry {
        let pairs = self.set.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
        recipients::write(&self.nodes).with("set", Value::Map(pairs.collect()))
    }

    fn weight(_layout: Layout) -> u64 {
        2
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let drawn: Vec<_> = DIRECTIVES.iter().filter(|(_, values)| !values.is_empty()).collect();
        let (name, values) = stream.pick(&drawn).copied().expect("some directives can be drawn");
        let value = stream.pick(values).copied().unwrap_or_default();
        let set = Value::Map(vec![((*name).to_owned(), value.into())]);
        let node = stream.chance(1, 2).then(|| stream.range(1..=u64::from(layout.node_count())));
        let role = [(4, None), (1, Some(LaidOut::Primaries)), (1, Some(LaidOut::Replicas))];
        let role = stream.weighted(&role).filter(|_| node.is_none() && layout.replicas > 0);
        Entry::default().maybe("node", node).maybe("role", role.map(LaidOut::word)).with("set", set)
    }

    fn targets(&self) -> Vec<Target> {
        self.nodes.iter().copied().map(Target::Node).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.nodes = recipients::renumbered(&self.nodes, new);
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        let pairs: Vec<String> =
            self.set.iter().flat_map(|(name, value)| [name.clone(), value.clone()]).collect();
        self.nodes.iter().map(|node| Typed::of(*node, &["CONFIG", "SET"]).with(pairs.clone())).collect()
    }
}
