//! The only wall clock: how long a run took for whoever waited for it. Nothing of it reaches an event.

#![expect(clippy::disallowed_types, reason = "this is the wall clock's one place")]

use std::time::Duration;
use std::time::Instant;

/// Measures real time.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// How long ago that was.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
