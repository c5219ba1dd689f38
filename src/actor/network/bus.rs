//! What becomes of a message of the cluster bus that a rule hits.
//!
//! The room that lost bytes took in their sender's window is given back, as if they had been read.

use super::Network;
use super::bus_rules::Way;
use super::connection::{ENDS, Held};
use crate::actor::Out;
use crate::actor::message::{Arrival, Chunk, Message, NetworkMessage};
use crate::event::Body;
use crate::fault::{BusAct, Channel, FaultId};
use crate::id::{ActorId, Host};
use crate::rng::Stream;
use crate::time::{SimDuration, SimTime};

/// What a rule makes of a message.
struct Ruling {
    fault: FaultId,
    act: BusAct,
    /// How much later it arrives, or arrives once more.
    late: SimDuration,
    /// What arrives in its place.
    chunk: Chunk,
}

/// Where the length stands in every header (`clusterMsg`, `totlen`).
const LENGTH_AT: std::ops::Range<usize> = 4..8;

impl Network {
    /// Passes on what one side of a connection sent, as the rules of the bus have it.
    pub(super) fn pass_by_rules(
        &mut self,
        now: SimTime,
        conn: u64,
        side: usize,
        chunk: Chunk,
        out: &mut Out,
    ) {
        let sent_bytes = chunk.bytes.len() as u64;
        let Some(ruling) = self.ruling(conn, side, &chunk, out) else {
            self.pass(now, conn, side, data(chunk), out);
            return self.pass_overtaken(now, conn, side, out);
        };
        let came_bytes = self.carry_out(now, (conn, side), ruling, out);
        if let Some(len) = sent_bytes.checked_sub(came_bytes).filter(|len| *len > 0) {
            self.pass(now, conn, ENDS - 1 - side, Held::Arrival(Arrival::Credit { len }), out);
        }
    }

    /// Does what a rule says; gives how many bytes arrive, or will.
    fn carry_out(&mut self, now: SimTime, (conn, side): (u64, usize), ruling: Ruling, out: &mut Out) -> u64 {
        let Ruling { fault, act, late, chunk } = ruling;
        let len = chunk.bytes.len() as u64;
        match act {
            BusAct::Drop => return 0,
            BusAct::Reset => {
                self.tear(now, conn, out);
                return 0;
            }
            BusAct::Delay => return self.pass_late(now, (conn, side), data(chunk), late, out),
            BusAct::Hold => {
                self.connection(conn).stalled[side].insert(fault);
                self.pass(now, conn, side, data(chunk), out);
            }
            BusAct::Duplicate => {
                self.pass(now, conn, side, data(chunk.clone()), out);
                self.pass(now, conn, side, data(chunk), out);
            }
            BusAct::Swap => self.connection(conn).overtaken[side].push((fault, chunk)),
            BusAct::Replay => {
                let again = NetworkMessage::Again { conn, side, chunk: chunk.clone() };
                out.send_after(late, ActorId::Network, Message::Network(again));
                self.pass(now, conn, side, data(chunk), out);
            }
            BusAct::Flip | BusAct::Truncate | BusAct::Lie => self.pass(now, conn, side, data(chunk), out),
        }
        len
    }

    fn ruling(&mut self, conn: u64, side: usize, chunk: &Chunk, out: &mut Out) -> Option<Ruling> {
        let connection = &self.connections[&conn];
        let (Channel::Bus, Some(bus)) = (connection.channel, &chunk.bus) else { return None };
        let nodes = [connection.hosts[side], connection.hosts[ENDS - 1 - side], connection.hosts[0]];
        let [Host::Node(from), Host::Node(to), Host::Node(dialler)] = nodes else { return None };
        self.bus.see(from, bus);
        let hit = self.bus.judge(Way { from, to, dialler }, bus)?;
        let (fault, nth, act) = (hit.fault, hit.nth, hit.rule.act);
        let drawn = hit.rule.delay.map(|delay| hit.stream.range(delay.min_ns.as_ns()..=delay.max_ns.as_ns()));
        let late = drawn.map(SimDuration::from_ns).or(hit.rule.after_ns).unwrap_or_default();
        let chunk = altered(act, chunk.clone(), hit.stream);
        out.note(Body::Ruled { fault, nth, conn, from, to, act });
        Some(Ruling { fault, act, late, chunk })
    }

    /// The next message went by: those that it was to overtake follow.
    fn pass_overtaken(&mut self, now: SimTime, conn: u64, side: usize, out: &mut Out) {
        if !self.has_overtaken(conn, side) {
            return;
        }
        for (_, chunk) in std::mem::take(&mut self.connection(conn).overtaken[side]) {
            self.pass(now, conn, side, data(chunk), out);
        }
    }

    fn has_overtaken(&self, conn: u64, side: usize) -> bool {
        self.connections.get(&conn).is_some_and(|connection| !connection.overtaken[side].is_empty())
    }

    /// A rule is gone: what it held goes on at once.
    pub(super) fn clear_bus_rule(&mut self, now: SimTime, fault: FaultId, out: &mut Out) {
        self.bus.clear(fault);
        let sides = self.connections.iter_mut().flat_map(|(conn, connection)| {
            (0..ENDS)
                .filter_map(|side| connection.let_go(side, fault).then_some((*conn, side)))
                .collect::<Vec<_>>()
        });
        for (conn, side) in sides.collect::<Vec<_>>() {
            self.retransmit(now, conn, side, out);
            self.pass_overtaken(now, conn, side, out);
        }
    }

    /// An old message comes once more, if its connection is still there.
    pub(super) fn again(&mut self, now: SimTime, (conn, side): (u64, usize), chunk: Chunk, out: &mut Out) {
        let is_open =
            self.connections.get(&conn).is_some_and(|connection| !connection.closed.contains(&true));
        if is_open {
            self.pass(now, conn, side, data(chunk), out);
        }
    }

    /// A connection is reset: both ends see it, and nothing goes through any more.
    fn tear(&mut self, now: SimTime, conn: u64, out: &mut Out) {
        for side in 0..ENDS {
            self.pass(now, conn, side, Held::Arrival(Arrival::Reset), out);
        }
        self.connection(conn).torn = true;
    }

    fn connection(&mut self, conn: u64) -> &mut super::Connection {
        self.connections.get_mut(&conn).expect("the caller knows the connection")
    }
}

fn data(chunk: Chunk) -> Held {
    Held::Arrival(Arrival::Data(chunk))
}

/// The message with other bytes, if that is what is done to it.
fn altered(act: BusAct, chunk: Chunk, stream: &mut Stream) -> Chunk {
    let mut chunk = chunk;
    let len = chunk.bytes.len() as u64;
    match act {
        BusAct::Flip => {
            let bit = stream.below(len * 8);
            chunk.bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
        BusAct::Truncate => chunk.bytes.truncate(stream.below(len) as usize),
        BusAct::Lie => {
            let says = (len + stream.range(1..=len)) as u32;
            chunk.bytes[LENGTH_AT].copy_from_slice(&says.to_be_bytes());
        }
        _ => {}
    }
    chunk
}

#[cfg(test)]
mod tests;
