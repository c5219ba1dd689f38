//! When virtual time begins, derived from the seed, and the names of a run that show it.
//!
//! Servers seed their own generators from the time of day, down to the microsecond; so the beginning differs from
//! seed to seed, and is the same for one seed for ever.

use xxhash_rust::xxh3::xxh3_64;

use super::Plan;
use super::generate::name_of_seed;
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

    /// The name of the folder for the run's results: the run's name, and the scenario's if a person gave it one, so
    /// that two scenarios with the same seed do not share a folder.
    pub fn folder_name(&self) -> String {
        match self.scenario_id() {
            id if self.name == name_of_seed(self.seed) => id,
            id => format!("{id}_{}", file_name(&self.name)),
        }
    }
}

/// What of a scenario's name can stand in a folder's: all of it, or its beginning and a digest of the whole.
fn file_name(name: &str) -> String {
    /// The most characters that are taken of a name.
    const LONGEST: usize = 40;
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let safe: String = name.chars().take(LONGEST).map(|c| if is_safe(c) { c } else { '-' }).collect();
    if safe == name { safe } else { format!("{safe}_{:08x}", xxh3_64(name.as_bytes()) as u32) }
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
    use super::{END_S, FIRST_S, SECONDS_PER_DAY, civil_date, epoch_us, file_name};

    #[test]
    fn a_folders_name_is_safe_and_tells_names_apart() {
        assert_eq!(file_name("basic_failover-test"), "basic_failover-test");
        let names = ["a b", "a/b", "../..", "тест", "теcт", &"x".repeat(41), &"x".repeat(42), "a-b"];
        let files: std::collections::BTreeSet<String> = names.iter().map(|name| file_name(name)).collect();
        assert_eq!(files.len(), names.len(), "{files:?}");
        let is_safe = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        assert!(files.iter().all(|file| file.len() <= 49 && file.chars().all(is_safe)), "{files:?}");
    }

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
