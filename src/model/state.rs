//! What a cell holds: keys with their values and when they expire.
//!
//! A deadline is known as well as the moment at which it was set: first and last instant. Between the two nobody can say
//! whether the key is still there, and both are followed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use super::{Clock, Stop, StreamValue};
use crate::history::Reply;

/// How far a server's own clock may be from the instant of its turn, in milliseconds: a command takes the time that was read
/// when its event loop woke up, and work of the loop costs time.
const CLOCK_SLACK_MS: i64 = 20;

/// What one cell holds, and who waits for it to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    items: BTreeMap<String, Item>,
    /// Who waits to pop from a list, longest first.
    waiting: VecDeque<Waiting>,
    /// What those were given who do not know yet.
    served: BTreeMap<u64, Reply>,
    /// What connections watch.
    watches: BTreeMap<u64, Watch>,
}

/// A client that waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    who: u64,
    key: String,
    back: bool,
}

/// What a connection watches.
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

/// States of a cell that may be the one.
pub type Cells = BTreeSet<State>;

/// A key's value, and when it expires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The value.
    pub value: Value,
    /// When it expires, if it does.
    pub until: Option<Deadline>,
}

/// When a key expires, in milliseconds of the Unix epoch: at the earliest and at the latest.
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
    Hash(BTreeMap<String, String>),
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
            match self.items.get(key).map(|item| &item.value) {
                None => Ok(None),
                Some(Value::$variant(value)) => Ok(Some(value)),
                Some(_) => Err(Stop::Error("WRONGTYPE")),
            }
        }

        /// Changes the collection of this type at a key, which begins empty and is gone once it is empty again.
        pub fn $change<T>(&mut self, key: &str, change: impl FnOnce(&mut $type) -> T) -> Result<T, Stop> {
            self.$look(key)?;
            let Some(item) = self.items.get_mut(key) else {
                let mut value = <$type>::default();
                let done = change(&mut value);
                let item = Item { value: Value::$variant(value), until: None };
                if !item.value.is_empty() {
                    self.items.insert(key.to_owned(), item);
                }
                return Ok(done);
            };
            let Value::$variant(value) = &mut item.value else {
                return Err(Stop::Error("WRONGTYPE"));
            };
            let done = change(value);
            if item.value.is_empty() {
                self.items.remove(key);
            }
            Ok(done)
        }
    };
}

impl State {
    collection!(list, change_list, List, VecDeque<String>);
    collection!(set, change_set, Set, BTreeSet<String>);
    collection!(hash, change_hash, Hash, BTreeMap<String, String>);
    collection!(stream, change_stream, Stream, StreamValue);
    collection!(estimate, change_estimate, Estimate, BTreeSet<String>);
    collection!(sorted, change_sorted, Sorted, BTreeMap<String, i64>);

    /// The string at a key; nothing if there is no key.
    pub fn text(&self, key: &str) -> Result<Option<&[u8]>, Stop> {
        match self.items.get(key).map(|item| &item.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(Stop::Error("WRONGTYPE")),
        }
    }

    /// Changes the string at a key and leaves its deadline.
    pub fn write_text(&mut self, key: &str, text: Vec<u8>) {
        let until = self.items.get(key).and_then(|item| item.until);
        self.items.insert(key.to_owned(), Item { value: Value::Text(text), until });
    }

    /// What is at a key.
    pub fn get(&self, key: &str) -> Option<&Item> {
        self.items.get(key)
    }

    /// What is at a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Item> {
        self.items.get_mut(key)
    }

    /// Puts something at a key.
    pub fn put(&mut self, key: &str, item: Item) {
        self.items.insert(key.to_owned(), item);
    }

    /// Takes a key out.
    pub fn take(&mut self, key: &str) -> Option<Item> {
        self.items.remove(key)
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// All keys with what is there.
    pub fn items(&self) -> impl Iterator<Item = (&String, &Item)> {
        self.items.iter()
    }

    /// What the cell may hold at an instant, by what has expired until then: one state, or several if the instant is near
    /// a deadline.
    pub fn at(mut self, now: Clock) -> Vec<State> {
        let due = |item: &Item| item.until.filter(|until| until.from <= now.1 + CLOCK_SLACK_MS);
        let (mut gone, mut open) = (Vec::new(), Vec::new());
        for (key, item) in &self.items {
            if let Some(until) = due(item) {
                let list = if until.to < now.0 - CLOCK_SLACK_MS { &mut gone } else { &mut open };
                list.push(key.clone());
            }
        }
        for key in gone {
            self.items.remove(&key);
            self.touch(&key, Broken::Maybe);
        }
        let mut states = vec![self];
        for key in open {
            let without = states.iter().cloned().map(|mut state| {
                state.items.remove(&key);
                state.touch(&key, Broken::Maybe);
                state
            });
            states.extend(without.collect::<Vec<_>>());
        }
        states
    }
}

/// Who waits for a cell to change.
impl State {
    /// The cell on another node: whoever waits or watches does so where it was.
    pub fn elsewhere(&self) -> State {
        State { items: self.items.clone(), ..State::default() }
    }

    /// A client begins to wait, behind all others.
    pub fn wait(&mut self, who: u64, key: &str, back: bool) {
        self.waiting.push_back(Waiting { who, key: key.to_owned(), back });
    }

    /// A client is given something.
    pub fn serve(&mut self, who: u64, reply: Reply) {
        self.served.insert(who, reply);
    }

    /// Gives what lists hold to those who wait for it, whoever waits longest first.
    pub fn serve_waiting(&mut self) {
        while let Some(place) = self.waiting.iter().position(|one| matches!(self.list(&one.key), Ok(Some(_))))
        {
            let Some(Waiting { who, key, back }) = self.waiting.remove(place) else { return };
            let take = |list: &mut VecDeque<String>| if back { list.pop_back() } else { list.pop_front() };
            if let Ok(Some(element)) = self.change_list(&key, take) {
                self.touch(&key, Broken::Yes);
                let pair = [&key, &element].map(|text| Reply::text(text.as_bytes()));
                self.serve(who, Reply::List(pair.to_vec()));
            }
        }
    }

    /// A client waits no more; what it was given, if it was.
    pub fn stop_waiting(&mut self, who: u64) -> Option<Reply> {
        self.waiting.retain(|one| one.who != who);
        self.served.remove(&who)
    }

    /// A connection watches keys too.
    pub fn watch(&mut self, conn: u64, keys: impl Iterator<Item = String>) {
        self.watches.entry(conn).or_default().keys.extend(keys);
    }

    /// A connection watches nothing any more; whether what it watched changed.
    pub fn unwatch(&mut self, conn: u64) -> Broken {
        self.watches.remove(&conn).unwrap_or_default().broken
    }

    /// Whether anybody watches.
    pub fn is_watched(&self) -> bool {
        !self.watches.is_empty()
    }

    /// A command was executed that names these words; `before` is what there was. A write that changed nothing to be seen may
    /// have changed its key all the same.
    pub fn changed_from(&mut self, before: &State, words: &[String], writes: bool) {
        let keys =
            self.watches.values().flat_map(|watch| watch.keys.iter().cloned()).collect::<BTreeSet<_>>();
        for key in keys {
            if self.items.get(&key) != before.items.get(&key) {
                self.touch(&key, Broken::Yes);
            } else if writes && words.contains(&key) {
                self.touch(&key, Broken::Maybe);
            }
        }
    }

    fn touch(&mut self, key: &str, broken: Broken) {
        let watches = self.watches.values_mut().filter(|watch| watch.keys.contains(key));
        watches.for_each(|watch| watch.broken = watch.broken.max(broken));
    }

    /// Whether a value that was read in the end is what a key holds; bytes that are no text are told escaped.
    pub fn holds(&self, key: &str, text: &str) -> bool {
        match self.items.get(key).map(|item| &item.value) {
            Some(Value::Text(value)) => match str::from_utf8(value) {
                Ok(value) => value == text,
                Err(_) => value.escape_ascii().to_string() == text,
            },
            Some(Value::Estimate(_)) => true,
            _ => false,
        }
    }
}

impl Deadline {
    /// So many milliseconds after an instant that is known as well as a clock is.
    pub fn after(now: Clock, ms: i64) -> Deadline {
        Deadline {
            from: now.0.saturating_add(ms).saturating_sub(CLOCK_SLACK_MS),
            to: now.1.saturating_add(ms).saturating_add(CLOCK_SLACK_MS),
        }
    }

    /// This very instant.
    pub fn exactly(ms: i64) -> Deadline {
        Deadline { from: ms, to: ms }
    }

    /// How many milliseconds are left, at the least and at the most.
    pub fn left(self, now: Clock) -> (i64, i64) {
        let left = |deadline: i64, now: i64| deadline.saturating_sub(now).max(0);
        (left(self.from, now.1 + CLOCK_SLACK_MS), left(self.to, now.0 - CLOCK_SLACK_MS))
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
            Value::Hash(hash) => format!("{hash:?}"),
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
