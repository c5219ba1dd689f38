//! The network: every link, every connection, and what faults make of them.
//!
//! It decides when what one end did shows at the other. The bytes of a connection never overtake each other; a cut
//! link holds them, as TCP does when packets are lost, and gives them up with the first attempt after it healed.

mod bus;
pub mod bus_rules;
mod connection;
mod keep_alive;
mod links;
mod machines;
mod pieces;
mod retransmission;
mod rules;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddrV4;

use xxhash_rust::xxh3::xxh3_64;

use self::bus_rules::BusRules;
use self::connection::{Connection, ENDS, Held};
use self::links::Links;
use self::pieces::Splits;
use self::retransmission::{IN_FLIGHT_BYTES, next_attempt};
use super::message::{Arrival, Arrived, Chunk, End, Message, NetworkMessage, OperatorMessage, Rule};
use super::{Actor, Out};
use crate::event::{Body, Closing, MessageType};
use crate::fault::Channel;
use crate::id::{ActorId, BUS_PORT, Host, NodeId};
use crate::plan::NetworkPlan;
use crate::time::{SimDuration, SimTime};
use crate::wire::asked::Asked;

/// Marks the ends of connections that a node accepted; those it dialled are named by the node itself.
const ACCEPTED: u64 = 1 << 63;
/// How long a kernel tries to connect to a host that does not answer.
const DIAL_PATIENCE: SimDuration = SimDuration::from_secs(127);
/// Bytes an actor reads before its peer is told that there is room again.
const CREDIT_STEP: u64 = 128 * 1024;

/// All links and connections of a run.
pub struct Network {
    links: Links,
    listeners: BTreeSet<(Host, u16)>,
    connections: BTreeMap<u64, Connection>,
    ends: BTreeMap<End, u64>,
    next: u64,
    recorded: BTreeMap<u64, VecDeque<SimDuration>>,
    splits: Splits,
    /// Nodes whose machines are gone.
    lost: BTreeSet<NodeId>,
    bus: BusRules,
}

impl Network {
    /// The network of a plan, without any connection.
    pub fn new(seed: u64, plan: &NetworkPlan) -> Self {
        Network {
            links: Links::new(seed, plan),
            splits: Splits::drawn(seed),
            lost: BTreeSet::new(),
            bus: BusRules::new(seed),
            recorded: BTreeMap::new(),
            listeners: BTreeSet::new(),
            connections: BTreeMap::new(),
            ends: BTreeMap::new(),
            next: 1,
        }
    }

    /// The same, where an earlier run decides: its latencies, by connection, go before drawn ones, and nothing is split
    /// but what was.
    pub fn guided_by(
        mut self,
        latencies: BTreeMap<u64, VecDeque<SimDuration>>,
        splits: pieces::Recorded,
    ) -> Self {
        self.recorded = latencies;
        self.splits = Splits::Recorded(splits);
        self
    }

    /// The same, where rules of the bus hit what they hit in an earlier run.
    pub fn ruled_by(mut self, recorded: bus_rules::Recorded) -> Self {
        self.bus.guide(recorded);
        self
    }

    fn dial(&mut self, now: SimTime, from: End, local_port: u16, to: SocketAddrV4, out: &mut Out) {
        let conn = self.next;
        self.next += 1;
        let Some(source) = host_of(from.owner) else {
            return;
        };
        let target = Host::from_address(*to.ip());
        let local_port = if local_port == 0 { 32_768 + (conn % 28_000) as u16 } else { local_port };
        self.ends.insert(from, conn);
        let channel = channel(source, to.port());
        let hosts = [source, target.unwrap_or(source)];
        let connection = Connection::new(from, hosts, [local_port, to.port()], channel);
        self.connections.insert(conn, connection);
        if target.is_some() {
            self.pass(now, conn, 0, Held::Knock, out);
        } else {
            out.send(from.owner, arrived(conn, from, Arrival::Refused));
        }
    }

    /// A connection's request is at the other host.
    fn knock(&mut self, now: SimTime, conn: u64, out: &mut Out) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let host = connection.hosts[1];
        let Some(owner) = host.owner() else {
            return;
        };
        if connection.torn {
            return;
        }
        if self.is_lost(conn, 1) {
            return self.pass(now, conn, 0, Held::Knock, out);
        }
        let connection = self.connections.get_mut(&conn).expect("it was just found");
        let [from, to] = connection.hosts;
        if self.links.is_refused(from, to, connection.channel) {
            return self.pass(now, conn, 1, Held::Arrival(Arrival::Refused), out);
        }
        if !self.listeners.contains(&(host, connection.ports[1])) {
            return self.pass(now, conn, 1, Held::Arrival(Arrival::Refused), out);
        }
        let end = End { owner, handle: ACCEPTED | conn };
        let peer = SocketAddrV4::new(connection.hosts[0].address(), connection.ports[0]);
        let incoming = Arrival::Incoming { port: connection.ports[1], peer };
        connection.accept(end);
        self.ends.insert(end, conn);
        out.send(end.owner, arrived(conn, end, incoming));
        self.pass(now, conn, 1, Held::Arrival(Arrival::Connected), out);
    }

    fn give_up(&mut self, conn: u64, out: &mut Out) {
        let unanswered = self.connections.get(&conn).filter(|connection| connection.ends[1].is_none());
        if let Some(end) = unanswered.and_then(|connection| connection.ends[0]) {
            out.send(end.owner, arrived(conn, end, Arrival::TimedOut));
            self.forget(conn);
        }
    }

    fn sent(&mut self, now: SimTime, from: End, chunk: Chunk, out: &mut Out) {
        let Some((conn, side)) = self.find(from) else {
            return;
        };
        if let ActorId::Guest(_) = from.owner {
            let Asked { commands, is_partial: partial } = Asked::of(chunk.told());
            out.note(Body::GuestWrote { conn, len: chunk.bytes.len() as u64, commands, partial });
        }
        self.tell_operator(conn, side, &chunk, out);
        let connection = &self.connections[&conn];
        if connection.closed[ENDS - 1 - side] && !self.is_lost(conn, ENDS - 1 - side) && !connection.torn {
            // The other host has no such connection any more and says so.
            return self.pass(now, conn, ENDS - 1 - side, Held::Arrival(Arrival::Reset), out);
        }
        if connection.torn {
            return;
        }
        self.credit_for_actor(now, conn, side, chunk.bytes.len() as u64, out);
        self.pass_by_rules(now, conn, side, chunk, out);
    }

    /// An actor reads whatever it gets at once: its peer has room again as soon as the bytes are there.
    fn credit_for_actor(&mut self, now: SimTime, conn: u64, side: usize, len: u64, out: &mut Out) {
        let connection = self.connections.get_mut(&conn).expect("the caller just found it");
        if !connection.hosts[ENDS - 1 - side].has_processes() {
            connection.unread[side] += len;
            if connection.unread[side] >= CREDIT_STEP {
                let len = std::mem::take(&mut connection.unread[side]);
                self.pass(now, conn, ENDS - 1 - side, Held::Arrival(Arrival::Credit { len }), out);
            }
        }
    }

    fn tell_operator(&self, conn: u64, side: usize, chunk: &Chunk, out: &mut Out) {
        const STEPS: [MessageType; 3] =
            [MessageType::MFSTART, MessageType::FAILOVER_AUTH_REQUEST, MessageType::FAILOVER_AUTH_ACK];
        let Some(summary) = &chunk.bus else {
            return;
        };
        let of_interest = STEPS.contains(&summary.r#type) || summary.paused == Some(true);
        let hosts = self.connections[&conn].hosts;
        if let (true, Host::Node(node), Host::Node(to)) = (of_interest, hosts[side], hosts[ENDS - 1 - side]) {
            let seen = OperatorMessage::BusSeen { node, to, summary: Box::new(summary.brief()) };
            out.send(ActorId::Operator, Message::Operator(seen));
        }
    }

    fn closed(&mut self, now: SimTime, from: End, reset: bool, out: &mut Out) {
        let Some((conn, side)) = self.find(from) else {
            return;
        };
        self.ends.remove(&from);
        let connection = self.connections.get_mut(&conn).expect("it was just found");
        connection.closed[side] = true;
        if connection.closed.iter().all(|closed| *closed) || connection.ends[1].is_none() {
            return self.forget(conn);
        }
        if connection.lost[side] || connection.torn {
            return;
        }
        let end = if reset { Arrival::Reset } else { Arrival::Eof };
        self.pass(now, conn, side, Held::Arrival(end), out);
    }

    fn forget(&mut self, conn: u64) {
        if let Some(connection) = self.connections.remove(&conn) {
            for end in connection.ends.into_iter().flatten() {
                self.ends.remove(&end);
            }
        }
    }

    fn find(&self, end: End) -> Option<(u64, usize)> {
        let conn = *self.ends.get(&end)?;
        let side = self.connections.get(&conn)?.ends.iter().position(|known| *known == Some(end))?;
        Some((conn, side))
    }

    /// Whether what one side sends does not arrive: its way is cut, or the way back is, and as much is under way as TCP
    /// sends without hearing of its receipt.
    fn is_blocked(&self, conn: u64, side: usize) -> bool {
        let connection = &self.connections[&conn];
        let (from, to) = (connection.hosts[side], connection.hosts[ENDS - 1 - side]);
        self.links.is_cut(from, to, connection.channel)
            || self.is_lost(conn, ENDS - 1 - side)
            || connection.unheard[side] > IN_FLIGHT_BYTES
            || !connection.stalled[side].is_empty()
    }

    /// Counts what is sent while its receipt cannot be heard of.
    fn count_unheard(&mut self, conn: u64, side: usize, len: u64) {
        let connection = self.connections.get_mut(&conn).expect("the caller knows the connection");
        let (from, to) = (connection.hosts[side], connection.hosts[ENDS - 1 - side]);
        let is_deaf = self.links.is_cut(to, from, connection.channel);
        connection.unheard[side] = if is_deaf { connection.unheard[side] + len } else { 0 };
    }

    /// Sends something from one side of a connection to the other, or holds it while the link is cut.
    fn pass(&mut self, now: SimTime, conn: u64, side: usize, what: Held, out: &mut Out) {
        self.pass_late(now, (conn, side), what, SimDuration::ZERO, out);
    }

    /// The same, so much later than it would arrive; what has to wait anyway is late enough. Gives its bytes.
    fn pass_late(
        &mut self,
        now: SimTime,
        (conn, side): (u64, usize),
        what: Held,
        late: SimDuration,
        out: &mut Out,
    ) -> u64 {
        let len = what.len();
        if self.connections.get(&conn).is_some_and(|connection| connection.torn) {
            return len;
        }
        self.count_unheard(conn, side, what.len());
        let is_blocked = self.is_blocked(conn, side) || self.waits_for_its_turn(now, conn, side, out);
        let connection = self.connections.get_mut(&conn).expect("the caller knows the connection");
        if !is_blocked && connection.held[side].is_empty() {
            self.forward(now, (conn, side), what, late, out);
            return len;
        }
        out.note(Body::Held { conn, len: what.len() });
        if matches!(what, Held::Knock) {
            let patience_ends = Message::Network(NetworkMessage::GiveUp { conn });
            out.send_after(DIAL_PATIENCE, ActorId::Network, patience_ends);
        }
        connection.hold(now, side, what);
        len
    }

    /// Sends something that nothing holds back.
    fn forward(
        &mut self,
        now: SimTime,
        (conn, side): (u64, usize),
        what: Held,
        late: SimDuration,
        out: &mut Out,
    ) {
        let connection = &self.connections[&conn];
        let way = [connection.hosts[side], connection.hosts[ENDS - 1 - side]];
        let first = self.splits.first(way, (conn, connection.steps), what.len());
        match (what, first) {
            (Held::Arrival(Arrival::Data(chunk)), Some(first)) => {
                out.note(Body::Split { conn, first });
                for piece in pieces::split(chunk, first) {
                    let piece = Held::Arrival(Arrival::Data(piece));
                    self.forward_whole(now, (conn, side), piece, late, out);
                }
            }
            (what, _) => self.forward_whole(now, (conn, side), what, late, out),
        }
    }

    fn forward_whole(
        &mut self,
        now: SimTime,
        (conn, side): (u64, usize),
        what: Held,
        late: SimDuration,
        out: &mut Out,
    ) {
        let connection = self.connections.get_mut(&conn).expect("the caller knows the connection");
        let (from, to) = (connection.hosts[side], connection.hosts[ENDS - 1 - side]);
        connection.steps += 1;
        let is_knock = matches!(what, Held::Knock);
        let troubled = self.links.lateness((from, to), connection.channel, is_knock);
        let drawn = self.links.draw_latency(from, to) + late + troubled;
        self.links.occupy((from, to), connection.channel, now, what.len());
        let latency = self.recorded.get_mut(&conn).and_then(VecDeque::pop_front).unwrap_or(drawn);
        let at = connection.arrival(side, now + latency);
        let delay = at.since(now);
        out.note(Body::Latency { conn, ns: delay });
        match what {
            // Whoever is not there any more is not reached by it.
            Held::Unanswered => {}
            Held::Knock => {
                out.send_after(delay, ActorId::Network, Message::Network(NetworkMessage::Knock { conn }));
            }
            Held::Arrival(arrival) => {
                if let Some(end) = connection.ends[ENDS - 1 - side] {
                    out.send_after(delay, end.owner, arrived(conn, end, arrival));
                }
            }
        }
    }

    /// Has everything tried again that is held at a link that is not cut any more: at once what waited in a queue by the
    /// rule that is gone, and as TCP does it what was lost.
    fn release(&self, now: SimTime, gone: Option<&Rule>, out: &mut Out) {
        for (conn, connection) in &self.connections {
            for side in 0..ENDS {
                if let Some(first) = connection.held[side].front() {
                    let at = match gone.is_some_and(|rule| rules::queued(rule, connection, side)) {
                        true => now,
                        false => next_attempt(first, connection.held_since[side], now),
                    };
                    let again = NetworkMessage::Retransmit { conn: *conn, side };
                    out.send_after(at.since(now), ActorId::Network, Message::Network(again));
                }
            }
        }
    }

    /// Sends again what is held, if it gets through by now.
    fn retransmit(&mut self, now: SimTime, conn: u64, side: usize, out: &mut Out) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        connection.unheard[side] = 0;
        if self.is_blocked(conn, side) {
            return;
        }
        let connection = self.connections.get_mut(&conn).expect("it was just found");
        let mut held = std::mem::take(&mut connection.held[side]);
        if connection.lost[ENDS - 1 - side] && !held.is_empty() {
            // The machine is back and knows nothing of the connection, as whoever asked is told at once.
            connection.keeps[side] = None;
            return self.pass(now, conn, ENDS - 1 - side, Held::Arrival(Arrival::Reset), out);
        }
        while let Some(what) = held.pop_front() {
            if self.waits_for_its_turn(now, conn, side, out) {
                held.push_front(what);
                return self.hold_again(conn, side, held);
            }
            self.pass(now, conn, side, what, out);
        }
    }

    /// The process of a host is gone: what it sent into a cut is never sent again.
    fn gone(&mut self, host: Host) {
        if let Host::Node(node) = host {
            self.bus.forget(node);
        }
        for connection in self.connections.values_mut() {
            for side in 0..ENDS {
                if connection.hosts[side] == host {
                    connection.drop_unsent(side);
                }
            }
        }
    }

    /// The two names that the log has for what an end does: its connection, and the host at the other end.
    fn names(&self, end: End) -> Option<(u64, &Connection, Host)> {
        let (conn, side) = self.find(end)?;
        let connection = &self.connections[&conn];
        Some((conn, connection, connection.hosts[ENDS - 1 - side]))
    }

    fn describe_sent(&self, from: End, chunk: &Chunk) -> Option<Body> {
        let (conn, connection, to) = self.names(from)?;
        Some(Body::Sent {
            from: from.owner,
            conn,
            channel: connection.channel,
            to,
            len: chunk.bytes.len() as u64,
            digest: format!("{:016x}", xxh3_64(chunk.told())),
            bus: chunk.bus.clone(),
            repl: chunk.repl.clone(),
        })
    }

    fn describe_closed(&self, from: End, how: Closing) -> Option<Body> {
        let (conn, ..) = self.names(from)?;
        Some(Body::Closed { from: from.owner, conn, how })
    }
}

/// What a connection carries, by who dialled which port.
fn channel(from: Host, port: u16) -> Channel {
    match (from, port) {
        (_, BUS_PORT) => Channel::Bus,
        (Host::Node(_), _) => Channel::Replication,
        _ => Channel::Client,
    }
}

fn host_of(actor: ActorId) -> Option<Host> {
    match actor {
        ActorId::Node(node) => Some(Host::Node(node)),
        ActorId::Client(client) => Some(Host::Client(client)),
        ActorId::Guest(guest) => Some(Host::Guest(guest)),
        ActorId::Operator => Some(Host::Operator),
        ActorId::Validator => Some(Host::Validator),
        ActorId::Chaos => Some(Host::Stranger),
        _ => None,
    }
}

fn arrived(conn: u64, end: End, arrival: Arrival) -> Message {
    Message::Arrived(Arrived { conn, handle: end.handle, arrival })
}

impl Actor for Network {
    fn describe(&self, message: &Message) -> Body {
        let Message::Network(inner) = message else {
            return message.body();
        };
        let known =
            match inner {
                NetworkMessage::Sent { from, chunk } => self.describe_sent(*from, chunk),
                NetworkMessage::Closed { from, reset: true } => self.describe_closed(*from, Closing::Reset),
                NetworkMessage::Closed { from, reset: false } => self.describe_closed(*from, Closing::Closed),
                NetworkMessage::Shut { from } => self.describe_closed(*from, Closing::HalfClosed),
                NetworkMessage::Dial { from, to, .. } => Host::from_address(*to.ip())
                    .map(|host| Body::Dial { from: from.owner, conn: self.next, to: host, port: to.port() }),
                _ => None,
            };
        known.unwrap_or_else(|| message.body())
    }

    fn handle(&mut self, now: SimTime, message: Message, out: &mut Out) {
        let Message::Network(message) = message else {
            unreachable!("only the network's own messages are for it");
        };
        match message {
            NetworkMessage::Listen { host, port } => {
                self.listeners.insert((host, port));
            }
            NetworkMessage::Unlisten { host, port } => {
                self.listeners.remove(&(host, port));
            }
            NetworkMessage::Dial { from, local_port, to } => self.dial(now, from, local_port, to, out),
            NetworkMessage::Knock { conn } => self.knock(now, conn, out),
            NetworkMessage::GiveUp { conn } => self.give_up(conn, out),
            NetworkMessage::Silence => self.ask_keepers(out),
            NetworkMessage::KeepsAlive { from, how } => self.keeps_alive(now, from, how, out),
            NetworkMessage::Probe { conn, side } => self.probe(now, conn, side, out),
            NetworkMessage::Retransmit { conn, side } => self.retransmit(now, conn, side, out),
            NetworkMessage::Gone { host } => self.gone(host),
            NetworkMessage::Sent { from, chunk } => self.sent(now, from, chunk, out),
            NetworkMessage::Consumed { from, len } => {
                if let Some((conn, side)) = self.find(from) {
                    self.pass(now, conn, side, Held::Arrival(Arrival::Credit { len }), out);
                }
            }
            NetworkMessage::Shut { from } => {
                if let Some((conn, side)) = self.find(from) {
                    self.pass(now, conn, side, Held::Arrival(Arrival::Eof), out);
                }
            }
            NetworkMessage::Closed { from, reset } => self.closed(now, from, reset, out),
            NetworkMessage::Cease => {
                self.recorded.clear();
                self.splits = Splits::Recorded(pieces::Recorded::new());
                self.links.cease();
                self.bus.cease();
            }
            NetworkMessage::Machine { node, lost: true } => self.lose(now, node, out),
            NetworkMessage::Machine { node, lost: false } => self.find_again(now, node, out),
            NetworkMessage::SetRule { fault, rule } => self.set_rule(now, fault, rule, out),
            NetworkMessage::SetBusRule { fault, sides, rule } => self.bus.set(fault, sides, *rule),
            NetworkMessage::Again { conn, side, chunk } => self.again(now, (conn, side), chunk, out),
            NetworkMessage::ClearRule { fault } => {
                let gone = self.links.clear(fault);
                self.clear_bus_rule(now, fault, out);
                self.release(now, gone.as_ref(), out);
            }
        }
    }
}

#[cfg(test)]
mod tests;
