//! What in a recorded run makes it fail: the turning point among its injected events, and the few that are enough.
//!
//! The algorithms are in `crate::bisect`; here are the runs that answer them. The turning point is searched with the
//! recorded decisions, so that each run is equal to the recorded one up to where it stops injecting. The minimal cause
//! is searched with plans, because it must be a scenario that runs by itself.

mod injected;
mod minimal;
mod runs;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

pub use injected::Injected;
pub use minimal::Minimum;
pub use runs::ProbeError;

use super::Recording;
use crate::bisect::{
    Flaky, FlakyTurningPoint, Journal, Journalled, OtherQuestion, Progress, Search, Trial, TurningPoint,
    flaky_turning_point, turning_point,
};
use crate::servers::Server;
use runs::Prefixes;

/// What a bisection works with.
pub struct Bisection<'a> {
    /// The failing run.
    pub recording: &'a Recording,
    /// The server that is asked.
    pub server: &'a Server,
    /// The invariant whose violation is looked for.
    pub invariant: String,
    /// How many runs at once.
    pub jobs: usize,
    /// Where journals and results go.
    pub out: PathBuf,
    /// Set to end early; what was answered is kept.
    pub stop: &'a AtomicBool,
}

/// Where a run turns.
#[derive(Clone, Debug)]
pub struct Turn {
    /// What the search found; its position counts injections.
    pub point: TurningPoint,
    /// How many injections there are.
    pub of: usize,
    /// The injection with which the run fails; nothing if it fails with none.
    pub event: Option<Injected>,
    /// The rates of failure, if each position was run more than once; its `found` is `point`.
    pub rates: Option<FlakyTurningPoint>,
}

impl Turn {
    fn of(point: TurningPoint, injected: &[Injected], rates: Option<FlakyTurningPoint>) -> Self {
        let event = point.position.checked_sub(1).map(|last| injected[last].clone());
        Turn { point, of: injected.len(), event, rates }
    }
}

impl Bisection<'_> {
    /// Finds the first injection with which the run fails.
    pub fn turn(&self, progress: &mut dyn FnMut(Progress)) -> Result<Turn, ProbeError> {
        let injected = Injected::of(self.recording)?;
        let prober = Prefixes { bisection: self, injected: &injected };
        let journal = self.journal("turning-point.jsonl", "prefixes")?;
        let prober = Journalled::new(prober, journal, |kept: &usize| kept.to_string());
        let point = turning_point(injected.len(), prober, Search::default(), progress)?;
        Ok(Turn::of(point, &injected, None))
    }

    /// The same where a run fails only sometimes: each position is run until `flaky` has decided. Under virtual time
    /// every rate is 0 or 1, and so it is seen to be.
    pub fn turn_by_rates(
        &self,
        flaky: Flaky,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Turn, ProbeError> {
        let injected = Injected::of(self.recording)?;
        let prober = Prefixes { bisection: self, injected: &injected };
        let journal = self.journal("turning-point-repeated.jsonl", "runs of prefixes")?;
        let key = |trial: &Trial<usize>| format!("{} run {}", trial.candidate, trial.run);
        let prober = Journalled::new(prober, journal, key);
        let rates = flaky_turning_point(injected.len(), prober, flaky, progress)?;
        Ok(Turn::of(rates.found.clone(), &injected, Some(rates)))
    }

    /// The journal of one part of the search; one of another log or server is begun anew.
    fn journal(&self, name: &str, what: &str) -> Result<Journal, ProbeError> {
        let header = &self.recording.header;
        let plan = serde_json::to_string(&header.plan).expect("a plan is plain data");
        let question = format!(
            "{what} of {} events, {plan}, {} on {}, tool {}",
            self.recording.decisions.events,
            self.invariant,
            self.server.sha256,
            env!("CARGO_PKG_VERSION")
        );
        let path = self.out.join(name);
        Ok(Journal::open(&path, &question, OtherQuestion::Restart)
            .map_err(crate::bisect::BisectError::from)?)
    }

    fn folder(&self, name: &str) -> Result<PathBuf, ProbeError> {
        let folder = self.out.join(name);
        std::fs::create_dir_all(&folder).map_err(|source| ProbeError::io(&folder, source))?;
        Ok(folder)
    }
}

/// Writes a text beside the results.
fn write(path: &Path, text: &str) -> Result<(), ProbeError> {
    std::fs::write(path, text).map_err(|source| ProbeError::io(path, source))
}
