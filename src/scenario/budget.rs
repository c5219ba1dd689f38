//! Walks through a whole text before it is believed: its size with all aliases written out, and its keys.
//!
//! A few lines of YAML can stand for gigabytes once aliases are followed; here the walk ends at a fixed number of
//! values and bytes, and nothing is kept. A key that stands twice is found here too, where its place is known.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The most values a scenario may have.
const MAX_VALUES: u64 = 1_000_000;
/// The most bytes its texts may have together.
const MAX_TEXT_BYTES: u64 = 16 << 20;

/// What may still come.
pub(super) struct Budget {
    values: Cell<u64>,
    text_bytes: Cell<u64>,
}

impl Budget {
    /// A budget of which nothing is spent.
    pub(super) fn new() -> Self {
        Budget { values: Cell::new(MAX_VALUES), text_bytes: Cell::new(MAX_TEXT_BYTES) }
    }

    fn spend<E: Error>(&self, text_bytes: usize) -> Result<(), E> {
        let values = self.values.get().checked_sub(1);
        let text = self.text_bytes.get().checked_sub(text_bytes as u64);
        let (Some(values), Some(text)) = (values, text) else {
            return Err(E::custom("the scenario is too large once its aliases are written out"));
        };
        self.values.set(values);
        self.text_bytes.set(text);
        Ok(())
    }
}

/// Walks through one value and all below it.
#[derive(Clone, Copy)]
pub(super) struct Walk<'b>(pub(super) &'b Budget);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Spends one value for each listed kind of scalar.
macro_rules! scalars {
    ($($method:ident: $scalar:ty),*) => {$(
        fn $method<E: Error>(self, _: $scalar) -> Result<(), E> {
            self.0.spend(0)
        }
    )*};
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain value without a tag")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.spend(0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.spend(text.len())
    }

    scalars!(visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_u128: u128, visit_i128: i128, visit_f64: f64);

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.spend(0)?;
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.spend(0)?;
        let mut seen = BTreeSet::new();
        while map.next_key_seed(Key { budget: self.0, seen: &mut seen })?.is_some() {
            map.next_value_seed(self)?;
        }
        Ok(())
    }
}

/// One key of a map, which must be a text that was not seen before.
struct Key<'b, 's> {
    budget: &'b Budget,
    seen: &'s mut BTreeSet<String>,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        self.budget.spend(key.len())?;
        match self.seen.insert(key.to_owned()) {
            true => Ok(()),
            false => Err(E::custom(format_args!("the key `{key}` stands twice"))),
        }
    }
}
