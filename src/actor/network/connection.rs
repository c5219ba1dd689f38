//! One connection: its two ends, and what is on its way between them.

use std::collections::{BTreeSet, VecDeque};

use crate::actor::message::{Arrival, Chunk, End, KeepAlive};
use crate::fault::{Channel, FaultId};
use crate::id::Host;
use crate::time::SimTime;

/// A connection has two ends; the dialling one is 0.
pub const ENDS: usize = 2;

/// Something on its way from one end to the other.
pub enum Held {
    /// The request for the connection itself.
    Knock,
    /// Anything that happens at an end.
    Arrival(Arrival),
    /// Whatever was under way when the machine that it went to was lost: nobody says that it came.
    Unanswered,
}

impl Held {
    /// How many bytes it carries.
    pub fn len(&self) -> u64 {
        match self {
            Held::Arrival(Arrival::Data(chunk)) => chunk.bytes.len() as u64,
            _ => 0,
        }
    }
}

/// One connection. Arrays are indexed by the end that sends.
pub struct Connection {
    /// The ends; the second is unknown until the connection is accepted.
    pub ends: [Option<End>; ENDS],
    /// The hosts of the ends.
    pub hosts: [Host; ENDS],
    /// The ports of the ends.
    pub ports: [u16; ENDS],
    /// What it carries.
    pub channel: Channel,
    /// Whether the end was closed by its owner.
    pub closed: [bool; ENDS],
    /// What waits for a cut link to heal.
    pub held: [VecDeque<Held>; ENDS],
    /// The rules that hold what the end sends.
    pub stalled: [BTreeSet<FaultId>; ENDS],
    /// Messages that the next one is to overtake.
    pub overtaken: [Vec<(FaultId, Chunk)>; ENDS],
    /// A rule reset it: nothing goes through any more.
    pub torn: bool,
    /// When the first of it was sent.
    pub held_since: [SimTime; ENDS],
    /// The machine at the end was lost, and knows nothing of the connection if it is back.
    pub lost: [bool; ENDS],
    /// What the end's socket said of keep-alive, once it was asked.
    pub keeps: [Option<KeepAlive>; ENDS],
    /// The end's socket was asked about keep-alive since it last heard of the other end.
    pub asked: [bool; ENDS],
    /// Bytes under way whose receipt a cut way back keeps the sender from hearing of.
    pub unheard: [u64; ENDS],
    /// Bytes sent to an actor since its last credit.
    pub unread: [u64; ENDS],
    /// Latencies it has had.
    pub steps: u64,
    last_arrival: [SimTime; ENDS],
}

impl Connection {
    /// A connection that was just dialled.
    pub fn new(dialling: End, hosts: [Host; ENDS], ports: [u16; ENDS], channel: Channel) -> Self {
        Connection {
            ends: [Some(dialling), None],
            hosts,
            ports,
            channel,
            closed: [false; ENDS],
            held: [VecDeque::new(), VecDeque::new()],
            stalled: [BTreeSet::new(), BTreeSet::new()],
            overtaken: [Vec::new(), Vec::new()],
            held_since: [SimTime::ZERO; ENDS],
            torn: false,
            lost: [false; ENDS],
            keeps: [None; ENDS],
            asked: [false; ENDS],
            unheard: [0; ENDS],
            unread: [0; ENDS],
            steps: 0,
            last_arrival: [SimTime::ZERO; ENDS],
        }
    }

    /// The other host took the connection.
    pub fn accept(&mut self, end: End) {
        self.ends[1] = Some(end);
    }

    /// Holds something back until the link heals.
    pub fn hold(&mut self, now: SimTime, side: usize, what: Held) {
        if self.held[side].is_empty() {
            self.held_since[side] = now;
        }
        self.held[side].push_back(what);
    }

    /// A rule ends: says whether it held what the end sends, or had it overtaken.
    pub fn let_go(&mut self, side: usize, fault: FaultId) -> bool {
        self.stalled[side].remove(&fault) || self.overtaken[side].iter().any(|(by, _)| *by == fault)
    }

    /// The process at one end is gone, and with it whatever its peer was never to get: all that can still come is that
    /// nobody is there any more.
    pub fn drop_unsent(&mut self, side: usize) {
        if !self.held[side].is_empty() && self.closed[side] {
            self.held[side] = VecDeque::from([Held::Arrival(Arrival::Reset)]);
        }
    }

    /// When each end last heard of the other: by what came, or by its receipt of what went.
    pub fn last_sign(&self) -> SimTime {
        self.last_arrival[0].max(self.last_arrival[1])
    }

    /// Whether something that an end sent has not arrived.
    pub fn is_under_way(&self, side: usize, now: SimTime) -> bool {
        self.last_arrival[side] > now
    }

    /// When something arrives that would arrive at `wanted`, had nothing been sent before it.
    pub fn arrival(&mut self, side: usize, wanted: SimTime) -> SimTime {
        self.last_arrival[side] = self.last_arrival[side].max(wanted);
        self.last_arrival[side]
    }
}
