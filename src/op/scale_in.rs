//! `scale_in`: a shard gives all of its slots to another one, and its nodes leave the cluster.

use serde::{Deserialize, Serialize};

use super::recipients::title;
use super::reshard::{Method, Which};
use super::{ALL_SLOTS, OpAction, OpKind, RemoveReplica, Reshard};
use crate::id::ShardId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber, Word, names};

/// A shard goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleIn {
    /// The shard.
    pub shard: ShardId,
    /// The shard that gets its slots.
    pub to: ShardId,
    /// How slots move.
    pub method: Method,
    /// How many shards there are.
    pub shards: u16,
    /// How many replicas each was laid out with.
    pub replicas: u16,
}

impl OpKind for ScaleIn {
    const NAME: &'static str = "scale_in";
    const ABOUT: &'static str = "A shard gives all of its slots to another one; then its nodes are forgotten by all others, one after the other, and end. It takes long key by key: there are thousands of slots.";
    const KEYS: &'static [Key] = &[
        Key::new("shard", Form::Shard, "the shard that goes. Must be there"),
        Key::new("to", Form::Shard, "the shard that gets its slots. Must be there"),
        Key::new("method", Form::Word(names::<Method>), "how slots move, as for `reshard`"),
    ];
    const EXAMPLE: &'static str = "type: scale_in\nshard: 3\nto: 1\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        for key in ["shard", "to"] {
            if !reader.has(key) {
                reader.wrong("it is not said which shard", format!("add `{key}:`"));
            }
        }
        let (shard, to) = (reader.shard("shard")?, reader.shard("to")?);
        if shard == to {
            reader.wrong_at("to", "the shard goes itself", "name another shard");
        }
        let Layout { shards, replicas } = reader.layout;
        let method = reader.word("method").unwrap_or(Method::Any);
        Some(ScaleIn { shard, to, method, shards, replicas })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("shard", self.shard).with("to", self.to);
        own.with("method", self.method.word())
    }

    fn in_words(&self) -> String {
        format!("{} ({} into {}, {})", title(Self::NAME), self.shard, self.to, self.method.word())
    }

    /// Every shard and node, so that it stands in the way of smaller clusters.
    fn targets(&self) -> Vec<Target> {
        self.layout().nodes().map(Target::Node).collect()
    }

    fn renumber(&mut self, _new: &dyn Renumber) {}

    fn shard(&self, _layout: Layout) -> Option<ShardId> {
        Some(self.shard)
    }

    fn parts(&self) -> Vec<OpAction> {
        let drain = Reshard {
            from: self.shard,
            to: self.to,
            which: Which::These(vec![ALL_SLOTS]),
            method: self.method,
            cancel_after_ns: None,
            abandon_after_ns: None,
        };
        let layout = self.layout();
        let nodes = layout.nodes().filter(|node| layout.shard_of(*node) == self.shard);
        let mut parts = vec![drain.into()];
        parts.extend(nodes.flat_map(|node| RemoveReplica::among(node, self.shard, layout).parts()));
        parts
    }

    fn since(&self) -> Option<&'static str> {
        (self.method == Method::Atomic).then_some("9.0")
    }
}

impl ScaleIn {
    fn layout(&self) -> Layout {
        Layout { shards: self.shards, replicas: self.replicas }
    }
}
