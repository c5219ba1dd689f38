//! Reads every key of one node and what it holds: page by page, each page's values in one go.
//!
//! What a node stores and what it serves are not the same: keys in slots it does not own are read with `DEBUG
//! DIGEST-VALUE`, which asks for no slot, and stand in the evidence as [`Content::Other`] of the kind `MOVED`. A node
//! that refuses its own keys (`CLUSTERDOWN`, `LOADING`) has no keys to show: nobody can know what it holds.

use std::collections::{BTreeMap, BTreeSet};

use redis::Value;

use super::super::session::{Answer, SessionError};
use super::line::Scene;
use super::survey::text_of;
use super::told;
use crate::event::{Body, Said, Topic};
use crate::id::NodeId;
use crate::invariant::evidence::{Content, Functions, NodeEvidence};
use crate::model::place;
use crate::wire::info::Info;

/// How many keys a page has, about.
const PAGE: &str = "200";

/// The keys of one node as far as they were read.
#[derive(Debug)]
pub(super) struct KeyReader {
    node: NodeId,
    /// The database that is read now.
    database: u16,
    cursor: Vec<u8>,
    open: BTreeMap<u64, Ask>,
    seen: BTreeSet<Vec<u8>>,
    found: BTreeMap<String, Content>,
    functions: Option<Functions>,
    evicted_keys: Option<u64>,
    /// Whether it says that some of its keys expire.
    has_volatile: bool,
    /// Whether keys of this database were asked when they expire.
    asked_expiries: bool,
    /// Keys that expire and their instants, in turn; absent until they are asked for.
    expiries: Option<Vec<Said>>,
    state: State,
    /// Whether anything was answered since it was last asked about.
    moved: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    Read,
    Refused,
}

#[derive(Debug)]
enum Ask {
    /// Whatever the answer is, the reading goes on.
    Prepare,
    Stats,
    Functions,
    Keyspace,
    Select,
    Expiry {
        key: Vec<u8>,
    },
    Scan,
    Get {
        key: Vec<u8>,
    },
    Type {
        key: Vec<u8>,
    },
    Digest {
        key: Vec<u8>,
        kind: String,
    },
    /// The groups of a stream, whose digest is of its entries alone.
    Groups {
        key: Vec<u8>,
        digest: String,
    },
}

impl KeyReader {
    /// Begins. Reading goes on in a cluster that is down, and at replicas: from here on nothing else is asked of it.
    pub fn begin(node: NodeId, scene: &mut Scene) -> Self {
        let mut reader = KeyReader {
            node,
            database: 0,
            cursor: b"0".to_vec(),
            open: BTreeMap::new(),
            seen: BTreeSet::new(),
            found: BTreeMap::new(),
            functions: None,
            evicted_keys: None,
            has_volatile: false,
            asked_expiries: false,
            expiries: None,
            state: State::Reading,
            moved: true,
        };
        let set = ["CONFIG", "SET", "cluster-allow-reads-when-down", "yes"];
        reader.open.insert(scene.ask(node, &set), Ask::Prepare);
        reader.open.insert(scene.ask(node, &["READONLY"]), Ask::Prepare);
        reader.open.insert(scene.ask(node, &["INFO", "stats"]), Ask::Stats);
        reader.open.insert(scene.ask(node, &["FUNCTION", "LIST", "WITHCODE"]), Ask::Functions);
        reader.open.insert(scene.ask(node, &["INFO", "keyspace"]), Ask::Keyspace);
        reader.scan(scene);
        reader
    }

    /// Whether nothing is left to read.
    pub fn is_done(&self) -> bool {
        self.state != State::Reading
    }

    /// Adds what was read of the node; its keys only if all could be.
    pub fn add_to(self, node: &mut NodeEvidence) {
        node.keys = (self.state == State::Read).then_some(self.found);
        (node.functions, node.evicted_keys) = (self.functions, self.evicted_keys);
    }

    /// Whether it waits and nothing came since this was last asked.
    pub fn is_stuck(&mut self) -> bool {
        !std::mem::take(&mut self.moved) && !self.is_done()
    }

    /// Takes an answer to one of its questions; others are passed over.
    pub fn answered(&mut self, answer: &Answer, scene: &mut Scene) {
        let Some(ask) = self.open.remove(&answer.tag) else {
            return;
        };
        self.moved = true;
        if self.is_done() {
            return;
        }
        if self.take(ask, answer, scene).is_none() {
            self.state = State::Refused;
        } else if self.open.is_empty() {
            self.turn_page(scene);
        }
    }

    /// Nothing if the node cannot be read.
    fn take(&mut self, ask: Ask, answer: &Answer, scene: &mut Scene) -> Option<()> {
        match (ask, &answer.result) {
            (Ask::Prepare, _) if answer.is_reply() => {}
            (Ask::Stats, result) if answer.is_reply() => {
                let info = text_of(result).map(|text| Info::parse(&text));
                self.evicted_keys = info.and_then(|info| info.number("evicted_keys").ok());
            }
            (Ask::Keyspace, result) if answer.is_reply() => {
                let text = text_of(result).unwrap_or_default();
                self.has_volatile = text.matches("expires=").count() > text.matches("expires=0,").count();
            }
            (Ask::Expiry { key }, result) if answer.is_reply() => self.expiry(&key, &told::said(result)),
            (Ask::Functions, result) if answer.is_reply() => self.functions = functions_of(result),
            (Ask::Select, Ok(_)) => {}
            (Ask::Scan, Ok(page)) => self.page(page, scene)?,
            (Ask::Get { key }, result) => self.value(key, result, scene)?,
            (Ask::Type { key }, result) => {
                let kind = text_of(result)?;
                // The last of its fields expired since it was found to be no text.
                if kind != ABSENT {
                    self.digest(key, kind, scene);
                }
            }
            (Ask::Digest { key, kind }, result) if answer.is_reply() && kind == STREAM => {
                let args = vec![b"XINFO".to_vec(), b"GROUPS".to_vec(), key.clone()];
                self.ask(args, Ask::Groups { key, digest: digest_of(result) }, scene);
            }
            (Ask::Groups { key, digest }, result) if answer.is_reply() => {
                let digest = [digest].into_iter().chain(groups_of(result)).collect::<Vec<_>>().join(" ");
                self.found.insert(self.place(&key), Content::Other { kind: STREAM.to_owned(), digest });
            }
            (Ask::Digest { key, kind }, result) if answer.is_reply() => {
                self.found.insert(self.place(&key), Content::Other { kind, digest: digest_of(result) });
            }
            _ => return None,
        }
        Some(())
    }

    fn page(&mut self, page: &Value, scene: &mut Scene) -> Option<()> {
        let Value::Array(parts) = page else { return None };
        let [Value::BulkString(cursor), Value::Array(keys)] = parts.as_slice() else { return None };
        self.cursor = cursor.clone();
        let keys = keys.iter().filter_map(|key| match key {
            Value::BulkString(key) => Some(key.clone()),
            _ => None,
        });
        let new = keys.filter(|key| self.seen.insert(key.clone())).collect::<Vec<_>>();
        let asks = new.iter().map(|key| vec![b"GET".to_vec(), key.clone()]).collect();
        let tags = scene.ask_all(self.node, asks);
        self.open.extend(tags.into_iter().zip(new.into_iter().map(|key| Ask::Get { key })));
        Some(())
    }

    fn value(&mut self, key: Vec<u8>, result: &Result<Value, SessionError>, scene: &mut Scene) -> Option<()> {
        match result {
            // It expired since its page was read.
            Ok(Value::Nil) => {}
            Ok(Value::BulkString(bytes)) => {
                self.found.insert(self.place(&key), Content::Text(printable(&without_cache(bytes))));
            }
            Err(SessionError::Server(error)) if error.code == "WRONGTYPE" => {
                self.ask(vec![b"TYPE".to_vec(), key.clone()], Ask::Type { key }, scene);
            }
            Err(SessionError::Server(error)) if matches!(error.code.as_str(), "MOVED" | "ASK") => {
                self.digest(key, error.code.clone(), scene);
            }
            _ => return None,
        }
        Some(())
    }

    fn digest(&mut self, key: Vec<u8>, kind: String, scene: &mut Scene) {
        let args = vec![b"DEBUG".to_vec(), b"DIGEST-VALUE".to_vec(), key.clone()];
        self.ask(args, Ask::Digest { key, kind }, scene);
    }

    /// Asks one thing more.
    fn ask(&mut self, args: Vec<Vec<u8>>, ask: Ask, scene: &mut Scene) {
        let tags = scene.ask_all(self.node, vec![args]);
        self.open.extend(tags.into_iter().zip([ask]));
    }

    fn turn_page(&mut self, scene: &mut Scene) {
        if self.cursor != b"0" {
            self.scan(scene);
        } else if self.has_volatile && !self.asked_expiries {
            self.ask_expiries(scene);
        } else if self.database + 1 < scene.members.databases() {
            self.select_next(scene);
        } else {
            let node = self.node;
            let said = self.expiries.take().map(Said::List);
            let note = |said| scene.out.note(Body::Account { node, topic: Topic::Expiries, said });
            said.into_iter().for_each(note);
            self.state = State::Read;
        }
    }

    fn select_next(&mut self, scene: &mut Scene) {
        self.database += 1;
        (self.seen, self.asked_expiries) = (BTreeSet::new(), false);
        let select = ["SELECT", &self.database.to_string()];
        self.open.insert(scene.ask(self.node, &select), Ask::Select);
        self.scan(scene);
    }

    /// Where a key stands among those of all databases.
    fn place(&self, key: &[u8]) -> String {
        place(self.database, &printable(key)).into_owned()
    }

    fn ask_expiries(&mut self, scene: &mut Scene) {
        self.asked_expiries = true;
        self.expiries.get_or_insert_default();
        let asks = self.seen.iter().map(|key| vec![b"PEXPIRETIME".to_vec(), key.clone()]).collect();
        let tags = scene.ask_all(self.node, asks);
        let keys = self.seen.iter().map(|key| Ask::Expiry { key: key.clone() });
        self.open.extend(tags.into_iter().zip(keys));
        if self.open.is_empty() {
            self.turn_page(scene);
        }
    }

    /// When a key expires. One that is gone expired since it was read, which another node may have been too late for.
    fn expiry(&mut self, key: &[u8], said: &Said) {
        /// What `PEXPIRETIME` says of a key that is not there.
        const GONE: i64 = -2;
        if said.number() == Some(GONE) {
            self.found.remove(&self.place(key));
        } else if said.number().is_some_and(|at| at >= 0) {
            let pair = [Said::Text(self.place(key)), said.clone()];
            self.expiries.iter_mut().for_each(|all| all.extend(pair.clone()));
        }
    }

    fn scan(&mut self, scene: &mut Scene) {
        let args = vec![b"SCAN".to_vec(), self.cursor.clone(), b"COUNT".to_vec(), PAGE.into()];
        self.ask(args, Ask::Scan, scene);
    }
}

/// What `TYPE` says of a key that is not there.
const ABSENT: &str = "none";
/// What `TYPE` says of a stream.
const STREAM: &str = "stream";

/// The libraries of `FUNCTION LIST WITHCODE`: name and code; nothing if the server has no functions.
fn functions_of(result: &Result<Value, SessionError>) -> Option<Functions> {
    let Ok(Value::Array(libraries)) = result else { return None };
    libraries
        .iter()
        .map(|library| Some((field(library, "library_name")?, field(library, "library_code")?)))
        .collect()
}

/// The value that follows a name in a flat list of names and values.
fn field(list: &Value, name: &str) -> Option<String> {
    let Value::Array(parts) = list else { return None };
    let text = |value: &Value| match value {
        Value::Int(number) => Some(number.to_string()),
        value => text_of(&Ok(value.clone())),
    };
    parts.chunks_exact(2).find(|pair| text(&pair[0]).as_deref() == Some(name)).and_then(|pair| text(&pair[1]))
}

/// What `XINFO GROUPS` says of each group that all copies must have alike: how far it has read, and how much of that nobody has
/// acknowledged.
fn groups_of(result: &Result<Value, SessionError>) -> Vec<String> {
    let Ok(Value::Array(groups)) = result else { return Vec::new() };
    let words = |group: &Value| {
        let word = |name| field(group, name).unwrap_or_default();
        format!("{} at {} with {} open", word("name"), word("last-delivered-id"), word("pending"))
    };
    groups.iter().map(words).collect()
}

/// The one digest of the reply, or the error that stands for it.
fn digest_of(result: &Result<Value, SessionError>) -> String {
    match result {
        Ok(Value::Array(digests)) => {
            digests.first().cloned().and_then(|d| text_of(&Ok(d))).unwrap_or_default()
        }
        Ok(_) => text_of(result).unwrap_or_default(),
        Err(error) => error.to_string(),
    }
}

/// A HyperLogLog without the count that it remembers (`hllCount`): `PFCOUNT` writes it where it is asked, at a replica too, and
/// copies that differ in nothing else hold the same.
fn without_cache(bytes: &[u8]) -> Vec<u8> {
    const COUNT: std::ops::Range<usize> = 8..16;
    let mut bytes = bytes.to_vec();
    if bytes.starts_with(b"HYLL") && bytes.len() >= COUNT.end {
        bytes[COUNT].fill(0);
    }
    bytes
}

/// The bytes as text; those that are none are escaped.
fn printable(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_cache;

    #[test]
    fn the_count_that_a_hyperloglog_remembers_is_no_difference() {
        let (one, other) =
            (b"HYLL\x01\0\0\0\x05\0\0\0\0\0\0\x80rest", b"HYLL\x01\0\0\0\x09\0\0\0\0\0\0\0rest");
        assert_eq!(without_cache(one), without_cache(other));
        assert_ne!(without_cache(b"HYLL\x01\0\0\0\x05\0\0\0\0\0\0\x80rest"), without_cache(b"rest"));
        assert_eq!(without_cache(b"any text at all"), b"any text at all");
    }
}
