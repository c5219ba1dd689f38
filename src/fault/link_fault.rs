//! What faults of links have in common, so that each of their rooms says only what it does to traffic.

use serde::{Deserialize, Serialize};

use super::between::Between;
use super::{Aim, Effect, FaultKind, Swarm, Target, Trouble, duration};
use crate::language::{Entry, Key, Reader};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A fault that does one thing to traffic between two groups of hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFault<T> {
    /// Whose traffic.
    #[serde(flatten)]
    pub between: Between,
    /// What becomes of it.
    #[serde(flatten)]
    pub what: T,
    /// For how long; 0 where it is done at once.
    pub duration_ns: SimDuration,
}

/// What becomes of traffic, as a room of its own.
pub trait LinkKind: Sized {
    /// See [`FaultKind`].
    const NAME: &'static str;
    /// See [`FaultKind`].
    const ABOUT: &'static str;
    /// Its own keys and those of [`Between`], and of its duration if it has one.
    const KEYS: &'static [Key];
    /// See [`FaultKind`].
    const EXAMPLE: &'static str;
    /// Whether it lasts.
    const LASTS: bool = true;

    /// Reads its own keys; nothing if it needs what is missing.
    fn read(reader: &mut Reader) -> Option<Self>;
    /// Its own keys, leaving nothing open.
    fn write(&self) -> Entry;
    /// Draws its own keys, and for how many tenths of a second it lasts.
    fn draw(stream: &mut Stream) -> (Entry, u64);
    /// Its own words for the report of a plan: what it is called, and how much of it.
    fn in_words(&self) -> String;
    /// What becomes of the traffic.
    fn trouble(&self) -> Trouble;
}

impl<T: LinkKind> FaultKind for LinkFault<T> {
    const NAME: &'static str = T::NAME;
    const ABOUT: &'static str = T::ABOUT;
    const KEYS: &'static [Key] = T::KEYS;
    const AIM: Aim = Aim::Links;
    const EXAMPLE: &'static str = T::EXAMPLE;

    fn read(reader: &mut Reader) -> Option<Self> {
        let between = Between::read(reader);
        let what = T::read(reader)?;
        let duration_ns = if T::LASTS { duration(reader) } else { SimDuration::ZERO };
        Some(LinkFault { between, what, duration_ns })
    }

    fn write(&self) -> Entry {
        self.between.write().and(self.what.write()).maybe("duration", T::LASTS.then_some(self.duration_ns))
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let between = Between::draw(stream, swarm, T::LASTS);
        let (own, tenths) = T::draw(stream);
        between.and(own).maybe("duration", T::LASTS.then_some(tenths as f64 / 10.0))
    }

    fn in_words(&self) -> String {
        let lasts = if T::LASTS { format!(", {}", self.duration_ns) } else { String::new() };
        format!("{} ({}{lasts})", self.what.in_words(), self.between.in_words())
    }

    fn targets(&self) -> Vec<Target> {
        self.between.targets()
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        self.between.targets_mut()
    }

    fn can_be_said(&self) -> bool {
        self.between.can_be_said()
    }

    fn effect(&self) -> Effect {
        self.between.effect(self.what.trouble())
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }
}
