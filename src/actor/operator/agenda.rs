//! The operations of the plan: each waits for what comes before it, for its time, then for chaos, and then is done.
//!
//! One comes after the other, or several are under way side by side: then each is done at a terminal of its own, as by
//! another person, so that none waits for what another asked.

use super::Desk;
use super::begin::begin;
use super::job::Job;
use super::progress::Progress;
use crate::actor::message::{ChaosMessage, DirectorMessage, Message};
use crate::actor::session::Answer;
use crate::event::{Body, BusSummary};
use crate::id::{ActorId, NodeId};
use crate::op::{self, Ending, Op, OpId, Start};
use crate::time::SimDuration;

/// All operations, and how far each is.
#[derive(Debug)]
pub(super) struct Agenda {
    entries: Vec<Entry>,
    begun: bool,
    /// The director knows that nothing is left.
    told: bool,
}

#[derive(Debug)]
struct Entry {
    op: Op,
    state: State,
}

#[derive(Debug)]
enum State {
    /// What it waits for has not come.
    Planned,
    /// Its time has not come.
    Waiting { timer: u64 },
    /// Chaos was told of it and has not let it go.
    Due,
    /// It is being done.
    Doing(Box<dyn Job>),
    /// It ended, or was dropped.
    Over,
}

impl Agenda {
    pub fn new(operations: &[Op]) -> Self {
        let entry = |op: &Op| Entry { op: op.clone(), state: State::Planned };
        Agenda { entries: operations.iter().map(entry).collect(), begun: false, told: false }
    }

    /// Waits for the time of every operation that waits for no other, or says that there is none.
    pub fn begin(&mut self, desk: &mut Desk) {
        self.begun = true;
        self.advance(desk);
    }

    /// Drops every operation that has not started.
    pub fn cease(&mut self, desk: &mut Desk) {
        let is_under_way = |entry: &&mut Entry| matches!(entry.state, State::Doing(_));
        self.entries
            .iter_mut()
            .filter(|entry| !is_under_way(entry))
            .for_each(|entry| entry.state = State::Over);
        if self.begun {
            self.advance(desk);
        }
    }

    /// What an operation waits for was seen.
    pub fn seen(&mut self, id: OpId, desk: &mut Desk) {
        let is_it = |entry: &Entry| entry.op.id == id && matches!(entry.state, State::Planned);
        let Some(index) = self.entries.iter().position(is_it) else {
            return;
        };
        match self.entries[index].op.delay_ns {
            SimDuration::ZERO => self.due(index, desk),
            _ => self.wait(index, desk),
        }
    }

    /// What these operations wait for will never be seen.
    pub fn missed(&mut self, ids: &[OpId], desk: &mut Desk) {
        let is_one = |entry: &&mut Entry| ids.contains(&entry.op.id) && matches!(entry.state, State::Planned);
        for Entry { op, state } in self.entries.iter_mut().filter(is_one) {
            *state = State::Over;
            tell_end(op.id, Ending::Missed, "what it waits for was never seen".to_owned(), desk);
        }
        self.advance(desk);
    }

    /// Chaos lets an operation go.
    pub fn go(&mut self, id: OpId, desk: &mut Desk) {
        let is_due = |entry: &Entry| entry.op.id == id && matches!(entry.state, State::Due);
        let Some(index) = self.entries.iter().position(is_due) else {
            return;
        };
        let op = self.entries[index].op.clone();
        desk.terminal.sit_at(terminal_of(&op));
        let (job, progress) = begin(&op, desk);
        self.entries[index].state = State::Doing(job);
        self.take(index, progress, desk);
    }

    /// Takes an answer, if it is one of an operation's.
    pub fn answered(&mut self, answer: &Answer, desk: &mut Desk) {
        self.tell(desk, |job, desk| job.answered(answer, desk));
    }

    /// Takes a timer that is due, if it is one of its own.
    pub fn ticked(&mut self, token: u64, desk: &mut Desk) {
        let is_it = |entry: &Entry| matches!(entry.state, State::Waiting { timer } if timer == token);
        match self.entries.iter().position(is_it) {
            Some(index) => self.due(index, desk),
            None => self.tell(desk, |job, desk| job.ticked(token, desk)),
        }
    }

    /// A message of the cluster bus went by.
    pub fn bus_seen(&mut self, node: NodeId, to: NodeId, summary: &BusSummary, desk: &mut Desk) {
        self.tell(desk, |job, desk| {
            job.bus_seen(node, to, summary, desk);
            Progress::Working
        });
    }

    /// A node's process ended.
    pub fn node_ended(&mut self, node: NodeId, desk: &mut Desk) {
        self.tell(desk, |job, desk| job.node_ended(node, desk));
    }

    /// Tells every operation under way something, each at its own terminal.
    fn tell(&mut self, desk: &mut Desk, mut what: impl FnMut(&mut dyn Job, &mut Desk) -> Progress) {
        for index in 0..self.entries.len() {
            let Entry { op, state: State::Doing(job) } = &mut self.entries[index] else { continue };
            desk.terminal.sit_at(terminal_of(op));
            let progress = what(job.as_mut(), desk);
            self.take(index, progress, desk);
        }
    }

    fn due(&mut self, index: usize, desk: &mut Desk) {
        let op = self.entries[index].op.id;
        self.entries[index].state = State::Due;
        desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::OperationDue { op }));
        self.advance(desk);
    }

    /// Gives the operator's own seat back, and goes on if an operation is over.
    fn take(&mut self, index: usize, progress: Progress, desk: &mut Desk) {
        desk.terminal.sit_at(OWN);
        if let Progress::Ended { ending, text } = progress {
            let Entry { op, state } = &mut self.entries[index];
            *state = State::Over;
            tell_end(op.id, ending, text, desk);
            self.advance(desk);
        }
    }

    /// Waits for the time of every operation that has nothing else to wait for; says so once all are over.
    fn advance(&mut self, desk: &mut Desk) {
        for index in 0..self.entries.len() {
            if matches!(self.entries[index].state, State::Planned) && self.may_wait(index) {
                self.wait(index, desk);
            }
        }
        if !self.told && self.entries.iter().all(Entry::is_over) {
            self.told = true;
            desk.out.send(ActorId::Director, Message::Director(DirectorMessage::OperationsDone));
        }
    }

    /// Waits for an operation's time.
    fn wait(&mut self, index: usize, desk: &mut Desk) {
        let delay = self.entries[index].op.delay_ns;
        let timer = desk.terminal.set_timer(delay, "operation: due", desk.out);
        self.entries[index].state = State::Waiting { timer };
    }

    /// Whether what an operation's delay counts from has come; a sight comes by itself.
    fn may_wait(&self, index: usize) -> bool {
        match self.entries[index].op.start {
            Start::Beginning => true,
            Start::After => (0..index).all(|i| self.entries[i].is_over() || self.awaits_sight(i)),
            Start::Beside => index.checked_sub(1).is_none_or(|before| self.entries[before].has_come()),
            Start::Seen(_) => false,
        }
    }

    /// Whether an operation, or the one that it begins with, waits for a sight that has not come.
    fn awaits_sight(&self, index: usize) -> bool {
        let leader = op::leader(index, |i| &self.entries[i].op.start);
        let is_planned = |i: usize| matches!(self.entries[i].state, State::Planned);
        self.entries[leader].op.start.cue().is_some() && is_planned(leader) && is_planned(index)
    }
}

impl Entry {
    fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Whether its time has come.
    fn has_come(&self) -> bool {
        !matches!(self.state, State::Planned | State::Waiting { .. })
    }
}

/// Says how an operation ended.
fn tell_end(op: OpId, ending: Ending, text: String, desk: &mut Desk) {
    desk.out.note(Body::OperationEnded { op, done: ending == Ending::Done, text, ending: Some(ending) });
    desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::OperationEnded { op }));
}

/// The terminal of what comes one after the other.
const OWN: u16 = 0;

/// The terminal at which an operation is done.
fn terminal_of(op: &Op) -> u16 {
    if op.start.is_after() { OWN } else { op.id.0 }
}
