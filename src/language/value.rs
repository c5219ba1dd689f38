//! A value of a scenario before anybody knows what it should be.
//!
//! It keeps what was written, to the kind of number, so that what is read and written again is the same text.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

/// What can stand in a scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing; counts as absent.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// Keys with values, in the order in which they were written.
    Map(Vec<(String, Value)>),
}

/// A number as the reader tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number, 0 or more.
    Unsigned(u64),
    /// A negative whole number.
    Signed(i64),
    /// One with a fraction.
    Float(f64),
    /// One that is too large for anything.
    Huge(u128),
    /// One that is too small for anything.
    Tiny(i128),
}

impl Value {
    /// What stands below a key; nothing if it is absent or empty.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Value::Map(keys) = self else { return None };
        let found = keys.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value).filter(|value| **value != Value::Null)
    }

    /// The number, as one with a fraction.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Number(Number::Unsigned(n)) => Some(*n as f64),
            Value::Number(Number::Signed(n)) => Some(*n as f64),
            Value::Number(Number::Float(n)) => Some(*n),
            _ => None,
        }
    }

    /// The whole number.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Number(Number::Unsigned(n)) => Some(*n),
            _ => None,
        }
    }

    /// The text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as an argument of a command: a number or a boolean is the text of it.
    pub fn as_argument(&self) -> Option<String> {
        match self {
            Value::Text(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The value as that of a directive: a boolean is the server's `yes` or `no`.
    pub fn as_directive(&self) -> Option<String> {
        match self {
            Value::Bool(true) => Some("yes".to_owned()),
            Value::Bool(false) => Some("no".to_owned()),
            other => other.as_argument(),
        }
    }

    /// The elements, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(values) => Some(values),
            _ => None,
        }
    }

    /// What stands here, for somebody who expected something else.
    pub fn in_words(&self) -> String {
        match self {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the value `{value}`"),
            Value::Number(number) => format!("the number `{number}`"),
            Value::Text(text) => format!("the text {text:?}"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "keys".to_owned(),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Unsigned(n) => n.fmt(f),
            Number::Signed(n) => n.fmt(f),
            Number::Float(n) => n.fmt(f),
            Number::Huge(n) => n.fmt(f),
            Number::Tiny(n) => n.fmt(f),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(number) => number.serialize(serializer),
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(values) => serializer.collect_seq(values),
            Value::Map(keys) => {
                let mut map = serializer.serialize_map(Some(keys.len()))?;
                for (key, value) in keys {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Number::Unsigned(n) => serializer.serialize_u64(*n),
            Number::Signed(n) => serializer.serialize_i64(*n),
            Number::Float(n) => serializer.serialize_f64(*n),
            Number::Huge(n) => serializer.serialize_u128(*n),
            Number::Tiny(n) => serializer.serialize_i128(*n),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

/// Takes each listed kind of number.
macro_rules! numbers {
    ($($method:ident($number:ty) => $variant:ident),*) => {$(
        fn $method<E: Error>(self, value: $number) -> Result<Value, E> {
            Ok(Value::Number(Number::$variant(value)))
        }
    )*};
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain value without a tag")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    numbers!(visit_u64(u64) => Unsigned, visit_u128(u128) => Huge, visit_i128(i128) => Tiny, visit_f64(f64) => Float);

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        let number = u64::try_from(value).map_or(Number::Signed(value), Number::Unsigned);
        Ok(Value::Number(number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut keys = Vec::new();
        while let Some(entry) = map.next_entry()? {
            keys.push(entry);
        }
        Ok(Value::Map(keys))
    }
}

/// Makes a value of each listed type.
macro_rules! from {
    ($($type:ty: $value:ident => $made:expr),* $(,)?) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Value {
                $made
            }
        }
    )*};
}

from! {
    bool: value => Value::Bool(value),
    u16: value => Value::Number(Number::Unsigned(value.into())),
    u64: value => Value::Number(Number::Unsigned(value)),
    f64: value => Value::Number(Number::Float(value)),
    &str: value => Value::Text(value.to_owned()),
    String: value => Value::Text(value),
    Vec<Value>: values => Value::List(values),
    crate::time::SimDuration: value => Value::from(value.as_secs_f64()),
    crate::id::NodeId: node => Value::from(node.0),
    crate::id::ShardId: shard => Value::from(shard.0),
}
