//! `replay`: a recorded log, run again and compared; on another server, compared by meaning; or stopped anywhere.

mod console;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::progress::ProgressLine;
use super::run::{exit, stop_flag};
use super::servers::open_with_server;
use super::{Environment, Exit, say, say_to_stderr};
use crate::event_log;
use crate::replay::align::{Alignment, align};
use crate::replay::inspect::Until;
use crate::replay::parted::Parted;
use crate::replay::{Recording, Replayed};
use crate::report::Status;
use crate::scratch::ScratchFolder;
use crate::servers::Server;
use crate::simulation::Outcome;

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
            None => Results::Passing(ScratchFolder::new().context("cannot make a folder for the replay")?),
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
    let (recording, server) = open_with_server(&request.log, request.server.as_ref(), environment)?;
    say_what_is_replayed(&recording);
    let is_recorded = server.sha256 == recording.header.server.sha256;
    match request.until {
        Some(_) if !is_recorded => {
            anyhow::bail!(
                "only a replay on the recorded server can be stopped: elsewhere the events are others"
            )
        }
        Some(until) => console::stop_at(until, &recording, &server, Results::of(request)?.path()),
        None if is_recorded => again(&recording, &server, request.out.as_deref(), environment),
        None => elsewhere(&recording, &server, Results::of(request)?.path(), environment),
    }
}

fn say_what_is_replayed(recording: &Recording) {
    let header = &recording.header;
    let cut = if recording.decisions.truncated { ", cut off in the middle of a line" } else { "" };
    say(&format!(
        "{}: seed {}, {} {}, {} events{cut}",
        header.plan.name, header.seed, header.server.name, header.server.version, recording.decisions.events
    ));
}

/// On the recorded server: every event must be equal.
fn again(
    recording: &Recording,
    server: &Server,
    out: Option<&Path>,
    environment: &Environment,
) -> Result<Exit> {
    let stop = stop_flag()?;
    let mut line = ProgressLine::new(environment.progress);
    let mut show = |progress| line.show(progress);
    let replayed = match out {
        Some(out) => recording.replay(server, out, &stop, &mut show),
        None => recording.check(server, &stop, &mut show),
    };
    line.clear();
    Ok(conclude(recording, &replayed?, stop.load(std::sync::atomic::Ordering::Relaxed)))
}

/// Says how a replay on the recorded server ended.
fn conclude(recording: &Recording, replayed: &Replayed, stopped: bool) -> Exit {
    let Replayed { outcome, parted } = replayed;
    if let Some(parted) = parted {
        say_difference(recording, parted);
        return Exit::Diverged;
    }
    if stopped {
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
    let stop = stop_flag()?;
    let mut line = ProgressLine::new(environment.progress);
    let mut simulation = recording.simulation(server, out);
    simulation.guide.end_at = None;
    let outcome = simulation.run(&stop, &mut |progress| line.show(progress));
    line.clear();
    let outcome = outcome?;
    let alignment = align(event_log::open(&recording.path)?, event_log::open(out)?)?;
    say_alignment(&alignment, &format!("{} {}", server.name, server.version));
    say(&judgement(&recording.violated()?, &outcome));
    say_verdicts(&outcome);
    Ok(exit(&outcome))
}

fn say_alignment(found: &Alignment, other: &str) {
    say(&format!(
        "{} events mean the same on {other}; {} only in the recorded run, {} only in this one",
        found.aligned, found.only_recorded, found.only_replayed
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
        say(&format!("  and {more} further kinds"));
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
