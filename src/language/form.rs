//! What may stand below a key, and what is said of anything else.

use super::{Layout, MAX_LATENCY_MS, MAX_SECONDS, Number, Place, Problem, Value, directive};
use crate::words::nearest;

/// What may stand below a key.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Seconds, from 0.
    Seconds,
    /// Seconds, from a millisecond.
    Duration,
    /// A whole number, both ends included.
    Whole(u64, u64),
    /// `true` or `false`.
    Flag,
    /// A node's number.
    Node,
    /// A shard's number.
    Shard,
    /// One word of a list, which `Word` gives.
    Word(fn() -> Vec<&'static str>),
    /// A list of such words.
    Words(fn() -> Vec<&'static str>),
    /// A text; numbers and booleans are taken as texts.
    Text,
    /// A version, which must not be written as a number: 8.10 would become 8.1.
    Version,
    /// A list of texts, numbers and booleans, all taken as texts.
    Texts,
    /// Directives of the server with their values.
    Directives,
    /// Nodes by number.
    Nodes,
    /// Shards by number.
    Shards,
    /// One side of a partition: nodes by number, and `clients`.
    Side,
    /// Slots, from 0: a number, a range as in `100-200`, or a list of both.
    Slots,
    /// The least and the most of a latency in milliseconds.
    Latency,
    /// Keys of their own, which a reader of their own checks.
    Keys,
}

impl Form {
    /// What is wrong with a value that stands at `place`, if anything is.
    pub fn problems(self, value: &Value, place: &Place, layout: Layout) -> Vec<Problem> {
        let mut found = Vec::new();
        let at = At { place, layout };
        let result = match self {
            Form::Seconds => at.seconds(value),
            Form::Duration => at.duration(value),
            Form::Whole(least, most) => at.whole(value).and_then(|number| at.within(number, least, most)),
            Form::Flag => at.flag(value),
            Form::Node => at.whole(value).and_then(|number| at.node(number)),
            Form::Shard => at.whole(value).and_then(|number| at.shard(number)),
            Form::Word(words) => at.word(value, &words()),
            Form::Text => value.as_argument().map(drop).ok_or_else(|| at.wrong(value, "a text")),
            Form::Version => at.version(value),
            Form::Words(words) => return at.each(value, "a list", |at, value| at.word(value, &words())),
            Form::Texts => {
                let text = "a text, a number, true or false";
                let argument = |at: &At, value: &Value| {
                    value.as_argument().map(drop).ok_or_else(|| at.wrong(value, text))
                };
                return at.each(value, "a list", argument);
            }
            Form::Nodes => {
                return at.each(value, "a list of nodes by number", |at, value| {
                    at.whole(value).and_then(|number| at.node(number))
                });
            }
            Form::Shards => {
                return at.each(value, "a list of shards by number", |at, value| {
                    at.whole(value).and_then(|number| at.shard(number))
                });
            }
            Form::Side => at.side(value),
            Form::Slots => at.slots(value),
            Form::Directives => return at.directives(value),
            Form::Latency => return at.latency(value),
            Form::Keys => at.keys(value),
        };
        found.extend(result.err());
        found
    }
}

/// Where a value stands, in a cluster of a certain shape.
struct At<'p> {
    place: &'p Place,
    layout: Layout,
}

type Checked = Result<(), Problem>;

impl At<'_> {
    fn wrong(&self, value: &Value, expected: &str) -> Problem {
        self.place.problem(format!("{} cannot stand here", value.in_words()), format!("write {expected}"))
    }

    fn below(&self, place: &Place, check: impl Fn(&At) -> Checked) -> Option<Problem> {
        check(&At { place, layout: self.layout }).err()
    }

    fn each(&self, value: &Value, expected: &str, check: impl Fn(&At, &Value) -> Checked) -> Vec<Problem> {
        let Some(values) = value.as_list() else { return vec![self.wrong(value, expected)] };
        let places = values.iter().enumerate().map(|(index, value)| (self.place.index(index), value));
        places.filter_map(|(place, value)| self.below(&place, |at| check(at, value))).collect()
    }

    fn seconds(&self, value: &Value) -> Checked {
        let seconds = value.as_f64().ok_or_else(|| self.wrong(value, "a number"))?;
        match (0.0..=MAX_SECONDS).contains(&seconds) {
            true => Ok(()),
            false => Err(self.place.problem(
                format!("{seconds} is no length of time"),
                format!("write seconds from 0 to {MAX_SECONDS}"),
            )),
        }
    }

    fn duration(&self, value: &Value) -> Checked {
        let seconds = value.as_f64().ok_or_else(|| self.wrong(value, "a number"))?;
        match (0.001..=MAX_SECONDS).contains(&seconds) {
            true => Ok(()),
            false => Err(self.place.problem(
                format!("{seconds} cannot be a duration"),
                format!("write seconds from 0.001 to {MAX_SECONDS}"),
            )),
        }
    }

    fn whole(&self, value: &Value) -> Result<u64, Problem> {
        let advice = match value {
            Value::Number(Number::Huge(_) | Number::Tiny(_)) => {
                format!("a whole number, 0 or more, at most {}", u64::MAX)
            }
            _ => "a whole number, 0 or more".to_owned(),
        };
        value.as_u64().ok_or_else(|| self.wrong(value, &advice))
    }

    fn within(&self, number: u64, least: u64, most: u64) -> Checked {
        match (least..=most).contains(&number) {
            true => Ok(()),
            false => Err(self.place.problem(
                format!("{number} is out of range"),
                format!("write a whole number from {least} to {most}"),
            )),
        }
    }

    fn node(&self, number: u64) -> Checked {
        let last = self.layout.host_count();
        match (1..=u64::from(last)).contains(&number) {
            true => Ok(()),
            false => Err(self
                .place
                .problem(format!("there is no node {number}"), format!("the nodes are 1 to {last}"))),
        }
    }

    fn shard(&self, number: u64) -> Checked {
        let last = self.layout.shards + self.layout.spares;
        match (1..=u64::from(last)).contains(&number) {
            true => Ok(()),
            false => Err(self
                .place
                .problem(format!("there is no shard {number}"), format!("the shards are 1 to {last}"))),
        }
    }

    fn flag(&self, value: &Value) -> Checked {
        match value {
            Value::Bool(_) => Ok(()),
            other => Err(self.wrong(other, "true or false")),
        }
    }

    fn word(&self, value: &Value, words: &[&str]) -> Checked {
        let text =
            value.as_text().ok_or_else(|| self.wrong(value, &format!("one of: {}", words.join(", "))))?;
        match words.contains(&text) {
            true => Ok(()),
            false => Err(unknown(self.place, &format!("the value `{text}`"), text, words)),
        }
    }

    fn version(&self, value: &Value) -> Checked {
        let advice = "a version in quotes, as in \"8.1\"";
        value.as_text().map(drop).ok_or_else(|| self.wrong(value, advice))
    }

    fn side(&self, value: &Value) -> Checked {
        let is_member = |value: &Value| value.as_u64().is_some() || value.as_text() == Some("clients");
        match value.as_list() {
            Some(members) if members.iter().all(is_member) => Ok(()),
            _ => Err(self.place.problem(
                "a side of a partition lists nodes by number, or `clients`",
                "for example `a: [1, 2]` and `b: [clients]`",
            )),
        }
    }

    fn slots(&self, value: &Value) -> Checked {
        match super::value_slots(value) {
            Some(_) => Ok(()),
            None => Err(self.place.problem(
                format!("{} names no slots", value.in_words()),
                "write a slot from 0 to 16383, a range as in `100-200`, or a list of both",
            )),
        }
    }

    fn keys(&self, value: &Value) -> Checked {
        match value {
            Value::Map(_) => Ok(()),
            other => Err(self.wrong(other, "keys with values")),
        }
    }

    fn directives(&self, value: &Value) -> Vec<Problem> {
        let Value::Map(pairs) = value else { return vec![self.wrong(value, "keys with values")] };
        pairs.iter().filter_map(|(name, value)| self.directive(name, value)).collect()
    }

    fn directive(&self, name: &str, value: &Value) -> Option<Problem> {
        let place = self.place.key(name);
        match value.as_directive() {
            Some(text) => directive::problem(&place, name, &text),
            None => self.below(&place, |at| Err(at.wrong(value, "a text, a number, true or false"))),
        }
    }

    fn latency(&self, value: &Value) -> Vec<Problem> {
        let Value::Map(keys) = value else { return vec![self.wrong(value, "the keys `min` and `max`")] };
        let known = ["min", "max"];
        let strays = keys.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        let mut found: Vec<Problem> = strays
            .map(|(name, _)| unknown(&self.place.name(name), &format!("the key `{name}`"), name, &known))
            .collect();
        for name in known {
            match value.get(name) {
                None => found.push(
                    self.place.problem(format!("the key `{name}` is missing"), format!("add `{name}:`")),
                ),
                Some(value) => found.extend(self.below(&self.place.key(name), |at| at.latency_ms(value))),
            }
        }
        found.extend(self.in_order(value));
        found
    }

    fn latency_ms(&self, value: &Value) -> Checked {
        let ms = value.as_f64().ok_or_else(|| self.wrong(value, "a number"))?;
        match (0.0..=MAX_LATENCY_MS).contains(&ms) {
            true => Ok(()),
            false => {
                let advice = format!("write milliseconds from 0 to {MAX_LATENCY_MS}");
                Err(self.place.problem(format!("{ms} is no latency"), advice))
            }
        }
    }

    fn in_order(&self, value: &Value) -> Option<Problem> {
        let number = |key: &str| value.get(key)?.as_f64();
        let (min, max) = (number("min")?, number("max")?);
        (min > max).then(|| {
            self.place.problem(format!("`min` is {min} and `max` is {max}"), "the least comes first")
        })
    }
}

/// That a word is none of those that can stand here, with the nearest of them.
pub(super) fn unknown(place: &Place, what: &str, found: &str, allowed: &[&str]) -> Problem {
    let list = format!("here can stand: {}", allowed.join(", "));
    let advice = match nearest(found, allowed) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    };
    place.problem(format!("{what} is not known here"), advice)
}
