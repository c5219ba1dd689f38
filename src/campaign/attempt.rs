//! One seed on one server: run, judged, kept if it failed, and now and then run twice.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::line::{RunLine, RunStatus, run_name};
use super::{Campaign, CampaignError, Contestant};
use crate::event_log::LOG_FILE;
use crate::invariant::evidence::GuestReport;
use crate::plan::Plan;
use crate::replay::corpus::{self, Effort, Readme, Recorded};
use crate::replay::parted::Parted;
use crate::replay::{Recording, ReplayError};
use crate::report::RunReport;
use crate::rng::Stream;
use crate::simulation::{GUESTS, Log, Outcome, Simulation, SimulationError};
use crate::world::WorldError;

/// A run to be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'a> {
    pub seed: u64,
    pub on: &'a Contestant,
}

/// What came of a job.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Attempt {
    /// A run that counts.
    Counted(Box<RunLine>),
    /// Somebody asked for the end: it does not count.
    Interrupted,
    /// It was run twice and was not the same: a bug of this tool.
    Diverged(Box<Divergence>),
}

/// Two runs of one seed that differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Divergence {
    /// The seed.
    pub seed: u64,
    /// The server.
    pub server: String,
    /// The first difference, and what led to it.
    pub parted: Parted,
    /// Where both logs are.
    pub folder: PathBuf,
}

impl Campaign<'_> {
    /// Does a job. Its folder is gone afterwards, unless the run failed or differs.
    pub(super) fn attempt(&self, job: Job<'_>) -> Result<Attempt, CampaignError> {
        let plan = self.source.plan(job.seed, &job.on.server)?;
        let folder = self.scratch(&job)?;
        // A bug of this tool in one run must not end the other ten thousand.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.simulate(&plan, &job, &folder, Log::Kept)));
        let attempt = match outcome {
            Ok(Ok(outcome)) if outcome.interrupted => Attempt::Interrupted,
            Ok(Ok(outcome)) => self.conclude(&plan, &job, &folder, &outcome)?,
            Ok(Err(SimulationError::Output { path, source })) => {
                return Err(CampaignError::Io { path, source });
            }
            Ok(Err(
                error @ (SimulationError::World(WorldError::BadConfig { .. })
                | SimulationError::TooOld { .. }
                | SimulationError::NoProgram { .. }),
            )) => {
                return Err(CampaignError::Refused(error));
            }
            Ok(Err(error)) => self.error(&plan, &job, error.to_string()),
            Err(panic) => self.error(&plan, &job, format!("a bug of this tool: {}", said(&*panic))),
        };
        remove(&folder)?;
        Ok(attempt)
    }

    pub(super) fn error(&self, plan: &Plan, job: &Job, reason: String) -> Attempt {
        Attempt::Counted(Box::new(RunLine::error(plan, &job.on.label, reason)))
    }

    fn simulate(&self, plan: &Plan, job: &Job, out: &Path, log: Log) -> Result<Outcome, SimulationError> {
        let reproduction = self.reproduction(job.seed, job.on);
        let simulation = Simulation { reproduction, log, ..Simulation::new(plan, &job.on.server, out) };
        simulation.run(self.stop, &mut |_| {})
    }

    fn conclude(
        &self,
        plan: &Plan,
        job: &Job,
        folder: &Path,
        outcome: &Outcome,
    ) -> Result<Attempt, CampaignError> {
        let mut line = RunLine::of(plan, &job.on.label, &outcome.report, outcome.unfinished.as_deref());
        if self.is_doublechecked(job.seed) {
            match self.again(plan, job, folder)? {
                Some(attempt) => return Ok(attempt),
                None => line.doublechecked = true,
            }
        }
        if line.status == RunStatus::Failed {
            self.keep(job, folder, &line, &outcome.report)?;
        }
        Ok(Attempt::Counted(Box::new(line)))
    }

    /// Whether a seed is run twice: a share of all seeds, the same ones every time.
    fn is_doublechecked(&self, seed: u64) -> bool {
        let (numerator, denominator) = self.doublecheck;
        Stream::new(seed, "campaign", "doublecheck").chance(numerator, denominator)
    }

    /// Runs it again beside its own log; nothing if the two are equal.
    fn again(&self, plan: &Plan, job: &Job, folder: &Path) -> Result<Option<Attempt>, CampaignError> {
        let first = Recording::open(folder)?;
        let second = self.scratch_named(&format!("{}-again", name(job)))?;
        let log = Log::Compared(Box::new(first.comparison()?));
        let mut outcome = self.simulate(plan, job, &second, log).map_err(ReplayError::from)?;
        let parted = first.parted(&mut outcome)?;
        let Some(parted) = parted else {
            remove(&second)?;
            return Ok(outcome.interrupted.then_some(Attempt::Interrupted));
        };
        let kept = self.out.join("divergence").join(name(job));
        remove(&kept)?;
        create(&kept)?;
        for (from, to) in [(folder, "first"), (&second, "second")] {
            let to = kept.join(to);
            fs::rename(from, &to).map_err(|source| CampaignError::Io { path: to, source })?;
        }
        let server = job.on.label.clone();
        Ok(Some(Attempt::Diverged(Box::new(Divergence { seed: job.seed, server, parted, folder: kept }))))
    }

    /// Keeps a failure as a recording: all of it or nothing.
    fn keep(
        &self,
        job: &Job,
        folder: &Path,
        line: &RunLine,
        report: &RunReport,
    ) -> Result<(), CampaignError> {
        let part = self.scratch_named(&format!("{}-kept", name(job)))?;
        let (scenario, server, log) =
            (self.source.scenario(job.seed, &job.on.server), job.on.server.identity(), folder.join(LOG_FILE));
        let effort = Effort::Little;
        let run = Recorded { scenario: &scenario, server: &server, report, log: &log, effort };
        let shows = line.signature.as_ref().map(ToString::to_string).unwrap_or_default();
        corpus::keep(&part, &run, &Readme { shows, ..Readme::of_run(&run) })?;
        keep_outputs(&folder.join(GUESTS), &part.join(GUESTS), &report.guests)?;
        let to = self.failure(line);
        create(&self.failures())?;
        remove(&to)?;
        fs::rename(&part, &to).map_err(|source| CampaignError::Io { path: to, source })
    }

    fn scratch(&self, job: &Job) -> Result<PathBuf, CampaignError> {
        self.scratch_named(&name(job))
    }

    fn scratch_named(&self, name: &str) -> Result<PathBuf, CampaignError> {
        let folder = self.running().join(name);
        remove(&folder)?;
        create(&folder)?;
        Ok(folder)
    }
}

/// Copies what guests wrote to their outputs; what they left in their folders a replay of the log makes again.
fn keep_outputs(from: &Path, to: &Path, guests: &[GuestReport]) -> Result<(), CampaignError> {
    for guest in guests.iter().filter(|guest| guest.started_at.is_some()) {
        let (from, to) = (from.join(&guest.name), to.join(&guest.name));
        create(&to)?;
        for name in ["stdout", "stderr"] {
            let copy = to.join(name);
            fs::copy(from.join(name), &copy).map_err(|source| CampaignError::Io { path: copy, source })?;
        }
    }
    Ok(())
}

fn name(job: &Job) -> String {
    run_name(job.seed, &job.on.label)
}

pub(super) fn create(folder: &Path) -> Result<(), CampaignError> {
    fs::create_dir_all(folder).map_err(|source| CampaignError::Io { path: folder.to_owned(), source })
}

/// Removes a folder; one that is not there is removed already.
pub(super) fn remove(folder: &Path) -> Result<(), CampaignError> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(CampaignError::Io { path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it said nothing")
}
