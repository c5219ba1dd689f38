//! The only wall clock: how long a run took for whoever waited for it. Nothing of it reaches an event.

use std::time::Duration;
#[expect(clippy::disallowed_types, reason = "this is the wall clock's one place")]
use std::time::Instant;

/// Measures real time.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::disallowed_types, reason = "this is the wall clock's one place")]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[expect(clippy::disallowed_types, reason = "this is the wall clock's one place")]
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// How long ago that was.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
