//! How single values of a scenario are read where the derived way is too strict or too lax.
//!
//! Directives may be written as numbers or booleans; `validation` is a list of maps or one map. An empty section (`chaos:` and nothing below) counts as absent.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Validation;

/// A section that is there but empty counts as absent.
pub(super) fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A version or path, which must not be written as a number: 8.10 would become 8.1.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(QuotedVisitor)
}

/// A map of directives; a boolean is the server's `yes` or `no`.
pub(super) fn text_map<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, String>, D::Error> {
    let map = Option::<BTreeMap<String, Scalar>>::deserialize(d)?.unwrap_or_default();
    Ok(map.into_iter().map(|(name, value)| (name, value.into_directive())).collect())
}

/// A list of texts, which may be written as numbers or booleans.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let list = Option::<Vec<Scalar>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(list.into_iter().map(Scalar::into_argument).collect())
}

/// A command word by word; numbers and booleans are words too.
pub(super) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let words = Option::<Vec<Scalar>>::deserialize(deserializer)?;
    Ok(words.map(|words| words.into_iter().map(Scalar::into_argument).collect()))
}

/// Commands word by word.
pub(super) fn lists_of_words<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Vec<String>>>, D::Error> {
    let lists = Option::<Vec<Vec<Scalar>>>::deserialize(deserializer)?;
    let words = |list: Vec<Scalar>| list.into_iter().map(Scalar::into_argument).collect();
    Ok(lists.map(|lists| lists.into_iter().map(words).collect()))
}

/// A value that is no list and no map.
enum Scalar {
    Text(String),
    Number(String),
    Bool(bool),
}

impl Scalar {
    fn into_argument(self) -> String {
        match self {
            Scalar::Text(text) | Scalar::Number(text) => text,
            Scalar::Bool(value) => value.to_string(),
        }
    }

    fn into_directive(self) -> String {
        match self {
            Scalar::Bool(true) => "yes".to_owned(),
            Scalar::Bool(false) => "no".to_owned(),
            other => other.into_argument(),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct QuotedVisitor;

impl Visitor<'_> for QuotedVisitor {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version or a path, a version in quotes, as in \"8.1\"")
    }

    fn visit_unit<E: Error>(self) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Option<String>, E> {
        Ok(Some(value.to_owned()))
    }
}

struct ScalarVisitor;

/// Takes each listed kind of number by its text.
macro_rules! numbers {
    ($($method:ident: $number:ty),*) => {$(
        fn $method<E: Error>(self, value: $number) -> Result<Scalar, E> {
            Ok(Scalar::Number(value.to_string()))
        }
    )*};
}

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, true or false")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    numbers!(visit_u64: u64, visit_i64: i64, visit_u128: u128, visit_i128: i128, visit_f64: f64);
}

/// The keys of `validation`, in one map or spread over a list of maps.
pub(super) fn list_of_maps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Validation, D::Error> {
    deserializer.deserialize_any(MapsVisitor)
}

struct MapsVisitor;

impl<'de> Visitor<'de> for MapsVisitor {
    type Value = Validation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of one-key maps, or a map")
    }

    fn visit_unit<E: Error>(self) -> Result<Validation, E> {
        Ok(Validation::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Validation, A::Error> {
        Validation::deserialize(MapAccessDeserializer::new(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Validation, A::Error> {
        let mut whole = Validation::default();
        while let Some(more) = list.next_element()? {
            merge(&mut whole, more)?;
        }
        Ok(whole)
    }
}

/// Adds what `more` says to `whole`; a key that both have is an error.
fn merge<E: Error>(whole: &mut Validation, more: Validation) -> Result<(), E> {
    join("slot_coverage", &mut whole.slot_coverage, more.slot_coverage)?;
    join("replica_sync", &mut whole.replica_sync, more.replica_sync)?;
    join("data_consistency", &mut whole.data_consistency, more.data_consistency)?;
    join("membership", &mut whole.membership, more.membership)?;
    join("roles", &mut whole.roles, more.roles)?;
    join("persistence", &mut whole.persistence, more.persistence)?;
    join("operations", &mut whole.operations, more.operations)?;
    join("max_write_gap", &mut whole.max_write_gap, more.max_write_gap)?;
    join("min_success_rate", &mut whole.min_success_rate, more.min_success_rate)?;
    join("max_lost_writes", &mut whole.max_lost_writes, more.max_lost_writes)?;
    join("max_convergence_time", &mut whole.max_convergence_time, more.max_convergence_time)?;
    join("max_replication_lag", &mut whole.max_replication_lag, more.max_replication_lag)
}

fn join<T, E: Error>(key: &str, whole: &mut Option<T>, more: Option<T>) -> Result<(), E> {
    if whole.is_some() && more.is_some() {
        return Err(E::custom(format_args!("the key `{key}` stands twice")));
    }
    *whole = whole.take().or(more);
    Ok(())
}
