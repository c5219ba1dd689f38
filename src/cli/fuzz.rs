//! What `fuzz` takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::generated::GeneratedArguments;
use super::processors;
use crate::commands::fuzz::Request;

#[derive(Args)]
pub(super) struct FuzzArguments {
    /// How many seeds, each on every server; without it and --time until Ctrl-C.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    runs: Option<u64>,
    /// For how long new runs are begun, such as 30s, 10m or 8h; looking into what failed comes after that.
    #[arg(long, value_name = "TIME", value_parser = real_time)]
    time: Option<Duration>,
    /// How many runs at once; one for each processor without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// The first seed; the next ones follow it.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed_start: u64,
    /// A server, a path or a version to take from the store or fetch; several times for several servers.
    #[arg(long = "server", value_name = "PATH|VERSION", value_parser = NonEmptyStringValueParser::new())]
    servers: Vec<String>,
    /// A scenario in which only the seed varies; several times to let them take turns. Without it every seed generates its own.
    #[arg(long = "scenario", id = "scenario", value_name = "FILE")]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    generated: GeneratedArguments,
    /// End with the first violation.
    #[arg(long)]
    stop_on_first: bool,
    /// Group failures, but do not look for their causes.
    #[arg(long)]
    no_shrink: bool,
    /// Run a share of the seeds twice and compare, such as 5% or 1/20; a difference ends the campaign.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0%")]
    doublecheck: (u64, u64),
    /// The campaign's folder; without it campaigns/<scenario>. A campaign that is there goes on.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Do single runs for a campaign's process with this number.
    #[arg(long, value_name = "PID", hide = true)]
    worker: Option<u32>,
}

impl FuzzArguments {
    pub(super) fn resolve(self) -> Request {
        let jobs = self.jobs.map_or_else(processors, usize::from);
        Request {
            runs: self.runs,
            time: self.time,
            jobs: NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN),
            seed_start: self.seed_start,
            servers: self.servers,
            scenarios: self.scenarios,
            overrides: self.generated.resolve(),
            stop_on_first: self.stop_on_first,
            no_shrink: self.no_shrink,
            doublecheck: self.doublecheck,
            out: self.out,
            works_for: self.worker,
        }
    }
}

/// A time by the clock on the wall: `90`, `90s`, `10m` or `8h`.
fn real_time(text: &str) -> Result<Duration, String> {
    let (number, unit_s) = match text.char_indices().next_back() {
        Some((end, 's')) => (&text[..end], 1),
        Some((end, 'm')) => (&text[..end], 60),
        Some((end, 'h')) => (&text[..end], 3600),
        _ => (text, 1),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_s));
    match seconds {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("{text} is no time; write 30s, 10m or 8h")),
    }
}

/// A share between nothing and all: `5%`, `0.5%` or `1/20`.
fn share(text: &str) -> Result<(u64, u64), String> {
    /// Percentages are taken to the thousandth.
    const PARTS: u64 = 100_000;
    let bad = || format!("{text} is no share of seeds; write 5% or 1/20");
    let parsed = match (text.strip_suffix('%'), text.split_once('/')) {
        (Some(percent), _) => {
            let parts = percent.trim().parse::<f64>().map_err(|_| bad())? * PARTS as f64 / 100.0;
            (parts.is_finite() && parts >= 0.0).then_some((parts.round() as u64, PARTS))
        }
        (None, Some((part, whole))) => part.parse().ok().zip(whole.parse().ok()),
        (None, None) => None,
    };
    parsed.filter(|(part, whole)| *whole > 0 && part <= whole).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_are_read_and_nonsense_is_refused() {
        assert_eq!(real_time("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(real_time("45"), Ok(Duration::from_secs(45)));
        assert_eq!(share("5%"), Ok((5_000, 100_000)));
        assert_eq!(share("1/20"), Ok((1, 20)));
        assert_eq!(share("100%"), Ok((100_000, 100_000)));
        for bad in ["", "0s", "m", "-1m", "1é", "99999999999999999999h", "é"] {
            assert!(real_time(bad).is_err(), "{bad}");
        }
        for bad in ["", "%", "101%", "2/1", "1/0", "-5%", "NaN%", "0.05"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }
}
