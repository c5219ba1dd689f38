//! Manual hand-overs step by step: a replica asks (MFSTART), its primary stops its clients and announces an offset.
//!
//! While a primary has stopped its clients for a hand-over it executes no write, expires and evicts nothing and feeds its
//! replicas nothing (`pauseActions`, `PAUSE_ACTIONS_CLIENT_WRITE_SET`), so the offset of its flagged headers stands still.

use std::collections::BTreeMap;

use super::bus::{Header, Heard, Message};
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

/// How long a hand-over may take, if nothing is set (`CLUSTER_MF_TIMEOUT`, later `cluster-manual-failover-timeout`).
pub const HAND_OVER_TIMEOUT: SimDuration = SimDuration::from_secs(5);

/// All hand-overs.
#[derive(Clone, Debug, Default)]
pub struct Handovers {
    /// When a replica asked its primary last.
    asked_at: BTreeMap<(NodeId, NodeId), SimTime>,
    /// The first offset that a replica was told since, by replica and primary.
    announced: BTreeMap<(NodeId, NodeId), u64>,
    /// When a replica was told last that its primary has stopped its clients, by replica and primary.
    told_at: BTreeMap<(NodeId, NodeId), SimTime>,
    /// The connection on which a primary was asked last, where it answers with the offset at which it stands from then on, and when.
    asked_on: BTreeMap<NodeId, (u64, SimTime)>,
    /// Where it stands, as long as it leads in the same epoch.
    stands: BTreeMap<NodeId, Stand>,
    moved: Vec<Moved>,
}

/// A primary that has stopped its clients.
#[derive(Clone, Copy, Debug)]
struct Stand {
    since: SimTime,
    offset: u64,
    config_epoch: u64,
}

impl Stand {
    fn of(header: &Header, since: SimTime) -> Self {
        Stand { since, offset: header.offset, config_epoch: header.config_epoch }
    }

    /// Whether it has lost its shard since. If it wins it back by a hand-over, its first words as the winner are flagged as if it
    /// stood (`clusterBuildMessageHdr`: a primary with `mf_end`).
    fn is_over(&self, header: &Header) -> bool {
        !header.claim.is_primary() || header.config_epoch > self.config_epoch
    }
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
        let Some(header) = &message.header else {
            return;
        };
        if self.stands.get(&from).is_some_and(|stand| stand.is_over(header)) {
            self.stands.remove(&from);
            self.asked_on.remove(&from);
        }
        if header.paused {
            self.stopped(message, header);
        }
    }

    fn stopped(&mut self, message: &Message, header: &Header) {
        let from = message.from;
        match self.stands.get(&from).map(|stand| stand.offset) {
            // A lower one was made before, and waited for its link.
            Some(stood) if header.offset > stood => {
                let (event, at) = (message.event, message.at);
                self.moved.push(Moved { event, at, node: from, from: stood, to: header.offset });
                self.stands.insert(from, Stand::of(header, at));
            }
            None if self.asked_on.get(&from).is_some_and(|(conn, _)| *conn == message.conn) => {
                self.stands.insert(from, Stand::of(header, message.at));
            }
            _ => {}
        }
    }

    pub(super) fn heard(&mut self, heard: &Heard) {
        let Message { from, to, header, r#type, .. } = &*heard.message;
        if *r#type == MessageType::MFSTART {
            // It is asked anew: writes may have been executed since it stood last.
            self.stands.remove(to);
            self.asked_on.insert(*to, (heard.message.conn, heard.at));
        }
        if header.as_ref().is_some_and(|header| header.paused) {
            self.told_at.insert((*to, *from), heard.at);
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
        announced.filter(|_| now.since(*asked_at) <= HAND_OVER_TIMEOUT)
    }

    /// When a replica was told last that its primary has stopped its clients.
    pub(super) fn told_at(&self, replica: NodeId, primary: NodeId) -> Option<SimTime> {
        self.told_at.get(&(replica, primary)).copied()
    }

    /// Since when a primary has stopped its clients for a hand-over that it cannot have given up by now: it counts from when it reads
    /// that it is asked.
    pub(super) fn stopped_since(&self, node: NodeId, now: SimTime, timeout: SimDuration) -> Option<SimTime> {
        let (_, asked_at) = self.asked_on.get(&node)?;
        let stand = self.stands.get(&node)?;
        (now.since(*asked_at) < timeout).then_some(stand.since)
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
    fn a_primary_that_was_elected_anew_stands_no_more() {
        for since in [vec![], vec![message(Says::replica(1, 2), 2, 3)]] {
            let mut handovers = Handovers::default();
            hear(
                &mut handovers,
                Message { conn: 1002, ..of_type(MessageType::MFSTART, Says::replica(2, 1), 1, 0) },
            );
            handovers.said(&paused(50, 1));
            let epoch = if since.is_empty() { 8 } else { 1 };
            since.iter().for_each(|message| handovers.said(message));
            // It asked for the hand-over this time, and its first words as the winner are flagged as well.
            let wins = Says { paused: true, offset: 60, ..Says::primary(1, epoch, (0, 9)) };
            handovers.said(&message(wins, 2, 4));
            assert_eq!(handovers.moved(), [], "epoch {epoch}");
        }
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
