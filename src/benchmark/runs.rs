//! Runs every variant under every seed, side by side, and takes the figures.
//!
//! Results are kept by the place of their run, so that what comes of a benchmark does not depend on which of two runs
//! ended first.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, RangeInclusive};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Variant;
use crate::convergence::{Convergence, Figures};
use crate::event::Event;
use crate::plan::{Plan, ResolveError, resolve};
use crate::scratch::ScratchFolder;
use crate::servers::Server;
use crate::simulation::{Log, Outcome, Simulation, SimulationError};
use crate::time::SimDuration;
use crate::words::no_temporary_folder;
use crate::workers::side_by_side;
use crate::world::WorldError;

/// What is run.
pub struct Bench<'a> {
    /// The columns.
    pub variants: &'a [Variant],
    /// The seeds, the same for each.
    pub seeds: RangeInclusive<u64>,
    /// How many runs at once.
    pub jobs: NonZeroUsize,
    /// Whether calls that go round the shim end a run.
    pub check_interposition: bool,
    /// Set when it is to end early.
    pub stop: &'a AtomicBool,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// How long it took, in virtual time.
    pub lasted: SimDuration,
    /// The figures of each disruption, or why there are none.
    pub came_to: Result<Vec<Figures>, String>,
    /// The invariants that it violated.
    pub violated: Vec<String>,
}

/// How far a benchmark has come.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// Runs that are done.
    pub done: usize,
    /// All runs.
    pub of: usize,
    /// Those done that came to nothing.
    pub failed: usize,
}

/// Why there is no benchmark at all.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The scenario has no plan.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The server does not take the directives, so that no run of them comes to anything.
    #[error(transparent)]
    Refused(SimulationError),
}

impl Bench<'_> {
    /// The runs of each variant, by seed; nothing if somebody asked for the end.
    pub fn run(&self, progress: &mut dyn FnMut(Counted)) -> Result<Option<Vec<Vec<Run>>>, BenchError> {
        for variant in self.variants {
            resolve(&variant.scenario, Some(*self.seeds.start()))?;
        }
        let jobs: Vec<(&Variant, u64)> = self
            .seeds
            .clone()
            .flat_map(|seed| self.variants.iter().map(move |variant| (variant, seed)))
            .collect();
        let mut counted = Counted { done: 0, of: jobs.len(), failed: 0 };
        let mut runs: Vec<Option<Run>> = jobs.iter().map(|_| None).collect();
        let mut refused = None;
        let take = |place: usize, run: Result<Option<Run>, BenchError>| {
            let run = run.unwrap_or_else(|error| {
                refused.get_or_insert(error);
                None
            });
            counted.done += 1;
            counted.failed += usize::from(run.as_ref().is_some_and(|run| run.came_to.is_err()));
            runs[place] = run;
            progress(counted);
            let is_over = refused.is_some() || self.stop.load(Ordering::Relaxed);
            if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        side_by_side(self.jobs, jobs.into_iter(), |(variant, seed)| self.one(variant, seed), take);
        if let Some(error) = refused {
            return Err(error);
        }
        Ok(runs.into_iter().collect::<Option<Vec<Run>>>().map(|runs| self.by_variant(runs)))
    }

    fn by_variant(&self, runs: Vec<Run>) -> Vec<Vec<Run>> {
        let mut sorted = vec![Vec::new(); self.variants.len()];
        for (place, run) in runs.into_iter().enumerate() {
            sorted[place % self.variants.len()].push(run);
        }
        sorted
    }

    /// Runs one seed; nothing if it was interrupted.
    fn one(&self, variant: &Variant, seed: u64) -> Result<Option<Run>, BenchError> {
        let nothing =
            |why: String| Run { seed, lasted: SimDuration::ZERO, came_to: Err(why), violated: Vec::new() };
        let plan = match resolve(&variant.scenario, Some(seed)) {
            Ok(plan) => plan,
            Err(error) => return Ok(Some(nothing(error.to_string()))),
        };
        let folder = match ScratchFolder::new() {
            Ok(folder) => folder,
            Err(error) => return Ok(Some(nothing(format!("{}: {error}", no_temporary_folder())))),
        };
        match self.measure(&plan, &variant.server, folder.path()) {
            Ok((outcome, _)) if outcome.interrupted => Ok(None),
            Ok((outcome, figures)) => Ok(Some(run(seed, &outcome, figures))),
            Err(error @ SimulationError::World(WorldError::BadConfig { .. })) => {
                Err(BenchError::Refused(error))
            }
            Err(error) => Ok(Some(nothing(error.to_string()))),
        }
    }

    fn measure(
        &self,
        plan: &Plan,
        server: &Server,
        folder: &Path,
    ) -> Result<(Outcome, Vec<Figures>), SimulationError> {
        let seen = Rc::new(RefCell::new(Convergence::new(plan)));
        let observed = Rc::clone(&seen);
        let simulation = Simulation {
            check_interposition: self.check_interposition,
            log: Log::Dropped,
            observer: Some(Box::new(move |event: &Event| observed.borrow_mut().see(event))),
            ..Simulation::new(plan, server, folder)
        };
        let outcome = simulation.run(self.stop, &mut |_| {})?;
        let seen = Rc::into_inner(seen).expect("the observer went with its run").into_inner();
        Ok((outcome, seen.finish()))
    }
}

fn run(seed: u64, outcome: &Outcome, figures: Vec<Figures>) -> Run {
    let violated = outcome.report.validations.iter().filter(|validation| validation.verdict.is_violated());
    Run {
        seed,
        lasted: SimDuration::from_secs_f64(outcome.report.meters.virtual_s),
        came_to: match &outcome.unfinished {
            Some(why) => Err(why.clone()),
            None => Ok(figures),
        },
        violated: violated.map(|validation| validation.name.to_owned()).collect(),
    }
}
