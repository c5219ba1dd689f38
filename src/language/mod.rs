//! How the entries of a scenario's lists are written: keys, what may stand below each, and what is said of a wrong one.
//!
//! Every kind of fault and operation declares its keys in a table ([`Key`]); from it values are checked, entries are read,
//! the nearest key is named, and the reference of the language is made. Nothing here knows a single kind.

pub mod directive;
mod entry;
mod form;
mod key;
mod layout;
mod place;
mod reader;
mod reference;
mod slots;
pub mod target;
mod value;
mod word;

pub use entry::Entry;
pub use form::Form;
pub use key::Key;
pub use layout::{Layout, Renumber};
pub use place::{Place, Problem, Step};
pub use reader::{Reader, kind_of};
pub use reference::{About, sections, table};
pub use slots::slots_value;
pub use value::{Number, Value};
pub use word::{Word, names};

use slots::value_slots;

use crate::time::SimDuration;

/// The longest time a scenario may name, in seconds: a day.
pub const MAX_SECONDS: f64 = 86_400.0;
/// The largest latency a scenario may name, in milliseconds.
pub const MAX_LATENCY_MS: f64 = 60_000.0;

/// Milliseconds as written, to the nanosecond.
pub fn millis(ms: f64) -> SimDuration {
    SimDuration::from_ns((ms * 1e6).round() as u64)
}

/// A duration in milliseconds, as it is written.
pub fn in_millis(duration: SimDuration) -> f64 {
    duration.as_ns() as f64 / 1e6
}

#[cfg(test)]
mod tests;
