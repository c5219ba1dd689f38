//! Whoever has subscribed to a channel of a slot is told when its node has lost the slot.

use super::said::{Subscription, message, unsubscribed};
use super::{Findings, Talk};
use crate::chronicle::Push;
use crate::event::Claim;
use crate::wire::resp::key_slot;

pub(super) fn judge(talk: &Talk, findings: &mut Findings) {
    for own in talk.subscriptions.iter().filter(|own| own.is_of_shard) {
        let Some(lost) = lost_with(talk, own).filter(|_| own.until.is_none()) else { continue };
        let later = |push: &&Push| push.conn == own.conn && push.event > lost;
        let spoke = talk.channels.pushes().iter().filter(later).any(|push| is_behind(talk, own, push, lost));
        if spoke {
            let (client, channel, node) = (own.client, own.channel, own.node);
            let at = own.from.at;
            findings.wrong(at, format!("{client} was never told that it is subscribed to {channel} no more, whose slot {node} lost"));
        }
    }
}

/// The event with which the node of a subscriber first said that a slot is not its own any more, which it had before and after the
/// subscription; nothing if its role changed with it.
fn lost_with(talk: &Talk, own: &Subscription) -> Option<u64> {
    let (slot, since) = (key_slot(own.channel.as_bytes()), own.to?.event);
    let claims = talk.channels.claims(own.node);
    let from = claims.partition_point(|(event, _)| *event <= since);
    let (_, before) = claims.get(from.checked_sub(1)?)?;
    let (event, after) = claims.get(from..)?.iter().find(|(_, claim)| !has(claim, slot))?;
    (has(before, slot) && before.of == after.of).then_some(*event)
}

fn has(claim: &Claim, slot: u16) -> bool {
    claim.slots.iter().any(|(first, last)| (*first..=*last).contains(&slot))
}

/// Whether what a node told a client was told after it had said with an event that it lost a slot.
fn is_behind(talk: &Talk, own: &Subscription, push: &Push, lost: u64) -> bool {
    let is_answer = message(push).is_none() && unsubscribed(push).is_none();
    let asked = push.asked.filter(|_| is_answer);
    asked.is_some_and(|asked| talk.channels.has_turned(own.node, lost, asked))
}
