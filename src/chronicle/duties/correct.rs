//! Who hears a claim that it knows to be stale tells the claimant whose the slots are (`clusterProcessPacket`,
//! `clusterSendUpdate`), on the connection that it has made to it.

use std::collections::BTreeMap;

use super::outbound::Outbounds;
use super::{Duty, Known, Neglect};
use crate::chronicle::bus::{Header, Heard, Message};
use crate::chronicle::pairs::Pairs;
use crate::chronicle::views::READ_WITHIN;
use crate::event::MessageType;
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};

/// How long an answer may take: more than the turn in which the claim is read.
const SOON: SimDuration = SimDuration::from_secs(1);

/// Stale claims that were heard, by who heard them and whose they are, and what is known of epochs.
#[derive(Clone, Debug, Default)]
pub(super) struct Correct {
    owed: BTreeMap<(NodeId, NodeId), SimTime>,
    /// The newest epoch that a node heard another one claim slots in.
    newest: Pairs<u64>,
}

impl Correct {
    pub fn forget(&mut self, node: NodeId) {
        self.owed.retain(|(to, from), _| *to != node && *from != node);
        self.newest.forget(node);
    }

    pub fn heard(&mut self, heard: &Heard, known: &Known) {
        let Message { from, to, r#type, header, .. } = &*heard.message;
        if !matches!(*r#type, MessageType::PING | MessageType::PONG) {
            return;
        }
        let Some(header) = header.as_ref().filter(|header| header.claim.owns_slots()) else {
            return;
        };
        let newest = self.newest.get_or_insert((*to, *from), 0);
        *newest = header.config_epoch.max(*newest);
        let is_stale = *newest == header.config_epoch && is_stale((*to, *from), header, heard.at, known);
        if is_stale {
            self.owed.entry((*to, *from)).or_insert(heard.at);
        } else {
            self.owed.remove(&(*to, *from));
        }
    }

    pub fn said(&mut self, message: &Message, outbounds: &Outbounds, known: &Known) -> Vec<Neglect> {
        let pair = (message.from, message.to);
        let Some(since) = self.owed.get(&pair).copied() else {
            return Vec::new();
        };
        if message.r#type == MessageType::UPDATE {
            self.owed.remove(&pair);
            return Vec::new();
        }
        let is_on_own = outbounds.get(pair.0, pair.1).is_some_and(|open| open.conn == message.conn)
            && outbounds.knows(pair.0, pair.1, since);
        if message.at.since(since) <= SOON || !is_on_own {
            return Vec::new();
        }
        self.owed.remove(&pair);
        let neglect =
            known.is_steady(pair.0, since).then(|| Neglect::shown_by(message, since, Duty::Correct(pair.1)));
        neglect.into_iter().collect()
    }
}

/// Whether a node that hears this claim knows an owner of some of the slots in a newer epoch, be it itself.
fn is_stale((to, from): (NodeId, NodeId), claim: &Header, now: SimTime, known: &Known) -> bool {
    let slots = &claim.claim.slots;
    let mut newer = known.views.outranking(to, claim);
    let told = newer.any(|(node, heard)| node != from && heard.at + READ_WITHIN < now);
    let own = || {
        let own = known.members.get(to).and_then(|member| member.last.as_ref());
        let own = own.filter(|last| last.at + READ_WITHIN < now).and_then(|last| last.header.as_ref());
        own.is_some_and(|header| header.outranks(claim.config_epoch, slots))
    };
    (told || own()) && !known.is_by_hand(to, slots, now)
}
