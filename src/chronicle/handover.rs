//! Manual hand-overs step by step: a replica asks (MFSTART), its primary stops its clients and announces an offset.
//!
//! While a primary has stopped its clients for a hand-over it executes no write, expires and evicts nothing and feeds its
//! replicas nothing (`pauseActions`, `PAUSE_ACTIONS_CLIENT_WRITE_SET`), so the offset of its flagged headers stands still.

use std::collections::BTreeMap;

use super::bus::{Heard, Message};
use crate::event::{Body, Event, MessageType};
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};

/// The offset of a primary that has stopped its clients moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The event that shows it.
    pub event: u64,
    /// When.
    pub at: SimTime,
    /// The primary.
    pub node: NodeId,
    /// The offset that it had announced.
    pub from: u64,
    /// The one that it has now.
    pub to: u64,
}

/// How long a hand-over may take (`cluster-manual-failover-timeout`).
const GIVEN_UP_AFTER: SimDuration = SimDuration::from_secs(5);

/// All hand-overs.
#[derive(Clone, Debug, Default)]
pub struct Handovers {
    /// When a replica asked its primary last.
    asked_at: BTreeMap<(NodeId, NodeId), SimTime>,
    /// The first offset that a replica was told since, by replica and primary.
    announced: BTreeMap<(NodeId, NodeId), u64>,
    /// The connection on which a primary was asked last, where it answers with the offset at which it stands from then on.
    asked_on: BTreeMap<NodeId, u64>,
    /// That offset.
    stands: BTreeMap<NodeId, u64>,
    moved: Vec<Moved>,
}

impl Handovers {
    pub(super) fn see(&mut self, event: &Event) {
        if let (Body::Start { .. }, Some(node)) = (&event.body, event.actor.node()) {
            self.stands.remove(&node);
            self.asked_on.remove(&node);
        }
    }

    pub(super) fn said(&mut self, message: &Message) {
        let (from, to) = (message.from, message.to);
        if message.r#type == MessageType::MFSTART {
            self.asked_at.insert((from, to), message.at);
            self.announced.remove(&(from, to));
        }
        let Some(header) = message.header.as_ref().filter(|header| header.paused) else {
            return;
        };
        match self.stands.get(&from) {
            // A lower one was made before, and waited for its link.
            Some(stood) if header.offset > *stood => {
                let (event, at) = (message.event, message.at);
                self.moved.push(Moved { event, at, node: from, from: *stood, to: header.offset });
                self.stands.insert(from, header.offset);
            }
            None if self.asked_on.get(&from) == Some(&message.conn) => {
                self.stands.insert(from, header.offset);
            }
            _ => {}
        }
    }

    pub(super) fn heard(&mut self, heard: &Heard) {
        let Message { from, to, header, r#type, .. } = &*heard.message;
        if *r#type == MessageType::MFSTART {
            // It is asked anew: writes may have been executed since it stood last.
            self.stands.remove(to);
            self.asked_on.insert(*to, heard.message.conn);
        }
        if let Some(header) = header.as_ref().filter(|header| header.paused)
            && self.asked_at.contains_key(&(*to, *from))
        {
            self.announced.entry((*to, *from)).or_insert(header.offset);
        }
    }

    /// The offset that a replica was told by its primary since it asked for a hand-over last, unless that is given up by now.
    pub fn announced(&self, replica: NodeId, primary: NodeId, now: SimTime) -> Option<u64> {
        let asked_at = self.asked_at.get(&(replica, primary))?;
        let announced = self.announced.get(&(replica, primary)).copied();
        announced.filter(|_| now.since(*asked_at) <= GIVEN_UP_AFTER)
    }

    /// Every offset that moved though it had to stand.
    pub fn moved(&self) -> &[Moved] {
        &self.moved
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Says, at, message, of_type};
    use super::*;
    use std::sync::Arc;

    fn paused(offset: u64, s: u64) -> Message {
        message(Says { paused: true, offset, ..Says::primary(1, 1, (0, 9)) }, 2, s)
    }

    fn hear(handovers: &mut Handovers, message: Message) {
        let at = message.at;
        handovers.heard(&Heard { event: message.event, at, message: Arc::new(message) });
    }

    #[test]
    fn a_stopped_primarys_offset_stands_until_it_is_asked_anew() {
        let mut handovers = Handovers::default();
        let asks = |s| Message { conn: 1002, ..of_type(MessageType::MFSTART, Says::replica(2, 1), 1, s) };
        hear(&mut handovers, asks(0));
        handovers.said(&paused(50, 1));
        handovers.said(&paused(50, 2));
        assert_eq!(handovers.moved(), []);
        hear(&mut handovers, asks(3));
        handovers.said(&paused(60, 4));
        assert_eq!(handovers.moved(), []);
        handovers.said(&paused(61, 5));
        let moved = Moved { event: 5, at: at(5), node: NodeId(1), from: 60, to: 61 };
        assert_eq!(handovers.moved(), [moved]);
    }

    #[test]
    fn the_first_offset_after_asking_counts() {
        let mut handovers = Handovers::default();
        hear(&mut handovers, paused(40, 1));
        assert_eq!(handovers.announced(NodeId(2), NodeId(1), at(1)), None);
        handovers.said(&of_type(MessageType::MFSTART, Says::replica(2, 1), 1, 2));
        hear(&mut handovers, paused(50, 3));
        hear(&mut handovers, paused(60, 4));
        assert_eq!(handovers.announced(NodeId(2), NodeId(1), at(7)), Some(50));
        assert_eq!(handovers.announced(NodeId(2), NodeId(1), at(8)), None);
    }
}
