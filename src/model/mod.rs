//! What commands do to data: a cluster's node as one thread, one command after the other.
//!
//! A cell is a key, or all keys with one hash tag: what one command can touch on a cluster. A [`State`] is what a cell holds;
//! [`step`] puts one command to it and compares what a client was told with what a server would say. Where the server
//! itself draws (`SPOP`), the reply says what it drew, and is checked to be possible. Commands come in kinds, one a file
//! of `kind/`; a kind is also what a workload's `mix` weighs, and draws commands of it.
//!
//! Deliberately unknown here: who executed what when, and what of it was lost; that is `invariant`'s to say.

mod answer;
mod catalogue;
mod database;
mod kind;
mod number;
mod slot;
mod state;
mod step;

pub use answer::Expected;
pub use catalogue::{Go, KINDS, Kind, Pick, kind_named, rule};
pub use database::{database_after, database_at, key_at, may_select, place};
pub use kind::streams::Stream as StreamValue;
pub use kind::tracking::{TRACKED, TRACKING, hears_of_all, tracked};
pub use slot::{SLOT_COUNT, key_slot};
pub use state::{Cells, Deadline, Item, State, Value};
pub use step::{
    Asker, begin, call, cell_of, end, is_of_channel, is_of_key, is_refusal, key_of, key_of_all, sent_of,
    step, waits, waits_for_replicas,
};

use crate::history::Reply;

/// An instant of a server's clock, as far as it is known: milliseconds of the Unix epoch, first and last.
pub type Clock = (i64, i64);

/// A command while it is executed.
#[derive(Debug)]
pub struct Run<'a> {
    /// What the cell holds; changed only by a command that succeeds.
    pub state: &'a mut State,
    /// The command, its name first.
    pub args: &'a [&'a str],
    /// When it is executed.
    pub now: Clock,
    /// What the client was told, for commands whose effect the server draws.
    pub told: Option<&'a Reply>,
    /// The connection that it came over; nothing within a script.
    pub conn: Option<u64>,
}

/// What a command says if it is executed, or why it has no effect.
pub type Ran = Result<Expected, Stop>;

/// Why a command has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The server refuses it with this code.
    Error(&'static str),
    /// The model does not know this form of the command: what the cell holds after it is not known.
    Unmodelled,
}

/// What of a command goes to replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing: it reads.
    Nothing,
    /// The command as the client wrote it, if it changed anything.
    Verbatim,
    /// Another one with the same effect.
    Reworded,
}

/// A command: its name, what of it replicas get, and what it does.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// In capital letters.
    pub name: &'static str,
    /// What replicas get of it.
    pub sent: Sent,
    /// What it does.
    pub run: fn(&mut Run) -> Ran,
}

/// A command of these words.
fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A command that only reads.
const fn reads(name: &'static str, run: fn(&mut Run) -> Ran) -> Rule {
    Rule { name, sent: Sent::Nothing, run }
}

/// A command that writes and is sent on as it is.
const fn writes(name: &'static str, run: fn(&mut Run) -> Ran) -> Rule {
    Rule { name, sent: Sent::Verbatim, run }
}

/// A command that writes and is sent on in other words.
const fn rewords(name: &'static str, run: fn(&mut Run) -> Ran) -> Rule {
    Rule { name, sent: Sent::Reworded, run }
}

impl<'a> Run<'a> {
    /// The argument at a place; its absence is an error of the server's.
    fn arg(&self, place: usize) -> Result<&'a str, Stop> {
        self.args.get(place).copied().ok_or(Stop::Error("ERR"))
    }

    /// The whole number at a place.
    fn int(&self, place: usize) -> Result<i64, Stop> {
        number::whole(self.arg(place)?.as_bytes()).ok_or(Stop::Error("ERR"))
    }

    /// The arguments from a place on; at least one must be there.
    fn rest(&self, place: usize) -> Result<&'a [&'a str], Stop> {
        self.args.get(place..).filter(|rest| !rest.is_empty()).ok_or(Stop::Error("ERR"))
    }

    /// The arguments from a place on, two by two.
    fn pairs(&self, place: usize) -> Result<impl Iterator<Item = (&'a str, &'a str)> + use<'a>, Stop> {
        let rest = self.rest(place)?;
        if !rest.len().is_multiple_of(2) {
            return Err(Stop::Error("ERR"));
        }
        Ok(rest.chunks(2).map(|pair| (pair[0], pair[1])))
    }

    /// Fails unless the command has exactly so many parts.
    fn only(&self, parts: usize) -> Result<(), Stop> {
        if self.args.len() == parts { Ok(()) } else { Err(Stop::Error("ERR")) }
    }
}

#[cfg(test)]
mod tests;
