//! The longest time in which no client heard that a write to a shard was done.

use crate::time::{SimDuration, SimTime};

/// The acknowledged writes of a shard since a disruption.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    /// When the last write was acknowledged; the disruption if none was before it.
    last: SimTime,
    longest: Option<SimDuration>,
    /// Whether a write failed since.
    open: bool,
}

impl Outage {
    /// A disruption after the write that was acknowledged at `last`.
    pub fn begin(last: SimTime) -> Self {
        Outage { last, longest: None, open: false }
    }

    /// A write was acknowledged.
    pub fn written(&mut self, at: SimTime) {
        self.longest = self.longest.max(Some(at.since(self.last)));
        (self.last, self.open) = (at, false);
    }

    /// A write was not done, or nobody knows.
    pub fn not_written(&mut self) {
        self.open = true;
    }

    /// The longest time without an acknowledged write; nothing if writes still failed when the clients stopped.
    pub fn longest(&self) -> Option<SimDuration> {
        self.longest.filter(|_| !self.open)
    }
}
