//! Finds the line and column of a path by reading the text once more and failing there on purpose.
//!
//! The YAML reader tells positions only with its errors, and tells them exactly; so a value that turned out wrong
//! after it was read is looked up by an error raised at it. A path that ends early gives the map or list it left.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::language::Step;

/// Follows a path and fails at its end.
#[derive(Clone, Copy)]
pub(super) struct Probe<'p>(pub(super) &'p [Step]);

impl<'de> DeserializeSeed<'de> for Probe<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Probe<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the end of the path")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if let [Step::Index(index), rest @ ..] = self.0 {
            for _ in 0..*index {
                list.next_element::<IgnoredAny>()?;
            }
            list.next_element_seed(Probe(rest))?;
        }
        Err(A::Error::custom("here"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if let [Step::Name(wanted)] = self.0 {
            while map.next_key_seed(Until(wanted))?.is_some() {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if let [Step::Key(wanted), rest @ ..] = self.0 {
            while let Some(key) = map.next_key::<String>()? {
                match key == *wanted {
                    true => map.next_value_seed(Probe(rest))?,
                    false => drop(map.next_value::<IgnoredAny>()?),
                }
            }
        }
        Err(A::Error::custom("here"))
    }
}

/// A key, at which it fails if it is the wanted one.
struct Until<'w>(&'w str);

impl<'de> DeserializeSeed<'de> for Until<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Until<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        if key == self.0 { Err(E::custom("here")) } else { Ok(()) }
    }
}
