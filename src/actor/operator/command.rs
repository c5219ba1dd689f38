//! Commands as they are typed, at one node or several, and a look at whether they took effect.
//!
//! An answer says that a command was taken; what the plan's kind says shows it (a `Sign`) is looked for in the node's own
//! view. With `expect:` the answer alone counts.

use redis::Value;

use super::job::Job;
use super::progress::Progress;
use super::{Desk, pace, reply, sign};
use crate::actor::message::{ChaosMessage, Message};
use crate::actor::session::{Answer, SessionError};
use crate::event::Body;
use crate::id::{ActorId, NodeId};
use crate::op::{Ending, Expect, Op, OpId, Sign, Typed, is_shutdown};
use crate::time::{SimDuration, SimTime};
use crate::wire::cluster_nodes::ClusterNodes;
use crate::wire::resp::ServerError;

/// How long a node may take to answer, and then to show what the command did.
const ANSWER_WITHIN: SimDuration = SimDuration::from_secs(10);

/// Commands that were sent.
#[derive(Debug)]
struct Typing {
    op: OpId,
    expect: Option<Expect>,
    lines: Vec<Line>,
    /// When they were sent.
    since: SimTime,
    /// The cluster took one of them.
    accepted: bool,
    /// When it is given up.
    timer: u64,
    /// The timer until the next look.
    pause: Option<u64>,
}

/// One of them.
#[derive(Debug)]
struct Line {
    node: NodeId,
    /// The node is told to end, which is all the answer it gives.
    ends_node: bool,
    sign: Option<Sign>,
    /// The question that is open: the command itself, or a look.
    tag: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// It was not answered.
    Sent,
    /// It was taken, and its effect is looked for.
    Looking,
    /// Nothing more comes of it.
    Over(Ending, String),
}

/// Sends the commands of an operation, all at once.
pub(super) fn start(op: &Op, desk: &mut Desk) -> (Box<dyn Job>, Progress) {
    let typed = op.action.own_typed();
    let lines: Vec<Line> = typed.into_iter().map(|typed| send(op.id, typed, desk)).collect();
    let timer = desk.terminal.set_timer(ANSWER_WITHIN, "command: give up", desk.out);
    let (op, expect) = (op.id, op.expect.clone());
    let typing = Typing { op, expect, lines, since: desk.now, accepted: false, timer, pause: None };
    let progress = typing.progress();
    (Box::new(typing), progress)
}

fn send(op: OpId, typed: Typed, desk: &mut Desk) -> Line {
    let Typed { node, args, sign } = typed;
    let args: Vec<String> = args.iter().map(|argument| desk.roll.fill_in(argument)).collect();
    desk.out.note(Body::Operation { op, text: format!("{} to {node}", args.join(" ")) });
    let tag = desk.terminal.ask(node, &args, desk.out);
    Line { node, ends_node: is_shutdown(&args), sign, tag, state: State::Sent }
}

impl Job for Typing {
    /// Takes an answer, if it is one of its own.
    fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> Progress {
        let Some(index) = self.lines.iter().position(|line| line.tag == answer.tag) else {
            return Progress::Working;
        };
        match self.lines[index].state {
            State::Sent => self.replied(index, answer, desk),
            State::Looking => self.looked(index, answer, desk),
            State::Over(..) => return Progress::Working,
        }
        self.progress()
    }

    /// A node's process ended.
    fn node_ended(&mut self, node: NodeId, _desk: &mut Desk) -> Progress {
        let ending = self.lines.iter_mut().filter(|line| line.node == node && line.ends_node);
        let waiting = ending.filter(|line| matches!(line.state, State::Sent));
        waiting.for_each(|line| line.state = State::Over(Ending::Done, format!("{node} ended")));
        self.progress()
    }

    /// Takes a timer that is due, if it is one of its own.
    fn ticked(&mut self, token: u64, desk: &mut Desk) -> Progress {
        if self.pause.take_if(|pause| *pause == token).is_some() {
            self.look(desk);
        }
        if token != self.timer {
            return Progress::Working;
        }
        for line in &mut self.lines {
            line.give_up(desk);
        }
        self.progress()
    }
}

impl Typing {
    fn replied(&mut self, index: usize, answer: &Answer, desk: &mut Desk) {
        let Line { node, ends_node, .. } = self.lines[index];
        let (ending, text) = match &answer.result {
            Ok(value) => self.taken(node, value, desk),
            Err(SessionError::Server(error)) => self.refused(node, error, desk),
            // A node that is told to end closes its connections first; its end is what counts.
            Err(SessionError::Lost(_)) if ends_node => return,
            Err(SessionError::NotSent(why)) => (Ending::NotSent, format!("{node}: {why}")),
            Err(error) => (Ending::TimedOut, format!("{node}: {error}")),
        };
        let looks = ending == Ending::Done && self.expect.is_none() && self.lines[index].sign.is_some();
        match looks {
            true => self.lines[index].look(desk),
            false => self.lines[index].state = State::Over(ending, text),
        }
    }

    fn taken(&mut self, node: NodeId, value: &Value, desk: &mut Desk) -> (Ending, String) {
        let (op, text) = (self.op, reply::render(value));
        desk.out.note(reply::note(op, value));
        if !self.accepted {
            desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::OperationAccepted { op }));
            self.accepted = true;
        }
        let is_wanted = match &self.expect {
            None | Some(Expect::Ok | Expect::Any) => true,
            Some(Expect::Error) => false,
            Some(Expect::Begins(begin)) => reply::plain(value).starts_with(begin.as_str()),
        };
        match &self.expect {
            Some(wanted) if !is_wanted => {
                (Ending::Unexpected, format!("{node} answered {text}, and the plan wants {wanted}"))
            }
            _ => (Ending::Done, format!("{node} answered")),
        }
    }

    fn refused(&self, node: NodeId, error: &ServerError, desk: &mut Desk) -> (Ending, String) {
        let text = reply::shorten(&error.to_string());
        desk.out.note(reply::note_error(self.op, error));
        let is_wanted = match &self.expect {
            Some(Expect::Error | Expect::Any) => true,
            Some(Expect::Begins(begin)) => error.to_string().starts_with(begin.as_str()),
            None | Some(Expect::Ok) => false,
        };
        match &self.expect {
            Some(_) if is_wanted => (Ending::Done, format!("{node} refused as the plan wants: {text}")),
            Some(wanted) => {
                (Ending::Unexpected, format!("{node} refused: {text}, and the plan wants {wanted}"))
            }
            None => (Ending::Refused, format!("{node} refused: {text}")),
        }
    }

    /// Reads a node's view, and looks again later if nothing shows there.
    fn looked(&mut self, index: usize, answer: &Answer, desk: &mut Desk) {
        let line = &mut self.lines[index];
        let text = answer.result.as_ref().ok().and_then(|value| reply::text(value).ok());
        let view = text.and_then(|text| ClusterNodes::parse(&text).ok());
        if let Some(view) = &view {
            desk.roll.hear(line.node, view);
        }
        let shown =
            view.zip(line.sign.as_ref()).is_some_and(|(view, sign)| sign::shows(sign, &view, desk.roll));
        if shown {
            let text = line.sign.as_ref().map(sign::in_words).unwrap_or_default();
            line.state = State::Over(Ending::Done, format!("{} {text}", line.node));
        } else if self.pause.is_none() {
            let pause = pace::pause(desk.now.since(self.since));
            self.pause = Some(desk.terminal.set_timer(pause, "command: look again", desk.out));
        }
    }

    fn look(&mut self, desk: &mut Desk) {
        let looking = self.lines.iter_mut().filter(|line| matches!(line.state, State::Looking));
        looking.for_each(|line| line.look(desk));
    }

    /// How it ended, once every node has answered: as the worst of them did.
    fn progress(&self) -> Progress {
        let over = |line: &Line| match &line.state {
            State::Over(ending, text) => Some((*ending, text.clone())),
            State::Sent | State::Looking => None,
        };
        let Some(over) = self.lines.iter().map(over).collect::<Option<Vec<_>>>() else {
            return Progress::Working;
        };
        let ending = over.iter().map(|(ending, _)| *ending).find(|ending| *ending != Ending::Done);
        let ending = ending.unwrap_or(Ending::Done);
        let texts = over.into_iter().filter(|(one, _)| *one == ending).map(|(_, text)| text);
        Progress::Ended { ending, text: texts.collect::<Vec<_>>().join("; ") }
    }
}

impl Line {
    fn look(&mut self, desk: &mut Desk) {
        self.state = State::Looking;
        self.tag = desk.terminal.ask(self.node, &["CLUSTER", "NODES"], desk.out);
    }

    fn give_up(&mut self, desk: &mut Desk) {
        let (node, s) = (self.node, ANSWER_WITHIN.as_secs_f64());
        let (ending, text) = match self.state {
            State::Sent => {
                // What is asked next would wait behind the command, so the connection goes with it.
                desk.terminal.hang_up(node, desk.out);
                (Ending::TimedOut, format!("{node} did not answer within {s} s"))
            }
            State::Looking => {
                let text = self.sign.as_ref().map(sign::in_words).unwrap_or_default();
                (Ending::NoEffect, format!("it did not show within {s} s that {node} {text}"))
            }
            State::Over(..) => return,
        };
        self.state = State::Over(ending, text);
    }
}
