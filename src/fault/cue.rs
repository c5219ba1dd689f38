//! What a fault or an operation waits for: something that is seen in the run, how it is written and how it is read.
//!
//! A cue is data. Whether an event is one is the chronicle's to say (`chronicle::cues`), beside a run as well as over its log.

mod draw;
mod read;
mod steps;

use serde::{Deserialize, Serialize};

pub use self::draw::draw;
pub use self::read::{KEYS, read};
pub use self::steps::{Becoming, FaultStep, MigrationState, SlotStep, SyncStep};
use super::{FaultAction, FaultId, FileCall, FileClass};
use crate::event::MessageType;
use crate::id::NodeId;
use crate::language::{Entry, Renumber, Value, Word};

/// The how manieth sight of something, counted from the beginning of the workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cue {
    /// What is seen.
    pub sight: Sight,
    /// At which node: who sends the message, writes the line, changes; any if absent.
    pub node: Option<NodeId>,
    /// The how manieth time, from 1.
    pub nth: u64,
}

/// Something that can be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// A message of the cluster bus is sent, to one node or to any.
    Bus {
        /// Its type.
        message: MessageType,
        /// Whom to; anybody if absent.
        to: Option<NodeId>,
    },
    /// A server logs a line with this text in it.
    Log(String),
    /// A node becomes something that it was not.
    Becomes(Becoming),
    /// A node does that with the slot.
    Slot(u16, SlotStep),
    /// A job of an atomic slot migration comes to this state (9.0 and later).
    Migration(MigrationState),
    /// A replica comes to this step of a synchronisation.
    Sync(SyncStep),
    /// A process makes such a call that concerns a file of the class. The turn in which it is made goes on to its end;
    /// what is to come exactly then is a `disk_crash` at that step.
    File(FileClass, FileCall),
    /// Another fault fired, or was healed.
    Fault(FaultId, FaultStep),
}

impl Cue {
    /// The first sight of something, wherever.
    pub fn of(sight: Sight) -> Cue {
        Cue { sight, node: None, nth: 1 }
    }

    /// What stands below `when`.
    pub fn write(&self) -> Value {
        let (entry, place) = match &self.sight {
            Sight::Bus { message, to } => {
                (Entry::default().with("bus", message.to_string()).maybe("to", *to), "from")
            }
            Sight::Log(text) => (Entry::default().with("log", text.as_str()), "node"),
            Sight::Becomes(becoming) => (Entry::default().with("becomes", becoming.word()), "node"),
            Sight::Slot(slot, step) => (Entry::default().with("slot", *slot).with("is", step.word()), "node"),
            Sight::Migration(state) => (Entry::default().with("migration", state.word()), "node"),
            Sight::Sync(step) => (Entry::default().with("sync", step.word()), "node"),
            Sight::File(file, call) => {
                (Entry::default().with("file", file.word()).with("call", call.word()), "node")
            }
            Sight::Fault(fault, step) => {
                return Entry::default().with("fault", fault.0).with(step.word(), true).written();
            }
        };
        let nth = (self.nth > 1).then_some(self.nth);
        entry.maybe(place, self.node).maybe("nth", nth).written()
    }

    /// What is waited for, for the report.
    pub fn in_words(&self) -> String {
        let at = self.node.map_or(String::new(), |node| format!(" at {node}"));
        let nth = if self.nth > 1 { format!(", time {}", self.nth) } else { String::new() };
        match &self.sight {
            Sight::Bus { message, to } => {
                let from = self.node.map_or(String::new(), |node| format!(" from {node}"));
                let to = to.map_or(String::new(), |node| format!(" to {node}"));
                format!("{message}{from}{to}{nth}")
            }
            Sight::Log(text) => format!("{text:?} in a log{at}{nth}"),
            Sight::Becomes(becoming) => {
                let who = self.node.map_or("a node".to_owned(), |node| node.to_string());
                format!("{who} becomes {}{nth}", becoming.word())
            }
            Sight::Slot(slot, step) => format!("slot {slot} is {}{at}{nth}", step.word()),
            Sight::Migration(state) => format!("a migration is {}{at}{nth}", state.word()),
            Sight::Sync(step) => format!("a synchronisation is {}{at}{nth}", step.word()),
            Sight::File(file, call) => format!("{} of {}{at}{nth}", call.word(), file.word()),
            Sight::Fault(fault, step) => format!("fault {} is {}", fault.0, step.word()),
        }
    }

    /// The nodes that it names.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        let to = match self.sight {
            Sight::Bus { to, .. } => to,
            _ => None,
        };
        self.node.into_iter().chain(to)
    }

    /// Gives the nodes that it names the numbers that they have in a smaller cluster.
    pub fn renumber(&mut self, new: &dyn Renumber) {
        if let Some(node) = &mut self.node {
            *node = new.node(*node);
        }
        if let Sight::Bus { to: Some(to), .. } = &mut self.sight {
            *to = new.node(*to);
        }
    }

    /// The other fault that it waits for.
    pub fn fault(&self) -> Option<FaultId> {
        match self.sight {
            Sight::Fault(fault, _) => Some(fault),
            _ => None,
        }
    }

    /// Has it wait for another fault than it did.
    pub fn wait_for(&mut self, other: FaultId) {
        if let Sight::Fault(fault, _) = &mut self.sight {
            *fault = other;
        }
    }

    /// Whether it waits for a call that concerns a file, which has to be told then.
    pub fn is_of_files(&self) -> bool {
        matches!(self.sight, Sight::File(..))
    }

    /// The first version of the server at which it can be seen, if older ones never show it.
    pub fn since(&self) -> Option<&'static str> {
        matches!(self.sight, Sight::Migration(_)).then_some("9.0")
    }

    /// Why it never can be seen, if the fault that it waits for is never undone.
    pub(super) fn never(&self, other: &FaultAction) -> Option<&'static str> {
        let stays = matches!(other.ends_process(), Some((_, None)));
        let waits_for_heal = matches!(self.sight, Sight::Fault(_, FaultStep::Healed));
        (waits_for_heal && stays).then_some("that fault is never healed")
    }
}
