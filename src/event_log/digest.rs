//! What happened in a run, counted and listed while its log is read once.
//!
//! Lists have an end, so that no log can fill the memory; what is left out is counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{Body, Event, Kind, Phase, WHATS};
use crate::fault::{Channel, FaultId};
use crate::history::Outcome;
use crate::id::{ActorId, NodeId};
use crate::op::OpId;
use crate::time::SimTime;

/// How many entries a list has at most.
const ENTRIES_MAX: usize = 1_000;
/// How many characters a text has at most.
const TEXT_CHARS_MAX: usize = 4_000;
/// How many types of messages are told apart.
const TYPES_MAX: usize = 64;
/// What further types of messages are counted as.
const OTHER: &str = "(other)";

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

impl Life {
    fn see(&mut self, body: &Body) {
        self.events += 1;
        match body {
            Body::Start { .. } => self.starts += 1,
            Body::Exited { .. } => self.exits += 1,
            Body::Log { .. } => self.log_lines += 1,
            _ => {}
        }
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        List { entries: Vec::new(), left_out: 0 }
    }
}

impl<T> List<T> {
    fn push(&mut self, entry: T) {
        match self.entries.len() < ENTRIES_MAX {
            true => self.entries.push(entry),
            false => self.left_out += 1,
        }
    }

    fn last_mut(&mut self, is: impl Fn(&T) -> bool) -> Option<&mut T> {
        self.entries.iter_mut().rev().find(|entry| is(entry))
    }
}

impl Digest {
    /// How many events are of this kind.
    pub fn of_kind(&self, kind: Kind) -> u64 {
        WHATS.iter().filter(|(_, of)| *of == kind).map(|(word, _)| self.of_what(word)).sum()
    }

    /// How many events make this statement.
    pub fn of_what(&self, word: &str) -> u64 {
        self.whats.get(word).copied().unwrap_or_default()
    }

    fn count_sent(&mut self, channel: Channel, len: u64, message: Option<&str>) {
        let traffic = self.channels.entry(channel).or_default();
        traffic.sent += 1;
        traffic.bytes = traffic.bytes.saturating_add(len);
        let Some(message) = message else { return };
        match self.messages.get_mut(message) {
            Some(count) => *count += 1,
            None => {
                let name =
                    if self.messages.len() < TYPES_MAX { shortened(message) } else { OTHER.to_owned() };
                *self.messages.entry(name).or_default() += 1;
            }
        }
    }

    fn complete(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Ok(_) => self.clients.ok += 1,
            Outcome::Fail(_) => self.clients.fail += 1,
            Outcome::Info(_) => self.clients.info += 1,
        }
    }
}

/// Counts events up, one after the other.
#[derive(Default)]
pub(super) struct Counting {
    digest: Digest,
    whats: [u64; WHATS.len()],
}

impl Counting {
    /// Takes the next event.
    pub fn see(&mut self, event: &Event) {
        self.whats[usize::from(event.body.what_code())] += 1;
        let digest = &mut self.digest;
        digest.events += 1;
        digest.until = event.at;
        if let Some(node) = event.actor.node() {
            digest.nodes.entry(node).or_default().see(&event.body);
        }
        match &event.body {
            Body::Sent { channel, len, bus, .. } => {
                digest.count_sent(*channel, *len, bus.as_ref().map(|bus| bus.r#type.as_str()));
            }
            Body::Invoke { .. } => digest.clients.invoked += 1,
            Body::Complete { outcome, .. } => digest.complete(outcome),
            Body::Phase { phase } => digest.phases.push(seen(event, *phase)),
            Body::Exited { status } => {
                digest.exits.push(seen(event, (event.actor, shortened(status))));
            }
            Body::Livelock { detail } => {
                digest.exits.push(seen(event, (event.actor, format!("livelock: {}", shortened(detail)))));
            }
            Body::Verdict { invariant, verdict, detail } => {
                let verdict = (shortened(invariant), shortened(verdict), shortened(detail));
                digest.verdicts.push(seen(event, verdict));
            }
            _ => self.see_action(event),
        }
    }

    fn see_action(&mut self, event: &Event) {
        let Digest { operations, faults, .. } = &mut self.digest;
        match &event.body {
            Body::Operation { op, text } => {
                operations.push(seen(event, Operation { op: *op, text: shortened(text), ended: None }));
            }
            Body::OperationEnded { op, done, text } => {
                let ended = seen(event, (*done, shortened(text)));
                match operations.last_mut(|entry| entry.is.op == *op && entry.is.ended.is_none()) {
                    Some(entry) => entry.is.ended = Some(ended),
                    // It ended without having been sent, for want of a target say.
                    None => operations
                        .push(seen(event, Operation { op: *op, text: String::new(), ended: Some(ended) })),
                }
            }
            Body::Fault { fault, text, hit } => {
                let hit = hit.iter().copied().take(ENTRIES_MAX).collect();
                faults.push(seen(event, Fault { fault: *fault, text: shortened(text), hit, healed: None }));
            }
            Body::Heal { fault, text } => {
                if let Some(entry) = faults.last_mut(|entry| entry.is.fault == *fault) {
                    entry.is.healed = Some(seen(event, shortened(text)));
                }
            }
            _ => {}
        }
    }

    /// What was counted.
    pub fn finish(self, truncated: bool) -> Digest {
        let counted = WHATS.iter().zip(self.whats).filter(|(_, count)| *count > 0);
        let whats = counted.map(|((word, _), count)| ((*word).to_owned(), count)).collect();
        Digest { whats, truncated, ..self.digest }
    }
}

fn seen<T>(event: &Event, is: T) -> Seen<T> {
    Seen { i: event.i, at: event.at, is }
}

/// A text that is not too long to be kept.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
