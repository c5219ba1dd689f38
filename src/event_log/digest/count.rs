//! Fills a digest, event by event, and keeps it small.

use super::{Digest, Fault, Life, List, Operation, Seen};
use crate::event::{Body, Event, MessageType, What};
use crate::fault::Channel;
use crate::history::Outcome;

/// How many entries a list has at most.
const ENTRIES_MAX: usize = 1_000;
/// How many characters a text has at most.
const TEXT_CHARS_MAX: usize = 4_000;
/// How many types of messages are told apart.
const TYPES_MAX: usize = 64;
/// What further types of messages are counted as.
const OTHER: &str = "(other)";

/// Counts events up, one after the other.
pub struct Counting {
    digest: Digest,
    whats: [u64; What::ALL.len()],
}

impl Default for Counting {
    fn default() -> Self {
        Counting { digest: Digest::default(), whats: [0; What::ALL.len()] }
    }
}

impl Counting {
    /// Takes the next event.
    pub fn see(&mut self, event: &Event) {
        self.whats[usize::from(event.body.what().code())] += 1;
        let digest = &mut self.digest;
        digest.events += 1;
        digest.until = event.at;
        if let Some(node) = event.actor.node() {
            digest.nodes.entry(node).or_default().see(&event.body);
        }
        match &event.body {
            Body::Sent { channel, len, bus, .. } => {
                digest.count_sent(*channel, *len, bus.as_ref().map(|bus| bus.r#type));
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
            Body::Deadlock { detail } => {
                digest.exits.push(seen(event, (event.actor, format!("deadlock: {}", shortened(detail)))));
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
            Body::OperationEnded { op, done, text, .. } => {
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
        let counted = What::ALL.into_iter().zip(self.whats).filter(|(_, count)| *count > 0);
        let whats = counted.map(|(what, count)| (what.word().to_owned(), count)).collect();
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
    fn count_sent(&mut self, channel: Channel, len: u64, message: Option<MessageType>) {
        let traffic = self.channels.entry(channel).or_default();
        traffic.sent += 1;
        traffic.bytes = traffic.bytes.saturating_add(len);
        let Some(name) = message.map(|message| message.to_string()) else { return };
        let is_one_more = !self.messages.contains_key(&name) && self.messages.len() >= TYPES_MAX;
        *self.messages.entry(if is_one_more { OTHER.to_owned() } else { name }).or_default() += 1;
    }

    fn complete(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Ok(_) | Outcome::Replied(_) => self.clients.ok += 1,
            Outcome::Fail(_) => self.clients.fail += 1,
            Outcome::Info(_) => self.clients.info += 1,
        }
    }
}
