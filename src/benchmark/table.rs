//! A benchmark as text: percentiles side by side, the difference against the first variant, and what it is worth.

use std::fmt::Write;

use super::compare::{ALPHA, Difference, Verdict};
use super::results::{MetricResults, Results, VariantResults};
use crate::convergence::Metric;
use crate::statistics::Interval;
use crate::words::counted;

/// How many failed or violating runs are named.
const NAMED: usize = 8;

/// The table; `differences` are those of every variant but the first.
pub fn render(results: &Results, differences: &[Vec<Difference>]) -> String {
    let mut text = head(results);
    for metric in Metric::ALL {
        let _ = writeln!(text, "{}", metric.title());
        for (place, variant) in results.variants.iter().enumerate() {
            row(&mut text, place, variant.metric(metric));
        }
        let rest = results.variants.iter().enumerate().skip(1).zip(differences);
        for ((place, variant), found) in rest {
            let found = found.iter().find(|found| found.metric == metric);
            let sides = (results.variants[0].metric(metric), variant.metric(metric));
            difference(&mut text, place, sides, found);
        }
    }
    if results.variants.len() > 1 {
        let _ = writeln!(
            text,
            "\np: Mann-Whitney U, two-sided, missed counted as latest, Holm-corrected over the table; significant below \
             {ALPHA}.\nIntervals of 99 % in brackets: bootstrap of the difference of p50 and of p99."
        );
    }
    text.push_str(&troubles(results));
    text
}

fn head(results: &Results) -> String {
    let Results { scenario, seeds, variants, .. } = results;
    let last = seeds.first + seeds.count.saturating_sub(1);
    let mut text = format!(
        "{}: {} of each variant, seeds {} to {last}\n",
        scenario.name,
        counted(seeds.count, "run"),
        seeds.first
    );
    for (place, variant) in variants.iter().enumerate() {
        let build = variant.server.sha256.get(..12).unwrap_or_default();
        let _ = writeln!(text, "{}  {}, sha256 {build}", letter(place), variant.label);
    }
    let titles = ["p50", "p90", "p99", "p99.9", "max"].map(|title| format!("{title:>11}")).concat();
    let _ = writeln!(text, "\n{:<14}{titles}{:>8}{:>8}", "virtual ms", "count", "missed");
    text
}

/// `A` for the first variant.
fn letter(place: usize) -> char {
    char::from(b'A' + (place % 26) as u8)
}

fn row(text: &mut String, place: usize, results: Option<&MetricResults>) {
    let Some(results) = results else {
        return;
    };
    let values = match results.us {
        Some(scale) => scale.all().map(|us| format!("{:>11}", ms(us as i64))).concat(),
        None => ["-"; 5].map(|none| format!("{none:>11}")).concat(),
    };
    let _ = writeln!(text, "  {:<12}{values}{:>8}{:>8}", letter(place), results.count, results.missed);
}

fn difference(
    text: &mut String,
    place: usize,
    sides: (Option<&MetricResults>, Option<&MetricResults>),
    found: Option<&Difference>,
) {
    let (Some(a), Some(b)) = (sides.0.and_then(|a| a.us), sides.1.and_then(|b| b.us)) else {
        return;
    };
    let pairs = a.all().into_iter().zip(b.all());
    let values: String = pairs.map(|(a, b)| format!("{:>11}", signed(b as i64 - a as i64))).collect();
    let worth = found.map_or(String::new(), worth);
    let _ = writeln!(text, "  {:<12}{values}  {worth}", format!("{} - A", letter(place)));
}

fn worth(found: &Difference) -> String {
    let verdict = match found.verdict() {
        Verdict::Significant => "significant",
        Verdict::NotSignificant => "not significant",
        Verdict::Untested => return "not tested".to_owned(),
    };
    let interval = |interval: Option<Interval>| {
        interval.map_or(String::new(), |Interval { low, high }| {
            format!(" [{}, {}]", signed(low / 1_000), signed(high / 1_000))
        })
    };
    let p = match found.p {
        Some(p) if p < 0.0001 => "p < 0.0001".to_owned(),
        p => format!("p = {:.4}", p.unwrap_or(1.0)),
    };
    format!("{verdict}, {p}{}{}", interval(found.p50_ns), interval(found.p99_ns))
}

/// Microseconds as milliseconds, with as many digits as a histogram keeps.
fn ms(us: i64) -> String {
    let digits = match us.unsigned_abs() {
        0..10_000 => 3,
        10_000..100_000 => 2,
        100_000..1_000_000 => 1,
        _ => 0,
    };
    format!("{:.digits$}", us as f64 / 1e3)
}

fn signed(us: i64) -> String {
    match us {
        0 => "0".to_owned(),
        us if us > 0 => format!("+{}", ms(us)),
        us => ms(us),
    }
}

/// Runs that came to nothing, and runs that violated invariants.
fn troubles(results: &Results) -> String {
    let mut text = String::new();
    for variant in &results.variants {
        let failures =
            variant.failures.iter().map(|failure| format!("seed {}: {}", failure.seed, failure.why));
        told(&mut text, variant, "failed and count nowhere", &failures.collect::<Vec<_>>());
        let violations = variant
            .violations
            .iter()
            .map(|violation| format!("seed {}: {}", violation.seed, violation.invariants.join(", ")));
        told(&mut text, variant, "violated invariants", &violations.collect::<Vec<_>>());
    }
    text
}

fn told(text: &mut String, variant: &VariantResults, what: &str, runs: &[String]) {
    if runs.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}: {} {what}", variant.label, counted(runs.len() as u64, "run"));
    for run in runs.iter().take(NAMED) {
        let _ = writeln!(text, "  {run}");
    }
    if runs.len() > NAMED {
        let _ = writeln!(text, "  and {} more", runs.len() - NAMED);
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::differences;
    use super::super::results::sample::{results, variant};
    use super::super::results::{Failure, Violation};
    use super::*;

    #[test]
    fn percentiles_stand_side_by_side_with_their_difference() {
        let slow: Vec<u64> = (0..100).map(|i| 3_000 + i).collect();
        let quick: Vec<u64> = (0..100).map(|i| 2_000 + i).collect();
        let mut b = variant("valkey 9.1.2", Metric::Fail, &quick, 1);
        b.failures.push(Failure { seed: 3, why: "the cluster was not formed".to_owned() });
        b.violations.push(Violation { seed: 7, invariants: vec!["reads".to_owned()] });
        let results = results(vec![variant("valkey 8.1.8", Metric::Fail, &slow, 0), b]);
        let found = differences(&results.variants[0], &[&results.variants[1]]);
        let text = render(&results, &found);
        let begin: Vec<&str> = text.lines().take(3).collect();
        let expected = [
            "a scenario: 3 runs of each variant, seeds 1 to 3",
            "A  valkey 8.1.8, sha256 0123456789ab",
            "B  valkey 9.1.2, sha256 0123456789ab",
        ];
        assert_eq!(begin, expected);
        let fail: Vec<&str> =
            text.lines().skip_while(|line| !line.starts_with("failure agreed")).take(4).collect();
        assert!(fail[1].starts_with("  A                  3049"), "{text}");
        assert!(fail[2].ends_with("     100       1"), "{text}");
        assert!(fail[3].contains("significant, p < 0.0001 [-1"), "{text}");
        assert!(
            text.contains("valkey 9.1.2: 1 run failed and count nowhere\n  seed 3: the cluster"),
            "{text}"
        );
        assert!(text.contains("valkey 9.1.2: 1 run violated invariants\n  seed 7: reads\n"), "{text}");
    }

    #[test]
    fn milliseconds_have_the_digits_that_are_right() {
        let shown = [0, 9_999, 10_000, 123_456, 2_345_678].map(ms);
        assert_eq!(shown, ["0.000", "9.999", "10.00", "123.5", "2346"]);
        assert_eq!([signed(0), signed(1_500), signed(-1_500)], ["0", "+1.500", "-1.500"]);
    }
}
