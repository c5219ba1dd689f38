//! A connection on which a question was not answered for half a node timeout is closed and made anew (`clusterCron`).

use std::collections::{BTreeMap, BTreeSet};

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
    /// Until when no connection of a node can be due, by a node timeout.
    none_due: BTreeMap<NodeId, (SimDuration, SimTime)>,
}

impl Reconnect {
    pub fn said(&mut self, message: &Message, outbounds: &Outbounds, known: &Known) -> Vec<Neglect> {
        let (node, at) = (message.from, message.at);
        let node_timeout = known.node_timeout();
        if self.none_due.get(&node).is_some_and(|(of, until)| *of == node_timeout && at <= *until) {
            return Vec::new();
        }
        let due = outbounds.of(node).filter_map(|(_, open)| asked_since(open, node_timeout));
        // What is asked from now on is due later.
        let next = due.fold(at + node_timeout.half(), SimTime::min);
        self.none_due.insert(node, (node_timeout, next + ROOM));
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
    // Only who was heard on it is known to have it: a dial that nobody answers has its own time.
    open.heard_at?;
    let heard_at = known.views.heard_at(node, to).unwrap_or(SimTime::ZERO);
    Some(asked_since(open, node_timeout)?.max(heard_at + node_timeout.half()))
}

/// The same, whatever else was heard.
fn asked_since(open: &Outbound, node_timeout: SimDuration) -> Option<SimTime> {
    Some((open.opened_at + node_timeout).max(open.asked_at? + node_timeout.half()))
}
