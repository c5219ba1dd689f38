//! One command to one node, as typed.

use redis::Value;

use super::job::{Doing, Job};
use super::progress::Progress;
use super::{Desk, reply};
use crate::actor::message::{ChaosMessage, Message};
use crate::actor::session::{Answer, SessionError};
use crate::event::Body;
use crate::id::{ActorId, NodeId};
use crate::op::{Command as Planned, Ending, Expect, Op, OpId, is_shutdown};
use crate::time::SimDuration;
use crate::wire::resp::ServerError;

/// How long a node may take to answer.
const ANSWER_WITHIN: SimDuration = SimDuration::from_secs(10);

/// A command that was sent.
#[derive(Debug)]
pub(super) struct Command {
    op: OpId,
    node: NodeId,
    expect: Option<Expect>,
    /// The node is told to end, which is all the answer it gives.
    ends_node: bool,
    tag: u64,
    timer: u64,
}

impl Doing for Planned {
    /// Sends it.
    fn start(&self, op: &Op, desk: &mut Desk) -> (Box<dyn Job>, Progress) {
        let (op, node, expect) = (op.id, self.node, op.expect.clone());
        let ends_node = is_shutdown(&self.args);
        let args: Vec<String> = self.args.iter().map(|argument| desk.roll.fill_in(argument)).collect();
        desk.out.note(Body::Operation { op, text: format!("{} to {node}", args.join(" ")) });
        let tag = desk.terminal.ask(node, &args, desk.out);
        let timer = desk.terminal.set_timer(ANSWER_WITHIN, "command: give up", desk.out);
        (Box::new(Command { op, node, expect, ends_node, tag, timer }), Progress::Working)
    }
}

impl Job for Command {
    /// Takes an answer, if it is its own.
    fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> Progress {
        if answer.tag != self.tag {
            return Progress::Working;
        }
        match &answer.result {
            Ok(value) => self.replied(value, desk),
            Err(SessionError::Server(error)) => self.refused(error, desk),
            // A node that is told to end closes its connections first; its end is what counts.
            Err(SessionError::Lost(_)) if self.ends_node => Progress::Working,
            Err(SessionError::NotSent(why)) => ended(Ending::NotSent, format!("{}: {why}", self.node)),
            Err(error) => ended(Ending::TimedOut, format!("{}: {error}", self.node)),
        }
    }

    /// A node's process ended.
    fn node_ended(&mut self, node: NodeId, _desk: &mut Desk) -> Progress {
        match node == self.node && self.ends_node {
            true => ended(Ending::Done, format!("{node} ended")),
            false => Progress::Working,
        }
    }

    /// Takes a timer that is due, if it is its own.
    fn ticked(&mut self, token: u64, desk: &mut Desk) -> Progress {
        if token != self.timer {
            return Progress::Working;
        }
        // What is asked next would wait behind the command, so the connection goes with it.
        desk.terminal.hang_up(self.node, desk.out);
        let s = ANSWER_WITHIN.as_secs_f64();
        ended(Ending::TimedOut, format!("{} did not answer within {s} s", self.node))
    }
}

impl Command {
    fn replied(&self, value: &Value, desk: &mut Desk) -> Progress {
        let (op, node) = (self.op, self.node);
        let text = reply::render(value);
        desk.out.note(reply::note(op, value));
        desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::OperationAccepted { op }));
        let is_wanted = match &self.expect {
            None | Some(Expect::Ok | Expect::Any) => true,
            Some(Expect::Error) => false,
            Some(Expect::Begins(begin)) => reply::plain(value).starts_with(begin.as_str()),
        };
        match &self.expect {
            Some(wanted) if !is_wanted => {
                ended(Ending::Unexpected, format!("{node} answered {text}, and the plan wants {wanted}"))
            }
            _ => ended(Ending::Done, format!("{node} answered")),
        }
    }

    fn refused(&self, error: &ServerError, desk: &mut Desk) -> Progress {
        let node = self.node;
        let text = reply::shorten(&error.to_string());
        desk.out.note(reply::note_error(self.op, error));
        let is_wanted = match &self.expect {
            Some(Expect::Error | Expect::Any) => true,
            Some(Expect::Begins(begin)) => error.to_string().starts_with(begin.as_str()),
            None | Some(Expect::Ok) => false,
        };
        match &self.expect {
            Some(_) if is_wanted => ended(Ending::Done, format!("{node} refused as the plan wants: {text}")),
            Some(wanted) => {
                ended(Ending::Unexpected, format!("{node} refused: {text}, and the plan wants {wanted}"))
            }
            None => ended(Ending::Refused, format!("{node} refused: {text}")),
        }
    }
}

fn ended(ending: Ending, text: String) -> Progress {
    Progress::Ended { ending, text }
}
