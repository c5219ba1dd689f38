//! The Mann–Whitney U test: does one sample tend to be greater than the other?
//!
//! Two-sided, by the normal approximation with the correction for ties and for continuity, which is what `scipy`'s
//! `mannwhitneyu(method="asymptotic")` computes; below eight values a side it is only a rough guide.

use std::iter::repeat_n;

use statrs::distribution::{ContinuousCDF, Normal};

/// What came of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankTest {
    /// The U of the first sample: in how many pairs its value is greater, ties counting half.
    pub u: f64,
    /// How likely samples of one distribution differ at least so much.
    pub p: f64,
}

/// Compares two samples. `missed` values of each are greater than every other and tie with each other: what was never
/// reached comes later than everything. Without a value on both sides there is no test.
pub fn mann_whitney(a: (&[u64], usize), b: (&[u64], usize)) -> Option<RankTest> {
    let mut all: Vec<(u64, bool)> = Vec::new();
    for ((values, missed), first) in [(a, true), (b, false)] {
        all.extend(values.iter().map(|value| (*value, first)));
        all.extend(repeat_n((u64::MAX, first), missed));
    }
    all.sort_unstable();
    let (n, m) = ((a.0.len() + a.1) as f64, (b.0.len() + b.1) as f64);
    if n == 0.0 || m == 0.0 {
        return None;
    }
    let Ranks { of_first, ties } = ranks(&all);
    let u = of_first - n * (n + 1.0) / 2.0;
    Some(RankTest { u, p: two_sided(u, (n, m), ties) })
}

/// The sum of the first sample's ranks, and that of t³ - t over all groups of t equal values.
struct Ranks {
    of_first: f64,
    ties: f64,
}

fn ranks(ascending: &[(u64, bool)]) -> Ranks {
    let mut ranks = Ranks { of_first: 0.0, ties: 0.0 };
    let mut before = 0.0;
    for group in ascending.chunk_by(|a, b| a.0 == b.0) {
        let t = group.len() as f64;
        let middle = before + (t + 1.0) / 2.0;
        ranks.of_first += middle * group.iter().filter(|(_, first)| *first).count() as f64;
        ranks.ties += t * t * t - t;
        before += t;
    }
    ranks
}

fn two_sided(u: f64, (n, m): (f64, f64), ties: f64) -> f64 {
    let total = n + m;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    let z = ((u - n * m / 2.0).abs() - 0.5).max(0.0) / variance.sqrt();
    (2.0 * Normal::standard().sf(z)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(a: &[u64], b: &[u64]) -> RankTest {
        mann_whitney((a, 0), (b, 0)).expect("there are values")
    }

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{found} is not {expected}");
    }

    #[test]
    fn values_without_ties_give_what_scipy_gives() {
        let found = test(&[19, 22, 16, 29, 24, 31, 40, 11], &[20, 12, 17, 13, 5, 8, 9, 10]);
        assert_near(found.u, 57.0);
        assert_near(found.p, 0.010081693883859663);
    }

    #[test]
    fn values_with_ties_give_what_scipy_gives() {
        let found = test(&[1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 9], &[3, 3, 4, 5, 5, 6, 6, 7, 8, 8, 8, 8, 9]);
        assert_near(found.u, 31.5);
        assert_near(found.p, 0.011553674970680829);
    }

    #[test]
    fn long_samples_give_what_scipy_gives() {
        let found = test(
            &(0..300).map(|i| (i * i * 37) % 1009).collect::<Vec<u64>>(),
            &(0..250).map(|i| (i * i * 53) % 1009 + 40).collect::<Vec<u64>>(),
        );
        assert_near(found.u, 36387.0);
        assert_near(found.p, 0.5488435125633511);
    }

    #[test]
    fn what_was_never_reached_is_later_than_everything() {
        let with = mann_whitney((&[1, 2, 3, 4], 4), (&[1, 2, 3, 4, 5, 6, 7, 8], 0)).expect("values");
        let as_large = test(&[1, 2, 3, 4, 90, 90, 90, 90], &[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(with, as_large);
        assert_eq!(mann_whitney((&[], 3), (&[], 3)).map(|test| test.p), Some(1.0));
        assert_eq!(mann_whitney((&[], 0), (&[1], 0)), None);
    }

    #[test]
    fn equal_samples_do_not_differ() {
        assert_near(test(&[5; 20], &[5; 30]).p, 1.0);
    }
}
