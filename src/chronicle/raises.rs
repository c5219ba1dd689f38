//! Primaries that took a new config epoch: whether anything gave them one.
//!
//! A primary takes one without being elected only when it is told to (`BUMPEPOCH`, slots that change hands, `UPDATE`), or when
//! another primary has the same one: then only if its own id is the smaller (`clusterHandleConfigEpochCollision`), or both would
//! run after each other.

use std::collections::{BTreeMap, BTreeSet};

use super::bus::{Heard, Message};
use super::members::Members;
use super::operator::Asks;
use crate::event::{Body, Event, MessageType, Phase};
use crate::id::NodeId;
use crate::op::ALL_SLOTS;
use crate::time::SimTime;

/// A primary took a new config epoch that nothing gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raise {
    /// The message that shows it.
    pub event: u64,
    /// When it was sent.
    pub at: SimTime,
    /// Who.
    pub node: NodeId,
    /// The epoch that it had.
    pub from: u64,
    /// The one that it has now.
    pub to: u64,
}

/// How many are kept: more tell nothing new.
const KEPT: usize = 64;

/// Every one, and what could have given one.
#[derive(Clone, Debug, Default)]
pub struct Raises {
    /// Epochs are given by hand until the cluster is formed.
    is_formed: bool,
    /// The id and the epoch of each primary with slots since it runs and leads.
    led_in: BTreeMap<NodeId, (String, u64)>,
    /// The epochs in which a node heard of primaries with greater ids.
    shared: BTreeMap<NodeId, BTreeSet<u64>>,
    /// Nodes that were told by others of epochs of their own, or of primaries with greater ids.
    updated: BTreeSet<NodeId>,
    /// How many epochs a node took because it was told to bump.
    bumped: BTreeMap<NodeId, usize>,
    unfounded: Vec<Raise>,
}

impl Raises {
    pub(super) fn see(&mut self, event: &Event) {
        match (&event.body, event.actor.node()) {
            (Body::Phase { phase: Phase::Run }, _) => self.is_formed = true,
            (Body::Start { .. }, Some(node)) => drop(self.led_in.remove(&node)),
            _ => {}
        }
    }

    pub(super) fn heard(&mut self, heard: &Heard, members: &Members) {
        let Message { to, r#type, header, about, .. } = &*heard.message;
        let own = members.get(*to).and_then(|member| member.header()).map(|own| own.claim.id.as_str());
        if *r#type == MessageType::UPDATE && about.as_deref() >= own {
            self.updated.insert(*to);
        }
        let Some(header) = header.as_ref().filter(|header| header.claim.is_primary()) else {
            return;
        };
        if own.is_none_or(|own| header.claim.id.as_str() > own) {
            self.shared.entry(*to).or_default().insert(header.config_epoch);
        }
    }

    pub(super) fn said(&mut self, message: &Message, asks: &Asks) {
        let Some(header) = message.header.as_ref().filter(|_| self.is_formed) else { return };
        let node = message.from;
        if !header.claim.owns_slots() {
            self.led_in.remove(&node);
            return;
        }
        let led_in = self.led_in.get(&node).filter(|(id, _)| *id == header.claim.id).map(|(_, epoch)| *epoch);
        // What waited for its link is older.
        if led_in.is_some_and(|led_in| header.config_epoch <= led_in) {
            return;
        }
        self.led_in.insert(node, (header.claim.id.clone(), header.config_epoch));
        if let Some(from) = led_in
            && !self.is_given((node, from), message.at, asks)
            && self.unfounded.len() < KEPT
        {
            let to = header.config_epoch;
            self.unfounded.push(Raise { event: message.event, at: message.at, node, from, to });
        }
    }

    fn is_given(&mut self, (node, from): (NodeId, u64), at: SimTime, asks: &Asks) -> bool {
        // Of several in a row the first has to be given as well.
        let is_shared = |epochs: &BTreeSet<u64>| epochs.contains(&from);
        let by_hand = asks.changed_node(node, at)
            || asks.changed_table(node, at)
            || asks.changed_slots(&[ALL_SLOTS], at)
            || asks.takeover_of(node);
        if by_hand || self.updated.contains(&node) || self.shared.get(&node).is_some_and(is_shared) {
            return true;
        }
        let bumped = self.bumped.entry(node).or_default();
        *bumped += 1;
        *bumped <= asks.bumps_of(node, at)
    }

    /// Every one that nothing gave, in order.
    pub fn unfounded(&self) -> &[Raise] {
        &self.unfounded
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Says, at, event, message};
    use super::*;
    use crate::id::ActorId;
    use crate::invariant::sample::healthy;
    use std::sync::Arc;

    /// Node 2 leads in epoch 3, hears of another primary, and leads in epoch 9.
    fn raised(other: Says) -> Vec<(u64, u64)> {
        let (mut raises, mut members) = (Raises::default(), Members::empty());
        let asks = Asks::new(&healthy().plan);
        raises.see(&event(0, ActorId::Director, Body::Phase { phase: Phase::Run }));
        let first = Arc::new(message(Says::primary(2, 3, (0, 9)), 1, 1));
        members.said(&first);
        raises.said(&first, &asks);
        let other = Arc::new(message(other, 2, 2));
        raises.heard(&Heard { event: 2, at: at(2), message: other }, &members);
        raises.said(&message(Says::primary(2, 9, (0, 9)), 1, 3), &asks);
        raises.unfounded().iter().map(|raise| (raise.from, raise.to)).collect()
    }

    #[test]
    fn the_smaller_of_two_primaries_with_one_epoch_takes_a_new_one() {
        assert_eq!(raised(Says::primary(3, 3, (10, 19))), [(0, 0); 0]);
        assert_eq!(raised(Says::primary(1, 3, (10, 19))), [(3, 9)]);
        assert_eq!(raised(Says::primary(3, 2, (10, 19))), [(3, 9)]);
        assert_eq!(raised(Says::primary(3, 5, (10, 19))), [(3, 9)]);
        assert_eq!(raised(Says { epochs: (9, 3), ..Says::replica(3, 1) }), [(3, 9)]);
    }

    #[test]
    fn who_was_a_replica_meanwhile_may_have_been_elected() {
        let mut raises = Raises::default();
        let asks = Asks::new(&healthy().plan);
        raises.see(&event(0, ActorId::Director, Body::Phase { phase: Phase::Run }));
        let says = [Says::primary(2, 3, (0, 9)), Says::replica(2, 1), Says::primary(2, 9, (0, 9))];
        says.into_iter().zip(1..).for_each(|(says, s)| raises.said(&message(says, 1, s), &asks));
        assert_eq!(raises.unfounded(), []);
    }
}
