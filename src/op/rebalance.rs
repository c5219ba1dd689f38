//! `rebalance`: slots move until every shard has as many as it was given when the cluster was formed.

use serde::{Deserialize, Serialize};

use super::recipients::title;
use super::reshard::{Method, Which};
use super::{OpAction, OpKind, Reshard};
use crate::id::ShardId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber, Word, names};

/// Slots move back to where they were laid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebalance {
    /// How many shards there are.
    pub shards: u16,
    /// How many replicas each was laid out with.
    pub replicas: u16,
    /// How slots move.
    pub method: Method,
}

impl OpKind for Rebalance {
    const NAME: &'static str = "rebalance";
    const ABOUT: &'static str = "Slots move until every shard has those that it was given when the cluster was formed: what is elsewhere is moved back, one pair of shards after the other.";
    const KEYS: &'static [Key] =
        &[Key::new("method", Form::Word(names::<Method>), "how slots move, as for `reshard`")];
    const EXAMPLE: &'static str = "type: rebalance\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let Layout { shards, replicas, .. } = reader.layout;
        Some(Rebalance { shards, replicas, method: reader.word("method").unwrap_or(Method::Any) })
    }

    fn write(&self) -> Entry {
        Entry::default().with("method", self.method.word())
    }

    fn in_words(&self) -> String {
        format!("{} ({})", title(Self::NAME), self.method.word())
    }

    fn signature(&self) -> String {
        Self::NAME.to_owned()
    }

    /// Every shard, so that it stands in the way of smaller clusters: what it is depends on their number.
    fn targets(&self) -> Vec<Target> {
        (1..=self.shards).map(|shard| Target::Primary(ShardId(shard))).collect()
    }

    fn renumber(&mut self, _new: &dyn Renumber) {}

    fn shard(&self, _layout: Layout) -> Option<ShardId> {
        None
    }

    fn parts(&self) -> Vec<OpAction> {
        let layout = Layout { shards: self.shards, replicas: self.replicas, spares: 0 };
        let pairs = layout.shards().flat_map(|to| layout.shards().map(move |from| (from, to)));
        let apart = pairs.filter(|(from, to)| from != to);
        let back = apart
            .map(|(from, to)| Reshard::plain(from, to, Which::These(vec![layout.slots_of(to)]), self.method));
        back.map(OpAction::from).collect()
    }

    fn since(&self) -> Option<&'static str> {
        (self.method == Method::Atomic).then_some("9.0")
    }
}
