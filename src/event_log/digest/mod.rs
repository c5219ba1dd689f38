//! What happened in a run, counted and listed while its log is read once.
//!
//! Lists have an end, so that no log can fill the memory; what is left out is counted.

mod count;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{Kind, Phase, What};
use crate::fault::{Channel, FaultId};
use crate::id::{ActorId, NodeId};
use crate::op::OpId;
use crate::time::SimTime;

pub(super) use count::Counting;

/// The summary of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// How many events there are.
    pub events: u64,
    /// When the last one happened.
    pub until: SimTime,
    /// Whether the last line was cut off.
    pub truncated: bool,
    /// How many events make each statement, by its word.
    pub whats: BTreeMap<String, u64>,
    /// What was sent on each channel.
    pub channels: BTreeMap<Channel, Traffic>,
    /// How many messages of the cluster bus have each type.
    pub messages: BTreeMap<String, u64>,
    /// What was seen of each node.
    pub nodes: BTreeMap<NodeId, Life>,
    /// What clients were told.
    pub clients: Clients,
    /// The phases, each where it begins.
    pub phases: List<Seen<Phase>>,
    /// The operations.
    pub operations: List<Seen<Operation>>,
    /// The faults.
    pub faults: List<Seen<Fault>>,
    /// Processes that ended or never blocked again: who, and how.
    pub exits: List<Seen<(ActorId, String)>>,
    /// The verdicts: invariant, verdict, detail.
    pub verdicts: List<Seen<(String, String, String)>>,
}

/// A list that does not grow for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List<T> {
    /// The first entries.
    pub entries: Vec<T>,
    /// How many more there were.
    pub left_out: u64,
}

/// Something with the event that told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen<T> {
    /// The event.
    pub i: u64,
    /// When it happened.
    pub at: SimTime,
    /// What it told.
    pub is: T,
}

/// How much was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// How many chunks or messages.
    pub sent: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// What was seen of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// How many events were delivered to it or made by it.
    pub events: u64,
    /// How often its process was started.
    pub starts: u64,
    /// How often its process ended.
    pub exits: u64,
    /// How many lines it logged.
    pub log_lines: u64,
}

/// What clients asked for and were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clients {
    /// How often one asked.
    pub invoked: u64,
    /// Done.
    pub ok: u64,
    /// Surely not done.
    pub fail: u64,
    /// Cannot be known.
    pub info: u64,
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its number in the plan.
    pub op: OpId,
    /// In words.
    pub text: String,
    /// Whether it was done, and in words; nothing if the log ends before.
    pub ended: Option<Seen<(bool, String)>>,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its number in the plan.
    pub fault: FaultId,
    /// In words.
    pub text: String,
    /// Whom it hit; nobody if it missed its moment.
    pub hit: Vec<NodeId>,
    /// How it was undone; nothing if it was not.
    pub healed: Option<Seen<String>>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        List { entries: Vec::new(), left_out: 0 }
    }
}

impl Digest {
    /// How many events are of this kind.
    pub fn of_kind(&self, kind: Kind) -> u64 {
        What::ALL.into_iter().filter(|what| what.kind() == kind).map(|what| self.of_what(what)).sum()
    }

    /// How many events make this statement.
    pub fn of_what(&self, what: What) -> u64 {
        self.whats.get(what.word()).copied().unwrap_or_default()
    }
}
