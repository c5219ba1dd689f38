//! One operation of a client while it is open, and what an answer means for it.
//!
//! This is where honesty is decided. A write that may have reached a server and got no definite reply is `Info` and is
//! never tried again: a second try could apply it twice, or after a later write. Everything else that ends badly
//! surely had no effect: it was not sent, or the server said that it would not do it.

use std::ops::Range;

use redis::Value;

use super::slot_owners::node_at;
use super::voices::Voice;
use crate::actor::session::SessionError;
use crate::history::{Outcome, Reply, Request};
use crate::id::NodeId;
use crate::model::{self, Sent};
use crate::time::{SimDuration, SimTime};
use crate::wire::resp::{self, ServerError};

/// How long one attempt may take on a network without latency.
const ATTEMPT_MAX: SimDuration = SimDuration::from_secs(1);
/// How many times the network's longest latency an attempt may take beyond that: a new connection, a redirection.
const ATTEMPT_LATENCIES: u64 = 8;
/// How many attempts' time an operation may take.
const OPERATION_ATTEMPTS: u64 = 5;
/// How often an operation is tried at most.
const ATTEMPTS_MAX: u32 = 32;
/// How many redirections are followed without a pause: nodes that disagree may send a client to and fro.
const HOPS_MAX: u32 = 5;
/// The pause before the first attempt that is put off, doubled for each further one.
const PAUSE_MS: u64 = 10;
/// The longest pause.
const PAUSE_MS_MAX: u64 = 500;

/// Commands that subscribe.
const LISTENING: [&str; 2] = ["SUBSCRIBE", "SSUBSCRIBE"];

/// How long a client waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    attempt: SimDuration,
    operation: SimDuration,
}

impl Patience {
    /// The patience that suits a network whose longest latency is `latency`, unless an attempt's `timeout` is said.
    pub fn new(latency: SimDuration, timeout: Option<SimDuration>) -> Self {
        let attempt = timeout.unwrap_or(ATTEMPT_MAX + latency.times(ATTEMPT_LATENCIES));
        Patience { attempt, operation: attempt.times(OPERATION_ATTEMPTS) }
    }
}

/// An operation between its invocation and its completion.
#[derive(Debug)]
pub struct Operation {
    /// The client's own count, from 1.
    pub sequence: u64,
    /// What is asked.
    pub request: Request,
    /// What it is waiting for.
    pub state: State,
    /// The node that answered last.
    pub answered: Option<NodeId>,
    /// What the commands before the last one were answered in this attempt.
    replies: Vec<Reply>,
    patience: Patience,
    deadline: SimTime,
    attempts: u32,
    hops: u32,
    pauses: u32,
}

/// What an open operation is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The answer of `node` under `tag`, not longer than `until`.
    Asked { node: NodeId, tag: u64, until: SimTime },
    /// The end of a pause.
    Paused { until: SimTime },
}

/// What an answer makes of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is complete.
    Complete(Outcome),
    /// The slot has another owner.
    Moved { slot: u16, node: NodeId },
    /// Another node is to be asked this once.
    Ask { slot: u16, node: NodeId },
    /// It was not done, and another attempt does no harm; `stale` if it may have been the wrong node to ask.
    PutOff { why: String, stale: bool },
}

impl Operation {
    /// An operation that is invoked now.
    pub fn new(sequence: u64, request: Request, now: SimTime, patience: Patience) -> Self {
        Operation {
            sequence,
            request,
            state: State::Paused { until: now },
            answered: None,
            replies: Vec::new(),
            patience,
            deadline: now + patience.operation,
            attempts: 0,
            hops: 0,
            pauses: 0,
        }
    }

    /// The slot of its key.
    pub fn slot(&self) -> u16 {
        resp::key_slot(self.request.key().as_bytes())
    }

    /// Whether it was not tried yet.
    pub fn is_fresh(&self) -> bool {
        self.attempts == 0
    }

    /// Whether any node may be asked: a replica that counts an estimate writes what it counted into its own copy.
    pub fn is_for_any_node(&self) -> bool {
        let commands = self.request.commands();
        !commands
            .iter()
            .any(|command| command.first().is_some_and(|name| name.eq_ignore_ascii_case("PFCOUNT")))
    }

    /// Over which of a client's connections it is asked.
    pub fn voice(&self) -> Voice {
        match model::tracked(&self.request) {
            Some(_) => Voice::Keeps,
            None if self.listens() => Voice::Listens,
            None => Voice::Asks,
        }
    }

    /// Whether it subscribes, for which a client has connections of their own.
    fn listens(&self) -> bool {
        let commands = self.request.commands();
        let name = commands.first().and_then(|command| command.first());
        name.is_some_and(|name| LISTENING.iter().any(|listening| name.eq_ignore_ascii_case(listening)))
    }

    /// Counts an attempt at `node`, whose last command is asked under `tag`, and says until when it may take; nothing if there may
    /// be no further one.
    pub fn attempt(&mut self, node: NodeId, tag: u64, now: SimTime) -> Option<SimTime> {
        if self.attempts >= ATTEMPTS_MAX || now >= self.deadline {
            return None;
        }
        self.attempts += 1;
        self.replies.clear();
        let until = self.deadline.min(now + self.patience.attempt);
        self.state = State::Asked { node, tag, until };
        Some(until)
    }

    /// Counts a redirection; false if it should not be followed at once.
    pub fn hop(&mut self) -> bool {
        self.hops += 1;
        self.hops <= HOPS_MAX
    }

    /// How long to wait before the next attempt; nothing if there is no time left for one.
    pub fn pause(&mut self, now: SimTime) -> Option<SimDuration> {
        let pause = SimDuration::from_ms((PAUSE_MS << self.pauses.min(10)).min(PAUSE_MS_MAX));
        self.pauses += 1;
        self.hops = 0;
        self.state = State::Paused { until: now + pause };
        (now + pause < self.deadline).then_some(pause)
    }

    /// The tags of the commands before the last one, which has `last`.
    pub fn asks_before(&self, last: u64) -> Range<u64> {
        last + 1 - self.command_count()..last
    }

    /// How many commands it is.
    pub fn command_count(&self) -> u64 {
        match &self.request {
            Request::Call { commands, .. } => commands.len() as u64,
            Request::Set { .. } | Request::Get { .. } => 1,
        }
    }

    /// Takes the answer to a command before the last one.
    pub fn before_last(&mut self, result: Result<Value, SessionError>) {
        self.replies.extend(reply(result).ok());
    }

    /// What the answer to its last command makes of it.
    pub fn judge(&mut self, result: Result<Value, SessionError>) -> Step {
        let write = match &self.request {
            Request::Set { .. } => true,
            Request::Get { .. } => false,
            Request::Call { commands, .. } => return called(commands, &mut self.replies, result),
        };
        match result {
            Ok(value) => Step::Complete(if write { written(&value) } else { read(value) }),
            Err(SessionError::Server(error)) => refused(&error),
            Err(error @ SessionError::Lost(_)) if write => Step::Complete(Outcome::Info(error.to_string())),
            Err(error) => Step::PutOff { why: error.to_string(), stale: true },
        }
    }
}

fn written(value: &Value) -> Outcome {
    match value {
        Value::Okay => Outcome::Ok(None),
        other => Outcome::Info(format!("unexpected reply: {other:?}")),
    }
}

fn read(value: Value) -> Outcome {
    match value {
        Value::Nil => Outcome::Ok(None),
        Value::BulkString(bytes) => Outcome::Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        other => Outcome::Fail(format!("unexpected reply: {other:?}")),
    }
}

/// What the answers to a request of several commands make of it: it is tried again only if none of them did anything.
fn called(commands: &[Vec<String>], before: &mut Vec<Reply>, result: Result<Value, SessionError>) -> Step {
    let is_write = |command: &Vec<String>| model::sent_of(command) != Some(Sent::Nothing);
    match reply(result) {
        Err(error @ SessionError::Lost(_)) if commands.iter().any(is_write) => {
            Step::Complete(Outcome::Info(error.to_string()))
        }
        Err(error) => Step::PutOff { why: error.to_string(), stale: true },
        Ok(last) => {
            before.push(last);
            let refused = refused_all(commands, before);
            refused.unwrap_or_else(|| Step::Complete(Outcome::Replied(std::mem::take(before))))
        }
    }
}

/// What to do if none of several commands had any effect: all that are about a key were refused, or their transaction was.
fn refused_all(commands: &[Vec<String>], replies: &[Reply]) -> Option<Step> {
    let last = replies.last()?;
    let began = matches!(replies.first(), Some(Reply::Status(_)));
    let is_off = began && (last.error_code() == Some("EXECABORT") || refusal(last).is_some());
    let is_nothing = |(command, reply): (&Vec<String>, &Reply)| {
        refusal(reply).is_some() || reply.error_code() == Some("NOPERM") || !model::is_of_key(command)
    };
    if is_off || commands.iter().zip(replies).all(is_nothing) {
        return replies.iter().find_map(refusal);
    }
    None
}

/// What to do after a reply which says that a command had no effect here.
fn refusal(reply: &Reply) -> Option<Step> {
    let Reply::Error(text) = reply else { return None };
    let (code, detail) = text.split_once(' ').unwrap_or((text, ""));
    match refused(&ServerError { code: code.to_owned(), detail: detail.to_owned() }) {
        Step::Complete(_) => None,
        step => Some(step),
    }
}

/// An answer as a reply of the history; an error only if there is none.
fn reply(result: Result<Value, SessionError>) -> Result<Reply, SessionError> {
    match result {
        Ok(value) => Ok(said(value)),
        Err(SessionError::Server(error)) => Ok(Reply::Error(error.to_string())),
        Err(error) => Err(error),
    }
}

fn said(value: Value) -> Reply {
    let list = |items: Vec<Value>| Reply::List(items.into_iter().map(said).collect());
    match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Int(number),
        Value::Boolean(is_so) => Reply::Int(i64::from(is_so)),
        Value::BulkString(bytes) => Reply::text(&bytes),
        Value::VerbatimString { text, .. } => Reply::Text(text),
        Value::Double(number) => Reply::Text(number.to_string()),
        Value::Okay => Reply::Status("OK".to_owned()),
        Value::SimpleString(status) => Reply::Status(status),
        Value::ServerError(error) => Reply::Error(ServerError::from(&error).to_string()),
        Value::Array(items) | Value::Set(items) => list(items),
        Value::Map(pairs) => list(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()),
        Value::Attribute { data, .. } => said(*data),
        Value::Push { data, .. } => list(data),
        other => Reply::Text(format!("{other:?}")),
    }
}

/// Whatever error a server answers a `GET` or a `SET` with, it has not done it.
fn refused(error: &ServerError) -> Step {
    let why = error.to_string();
    match error.code.as_str() {
        "MOVED" | "ASK" => redirected(error).unwrap_or(Step::PutOff { why, stale: true }),
        "CLUSTERDOWN" | "MASTERDOWN" | "READONLY" | "LOADING" => Step::PutOff { why, stale: true },
        "TRYAGAIN" => Step::PutOff { why, stale: false },
        _ => Step::Complete(Outcome::Fail(why)),
    }
}

fn redirected(error: &ServerError) -> Option<Step> {
    let redirect = error.redirect()?;
    let node = node_at(redirect.to)?;
    let slot = redirect.slot;
    Some(if redirect.ask { Step::Ask { slot, node } } else { Step::Moved { slot, node } })
}
