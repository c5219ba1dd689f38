//! Keep-alive: a process that hears nothing on a connection has its kernel ask whether the other end is still there, if its
//! socket says so.
//!
//! As long as nothing is cut and no machine is lost, such a question is answered and changes nothing, so none is made. Once
//! something is, and lasts, each socket that has a connection across it is asked what it said of keep-alive; those that
//! said something try as Linux does (`tcp_keepalive_timer` in `net/ipv4/tcp_timer.c`): after so long without a sign of the
//! other end, so often, and then the connection has timed out here, and nobody there hears of it. Where bytes are under
//! way, the attempts to send them take the place of questions. A machine that knows nothing of the connection any more
//! answers with a reset.

use super::connection::{Connection, ENDS, Held};
use super::{Network, arrived};
use crate::actor::Out;
use crate::actor::message::{Arrival, End, KeepAlive, Message, NetworkMessage};
use crate::id::ActorId;
use crate::time::{SimDuration, SimTime};

/// No connection is given up sooner (`anetKeepAlive` of the server: a second, and three attempts a second apart).
const SOONEST: SimDuration = SimDuration::from_secs(4);

impl Network {
    /// Something was cut or lost: if that lasts, those who keep their connections alive are found.
    pub(super) fn mind_silence(&self, out: &mut Out) {
        out.send_after(SOONEST, ActorId::Network, Message::Network(NetworkMessage::Silence));
    }

    /// Asks every socket that can hear nothing of its other end what it said of keep-alive, once.
    pub(super) fn ask_keepers(&mut self, out: &mut Out) {
        let sides = self.connections.keys().flat_map(|conn| (0..ENDS).map(|side| (*conn, side)));
        let silent: Vec<(u64, usize)> = sides.filter(|way| self.is_to_be_asked(*way)).collect();
        for (conn, side) in silent {
            let connection = self.connections.get_mut(&conn).expect("it was just looked at");
            connection.asked[side] = true;
            if let Some(end) = connection.ends[side] {
                out.send(end.owner, arrived(conn, end, Arrival::Unheard));
            }
        }
    }

    fn is_to_be_asked(&self, (conn, side): (u64, usize)) -> bool {
        let connection = &self.connections[&conn];
        connection.hosts[side].has_processes()
            && !connection.asked[side]
            && is_open(connection, side)
            && self.is_silent(conn, side)
    }

    /// Whether a question of this side's is not answered: it does not get there, or the answer does not get back.
    fn is_silent(&self, conn: u64, side: usize) -> bool {
        let Connection { hosts, channel, .. } = &self.connections[&conn];
        let (here, there) = (hosts[side], hosts[ENDS - 1 - side]);
        self.links.is_cut(here, there, *channel)
            || self.links.is_cut(there, here, *channel)
            || self.is_lost(conn, ENDS - 1 - side)
    }

    /// A socket says how it keeps its connection alive.
    pub(super) fn keeps_alive(&mut self, now: SimTime, from: End, how: KeepAlive, out: &mut Out) {
        let Some((conn, side)) = self.find(from) else { return };
        let connection = self.connections.get_mut(&conn).expect("it was just found");
        connection.keeps[side] = Some(how);
        let first = connection.last_sign() + how.idle;
        probe_at(first.max(now), now, (conn, side), out);
    }

    /// It is time for a question of this side's.
    pub(super) fn probe(&mut self, now: SimTime, conn: u64, side: usize, out: &mut Out) {
        let Some(connection) = self.connections.get(&conn).filter(|it| is_open(it, side)) else { return };
        let Some(how) = connection.keeps[side] else { return };
        let last_sign = connection.last_sign();
        if !self.is_silent(conn, side) {
            return self.answered(now, conn, side, out);
        }
        if !connection.held[side].is_empty() {
            return probe_at(now + how.idle, now, (conn, side), out);
        }
        if now < last_sign + how.idle {
            return probe_at(last_sign + how.idle, now, (conn, side), out);
        }
        if now < last_sign + how.patience() {
            return probe_at(now + how.interval, now, (conn, side), out);
        }
        let connection = self.connections.get_mut(&conn).expect("it was just found");
        connection.lost[side] = true;
        if let Some(end) = connection.ends[side] {
            out.send(end.owner, arrived(conn, end, Arrival::TimedOut));
        }
    }

    /// The other host is there; whether it knows of the connection is another question.
    fn answered(&mut self, now: SimTime, conn: u64, side: usize, out: &mut Out) {
        let there = ENDS - 1 - side;
        let connection = self.connections.get_mut(&conn).expect("the caller found it");
        connection.asked[side] = false;
        if connection.lost[there] {
            self.pass(now, conn, there, Held::Arrival(Arrival::Reset), out);
        }
    }
}

/// Whether the connection was accepted, and is still one at this side.
fn is_open(connection: &Connection, side: usize) -> bool {
    connection.ends[1].is_some() && !connection.closed[side] && !connection.lost[side] && !connection.torn
}

fn probe_at(at: SimTime, now: SimTime, (conn, side): (u64, usize), out: &mut Out) {
    out.send_after(at.since(now), ActorId::Network, Message::Network(NetworkMessage::Probe { conn, side }));
}
