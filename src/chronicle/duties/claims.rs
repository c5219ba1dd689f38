//! Who was told of a newer claim to its slots claims them no more (`clusterUpdateSlotsConfigWith`).

use std::sync::Arc;

use super::outbound::Outbounds;
use super::{Duty, Known, Neglect};
use crate::chronicle::bus::{Heard, Message};
use crate::chronicle::views::READ_WITHIN;

pub(super) fn said(message: &Arc<Message>, outbounds: &Outbounds, known: &Known) -> Vec<Neglect> {
    let Some(own) = message.header.as_ref().filter(|header| header.claim.owns_slots()) else {
        return Vec::new();
    };
    let newer = known.views.of(message.from).filter(|heard| {
        let other = heard.message.header.as_ref();
        other.is_some_and(|other| other.outranks(own.config_epoch, &own.claim.slots))
            && message.at.since(heard.at) > READ_WITHIN
    });
    let owed = newer.filter(|heard| owes(message, heard, outbounds, known));
    owed.map(|heard| Neglect::shown_by(message, heard.at, Duty::GiveUp(heard.message.from))).collect()
}

/// Whether a node knew who claims, was not told by hand, and had its time.
fn owes(message: &Message, heard: &Heard, outbounds: &Outbounds, known: &Known) -> bool {
    let (node, other) = (message.from, heard.message.from);
    let slots = heard.message.header.as_ref().map_or(&[][..], |header| header.claim.slots.as_slice());
    let by_hand = known.is_by_hand(node, slots, message.at) || known.asks.changed_node(other, message.at);
    !by_hand && outbounds.knows(node, other, heard.at) && known.is_steady(node, heard.at)
}
