//! How soon the operator looks again at what takes its time.

use crate::time::SimDuration;

/// At first.
const SHORTEST: SimDuration = SimDuration::from_ms(20);
/// In the end.
const LONGEST: SimDuration = SimDuration::from_ms(500);
/// In between, the part of the time waited so far: when it happened is known as exactly as that.
const PART: u64 = 16;

/// The pause before the next look at something that has been waited for so long.
pub(super) fn pause(waited: SimDuration) -> SimDuration {
    SimDuration::from_ns(waited.as_ns() / PART).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_what_was_waited_within_bounds() {
        let pauses = [0, 320, 800, 4_000, 60_000].map(|ms| pause(SimDuration::from_ms(ms)).as_ms());
        assert_eq!(pauses, [20, 20, 50, 250, 500]);
    }
}
