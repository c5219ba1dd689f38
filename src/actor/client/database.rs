//! Which database a client works in, and which one each of its connections has selected.
//!
//! A client goes on in its database over whatever connection: one that is new has selected the first, and one over which a request
//! went that may have selected another is told again.

use std::collections::{BTreeMap, BTreeSet};

use super::voices::Voice;
use crate::actor::session::{Answer, SessionError};
use crate::history::{Outcome, Request};
use crate::id::NodeId;
use crate::model;

/// The databases of a client and its connections.
#[derive(Debug, Default)]
pub struct Selected {
    /// The client's own.
    database: u16,
    /// What each connection has selected; nothing if nobody knows.
    on: BTreeMap<(Voice, NodeId), Option<u16>>,
    /// The tags under which connections were told, or anything else that must be done.
    tags: BTreeSet<u64>,
}

impl Selected {
    /// A connection is to be made.
    pub fn connects(&mut self, to: (Voice, NodeId)) {
        self.on.insert(to, Some(0));
    }

    /// The database that a connection must select before anything is asked over it.
    pub fn missing(&self, to: (Voice, NodeId)) -> Option<u16> {
        let has = self.on.get(&to).copied().flatten();
        (has != Some(self.database)).then_some(self.database)
    }

    /// A connection is told under `tag`.
    pub fn selecting(&mut self, to: (Voice, NodeId), tag: u64) {
        self.on.insert(to, Some(self.database));
        self.counts_on(tag);
    }

    /// What is asked under `tag` must be done, or nothing that is asked behind it counts.
    pub fn counts_on(&mut self, tag: u64) {
        self.tags.insert(tag);
    }

    /// A request goes over a connection.
    pub fn asked(&mut self, to: (Voice, NodeId), request: &Request) {
        if model::may_select(request) {
            self.on.insert(to, None);
        }
    }

    /// A request was completed.
    pub fn completed(&mut self, request: &Request, outcome: &Outcome) {
        if let Outcome::Replied(replies) = outcome {
            self.database = model::database_after(self.database, request, replies);
        }
    }

    /// Whether an answer says that a connection did not do what it had to.
    pub fn is_refused(&mut self, answer: &Answer) -> bool {
        self.tags.remove(&answer.tag) && matches!(answer.result, Err(SessionError::Server(_)))
    }
}
