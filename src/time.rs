//! Virtual instants and durations, in whole nanoseconds.
//!
//! They are types of their own so that a virtual instant can never be mixed with a duration, with a count of
//! another unit, or with the wall clock. Nothing here knows where time comes from.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// A virtual instant: nanoseconds since the run began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SimTime(u64);

/// A length of virtual time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SimDuration(u64);

impl SimTime {
    /// The beginning of the run.
    pub const ZERO: SimTime = SimTime(0);
    /// Later than every event; the deadline of a wait without one.
    pub const NEVER: SimTime = SimTime(u64::MAX);

    /// The instant `ns` nanoseconds after the beginning of the run.
    pub const fn from_ns(ns: u64) -> Self {
        SimTime(ns)
    }

    /// Nanoseconds since the run began.
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// Seconds since the run began, for people to read; never for arithmetic.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The instant so long before this one, or the beginning of the run.
    pub fn before(self, by: SimDuration) -> SimTime {
        SimTime(self.0.saturating_sub(by.0))
    }

    /// The time from `earlier` to this instant, zero if `earlier` is later.
    pub fn since(self, earlier: SimTime) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: SimDuration = SimDuration(0);

    /// A duration of `ns` nanoseconds.
    pub const fn from_ns(ns: u64) -> Self {
        SimDuration(ns)
    }

    /// A duration of `us` microseconds.
    pub const fn from_us(us: u64) -> Self {
        SimDuration(us * 1_000)
    }

    /// A duration of `ms` milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        SimDuration(ms * 1_000_000)
    }

    /// A duration of `s` seconds.
    pub const fn from_secs(s: u64) -> Self {
        SimDuration(s * 1_000_000_000)
    }

    /// A duration given in seconds with a fraction, rounded to the nanosecond; negative and NaN give zero. Up to a
    /// million seconds it undoes [`SimDuration::as_secs_f64`].
    pub fn from_secs_f64(s: f64) -> Self {
        SimDuration((s.max(0.0) * 1e9).round() as u64)
    }

    /// Nanoseconds.
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// Whole milliseconds, rounded down.
    pub const fn as_ms(self) -> u64 {
        self.0 / 1_000_000
    }

    /// So many times this duration.
    pub fn times(self, count: u64) -> Self {
        SimDuration(self.0.saturating_mul(count))
    }

    /// Half of this duration.
    pub fn half(self) -> Self {
        SimDuration(self.0 / 2)
    }

    /// Seconds, for people to read and scenarios to say; never for arithmetic.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add<SimDuration> for SimTime {
    type Output = SimTime;

    fn add(self, rhs: SimDuration) -> SimTime {
        SimTime(self.0.saturating_add(rhs.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, rhs: SimDuration) {
        *self = *self + rhs;
    }
}

impl Add for SimDuration {
    type Output = SimDuration;

    fn add(self, rhs: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_add(rhs.0))
    }
}

impl Sub for SimDuration {
    type Output = SimDuration;

    fn sub(self, rhs: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_sub(rhs.0))
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}s", self.as_secs_f64())
    }
}

impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::SimDuration;

    const MILLION_SECONDS_NS: u64 = 1_000_000 * 1_000_000_000;

    proptest! {
        #[test]
        fn written_seconds_give_the_nanosecond_back(
            ns in prop_oneof![0..=MILLION_SECONDS_NS, 0..1_000_000_000u64, MILLION_SECONDS_NS - 1_000..=MILLION_SECONDS_NS],
        ) {
            let duration = SimDuration::from_ns(ns);
            let written = duration.as_secs_f64().to_string();
            prop_assert!(written.split('.').nth(1).is_none_or(|digits| digits.len() <= 9), "{}", written);
            let read: f64 = written.parse().expect("a number");
            prop_assert_eq!(SimDuration::from_secs_f64(read), duration);
        }
    }
}
