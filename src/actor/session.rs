//! Speaks RESP with nodes over simulated connections, for any actor that embeds it.
//!
//! One connection a node, dialled when it is first needed; commands wait until it is there, then go out in order,
//! and replies come back in the same order. What matters is how an ask fails: `NotSent` was surely never seen by the
//! server, `Lost` may have been. An actor that takes one for the other tells a history that is not true.
//! Time-outs are the embedding actor's business, and so is what a reply means. The room that the other end has left
//! (`Credit`) is not watched: what actors ask is small beside a socket's buffer.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::net::SocketAddrV4;

use redis::{PushKind, Value};

use super::Out;
use super::message::{Arrival, Arrived, Chunk, End, Message, NetworkMessage};
use crate::id::{ActorId, CLIENT_PORT, Host, NodeId};
use crate::wire::resp::{self, Decoder, ServerError};

/// Why an ask has no reply to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// No byte of it left this actor.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It was sent, and nobody can know whether the server did it.
    #[error("lost: {0}")]
    Lost(String),
    /// The server answered with an error.
    #[error("{0}")]
    Server(ServerError),
}

/// The tag of a login, whose answer is nobody's.
const LOGIN: u64 = u64::MAX;

/// What became of one ask.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Who was asked.
    pub node: NodeId,
    /// The asker's name for the ask.
    pub tag: u64,
    /// The reply, or why there is none.
    pub result: Result<Value, SessionError>,
}

impl Answer {
    /// Whether the node said anything, be it an error.
    pub fn is_reply(&self) -> bool {
        matches!(self.result, Ok(_) | Err(SessionError::Server(_)))
    }
}

/// The connections of one actor, at most one to each node.
#[derive(Debug)]
pub struct Sessions {
    owner: ActorId,
    /// What is said first on each connection, if nodes want a password.
    login: Option<Vec<u8>>,
    /// Handles given out so far; a handle is never used again.
    handles: u64,
    connections: BTreeMap<NodeId, Connection>,
    /// What came that was no reply to anything, since it was asked for last.
    out_of_step: Vec<(NodeId, String)>,
    /// What nodes say unasked is taken, and not out of step.
    listens: bool,
    /// What nodes said unasked, word by word, since it was asked for last.
    pushes: Vec<(NodeId, Vec<String>)>,
}

#[derive(Debug)]
struct Connection {
    end: End,
    /// Commands for when the connection is there; absent once it is.
    unsent: Option<Vec<u8>>,
    /// Tags of what was asked and not answered, oldest first.
    pending: VecDeque<u64>,
    decoder: Decoder,
}

impl Sessions {
    /// No connections yet, for `owner`.
    pub fn new(owner: ActorId) -> Self {
        Sessions::numbered_from(owner, 0)
    }

    /// No connections yet, for `owner`; their handles are those after `handles`, so that several can belong to one owner.
    pub fn numbered_from(owner: ActorId, handles: u64) -> Self {
        Sessions {
            owner,
            login: None,
            handles,
            connections: BTreeMap::new(),
            out_of_step: Vec::new(),
            listens: false,
            pushes: Vec::new(),
        }
    }

    /// The same, which take what nodes say unasked.
    pub fn listening(self) -> Self {
        Sessions { listens: true, ..self }
    }

    /// The same, where nodes want a password.
    pub fn with_password(self, password: Option<&str>) -> Self {
        Sessions { login: password.map(|password| resp::pack(&["AUTH", password])), ..self }
    }

    /// Asks `node`; the answer carries `tag`.
    pub fn ask<A: AsRef<[u8]>>(&mut self, node: NodeId, args: &[A], tag: u64, out: &mut Out) {
        self.ask_packed(node, resp::pack(args), &[tag], out);
    }

    /// Asks `node` several things in one chunk; the answers carry the tags.
    pub fn ask_all<A: AsRef<[u8]>>(&mut self, node: NodeId, asks: &[(u64, Vec<A>)], out: &mut Out) {
        let bytes = asks.iter().flat_map(|(_, args)| resp::pack(args)).collect();
        let tags = asks.iter().map(|(tag, _)| *tag).collect::<Vec<_>>();
        self.ask_packed(node, bytes, &tags, out);
    }

    fn ask_packed(&mut self, node: NodeId, bytes: Vec<u8>, tags: &[u64], out: &mut Out) {
        if !self.has(node) {
            let connection = self.dial(node, out);
            self.connections.insert(node, connection);
        }
        self.connections.get_mut(&node).expect("it was dialled if it was missing").ask(bytes, tags, out);
    }

    fn dial(&mut self, node: NodeId, out: &mut Out) -> Connection {
        self.handles += 1;
        let end = End { owner: self.owner, handle: self.handles };
        let to = SocketAddrV4::new(Host::Node(node).address(), CLIENT_PORT);
        tell(NetworkMessage::Dial { from: end, local_port: 0, to }, out);
        let pending = self.login.iter().map(|_| LOGIN).collect();
        let unsent = Some(self.login.clone().unwrap_or_default());
        Connection { end, unsent, pending, decoder: Decoder::default() }
    }

    /// Takes what arrived at one of the owner's ends; ends already closed are passed over.
    pub fn arrived(&mut self, arrived: Arrived, out: &mut Out) -> Vec<Answer> {
        let Some(node) = self.node_of(arrived.handle) else {
            return Vec::new();
        };
        match arrived.arrival {
            Arrival::Connected => self.connected(node, out),
            Arrival::Data(chunk) => return self.data(node, &chunk.bytes, out),
            Arrival::Refused => return self.end(node, false, "connection refused", out),
            Arrival::TimedOut => return self.end(node, false, "connection timed out", out),
            Arrival::Eof => return self.end(node, false, "connection closed by the server", out),
            Arrival::Reset => return self.end(node, false, "connection reset", out),
            Arrival::Incoming { .. } | Arrival::Credit { .. } | Arrival::Unheard => {}
        }
        Vec::new()
    }

    fn node_of(&self, handle: u64) -> Option<NodeId> {
        self.connections.iter().find(|(_, connection)| connection.end.handle == handle).map(|(node, _)| *node)
    }

    fn connected(&mut self, node: NodeId, out: &mut Out) {
        let connection = self.connections.get_mut(&node).expect("the handle was just found");
        if let Some(bytes) = connection.unsent.take() {
            connection.send(bytes, out);
        }
    }

    fn data(&mut self, node: NodeId, bytes: &[u8], out: &mut Out) -> Vec<Answer> {
        let connection = self.connections.get_mut(&node).expect("the handle was just found");
        connection.decoder.push(bytes);
        let mut answers = Vec::new();
        let trouble = loop {
            match connection.decoder.pop() {
                Ok(None) => return answers,
                Err(malformed) => break malformed.to_string(),
                Ok(Some(value)) if self.listens && is_unasked(&value) => {
                    self.pushes.push((node, told(value)))
                }
                Ok(Some(value)) => match connection.pending.pop_front() {
                    Some(LOGIN) => {}
                    Some(tag) => answers.push(Answer { node, tag, result: sorted(value) }),
                    None => break "a reply that nobody asked for".to_owned(),
                },
            }
        };
        self.out_of_step.push((node, trouble.clone()));
        answers.extend(self.end(node, true, &trouble, out));
        answers
    }

    /// What came that was no reply to anything, from whom, since this was asked last.
    pub fn take_out_of_step(&mut self) -> Vec<(NodeId, String)> {
        mem::take(&mut self.out_of_step)
    }

    /// What nodes said unasked, word by word and who, since this was asked last.
    pub fn take_pushes(&mut self) -> Vec<(NodeId, Vec<String>)> {
        mem::take(&mut self.pushes)
    }

    /// Every node that there is a connection to, or one is being dialled.
    pub fn nodes(&self) -> Vec<NodeId> {
        self.connections.keys().copied().collect()
    }

    /// Gives the connection to `node` up, as after a time-out: what is open fails, and the server sees a reset.
    pub fn drop_connection(&mut self, node: NodeId, out: &mut Out) -> Vec<Answer> {
        self.end(node, true, "timed out", out)
    }

    /// Closes all connections in good order; what is open is forgotten without an answer.
    pub fn close_all(&mut self, out: &mut Out) {
        for connection in mem::take(&mut self.connections).into_values() {
            tell(NetworkMessage::Closed { from: connection.end, reset: false }, out);
        }
    }

    /// True if there is a connection to `node` or one is being dialled.
    pub fn has(&self, node: NodeId) -> bool {
        self.connections.contains_key(&node)
    }

    /// Drops the connection; everything open on it fails because of `why`.
    fn end(&mut self, node: NodeId, reset: bool, why: &str, out: &mut Out) -> Vec<Answer> {
        let Some(connection) = self.connections.remove(&node) else {
            return Vec::new();
        };
        tell(NetworkMessage::Closed { from: connection.end, reset }, out);
        let error = if connection.unsent.is_some() {
            SessionError::NotSent(why.to_owned())
        } else {
            SessionError::Lost(why.to_owned())
        };
        let failed = |tag| Answer { node, tag, result: Err(error.clone()) };
        connection.pending.into_iter().filter(|tag| *tag != LOGIN).map(failed).collect()
    }
}

impl Connection {
    fn ask(&mut self, bytes: Vec<u8>, tags: &[u64], out: &mut Out) {
        self.pending.extend(tags);
        match &mut self.unsent {
            Some(unsent) => unsent.extend_from_slice(&bytes),
            None => self.send(bytes, out),
        }
    }

    fn send(&self, bytes: Vec<u8>, out: &mut Out) {
        tell(NetworkMessage::Sent { from: self.end, chunk: Chunk::plain(bytes) }, out);
    }
}

/// What subscribers, and clients that track what they read, are told without having asked, by its first word (`pubsub.c`, `tracking.c`).
const UNASKED: [&str; 4] = ["message", "smessage", "sunsubscribe", "invalidate"];

/// Whether it is no reply: a list in the second version of the protocol, a push in the third.
fn is_unasked(value: &Value) -> bool {
    match value {
        Value::Push { kind, .. } => UNASKED.contains(&kind.to_string().as_str()),
        Value::Array(items) => match items.first() {
            Some(Value::BulkString(word)) => UNASKED.iter().any(|known| known.as_bytes() == &word[..]),
            _ => false,
        },
        _ => false,
    }
}

/// The words of what was said unasked.
fn told(value: Value) -> Vec<String> {
    let word = |value: Value| match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::SimpleString(text) => text,
        Value::Int(number) => number.to_string(),
        Value::Nil => String::new(),
        other => format!("{other:?}"),
    };
    match value {
        Value::Push { kind, data } => {
            let parts = data.into_iter().flat_map(|part| match part {
                Value::Array(items) => items,
                // What is told of no key is told of all.
                Value::Nil if kind == PushKind::Invalidate => Vec::new(),
                part => vec![part],
            });
            [kind.to_string()].into_iter().chain(parts.map(word)).collect()
        }
        Value::Array(items) => items.into_iter().map(word).collect(),
        other => vec![word(other)],
    }
}

/// Tells an error of the server from a reply.
fn sorted(value: Value) -> Result<Value, SessionError> {
    match value {
        Value::ServerError(error) => Err(SessionError::Server((&error).into())),
        value => Ok(value),
    }
}

fn tell(message: NetworkMessage, out: &mut Out) {
    out.send(ActorId::Network, Message::Network(message));
}

#[cfg(test)]
mod tests;
