//! Who was told of a newer claim to its slots claims them no more (`clusterUpdateSlotsConfigWith`).

use std::sync::Arc;

use super::outbound::Outbounds;
use super::{Duty, Known, Neglect};
use crate::chronicle::bus::{Header, Heard, Message};
use crate::chronicle::views::READ_WITHIN;
use crate::op::share_slots;

pub(super) fn said(message: &Arc<Message>, outbounds: &Outbounds, known: &Known) -> Vec<Neglect> {
    let Some(own) = message.header.as_ref().filter(|header| header.claim.owns_slots()) else {
        return Vec::new();
    };
    let newer = known.views.of(message.from).filter(|heard| {
        let other = heard.message.header.as_ref();
        other.is_some_and(|other| is_newer(other, own)) && message.at.since(heard.at) > READ_WITHIN
    });
    let owed = newer.filter(|heard| owes(message, heard, outbounds, known));
    owed.map(|heard| Neglect::shown_by(message, heard.at, Duty::GiveUp(heard.message.from))).collect()
}

fn is_newer(other: &Header, own: &Header) -> bool {
    other.config_epoch > own.config_epoch
        && other.claim.owns_slots()
        && share_slots(&other.claim.slots, &own.claim.slots)
}

/// Whether a node knew who claims, was not told by hand, and had its time.
fn owes(message: &Message, heard: &Heard, outbounds: &Outbounds, known: &Known) -> bool {
    let (node, other) = (message.from, heard.message.from);
    let slots = heard.message.header.as_ref().map_or(&[][..], |header| header.claim.slots.as_slice());
    let by_hand = known.is_by_hand(node, slots, message.at) || known.asks.changed_node(other, message.at);
    !by_hand && outbounds.knows(node, other, heard.at) && known.is_steady(node, heard.at)
}
