//! The connection that each node has made to each other one: what it asks on, and what it tells everybody on.

use std::collections::BTreeMap;

use crate::chronicle::bus::{Heard, Message};
use crate::chronicle::pairs::Pairs;
use crate::event::{Body, Event, LinkState, MessageType};
use crate::id::{ActorId, Host, NodeId};
use crate::time::SimTime;

/// A connection that a node has made, as long as both ends have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outbound {
    pub conn: u64,
    pub opened_at: SimTime,
    /// When something came back on it first, and last: its maker knows the other node since.
    pub heard_at: Option<(SimTime, SimTime)>,
    /// The last question since then; there is but one at a time, but for a hand-over.
    pub asked_at: Option<SimTime>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbounds {
    /// Between which nodes, and since when: from, to.
    dialled: BTreeMap<u64, (NodeId, NodeId, SimTime)>,
    /// By who made it and to whom.
    open: Pairs<Outbound>,
}

impl Outbounds {
    pub fn see(&mut self, event: &Event) {
        match &event.body {
            Body::Dial { from: ActorId::Node(from), conn, to: Host::Node(to), .. } => {
                self.dialled.insert(*conn, (*from, *to, event.at));
            }
            Body::Closed { conn, .. } => self.ended(*conn),
            Body::Link {
                conn,
                state: LinkState::Refused | LinkState::Eof | LinkState::Reset | LinkState::TimedOut,
            } => {
                self.ended(*conn);
            }
            _ => {}
        }
    }

    fn ended(&mut self, conn: u64) {
        if let Some((from, to, _)) = self.dialled.remove(&conn)
            && self.open.get((from, to)).is_some_and(|open| open.conn == conn)
        {
            self.open.remove((from, to));
        }
    }

    pub fn said(&mut self, message: &Message) {
        let Some((from, to, opened_at)) = self.dialled.get(&message.conn).copied() else {
            return;
        };
        if (from, to) != (message.from, message.to) {
            return;
        }
        let fresh = Outbound { conn: message.conn, opened_at, heard_at: None, asked_at: None };
        let open = self.open.get_or_insert((from, to), fresh);
        if open.conn != message.conn {
            *open = fresh;
        }
        if message.r#type == MessageType::PING {
            open.asked_at = Some(message.at);
        }
    }

    pub fn heard(&mut self, heard: &Heard) {
        let Message { from, to, conn, .. } = &*heard.message;
        if let Some(open) = self.open.get_mut((*to, *from)).filter(|open| open.conn == *conn) {
            open.heard_at = Some((open.heard_at.map_or(heard.at, |(first, _)| first), heard.at));
            open.asked_at = None;
        }
    }

    /// The connection that a node has made to another one and has used.
    pub fn get(&self, from: NodeId, to: NodeId) -> Option<&Outbound> {
        self.open.get((from, to))
    }

    /// Those of a node.
    pub fn of(&self, from: NodeId) -> impl Iterator<Item = (NodeId, &Outbound)> {
        self.open.of(from)
    }

    /// Whether a node has had an answer of another one before an instant, on the connection that it has now: it knows it since.
    pub fn knows(&self, from: NodeId, to: NodeId, before: SimTime) -> bool {
        let heard_at = self.get(from, to).and_then(|open| open.heard_at);
        heard_at.is_some_and(|(first, _)| first < before)
    }
}
