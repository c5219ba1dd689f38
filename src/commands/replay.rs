//! `replay`: a recorded log, run again and compared; on another server, compared by meaning; or stopped anywhere.

mod console;
mod prompt;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::progress::ProgressLine;
use super::run::exit;
use super::servers::open_with_server;
use super::{BadInput, CANNOT_LISTEN, Environment, Exit, say, say_to_stderr};
use crate::event_log;
use crate::replay::align::{Alignment, align};
use crate::replay::inspect::Until;
use crate::replay::parted::Parted;
use crate::replay::{Recording, Replayed};
use crate::report::Status;
use crate::scratch::ScratchFolder;
use crate::servers::Server;
use crate::simulation::Outcome;
use crate::stop;
use crate::words::{counted, no_temporary_folder};

/// How many kinds of difference between two servers are printed.
const COUNTS_SHOWN: usize = 12;

/// What was asked for, as typed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The log, or the folder that holds it.
    pub log: PathBuf,
    /// Another server than the recorded one.
    pub server: Option<String>,
    /// Where to stop and look around.
    pub until: Option<Until>,
    /// The folder of the replay's own results.
    pub out: Option<PathBuf>,
}

/// Where results go: a folder that was named, or one that goes away.
enum Results {
    Named(PathBuf),
    Passing(ScratchFolder),
}

impl Results {
    fn of(request: &Request) -> Result<Self> {
        Ok(match &request.out {
            Some(path) => Results::Named(path.clone()),
            None => Results::Passing(ScratchFolder::new().with_context(no_temporary_folder)?),
        })
    }

    fn path(&self) -> &Path {
        match self {
            Results::Named(path) => path,
            Results::Passing(folder) => folder.path(),
        }
    }
}

/// Replays a log.
pub fn replay(request: &Request, environment: &Environment) -> Result<Exit> {
    stop::listen().context(CANNOT_LISTEN)?;
    let (recording, server) = open_with_server(&request.log, request.server.as_ref(), environment)?;
    environment.repeat_on(request.server.as_ref(), &server);
    keep_off_the_log(request)?;
    say_what_is_replayed(&recording);
    let is_recorded = server.sha256 == recording.header.server.sha256;
    match request.until {
        Some(_) if !is_recorded => {
            let why = "only a replay on the recorded server can be stopped: elsewhere the events are others";
            Err(BadInput(why.to_owned()).into())
        }
        Some(until) => {
            let results = Results::of(request)?;
            console::stop_at(until, &recording, &server, results.path(), environment)
        }
        None if is_recorded => again(&recording, &server, request.out.as_deref(), environment),
        None => elsewhere(&recording, &server, Results::of(request)?.path(), environment),
    }
}

/// The replay's own log must not be written over the one that it is held against.
fn keep_off_the_log(request: &Request) -> Result<()> {
    let log = event_log::open::log_path(&request.log)?;
    let at = |path: &Path| path.canonicalize().ok();
    match request.out.as_deref().and_then(at) {
        Some(out) if log.parent().and_then(at).as_ref() == Some(&out) => {
            let why = format!("{} holds the log itself: name another folder with --out", out.display());
            Err(BadInput(why).into())
        }
        _ => Ok(()),
    }
}

fn say_what_is_replayed(recording: &Recording) {
    let header = &recording.header;
    let cut = if recording.decisions.truncated { ", cut off in the middle of a line" } else { "" };
    say(&format!(
        "{}: seed {}, {} {}, {}{cut}",
        header.plan.name,
        header.seed,
        header.server.name,
        header.server.version,
        counted(recording.decisions.events, "event")
    ));
}

/// On the recorded server: every event must be equal.
fn again(
    recording: &Recording,
    server: &Server,
    out: Option<&Path>,
    environment: &Environment,
) -> Result<Exit> {
    let mut line = ProgressLine::new(environment.progress);
    let mut show = |progress| line.show(progress);
    let replayed = match out {
        Some(out) => recording.replay(server, out, stop::flag(), &mut show),
        None => recording.check(server, stop::flag(), &mut show),
    };
    line.clear();
    Ok(conclude(recording, &replayed?))
}

/// Says how a replay on the recorded server ended.
fn conclude(recording: &Recording, replayed: &Replayed) -> Exit {
    let Replayed { outcome, parted } = replayed;
    if let Some(parted) = parted {
        say_difference(recording, parted);
        return Exit::Diverged;
    }
    if outcome.left {
        say_to_stderr("interrupted; equal so far");
        return Exit::Interrupted;
    }
    let events = recording.decisions.events;
    if outcome.interrupted {
        say(&format!("equal: all {events} events the log has; the recorded run did not come to its end"));
        return Exit::AllHold;
    }
    say(&format!("equal: all {events} events, and the verdicts"));
    say_verdicts(outcome);
    exit(outcome)
}

fn say_difference(recording: &Recording, parted: &Parted) {
    say(&parted.to_string());
    let (recorded, here) = (&recording.header, event_log::TOOL);
    if recorded.tool != here || recorded.shim != crate::shim::build_id() {
        say(&format!(
            "recorded by {} with shim {}; this is {here} with shim {}",
            recorded.tool,
            recorded.shim,
            crate::shim::build_id()
        ));
    }
}

fn say_verdicts(outcome: &Outcome) {
    for validation in &outcome.report.validations {
        let verdict = &validation.verdict;
        if verdict.name() == "violated" {
            say(&format!("✗ {}: {}", validation.title, verdict.detail()));
        }
    }
    if outcome.report.status == Status::Passed {
        say("every invariant holds");
    }
}

/// On another server: two histories, compared by meaning.
fn elsewhere(recording: &Recording, server: &Server, out: &Path, environment: &Environment) -> Result<Exit> {
    let mut line = ProgressLine::new(environment.progress);
    let mut simulation = recording.simulation(server, out);
    simulation.guide.end_at = None;
    let outcome = simulation.run(stop::flag(), &mut |progress| line.show(progress));
    line.clear();
    let outcome = outcome?;
    let alignment = align(event_log::open(&recording.path)?, event_log::open(out)?)?;
    say_alignment(&alignment, &format!("{} {}", server.name, server.version));
    say(&judgement(&recording.violated()?, &outcome));
    say_verdicts(&outcome);
    Ok(exit(&outcome))
}

/// So many events mean something.
fn mean(events: u64) -> String {
    let verb = if events == 1 { "means" } else { "mean" };
    format!("{} {verb}", counted(events, "event"))
}

fn say_alignment(found: &Alignment, other: &str) {
    say(&format!(
        "{} the same on {other}; {} only in the recorded run, {} only in this one",
        mean(found.aligned),
        found.only_recorded,
        found.only_replayed
    ));
    if let Some(first) = &found.first {
        let words = |event: &Option<(u64, crate::replay::align::Meaning)>| match event {
            Some((i, meaning)) => format!("event {i}: {}", meaning.text()),
            None => "the log ends".to_owned(),
        };
        say(&format!(
            "first difference:\n  recorded {}\n  replayed {}",
            words(&first.recorded),
            words(&first.replayed)
        ));
    }
    for (meaning, recorded, replayed) in found.counts.iter().take(COUNTS_SHOWN) {
        say(&format!("  {recorded:>7} → {replayed:<7} {}", meaning.text()));
    }
    if let Some(more) = found.counts.len().checked_sub(COUNTS_SHOWN).filter(|more| *more > 0) {
        say(&format!("  and {}", counted(more as u64, "further kind")));
    }
}

/// What has become of the recorded violations: fixed, still failing, or not reached.
fn judgement(violated: &[String], outcome: &Outcome) -> String {
    if violated.is_empty() {
        return "the recorded run violated nothing".to_owned();
    }
    let verdict = |name: &String| {
        let found = outcome.report.validations.iter().find(|validation| validation.name == name);
        found.map_or("unknown", |validation| validation.verdict.name())
    };
    let words = |name: &String| match verdict(name) {
        _ if outcome.interrupted || outcome.unfinished.is_some() => "not reached",
        "violated" => "still failing",
        "holds" => "fixed",
        _ => "not reached",
    };
    violated.iter().map(|name| format!("{name}: {}", words(name))).collect::<Vec<_>>().join("\n")
}
