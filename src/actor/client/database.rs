//! Which database a client works in, and which one each of its connections has selected.
//!
//! A client goes on in its database over whatever connection: one that is new has selected the first, and one over which a request
//! went that may have selected another is told again.

use std::collections::{BTreeMap, BTreeSet};

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
    on: BTreeMap<NodeId, Option<u16>>,
    /// The tags under which connections were told.
    tags: BTreeSet<u64>,
}

impl Selected {
    /// A connection to `node` is to be made.
    pub fn connects(&mut self, node: NodeId) {
        self.on.insert(node, Some(0));
    }

    /// The database that the connection to `node` must select before anything is asked over it.
    pub fn missing(&self, node: NodeId) -> Option<u16> {
        let has = self.on.get(&node).copied().flatten();
        (has != Some(self.database)).then_some(self.database)
    }

    /// The connection to `node` is told under `tag`.
    pub fn selecting(&mut self, node: NodeId, tag: u64) {
        self.on.insert(node, Some(self.database));
        self.tags.insert(tag);
    }

    /// A request goes to `node`.
    pub fn asked(&mut self, node: NodeId, request: &Request) {
        if model::may_select(request) {
            self.on.insert(node, None);
        }
    }

    /// A request was completed.
    pub fn completed(&mut self, request: &Request, outcome: &Outcome) {
        if let Outcome::Replied(replies) = outcome {
            self.database = model::database_after(self.database, request, replies);
        }
    }

    /// Whether an answer says that a connection did not select what it was told to.
    pub fn is_refused(&mut self, answer: &Answer) -> bool {
        self.tags.remove(&answer.tag) && matches!(answer.result, Err(SessionError::Server(_)))
    }
}
