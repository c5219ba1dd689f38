//! What clients asked for and what they were told: the input of the data checkers.
//!
//! An operation is `Ok` when the server said so, `Fail` when it surely had no effect, and `Info` when nobody can
//! know (the connection broke, the time ran out). A checker may use an `Info` write or leave it, at any later moment.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::id::{ClientId, NodeId};
use crate::time::SimTime;

/// What a client asks of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// `SET key value`; no two writes of a run have the same value, so that a value tells who wrote it.
    Set {
        /// The key.
        key: String,
        /// The value; a drawn one is `c<client>:<sequence>`, padded.
        value: String,
    },
    /// `GET key`.
    Get {
        /// The key.
        key: String,
    },
}

impl Request {
    /// The key it is about.
    pub fn key(&self) -> &str {
        match self {
            Request::Set { key, .. } | Request::Get { key } => key,
        }
    }
}

impl fmt::Display for Request {
    /// The command without the padding of a drawn value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Set { key, value } => write!(f, "SET {key} {}", value.trim_end_matches('.')),
            Request::Get { key } => write!(f, "GET {key}"),
        }
    }
}

/// A digest of a write: of its key and value, which no two writes of a run share unless a script says so.
pub fn write_digest(key: &[u8], value: &[u8]) -> u64 {
    xxh3_64_with_seed(value, xxh3_64_with_seed(key, 0))
}

/// How an operation of a client ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done; a read carries what it saw (nothing for an absent key).
    Ok(Option<String>),
    /// Surely not done, with the server's error or the reason.
    Fail(String),
    /// Cannot be known, with the reason.
    Info(String),
}

/// One operation of one client, from invocation to completion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who asked.
    pub client: ClientId,
    /// The client's own count, from 1.
    pub sequence: u64,
    /// What was asked.
    pub request: Request,
    /// When it was asked.
    pub invoked_at: SimTime,
    /// When the outcome was known; absent while it is open, which counts as `Info`.
    pub completed_at: Option<SimTime>,
    /// How it ended; absent while it is open, which counts as `Info`.
    pub outcome: Option<Outcome>,
    /// The node that answered last, if any did.
    pub node: Option<NodeId>,
}
