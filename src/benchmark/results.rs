//! What a benchmark came to, and the format of `bench.json`.
//!
//! Figures are nanoseconds of virtual time; histograms count microseconds with three significant digits, and what
//! tables show is read from them. Samples are kept beside, in the order of their runs, so that a later benchmark can be
//! compared without the loss of a histogram's buckets. Nothing of the host or of the wall clock stands here.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::hdr;
use super::{Run, Variant};
use crate::convergence::{Figures, Metric};
use crate::event_log::ServerIdentity;
use crate::scenario::Scenario;

/// The version of the format that this tool writes, and the only one it reads.
pub const FORMAT: u64 = 1;

/// All of a benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The version of the format.
    pub format: u64,
    /// The tool's name and version.
    pub tool: String,
    /// What was run.
    pub scenario: ScenarioIdentity,
    /// Under which seeds.
    pub seeds: Seeds,
    /// The columns; differences are against the first.
    pub variants: Vec<VariantResults>,
}

/// Which scenario ran; two with the same digest are the same, whatever they and their seeds are called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioIdentity {
    /// Its name.
    pub name: String,
    /// The SHA-256 of the scenario as YAML, without name, seed and server.
    pub sha256: String,
}

/// The seeds of a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantResults {
    /// What it is called.
    pub label: String,
    /// The server.
    pub server: ServerIdentity,
    /// The directives that were set on top of the scenario's.
    pub config: BTreeMap<String, String>,
    /// How many runs came to their end.
    pub runs: u64,
    /// The runs that did not, and why; they count nowhere else.
    pub failures: Vec<Failure>,
    /// The runs that violated invariants; their figures count.
    pub violations: Vec<Violation>,
    /// The figures.
    pub metrics: Vec<MetricResults>,
}

/// A run that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// Why.
    pub why: String,
}

/// A run that violated invariants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Its seed.
    pub seed: u64,
    /// Which.
    pub invariants: Vec<String>,
}

/// The figures of one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricResults {
    /// The metric's name.
    pub name: String,
    /// What it is.
    pub definition: String,
    /// How many disruptions reached it.
    pub count: u64,
    /// How many did not.
    pub missed: u64,
    /// What the histogram says; absent if no disruption reached it.
    pub us: Option<Scale>,
    /// Every figure, in the order of the runs.
    pub samples_ns: Vec<u64>,
    /// The histogram of microseconds: V2, compressed, in base 64, as HDR tools read it.
    pub histogram: String,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

impl Scale {
    /// The percentiles in their order.
    pub fn all(self) -> [u64; 5] {
        [self.p50, self.p90, self.p99, self.p999, self.max]
    }
}

impl ScenarioIdentity {
    /// Which scenario it is.
    pub fn of(scenario: &Scenario) -> Self {
        let mut anonymous = scenario.clone();
        (anonymous.head.name, anonymous.head.seed, anonymous.server) = (String::new(), None, None);
        let sha256 = hex::encode(Sha256::digest(anonymous.to_yaml()));
        ScenarioIdentity { name: scenario.head.name.clone(), sha256 }
    }
}

impl Results {
    /// What the runs of every variant came to.
    pub fn of(scenario: &Scenario, seeds: Seeds, variants: &[Variant], runs: &[Vec<Run>]) -> Self {
        Results {
            format: FORMAT,
            tool: crate::event_log::TOOL.to_owned(),
            scenario: ScenarioIdentity::of(scenario),
            seeds,
            variants: variants
                .iter()
                .zip(runs)
                .map(|(variant, runs)| VariantResults::of(variant, runs))
                .collect(),
        }
    }

    /// As text: the same results give the same bytes.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("results are plain data");
        text.push('\n');
        text
    }
}

impl VariantResults {
    fn of(variant: &Variant, runs: &[Run]) -> Self {
        let failures = runs.iter().filter_map(|run| {
            run.came_to.as_ref().err().map(|why| Failure { seed: run.seed, why: why.clone() })
        });
        let violations = runs.iter().filter(|run| !run.violated.is_empty());
        VariantResults {
            label: variant.label.clone(),
            server: variant.server.identity(),
            config: variant.config.clone(),
            runs: runs.iter().filter(|run| run.came_to.is_ok()).count() as u64,
            failures: failures.collect(),
            violations: violations
                .map(|run| Violation { seed: run.seed, invariants: run.violated.clone() })
                .collect(),
            metrics: Metric::ALL.into_iter().map(|metric| MetricResults::of(metric, runs)).collect(),
        }
    }

    /// The name of its files.
    pub fn file_name(&self) -> String {
        super::file_name(&self.label)
    }

    /// The figures of a metric.
    pub fn metric(&self, metric: Metric) -> Option<&MetricResults> {
        self.metrics.iter().find(|results| results.name == metric.name())
    }
}

impl MetricResults {
    fn of(metric: Metric, runs: &[Run]) -> Self {
        let samples: Vec<Option<u64>> = disruptions(runs).map(|figures| figure(&figures, metric)).collect();
        let reached: Vec<u64> = samples.iter().flatten().copied().collect();
        let missed = samples.len() - reached.len();
        MetricResults::new(metric, reached, missed as u64)
    }

    /// The results of a metric with these figures.
    pub(super) fn new(metric: Metric, samples_ns: Vec<u64>, missed: u64) -> Self {
        let histogram = hdr::histogram(&samples_ns);
        let at = |quantile| histogram.value_at_quantile(quantile).min(histogram.max());
        let us = (!samples_ns.is_empty()).then(|| Scale {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max(),
        });
        MetricResults {
            name: metric.name().to_owned(),
            definition: metric.definition().to_owned(),
            count: samples_ns.len() as u64,
            missed,
            us,
            histogram: STANDARD.encode(hdr::serialize(&histogram)),
            samples_ns,
        }
    }
}

/// The figures of every disruption of the runs that came to their end; a run without one has nothing to show, and so
/// misses every metric once.
fn disruptions(runs: &[Run]) -> impl Iterator<Item = Figures> {
    runs.iter().filter_map(|run| run.came_to.as_ref().ok()).flat_map(|figures| match figures.as_slice() {
        [] => vec![Figures::new()],
        figures => figures.to_vec(),
    })
}

fn figure(figures: &Figures, metric: Metric) -> Option<u64> {
    figures.get(&metric).map(|took| took.as_ns())
}

/// Results by hand.
#[cfg(test)]
pub(super) mod sample {
    use super::*;

    /// A variant with figures of one metric, in milliseconds.
    pub fn variant(label: &str, metric: Metric, samples_ms: &[u64], missed: u64) -> VariantResults {
        let samples_ns: Vec<u64> = samples_ms.iter().map(|ms| ms * 1_000_000).collect();
        let of = |other| match other == metric {
            true => MetricResults::new(metric, samples_ns.clone(), missed),
            false => MetricResults::new(other, Vec::new(), 0),
        };
        VariantResults {
            label: label.to_owned(),
            server: ServerIdentity { sha256: "0123456789abcdef".to_owned(), ..ServerIdentity::default() },
            config: BTreeMap::new(),
            runs: samples_ms.len() as u64 + missed,
            failures: Vec::new(),
            violations: Vec::new(),
            metrics: Metric::ALL.into_iter().map(of).collect(),
        }
    }

    /// The results of such variants.
    pub fn results(variants: Vec<VariantResults>) -> Results {
        let scenario = ScenarioIdentity { name: "a scenario".to_owned(), sha256: "ab".to_owned() };
        let seeds = Seeds { first: 1, count: 3 };
        Results { format: FORMAT, tool: "a tool".to_owned(), scenario, seeds, variants }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimDuration;

    fn run(seed: u64, fail_ms: Option<u64>) -> Run {
        let figures = fail_ms.map(|ms| (Metric::Fail, SimDuration::from_ms(ms))).into_iter().collect();
        Run { seed, lasted: SimDuration::from_secs(1), came_to: Ok(vec![figures]), violated: Vec::new() }
    }

    #[test]
    fn what_was_not_reached_is_counted_and_what_failed_is_not() {
        let nothing = Run { came_to: Ok(Vec::new()), ..run(4, None) };
        let failed = Run { came_to: Err("no world".to_owned()), ..run(5, None) };
        let runs = [run(1, Some(30)), run(2, None), run(3, Some(10)), nothing, failed];
        let fail = MetricResults::of(Metric::Fail, &runs);
        assert_eq!((fail.count, fail.missed), (2, 2));
        assert_eq!(fail.samples_ns, [30_000_000, 10_000_000]);
        assert_eq!(MetricResults::of(Metric::Lag, &runs).us, None);
    }

    #[test]
    fn percentiles_are_right_to_three_digits() {
        let samples: Vec<u64> = (1..=1000).map(|ms| ms * 1_000_000).collect();
        let scale = MetricResults::new(Metric::Fail, samples, 0).us.expect("there are samples");
        for (found, expected) in scale.all().into_iter().zip([500, 900, 990, 999, 1000]) {
            assert!(found.abs_diff(expected * 1000) <= expected, "{found} is not {expected} ms");
        }
    }

    #[test]
    fn a_scenario_is_known_by_what_it_does() {
        let parse = |yaml: &str| crate::scenario::parse_str("test", yaml).expect("a good scenario");
        let of = |yaml: &str| ScenarioIdentity::of(&parse(yaml)).sha256;
        let one = of("scenario: {name: a, seed: 1}\nserver: '8.1'\n");
        assert_eq!(one, of("scenario: {name: b}\n"));
        assert_ne!(one, of("scenario: {name: a}\ncluster: {shards: 4}\n"));
    }
}
