//! When virtual time begins, derived from the seed, and the name of a run that shows it.
//!
//! Servers seed their own generators from the time of day, down to the microsecond; so the beginning differs from
//! seed to seed, and is the same for one seed for ever.

use super::Plan;
use crate::rng::Stream;

/// 2024-01-01 00:00:00 UTC, in seconds of the Unix epoch.
const FIRST_S: u64 = 1_704_067_200;
/// 2027-01-01 00:00:00 UTC; no run begins then or later.
const END_S: u64 = 1_798_761_600;
const SECONDS_PER_DAY: u64 = 86_400;

/// The beginning of virtual time under `seed`, in microseconds of the Unix epoch.
pub(super) fn epoch_us(seed: u64) -> u64 {
    Stream::new(seed, "plan", "epoch").range(FIRST_S * 1_000_000..=END_S * 1_000_000 - 1)
}

impl Plan {
    /// The run's name: `test_YYYYMMDD_HHMMSS_seed_N`, with the virtual date and time it begins at.
    pub fn scenario_id(&self) -> String {
        let seconds = self.epoch_us / 1_000_000;
        let (year, month, day) = civil_date(seconds / SECONDS_PER_DAY);
        let time = seconds % SECONDS_PER_DAY;
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        format!("test_{year}{month:02}{day:02}_{hour:02}{minute:02}{second:02}_seed_{}", self.seed)
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn civil_date(day: u64) -> (u64, u64, u64) {
    let (mut year, mut day) = (1970, day);
    while day >= days_in_year(year) {
        day -= days_in_year(year);
        year += 1;
    }
    let february = days_in_year(year) - 337;
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
}

fn days_in_year(year: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    365 + u64::from(is_leap)
}

#[cfg(test)]
mod tests {
    use super::{END_S, FIRST_S, SECONDS_PER_DAY, civil_date, epoch_us};

    #[test]
    fn days_have_their_dates_in_leap_years_too() {
        for (day, date) in [
            (0, (1970, 1, 1)),
            (FIRST_S / SECONDS_PER_DAY, (2024, 1, 1)),
            (19_782, (2024, 2, 29)),
            (19_783, (2024, 3, 1)),
            (20_088, (2024, 12, 31)),
            (END_S / SECONDS_PER_DAY, (2027, 1, 1)),
        ] {
            assert_eq!(civil_date(day), date);
        }
    }

    #[test]
    fn every_seed_begins_in_its_window_and_few_begin_together() {
        let epochs: std::collections::BTreeSet<u64> = (0..1000).map(epoch_us).collect();
        assert!(epochs.iter().all(|us| (FIRST_S * 1_000_000..END_S * 1_000_000).contains(us)));
        assert_eq!(epochs.len(), 1000);
    }
}
