//! Campaigns: many seeds, on one or several servers, until told to stop; failures grouped, reduced and kept.
//!
//! A campaign's folder holds its ledger (one line a run), the failures with their logs, and for each group of
//! failures a find: the smallest of them, bisected, reduced and confirmed. All tables follow from the ledger, so a
//! campaign that was ended in any way goes on and ends as if it had never stopped.

mod attempt;
mod find;
pub mod ledger;
pub mod line;
pub mod signature;
pub mod source;
pub mod summary;
pub mod tally;
pub mod worker;

use std::collections::BTreeSet;
use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::plan::ResolveError;
use crate::replay::ReplayError;
use crate::replay::bisect::ProbeError;
use crate::replay::corpus::{CorpusError, spec};
use crate::servers::Server;
use crate::simulation::SimulationError;
use crate::wall::Stopwatch;
use crate::words::CommandLine;
use crate::workers::equipped;

pub use attempt::Divergence;
pub use find::Find;
pub use ledger::{Ledger, LedgerError, Question};
pub use line::{RunLine, RunStatus};
pub use signature::Signature;
pub use source::Source;
pub use tally::{Group, Tally};
pub use worker::Crew;

use attempt::{Attempt, Job};

/// A server that takes part, under the label that lines, folders and tables call it by.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// Its version; with a piece of its digest where two have one version.
    pub label: String,
    /// The server.
    pub server: Server,
}

impl Contestant {
    /// Labels for servers; the same program named twice takes part once.
    pub fn of(servers: Vec<Server>) -> Vec<Contestant> {
        let mut seen = BTreeSet::new();
        let servers: Vec<Server> = servers.into_iter().filter(|s| seen.insert(s.sha256.clone())).collect();
        let label = |server: &Server| {
            let name = spec(&server.identity());
            match servers.iter().filter(|other| spec(&other.identity()) == name).count() {
                1 => name,
                _ => format!("{name}-{}", &server.sha256[..8]),
            }
        };
        servers.iter().map(|server| Contestant { label: label(server), server: server.clone() }).collect()
    }
}

/// What is run, where, and for how long.
pub struct Campaign<'a> {
    /// What is run with every seed.
    pub source: Source,
    /// On what.
    pub contestants: Vec<Contestant>,
    /// The first seed.
    pub seed_start: u64,
    /// How many seeds, each on every server; without end if absent.
    pub seeds: Option<u64>,
    /// For how long in real time new runs are begun; without end if absent.
    pub time: Option<Duration>,
    /// How many runs at once.
    pub jobs: NonZeroUsize,
    /// Who does them.
    pub crew: Crew,
    /// Whether the first violation ends it.
    pub stop_on_first: bool,
    /// Which share of seeds is run twice: so many of so many.
    pub doublecheck: (u64, u64),
    /// How many failures are kept with their logs, those with the lowest seeds; all of them if absent.
    pub kept_max: Option<usize>,
    /// Its folder.
    pub out: PathBuf,
    /// Set to end early.
    pub stop: &'a AtomicBool,
}

/// How a campaign ended.
#[derive(Debug)]
pub enum Ended {
    /// Every seed was run.
    Complete,
    /// Its time was over.
    TimeUp,
    /// It was to end with the first violation.
    FirstViolation,
    /// Somebody asked for the end.
    Interrupted,
    /// A seed that was run twice gave two histories.
    Diverged(Box<Divergence>),
}

/// Why a campaign cannot go on. What it has is kept, and the same command goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A scenario has no plan.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The server does not take the scenario's directives, so that no run of it comes to anything.
    #[error(transparent)]
    Refused(SimulationError),
    /// A file or folder of the campaign cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A kept log cannot be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A run cannot be kept.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// A find cannot be bisected.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// A worker's process could not do a run.
    #[error("{said}")]
    Worker {
        /// Why, in the worker's words.
        said: String,
        /// Whether the server does not take the scenario's directives.
        is_refusal: bool,
    },
}

impl Campaign<'_> {
    /// Runs what the ledger does not have yet, and tells of every run that counts.
    pub fn run(&self, ledger: &mut Ledger, watch: &mut dyn FnMut(&RunLine)) -> Result<Ended, CampaignError> {
        // What an earlier process was in the middle of when it was killed.
        attempt::remove(&self.running())?;
        let clock = Stopwatch::start();
        let is_over = || self.time.is_some_and(|time| clock.elapsed() >= time);
        let goes_on = |_: &Job| !self.is_stopped() && !is_over();
        let todo = self.todo(ledger);
        let mut end: Option<Result<Ended, CampaignError>> = None;
        equipped(
            self.jobs,
            todo.take_while(goes_on),
            || None,
            |worker, job| self.have_done(job, worker),
            |_, attempt| {
                let ended = self.take(attempt, ledger, watch).transpose();
                let flow = if ended.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
                end = end.take().or(ended);
                flow
            },
        );
        ledger.sync()?;
        attempt::remove(&self.running())?;
        match end {
            Some(ended) => ended,
            None if self.is_stopped() => Ok(Ended::Interrupted),
            None if is_over() => Ok(Ended::TimeUp),
            None => Ok(Ended::Complete),
        }
    }

    /// The runs that do not count yet, in order of their seeds.
    fn todo<'s>(&'s self, ledger: &Ledger) -> impl Iterator<Item = Job<'s>> + Send + use<'s> {
        let done = ledger.counted();
        let last = self.seeds.map_or(u64::MAX, |seeds| self.seed_start.saturating_add(seeds));
        let jobs =
            (self.seed_start..last).flat_map(|seed| self.contestants.iter().map(move |on| Job { seed, on }));
        jobs.filter(move |job| !done.contains(&(job.seed, job.on.label.clone())))
    }

    /// Takes what came of a run; says how the campaign ends, if it does.
    fn take(
        &self,
        attempt: Result<Attempt, CampaignError>,
        ledger: &mut Ledger,
        watch: &mut dyn FnMut(&RunLine),
    ) -> Result<Option<Ended>, CampaignError> {
        match attempt? {
            Attempt::Interrupted => Ok(Some(Ended::Interrupted)),
            Attempt::Diverged(divergence) => Ok(Some(Ended::Diverged(divergence))),
            Attempt::Counted(line) => {
                ledger.append(RunLine::clone(&line))?;
                let failed = line.status == RunStatus::Failed;
                if let Some(most) = self.kept_max.filter(|_| failed) {
                    self.bound_failures(ledger, most)?;
                }
                watch(&line);
                let is_last = self.stop_on_first && failed;
                Ok(is_last.then_some(Ended::FirstViolation))
            }
        }
    }

    /// Removes the failures with the highest seeds where more are kept than may be.
    fn bound_failures(&self, ledger: &Ledger, most: usize) -> Result<(), CampaignError> {
        let failed = ledger.runs().filter(|line| line.status == RunStatus::Failed);
        failed.skip(most).try_for_each(|line| attempt::remove(&self.failure(line)))
    }

    /// Where a run is kept that failed.
    pub fn failure(&self, line: &RunLine) -> PathBuf {
        self.failures().join(line.folder_name())
    }

    /// What to type to see one run again.
    pub fn reproduction(&self, seed: u64, on: &Contestant) -> String {
        let run = CommandLine::of("run");
        let run = match &self.source {
            Source::Generated(overrides) => overrides.typed_in(run.option("--seed", seed)),
            Source::Scenarios(_) => {
                let folder = self.failures().join(line::run_name(seed, &on.label));
                run.file(&folder.join("scenario.yaml"))
            }
        };
        run.option("--server", &on.server.spec).to_string()
    }

    /// Whether somebody asked for the end.
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Where failures are kept.
    fn failures(&self) -> PathBuf {
        self.out.join("failures")
    }

    /// Where runs that are under way have their files.
    fn running(&self) -> PathBuf {
        self.out.join("running")
    }
}
