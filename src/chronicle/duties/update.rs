//! Who is told by an UPDATE whose its slots are claims them no more (`clusterProcessPacket`, `clusterUpdateSlotsConfigWith`),
//! even if it does not hear the owner itself.
//!
//! The log tells of whom an UPDATE speaks and not what it says: that is what its sender had been told by then.

use std::collections::BTreeMap;

use super::{Duty, Known, Neglect};
use crate::chronicle::bus::{Header, Heard, Message};
use crate::chronicle::pairs::Pairs;
use crate::chronicle::views::READ_WITHIN;
use crate::event::MessageType;
use crate::id::NodeId;
use crate::time::SimTime;

/// Of whom a node was told last by an UPDATE, when, and what the owner had said of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Update {
    told: BTreeMap<NodeId, (SimTime, NodeId, Header)>,
    /// The newest epoch in which a node heard another one speak as a primary, whatever that spoke of.
    epochs: Pairs<u64>,
}

impl Update {
    pub fn forget(&mut self, node: NodeId) {
        self.told.remove(&node);
        self.epochs.forget(node);
    }

    pub fn heard(&mut self, heard: &Heard, known: &Known) {
        let Message { from, to, r#type, about, at, header, .. } = &*heard.message;
        if let Some(header) = header.as_ref().filter(|header| header.claim.is_primary()) {
            let newest = self.epochs.get_or_insert((*to, *from), 0);
            *newest = header.config_epoch.max(*newest);
        }
        let about = about.as_deref().filter(|_| *r#type == MessageType::UPDATE);
        let Some(owner) = about.and_then(|id| known.members.current(id)) else {
            return;
        };
        let is_old = |heard: &&Heard| heard.message.from == owner && heard.at + READ_WITHIN < *at;
        let told = known.views.of(*from).find(is_old).and_then(|heard| heard.message.header.clone());
        // What speaks of a node that was never heard of says nothing.
        let knows = known.views.heard_at(*to, owner).is_some();
        // Of an epoch that it knows already, from any word of the owner's, it takes an UPDATE for nothing new.
        let knew = self.epochs.get((*to, owner)).copied().unwrap_or(0);
        let is_news = |header: &Header| header.claim.owns_slots() && header.config_epoch > knew;
        if let Some(header) = told.filter(|header| knows && is_news(header)) {
            self.told.insert(*to, (heard.at, owner, header));
        }
    }

    pub fn said(&mut self, message: &Message, known: &Known) -> Vec<Neglect> {
        let node = message.from;
        let (Some(own), Some((since, owner, newer))) = (&message.header, self.told.get(&node)) else {
            return Vec::new();
        };
        let (since, owner) = (*since, *owner);
        if message.at.since(since) <= READ_WITHIN {
            return Vec::new();
        }
        let slots = &newer.claim.slots;
        let stays = own.claim.owns_slots() && newer.outranks(own.config_epoch, &own.claim.slots);
        let by_hand = known.is_by_hand(node, slots, message.at) || known.asks.changed_node(owner, message.at);
        let neglects = stays && !by_hand && known.is_steady(node, since);
        self.told.remove(&node);
        neglects.then(|| Neglect::shown_by(message, since, Duty::GiveUp(owner))).into_iter().collect()
    }
}
