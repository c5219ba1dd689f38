//! An entry of a scenario's list that is being written: its type, then its keys in the order in which they are given.

use super::Value;

/// The keys of an entry so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry(Vec<(String, Value)>);

impl Entry {
    /// An entry of a type of which nothing else is said.
    pub fn of(kind: &str) -> Entry {
        Entry::default().with("type", kind)
    }

    /// The entry with one key more.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Entry {
        self.0.push((key.to_owned(), value.into()));
        self
    }

    /// The entry with one key more, if there is a value for it.
    pub fn maybe(self, key: &str, value: Option<impl Into<Value>>) -> Entry {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The entry with the keys of another one after its own.
    pub fn and(mut self, more: Entry) -> Entry {
        self.0.extend(more.0);
        self
    }

    /// What stands below a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The entry as it stands in a list.
    pub fn written(self) -> Value {
        Value::Map(self.0)
    }
}
