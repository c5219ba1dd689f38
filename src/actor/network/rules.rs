//! What faults make of links, beside their latency: connections that are reset, and links on which bytes wait their turn.

use std::collections::VecDeque;

use super::Network;
use super::connection::{Connection, ENDS, Held};
use super::links::covers;

use crate::actor::Out;
use crate::actor::message::{Arrival, Message, NetworkMessage, Rule};
use crate::fault::{FaultId, Trouble};
use crate::id::ActorId;
use crate::time::{SimDuration, SimTime};

/// Whether what one side of a connection sent waited in a queue by a rule, and was not lost.
pub fn queued(rule: &Rule, connection: &Connection, side: usize) -> bool {
    let way = (connection.hosts[side], connection.hosts[ENDS - 1 - side]);
    matches!(rule.links.trouble, Trouble::Jam | Trouble::Narrow { .. })
        && covers(rule, way, connection.channel)
}

impl Network {
    /// A fault sets a rule, perhaps in the place of one that it had: what only that one held is tried again.
    pub(super) fn set_rule(&mut self, now: SimTime, fault: FaultId, rule: Rule, out: &mut Out) {
        if rule.links.trouble == Trouble::Reset {
            return self.reset(now, &rule, out);
        }
        if matches!(rule.links.trouble, Trouble::Cut | Trouble::Jam) {
            self.mind_silence(out);
        }
        if let Some(before) = self.links.set(fault, rule) {
            self.release(now, Some(&before), out);
        }
    }

    /// Every connection that a rule is about ends, and both ends hear of it.
    fn reset(&mut self, now: SimTime, rule: &Rule, out: &mut Out) {
        let is_hit = |connection: &Connection| {
            let [a, b] = connection.hosts;
            covers(rule, (a, b), connection.channel) || covers(rule, (b, a), connection.channel)
        };
        let hit = self.connections.iter().filter(|(_, connection)| is_hit(connection) && !connection.torn);
        let hit: Vec<u64> = hit.map(|(conn, _)| *conn).collect();
        for conn in hit {
            self.end(now, conn, out);
        }
    }

    fn end(&mut self, now: SimTime, conn: u64, out: &mut Out) {
        let connection = self.connections.get_mut(&conn).expect("it was just found");
        connection.held = [VecDeque::new(), VecDeque::new()];
        let is_answered = connection.ends[1].is_some();
        let closed = connection.closed;
        for (side, is_closed) in closed.into_iter().enumerate() {
            let end = if is_answered { Arrival::Reset } else { Arrival::Refused };
            if !is_closed {
                self.forward_whole(now, (conn, ENDS - 1 - side), Held::Arrival(end), SimDuration::ZERO, out);
            }
        }
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.torn = true;
        }
    }

    /// Whether what one side sends next has to wait until a narrow link is free; it is tried again then.
    pub(super) fn waits_for_its_turn(&self, now: SimTime, conn: u64, side: usize, out: &mut Out) -> bool {
        let connection = &self.connections[&conn];
        let (from, to) = (connection.hosts[side], connection.hosts[ENDS - 1 - side]);
        let busy = self.links.busy_until(from, to, connection.channel).filter(|until| *until > now);
        let Some(until) = busy else { return false };
        if connection.held[side].is_empty() {
            let again = Message::Network(NetworkMessage::Retransmit { conn, side });
            out.send_after(until.since(now), ActorId::Network, again);
        }
        true
    }

    /// What could not be sent waits on, before what has come to wait meanwhile.
    pub(super) fn hold_again(&mut self, conn: u64, side: usize, mut held: VecDeque<Held>) {
        let connection = self.connections.get_mut(&conn).expect("the caller knows the connection");
        held.append(&mut connection.held[side]);
        connection.held[side] = held;
    }
}
