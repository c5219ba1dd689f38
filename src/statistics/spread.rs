//! How times are spread: how many lie up to a millisecond, ten of them, and so on.

use std::fmt;

use serde::Serialize;

use crate::time::SimDuration;

/// Upper ends of the steps, in milliseconds; what is longer is in a step of its own.
const STEPS_MS: [u64; 5] = [1, 10, 100, 1_000, 10_000];

/// How many times lie in which step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// How many there are.
    pub count: u64,
    /// The longest, in milliseconds.
    pub max_ms: u64,
    /// How many lie up to 1 ms, to 10 ms, to 100 ms, to 1 s, to 10 s, and above.
    pub steps: [u64; STEPS_MS.len() + 1],
}

impl Spread {
    /// Of these; nothing if there are none.
    pub fn of(times: &[SimDuration]) -> Option<Self> {
        let longest = times.iter().max()?;
        let mut steps = [0; STEPS_MS.len() + 1];
        for time in times {
            steps[STEPS_MS.iter().take_while(|end| time.as_ns() > **end * 1_000_000).count()] += 1;
        }
        Some(Spread { count: times.len() as u64, max_ms: longest.as_ns() / 1_000_000, steps })
    }
}

impl fmt::Display for Spread {
    /// The steps that anything lies in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; STEPS_MS.len() + 1] = ["1ms", "10ms", "100ms", "1s", "10s", "more"];
        let filled = NAMES.iter().zip(self.steps).filter(|(_, count)| *count > 0);
        let told = filled.map(|(name, count)| format!("{count} to {name}")).collect::<Vec<_>>();
        f.write_str(&told.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_by_powers_of_ten() {
        let times = [0, 1, 2, 150, 10_000, 10_001].map(SimDuration::from_ms);
        let spread = Spread::of(&times).expect("there are some");
        assert_eq!((spread.count, spread.max_ms, spread.steps), (6, 10_001, [2, 1, 0, 1, 1, 1]));
        assert_eq!(spread.to_string(), "2 to 1ms, 1 to 10ms, 1 to 1s, 1 to 10s, 1 to more");
        assert_eq!(Spread::of(&[]), None);
    }
}
