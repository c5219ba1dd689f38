//! `run`: one scenario, from a file or generated from a seed, run on a real server and judged.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};

use super::output::check_folder;
use super::progress::ProgressLine;
use super::servers::{find_server, with_others};
use super::{CANNOT_LISTEN, Environment, Exit, folder_name, say, say_to_stderr};
use crate::event_log::LOG_FILE;
use crate::plan::Plan;
use crate::plan::generate::{Overrides, generate, generate_for};
use crate::plan::resolve::resolve;
use crate::replay::corpus::{self, Effort, Readme, Recorded};
use crate::report::{self, Status};
use crate::rng;
use crate::scenario::{self, Scenario};
use crate::servers::Server;
use crate::simulation::{Outcome, Simulation, SimulationError};
use crate::stop;
use crate::words::CommandLine;
use crate::world::WorldError;

/// The link to the folder of the newest run, beside it.
const LATEST: &str = "latest";

/// What was asked for, as typed.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The scenario's file.
    pub scenario: Option<PathBuf>,
    /// The seed.
    pub seed: Option<u64>,
    /// What is not left to the seed of a generated one.
    pub overrides: Overrides,
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
    let (mut scenario, mut plan) = plan(request)?;
    let spec = request.server.clone().or_else(|| scenario.server.clone());
    let server = with_others(find_server(spec, environment)?, plan.other_servers(), environment)?;
    if request.scenario.is_none() {
        scenario = generate_for(plan.seed, &request.overrides, server.has_databases());
        plan = resolve(&scenario, None)?;
    }
    if let Some(file) = &request.export {
        write(file, &scenario.to_yaml())?;
    }
    request.record.as_deref().map_or(Ok(()), check_folder)?;
    let stop = stop::listen().context(CANNOT_LISTEN)?;
    tracing::info!(server = %server.name, version = %server.version, libc = %server.libc, origin = %server.origin, "server found");
    let again = again(request, &scenario, &plan, &server, environment);
    environment.repeat_by(&again);
    let out = request.out.clone().unwrap_or_else(|| default_out(request, &plan, &server));
    let simulation = Simulation {
        reproduction: again.to_string(),
        check_interposition: request.check_interposition,
        ..Simulation::new(&plan, &server, &out)
    };
    if request.out.is_none() {
        point_latest_at(&out);
    }
    let mut line = ProgressLine::new(environment.progress);
    let outcome = simulation.run(stop, &mut |progress| line.show(progress));
    line.clear();
    let outcome = outcome.map_err(|error| match error {
        SimulationError::World(WorldError::BadConfig { .. }) | SimulationError::TooOld { .. } => error.into(),
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
            (generate(seed, &request.overrides), seed)
        }
    };
    // What is kept beside the results must run to the same log by itself.
    scenario.head.seed = Some(seed);
    let plan = resolve(&scenario, None)?;
    Ok((scenario, plan))
}

/// Where the results go if nobody says it: another folder for another scenario, and for another version of the server.
fn default_out(request: &Request, plan: &Plan, server: &Server) -> PathBuf {
    let mut name = plan.folder_name();
    let Overrides { shards, replicas, upgrade_to } = &request.overrides;
    name.extend(shards.map(|shards| format!("_{shards}-shards")));
    name.extend(replicas.map(|replicas| format!("_{replicas}-replicas")));
    name.extend(upgrade_to.as_ref().map(|to| format!("_to-{}", folder_name(to))));
    results_of(&name, server)
}

/// Where the results of a run of this name go, if nobody says it.
pub(super) fn results_of(name: &str, server: &Server) -> PathBuf {
    Path::new("runs").join(format!("{name}_{}", corpus::spec(&server.identity())))
}

/// Lets `latest` beside a folder of results lead to it. Whoever has something else of that name keeps it.
pub(super) fn point_latest_at(out: &Path) {
    let (latest, next) =
        (out.with_file_name(LATEST), out.with_file_name(format!(".{LATEST}-{}", process::id())));
    let is_ours = latest.symlink_metadata().map_or(true, |found| found.is_symlink());
    let folder = || fs::create_dir_all(out.parent().unwrap_or(Path::new(".")));
    let link =
        || symlink(out.file_name().unwrap_or_default(), &next).and_then(|()| fs::rename(&next, &latest));
    if let Some(Err(error)) = is_ours.then(|| folder().and_then(|()| link())) {
        tracing::warn!("{} does not lead to the newest run: {error}", latest.display());
    }
}

/// The command that runs the same again.
fn again(
    request: &Request,
    scenario: &Scenario,
    plan: &Plan,
    server: &Server,
    environment: &Environment,
) -> CommandLine {
    let is_named = request.server.is_some() || environment.server.is_some() && scenario.server.is_none();
    let run = CommandLine::of("run");
    let run = request.scenario.as_ref().map_or_else(|| run.clone(), |file| run.clone().file(file));
    let run = run.option("--seed", plan.seed);
    let run = request.overrides.typed_in(run);
    let run = run.maybe("--server", is_named.then_some(&server.spec));
    if request.check_interposition { run.word("--check-interposition") } else { run }
}

pub(super) fn keep_results(out: &Path, scenario: &Scenario, outcome: &Outcome) -> Result<()> {
    write(&out.join("scenario.yaml"), &scenario.to_yaml())?;
    write(&out.join("report.txt"), &report::text::render(&outcome.report, false))?;
    write(&out.join("report.json"), &report::json::render(&outcome.report))
}

/// Makes a recording of a whole run.
pub(super) fn record(
    folder: &Path,
    out: &Path,
    scenario: &Scenario,
    server: &Server,
    outcome: &Outcome,
) -> Result<()> {
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

/// Why a run has no verdict, if it has none.
fn say_how_it_ended(outcome: &Outcome) {
    match exit(outcome) {
        Exit::Interrupted => say_to_stderr("interrupted"),
        Exit::NotJudged => {
            let why = outcome.unfinished.as_deref().unwrap_or("an invariant could not be judged");
            say_to_stderr(&format!("not judged: {why}"));
        }
        _ => {}
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
