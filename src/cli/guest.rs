//! What `guest` takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::processors;
use crate::commands::guest::{Many, Request};

/// The exit status is the program's own; 128 and the signal's number if one ended it; 124 if it did not end in its time; 125 if
/// it could not go on, or the simulation failed; 126 if it cannot be simulated; 127 if there is no such program; 2 for a bad usage of this command. Where it is 0
/// and a cluster beside it was found at fault, it is that of `run`.
#[derive(Args)]
pub(super) struct GuestArguments {
    /// The program and its arguments: a path, or a name that is looked for among the server's tools and on PATH.
    #[arg(required = true, last = true, value_name = "PROGRAM")]
    command: Vec<String>,
    /// The seed of latencies, orders and everything random; without it a fresh one.
    #[arg(long)]
    seed: Option<u64>,
    /// Run it under so many seeds, and say how often it fails: ends otherwise than with 0, or not in its time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["seed", "record"])]
    runs: Option<u64>,
    /// The first of these seeds; the next ones follow it.
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "runs")]
    seed_start: u64,
    /// How many of these runs at once; one for each processor without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), requires = "runs")]
    jobs: Option<u16>,
    /// Do single runs for a campaign's process with this number.
    #[arg(long, value_name = "PID", hide = true, requires = "runs")]
    worker: Option<u32>,
    /// The server whose tools are found: a path, or a version to take from the store or fetch.
    #[arg(long, value_name = "PATH|VERSION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    server: Option<String>,
    /// Form a cluster of so many shards beside it, node 1 at 10.0.0.1:6379; without it there is none.
    #[arg(long, value_parser = clap::value_parser!(u64).range(3..=16))]
    shards: Option<u64>,
    /// So many replicas a shard.
    #[arg(long, requires = "shards", value_parser = clap::value_parser!(u64).range(0..=5))]
    replicas: Option<u64>,
    /// The folder that a copy is made of for it to work in, but for `.git`, `runs` and folders of results.
    #[arg(long, value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Let it begin in an empty folder.
    #[arg(long, conflicts_with = "folder")]
    empty: bool,
    /// What it reads from its standard input, nothing if absent; `-` is this program's own, read to its end first.
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// A variable of its environment.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// How many seconds of virtual time it may take; 300 if absent.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<f64>,
    /// Where the results go; without it runs/<scenario id>_<program>/, or campaigns/<command>/ with --runs, which goes on where
    /// it was left.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also make a recording of the run, as in replay/.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("{text} sets nothing; write NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

impl GuestArguments {
    pub(super) fn resolve(self) -> Request {
        let jobs = self.jobs.map_or_else(processors, usize::from);
        let jobs = NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN);
        let many = self.runs.map(|runs| Many { runs, jobs, works_for: self.worker });
        Request {
            command: self.command,
            seed: many.map(|_| self.seed_start).or(self.seed),
            many,
            server: self.server,
            shards: self.shards,
            replicas: self.replicas,
            folder: (!self.empty).then_some(self.folder),
            stdin: self.stdin,
            environment: self.env,
            timeout: self.timeout,
            out: self.out,
            record: self.record,
        }
    }
}
