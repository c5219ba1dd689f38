//! A node's process is ended and started again, with its data directory or without; it is done once the node serves.

use super::job::{Doing, Job};
use super::progress::Progress;
use super::{Desk, reply};
use crate::actor::message::{ChaosMessage, Message, NodeMessage};
use crate::actor::session::Answer;
use crate::event::Body;
use crate::fault::Signal;
use crate::id::{ActorId, NodeId};
use crate::op::{Ending, Op, OpId, Restart as Planned, RestartEmpty};
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
    /// Whether its data directory is wiped in between.
    empty: bool,
    /// The server that it gets, if another one.
    server: Option<String>,
    since: SimTime,
    stage: Stage,
    deadline: u64,
}

#[derive(Debug)]
enum Stage {
    /// The process was sent a signal.
    Ending,
    /// It was started again; the question that is open, or the timer until the next.
    Starting(u64),
}

impl Doing for Planned {
    fn start(&self, op: &Op, desk: &mut Desk) -> (Box<dyn Job>, Progress) {
        begin(op, (self.node, self.kill), (false, self.server.clone()), desk)
    }
}

impl Doing for RestartEmpty {
    fn start(&self, op: &Op, desk: &mut Desk) -> (Box<dyn Job>, Progress) {
        begin(op, (self.node, self.kill), (true, None), desk)
    }
}

fn begin(
    op: &Op,
    (node, kill): (NodeId, bool),
    (empty, server): (bool, Option<String>),
    desk: &mut Desk,
) -> (Box<dyn Job>, Progress) {
    let op = op.id;
    let signal = if kill { Signal::Kill } else { Signal::Term };
    let wiped = if empty { ", and its data directory is wiped" } else { "" };
    desk.out.note(Body::Operation { op, text: format!("{} to {node}{wiped}", signal.name()) });
    desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::OperationAccepted { op }));
    let deadline = desk.terminal.set_timer(WITHIN, "restart: give up", desk.out);
    let mut restart = Restart { op, node, empty, server, since: desk.now, stage: Stage::Ending, deadline };
    match desk.roll.dead.contains(&node) {
        true => restart.start_again(desk),
        false => desk.out.send(ActorId::Node(node), Message::Node(NodeMessage::Signal { signal })),
    }
    (Box::new(restart), Progress::Working)
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
            let how = if self.empty { "serves with nothing" } else { "serves again" };
            return Progress::Ended { ending: Ending::Done, text: format!("{node} {how} after {s:.3} s") };
        }
        self.stage = Stage::Starting(desk.terminal.set_timer(LOOK_EVERY, "restart: look again", desk.out));
        Progress::Working
    }

    fn ticked(&mut self, token: u64, desk: &mut Desk) -> Progress {
        if token == self.deadline {
            let what = match self.stage {
                Stage::Ending => "did not end",
                Stage::Starting(_) => "did not serve again",
            };
            let text = format!("{} {what} within {} s", self.node, WITHIN.as_secs_f64());
            return Progress::Ended { ending: Ending::TimedOut, text };
        }
        if matches!(self.stage, Stage::Starting(timer) if timer == token) {
            self.look(desk);
        }
        Progress::Working
    }

    fn node_ended(&mut self, node: NodeId, desk: &mut Desk) -> Progress {
        match self.stage {
            _ if node != self.node => Progress::Working,
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
    fn start_again(&mut self, desk: &mut Desk) {
        let (op, node, empty, server) = (self.op, self.node, self.empty, self.server.clone());
        let with = server.as_ref().map(|server| format!(" with {server}")).unwrap_or_default();
        desk.out.note(Body::Operation { op, text: format!("{node} is started again{with}") });
        desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::StartNode { node, empty, server }));
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
