//! What was said on channels: by whom to whom on the cluster bus, and to which subscriber over which connection.
//!
//! A subscriber's connection keeps the order of what its node says, so whatever was said behind a message proves that the message was
//! not said. When a node must have dealt with what it got is counted in its turns: a node that got something, and gave three turns up
//! since, has read it. Only kept for runs in which somebody subscribes. Nothing is judged here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bus::{Heard, Message};
use crate::event::{Body, Claim, Event, LinkState, MessageType, Published};
use crate::history::Request;
use crate::id::{ActorId, ClientId, NodeId};
use crate::model;
use crate::time::{SimDuration, SimTime};

/// Turns are told apart that are so far from each other at least.
const TURNS_APART: SimDuration = SimDuration::from_ms(1);

/// Something that a client was told unasked, or its last question's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The event that tells of it.
    pub event: u64,
    /// When.
    pub at: SimTime,
    /// To whom.
    pub client: ClientId,
    /// Over which connection.
    pub conn: u64,
    /// By whom.
    pub node: NodeId,
    /// Word by word.
    pub words: Vec<String>,
    /// The event that brought its node the last question over this connection, if there was one.
    pub asked: Option<u64>,
}

/// A message of a channel on the cluster bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Through which connection.
    pub conn: u64,
    /// By whom.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// It is one of a channel of one shard.
    pub is_of_shard: bool,
    /// The channel and the message.
    pub published: Published,
    /// The event that sent it.
    pub sent: u64,
    /// The event that brought it, if it arrived.
    pub heard: Option<u64>,
}

/// When a connection ended, in events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// One of its ends was gone first.
    pub first: u64,
    /// Its node knew, if it ever did.
    pub node: Option<u64>,
}

/// All that was said on channels.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    is_used: bool,
    turns: BTreeMap<NodeId, Vec<u64>>,
    /// When the last turn that is told apart was.
    turned: BTreeMap<NodeId, SimTime>,
    pushes: Vec<Push>,
    carried: Vec<Carried>,
    /// What is under way on the bus: places in the list above, by the event that sent it.
    under_way: BTreeMap<u64, usize>,
    /// The connections of PINGs from one node to another, and the events that sent them.
    pings: BTreeMap<(NodeId, NodeId), Vec<(u64, u64)>>,
    ended: BTreeMap<u64, Ended>,
    exits: BTreeMap<NodeId, Vec<u64>>,
    questions: BTreeMap<u64, u64>,
    reached: BTreeMap<ClientId, (u64, u64)>,
    /// What each node said of its role and slots, from which event on.
    claims: BTreeMap<NodeId, Vec<(u64, Arc<Claim>)>>,
}

impl Channels {
    pub(super) fn see(&mut self, event: &Event) {
        if let Body::Invoke { request: Request::Call { commands, .. }, .. } = &event.body {
            self.is_used |= commands.iter().any(|command| model::is_of_channel(command));
        }
        match (event.actor, &event.body) {
            _ if !self.is_used => {}
            (_, Body::Sent { from: ActorId::Node(node), .. }) => self.turn(*node, event),
            (ActorId::Node(_), Body::Deliver { conn, .. }) => drop(self.questions.insert(*conn, event.i)),
            (ActorId::Client(client), Body::Deliver { conn, .. }) => {
                self.reached.insert(client, (event.i, *conn));
            }
            (_, Body::Link { conn, state: LinkState::Eof | LinkState::Reset }) => {
                self.end(*conn, event.i, false)
            }
            (_, Body::Closed { from, conn, .. }) => self.end(*conn, event.i, from.node().is_some()),
            (ActorId::Node(node), Body::Exited { .. }) => self.exits.entry(node).or_default().push(event.i),
            (ActorId::Client(client), Body::Pushed { node, push }) => {
                self.pushed(event, client, (*node, push))
            }
            _ => {}
        }
    }

    fn turn(&mut self, node: NodeId, event: &Event) {
        if self.turned.get(&node).is_none_or(|last| event.at.since(*last) >= TURNS_APART) {
            self.turned.insert(node, event.at);
            self.turns.entry(node).or_default().push(event.i);
        }
    }

    fn end(&mut self, conn: u64, event: u64, by_node: bool) {
        let ended = self.ended.entry(conn).or_insert(Ended { first: event, node: None });
        if by_node {
            ended.node.get_or_insert(event);
        }
    }

    fn pushed(&mut self, event: &Event, client: ClientId, (node, words): (NodeId, &[String])) {
        let reached = self.reached.get(&client).filter(|(deliver, _)| Some(*deliver) == event.cause);
        let Some((_, conn)) = reached.copied() else { return };
        let (asked, words) = (self.questions.get(&conn).copied(), words.to_vec());
        self.pushes.push(Push { event: event.i, at: event.at, client, conn, node, words, asked });
    }

    pub(super) fn said(&mut self, message: &Message) {
        if let Some(header) = &message.header {
            let claims = self.claims.entry(message.from).or_default();
            let is_as_before = |(_, last): &(u64, Arc<Claim>)| {
                Arc::ptr_eq(last, &header.claim)
                    || (&last.of, &last.slots) == (&header.claim.of, &header.claim.slots)
            };
            if !claims.last().is_some_and(is_as_before) {
                claims.push((message.event, Arc::clone(&header.claim)));
            }
        }
        let (from, to, conn, sent) = (message.from, message.to, message.conn, message.event);
        if self.is_used && message.r#type == MessageType::PING {
            self.pings.entry((from, to)).or_default().push((sent, conn));
        }
        if let Some(published) = message.published.clone() {
            let is_of_shard = message.r#type == MessageType::PUBLISHSHARD;
            self.under_way.insert(sent, self.carried.len());
            self.carried.push(Carried { conn, from, to, is_of_shard, published, sent, heard: None });
        }
    }

    pub(super) fn heard(&mut self, heard: &Heard) {
        if let Some(place) = self.under_way.remove(&heard.message.event) {
            self.carried[place].heard = Some(heard.event);
        }
    }

    /// What clients were told, in this order.
    pub fn pushes(&self) -> &[Push] {
        &self.pushes
    }

    /// Messages of channels on the bus, as they were sent.
    pub fn carried(&self) -> &[Carried] {
        &self.carried
    }

    /// When a connection ended, if it did.
    pub fn ended(&self, conn: u64) -> Option<Ended> {
        self.ended.get(&conn).copied()
    }

    /// Whether a node's process ended between two events.
    pub fn exited(&self, node: NodeId, from: u64, to: u64) -> bool {
        self.exits.get(&node).is_some_and(|exits| exits.iter().any(|exit| (from..=to).contains(exit)))
    }

    /// Whether a node that got something with event `from` must have dealt with it before it dealt with what it got with event `to`.
    pub fn has_turned(&self, node: NodeId, from: u64, to: u64) -> bool {
        /// A turn that had begun before, one that reads, one that writes.
        const TURNS: usize = 3;
        let turns = self.turns.get(&node).map_or(&[][..], Vec::as_slice);
        let before = |event: u64| turns.partition_point(|turn| *turn <= event);
        before(to) >= before(from) + TURNS
    }

    /// The connection of a node's own to another one that stood from before an event until after another one: it sent PINGs over it before
    /// and after, more than one before, as it does to members that it knows.
    pub fn stood(&self, (from, to): (NodeId, NodeId), (first, last): (u64, u64)) -> bool {
        let pings = self.pings.get(&(from, to)).map_or(&[][..], Vec::as_slice);
        let before = pings.partition_point(|(sent, _)| *sent < first);
        let [.., (_, one), (_, two)] = pings[..before] else { return false };
        let after = pings[before..].iter().find(|(sent, _)| self.has_turned(from, last, *sent));
        one == two && after.is_some_and(|(_, conn)| *conn == one)
    }

    /// What a node said of its role and slots, from which event on.
    pub fn claims(&self, node: NodeId) -> &[(u64, Arc<Claim>)] {
        self.claims.get(&node).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: (NodeId, NodeId) = (NodeId(1), NodeId(2));

    fn channels(pings: &[(u64, u64)], turns: &[u64]) -> Channels {
        let pings = BTreeMap::from([(NODES, pings.to_vec())]);
        let turns = BTreeMap::from([(NodeId(1), turns.to_vec())]);
        Channels { pings, turns, ..Channels::default() }
    }

    #[test]
    fn a_connection_stood_that_carried_pings_before_and_after() {
        let stood = |pings: &[(u64, u64)]| channels(pings, &[20, 21, 22, 23]).stood(NODES, (10, 20));
        assert!(stood(&[(1, 7), (2, 7), (23, 7)]));
        assert!(!stood(&[(2, 7), (23, 7)]), "it may be one to a node that is not known yet");
        assert!(!stood(&[(1, 7), (2, 7), (23, 8)]), "it is another one");
        assert!(!stood(&[(1, 7), (2, 7), (22, 7)]), "it may have been said before");
    }

    #[test]
    fn a_node_has_read_what_it_got_three_turns_ago() {
        let channels = channels(&[], &[5, 11, 12, 13, 20]);
        assert!(channels.has_turned(NodeId(1), 10, 13));
        assert!(!channels.has_turned(NodeId(1), 10, 12));
        assert!(!channels.has_turned(NodeId(2), 10, 99));
    }
}
