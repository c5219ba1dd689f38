//! Small builders of what nodes say, for the tests. Instants are in seconds; node 1 has the id `000…1`.

use std::sync::Arc;

use super::bus::{Header, Message};
use crate::event::{Body, Claim, Event, Gossiped, MessageType};
use crate::fault::Channel;
use crate::id::{ActorId, ClientId, Host, NodeId};
use crate::time::{SimDuration, SimTime};

/// An instant.
pub fn at(s: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(s)
}

/// The cluster id of a node.
pub fn id(node: u16) -> String {
    format!("{node:040x}")
}

/// What a node says of itself.
#[derive(Clone, Debug)]
pub struct Says {
    /// Who.
    pub node: u16,
    /// Its cluster id.
    pub id: String,
    /// Of whom it is a replica.
    pub of: Option<u16>,
    /// Its slots, or its primary's.
    pub slots: Vec<(u16, u16)>,
    /// Current epoch and config epoch.
    pub epochs: (u64, u64),
    /// Its offset.
    pub offset: u64,
    /// Its state is ok.
    pub ok: bool,
    /// Its clients are stopped.
    pub paused: bool,
    /// It asks for a vote by force.
    pub forced: bool,
    /// Whom it doubts: node and flags.
    pub gossip: Vec<(u16, u16)>,
}

impl Says {
    /// A primary of some slots, in an epoch that is the highest it knows.
    pub fn primary(node: u16, epoch: u64, slots: (u16, u16)) -> Self {
        Says {
            node,
            id: id(node),
            of: None,
            slots: vec![slots],
            epochs: (epoch, epoch),
            offset: 100,
            ok: true,
            paused: false,
            forced: false,
            gossip: Vec::new(),
        }
    }

    /// A replica, in epoch 9.
    pub fn replica(node: u16, of: u16) -> Self {
        Says { of: Some(of), epochs: (9, 0), ..Says::primary(node, 9, (0, 9)) }
    }
}

/// A PING from who says so, on the connection of the two nodes' numbers.
pub fn message(says: Says, to: u16, s: u64) -> Message {
    of_type(MessageType::PING, says, to, s)
}

/// Another message.
pub fn of_type(r#type: MessageType, says: Says, to: u16, s: u64) -> Message {
    let flags = if says.of.is_some() { Claim::REPLICA } else { Claim::PRIMARY };
    let claim = Claim { id: says.id, flags, of: says.of.map(id), slots: says.slots, ok: says.ok };
    let header = Header {
        claim: Arc::new(claim),
        current_epoch: says.epochs.0,
        config_epoch: says.epochs.1,
        offset: says.offset,
        paused: says.paused,
        forced: says.forced,
    };
    Message {
        event: s,
        at: at(s),
        from: NodeId(says.node),
        to: NodeId(to),
        conn: u64::from(says.node) * 1000 + u64::from(to),
        prompt: true,
        waited: SimDuration::ZERO,
        r#type,
        header: Some(header),
        about: None,
        gossip: says.gossip.into_iter().map(|(node, flags)| Gossiped(id(node), flags)).collect(),
        published: None,
    }
}

/// A process sends something to a client, and so shows that it is not busy.
pub fn works(node: u16, s: u64) -> Event {
    let (from, to, channel) = (ActorId::Node(NodeId(node)), Host::Client(ClientId(1)), Channel::Client);
    let digest = String::new();
    let sent = Body::Sent { from, conn: 1, channel, to, len: 1, digest, bus: None, repl: None };
    event(s, ActorId::Network, sent)
}

/// An event at that second.
pub fn event(s: u64, actor: ActorId, body: Body) -> Event {
    Event { i: s, at: at(s), actor, kind: body.kind(), cause: None, body }
}
