//! The operations of the plan, one after the other: each waits for its time, then for chaos, and then is done.

use std::collections::VecDeque;

use super::Desk;
use super::begin::begin;
use super::job::Job;
use super::progress::Progress;
use crate::actor::message::{ChaosMessage, DirectorMessage, Message};
use crate::actor::session::Answer;
use crate::event::{Body, BusSummary};
use crate::id::{ActorId, NodeId};
use crate::op::{Ending, Op, OpId};

/// Operations that are left, and the one under way.
#[derive(Debug)]
pub(super) struct Agenda {
    left: VecDeque<Op>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing is under way.
    Idle,
    /// The first operation's time has not come.
    Waiting { timer: u64 },
    /// Chaos was told of the first operation and has not let it go.
    Due,
    /// The first operation is being done.
    Doing(Box<dyn Job>),
}

impl Agenda {
    pub fn new(operations: &[Op]) -> Self {
        Agenda { left: operations.iter().cloned().collect(), state: State::Idle }
    }

    /// Waits for the first operation's time, or says that there is none.
    pub fn begin(&mut self, desk: &mut Desk) {
        self.state = match self.left.front() {
            Some(op) => {
                State::Waiting { timer: desk.terminal.set_timer(op.delay_ns, "operation: due", desk.out) }
            }
            None => {
                desk.out.send(ActorId::Director, Message::Director(DirectorMessage::OperationsDone));
                State::Idle
            }
        };
    }

    /// Drops every operation that has not started.
    pub fn cease(&mut self, desk: &mut Desk) {
        match self.state {
            State::Doing(_) => self.left.truncate(1),
            State::Idle => self.left.clear(),
            State::Waiting { .. } | State::Due => {
                self.left.clear();
                self.begin(desk);
            }
        }
    }

    /// Chaos lets an operation go.
    pub fn go(&mut self, id: OpId, desk: &mut Desk) {
        let due = self.left.front().filter(|op| op.id == id && matches!(self.state, State::Due));
        let Some(op) = due else {
            return;
        };
        let op = op.clone();
        let (job, progress) = begin(&op, desk);
        self.state = State::Doing(job);
        self.take(progress, desk);
    }

    /// Takes an answer, if it is one of the operation's.
    pub fn answered(&mut self, answer: &Answer, desk: &mut Desk) {
        let progress = match &mut self.state {
            State::Doing(job) => job.answered(answer, desk),
            _ => return,
        };
        self.take(progress, desk);
    }

    /// Takes a timer that is due, if it is one of its own.
    pub fn ticked(&mut self, token: u64, desk: &mut Desk) {
        let progress = match &mut self.state {
            State::Waiting { timer } if *timer == token => return self.due(desk),
            State::Doing(job) => job.ticked(token, desk),
            _ => return,
        };
        self.take(progress, desk);
    }

    /// A message of the cluster bus went by.
    pub fn bus_seen(&mut self, node: NodeId, to: NodeId, summary: &BusSummary, desk: &mut Desk) {
        if let State::Doing(job) = &mut self.state {
            job.bus_seen(node, to, summary, desk);
        }
    }

    /// A node's process ended.
    pub fn node_ended(&mut self, node: NodeId, desk: &mut Desk) {
        let progress = match &mut self.state {
            State::Doing(job) => job.node_ended(node, desk),
            _ => return,
        };
        self.take(progress, desk);
    }

    fn due(&mut self, desk: &mut Desk) {
        let op = self.left.front().expect("its timer was due").id;
        self.state = State::Due;
        desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::OperationDue { op }));
    }

    fn take(&mut self, progress: Progress, desk: &mut Desk) {
        if let Progress::Ended { ending, text } = progress {
            let op = self.left.pop_front().expect("it was just done").id;
            let done = ending == Ending::Done;
            desk.out.note(Body::OperationEnded { op, done, text, ending: Some(ending) });
            desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::OperationEnded { op }));
            self.begin(desk);
        }
    }
}
