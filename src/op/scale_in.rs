//! `scale_in`: a shard gives all of its slots to another one, and its nodes leave the cluster.

use serde::{Deserialize, Serialize};

use super::recipients::{self, title};
use super::reshard::{Method, Which};
use super::{ALL_SLOTS, OpAction, OpKind, Reshard};
use crate::id::{NodeId, ShardId};
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber, Word, names};
use crate::rng::Stream;

/// A shard goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleIn {
    /// The shard.
    pub shard: ShardId,
    /// The shard that gets its slots.
    pub to: ShardId,
    /// How slots move.
    pub method: Method,
}

impl OpKind for ScaleIn {
    const NAME: &'static str = "scale_in";
    const ABOUT: &'static str = "A shard gives all of its slots to another one; then the nodes that were laid out in it and still belong to it, and spare nodes that do, are removed as by `remove_replica`, replicas first; guests from other shards become replicas of the shard that got the slots. It takes long key by key: there are thousands of slots.";
    const KEYS: &'static [Key] = &[
        Key::new("shard", Form::Shard, "the shard that goes. Must be there"),
        Key::new("to", Form::Shard, "the shard that gets its slots. Must be there"),
        Key::new("method", Form::Word(names::<Method>), "how slots move, as for `reshard`"),
    ];
    const EXAMPLE: &'static str = "type: scale_in\nshard: 3\nto: 1\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let (shard, to) = (recipients::read_shard(reader, "shard"), recipients::read_shard(reader, "to"));
        let (shard, to) = (shard?, to?);
        if shard == to {
            reader.wrong_at("to", "the shard goes itself", "name another shard");
        }
        Some(ScaleIn { shard, to, method: reader.word("method").unwrap_or(Method::Any) })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("shard", self.shard).with("to", self.to);
        own.with("method", self.method.word())
    }

    // Drawn for seeds of their own alone (`plan::generate::members`).
    fn weight(_: Layout) -> u64 {
        0
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let shard = stream.range(1..=u64::from(layout.shards));
        let to = (shard + stream.range(0..=u64::from(layout.shards) - 2)) % u64::from(layout.shards) + 1;
        Entry::default().with("shard", shard).with("to", to)
    }

    fn in_words(&self) -> String {
        format!("{} ({} into {}, {})", title(Self::NAME), self.shard, self.to, self.method.word())
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Primary(self.shard), Target::Primary(self.to)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        (self.shard, self.to) = (new.shard(self.shard), new.shard(self.to));
    }

    fn shard(&self, _layout: Layout) -> Option<ShardId> {
        Some(self.shard)
    }

    /// The first of them; who leaves then is looked up.
    fn parts(&self) -> Vec<OpAction> {
        let all = Which::These(vec![ALL_SLOTS]);
        vec![Reshard::plain(self.shard, self.to, all, self.method).into()]
    }

    fn since(&self) -> Option<&'static str> {
        (self.method == Method::Atomic).then_some("9.0")
    }

    fn shuts_down(&self, layout: Layout) -> Vec<NodeId> {
        self.sends_away(layout)
    }

    fn sends_away(&self, layout: Layout) -> Vec<NodeId> {
        let is_own = |node: &NodeId| layout.shard_of(*node) == self.shard || layout.is_spare(*node);
        layout.hosts().filter(is_own).collect()
    }
}
