//! The operator's terminals: connections to nodes, and the numbers that asks and timers go by.
//!
//! The parts of the operator share one terminal, and what is done side by side with others has another one, with connections
//! of its own. Each part remembers the numbers that it was given and passes over all others, so an answer or a timer that
//! comes too late does no harm.

use std::collections::{BTreeMap, VecDeque};

use crate::actor::Out;
use crate::actor::message::{Arrived, Message, OperatorMessage};
use crate::actor::session::{Answer, Sessions};
use crate::id::{ActorId, NodeId};
use crate::time::SimDuration;

/// How many connections a terminal can make, more than in any run: by the number of one it is known whose it is.
const HANDLES: u64 = 1 << 32;

/// Connections, asks and timers of the operator.
#[derive(Debug)]
pub(super) struct Terminal {
    /// The connections of each terminal.
    sessions: BTreeMap<u16, Sessions>,
    /// What each of them begins with, if nodes want a password.
    password: Option<String>,
    /// The terminal that is in use.
    seat: u16,
    /// Numbers given to asks and timers so far.
    numbers: u64,
    /// What the timers under way are for.
    timers: BTreeMap<u64, &'static str>,
    /// Answers that nobody has looked at yet.
    answers: VecDeque<Answer>,
}

impl Terminal {
    pub fn new(password: Option<&str>) -> Self {
        let (sessions, timers, answers) = Default::default();
        Terminal { sessions, password: password.map(str::to_owned), seat: 0, numbers: 0, timers, answers }
    }

    /// What is asked from now on is asked at this terminal.
    pub fn sit_at(&mut self, seat: u16) {
        self.seat = seat;
    }

    fn sessions(&mut self) -> &mut Sessions {
        let first = u64::from(self.seat) * HANDLES;
        let password = self.password.as_deref();
        let new = || Sessions::numbered_from(ActorId::Operator, first).with_password(password);
        self.sessions.entry(self.seat).or_insert_with(new)
    }

    /// Asks `node`; the answer carries the number that is returned.
    pub fn ask<A: AsRef<[u8]>>(&mut self, node: NodeId, args: &[A], out: &mut Out) -> u64 {
        let tag = self.number();
        self.sessions().ask(node, args, tag, out);
        tag
    }

    /// Sets a timer; it is due under the number that is returned.
    pub fn set_timer(&mut self, delay: SimDuration, purpose: &'static str, out: &mut Out) -> u64 {
        let token = self.number();
        self.timers.insert(token, purpose);
        out.send_after(delay, ActorId::Operator, Message::Operator(OperatorMessage::Tick { token }));
        token
    }

    /// What a timer is for that has not been due yet.
    pub fn purpose(&self, token: u64) -> Option<&'static str> {
        self.timers.get(&token).copied()
    }

    /// Forgets a timer that is due now.
    pub fn due(&mut self, token: u64) {
        self.timers.remove(&token);
    }

    /// Takes what arrived at one of the connections.
    pub fn arrived(&mut self, arrived: Arrived, out: &mut Out) {
        let seat = u16::try_from(arrived.handle / HANDLES).unwrap_or_default();
        if let Some(sessions) = self.sessions.get_mut(&seat) {
            self.answers.extend(sessions.arrived(arrived, out));
        }
    }

    /// Gives the connection to `node` up; everything open on it fails.
    pub fn hang_up(&mut self, node: NodeId, out: &mut Out) {
        let answers = self.sessions().drop_connection(node, out);
        self.answers.extend(answers);
    }

    /// The next answer that nobody has looked at.
    pub fn next_answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
