//! How TCP tries again: what a cut link held comes with the first attempt after the heal, not with the heal itself.

use super::connection::Held;
use crate::time::{SimDuration, SimTime};

/// The first attempt for bytes (`TCP_RTO_MIN`).
const FIRST: SimDuration = SimDuration::from_ms(200);
/// The first attempt for the request for a connection (`TCP_TIMEOUT_INIT`).
const FIRST_KNOCK: SimDuration = SimDuration::from_secs(1);
/// No pause between two attempts is longer. Linux goes on to two minutes; so long a silence would hide what the cluster
/// does after a heal.
const LONGEST: SimDuration = SimDuration::from_ms(3_200);
/// Bytes that a sender has under way without hearing of their receipt: ten segments (`TCP_INIT_CWND`).
pub const IN_FLIGHT_BYTES: u64 = 10 * 1460;

/// The first attempt after `now` to send what was first sent at `since`. Each pause is twice the one before.
pub fn next_attempt(what: &Held, since: SimTime, now: SimTime) -> SimTime {
    let mut pause = if matches!(what, Held::Knock) { FIRST_KNOCK } else { FIRST };
    let mut at = since + pause;
    while at <= now {
        pause = (pause + pause).min(LONGEST.max(pause));
        at += pause;
    }
    at
}

/// How many attempts for something may be lost one after the other: no pause is longer than the longest one.
pub fn most_lost(is_knock: bool) -> u32 {
    if is_knock { 2 } else { 4 }
}

/// How long TCP pauses in all until the attempt after so many that were lost.
pub fn paused(lost: u32, is_knock: bool) -> SimDuration {
    let first = if is_knock { FIRST_KNOCK } else { FIRST };
    first.times((1 << lost) - 1)
}

#[cfg(test)]
mod cuts;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::message::Arrival;

    fn attempt_ms(what: &Held, healed_ms: u64) -> u64 {
        let ms = |ms| SimTime::ZERO + SimDuration::from_ms(ms);
        next_attempt(what, ms(1_000), ms(healed_ms)).since(SimTime::ZERO).as_ns() / 1_000_000
    }

    #[test]
    fn a_heal_is_noticed_by_the_next_attempt() {
        let bytes = Held::Arrival(Arrival::Eof);
        let attempts = [1_000, 1_200, 1_599, 1_600, 2_400, 4_000, 60_000].map(|at| attempt_ms(&bytes, at));
        assert_eq!(attempts, [1_200, 1_600, 1_600, 2_400, 4_000, 7_200, 61_600]);
    }

    #[test]
    fn each_pause_is_twice_the_one_before_and_none_outlasts_a_heal_by_long() {
        let ms = |lost, is_knock| paused(lost, is_knock).as_ms();
        assert_eq!([0, 1, 2, 3, 4].map(|lost| ms(lost, false)), [0, 200, 600, 1_400, 3_000]);
        assert_eq!([0, 1, 2].map(|lost| ms(lost, true)), [0, 1_000, 3_000]);
        assert!(
            ms(most_lost(false), false) <= LONGEST.as_ms() && ms(most_lost(true), true) <= LONGEST.as_ms()
        );
    }

    #[test]
    fn a_request_for_a_connection_is_repeated_after_a_second() {
        assert_eq!([1_000, 2_000, 4_100].map(|at| attempt_ms(&Held::Knock, at)), [2_000, 4_000, 7_200]);
    }
}
