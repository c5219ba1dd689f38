//! `addslots`: a node takes slots that it gives to nobody.

use serde::{Deserialize, Serialize};

use super::recipients::{self, ONE_NODE};
use super::{OpKind, SLOTS, Sign, Slots, Typed, slot_words};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Reader, Renumber, slots_value};

/// A node is told of slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addslots {
    /// The node.
    pub node: NodeId,
    /// The slots, first and last of each range.
    pub slots: Slots,
    /// Whether it is told of ranges, instead of single slots.
    pub ranges: bool,
}

impl OpKind for Addslots {
    const NAME: &'static str = "addslots";
    const ABOUT: &'static str = "`CLUSTER ADDSLOTS` or `ADDSLOTSRANGE` at one node, which refuses slots that it gives to somebody. It is done once the node gives them to itself.";
    const KEYS: &'static [Key] = &[
        ONE_NODE,
        SLOTS,
        Key::new(
            "ranges",
            Form::Flag,
            "`CLUSTER ADDSLOTSRANGE` instead of `CLUSTER ADDSLOTS`; not if absent",
        ),
    ];
    const EXAMPLE: &'static str = "type: addslots\nnode: 1\nslots: [100-200]\nranges: true\nexpect: error";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        let node = recipients::read_one(reader, "node");
        if !reader.has("slots") {
            reader.wrong("it is not said which slots", "add `slots: [0, 100-200]`, say");
        }
        let ranges = reader.flag("ranges").unwrap_or(false);
        Some(Addslots { node: node?, slots: reader.slots("slots")?, ranges })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("node", self.node).with("slots", slots_value(&self.slots));
        own.with("ranges", self.ranges)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.node = new.node(self.node);
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        let verb = if self.ranges { "ADDSLOTSRANGE" } else { "ADDSLOTS" };
        let typed = Typed::of(self.node, &["CLUSTER", verb]).with(slot_words(&self.slots, self.ranges));
        vec![typed.shown_by(Sign::Owns(self.slots.clone()))]
    }
}
