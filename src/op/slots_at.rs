//! Slots that one node is told of, one by one or as ranges.

use serde::{Deserialize, Serialize};

use super::recipients::read_one;
use super::{Sign, Slots, Typed, slot_words};
use crate::id::NodeId;
use crate::language::{Entry, Reader, slots_value};

/// A node and the slots that it is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotsAt {
    /// The node.
    pub node: NodeId,
    /// The slots, first and last of each range.
    pub slots: Slots,
    /// Whether it is told of ranges, instead of single slots.
    pub ranges: bool,
}

impl SlotsAt {
    /// Reads the keys `node`, `slots` and `ranges`.
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let node = read_one(reader, "node");
        if !reader.has("slots") {
            reader.wrong("it is not said which slots", "add `slots: [0, 100-200]`, say");
        }
        let ranges = reader.flag("ranges").unwrap_or(false);
        Some(SlotsAt { node: node?, slots: reader.slots("slots")?, ranges })
    }

    /// The same keys, written.
    pub(super) fn write(&self) -> Entry {
        let own = Entry::default().with("node", self.node).with("slots", slots_value(&self.slots));
        own.with("ranges", self.ranges)
    }

    /// The command: `CLUSTER` with the verb, or with its form for ranges.
    pub(super) fn typed(&self, verb: &str, sign: impl Fn(Slots) -> Sign) -> Vec<Typed<'static>> {
        let ending = if self.ranges { "RANGE" } else { "" };
        let typed = Typed::of(self.node, &["CLUSTER", &format!("{verb}{ending}")]);
        vec![typed.with(slot_words(&self.slots, self.ranges)).shown_by(sign(self.slots.clone()))]
    }
}
