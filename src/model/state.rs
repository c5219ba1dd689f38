//! What a cell holds: keys with their values and when they expire.
//!
//! A deadline is known as well as the moment at which it was set: first and last instant. Between the two nobody can say
//! whether the key is still there, and both are followed (`state/expire.rs`).

mod cells;
mod expire;
mod items;
mod waiting;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

pub use self::cells::Cells;
use self::items::Items;
use super::database::{database_at, key_at, place};
use super::{Stop, StreamValue};
use crate::history::Reply;

/// What one cell holds, and who waits for it to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// By place: keys of all databases.
    items: Items,
    /// The database that whatever comes next is about.
    selected: u16,
    /// Who waits to pop from a list, longest first.
    waiting: VecDeque<Waiting>,
    /// What those were given who do not know yet.
    served: BTreeMap<u64, Reply>,
    /// What connections watch.
    watches: BTreeMap<u64, Watch>,
    /// Connections of a user who may only read.
    restricted: BTreeSet<u64>,
}

/// A client that waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    who: u64,
    /// The database that it has selected.
    database: u16,
    key: String,
    back: bool,
    /// Where what is popped goes, and to which end, if not to the client alone.
    to: Option<(String, bool)>,
}

/// What a connection watches, by place.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Watch {
    keys: BTreeSet<String>,
    broken: Broken,
}

/// Whether what is watched changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// It did not.
    #[default]
    No,
    /// It may have: nothing is to be seen of it.
    Maybe,
    /// It did.
    Yes,
}

/// A key's value, and when it expires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The value.
    pub value: Value,
    /// When it expires, if it does.
    pub until: Option<Deadline>,
}

/// What a field of a hash holds, and when it expires.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    /// What it holds.
    pub text: String,
    /// When it expires, if it does.
    pub until: Option<Deadline>,
}

/// When a key or a field expires, in milliseconds of the Unix epoch: at the earliest and at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// At the earliest.
    pub from: i64,
    /// At the latest.
    pub to: i64,
}

/// A value of one of the server's types.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A string.
    Text(Vec<u8>),
    /// A list.
    List(VecDeque<String>),
    /// A set.
    Set(BTreeSet<String>),
    /// A hash: fields and what they hold.
    Hash(BTreeMap<String, Field>),
    /// A sorted set: members and their scores. Only whole scores are followed.
    Sorted(BTreeMap<String, i64>),
    /// A stream.
    Stream(StreamValue),
    /// A HyperLogLog: what was added to it.
    Estimate(BTreeSet<String>),
}

impl Value {
    /// What `TYPE` says.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "string",
            Value::List(_) => "list",
            Value::Set(_) => "set",
            Value::Hash(_) => "hash",
            Value::Sorted(_) => "zset",
            Value::Stream(_) => "stream",
            Value::Estimate(_) => "string",
        }
    }

    /// Whether nothing is in it, so that the server has no such key.
    fn is_empty(&self) -> bool {
        match self {
            Value::Text(_) | Value::Stream(_) | Value::Estimate(_) => false,
            Value::List(list) => list.is_empty(),
            Value::Set(set) => set.is_empty(),
            Value::Hash(hash) => hash.is_empty(),
            Value::Sorted(sorted) => sorted.is_empty(),
        }
    }
}

/// Makes the two ways to a collection: to look at it, and to change it.
macro_rules! collection {
    ($look:ident, $change:ident, $variant:ident, $type:ty) => {
        /// The collection of this type at a key; nothing if there is no key.
        pub fn $look(&self, key: &str) -> Result<Option<&$type>, Stop> {
            match self.get(key).map(|item| &item.value) {
                None => Ok(None),
                Some(Value::$variant(value)) => Ok(Some(value)),
                Some(_) => Err(Stop::Error("WRONGTYPE")),
            }
        }

        /// Changes the collection of this type at a key, which begins empty and is gone once it is empty again.
        pub fn $change<T>(&mut self, key: &str, change: impl FnOnce(&mut $type) -> T) -> Result<T, Stop> {
            self.$look(key)?;
            let place = place(self.selected, key);
            let Some(item) = self.items.get_mut(&place) else {
                let mut value = <$type>::default();
                let done = change(&mut value);
                let item = Item { value: Value::$variant(value), until: None };
                if !item.value.is_empty() {
                    self.items.insert(&place, item);
                }
                return Ok(done);
            };
            let Value::$variant(value) = &mut item.value else {
                return Err(Stop::Error("WRONGTYPE"));
            };
            let done = change(value);
            if item.value.is_empty() {
                self.items.remove(&place);
            }
            Ok(done)
        }
    };
}

impl State {
    collection!(list, change_list, List, VecDeque<String>);
    collection!(set, change_set, Set, BTreeSet<String>);
    collection!(hash, change_hash, Hash, BTreeMap<String, Field>);
    collection!(stream, change_stream, Stream, StreamValue);
    collection!(estimate, change_estimate, Estimate, BTreeSet<String>);
    collection!(sorted, change_sorted, Sorted, BTreeMap<String, i64>);

    /// The string at a key; nothing if there is no key.
    pub fn text(&self, key: &str) -> Result<Option<&[u8]>, Stop> {
        match self.get(key).map(|item| &item.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(Stop::Error("WRONGTYPE")),
        }
    }

    /// Changes the string at a key and leaves its deadline.
    pub fn write_text(&mut self, key: &str, text: Vec<u8>) {
        let until = self.get(key).and_then(|item| item.until);
        self.put(key, Item { value: Value::Text(text), until });
    }

    /// What is at a key.
    pub fn get(&self, key: &str) -> Option<&Item> {
        self.items.get(&self.place(key))
    }

    /// What is at a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Item> {
        let place = place(self.selected, key);
        self.items.get_mut(&place)
    }

    /// Puts something at a key.
    pub fn put(&mut self, key: &str, item: Item) {
        let place = place(self.selected, key);
        self.items.insert(&place, item);
    }

    /// Takes a key out.
    pub fn take(&mut self, key: &str) -> Option<Item> {
        let place = place(self.selected, key);
        self.items.remove(&place)
    }

    /// The places of all keys of all databases with what is there.
    pub fn items(&self) -> impl Iterator<Item = (&String, &Item)> {
        self.items.iter()
    }

    /// The keys of the database that is selected.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let own = self.items.iter().filter(|(place, _)| database_at(place) == self.selected);
        own.map(|(place, _)| key_at(place))
    }

    /// Whatever comes next is about this database; which one it was before.
    pub fn select(&mut self, database: u16) -> u16 {
        std::mem::replace(&mut self.selected, database)
    }

    /// The database that whatever comes next is about.
    pub fn selected(&self) -> u16 {
        self.selected
    }

    /// The same, for whoever has selected a database.
    pub fn selecting(mut self, database: u16) -> State {
        self.selected = database;
        self
    }

    fn place<'k>(&self, key: &'k str) -> Cow<'k, str> {
        place(self.selected, key)
    }
}

impl State {
    /// Whether a value that was read in the end is what a key holds; bytes that are no text are told escaped.
    pub fn holds(&self, key: &str, text: &str) -> bool {
        match self.get(key).map(|item| &item.value) {
            Some(Value::Text(value)) => match str::from_utf8(value) {
                Ok(value) => value == text,
                Err(_) => value.escape_ascii().to_string() == text,
            },
            Some(Value::Estimate(_)) => true,
            _ => false,
        }
    }
}

/// How many characters of a value are told.
const TOLD_CHARACTERS: usize = 120;

impl fmt::Display for State {
    /// Its keys with their values, long ones cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.items.is_empty() {
            return f.write_str("nothing");
        }
        let items = self.items.iter().map(|(key, item)| format!("{key} = {item}")).collect::<Vec<_>>();
        f.write_str(&items.join(", "))
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.value {
            Value::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
            Value::List(list) => format!("{list:?}"),
            Value::Set(set) => format!("{set:?}"),
            Value::Hash(hash) => format!(
                "{:?}",
                hash.iter().map(|(field, held)| (field, held.text.as_str())).collect::<BTreeMap<_, _>>()
            ),
            Value::Sorted(sorted) => format!("{sorted:?}"),
            Value::Stream(stream) => format!("{stream:?}"),
            Value::Estimate(set) => format!("an estimate of {set:?}"),
        };
        match text.char_indices().nth(TOLD_CHARACTERS) {
            Some((end, _)) => write!(f, "{}…", &text[..end])?,
            None => f.write_str(&text)?,
        }
        self.until.iter().try_for_each(|until| write!(f, " until {} to {} ms", until.from, until.to))
    }
}
