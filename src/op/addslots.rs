//! `addslots`: a node takes slots that it gives to nobody.

use serde::{Deserialize, Serialize};

use super::recipients::ONE_NODE;
use super::slots_at::SlotsAt;
use super::{OpKind, SLOTS, Sign, Typed};
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Reader, Renumber};

/// A node is told of slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Addslots(pub SlotsAt);

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
        SlotsAt::read(reader).map(Addslots)
    }

    fn write(&self) -> Entry {
        self.0.write()
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.0.node)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.0.node = new.node(self.0.node);
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        self.0.typed("ADDSLOTS", Sign::Owns)
    }
}
