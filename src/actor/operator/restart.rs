//! A node's process is ended and started again, with its data directory, without, or with an old copy of it; it is done once
//! the node serves.

use super::job::{Doing, Job};
use super::progress::Progress;
use super::{Desk, reply};
use crate::actor::message::{ChaosMessage, Finds, Message, NodeMessage};
use crate::actor::session::Answer;
use crate::event::Body;
use crate::fault::Signal;
use crate::id::{ActorId, NodeId};
use crate::op::{Ending, Op, OpId, Restart as Planned, RestartEmpty, RestartOldCopy};
use crate::time::{SimDuration, SimTime};

/// How long the process may take to end, and then to serve.
const WITHIN: SimDuration = SimDuration::from_secs(60);
/// How often a node that was started is asked.
const LOOK_EVERY: SimDuration = SimDuration::from_ms(100);

/// A restart under way.
#[derive(Debug)]
struct Restart {
    op: OpId,
    node: NodeId,
    /// How it is to end.
    signal: Signal,
    /// What it finds when it comes back.
    finds: Finds,
    /// The server that it gets, if another one.
    server: Option<String>,
    since: SimTime,
    stage: Stage,
    deadline: u64,
}

#[derive(Debug)]
enum Stage {
    /// A copy was kept; the timer until it is old enough.
    Ageing(u64),
    /// The process was sent a signal.
    Ending,
    /// It was started again; the question that is open, or the timer until the next.
    Starting(u64),
}

impl Doing for Planned {
    fn start(&self, op: &Op, desk: &mut Desk) -> (Box<dyn Job>, Progress) {
        let mut restart = Restart::of(op, (self.node, self.kill), (Finds::All, SimDuration::ZERO), desk);
        restart.server.clone_from(&self.server);
        restart.at_once(desk)
    }
}

impl Doing for RestartEmpty {
    fn start(&self, op: &Op, desk: &mut Desk) -> (Box<dyn Job>, Progress) {
        Restart::of(op, (self.node, self.kill), (Finds::Nothing, SimDuration::ZERO), desk).at_once(desk)
    }
}

impl Doing for RestartOldCopy {
    fn start(&self, op: &Op, desk: &mut Desk) -> (Box<dyn Job>, Progress) {
        let (node, age, id) = (self.node, self.age_ns, op.id);
        let mut restart = Restart::of(op, (node, self.kill), (Finds::Copy(id), age), desk);
        desk.out.note(Body::Operation { op: id, text: format!("{node}'s data directory is copied") });
        desk.out.send(ActorId::Node(node), Message::Node(NodeMessage::KeepCopy { op: id }));
        restart.stage = Stage::Ageing(desk.terminal.set_timer(age, "restart: the copy is old", desk.out));
        (Box::new(restart), Progress::Working)
    }
}

impl Job for Restart {
    fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> Progress {
        let Stage::Starting(question) = self.stage else { return Progress::Working };
        if question != answer.tag {
            return Progress::Working;
        }
        let text = answer.result.as_ref().ok().and_then(|value| reply::text(value).ok());
        if text.is_some_and(|info| serves(&info)) {
            let (node, s) = (self.node, desk.now.since(self.since).as_secs_f64());
            let how = match self.finds {
                Finds::All => "serves again",
                Finds::Nothing => "serves with nothing",
                Finds::Copy(_) => "serves with its old copy",
            };
            return Progress::Ended { ending: Ending::Done, text: format!("{node} {how} after {s:.3} s") };
        }
        self.stage = Stage::Starting(desk.terminal.set_timer(LOOK_EVERY, "restart: look again", desk.out));
        Progress::Working
    }

    fn ticked(&mut self, token: u64, desk: &mut Desk) -> Progress {
        if token == self.deadline {
            let what = match self.stage {
                Stage::Ageing(_) | Stage::Ending => "did not end",
                Stage::Starting(_) => "did not serve again",
            };
            let text = format!("{} {what} within {} s", self.node, WITHIN.as_secs_f64());
            return Progress::Ended { ending: Ending::TimedOut, text };
        }
        match self.stage {
            Stage::Ageing(timer) if timer == token => self.end(desk),
            Stage::Starting(timer) if timer == token => self.look(desk),
            _ => {}
        }
        Progress::Working
    }

    fn node_ended(&mut self, node: NodeId, desk: &mut Desk) -> Progress {
        match self.stage {
            _ if node != self.node => Progress::Working,
            Stage::Ageing(_) => Progress::Working,
            Stage::Ending => {
                self.start_again(desk);
                Progress::Working
            }
            Stage::Starting(_) => {
                let text = format!("{node} ended before it served again");
                Progress::Ended { ending: Ending::NoEffect, text }
            }
        }
    }
}

impl Restart {
    /// One that was accepted, with what the process finds afterwards and how long it goes on until it ends.
    fn of(
        op: &Op,
        (node, kill): (NodeId, bool),
        (finds, after): (Finds, SimDuration),
        desk: &mut Desk,
    ) -> Self {
        let op = op.id;
        desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::OperationAccepted { op }));
        let deadline = desk.terminal.set_timer(after + WITHIN, "restart: give up", desk.out);
        let signal = if kill { Signal::Kill } else { Signal::Term };
        let (server, since) = (None, desk.now);
        Restart { op, node, signal, finds, server, since, stage: Stage::Ending, deadline }
    }

    /// Begins with the end of the process.
    fn at_once(mut self, desk: &mut Desk) -> (Box<dyn Job>, Progress) {
        self.end(desk);
        (Box::new(self), Progress::Working)
    }

    /// Ends the process, if there is one.
    fn end(&mut self, desk: &mut Desk) {
        let Restart { op, node, signal, .. } = *self;
        let disk = match self.finds {
            Finds::All => "",
            Finds::Nothing => ", and its data directory is wiped",
            Finds::Copy(_) => ", and its data directory is what it was",
        };
        desk.out.note(Body::Operation { op, text: format!("{} to {node}{disk}", signal.name()) });
        (self.stage, self.since) = (Stage::Ending, desk.now);
        match desk.roll.dead.contains(&node) {
            true => self.start_again(desk),
            false => desk.out.send(ActorId::Node(node), Message::Node(NodeMessage::Signal { signal })),
        }
    }

    fn start_again(&mut self, desk: &mut Desk) {
        let (op, node, finds, server) = (self.op, self.node, self.finds, self.server.clone());
        let with = server.as_ref().map(|server| format!(" with {server}")).unwrap_or_default();
        desk.out.note(Body::Operation { op, text: format!("{node} is started again{with}") });
        desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::StartNode { node, finds, server }));
        self.stage = Stage::Starting(desk.terminal.set_timer(LOOK_EVERY, "restart: look", desk.out));
    }

    fn look(&mut self, desk: &mut Desk) {
        self.stage = Stage::Starting(desk.terminal.ask(self.node, &["INFO"], desk.out));
    }
}

/// Whether a node has its data, and its link to its primary if it is a replica.
fn serves(info: &str) -> bool {
    let says = |line: &str| info.lines().any(|other| other.trim_end() == line);
    says("loading:0") && (says("role:master") || says("master_link_status:up"))
}
