//! A connection on which a question was not answered for half a node timeout is closed and made anew (`clusterCron`).

use std::collections::BTreeSet;

use super::outbound::{Outbound, Outbounds};
use super::{Duty, Known, Neglect};
use crate::chronicle::bus::Message;
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};

/// Crons at one hertz, and what a busy process needs.
const ROOM: SimDuration = SimDuration::from_ms(2_500);

/// What was noted.
#[derive(Clone, Debug, Default)]
pub(super) struct Reconnect {
    noted: BTreeSet<u64>,
}

impl Reconnect {
    pub fn said(&mut self, message: &Message, outbounds: &Outbounds, known: &Known) -> Vec<Neglect> {
        let (node, at) = (message.from, message.at);
        let node_timeout = known.node_timeout();
        let mut found = Vec::new();
        for (to, open) in outbounds.of(node).filter(|(to, _)| *to != message.to) {
            let Some(since) = silent_since((node, to), open, node_timeout, known) else { continue };
            if at.since(since) > ROOM && known.is_steady(node, since) && self.noted.insert(open.conn) {
                found.push(Neglect::shown_by(message, since, Duty::Reconnect(to)));
            }
        }
        found
    }
}

/// Since when a connection has to be made anew, if it may have to.
fn silent_since(
    (node, to): (NodeId, NodeId),
    open: &Outbound,
    node_timeout: SimDuration,
    known: &Known,
) -> Option<SimTime> {
    let half = SimDuration::from_ns(node_timeout.as_ns() / 2);
    let asked_at = open.asked_at?;
    // Only who was heard on it is known to have it: a dial that nobody answers has its own time.
    open.heard_at?;
    let heard_at = known.views.heard_at(node, to).unwrap_or(SimTime::ZERO);
    Some((open.opened_at + node_timeout).max(asked_at + half).max(heard_at + half))
}
