//! All slots move at once, by the server's own export (`CLUSTER MIGRATESLOTS`, from 9.0), which is watched until it ends.

use redis::Value;

use super::Ends;
use super::slot::{Moved, trouble};
use crate::actor::operator::Desk;
use crate::actor::session::{Answer, SessionError};
use crate::op::Ending;
use crate::time::SimDuration;

/// How often the source is asked how far it is.
const LOOK_EVERY: SimDuration = SimDuration::from_ms(50);

/// An export under way.
#[derive(Debug)]
pub(super) struct Export {
    state: State,
    /// The question that is open, or the timer until the next.
    tag: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It was asked for.
    Asked,
    /// It was taken on.
    Watched,
    /// It was asked to be stopped.
    Cancelling,
}

impl Export {
    /// Asks the source for it.
    pub fn start(ends: Ends, slots: &[u16], desk: &mut Desk) -> Self {
        let follows = |a: &u16, b: &u16| a + 1 == *b;
        let ranges = slots.chunk_by(follows).flat_map(|run| [run[0], run[run.len() - 1]]);
        let words = ["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE"].map(str::to_owned).into_iter();
        let name = desk.roll.fill_in(&format!("{{{}}}", ends.target));
        let args: Vec<String> =
            words.chain(ranges.map(|slot| slot.to_string())).chain(["NODE".to_owned(), name]).collect();
        Export { state: State::Asked, tag: desk.terminal.ask(ends.source, &args, desk.out) }
    }

    /// Stops it.
    pub fn cancel(&mut self, ends: Ends, desk: &mut Desk) {
        self.state = State::Cancelling;
        self.tag = desk.terminal.ask(ends.source, &["CLUSTER", "CANCELSLOTMIGRATIONS"], desk.out);
    }

    /// Takes an answer, if it is its own.
    pub fn answered(&mut self, ends: Ends, answer: &Answer, desk: &mut Desk) -> Moved {
        if answer.tag != self.tag {
            return Moved::NotYet;
        }
        if self.state == State::Asked && lacks(answer) {
            return Moved::Lacks;
        }
        if let Some((ending, text)) = trouble(answer) {
            return Moved::Failed(ending, text);
        }
        match self.state {
            State::Asked => {
                self.state = State::Watched;
                self.look(ends, desk);
                Moved::Begun
            }
            State::Watched => self.watched(ends, answer, desk),
            State::Cancelling => Moved::Cancelled,
        }
    }

    /// Takes a timer that is due, if it is its own.
    pub fn ticked(&mut self, ends: Ends, token: u64, desk: &mut Desk) {
        if token == self.tag && self.state == State::Watched {
            self.look(ends, desk);
        }
    }

    fn look(&mut self, ends: Ends, desk: &mut Desk) {
        self.tag = desk.terminal.ask(ends.source, &["CLUSTER", "GETSLOTMIGRATIONS"], desk.out);
    }

    /// The newest of the source's migrations is the one that was asked for last.
    fn watched(&mut self, ends: Ends, answer: &Answer, desk: &mut Desk) -> Moved {
        let newest = answer.result.as_ref().ok().and_then(newest);
        match newest.as_ref().map(|(state, message)| (state.as_str(), message)) {
            Some(("success", _)) => Moved::Done,
            Some(("failed" | "cancelled", message)) => {
                let text = format!("the migration at {} failed: {message}", ends.source);
                Moved::Failed(Ending::NoEffect, text)
            }
            _ => {
                self.tag = desk.terminal.set_timer(LOOK_EVERY, "reshard: look", desk.out);
                Moved::NotYet
            }
        }
    }
}

/// Whether the server does not know the command.
fn lacks(answer: &Answer) -> bool {
    match &answer.result {
        Err(SessionError::Server(error)) => error.to_string().to_lowercase().contains("unknown subcommand"),
        _ => false,
    }
}

/// State and message of the first migration that an answer lists: the server lists the newest first.
fn newest(value: &Value) -> Option<(String, String)> {
    let Value::Array(migrations) = value else { return None };
    let fields = migrations.first()?;
    Some((field(fields, "state")?, field(fields, "message").unwrap_or_default()))
}

/// A field of a map, which RESP2 sends as a flat list.
fn field(fields: &Value, name: &str) -> Option<String> {
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    };
    match fields {
        Value::Map(pairs) => {
            pairs.iter().find(|(key, _)| text(key).as_deref() == Some(name)).and_then(|(_, v)| text(v))
        }
        Value::Array(flat) => flat
            .chunks_exact(2)
            .find(|pair| text(&pair[0]).as_deref() == Some(name))
            .and_then(|pair| text(&pair[1])),
        _ => None,
    }
}
