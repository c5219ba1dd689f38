//! What a scenario says, in a plan's types: numbers that were checked, latencies, and what was left to chance.

use crate::fault::LatencyRange;
use crate::rng::Stream;
use crate::scenario::LatencyMs;
use crate::time::SimDuration;

/// A number that `check` found small.
pub(super) fn small(number: u64) -> u16 {
    u16::try_from(number).expect("check bounds shards, nodes and operations")
}

/// A latency as written, in nanoseconds.
pub(super) fn latency(written: &LatencyMs) -> LatencyRange {
    LatencyRange { min_ns: millis(written.min), max_ns: millis(written.max) }
}

/// Milliseconds as written, to the nanosecond.
pub(super) fn millis(ms: f64) -> SimDuration {
    SimDuration::from_ns((ms * 1e6).round() as u64)
}

/// A share in percent, in parts of a million.
pub(super) fn ppm(percent: f64) -> u32 {
    (percent * 10_000.0).round() as u32
}

/// A drawn number of whole milliseconds.
pub(super) fn drawn_ms(seed: u64, purpose: &str, range: std::ops::RangeInclusive<u64>) -> SimDuration {
    SimDuration::from_ms(Stream::new(seed, "plan", purpose).range(range))
}
