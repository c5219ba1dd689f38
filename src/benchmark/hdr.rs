//! HDR histograms and the two text forms that other HDR tools open.
//!
//! Values are microseconds of virtual time with three significant digits, from 1 µs to one hour; the percentile
//! distribution (`.hgrm`) shows milliseconds, as HdrHistogram's own tools print with a scale of 1000. Intervals of the
//! log lie end to end in virtual time: no clock of any host is in it.

use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

use super::Run;
use crate::convergence::Metric;
use crate::time::SimDuration;

/// The longest duration that is told from longer ones.
const HIGHEST_US: u64 = 3_600_000_000;
/// How many digits of a value are right.
const DIGITS: u8 = 3;
/// How many runs an interval of the log holds.
const RUNS_PER_INTERVAL: usize = 100;

/// The histogram of durations in nanoseconds.
pub(super) fn histogram(samples_ns: &[u64]) -> Histogram<u64> {
    let mut histogram =
        Histogram::new_with_bounds(1, HIGHEST_US, DIGITS).expect("these are bounds that histograms have");
    for ns in samples_ns {
        histogram.saturating_record((ns + 500) / 1_000);
    }
    histogram
}

/// A histogram in the compressed form of V2.
pub(super) fn serialize(histogram: &Histogram<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).expect("memory takes every byte");
    bytes
}

/// The percentile distribution as HdrHistogram prints it, in milliseconds.
pub fn percentile_distribution(samples_ns: &[u64]) -> String {
    const TICKS_PER_HALF: u32 = 5;
    const US_PER_MS: f64 = 1_000.0;
    let histogram = histogram(samples_ns);
    let mut text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n".to_owned();
    let mut total = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / US_PER_MS, step.quantile_iterated_to());
        let _ = write!(text, "{value:12.3} {quantile:2.12} {total:10}");
        let _ = match quantile < 1.0 {
            true => writeln!(text, " {:14.2}", 1.0 / (1.0 - quantile)),
            false => writeln!(text, "            inf"),
        };
    }
    let (mean, deviation) = (histogram.mean() / US_PER_MS, histogram.stdev() / US_PER_MS);
    let (max, count) = (histogram.max() as f64 / US_PER_MS, histogram.len());
    let _ = writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let _ = writeln!(text, "#[Max     = {max:12.3}, Total count    = {count:12}]");
    let (buckets, parts) = (histogram.buckets(), 2_048);
    let _ = writeln!(text, "#[Buckets = {buckets:12}, SubBuckets     = {parts:12}]");
    text.push_str("# Value is in milliseconds of virtual time.\n");
    text
}

/// The runs of a variant as an interval log of V2: an interval for every hundred runs and metric, tagged with it.
pub fn interval_log(label: &str, runs: &[Run]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!("[{label}: microseconds of virtual time, runs end to end]"))
        .begin_log_with(&mut bytes, &mut serializer)
        .expect("memory takes every byte");
    let mut start = SimDuration::ZERO;
    for runs in runs.chunks(RUNS_PER_INTERVAL) {
        let lasted = runs.iter().fold(SimDuration::ZERO, |sum, run| sum + run.lasted);
        for metric in Metric::ALL {
            let tag = Tag::new(metric.name()).expect("a metric's name is a word");
            writer
                .write_histogram(&histogram(&of_metric(runs, metric)), real(start), real(lasted), Some(tag))
                .expect("memory takes every byte");
        }
        start = start + lasted;
    }
    bytes
}

fn of_metric(runs: &[Run], metric: Metric) -> Vec<u64> {
    let figures = runs.iter().filter_map(|run| run.came_to.as_ref().ok()).flatten();
    figures.filter_map(|figures| figures.get(&metric)).map(|took| took.as_ns()).collect()
}

fn real(duration: SimDuration) -> Duration {
    Duration::from_nanos(duration.as_ns())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convergence::Figures;

    #[test]
    fn the_percentile_distribution_is_in_milliseconds() {
        let samples: Vec<u64> = (1..=4).map(|ms| ms * 1_000_000).collect();
        let text = percentile_distribution(&samples);
        let begin: Vec<&str> = text.lines().take(4).collect();
        let expected = [
            "       Value     Percentile TotalCount 1/(1-Percentile)",
            "",
            "       1.000 0.000000000000          1           1.00",
            "       1.000 0.100000000000          1           1.11",
        ];
        assert_eq!(begin, expected);
        assert!(
            text.contains("\n#[Mean    =        2.50") && text.contains(", StdDeviation   =        1.118]\n"),
            "{text}"
        );
        assert!(text.contains("Total count    =            4]"), "{text}");
    }

    #[test]
    fn an_interval_log_has_an_interval_for_every_hundred_runs() {
        let figures: Figures = [(Metric::Fail, SimDuration::from_ms(5))].into_iter().collect();
        let run = |seed| Run {
            seed,
            lasted: SimDuration::from_secs(2),
            came_to: Ok(vec![figures.clone()]),
            violated: Vec::new(),
        };
        let runs: Vec<Run> = (1..=150).map(run).collect();
        let log = String::from_utf8(interval_log("a variant", &runs)).expect("text");
        let fails: Vec<&str> = log.lines().filter(|line| line.starts_with("Tag=fail,")).collect();
        assert_eq!(fails.len(), 2);
        assert!(fails[0].starts_with("Tag=fail,0.000,200.000,5"), "{}", fails[0]);
        assert!(fails[1].starts_with("Tag=fail,200.000,100.000,5"), "{}", fails[1]);
    }
}
