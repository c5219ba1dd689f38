//! A node of which nobody hears anything is doubted by everybody who knows it, and gossip says so.
//!
//! A ping is out half a node timeout after the last answer, and unanswered for a node timeout it makes a suspect
//! (`clusterCron`); every PING and PONG then names it (`clusterSendPing`). Gossip of fresher answers puts the ping off, so the
//! silence is that of all.

use std::collections::BTreeMap;

use super::outbound::Outbounds;
use super::{Duty, Known, Neglect};
use crate::chronicle::bus::{Heard, Message};
use crate::chronicle::pairs::Pairs;
use crate::chronicle::service::notices_within;
use crate::event::MessageType;
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};

/// What a busy process needs beside its timers, and a cron at one hertz more: suspects are counted by the next one, and only who is
/// counted stands in all gossip.
const ROOM: SimDuration = SimDuration::from_secs(2);

/// Who is silent, who knew whom, and who said that it doubts.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubt {
    /// When anything of a node was heard by anybody last.
    heard_at: BTreeMap<NodeId, SimTime>,
    /// When a node had an answer of another one, first and last.
    answered: Pairs<(SimTime, SimTime)>,
    /// When a node said last, or was told, that another one is doubted or fails.
    told_at: BTreeMap<(NodeId, NodeId), SimTime>,
    /// Nobody was heard of last before this.
    all_heard_since: SimTime,
}

impl Doubt {
    /// A node starts, ends, stops or goes on.
    pub fn changed(&mut self, node: NodeId, at: SimTime) {
        self.heard_at.insert(node, at);
        self.answered.forget(node);
        self.told_at.retain(|(viewer, _), _| *viewer != node);
    }

    pub fn heard(&mut self, heard: &Heard, known: &Known) {
        let Message { from, to, r#type, about, .. } = &*heard.message;
        self.heard_at.insert(*from, heard.at);
        let failing = about.as_deref().filter(|_| *r#type == MessageType::FAIL);
        self.told_at
            .extend(failing.and_then(|id| known.members.named(id)).map(|node| ((*to, node), heard.at)));
        if *r#type == MessageType::PONG {
            let first = self.answered.get((*to, *from)).map_or(heard.at, |(first, _)| *first);
            self.answered.insert((*to, *from), (first, heard.at));
        }
    }

    pub fn said(&mut self, message: &Message, outbounds: &Outbounds, known: &Known) -> Vec<Neglect> {
        let (viewer, at) = (message.from, message.at);
        let due = notices_within(known.node_timeout()) + ROOM;
        if at.since(self.all_heard_since) <= due {
            return Vec::new();
        }
        self.all_heard_since = self.heard_at.values().copied().min().unwrap_or(at);
        let silent = self.heard_at.iter().filter(|(_, heard_at)| at.since(**heard_at) > due);
        // During a hand-over a primary asks again and again, and each time anew.
        let was_asked = |node| outbounds.get(viewer, node).and_then(|open| open.asked_at);
        let is_due = |node| was_asked(node).is_none_or(|asked_at| at.since(asked_at) > due);
        let owed = silent
            .filter(|(node, heard_at)| is_due(**node) && self.owes((viewer, **node), **heard_at, known));
        let found: Vec<(NodeId, SimTime)> = owed
            .filter(|(node, _)| {
                **node != viewer && **node != message.to && outbounds.get(viewer, message.to).is_some()
            })
            .map(|(node, heard_at)| (*node, *heard_at))
            .collect();
        // Each silence is told of once.
        self.told_at.extend(found.iter().map(|(node, _)| ((viewer, *node), at)));
        found.iter().map(|(node, since)| Neglect::shown_by(message, *since, Duty::Doubt(*node))).collect()
    }

    /// Takes whom a message says that its sender doubts, before `said`.
    pub fn told(&mut self, message: &Message, known: &Known) {
        let gossip = message.gossip.iter().filter(|gossiped| gossiped.is_doubt()).map(|gossiped| &gossiped.0);
        let failing = message.about.iter().filter(|_| message.r#type == MessageType::FAIL);
        let doubted = gossip.chain(failing).filter_map(|id| known.members.named(id));
        self.told_at.extend(doubted.map(|node| ((message.from, node), message.at)));
    }

    /// Whether a node knew another one well before it was silent, and has not said since that it doubts it.
    fn owes(&self, (viewer, node): (NodeId, NodeId), silent_since: SimTime, known: &Known) -> bool {
        let node_timeout = known.node_timeout();
        let knew = self.answered.get((viewer, node)).is_some_and(|(first, last)| {
            *last + node_timeout.times(2) > silent_since && *first + node_timeout.times(2) < silent_since
        });
        let told_at = self.told_at.get(&(viewer, node));
        // Who was called failing stays so for a while after it has answered.
        let told = told_at.is_some_and(|told_at| *told_at + node_timeout.times(6) > silent_since);
        let by_hand = |of: NodeId| known.asks.changed_node(of, SimTime::NEVER);
        knew && !told
            && known.is_steady(viewer, silent_since)
            && !known.asks.changed_members()
            && !by_hand(viewer)
            && !by_hand(node)
    }
}
