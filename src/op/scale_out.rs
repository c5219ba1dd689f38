//! `scale_out`: spare nodes become a new shard, and get slots of all others.

use serde::{Deserialize, Serialize};

use super::recipients::title;
use super::reshard::{Method, Which};
use super::{OpAction, OpKind, Reshard, RestartEmpty};
use crate::id::{NodeId, ShardId};
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber, Value, Word, names};
use crate::rng::Stream;

/// A shard comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleOut {
    /// The new primary, and then its replicas.
    pub nodes: Vec<NodeId>,
    /// The shard that the primary founds.
    pub shard: ShardId,
    /// The shards that slots are taken from.
    pub from: Vec<ShardId>,
    /// How many slots are taken from each.
    pub count: u16,
    /// How slots move.
    pub method: Method,
}

impl OpKind for ScaleOut {
    const NAME: &'static str = "scale_out";
    const ABOUT: &'static str = "Spare nodes start with nothing and are taken in, the first as a primary, the others as its replicas; then slots of every shard that was laid out move to them, shard after shard. The new shard has the number after the last one, counted on by the place of its primary among the spare nodes: in a cluster of three shards, the first spare node founds shard 4.";
    const KEYS: &'static [Key] = &[
        Key::new("nodes", Form::Nodes, "the spare nodes, the primary first. Must be there"),
        Key::new("count", Form::Whole(1, 16_384), "how many slots of each shard move; 16 if absent"),
        Key::new("method", Form::Word(names::<Method>), "how slots move, as for `reshard`"),
    ];
    const EXAMPLE: &'static str = "type: scale_out\nnodes: [7, 8]\ncount: 100\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let layout = reader.layout;
        let nodes = reader.nodes("nodes").unwrap_or_default();
        let Some(first) = nodes.first().copied() else {
            reader.wrong("it is not said which nodes", "add `nodes:` with spare nodes");
            return None;
        };
        if let Some(other) = nodes.iter().find(|node| !layout.is_spare(**node)) {
            let message = format!("node {} is no spare one", other.0);
            reader.wrong_at("nodes", message, "set `cluster.spares`, and name nodes beyond the last shard");
        }
        let (shard, from) = (layout.shard_of(first), layout.shards().collect());
        let (count, method) =
            (reader.small("count").unwrap_or(16), reader.word("method").unwrap_or(Method::Any));
        Some(ScaleOut { nodes, shard, from, count, method })
    }

    fn write(&self) -> Entry {
        let nodes: Vec<Value> = self.nodes.iter().copied().map(Value::from).collect();
        let own = Entry::default().with("nodes", nodes).with("count", self.count);
        own.with("method", self.method.word())
    }

    // Drawn for seeds of their own alone (`plan::generate::members`).
    fn weight(_: Layout) -> u64 {
        0
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let spares = layout.hosts().filter(|node| layout.is_spare(*node)).map(Value::from);
        let own = Entry::default().with("nodes", spares.collect::<Vec<_>>());
        own.with("count", stream.weighted(&[(3, 4_u64), (2, 16)]))
    }

    fn in_words(&self) -> String {
        let nodes: Vec<String> = self.nodes.iter().map(NodeId::to_string).collect();
        let (count, method) = (self.count, self.method.word());
        format!("{} ({}, {count} slots of each shard, {method})", title(Self::NAME), nodes.join(", "))
    }

    /// Every shard, so that it stands in the way of clusters with fewer: it takes slots from each.
    fn targets(&self) -> Vec<Target> {
        let nodes = self.nodes.iter().copied().map(Target::Node);
        nodes.chain(self.from.iter().copied().map(Target::Primary)).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.nodes = self.nodes.iter().map(|node| new.node(*node)).collect();
        self.shard = new.shard(self.shard);
        self.from = self.from.iter().map(|shard| new.shard(*shard)).collect();
    }

    fn shard(&self, _layout: Layout) -> Option<ShardId> {
        Some(self.shard)
    }

    /// All that need not be looked up: starting the nodes, and moving slots.
    fn parts(&self) -> Vec<OpAction> {
        let empty = self.nodes.iter().map(|node| RestartEmpty { node: *node, kill: false }.into());
        empty.chain(self.moves()).collect()
    }

    fn since(&self) -> Option<&'static str> {
        (self.method == Method::Atomic).then_some("9.0")
    }

    fn takes_in(&self) -> Vec<(NodeId, ShardId)> {
        self.nodes.iter().map(|node| (*node, self.shard)).collect()
    }
}

impl ScaleOut {
    /// The slots that move to the new shard, shard after shard.
    pub fn moves(&self) -> impl Iterator<Item = OpAction> {
        let to_new =
            move |from: &ShardId| Reshard::plain(*from, self.shard, Which::Count(self.count), self.method);
        self.from.iter().map(to_new).map(OpAction::from)
    }
}
