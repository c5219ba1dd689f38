//! Which differences between two variants are more than chance, and which of them are regressions.
//!
//! Whether the figures of one variant tend to be greater is asked of the Mann–Whitney U test (two-sided; a disruption that
//! missed the metric is later than any that reached it), corrected by Holm for all metrics and variants of the table.
//! How far the medians and the 99th percentiles lie apart is told by bootstrap intervals of 99 %. Both are
//! functions of the samples alone: the bootstrap draws from a stream that the metric's name seeds.

use super::results::{MetricResults, VariantResults};
use crate::convergence::Metric;
use crate::rng::Stream;
use crate::statistics::{Interval, difference, holm, mann_whitney};

/// A difference counts as significant if chance alone would show one in fewer than 1 of 100 tables.
pub const ALPHA: f64 = 0.01;
/// The seed of the streams that resample.
const SEED: u64 = 0;

/// How a variant differs from the first in one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The metric.
    pub metric: Metric,
    /// The p-value after the correction; nothing without figures.
    pub p: Option<f64>,
    /// How far the medians may lie apart, in nanoseconds.
    pub p50_ns: Option<Interval>,
    /// How far the 99th percentiles may.
    pub p99_ns: Option<Interval>,
}

/// What a difference is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// More than chance.
    Significant,
    /// May be chance.
    NotSignificant,
    /// Nothing to compare.
    Untested,
}

impl Difference {
    /// Whether the whole distribution lies elsewhere.
    pub fn verdict(&self) -> Verdict {
        match self.p {
            Some(p) if p < ALPHA => Verdict::Significant,
            Some(_) => Verdict::NotSignificant,
            None => Verdict::Untested,
        }
    }
}

/// How each of `others` differs from `base`, metric by metric; p-values are corrected over all of it.
pub fn differences(base: &VariantResults, others: &[&VariantResults]) -> Vec<Vec<Difference>> {
    let mut all: Vec<Vec<Difference>> = others
        .iter()
        .map(|other| Metric::ALL.into_iter().filter_map(|metric| one(metric, base, other)).collect())
        .collect();
    let mut tested: Vec<&mut f64> = all.iter_mut().flatten().filter_map(|found| found.p.as_mut()).collect();
    let corrected = holm(&tested.iter().map(|p| **p).collect::<Vec<_>>());
    for (p, corrected) in tested.iter_mut().zip(corrected) {
        **p = corrected;
    }
    all
}

fn one(metric: Metric, base: &VariantResults, other: &VariantResults) -> Option<Difference> {
    let (a, b) = (base.metric(metric)?, other.metric(metric)?);
    let side = |results: &'_ MetricResults| results.missed as usize;
    let test = mann_whitney((&a.samples_ns, side(a)), (&b.samples_ns, side(b)));
    let stream = Stream::new(SEED, "bench", metric.name());
    let intervals = difference(&a.samples_ns, &b.samples_ns, [0.5, 0.99], stream);
    Some(Difference {
        metric,
        p: test.map(|test| test.p),
        p50_ns: intervals.map(|[median, _]| median),
        p99_ns: intervals.map(|[_, tail]| tail),
    })
}

/// What became worse than `base` by more than `threshold` (0.05 is 5 %), a sentence each: a median if the test says that
/// the distribution lies elsewhere, a 99th percentile if its interval says so as well, and disruptions that miss a metric.
pub fn regressions(
    base: &VariantResults,
    now: &VariantResults,
    found: &[Difference],
    threshold: f64,
) -> Vec<String> {
    found.iter().flat_map(|found| Worse { base, now, found, threshold }.all()).collect()
}

/// One metric of two results.
struct Worse<'a> {
    base: &'a VariantResults,
    now: &'a VariantResults,
    found: &'a Difference,
    threshold: f64,
}

impl Worse<'_> {
    fn all(&self) -> Vec<String> {
        let metric = self.found.metric;
        let (Some(base), Some(now)) = (self.base.metric(metric), self.now.metric(metric)) else {
            return Vec::new();
        };
        let is_significant = self.found.verdict() == Verdict::Significant;
        let is_later = |interval: Option<Interval>| interval.is_some_and(|interval| interval.low > 0);
        let mut worse = Vec::new();
        if let (Some(was), Some(is)) = (base.us, now.us) {
            if is_significant && is_later(self.found.p50_ns) {
                worse.extend(self.grown("p50", was.p50, is.p50));
            }
            if is_later(self.found.p99_ns) {
                worse.extend(self.grown("p99", was.p99, is.p99));
            }
        }
        if is_significant {
            worse.extend(self.missed(base, now));
        }
        worse
    }

    fn grown(&self, which: &str, was_us: u64, is_us: u64) -> Option<String> {
        let worse = is_us as f64 > was_us as f64 * (1.0 + self.threshold);
        worse.then(|| {
            let name = self.found.metric.name();
            let grown = match was_us {
                0 => String::new(),
                was => format!(", {:+.1} %", 100.0 * (is_us as f64 / was as f64 - 1.0)),
            };
            let (was, is) = (was_us as f64 / 1e3, is_us as f64 / 1e3);
            format!("{}: {name} {which} was {was:.3} ms and is {is:.3} ms{grown}", self.now.label)
        })
    }

    fn missed(&self, base: &MetricResults, now: &MetricResults) -> Option<String> {
        let share =
            |results: &MetricResults| results.missed as f64 / (results.count + results.missed).max(1) as f64;
        (share(now) > share(base) + self.threshold).then(|| {
            let name = self.found.metric.name();
            let of =
                |results: &MetricResults| format!("{} of {}", results.missed, results.count + results.missed);
            format!("{}: {name} was missed by {} and is by {}", self.now.label, of(base), of(now))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::sample::variant;
    use super::*;

    fn fails(samples_ms: &[u64], missed: u64) -> VariantResults {
        variant("valkey 9.1.2", Metric::Fail, samples_ms, missed)
    }

    fn spread(from: u64) -> Vec<u64> {
        (0..200).map(|i| from + (i * 37) % 101).collect()
    }

    fn regressed(base: &VariantResults, now: &VariantResults, threshold: f64) -> Vec<String> {
        regressions(base, now, &differences(base, &[now])[0], threshold)
    }

    #[test]
    fn a_later_distribution_is_a_regression_beyond_the_threshold_only() {
        let (base, now) = (fails(&spread(1000), 0), fails(&spread(1200), 0));
        let found = regressed(&base, &now, 0.1);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("valkey 9.1.2: fail p50 was 10"), "{found:?}");
        assert!(regressed(&base, &now, 0.3).is_empty());
        assert!(regressed(&now, &base, 0.1).is_empty(), "faster is no regression");
    }

    #[test]
    fn a_longer_tail_is_found_where_the_middle_stands_still() {
        let mut tail = spread(1000);
        tail[..20].fill(9_000);
        let found = regressed(&fails(&spread(1000), 0), &fails(&tail, 0), 0.1);
        assert!(matches!(found.as_slice(), [one] if one.contains("fail p99")), "{found:?}");
    }

    #[test]
    fn chance_is_no_regression() {
        let (base, now) = (fails(&[1000, 1400, 900, 1100], 0), fails(&[1300, 1000, 1500, 1200], 0));
        let found = differences(&base, &[&now]);
        let fail = found[0].iter().find(|found| found.metric == Metric::Fail).expect("it is compared");
        assert_eq!(fail.verdict(), Verdict::NotSignificant);
        assert!(regressed(&base, &now, 0.05).iter().all(|one| !one.contains("p50")));
    }

    #[test]
    fn what_is_missed_more_often_is_a_regression() {
        let found = regressed(&fails(&spread(1000), 0), &fails(&spread(1000)[..150], 50), 0.05);
        assert_eq!(found, ["valkey 9.1.2: fail was missed by 0 of 200 and is by 50 of 200"]);
    }

    #[test]
    fn without_figures_nothing_is_tested() {
        let found = differences(&fails(&[], 0), &[&fails(&[], 0)]);
        assert!(found[0].iter().all(|found| found.verdict() == Verdict::Untested));
    }
}
