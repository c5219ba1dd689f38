//! The runs that answer a search: a prefix of the recorded run, or a plan of its own, several side by side.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Bisection, Injected};
use crate::bisect::{Answer, BisectError, Prober, Trial};
use crate::plan::Plan;
use crate::replay::ReplayError;
use crate::scheduler::Guide;
use crate::scratch::ScratchFolder;
use crate::simulation::{Log, Outcome, Simulation, SimulationError};
use crate::workers;

/// Why a search ends without a result.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// There is nothing to find, or no place for answers.
    #[error(transparent)]
    Bisect(#[from] BisectError),
    /// The log cannot be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A run could not be judged.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// A result cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody asked for the end.
    #[error("interrupted; the answers so far are kept, and the same command goes on from there")]
    Interrupted,
}

impl ProbeError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        ProbeError::Io { path: path.to_owned(), source }
    }
}

/// Answers for positions: the recorded run with its first so many injections.
pub(super) struct Prefixes<'a> {
    pub bisection: &'a Bisection<'a>,
    pub injected: &'a [Injected],
}

impl Prefixes<'_> {
    /// Runs the recorded run with its first `kept` injections.
    fn ask(&self, kept: usize) -> Result<Answer, ProbeError> {
        let recording = self.bisection.recording;
        let cease_at = kept.checked_sub(1).map_or(0, |last| self.injected[last].keep);
        let decisions = recording.decisions.clone();
        let guide = Guide { decisions, cease_at: Some(cease_at), end_at: None };
        self.bisection.ask(recording.plan(), guide)
    }
}

impl Prober<usize> for Prefixes<'_> {
    type Error = ProbeError;

    fn probe(&mut self, candidates: &[usize]) -> Result<Vec<Answer>, ProbeError> {
        self.bisection.side_by_side(candidates, |kept| self.ask(*kept))
    }

    fn jobs(&self) -> usize {
        self.bisection.jobs
    }
}

impl Prober<Trial<usize>> for Prefixes<'_> {
    type Error = ProbeError;

    fn probe(&mut self, trials: &[Trial<usize>]) -> Result<Vec<Answer>, ProbeError> {
        self.bisection.side_by_side(trials, |trial| self.ask(trial.candidate))
    }

    fn jobs(&self) -> usize {
        self.bisection.jobs
    }
}

impl Bisection<'_> {
    /// Answers all candidates, as many at once as there are.
    pub(super) fn side_by_side<C: Sync>(
        &self,
        candidates: &[C],
        answer: impl Fn(&C) -> Result<Answer, ProbeError> + Sync,
    ) -> Result<Vec<Answer>, ProbeError> {
        let workers = NonZeroUsize::new(self.jobs.min(candidates.len())).unwrap_or(NonZeroUsize::MIN);
        workers::all(workers, candidates.iter(), answer).into_iter().collect()
    }

    /// Whether a run violates the invariant.
    pub(super) fn ask(&self, plan: &Plan, guide: Guide) -> Result<Answer, ProbeError> {
        let folder = ScratchFolder::new().map_err(|source| ProbeError::io(&std::env::temp_dir(), source))?;
        let simulation =
            Simulation { guide, log: Log::Dropped, ..Simulation::new(plan, self.server, folder.path()) };
        let outcome = simulation.run(self.stop, &mut |_| {})?;
        self.answer(&outcome)
    }

    /// What a run's verdicts say of the invariant.
    pub(super) fn answer(&self, outcome: &Outcome) -> Result<Answer, ProbeError> {
        if is_set(self.stop) {
            return Err(ProbeError::Interrupted);
        }
        let asked = |validation: &&crate::report::Validation| validation.name == self.invariant;
        let verdict = outcome.report.validations.iter().find(asked).map(|validation| &validation.verdict);
        Ok(match (verdict, &outcome.unfinished) {
            (Some(verdict), _) if verdict.is_violated() => Answer::Fails,
            (_, Some(why)) => Answer::Unknown(why.clone()),
            (Some(verdict), None) if verdict.is_unknown() => Answer::Unknown(verdict.detail().to_owned()),
            (Some(_), None) => Answer::Passes,
            (None, None) => Answer::Unknown("the invariant is not judged".to_owned()),
        })
    }
}

fn is_set(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}
