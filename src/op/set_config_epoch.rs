//! `set_config_epoch`: `CLUSTER SET-CONFIG-EPOCH`, which only a node that knows nobody takes.

use serde::{Deserialize, Serialize};

use super::recipients::{self, ONE_NODE};
use super::{OpKind, Sign, Typed};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Reader, Renumber};

/// A node is given its config epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetConfigEpoch {
    /// The node.
    pub node: NodeId,
    /// The epoch.
    pub epoch: u64,
}

impl OpKind for SetConfigEpoch {
    const NAME: &'static str = "set_config_epoch";
    const ABOUT: &'static str = "`CLUSTER SET-CONFIG-EPOCH`, which only a node takes that knows nobody and has no epoch. It is done once the node says that it has it.";
    const KEYS: &'static [Key] =
        &[ONE_NODE, Key::new("epoch", Form::Whole(0, 1 << 62), "the epoch. Must be there")];
    const EXAMPLE: &'static str = "type: set_config_epoch\nnode: 1\nepoch: 100\nexpect: error";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        let node = recipients::read_one(reader, "node");
        if !reader.has("epoch") {
            reader.wrong("it is not said which epoch", "add `epoch:`");
        }
        Some(SetConfigEpoch { node: node?, epoch: reader.whole("epoch")? })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node).with("epoch", self.epoch)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.node = new.node(self.node);
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        let epoch = self.epoch.to_string();
        let typed = Typed::of(self.node, &["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
        vec![typed.shown_by(Sign::Epoch(self.epoch))]
    }
}
