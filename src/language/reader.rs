//! Reads one entry of a known type: its keys are checked by their table, and what was left to chance is drawn.
//!
//! A value that is wrong is a problem once and absent from then on, so that a kind reads on and everything that is wrong
//! is told at once. Everything that is drawn depends on the seed, the entry and the purpose alone.

use std::ops::RangeInclusive;

use super::form::unknown;
use super::{Key, Layout, Place, Problem, Value, Word, millis, value_slots};
use crate::id::{NodeId, ShardId};
use crate::rng::Stream;
use crate::time::SimDuration;

/// An entry that is being read.
#[derive(Debug)]
pub struct Reader<'e> {
    /// Where the entry stands.
    pub place: Place,
    /// The cluster it is meant for.
    pub layout: Layout,
    value: &'e Value,
    keys: Vec<Key>,
    seed: u64,
    /// What streams of it are named by: `fault 3`.
    owner: String,
    problems: Vec<Problem>,
}

/// The type of an entry of a list whose entries are called `what` and whose types are `kinds`.
pub fn kind_of<'k>(value: &Value, place: &Place, what: &str, kinds: &[&'k str]) -> Result<&'k str, Problem> {
    let Value::Map(_) = value else {
        let message = format!("{} cannot stand here", value.in_words());
        return Err(place.problem(message, format!("write the keys of {what}")));
    };
    let missing = || place.problem("the key `type` is missing", "add `type:`");
    let kind = value.get("type").ok_or_else(missing)?;
    let name = kind.as_text().unwrap_or_default();
    let place = place.key("type");
    if kind.as_text().is_none() {
        let message = format!("{} cannot stand here", kind.in_words());
        return Err(place.problem(message, format!("write one of: {}", kinds.join(", "))));
    }
    let known = kinds.iter().find(|known| **known == name);
    known.copied().ok_or_else(|| unknown(&place, &format!("the value `{name}`"), name, kinds))
}

impl<'e> Reader<'e> {
    /// A reader of an entry whose kind has these keys; `elsewhere` are the keys of other kinds.
    pub fn new(
        kind: &str,
        entry: (&'e Value, Place),
        keys: Vec<Key>,
        elsewhere: &[&str],
        layout: Layout,
    ) -> Self {
        let (value, place) = entry;
        let mut reader =
            Reader { place, layout, value, keys, seed: 0, owner: String::new(), problems: Vec::new() };
        reader.check(kind, elsewhere);
        reader
    }

    /// The same reader, drawing from the streams of `owner` under a seed.
    pub fn drawing(self, seed: u64, owner: String) -> Self {
        Reader { seed, owner, ..self }
    }

    /// What is wrong with the entry, once it was read.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Says what is wrong with the entry as a whole.
    pub fn wrong(&mut self, message: impl Into<String>, advice: impl Into<String>) {
        self.problems.push(self.place.problem(message, advice));
    }

    /// Says what is wrong with what stands below a key.
    pub fn wrong_at(&mut self, key: &str, message: impl Into<String>, advice: impl Into<String>) {
        self.problems.push(self.place.key(key).problem(message, advice));
    }

    /// Says what is wrong with an element of the list below a key.
    pub fn wrong_in(
        &mut self,
        key: &str,
        index: usize,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.problems.push(self.place.key(key).index(index).problem(message, advice));
    }

    /// Whether anything stands below a key.
    pub fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some()
    }

    /// Seconds that stand below a key.
    pub fn seconds(&self, key: &str) -> Option<SimDuration> {
        self.sound(key)?.as_f64().map(SimDuration::from_secs_f64)
    }

    /// A whole number.
    pub fn whole(&self, key: &str) -> Option<u64> {
        self.sound(key)?.as_u64()
    }

    /// A whole number that its form keeps small.
    pub fn small(&self, key: &str) -> Option<u16> {
        u16::try_from(self.whole(key)?).ok()
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.sound(key)? {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A node of the cluster.
    pub fn node(&self, key: &str) -> Option<NodeId> {
        self.small(key).map(NodeId)
    }

    /// A shard of the cluster.
    pub fn shard(&self, key: &str) -> Option<ShardId> {
        self.small(key).map(ShardId)
    }

    /// The value that a word stands for.
    pub fn word<T: Word>(&self, key: &str) -> Option<T> {
        T::of(self.sound(key)?.as_text()?)
    }

    /// The values that a list of words stands for.
    pub fn words<T: Word>(&self, key: &str) -> Option<Vec<T>> {
        let words = self.sound(key)?.as_list()?.iter().filter_map(Value::as_text);
        Some(words.filter_map(T::of).collect())
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<String> {
        self.sound(key)?.as_argument()
    }

    /// A list of texts.
    pub fn texts(&self, key: &str) -> Option<Vec<String>> {
        Some(self.sound(key)?.as_list()?.iter().filter_map(Value::as_argument).collect())
    }

    /// A list of nodes.
    pub fn nodes(&self, key: &str) -> Option<Vec<NodeId>> {
        let numbers = self.sound(key)?.as_list()?.iter().filter_map(Value::as_u64);
        Some(numbers.filter_map(|number| u16::try_from(number).ok()).map(NodeId).collect())
    }

    /// A list of shards.
    pub fn shards(&self, key: &str) -> Option<Vec<ShardId>> {
        let numbers = self.sound(key)?.as_list()?.iter().filter_map(Value::as_u64);
        Some(numbers.filter_map(|number| u16::try_from(number).ok()).map(ShardId).collect())
    }

    /// Directives with their values.
    pub fn directives(&self, key: &str) -> Option<Vec<(String, String)>> {
        let Value::Map(pairs) = self.sound(key)? else { return None };
        Some(pairs.iter().filter_map(|(name, value)| Some((name.clone(), value.as_directive()?))).collect())
    }

    /// Ranges of slots, first and last of each.
    pub fn slots(&self, key: &str) -> Option<Vec<(u16, u16)>> {
        value_slots(self.sound(key)?)
    }

    /// The least and the most of a latency.
    pub fn latency(&self, key: &str) -> Option<(SimDuration, SimDuration)> {
        let latency = self.sound(key)?;
        let part = |part: &str| latency.get(part)?.as_f64().map(millis);
        Some((part("min")?, part("max")?))
    }

    /// A reader of the keys below a key, if any stand there; what is wrong with them is its own to tell.
    pub fn below(&self, key: &str, kind: &str, keys: Vec<Key>) -> Option<Reader<'e>> {
        let value = self.raw(key)?;
        Some(Reader::new(kind, (value, self.place.key(key)), keys, &[], self.layout))
    }

    /// Takes over what another reader found wrong.
    pub fn adopt(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
    }

    /// Whether a key stands there, with a value or without one.
    pub fn stands(&self, key: &str) -> bool {
        matches!(self.value, Value::Map(keys) if keys.iter().any(|(name, _)| name == key))
    }

    /// The value below a key, whatever it is.
    pub fn raw(&self, key: &str) -> Option<&'e Value> {
        self.sound(key)
    }

    /// The stream of what is drawn for the entry for one purpose.
    pub fn stream(&self, purpose: &str) -> Stream {
        Stream::new(self.seed, "plan", &format!("{} {purpose}", self.owner))
    }

    /// A drawn number of whole milliseconds.
    pub fn drawn_ms(&self, purpose: &str, range: RangeInclusive<u64>) -> SimDuration {
        SimDuration::from_ms(self.stream(purpose).range(range))
    }

    /// What stands below a key, unless something is wrong with it.
    fn sound(&self, key: &str) -> Option<&'e Value> {
        let value = self.value.get(key)?;
        let form = self.keys.iter().find(|known| known.name == key)?.form;
        form.problems(value, &self.place, self.layout).is_empty().then_some(value)
    }

    fn check(&mut self, kind: &str, elsewhere: &[&str]) {
        let Value::Map(written) = self.value else { return };
        let names: Vec<&str> = std::iter::once("type").chain(self.keys.iter().map(|key| key.name)).collect();
        for (name, value) in written.iter().filter(|(name, _)| name != "type") {
            let place = self.place.key(name);
            match self.keys.iter().find(|key| key.name == name) {
                Some(_) if *value == Value::Null => {}
                Some(key) => self.problems.extend(key.form.problems(value, &place, self.layout)),
                None if elsewhere.contains(&name.as_str()) => {
                    let message = format!("`{name}` does not belong to a {kind}");
                    let advice = format!("its keys are: {}", names.join(", "));
                    self.problems.push(place.problem(message, advice));
                }
                None => {
                    let what = format!("the key `{name}`");
                    self.problems.push(unknown(&self.place.name(name), &what, name, &names));
                }
            }
        }
    }
}
