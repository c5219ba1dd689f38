//! `bisect`: which injected event makes a recorded run fail, and the smallest scenario that still does.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use super::run::stop_flag;
use super::servers::{find_server, recorded_server};
use super::{Environment, Exit, say, say_to_stderr};
use crate::bisect::{Answer, Progress};
use crate::event_log::open::log_path;
use crate::replay::Recording;
use crate::replay::bisect::{Bisection, Minimum, ProbeError, Turn, violated};

/// What was asked for, as typed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The log, or the folder that holds it.
    pub log: PathBuf,
    /// Another server than the recorded one.
    pub server: Option<String>,
    /// The invariant; the first that the run violated without it.
    pub invariant: Option<String>,
    /// How many runs at once.
    pub jobs: usize,
    /// Only the turning point.
    pub no_shrink: bool,
    /// Where results go.
    pub out: Option<PathBuf>,
}

/// Bisects a log.
pub fn bisect(request: &Request, environment: &Environment) -> Result<Exit> {
    let recording = Recording::open(&request.log)?;
    let Some(invariant) = invariant(request, &recording)? else {
        return Ok(Exit::BadInput);
    };
    let server = match &request.server {
        Some(spec) => find_server(Some(spec.clone()), environment)?,
        None => recorded_server(&recording.header.server, environment)?,
    };
    let out = match &request.out {
        Some(out) => out.clone(),
        None => log_path(&request.log)?.parent().unwrap_or(Path::new(".")).join("bisect"),
    };
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let stop = stop_flag()?;
    let bisection =
        Bisection { recording: &recording, server: &server, invariant, jobs: request.jobs, out, stop: &stop };
    match search(&bisection, request, environment) {
        Err(ProbeError::Interrupted) => {
            say_to_stderr(&ProbeError::Interrupted.to_string());
            Ok(Exit::Interrupted)
        }
        Err(_) if is_set(&stop) => Ok(Exit::Interrupted),
        other => Ok(other?),
    }
}

fn search(bisection: &Bisection, request: &Request, environment: &Environment) -> Result<Exit, ProbeError> {
    let turn = with_line(environment, "turning point", |progress| bisection.turn(progress))?;
    say_turn(&turn, &bisection.invariant);
    if request.no_shrink {
        return Ok(Exit::AllHold);
    }
    let minimum = with_line(environment, "minimal cause", |progress| bisection.minimum(&turn, progress))?;
    say_minimum(&minimum);
    Ok(Exit::AllHold)
}

fn is_set(flag: &AtomicBool) -> bool {
    flag.load(std::sync::atomic::Ordering::Relaxed)
}

/// The invariant to look for; nothing, and said why, if the run did not violate it.
fn invariant(request: &Request, recording: &Recording) -> Result<Option<String>> {
    let violated = violated(recording)?;
    let wanted = request.invariant.as_ref().or(violated.first());
    let found = wanted.filter(|name| violated.contains(name)).cloned();
    match (&found, wanted) {
        (Some(name), _) if violated.len() > 1 => {
            say(&format!("the run violates {}; looking for {name}", violated.join(", ")));
        }
        (Some(_), _) => {}
        (None, Some(name)) => say_to_stderr(&format!(
            "the recorded run does not violate {name}; it violates {}",
            if violated.is_empty() { "nothing".to_owned() } else { violated.join(", ") }
        )),
        (None, None) => say_to_stderr("the recorded run violates nothing: there is no failure to bisect"),
    }
    Ok(found)
}

/// Shows on a terminal how far a search is.
fn with_line<T>(
    environment: &Environment,
    what: &str,
    search: impl FnOnce(&mut dyn FnMut(Progress)) -> T,
) -> T {
    let bar = if environment.progress { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let found = search(&mut |Progress { probes, about, best }| {
        bar.set_message(format!("{what}: probe {probes} of about {about}, best so far {best}"));
        bar.tick();
    });
    bar.finish_and_clear();
    found
}

fn say_turn(turn: &Turn, invariant: &str) {
    let point = &turn.point;
    match &turn.event {
        None => say(&format!("{invariant} is violated with nothing injected at all")),
        Some(injected) => say(&format!(
            "turning point: event {} (injection {} of {}, {} probes)\n  {}",
            injected.event, point.position, turn.of, point.probes, injected.line
        )),
    }
    if turn.event.is_some() && point.before != Some(Answer::Passes) {
        say("  one injection less could not be judged: it may be earlier");
    }
    if !point.monotone() {
        let places: Vec<String> = point.exceptions.iter().map(ToString::to_string).collect();
        say(&format!("  not monotone: the answer is the other way round at injection {}", places.join(", ")));
    }
}

fn say_minimum(minimum: &Minimum) {
    say(&minimum.explanation);
    if !minimum.complete {
        say("the search was ended before everything was tried without");
    }
    if !minimum.neutral_latency {
        say("latencies matter: with equal ones on all links it does not fail");
    }
    let scenario = minimum.folder.join("scenario.yaml");
    say(&format!("{} probes; to run it by itself: valkey-fuzzer run {}", minimum.probes, scenario.display()));
}
