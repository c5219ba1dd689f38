//! What `bench` takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::processors;
use crate::commands::bench::Request;
use crate::convergence::Metric;

#[derive(Args)]
#[command(after_help = metrics_help())]
pub(super) struct BenchArguments {
    /// The scenario; without it one that is built in: a primary is killed under a workload (scenarios/bench-primary-kill.yaml).
    scenario: Option<PathBuf>,
    /// How many runs of each variant, a seed each.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    runs: u64,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed_start: u64,
    /// A server: a path, or a version to take from the store or fetch. Several are compared with the first.
    #[arg(long = "server", value_name = "PATH|VERSION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    servers: Vec<String>,
    /// A set of directives on top of the scenario's, with commas between; cluster-node-timeout is one of them. Each
    /// further --config is a variant of its own.
    #[arg(long = "config", value_name = "KEY=VALUE[,...]")]
    configs: Vec<String>,
    /// How many runs at once; one for each processor without it. It changes no result.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Where histograms, interval logs, bench.json and the picture go; runs/bench-<scenario> without it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Draw percentile curves and distributions there as well.
    #[arg(long = "plot", value_name = "FILE.svg|png")]
    plots: Vec<PathBuf>,
    /// The metrics to draw, with commas between; the steps of a failover without it.
    #[arg(long, value_name = "METRICS", value_delimiter = ',', value_parser = metric)]
    plot_metrics: Vec<Metric>,
    /// Compare with the bench.json of an earlier benchmark; exit 1 if something became worse.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// How much worse a p50 or p99 must be to count, if it is more than chance.
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = percent)]
    threshold: f64,
    /// End a run if a server's call goes round the shim.
    #[arg(long)]
    check_interposition: bool,
}

/// A share such as `10%` or `10`.
fn percent(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text.strip_suffix('%').unwrap_or(text).trim().parse().ok();
    let share = value.filter(|value| (0.0..=1_000_000.0).contains(value)).map(|value| value / 100.0);
    share.ok_or_else(|| format!("{text} is no percentage; write 10%"))
}

fn metric(text: &str) -> Result<Metric, String> {
    let all = || Metric::ALL.map(Metric::name).join(", ");
    Metric::from_name(text).ok_or_else(|| format!("{text} is no metric; there are {}", all()))
}

fn metrics_help() -> String {
    let mut text =
        "Metrics, each counted from a disruption: a primary is killed, paused or cut off, or a failover is \
                    asked for. All are virtual time, in histograms of microseconds with three digits.\n"
            .to_owned();
    for metric in Metric::ALL {
        text.push_str(&format!("  {:<12} {}\n", metric.name(), metric.definition()));
    }
    text
}

impl BenchArguments {
    pub(super) fn resolve(self) -> Request {
        let jobs = self.jobs.map_or_else(processors, usize::from);
        Request {
            scenario: self.scenario,
            runs: self.runs,
            seed_start: self.seed_start,
            servers: self.servers,
            configs: self.configs,
            jobs: NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN),
            out: self.out,
            plots: self.plots,
            plot_metrics: self.plot_metrics,
            baseline: self.baseline,
            threshold: self.threshold,
            check_interposition: self.check_interposition,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn a_threshold_is_a_percentage() {
        assert_eq!(percent("10%"), Ok(0.1));
        assert_eq!(percent("2.5"), Ok(0.025));
        for bad in ["", "ten", "-1%", "NaN", "inf%"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }
}
