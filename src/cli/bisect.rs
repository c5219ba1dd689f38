//! What `bisect` takes.

use std::path::PathBuf;

use clap::Args;

use super::processors;
use crate::commands::bisect::Request;

#[derive(Args)]
pub(super) struct BisectArguments {
    /// The log, plain or compressed, or the folder that holds it.
    log: PathBuf,
    /// Bisect against another server: a path, or a version to take from the store or fetch.
    #[arg(long, value_name = "PATH|VERSION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    server: Option<String>,
    /// The invariant to look for; without it the first that the run violated.
    #[arg(long, value_name = "NAME")]
    invariant: Option<String>,
    /// How many runs at once; one for each processor without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Run each position until its rate of failure is decided, at most N times, for runs that fail only sometimes; the
    /// minimal cause is still searched by single runs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(20..=1_000_000))]
    repeat: Option<u64>,
    /// Only the turning point, not the minimal cause.
    #[arg(long)]
    no_shrink: bool,
    /// Where the minimal scenario and the answers so far go; `bisect` beside the log without it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl BisectArguments {
    pub(super) fn resolve(self) -> Request {
        Request {
            log: self.log,
            server: self.server,
            invariant: self.invariant,
            jobs: self.jobs.map_or_else(processors, usize::from),
            repeat: self.repeat,
            no_shrink: self.no_shrink,
            out: self.out,
        }
    }
}
