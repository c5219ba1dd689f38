//! What clients asked for and what they were told: the input of the data checkers.
//!
//! An operation is `Ok` when the server said so, `Fail` when it surely had no effect, and `Info` when nobody can
//! know (the connection broke, the time ran out). A checker may use an `Info` write or leave it, at any later moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

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
    /// Other commands, sent one after the other in one go to whoever owns the slot of `key`.
    Call {
        /// What they are sent by: the first key that they name, or for a channel of the whole cluster any text.
        key: String,
        /// The commands, each with its name first.
        commands: Vec<Vec<String>>,
    },
}

impl Request {
    /// The key it is about.
    pub fn key(&self) -> &str {
        match self {
            Request::Set { key, .. } | Request::Get { key } | Request::Call { key, .. } => key,
        }
    }

    /// The commands as they are sent.
    pub fn commands(&self) -> Vec<Vec<&str>> {
        match self {
            Request::Set { key, value } => vec![vec!["SET", key, value]],
            Request::Get { key } => vec![vec!["GET", key]],
            Request::Call { commands, .. } => {
                commands.iter().map(|command| command.iter().map(String::as_str).collect()).collect()
            }
        }
    }
}

impl fmt::Display for Request {
    /// The command without the padding of a drawn value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Set { key, value } => write!(f, "SET {key} {}", value.trim_end_matches('.')),
            Request::Get { key } => write!(f, "GET {key}"),
            Request::Call { commands, .. } => {
                let commands = commands.iter().map(|command| command.join(" ")).collect::<Vec<_>>();
                f.write_str(&commands.join("; "))
            }
        }
    }
}

/// What a server replied to a command, in either version of the protocol: a map is the list of its keys and values, a set a
/// list, a truth value a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A number.
    Int(i64),
    /// A string; bytes that are no UTF-8 are replaced.
    Text(String),
    /// A status, `OK`.
    Status(String),
    /// An error, its code first.
    Error(String),
    /// A list.
    List(Vec<Reply>),
}

impl Reply {
    /// A string of these bytes.
    pub fn text(bytes: &[u8]) -> Reply {
        Reply::Text(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The code of an error.
    pub fn error_code(&self) -> Option<&str> {
        match self {
            Reply::Error(text) => text.split(' ').next(),
            _ => None,
        }
    }
}

impl fmt::Display for Reply {
    /// As `valkey-cli` shows it, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Nil => f.write_str("(nil)"),
            Reply::Int(number) => write!(f, "(integer) {number}"),
            Reply::Text(text) => write!(f, "{text:?}"),
            Reply::Status(status) => f.write_str(status),
            Reply::Error(error) => write!(f, "(error) {error}"),
            Reply::List(list) => {
                let list = list.iter().map(Reply::to_string).collect::<Vec<_>>();
                write!(f, "[{}]", list.join(", "))
            }
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
    /// Done as far as each command's reply says; of a [`Request::Call`].
    Replied(Vec<Reply>),
    /// Surely not done, with the server's error or the reason.
    Fail(String),
    /// Cannot be known, with the reason.
    Info(String),
}

impl Outcome {
    /// Whether a server did what it was asked, as far as it goes.
    pub fn is_done(&self) -> bool {
        matches!(self, Outcome::Ok(_) | Outcome::Replied(_))
    }
}

/// The words of all calls of a history: keys among them are not those of plain reads and writes alone.
pub fn words_of_calls(history: &[Entry]) -> BTreeSet<&str> {
    let calls = history.iter().filter_map(|entry| match &entry.request {
        Request::Call { commands, .. } => Some(commands),
        Request::Set { .. } | Request::Get { .. } => None,
    });
    calls.flatten().flat_map(|command| command.iter().skip(1)).map(String::as_str).collect()
}

fn is_first(database: &u16) -> bool {
    *database == 0
}

/// What is kept of the operation that each client has open. A client that has none keeps its place for the next one.
#[derive(Clone, Debug)]
pub struct OpenOperations<T>(BTreeMap<ClientId, Option<(u64, T)>>);

impl<T> Default for OpenOperations<T> {
    fn default() -> Self {
        OpenOperations(BTreeMap::new())
    }
}

impl<T> OpenOperations<T> {
    /// A client asks.
    pub fn begin(&mut self, (client, sequence): (ClientId, u64), kept: T) {
        *self.0.entry(client).or_default() = Some((sequence, kept));
    }

    /// What is kept of a client's.
    pub fn of(&self, client: ClientId) -> Option<&T> {
        self.0.get(&client)?.as_ref().map(|(_, kept)| kept)
    }

    /// What is kept of a client's.
    pub fn of_mut(&mut self, client: ClientId) -> Option<&mut T> {
        self.0.get_mut(&client)?.as_mut().map(|(_, kept)| kept)
    }

    /// A client's operation is over; what was kept of it.
    pub fn end(&mut self, (client, sequence): (ClientId, u64)) -> Option<T> {
        let place = self.0.get_mut(&client)?;
        place.take_if(|(open, _)| *open == sequence).map(|(_, kept)| kept)
    }
}

/// Operations by name, those of one name in the order in which they come.
pub fn by_name<'e>(entries: impl Iterator<Item = (&'e str, &'e Entry)>) -> BTreeMap<&'e str, Vec<&'e Entry>> {
    // There are many more of them than names, which are dear to compare.
    let mut all = entries.map(|(name, entry)| (xxh3_64(name.as_bytes()), name, entry)).collect::<Vec<_>>();
    all.sort_by_key(|(digest, ..)| *digest);
    let mut by_name: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for alike in all.chunk_by(|(_, one, _), (_, two, _)| one == two) {
        by_name.entry(alike[0].1).or_default().extend(alike.iter().map(|(_, _, entry)| *entry));
    }
    by_name
}

/// One operation of one client, from invocation to completion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who asked.
    pub client: ClientId,
    /// The client's own count, from 1.
    pub sequence: u64,
    /// What was asked; a plain read or write is of a key's [`place`](crate::model::place).
    pub request: Request,
    /// The database that its client had selected.
    #[serde(default, skip_serializing_if = "is_first")]
    pub database: u16,
    /// When it was asked.
    pub invoked_at: SimTime,
    /// When the outcome was known; absent while it is open, which counts as `Info`.
    pub completed_at: Option<SimTime>,
    /// How it ended; absent while it is open, which counts as `Info`.
    pub outcome: Option<Outcome>,
    /// The node that answered last, if any did.
    pub node: Option<NodeId>,
}
