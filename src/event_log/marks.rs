//! What an event, or a stretch of events, is about, as a few bits: enough to pass over what a filter cannot want.
//!
//! Marks of different things may fall on the same bit (a cluster of a hundred nodes, say), so they rule out and never
//! prove.

use crate::event::{Body, Event, MessageType, What};
use crate::fault::Channel;
use crate::id::{ActorId, ClientId, GuestId, NodeId};

/// What is spoken of. In a filter, a field without a bit wants nothing in particular.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// A bit for each statement.
    pub whats: u64,
    /// Who was spoken to, or spoke.
    pub actors: u64,
    /// Whom the events are about.
    pub nodes: u64,
    /// What was sent: a bit for each channel.
    pub channels: u32,
    /// A bit for each type of message of the cluster bus.
    pub messages: u32,
}

impl Marks {
    /// The bytes of marks in an index.
    pub const BYTES: usize = 32;

    /// Those of one event.
    pub fn of(event: &Event) -> Self {
        let mut marks =
            Marks { whats: what(event.body.what()), actors: actor(event.actor), ..Marks::default() };
        event.each_node(&mut |id| marks.nodes |= node(id));
        if let Body::Sent { channel: through, bus, .. } = &event.body {
            marks.channels = channel(*through);
            marks.messages = bus.as_ref().map_or(0, |bus| message(bus.r#type));
        }
        marks
    }

    /// Those of both.
    pub fn and(self, other: Marks) -> Marks {
        Marks {
            whats: self.whats | other.whats,
            actors: self.actors | other.actors,
            nodes: self.nodes | other.nodes,
            channels: self.channels | other.channels,
            messages: self.messages | other.messages,
        }
    }

    /// Whether one of the events with these marks may be what `wanted` wants.
    pub fn may_hold(&self, wanted: &Marks) -> bool {
        let meet = |wanted: u64, there: u64| wanted == 0 || wanted & there != 0;
        meet(wanted.whats, self.whats)
            && meet(wanted.actors, self.actors)
            && meet(wanted.nodes, self.nodes)
            && meet(wanted.channels.into(), self.channels.into())
            && meet(wanted.messages.into(), self.messages.into())
    }

    /// As they stand in an index.
    pub fn to_bytes(self) -> [u8; Marks::BYTES] {
        let mut bytes = [0; Marks::BYTES];
        for (at, long) in [(0, self.actors), (8, self.nodes), (16, self.whats)] {
            bytes[at..at + 8].copy_from_slice(&long.to_le_bytes());
        }
        for (at, word) in [(24, self.channels), (28, self.messages)] {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Reads them back.
    pub fn from_bytes(bytes: &[u8; Marks::BYTES]) -> Self {
        let long =
            |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight"));
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes are four"));
        Marks { actors: long(0), nodes: long(8), whats: long(16), channels: word(24), messages: word(28) }
    }
}

/// The bit of a statement.
pub(super) fn what(what: What) -> u64 {
    const { assert!(What::ALL.len() <= 64, "more statements need wider marks") };
    1 << what.code()
}

/// The bit of an actor. Nodes and clients share out what the five roles leave.
pub(super) fn actor(id: ActorId) -> u64 {
    const ROLES: u16 = 5;
    const NODES: u16 = 40;
    let bit = match id {
        ActorId::Director => 0,
        ActorId::Network => 1,
        ActorId::Chaos => 2,
        ActorId::Operator => 3,
        ActorId::Validator => 4,
        ActorId::Node(NodeId(n)) => ROLES + n % NODES,
        ActorId::Guest(GuestId(n)) => ROLES + NODES + n % (64 - ROLES - NODES),
        ActorId::Client(ClientId(n)) => ROLES + NODES + n % (64 - ROLES - NODES),
    };
    1 << bit
}

/// The bit of a node.
pub(super) fn node(NodeId(n): NodeId) -> u64 {
    1 << (n % 64)
}

/// The bit of a channel.
pub(super) fn channel(channel: Channel) -> u32 {
    match channel {
        Channel::Client => 1,
        Channel::Bus => 2,
        Channel::Replication => 4,
    }
}

/// The bit of a type of message; all that this version does not know share one.
pub(super) fn message(MessageType(n): MessageType) -> u32 {
    1 << MessageType::NAMES.len().min(n.into())
}
