//! `run`: one scenario, from a file or generated from a seed, run on a real server and judged.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::progress::ProgressLine;
use super::servers::find_server;
use super::{Environment, Exit, say, say_to_stderr};
use crate::event_log::LOG_FILE;
use crate::plan::Plan;
use crate::plan::generate::{Overrides, generate};
use crate::plan::resolve::resolve;
use crate::replay::corpus::{self, Effort, Readme, Recorded};
use crate::report::{self, Status};
use crate::rng;
use crate::scenario::{self, Scenario};
use crate::servers::Server;
use crate::simulation::{Outcome, Simulation, SimulationError};
use crate::world::WorldError;

/// What was asked for, as typed.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The scenario's file.
    pub scenario: Option<PathBuf>,
    /// The seed.
    pub seed: Option<u64>,
    /// The number of shards to generate.
    pub shards: Option<u16>,
    /// The number of replicas a shard to generate.
    pub replicas: Option<u16>,
    /// The server, a path or a version.
    pub server: Option<String>,
    /// The folder of results.
    pub out: Option<PathBuf>,
    /// Whether the report is printed as JSON.
    pub json: bool,
    /// Where the scenario is written as YAML as well.
    pub export: Option<PathBuf>,
    /// The folder of a recording that is made of the run.
    pub record: Option<PathBuf>,
    /// Whether calls that go round the shim end the run.
    pub check_interposition: bool,
}

/// Runs what was asked for and prints the report.
pub fn run(request: &Request, environment: &Environment) -> Result<Exit> {
    let (scenario, plan) = plan(request)?;
    if let Some(file) = &request.export {
        write(file, &scenario.to_yaml())?;
    }
    let spec = request.server.clone().or_else(|| scenario.server.clone());
    let server = find_server(spec, environment)?;
    tracing::info!(server = %server.name, version = %server.version, libc = %server.libc, origin = %server.origin, "server found");
    let out = request.out.clone().unwrap_or_else(|| default_out(request, &plan));
    let simulation = Simulation {
        reproduction: reproduction(request, &scenario, &plan, environment),
        check_interposition: request.check_interposition,
        ..Simulation::new(&plan, &server, &out)
    };
    let stop = stop_flag()?;
    let mut line = ProgressLine::new(environment.progress);
    let outcome = simulation.run(&stop, &mut |progress| line.show(progress));
    line.clear();
    let outcome = outcome.map_err(|error| match error {
        SimulationError::World(WorldError::BadConfig { .. }) => error.into(),
        SimulationError::World(_) => anyhow::Error::new(error).context(format!(
            "the run could not be judged (its log so far: {})",
            out.join(LOG_FILE).display()
        )),
        _ => anyhow::Error::new(error),
    })?;
    keep_results(&out, &scenario, &outcome)?;
    if let Some(folder) = &request.record {
        record(folder, &out, &scenario, &server, &outcome)?;
    }
    print(request, environment, &outcome);
    say_to_stderr(&format!("results: {}", out.display()));
    say_how_it_ended(&outcome);
    Ok(exit(&outcome))
}

/// The scenario and its plan, from the file or the seed.
fn plan(request: &Request) -> Result<(Scenario, Plan)> {
    let (mut scenario, seed) = match &request.scenario {
        Some(file) => {
            let scenario = scenario::load(file)?;
            let seed = request.seed.or(scenario.head.seed).unwrap_or_else(rng::fresh_seed);
            (scenario, seed)
        }
        None => {
            let seed = request.seed.unwrap_or_else(rng::fresh_seed);
            let overrides = Overrides { shards: request.shards, replicas: request.replicas };
            (generate(seed, overrides), seed)
        }
    };
    // What is kept beside the results must run to the same log by itself.
    scenario.head.seed = Some(seed);
    let plan = resolve(&scenario, None)?;
    Ok((scenario, plan))
}

/// Where the results go if nobody says it: another folder for another scenario.
fn default_out(request: &Request, plan: &Plan) -> PathBuf {
    let mut name = plan.folder_name();
    name.extend(request.shards.map(|shards| format!("_{shards}-shards")));
    name.extend(request.replicas.map(|replicas| format!("_{replicas}-replicas")));
    Path::new("runs").join(name)
}

/// The command that runs the same again.
fn reproduction(request: &Request, scenario: &Scenario, plan: &Plan, environment: &Environment) -> String {
    let quoted = |word: &str| shlex::try_quote(word).map_or_else(|_| word.to_owned(), Cow::into_owned);
    let mut words = vec!["valkey-fuzzer run".to_owned()];
    words.extend(request.scenario.as_ref().map(|file| quoted(&file.display().to_string())));
    words.push(format!("--seed {}", plan.seed));
    words.extend(request.shards.map(|shards| format!("--shards {shards}")));
    words.extend(request.replicas.map(|replicas| format!("--replicas {replicas}")));
    let in_environment = environment.server.as_ref().filter(|_| scenario.server.is_none());
    let server = request.server.as_ref().or(in_environment);
    words.extend(server.map(|server| format!("--server {}", quoted(server))));
    words.join(" ")
}

/// Set by Ctrl-C and its kin; a second one ends the program at once.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .context("cannot take signals")?;
    }
    Ok(stop)
}

fn keep_results(out: &Path, scenario: &Scenario, outcome: &Outcome) -> Result<()> {
    write(&out.join("scenario.yaml"), &scenario.to_yaml())?;
    write(&out.join("report.txt"), &report::text::render(&outcome.report, false))?;
    write(&out.join("report.json"), &report::json::render(&outcome.report))
}

/// Makes a recording of a whole run.
fn record(folder: &Path, out: &Path, scenario: &Scenario, server: &Server, outcome: &Outcome) -> Result<()> {
    if outcome.interrupted {
        anyhow::bail!("the run was interrupted, so nothing is recorded in {}", folder.display());
    }
    let (server, log) = (server.identity(), out.join(LOG_FILE));
    let report = &outcome.report;
    let run = Recorded { scenario, server: &server, report, log: &log, effort: Effort::Much };
    corpus::keep(folder, &run, &Readme::of_run(&run)).context("cannot record the run")?;
    say_to_stderr(&format!("recording: {}", folder.display()));
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn print(request: &Request, environment: &Environment, outcome: &Outcome) {
    if request.json {
        say(&report::json::render(&outcome.report));
    } else {
        say(&report::text::render(&outcome.report, environment.colour));
    }
}

/// The last line of a run that is not good says what to type to repeat it.
fn say_how_it_ended(outcome: &Outcome) {
    let repeat = &outcome.report.reproduction;
    match exit(outcome) {
        Exit::AllHold => {}
        Exit::Interrupted => say_to_stderr(&format!("interrupted; to run it again: {repeat}")),
        Exit::NotJudged => {
            let why = outcome.unfinished.as_deref().unwrap_or("an invariant could not be judged");
            say_to_stderr(&format!("not judged: {why}; to run it again: {repeat}"));
        }
        _ => say_to_stderr(&format!("to run it again: {repeat}")),
    }
}

pub(super) fn exit(outcome: &Outcome) -> Exit {
    match outcome.report.status {
        _ if outcome.interrupted => Exit::Interrupted,
        Status::Failed => Exit::Violated,
        _ if outcome.unfinished.is_some() => Exit::NotJudged,
        Status::Unknown => Exit::NotJudged,
        Status::Passed => Exit::AllHold,
    }
}
