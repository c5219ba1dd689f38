//! `guest`: a program of the user's, run inside a simulation of its own; the exit status follows the program's.
//!
//! What is run is a scenario with one guest, and no cluster unless one is asked for: what it does, writes and leaves is
//! recorded like any scenario's, and replayed like one. Under many seeds it is a campaign over that scenario.

mod rates;

use std::fs;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::output::check_folder;
use super::progress::ProgressLine;
use super::run::{self, exit, keep_results, point_latest_at, results_of};
use super::servers::find_server;
use super::{BadInput, CANNOT_LISTEN, Environment, Exit, report_failure, say_to_stderr};
use crate::event_log::LOG_FILE;
use crate::invariant::evidence::GuestReport;
use crate::plan::Plan;
use crate::plan::resolve::resolve;
use crate::report::Status;
use crate::rng;
use crate::scenario::{Cluster, Guest, Head, Scenario, Workload};
use crate::servers::{ProgramError, Server};
use crate::simulation::{GUESTS, Outcome, Simulation, SimulationError};
use crate::stop;
use crate::words::CommandLine;

/// The program did not end in its time.
const TIMED_OUT: u8 = 124;
/// The simulation failed, or the program cannot go on in it.
const FAILED: u8 = 125;
/// The program is there and cannot be simulated.
const REFUSED: u8 = 126;
/// There is no such program.
const NOT_FOUND: u8 = 127;
/// Added to the number of the signal that ended the program.
const BY_SIGNAL: u8 = 128;

/// What was asked for, as typed.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The seed; with many of them the first one.
    pub seed: Option<u64>,
    /// Under how many seeds, if it is not just one.
    pub many: Option<Many>,
    /// The server, a path or a version: whose tools are found, and what nodes run.
    pub server: Option<String>,
    /// A cluster beside the guest, of so many shards.
    pub shards: Option<u64>,
    /// So many replicas a shard.
    pub replicas: Option<u64>,
    /// The folder whose content it starts with; `None` starts it in an empty one.
    pub folder: Option<PathBuf>,
    /// What it reads from its standard input; `-` is this program's own.
    pub stdin: Option<PathBuf>,
    /// Variables of its environment.
    pub environment: Vec<(String, String)>,
    /// How much virtual time it may take, in seconds.
    pub timeout: Option<f64>,
    /// The folder of results.
    pub out: Option<PathBuf>,
    /// The folder of a recording that is made of the run.
    pub record: Option<PathBuf>,
}

/// How to run it under many seeds.
#[derive(Clone, Copy, Debug)]
pub struct Many {
    /// How many.
    pub runs: u64,
    /// How many at once.
    pub jobs: NonZeroUsize,
    /// The process that this one does single runs for, if it is a worker.
    pub works_for: Option<u32>,
}

/// Runs what was asked for; its outputs are this program's.
pub fn guest(request: &Request, environment: &Environment) -> Result<Exit> {
    if let Some(many) = request.many {
        return rates::measure(request, many, environment);
    }
    match simulate(request, environment) {
        Ok(exit) => Ok(exit),
        Err(error) => Ok(match (report_failure(&error), error.downcast_ref()) {
            (Exit::NotJudged, Some(SimulationError::NoProgram { source, .. })) => {
                Exit::Guest(status_without(source))
            }
            (Exit::NotJudged, _) => Exit::Guest(FAILED),
            (exit, _) => exit,
        }),
    }
}

/// The status where there is no program to run.
fn status_without(error: &ProgramError) -> u8 {
    match error {
        ProgramError::NotFound(_) => NOT_FOUND,
        ProgramError::Refused { path, .. } if !path.exists() => NOT_FOUND,
        _ => REFUSED,
    }
}

fn simulate(request: &Request, environment: &Environment) -> Result<Exit> {
    let scenario = scenario(request)?;
    let plan = resolve(&scenario, None)?;
    request.record.as_deref().map_or(Ok(()), check_folder)?;
    let stop = stop::listen().context(CANNOT_LISTEN)?;
    let server = find_server(request.server.clone(), environment)?;
    let again = again(request, plan.seed, &server, environment);
    environment.repeat_by(&again);
    let out = request.out.clone().unwrap_or_else(|| results_of(&plan.folder_name(), &server));
    if request.out.is_none() {
        point_latest_at(&out);
    }
    let simulation = Simulation { reproduction: again.to_string(), ..Simulation::new(&plan, &server, &out) };
    let mut line = ProgressLine::new(environment.progress);
    let outcome = simulation.run(stop, &mut |progress| line.show(progress));
    line.clear();
    let outcome = outcome.map_err(|error| match error {
        SimulationError::World(_) => {
            let log = out.join(LOG_FILE);
            anyhow::Error::new(error)
                .context(format!("the program cannot go on (the log so far: {})", log.display()))
        }
        _ => anyhow::Error::new(error),
    })?;
    keep_results(&out, &scenario, &outcome)?;
    if let Some(folder) = &request.record {
        run::record(folder, &out, &scenario, &server, &outcome)?;
    }
    hand_on(&out, &plan)?;
    Ok(conclude(&outcome, &out))
}

/// The scenario with the one guest.
fn scenario(request: &Request) -> Result<Scenario> {
    let Some(program) = request.command.first() else {
        return Err(BadInput("there is no program: write it behind `--`".to_owned()).into());
    };
    let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(60).collect();
    let name = if name.is_empty() { "guest".to_owned() } else { name };
    let guest = Guest {
        name: name.clone(),
        run: request.command.clone(),
        timeout: request.timeout,
        stdin: request.stdin.as_deref().map(read_input).transpose()?,
        folder: request.folder.as_ref().map(|folder| folder.display().to_string()),
        environment: request.environment.iter().cloned().collect(),
        ..Guest::default()
    };
    let cluster = Cluster {
        shards: Some(request.shards.unwrap_or(0)),
        replicas: request.replicas.or(request.shards.is_none().then_some(0)),
        ..Cluster::default()
    };
    Ok(Scenario {
        head: Head { name, seed: Some(request.seed.unwrap_or_else(rng::fresh_seed)) },
        cluster,
        workload: Workload { enabled: Some(false), ..Workload::default() },
        guests: vec![guest],
        ..Scenario::default()
    })
}

fn read_input(path: &Path) -> Result<String> {
    let mut text = String::new();
    let read = match path.as_os_str() == "-" {
        true => io::stdin().read_to_string(&mut text).map(|_| text),
        false => fs::read_to_string(path),
    };
    read.with_context(|| format!("cannot read the input {}", path.display()))
}

/// The command that runs the same again with a seed.
fn again(request: &Request, seed: u64, server: &Server, environment: &Environment) -> CommandLine {
    let is_named = request.server.is_some() || environment.server.is_some();
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let line = CommandLine::of("guest")
        .option("--seed", seed)
        .maybe("--server", is_named.then_some(&server.spec))
        .maybe("--shards", request.shards)
        .maybe("--replicas", request.replicas)
        .maybe("--stdin", path(&request.stdin))
        .maybe("--timeout", request.timeout);
    let line = match path(&request.folder) {
        Some(folder) if folder == "." => line,
        Some(folder) => line.option("--folder", folder),
        None => line.word("--empty"),
    };
    let set =
        |line: CommandLine, (name, value): &(String, String)| line.option("--env", format!("{name}={value}"));
    let line = request.environment.iter().fold(line, set);
    request.command.iter().fold(line.word("--"), |line, word| line.word(word))
}

/// Hands on what the guest wrote to its outputs.
fn hand_on(out: &Path, plan: &Plan) -> Result<()> {
    for guest in &plan.guests {
        let folder = out.join(GUESTS).join(&guest.name);
        let wrote = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
        // A reader that went away is nobody's error.
        let _ = io::stderr().lock().write_all(&wrote("stderr"));
        match io::stdout().lock().write_all(&wrote("stdout")) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Says what came of it; the exit status.
fn conclude(outcome: &Outcome, out: &Path) -> Exit {
    let report = &outcome.report;
    let cluster = report
        .validations
        .iter()
        .filter(|v| v.name != "guests" && (v.verdict.is_violated() || v.verdict.is_unknown()));
    for validation in cluster {
        say_to_stderr(&format!("{}: {}", validation.title, validation.verdict.detail()));
    }
    let guest = report.validations.iter().find(|validation| validation.name == "guests");
    say_to_stderr(guest.map_or("", |guest| guest.verdict.detail()));
    say_to_stderr(&format!("results: {}", out.display()));
    match report.guests.first() {
        _ if outcome.interrupted => Exit::Interrupted,
        Some(guest) => match status(guest) {
            0 if report.status != Status::Passed || outcome.unfinished.is_some() => exit(outcome),
            status => Exit::Guest(status),
        },
        None => Exit::Guest(FAILED),
    }
}

/// The exit status that a guest's end stands for.
fn status(guest: &GuestReport) -> u8 {
    let Some((_, ended)) = &guest.ended else { return FAILED };
    if guest.timed_out {
        return TIMED_OUT;
    }
    match ended.strip_prefix("exit ").and_then(|code| code.parse().ok()) {
        Some(code) => code,
        None => Signal::from_str(ended).map_or(FAILED, |signal| BY_SIGNAL + signal as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimTime;

    fn ended(how: &str) -> GuestReport {
        GuestReport {
            name: "sh".to_owned(),
            text: "sh".to_owned(),
            started_at: Some(SimTime::ZERO),
            ended: Some((SimTime::ZERO, how.to_owned())),
            timed_out: false,
            kill_after: None,
            missing: Vec::new(),
            lines: 0,
        }
    }

    #[test]
    fn the_status_is_the_programs_or_says_what_became_of_it() {
        assert_eq!(
            ["exit 0", "exit 7", "SIGKILL", "SIGTERM"].map(|how| status(&ended(how))),
            [0, 7, 137, 143]
        );
        assert_eq!(status(&ended("deadlock: thread 1 waits for a mutex")), FAILED);
        assert_eq!(status(&GuestReport { timed_out: true, ..ended("SIGKILL") }), TIMED_OUT);
        assert_eq!(status(&GuestReport { ended: None, ..ended("") }), FAILED);
    }

    #[test]
    fn a_guest_is_a_scenario_without_a_cluster_that_can_be_written_and_run() {
        let request = Request {
            command: vec!["./a b".to_owned(), "-x".to_owned()],
            seed: Some(7),
            ..Request::default()
        };
        let scenario = scenario(&request).expect("there is a program");
        assert_eq!(scenario.head.name, "a_b");
        let plan = resolve(&scenario, None).expect("it can be run");
        assert_eq!((plan.cluster.node_count(), plan.guests.len()), (0, 1));
        plan.fits().expect("a log's reader takes it");
    }

    #[test]
    fn what_is_no_program_has_a_status_of_its_own() {
        assert_eq!(status_without(&ProgramError::NotFound("x".to_owned())), NOT_FOUND);
        let is_static =
            ProgramError::Refused { path: PathBuf::from("/"), reason: crate::servers::Reason::NotFound };
        assert_eq!(status_without(&is_static), REFUSED);
    }
}
