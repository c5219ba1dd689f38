//! The closed vocabulary of the event log: one [`Event`] is one line.
//!
//! The four kinds say who is speaking: the harness decided, the harness acted, a server or client was seen to do
//! something, or an invariant was judged. Everything is an integer or a text that the run itself determines;
//! no value of the wall clock, no pointer and no path of the host ever stands here. The statements themselves are one table,
//! `words.rs`.

mod about;
mod bus;
mod replicated;
mod said;
mod told;
mod view;
mod words;

pub use bus::{BusSummary, Claim, Gossiped, MessageType, Published, SavedEpochs};
pub use replicated::{Answer, Command, Commands, Position, Replicated};
pub use said::{Said, Topic};
pub use told::Told;
pub use view::{Doubt, Member, ViewRole, ViewRow, ViewState};
pub use words::{Body, What};

use serde::{Deserialize, Serialize};

use self::about::About;
use crate::id::{ActorId, NodeId};
use crate::time::SimTime;

/// One line of the log after its header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number, from 0, without gaps.
    pub i: u64,
    /// When it happened.
    pub at: SimTime,
    /// Whom it was delivered to, or who spoke.
    pub actor: ActorId,
    /// Which class of statement it is; follows from `body`.
    pub kind: Kind,
    /// The event that queued or provoked this one; absent for the first ones of a run.
    pub cause: Option<u64>,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

/// The classes of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The harness chose something; a replay takes the choice from here.
    Decision,
    /// The harness did something.
    Effect,
    /// Something was seen at a server or a client.
    Observation,
    /// An invariant was judged.
    Verdict,
}

/// The part of a run that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Servers start and are joined to a cluster.
    Form,
    /// Clients run, operations and faults happen.
    Run,
    /// Faults are gone; the cluster may settle.
    Settle,
    /// Data and views are read and judged.
    Validate,
    /// Nothing is left to do.
    Done,
}

/// What becomes of a connection at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// A new connection waits at a listening port.
    Incoming,
    /// The dialled connection is there.
    Connected,
    /// Nobody listens at the port.
    Refused,
    /// The other end sends nothing more.
    Eof,
    /// The other end is gone.
    Reset,
    /// Nobody answered in time.
    TimedOut,
    /// The other end made room for more.
    Credit,
    /// Nothing can be heard of the other end for some time now.
    Unheard,
}

/// How an end of a connection is closed by its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closing {
    /// It is gone.
    Closed,
    /// It is gone, and the peer sees a reset.
    Reset,
    /// It sends nothing more, but still reads.
    HalfClosed,
}

/// Which of its outputs a program wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
}

/// What happened to a child of a server's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildState {
    /// The process forked it.
    Forked,
    /// It ended.
    Ended,
    /// There was no room for it: as many processes live at once as a host of the simulation has room for.
    Refused,
}

/// How a statement comes into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is delivered to an actor, and what the actor notes meanwhile stands below it.
    Delivered,
    /// It is noted while something else is delivered.
    Noted,
    /// It is noted, and the plan or a client put it into the run: operations, faults, their heals, client commands.
    Injected,
}

impl Event {
    /// Calls `see` with each node that the event is about: the one it was delivered to or that spoke, and those that its
    /// statement names. A node that is named twice is seen twice.
    pub fn each_node(&self, see: &mut impl FnMut(NodeId)) {
        self.actor.each_node(see);
        self.body.each_node(see);
    }

    /// Whether the event is about a node.
    pub fn is_about(&self, node: NodeId) -> bool {
        let mut found = false;
        self.each_node(&mut |of| found |= of == node);
        found
    }
}

impl Body {
    /// The statement's own word, as it stands in the log after `what`.
    pub fn word(&self) -> &'static str {
        self.what().word()
    }

    /// The class of this statement.
    pub fn kind(&self) -> Kind {
        self.what().kind()
    }

    /// Whether the plan or a client put this into the run.
    pub fn is_injected(&self) -> bool {
        self.what().role() == Role::Injected
    }

    /// Whether this is noted while something else is delivered, and is not itself delivered to anybody.
    pub fn is_note(&self) -> bool {
        self.what().role() != Role::Delivered
    }
}

impl What {
    /// The place of the statement in [`What::ALL`].
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The statement at this place.
    pub fn of_code(code: u8) -> Option<What> {
        What::ALL.get(usize::from(code)).copied()
    }

    /// The statement with this word.
    pub fn of_word(word: &str) -> Option<What> {
        What::ALL.into_iter().find(|what| what.word() == word)
    }
}
