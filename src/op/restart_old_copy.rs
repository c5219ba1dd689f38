//! `restart_old_copy`: a node comes back with its data directory as it was earlier, as from a backup or a machine's snapshot.

use serde::{Deserialize, Serialize};

use super::OpKind;
use super::recipients::{self, ONE_NODE, title};
use super::restart::KILL;
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A node comes back as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartOldCopy {
    /// The node.
    pub node: NodeId,
    /// How old the copy is when it is put back.
    pub age_ns: SimDuration,
    /// Whether the process ends at once, instead of shutting down in order.
    pub kill: bool,
}

/// How old a copy is if that is not said.
const AGE: SimDuration = SimDuration::from_secs(5);

/// From when the copy is.
const OF_AGE: Key = Key::new(
    "age",
    Form::Seconds,
    "seconds from the operation's moment, at which the copy is made, until the process ends and the copy is put back; 5 if absent",
);

impl OpKind for RestartOldCopy {
    const NAME: &'static str = "restart_old_copy";
    const ABOUT: &'static str = "At the operation's moment a copy is made of a node's data directory, all of it, while the node goes on. Some time later its process ends, the copy takes the directory's place, and it is started again: the old identity, with the epochs, votes and data of then. It is done once the node serves.";
    const KEYS: &'static [Key] = &[ONE_NODE, OF_AGE, KILL];
    const EXAMPLE: &'static str = "type: restart_old_copy\nnode: 4\nage: 6\ndelay: 1";

    fn read(reader: &mut Reader) -> Option<Self> {
        let node = recipients::read_one(reader, "node")?;
        let age_ns = reader.seconds("age").unwrap_or(AGE);
        Some(RestartOldCopy { node, age_ns, kill: reader.flag("kill").unwrap_or(false) })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node).with("age", self.age_ns).with("kill", self.kill)
    }

    fn weight(_layout: Layout) -> u64 {
        1
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let node = stream.range(1..=u64::from(layout.node_count()));
        let own = Entry::default().with("node", node).with("age", stream.tenths(5..=120));
        own.with("kill", stream.chance(1, 2))
    }

    fn in_words(&self) -> String {
        let how = if self.kill { ", SIGKILL" } else { "" };
        format!("{} ({}, {} old{how})", title(Self::NAME), self.node, self.age_ns)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.node = new.node(self.node);
    }
}
