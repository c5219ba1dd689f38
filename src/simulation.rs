//! One whole run: a plan and a server in, a judged report and a folder of results out.
//!
//! Commands, tests and benches all run plans through here, so that what is measured is what is shipped.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use crate::actor::host::Record;
use crate::event::Body;
use crate::event_log::compare::{Compared, Comparison};
use crate::event_log::{Header, LOG_FILE, LogWriter, ReadError};
use crate::id::ActorId;
use crate::invariant::gather::Gatherer;
use crate::invariant::{self, Judged};
use crate::plan::Plan;
use crate::report::{Meters, RunReport};
use crate::scheduler::{Ending, Guide, Observer, Progress, Recorder, Scheduler, Watcher};
use crate::servers::Server;
use crate::shim;
use crate::wall::Stopwatch;
use crate::world::WorldError;
use crate::world::simulated::{self, Seat, Simulated};

/// What is run, and where its results go.
pub struct Simulation<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The server.
    pub server: &'a Server,
    /// The folder of results; made if need be, and what an earlier run left there is replaced.
    pub out: &'a Path,
    /// How the report says the run can be repeated.
    pub reproduction: String,
    /// Whether calls that go round the shim end the run.
    pub check_interposition: bool,
    /// What leads it besides the plan.
    pub guide: Guide,
    /// Where its log goes.
    pub log: Log,
    /// Who sees every event as it happens.
    pub observer: Option<Observer>,
}

/// Where the log of a run goes.
#[derive(Debug, Default)]
pub enum Log {
    /// Into the folder of results.
    #[default]
    Kept,
    /// There as well, while it is held against an earlier one: the run ends where they part.
    Compared(Box<Comparison>),
    /// Nowhere, while it is held against an earlier one.
    OnlyCompared(Box<Comparison>),
    /// Nowhere: only the verdicts are wanted.
    Dropped,
}

/// Why a run could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The folder of results cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Output {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder of results holds something else.
    #[error("{} is not empty and holds no earlier run: name another folder, or empty it yourself", .0.display())]
    Foreign(PathBuf),
    /// The world failed.
    #[error(transparent)]
    World(#[from] WorldError),
}

/// What a run came to.
pub struct Outcome {
    /// Everything for people.
    pub report: RunReport,
    /// Why not all phases are through, if they are not.
    pub unfinished: Option<String>,
    /// Whether somebody asked for the end, or it came where the guide says.
    pub interrupted: bool,
    /// What came of the comparison with an earlier log, if that was asked for.
    pub compared: Option<Result<Compared, ReadError>>,
}

impl<'a> Simulation<'a> {
    /// A plain run of `plan` on `server` with its results in `out`.
    pub fn new(plan: &'a Plan, server: &'a Server, out: &'a Path) -> Self {
        Simulation {
            plan,
            server,
            out,
            reproduction: String::new(),
            check_interposition: false,
            guide: Guide::default(),
            log: Log::Kept,
            observer: None,
        }
    }

    /// Runs the plan to its end and judges it. The log is whole however this returns.
    pub fn run(
        mut self,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Outcome, SimulationError> {
        self.run_watched(&mut Watcher { stop, progress, halt: None })
    }

    /// The same, with somebody who may freeze it on its way.
    pub fn run_watched(&mut self, watcher: &mut Watcher) -> Result<Outcome, SimulationError> {
        let watch = Stopwatch::start();
        self.clear_output()?;
        let recorder = self.recorder()?.observed_by(self.observer.take());
        let log = Rc::new(RefCell::new(recorder));
        let seat = Seat::take();
        let ending = self.simulate(&log, watcher);
        drop(seat);
        let recorder = Rc::try_unwrap(log).ok().expect("the actors went with their scheduler").into_inner();
        let outcome = self.judge(recorder, ending?, &watch)?;
        Ok(outcome)
    }

    fn clear_output(&self) -> Result<(), SimulationError> {
        if holds_something_else(self.out) {
            return Err(SimulationError::Foreign(self.out.to_owned()));
        }
        let nodes = self.out.join("nodes");
        if nodes.exists() {
            fs::remove_dir_all(&nodes).map_err(|source| output(&nodes, source))?;
        }
        fs::create_dir_all(&nodes).map_err(|source| output(&nodes, source))
    }

    fn recorder(&mut self) -> Result<Recorder, SimulationError> {
        let header = Header::new(self.plan.clone(), self.server.identity(), shim::build_id());
        let writer = match std::mem::take(&mut self.log) {
            Log::Dropped => LogWriter::nowhere(),
            Log::OnlyCompared(with) => LogWriter::only_comparing(&header, *with),
            Log::Compared(with) => LogWriter::comparing(self.log_file()?, &header, *with),
            Log::Kept => LogWriter::spawn(self.log_file()?, &header),
        };
        Ok(Recorder::new(writer, Gatherer::new(self.plan)))
    }

    fn log_file(&self) -> Result<Box<dyn Write + Send>, SimulationError> {
        let path = self.out.join(LOG_FILE);
        let file = File::create(&path).map_err(|source| output(&path, source))?;
        Ok(Box::new(BufWriter::new(file)))
    }

    fn simulate(&mut self, log: &Rc<RefCell<Recorder>>, watcher: &mut Watcher) -> Result<Ending, WorldError> {
        let world = Simulated::new(&simulated::Options {
            plan: self.plan,
            server: self.server,
            logs: self.out.join("nodes"),
            check: self.check_interposition,
        })?;
        let guide = std::mem::take(&mut self.guide);
        Scheduler::new(self.plan, guide, world, Rc::clone(log)).run(watcher)
    }

    fn judge(
        &self,
        mut recorder: Recorder,
        ending: Ending,
        watch: &Stopwatch,
    ) -> Result<Outcome, SimulationError> {
        let evidence = recorder.evidence(ending.findings.clone());
        let judged = invariant::judge(&evidence);
        record_verdicts(&mut recorder, &ending, &judged);
        let log_path = self.out.join(LOG_FILE);
        let meters = Meters {
            scenario_id: self.plan.scenario_id(),
            server_name: self.server.name.to_string(),
            server_version: self.server.version.clone(),
            virtual_s: ending.ended_at.as_secs_f64(),
            wall_s: watch.elapsed().as_secs_f64(),
            events: recorder.events(),
            turns: ending.turns,
            log_sha256: String::new(),
        };
        let mut report =
            RunReport::new(&evidence, &judged, meters, self.reproduction.clone(), |at| recorder.event_at(at));
        let summary = recorder.into_writer().finish().map_err(|source| output(&log_path, source))?;
        report.meters.log_sha256 = summary.sha256;
        report.meters.wall_s = watch.elapsed().as_secs_f64();
        let Ending { unfinished, interrupted, .. } = ending;
        Ok(Outcome { report, unfinished, interrupted, compared: summary.compared })
    }
}

fn record_verdicts(recorder: &mut Recorder, ending: &Ending, judged: &[Judged]) {
    for Judged { invariant, verdict } in judged {
        let body = Body::Verdict {
            invariant: invariant.name.to_owned(),
            verdict: verdict.name().to_owned(),
            detail: verdict.detail().to_owned(),
        };
        recorder.record(ending.ended_at, ActorId::Validator, None, body);
    }
}

/// Whether a folder has entries, but no log of ours among them.
#[expect(
    clippy::disallowed_methods,
    reason = "only whether there is an entry matters, not which comes first"
)]
fn holds_something_else(folder: &Path) -> bool {
    const LOG_BEGINS: &[u8] = b"{\"format\":";
    let has_entries = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let mut begin = [0; LOG_BEGINS.len()];
    let log = File::open(folder.join(LOG_FILE)).and_then(|mut file| file.read_exact(&mut begin));
    has_entries && (log.is_err() || begin != LOG_BEGINS)
}

fn output(path: &Path, source: io::Error) -> SimulationError {
    SimulationError::Output { path: path.to_owned(), source }
}
