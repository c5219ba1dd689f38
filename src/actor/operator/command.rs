//! One command to one node, as typed.

use super::progress::Progress;
use super::{Desk, reply};
use crate::actor::message::{ChaosMessage, Message};
use crate::actor::session::{Answer, SessionError};
use crate::event::Body;
use crate::id::{ActorId, NodeId};
use crate::op::OpId;
use crate::time::SimDuration;

/// How long a node may take to answer.
const ANSWER_WITHIN: SimDuration = SimDuration::from_secs(10);

/// A command that was sent.
#[derive(Debug)]
pub(super) struct Command {
    op: OpId,
    node: NodeId,
    tag: u64,
    timer: u64,
}

impl Command {
    /// Sends it.
    pub fn start(op: OpId, node: NodeId, args: &[String], desk: &mut Desk) -> Self {
        let args: Vec<String> = args.iter().map(|argument| desk.roll.fill_in(argument)).collect();
        desk.out.note(Body::Operation { op, text: format!("{} to {node}", args.join(" ")) });
        let tag = desk.terminal.ask(node, &args, desk.out);
        let timer = desk.terminal.set_timer(ANSWER_WITHIN, "command: give up", desk.out);
        Command { op, node, tag, timer }
    }

    /// Takes an answer, if it is its own.
    pub fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> Progress {
        if answer.tag != self.tag {
            return Progress::Working;
        }
        let (op, node) = (self.op, self.node);
        match &answer.result {
            Ok(value) => {
                desk.out.note(reply::note(op, value));
                let accepted = ChaosMessage::OperationAccepted { op };
                desk.out.send(ActorId::Chaos, Message::Chaos(accepted));
                Progress::Ended { done: true, text: format!("{node} answered") }
            }
            Err(SessionError::Server(error)) => {
                let text = reply::shorten(&error.to_string());
                desk.out.note(reply::note_error(op, error));
                Progress::Ended { done: false, text: format!("{node} refused: {text}") }
            }
            Err(error) => Progress::Ended { done: false, text: format!("{node}: {error}") },
        }
    }

    /// Takes a timer that is due, if it is its own.
    pub fn ticked(&mut self, token: u64, desk: &mut Desk) -> Progress {
        if token != self.timer {
            return Progress::Working;
        }
        // What is asked next would wait behind the command, so the connection goes with it.
        desk.terminal.hang_up(self.node, desk.out);
        let s = ANSWER_WITHIN.as_secs_f64();
        Progress::Ended { done: false, text: format!("{} did not answer within {s} s", self.node) }
    }
}
