//! Recorded runs, run again: with the log's decisions instead of fresh draws, compared event by event as they go.
//!
//! A replay on the recorded server must be equal to the byte; where it is not, `parted` says where and why. On another
//! server it is another history, and `align` compares the two by what their events mean.

pub mod align;
pub mod bisect;
pub mod corpus;
pub mod inspect;
pub mod parted;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::event::Body;
use crate::event_log::compare::Comparison;
use crate::event_log::{self, Decisions, Header, OpenError, ReadError};
use crate::plan::{Plan, Unfit};
use crate::scheduler::{Guide, Progress};
use crate::scratch::ScratchFolder;
use crate::servers::Server;
use crate::simulation::{Log, Outcome, Simulation, SimulationError};
use crate::words::{CommandLine, no_temporary_folder};
use parted::Parted;

/// A log that can be run again.
#[derive(Debug)]
pub struct Recording {
    /// The log's file, or the folder that holds it.
    pub path: PathBuf,
    /// What the run depended on.
    pub header: Header,
    /// What it decided.
    pub decisions: Decisions,
}

/// A log of which only the header is read, so that whoever needs more than that can read both at once.
#[derive(Debug)]
pub struct Begun {
    /// The log's file, or the folder that holds it.
    pub path: PathBuf,
    /// What the run depended on.
    pub header: Header,
}

/// Why there is no replay.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is no log.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadError,
    },
    /// The header's plan is none that a scenario can give, so it is not run.
    #[error("{}: the plan in its header cannot be run: {source}", path.display())]
    Plan {
        /// Which log.
        path: PathBuf,
        /// What is wrong with the plan.
        source: Unfit,
    },
    /// There is no place for the run's own files.
    #[error("{}: {why}", no_temporary_folder(), why = .0)]
    NoRoom(std::io::Error),
    /// The run could not be judged.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
}

/// What a replay on the recorded server came to.
pub struct Replayed {
    /// What the run itself came to.
    pub outcome: Outcome,
    /// Where it parted from the recorded one.
    pub parted: Option<Parted>,
}

impl Begun {
    /// Reads the header of a log: a file, a compressed one, or a folder of results. A log may come from anybody, so its
    /// plan must keep the limits that a scenario must.
    pub fn open(path: &Path) -> Result<Self, ReplayError> {
        let header = event_log::open(path)?.header().clone();
        header.plan.fits().map_err(|source| ReplayError::Plan { path: path.to_owned(), source })?;
        Ok(Begun { path: path.to_owned(), header })
    }

    /// Reads the decisions.
    pub fn read(&self) -> Result<Recording, ReplayError> {
        let Begun { path, header } = self;
        let read = |source| ReplayError::Read { path: path.clone(), source };
        let decisions = Decisions::load(event_log::open_lines(path)?).map_err(read)?;
        Ok(Recording { path: path.clone(), header: header.clone(), decisions })
    }
}

impl Recording {
    /// Reads the header and the decisions of a log.
    pub fn open(path: &Path) -> Result<Self, ReplayError> {
        Begun::open(path)?.read()
    }

    /// The recorded plan.
    pub fn plan(&self) -> &Plan {
        &self.header.plan
    }

    /// The invariants that the recorded run violated, in the order of its verdicts.
    pub fn violated(&self) -> Result<Vec<String>, ReplayError> {
        let mut violated = Vec::new();
        for event in event_log::open(&self.path)? {
            match event.map_err(|source| self.unreadable(source))?.body {
                Body::Verdict { invariant, verdict, .. } if verdict == "violated" => violated.push(invariant),
                _ => {}
            }
        }
        Ok(violated)
    }

    /// What makes a run decide as the recorded one did, for as long as that lasted.
    pub fn guide(&self) -> Guide {
        Guide { decisions: self.decisions.clone(), end_at: Some(self.decisions.events), cease_at: None }
    }

    /// The recorded run, about to be run on `server` with its results in `out`.
    pub fn simulation<'a>(&'a self, server: &'a Server, out: &'a Path) -> Simulation<'a> {
        Simulation {
            guide: self.guide(),
            reproduction: CommandLine::of("replay").file(&self.path).to_string(),
            ..Simulation::new(self.plan(), server, out)
        }
    }

    /// The log, to hold a run against.
    pub fn comparison(&self) -> Result<Comparison, ReplayError> {
        let lines = event_log::open_lines(&self.path)?;
        Comparison::new(lines).map_err(|source| self.unreadable(source))
    }

    fn unreadable(&self, source: ReadError) -> ReplayError {
        ReplayError::Read { path: self.path.clone(), source }
    }

    /// Runs it again on the recorded server, as far as the two are equal, and keeps the results in `out`.
    pub fn replay(
        &self,
        server: &Server,
        out: &Path,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Replayed, ReplayError> {
        let log = Log::Compared(Box::new(self.comparison()?));
        self.replay_into(Simulation { log, ..self.simulation(server, out) }, stop, progress)
    }

    /// The same, and leaves nothing behind: a log that is equal need not be written once more.
    pub fn check(
        &self,
        server: &Server,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Replayed, ReplayError> {
        let folder = ScratchFolder::new().map_err(ReplayError::NoRoom)?;
        let log = Log::OnlyCompared(Box::new(self.comparison()?));
        self.replay_into(Simulation { log, ..self.simulation(server, folder.path()) }, stop, progress)
    }

    fn replay_into(
        &self,
        simulation: Simulation,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Replayed, ReplayError> {
        let mut outcome = simulation.run(stop, progress)?;
        let parted = self.parted(&mut outcome)?;
        Ok(Replayed { outcome, parted })
    }

    /// Where a run that was compared with this log parted from it.
    pub fn parted(&self, outcome: &mut Outcome) -> Result<Option<Parted>, ReplayError> {
        match outcome.compared.take() {
            Some(Ok(compared)) => Parted::of(compared, outcome, self),
            Some(Err(source)) => Err(self.unreadable(source)),
            None => Ok(None),
        }
    }
}
