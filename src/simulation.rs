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
use crate::fault::Cue;
use crate::hold::{Hold, hold};
use crate::id::ActorId;
use crate::invariant::gather::Gatherer;
use crate::invariant::{self, Judged};
use crate::op::Op;
use crate::plan::{GuestPlan, Plan};
use crate::report::{Meters, RunReport};
use crate::scheduler::{Ending, Guide, Observer, Progress, Recorder, Scheduler, Watcher};
use crate::servers::{DATABASES_SINCE, Program, ProgramError, Server};
use crate::shim;
use crate::wall::Stopwatch;
use crate::world::WorldError;
use crate::world::simulated::{self, Seat, Simulated};

/// The folder of the nodes' own files, among the results.
const NODES: &str = "nodes";
/// The folder of what guests left.
pub const GUESTS: &str = "guests";

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
    /// Another run is under way in the folder of results.
    #[error("{} belongs to a run that is under way: wait for it, or name another folder with --out", .0.display())]
    InUse(PathBuf),
    /// The folder of results holds something else.
    #[error("{} is not empty and holds no earlier run: name another folder, or empty it yourself", .0.display())]
    Foreign(PathBuf),
    /// The plan asks for what the server cannot do.
    #[error("{who} ({what}) needs a server of version {since} or later, and this is {version}")]
    TooOld {
        /// The operation or the fault.
        who: String,
        /// What it does, or waits for.
        what: String,
        /// The first version that can do it.
        since: &'static str,
        /// The server's version.
        version: String,
    },
    /// The plan gives nodes a server that nobody looked for.
    #[error("the plan needs the server {0:?} beside the run's, and it was not looked for")]
    Missing(String),
    /// A guest of the plan has no program that can be simulated.
    #[error("guest {name}: {source}")]
    NoProgram {
        /// Which guest.
        name: String,
        /// Why.
        source: ProgramError,
    },
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
    /// Whether somebody asked for the end.
    pub left: bool,
    /// What came of the comparison with an earlier log, if that was asked for.
    pub compared: Option<Result<Compared, ReadError>>,
    /// Keeps others out of the folder of results for as long as somebody works with them.
    pub hold: Hold,
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
        self.check_version()?;
        let missing =
            self.plan.other_servers().into_iter().find(|name| !self.server.beside.contains_key(name));
        missing.map_or(Ok(()), |name| Err(SimulationError::Missing(name)))?;
        let programs = self.programs()?;
        let hold = self.clear_output()?;
        let recorder = self.recorder()?.observed_by(self.observer.take());
        let log = Rc::new(RefCell::new(recorder));
        let seat = Seat::take();
        let ending = self.simulate(&programs, &log, watcher);
        drop(seat);
        let recorder = Rc::try_unwrap(log).ok().expect("the actors went with their scheduler").into_inner();
        self.judge(recorder, ending?, &watch, hold)
    }

    /// Refuses a plan whose operations are newer than the server, or wait with its faults for what it never shows.
    fn check_version(&self) -> Result<(), SimulationError> {
        let too_old = |need: Need, server: &Server| {
            let Need { who, what, since } = need;
            SimulationError::TooOld { who, what, since, version: server.version.clone() }
        };
        let lacks = |need: &Need| !self.server.is_since(need.since);
        if let Some(need) = needs(self.plan).into_iter().find(lacks) {
            return Err(too_old(need, self.server));
        }
        let all = [self.server].into_iter().chain(self.server.beside.values());
        let older = all.into_iter().find(|server| !server.has_databases());
        match older.filter(|_| self.plan.cluster.databases > 1) {
            None => Ok(()),
            Some(server) => {
                let (who, since) = ("the cluster".to_owned(), DATABASES_SINCE);
                let what = format!("{} databases", self.plan.cluster.databases);
                Err(too_old(Need { who, what, since }, server))
            }
        }
    }

    /// Takes the folder of results, and makes it empty of what an earlier run left there.
    fn clear_output(&self) -> Result<Hold, SimulationError> {
        fs::create_dir_all(self.out).map_err(|source| output(self.out, source))?;
        let hold = hold(self.out).map_err(|source| output(self.out, source))?;
        let hold = hold.ok_or_else(|| SimulationError::InUse(self.out.to_owned()))?;
        if holds_something_else(self.out) {
            return Err(SimulationError::Foreign(self.out.to_owned()));
        }
        let nodes = self.out.join(NODES);
        for left in [&nodes, &self.out.join(GUESTS)] {
            if left.exists() {
                fs::remove_dir_all(left).map_err(|source| output(left, source))?;
            }
        }
        if !matches!(self.log, Log::OnlyCompared(_) | Log::Dropped) {
            // From here on the folder is known for a run's, whatever becomes of it.
            let path = self.out.join(LOG_FILE);
            File::create(&path).map_err(|source| output(&path, source))?;
        }
        fs::create_dir_all(&nodes).map_err(|source| output(&nodes, source))?;
        Ok(hold)
    }

    fn recorder(&mut self) -> Result<Recorder, SimulationError> {
        let header = Header::new(self.plan.clone(), self.server.identity(), shim::build_id());
        let header = Header { servers: self.server.identities_beside(), ..header };
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

    /// The program of each guest; a tool that is not here yet is fetched.
    fn programs(&self) -> Result<Vec<Program>, SimulationError> {
        let find = |guest: &GuestPlan| {
            let toolbox = &self.server.toolbox;
            let found = toolbox.guest(&guest.run[0], self.server, &mut |notice| tracing::warn!("{notice}"));
            found.map_err(|source| SimulationError::NoProgram { name: guest.name.clone(), source })
        };
        self.plan.guests.iter().map(find).collect()
    }

    fn simulate(
        &mut self,
        programs: &[Program],
        log: &Rc<RefCell<Recorder>>,
        watcher: &mut Watcher,
    ) -> Result<Ending, WorldError> {
        let world = Simulated::new(&simulated::Options {
            plan: self.plan,
            server: self.server,
            logs: self.out.join(NODES),
            programs,
            guests: self.out.join(GUESTS),
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
        hold: Hold,
    ) -> Result<Outcome, SimulationError> {
        let evidence = recorder.evidence(ending.findings.clone());
        let judged = invariant::judge(&evidence);
        // A run that was left is judged by what it did not come to: nothing that the earlier log could say too.
        if !(ending.left && recorder.is_compared()) {
            record_verdicts(&mut recorder, &ending, &judged);
        }
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
        let Ending { unfinished, interrupted, left, .. } = ending;
        Ok(Outcome { report, unfinished, interrupted, left, compared: summary.compared, hold })
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

/// Whether a folder has entries that are none of a run's: there is no log of ours among them, nor what a run leaves that
/// was killed before it had written anything.
fn holds_something_else(folder: &Path) -> bool {
    const LOG_BEGINS: &[u8] = b"{\"format\":";
    let entries = names(folder);
    let mut begin = Vec::new();
    let log = File::open(folder.join(LOG_FILE));
    let log = log.and_then(|file| file.take(LOG_BEGINS.len() as u64).read_to_end(&mut begin));
    match log {
        _ if entries.is_empty() => false,
        Ok(_) if begin == LOG_BEGINS => false,
        Ok(_) if begin.is_empty() => !are_remains(folder, &entries),
        _ => true,
    }
}

/// Whether nothing stands beside an empty log but folders of nodes.
fn are_remains(folder: &Path, entries: &[String]) -> bool {
    let is_node =
        |name: &String| name.strip_prefix("node-").is_some_and(|number| number.parse::<u16>().is_ok());
    entries.iter().all(|name| name == LOG_FILE || name == NODES)
        && names(&folder.join(NODES)).iter().all(is_node)
}

/// The names in a folder; none if there is no such folder.
#[expect(clippy::disallowed_methods, reason = "their order does not matter")]
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn output(path: &Path, source: io::Error) -> SimulationError {
    SimulationError::Output { path: path.to_owned(), source }
}

/// What needs a server of some version.
struct Need {
    who: String,
    what: String,
    since: &'static str,
}

/// Everything in a plan that not every version can do or show. What other servers beside the run's own show is theirs.
fn needs(plan: &Plan) -> Vec<Need> {
    let parts =
        |op: &Op| op.action.parts().into_iter().chain([op.action.clone()]).find_map(|part| part.since());
    let done = plan.operations.iter().filter_map(|op| {
        Some(Need { who: format!("operation {}", op.id.0), what: op.in_words(), since: parts(op)? })
    });
    let waits = |who: String, cue: &Cue| Some(Need { who, what: cue.in_words(), since: cue.since()? });
    let of_operations = plan
        .operations
        .iter()
        .filter_map(|op| waits(format!("the cue of operation {}", op.id.0), op.start.cue()?));
    let of_faults = plan
        .faults
        .iter()
        .filter_map(|fault| waits(format!("the cue of fault {}", fault.id.0), fault.trigger.cue()?));
    let is_alone = plan.other_servers().is_empty();
    done.chain(of_operations.chain(of_faults).filter(|_| is_alone)).collect()
}
