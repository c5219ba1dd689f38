//! `delslots`: a node forgets whom slots belong to.

use serde::{Deserialize, Serialize};

use super::recipients::ONE_NODE;
use super::slots_at::SlotsAt;
use super::{OpKind, SLOTS, Sign, Typed};
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Reader, Renumber};

/// A node is told of slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Delslots(pub SlotsAt);

impl OpKind for Delslots {
    const NAME: &'static str = "delslots";
    const ABOUT: &'static str = "`CLUSTER DELSLOTS` or `DELSLOTSRANGE` at one node, which from then on gives the slots to nobody, until somebody claims them. It is done once the node does not give them to itself.";
    const KEYS: &'static [Key] = &[
        ONE_NODE,
        SLOTS,
        Key::new(
            "ranges",
            Form::Flag,
            "`CLUSTER DELSLOTSRANGE` instead of `CLUSTER DELSLOTS`; not if absent",
        ),
    ];
    const EXAMPLE: &'static str = "type: delslots\nnode: 3\nslots: [0-9]\nranges: true";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        SlotsAt::read(reader).map(Delslots)
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
        self.0.typed("DELSLOTS", Sign::Lacks)
    }
}
