//! Connections of strangers: dialled for a fault, told what it says, and closed with its heal.
//!
//! All that a server answers is noted, since that is what a stranger gets.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use redis::Value;

use crate::actor::Out;
use crate::actor::message::{Arrival, Arrived, Chunk, End, Message, NetworkMessage};
use crate::event::Body;
use crate::fault::FaultId;
use crate::fault::stranger::{Port, Says, bytes};
use crate::id::{ActorId, Host, NodeId};
use crate::rng::Stream;
use crate::time::SimDuration;
use crate::wire::resp::{self, Decoder, ServerError};

/// What a fault has a stranger do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand {
    pub fault: FaultId,
    pub node: NodeId,
    pub port: Port,
    pub says: Says,
    /// What the words are drawn from.
    pub words: u64,
}

/// All connections of strangers.
#[derive(Debug, Default)]
pub(super) struct Visits {
    /// Handles given out so far; a handle is never used again.
    handles: u64,
    open: BTreeMap<u64, Open>,
}

/// A connection that is not closed.
#[derive(Debug)]
struct Open {
    errand: Errand,
    /// Which of the errand's connections it is, from 0.
    n: u64,
    /// What arrived and is no whole answer yet.
    decoder: Decoder,
    /// How that begins which ever arrived.
    heard: Vec<u8>,
}

impl Visits {
    /// Dials so many times, evenly within a while; at once where nothing is said.
    pub fn begin(&mut self, errand: Errand, connections: u16, within: SimDuration, out: &mut Out) {
        let to = SocketAddrV4::new(Host::Node(errand.node).address(), errand.port.number());
        for n in 0..u64::from(connections) {
            self.handles += 1;
            self.open
                .insert(self.handles, Open { errand, n, decoder: Decoder::default(), heard: Vec::new() });
            let delay = match errand.says {
                Says::Silent => SimDuration::ZERO,
                _ => SimDuration::from_ns(within.as_ns() / u64::from(connections) * n),
            };
            let dial = NetworkMessage::Dial { from: end(self.handles), local_port: 0, to };
            out.send_after(delay, ActorId::Network, Message::Network(dial));
        }
    }

    /// Closes all connections of a fault.
    pub fn end(&mut self, fault: FaultId, out: &mut Out) {
        self.open.retain(|handle, open| {
            let is_own = open.errand.fault == fault;
            if is_own {
                close(*handle, out);
            }
            !is_own
        });
    }

    /// Takes what arrived at a connection; at one that is closed, nothing.
    pub fn arrived(&mut self, arrived: &Arrived, out: &mut Out) {
        let Some(open) = self.open.get_mut(&arrived.handle) else { return };
        match &arrived.arrival {
            Arrival::Connected => speak(open, arrived.handle, out),
            Arrival::Data(chunk) => open.got(&chunk.bytes, out),
            Arrival::Refused | Arrival::TimedOut | Arrival::Eof | Arrival::Reset => {
                self.open.remove(&arrived.handle);
                close(arrived.handle, out);
            }
            Arrival::Incoming { .. } | Arrival::Credit { .. } | Arrival::Unheard => {}
        }
    }
}

impl Open {
    /// Notes each whole answer, and whatever is none.
    fn got(&mut self, bytes: &[u8], out: &mut Out) {
        if self.errand.port == Port::Bus {
            return self.note(&escaped(bytes), out);
        }
        self.decoder.push(bytes);
        let room = TOLD_CHARS.saturating_sub(self.heard.len());
        self.heard.extend_from_slice(&bytes[..bytes.len().min(room)]);
        loop {
            let text = match self.decoder.pop() {
                Ok(None) => return,
                Ok(Some(Value::ServerError(error))) => format!("-{}", ServerError::from(&error)),
                Ok(Some(answer)) => resp::lines(&answer).join("\n"),
                // An error may repeat what a stranger said, which need be no text.
                Err(_) => return self.note(&escaped(&self.heard), out),
            };
            self.note(&text, out);
        }
    }

    fn note(&self, text: &str, out: &mut Out) {
        let Errand { fault, node, port, .. } = self.errand;
        let text = text.chars().take(TOLD_CHARS).collect();
        out.note(Body::StrangerGot { fault, node, bus: port == Port::Bus, text });
    }
}

/// The begin of some bytes as text.
fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().take(TOLD_CHARS).map(char::from).collect()
}

/// As much of an answer is told.
const TOLD_CHARS: usize = 60;

/// Says what a connection is for.
fn speak(Open { errand, n, .. }: &Open, handle: u64, out: &mut Out) {
    let mut stream = Stream::new(errand.words, "stranger", &format!("connection {n}"));
    let bytes = bytes(errand.says, errand.port, &mut stream);
    if !bytes.is_empty() {
        let sent = NetworkMessage::Sent { from: end(handle), chunk: Chunk::plain(bytes) };
        out.send(ActorId::Network, Message::Network(sent));
    }
}

fn end(handle: u64) -> End {
    End { owner: ActorId::Chaos, handle }
}

fn close(handle: u64, out: &mut Out) {
    let closed = NetworkMessage::Closed { from: end(handle), reset: false };
    out.send(ActorId::Network, Message::Network(closed));
}
