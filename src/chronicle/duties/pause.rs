//! A primary stops its clients for a hand-over only for as long as the hand-over may take since a replica of its asked
//! (`manualFailoverCheckTimeout`).

use std::collections::BTreeMap;

use super::{Duty, Known, Neglect};
use crate::chronicle::bus::{Heard, Message};
use crate::chronicle::handover::HAND_OVER_TIMEOUT;
use crate::event::MessageType;
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};

/// The first words of who has won a hand-over are flagged as if it had stopped its clients.
const AS_WINNER: SimDuration = SimDuration::from_secs(1);
/// What a busy process needs beside its timers.
const ROOM: SimDuration = SimDuration::from_ms(1_500);

/// When a primary was asked last, and when a node was a replica last.
#[derive(Clone, Debug, Default)]
pub(super) struct Pause {
    asked_at: BTreeMap<NodeId, SimTime>,
    replica_at: BTreeMap<NodeId, SimTime>,
    /// Since when a node tells another one that it follows somebody else.
    left_at: BTreeMap<(NodeId, NodeId), SimTime>,
    /// What was noted, by the primary and when it was asked.
    noted: BTreeMap<NodeId, Option<SimTime>>,
}

impl Pause {
    pub fn heard(&mut self, heard: &Heard, known: &Known) {
        let Message { from, to, r#type, header, .. } = &*heard.message;
        let of = header.as_ref().and_then(|header| header.claim.of.as_deref());
        let is_its_own = of.is_none_or(|id| known.members.current(id) == Some(*to));
        if *r#type == MessageType::MFSTART {
            // What it asked may have waited until long after it went to another primary.
            let has_left = self.left_at.get(&(*from, *to)).is_some_and(|at| heard.at.since(*at) >= ROOM);
            if is_its_own && from != to && !has_left {
                self.asked_at.insert(*to, heard.at);
            }
        } else if of.is_some() && !is_its_own {
            self.left_at.entry((*from, *to)).or_insert(heard.at);
        } else if header.is_some() {
            self.left_at.remove(&(*from, *to));
        }
    }

    pub fn said(&mut self, message: &Message, known: &Known) -> Vec<Neglect> {
        let (node, at) = (message.from, message.at);
        let Some(header) = &message.header else {
            return Vec::new();
        };
        if !header.claim.is_primary() {
            self.replica_at.insert(node, at);
            return Vec::new();
        }
        let won = self.replica_at.get(&node).is_some_and(|replica_at| at.since(*replica_at) < AS_WINNER);
        let asked_at = self.asked_at.get(&node).copied();
        let within = asked_at.is_some_and(|asked_at| at.since(asked_at) <= HAND_OVER_TIMEOUT + ROOM);
        let since = asked_at.unwrap_or_else(|| at.before(HAND_OVER_TIMEOUT));
        let is_new = self.noted.get(&node) != Some(&asked_at);
        if header.paused && !won && !within && is_new && known.is_steady(node, since) {
            self.noted.insert(node, asked_at);
            return vec![Neglect::shown_by(message, since, Duty::Resume { asked_at })];
        }
        Vec::new()
    }
}
