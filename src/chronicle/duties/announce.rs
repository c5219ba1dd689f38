//! Who wins tells everybody at once, on the connections that it has made (`clusterFailoverReplaceYourPrimary`,
//! `clusterBroadcastPong`).

use std::collections::{BTreeMap, BTreeSet};

use super::outbound::{Outbound, Outbounds};
use super::{Duty, Known, Neglect};
use crate::chronicle::bus::Message;
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};

/// How long a victory may stay untold: more than the turn in which it is won.
const AT_ONCE: SimDuration = SimDuration::from_ms(300);

/// Who was a replica, and who has won and not told whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Announce {
    is_replica: BTreeSet<NodeId>,
    /// The config epoch in which a node led last.
    led_in: BTreeMap<NodeId, u64>,
    owed: BTreeMap<NodeId, (SimTime, BTreeSet<NodeId>)>,
}

impl Announce {
    pub fn forget(&mut self, node: NodeId) {
        self.is_replica.remove(&node);
        self.led_in.remove(&node);
        self.owed.remove(&node);
        for (_, owed) in self.owed.values_mut() {
            owed.remove(&node);
        }
    }

    pub fn said(&mut self, message: &Message, outbounds: &Outbounds, known: &Known) -> Vec<Neglect> {
        let Some(header) = &message.header else {
            return Vec::new();
        };
        let (node, at) = (message.from, message.at);
        if !header.claim.owns_slots() {
            // What waited in a queue was made before it won.
            if self.led_in.get(&node).is_some_and(|led_in| header.config_epoch < *led_in) {
                return Vec::new();
            }
            self.owed.remove(&node);
            // What waited for its connection was made before.
            if !header.claim.is_primary() && message.prompt {
                self.is_replica.insert(node);
            }
            return Vec::new();
        }
        self.led_in.insert(node, header.config_epoch);
        if self.is_replica.remove(&node) {
            let by_hand = known.asks.changed_node(node, at);
            let wins = !by_hand && known.is_steady(node, at.before(AT_ONCE));
            self.owed.extend(wins.then(|| (node, (at, audience(node, at, outbounds, known)))));
        }
        self.told(message, outbounds)
    }

    fn told(&mut self, message: &Message, outbounds: &Outbounds) -> Vec<Neglect> {
        let node = message.from;
        let Some((since, owed)) = self.owed.get_mut(&node) else {
            return Vec::new();
        };
        let since = *since;
        owed.remove(&message.to);
        if message.at.since(since) <= AT_ONCE {
            return Vec::new();
        }
        // A connection that has ended since carries nothing.
        let kept =
            owed.iter().filter(|to| outbounds.get(node, **to).is_some_and(|open| open.opened_at < since));
        let missed: Vec<NodeId> = kept.copied().collect();
        self.owed.remove(&node);
        missed.into_iter().map(|to| Neglect::shown_by(message, since, Duty::Announce(to))).collect()
    }
}

/// Whom it has asked and been answered by lately, on a connection that is there still.
fn audience(node: NodeId, at: SimTime, outbounds: &Outbounds, known: &Known) -> BTreeSet<NodeId> {
    let lately = known.node_timeout();
    let is_well = |open: &Outbound| {
        open.asked_at.is_none() && open.heard_at.is_some_and(|(_, last)| at.since(last) < lately)
    };
    let runs = |to: NodeId| known.runs_since(to).is_some();
    outbounds.of(node).filter(|(to, open)| is_well(open) && runs(*to)).map(|(to, _)| to).collect()
}
