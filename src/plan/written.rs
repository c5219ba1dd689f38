//! What a scenario says, in a plan's types: numbers that were checked, latencies and shares.

use crate::fault::LatencyRange;
use crate::language::millis;
use crate::scenario::LatencyMs;

/// A number that `check` found small.
pub(super) fn small(number: u64) -> u16 {
    u16::try_from(number).expect("check bounds shards, nodes and operations")
}

/// A latency as written, in nanoseconds.
pub(super) fn latency(written: &LatencyMs) -> LatencyRange {
    LatencyRange { min_ns: millis(written.min), max_ns: millis(written.max) }
}

/// A share in percent, in parts of a million.
pub(super) fn ppm(percent: f64) -> u32 {
    (percent * 10_000.0).round() as u32
}
