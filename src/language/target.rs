//! Whom a fault or an operation is meant for, and the keys that say so.

use serde::{Deserialize, Serialize};

use super::{Entry, Form, Key, Layout, Reader, Renumber, Value, Word, names};
use crate::id::{NodeId, ShardId};
use crate::rng::Stream;

/// Whom it is meant for. Roles are looked up in the cluster when the moment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The node that is the primary of the shard at that moment.
    Primary(ShardId),
    /// The n-th replica (from 0, modulo their number) of the shard at that moment.
    Replica(ShardId, u16),
    /// This node, whatever its role.
    Node(NodeId),
    /// All clients of the workload; only a side of a partition can be that.
    Clients,
}

/// What the key `target` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The primary of `shard`.
    Primary,
    /// A replica of `shard`.
    Replica,
    /// Any node of `shard`, or of the cluster.
    Random,
    /// The node `node`.
    Node,
}

impl Word for Part {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("primary", Part::Primary),
        ("replica", Part::Replica),
        ("random", Part::Random),
        ("node", Part::Node),
    ];
}

/// The keys that say whom an entry is meant for.
pub const KEYS: &[Key] = &[
    Key::new("target", Form::Word(names::<Part>), "whom it hits; the node `node`, or any, if absent"),
    Key::new("shard", Form::Shard, "the shard whose primary, replica or any node it hits"),
    Key::new("replica", Form::Whole(1, 5), "which replica of the shard, from 1; a drawn one if absent"),
    Key::new("node", Form::Node, "the node it hits"),
];

/// Reads whom an entry is meant for. Roles stay roles; a random node is drawn here.
pub fn read(reader: &mut Reader) -> Target {
    check(reader);
    let layout = reader.layout;
    let (part, shard, node) = (reader.word("target"), reader.shard("shard"), reader.node("node"));
    let mut stream = reader.stream("target");
    match (part, shard, node) {
        (Some(Part::Primary), Some(shard), _) => Target::Primary(shard),
        (Some(Part::Replica), Some(shard), _) => {
            let any = stream.below(u64::from(layout.replicas.max(1))) as u16;
            Target::Replica(shard, reader.small("replica").map_or(any, |nth| nth - 1))
        }
        (_, _, Some(node)) => Target::Node(node),
        (_, Some(shard), None) => {
            let first = layout.first_primary(shard).0;
            Target::Node(NodeId(first + stream.range(0..=u64::from(layout.replicas)) as u16))
        }
        (_, None, None) => Target::Node(NodeId(stream.range(1..=u64::from(layout.node_count())) as u16)),
    }
}

fn check(reader: &mut Reader) {
    let (part, node, shard) = (reader.word::<Part>("target"), reader.node("node"), reader.shard("shard"));
    match part {
        Some(Part::Primary | Part::Replica) if !reader.has("shard") => {
            reader.wrong("it is not said of which shard", "add `shard:`");
        }
        Some(Part::Node) if !reader.has("node") => {
            reader.wrong("it is not said which node", "add `node:`");
        }
        Some(Part::Primary | Part::Replica | Part::Random) if reader.has("node") => {
            reader.wrong_at("node", "the target is no node", "write `target: node`, or no `node:`");
        }
        _ => {
            if let (Some(shard), Some(node)) = (shard, node)
                && reader.layout.shard_of(node) != shard
            {
                let message = format!("node {} is not in shard {}", node.0, shard.0);
                reader.wrong_at("node", message, "drop `shard:`");
            }
        }
    }
    check_replica(reader, part);
}

fn check_replica(reader: &mut Reader, part: Option<Part>) {
    let most = u64::from(reader.layout.replicas);
    let nth = reader.whole("replica");
    if part == Some(Part::Replica) && most == 0 {
        reader.wrong_at("target", "there are no replicas", "set `cluster.replicas` to 1 or more");
    } else if part == Some(Part::Replica) {
        if let Some(nth) = nth.filter(|nth| *nth > most) {
            let advice = format!("write a whole number from 1 to {most}");
            reader.wrong_at("replica", format!("{nth} is out of range"), advice);
        }
    } else if reader.has("replica") {
        reader.wrong_at("replica", "the target is no replica", "write `target: replica`");
    }
}

/// Aims at a role more often than at a node: what role a node has is what the cluster is about.
pub fn draw(stream: &mut Stream, layout: Layout) -> Entry {
    let shard = stream.range(1..=u64::from(layout.shards));
    let node = stream.range(1..=u64::from(layout.node_count()));
    let parts = [
        (6, Part::Primary),
        (if layout.replicas > 0 { 3 } else { 0 }, Part::Replica),
        (1, Part::Random),
        (1, Part::Node),
    ];
    let part = stream.weighted(&parts);
    let entry = Entry::default().with("target", part.word());
    match part {
        Part::Node => entry.with("node", node),
        Part::Primary | Part::Replica | Part::Random => entry.with("shard", shard),
    }
}

impl Target {
    /// The keys that say it. Clients have none: they are hit as a side of a partition only.
    pub fn write(self) -> Entry {
        let aimed = |part: Part| Entry::default().with("target", part.word());
        match self {
            Target::Primary(shard) => aimed(Part::Primary).with("shard", shard),
            Target::Replica(shard, nth) => {
                aimed(Part::Replica).with("shard", shard).with("replica", nth.saturating_add(1))
            }
            Target::Node(node) => aimed(Part::Node).with("node", node),
            Target::Clients => Entry::default(),
        }
    }

    /// The member of a side that it is; nothing for a role.
    pub fn as_member(self) -> Option<Value> {
        match self {
            Target::Node(node) => Some(node.into()),
            Target::Clients => Some("clients".into()),
            Target::Primary(_) | Target::Replica(..) => None,
        }
    }

    /// The shard whose role it is.
    pub fn role_of(self) -> Option<ShardId> {
        match self {
            Target::Primary(shard) | Target::Replica(shard, _) => Some(shard),
            Target::Node(_) | Target::Clients => None,
        }
    }

    /// The shard it is in, as far as the cluster is as it was laid out.
    pub fn shard(self, layout: Layout) -> Option<ShardId> {
        match self {
            Target::Node(node) => Some(layout.shard_of(node)),
            other => other.role_of(),
        }
    }

    /// The same target in a smaller cluster.
    pub fn renumbered(self, new: &dyn Renumber) -> Target {
        match self {
            Target::Primary(shard) => Target::Primary(new.shard(shard)),
            Target::Replica(shard, nth) => Target::Replica(new.shard(shard), new.replica(nth)),
            Target::Node(node) => Target::Node(new.node(node)),
            Target::Clients => Target::Clients,
        }
    }

    /// Whom it means, for the report of a plan.
    pub fn in_words(self) -> String {
        match self {
            Target::Primary(shard) => format!("{shard}, primary"),
            Target::Replica(shard, index) => format!("{shard}, replica {}", u32::from(index) + 1),
            Target::Node(node) => node.to_string(),
            Target::Clients => "clients".to_owned(),
        }
    }
}
