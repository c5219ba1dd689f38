//! `bisect`: which injected event makes a recorded run fail, and the smallest scenario that still does.

use std::path::{Path, PathBuf};

use super::progress::SearchLine;
use super::servers::server_for;
use super::{BadInput, CANNOT_LISTEN, Environment, Exit, say, say_to_stderr};
use crate::bisect::{Answer, Flaky, FlakyTurningPoint};
use crate::event_log::open::log_path;
use crate::invariant::CATALOGUE;
use crate::replay::Recording;
use crate::replay::bisect::{Bisection, Minimum, ProbeError, Turn};
use crate::servers::Server;
use crate::stop;
use crate::words::{CommandLine, counted, nearest};
use anyhow::{Context, Result};

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
    /// Each position is run until its rate of failure is decided, at most so often.
    pub repeat: Option<u64>,
    /// Only the turning point.
    pub no_shrink: bool,
    /// Where results go.
    pub out: Option<PathBuf>,
}

/// Bisects a log.
pub fn bisect(request: &Request, environment: &Environment) -> Result<Exit> {
    let stop = stop::listen().context(CANNOT_LISTEN)?;
    let recording = Recording::open(&request.log)?;
    let Some(invariant) = invariant(request, &recording)? else {
        return Ok(Exit::BadInput);
    };
    let server = server_for(&recording, request.server.as_ref(), environment)?;
    environment.repeat_on(request.server.as_ref(), &server);
    let out = match &request.out {
        Some(out) => out.clone(),
        None => log_path(&request.log)?.parent().unwrap_or(Path::new(".")).join("bisect"),
    };
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let bisection =
        Bisection { recording: &recording, server: &server, invariant, jobs: request.jobs, out, stop };
    match search(&bisection, request, environment) {
        Err(ProbeError::Interrupted) => {
            say_to_stderr(&ProbeError::Interrupted.to_string());
            Ok(Exit::Interrupted)
        }
        other => Ok(other?),
    }
}

fn search(bisection: &Bisection, request: &Request, environment: &Environment) -> Result<Exit, ProbeError> {
    let flaky = request.repeat.map(|runs_max| Flaky { runs_max, ..Flaky::default() });
    let turn = SearchLine::during(environment.progress, |line| {
        let mut show = |progress| line.show("turning point", progress);
        match flaky {
            Some(flaky) => bisection.turn_by_rates(flaky, &mut show),
            None => bisection.turn(&mut show),
        }
    })?;
    say_turn(&turn, &bisection.invariant);
    if let (Some(rates), Some(flaky)) = (&turn.rates, flaky) {
        say_rates(rates, flaky);
    }
    if request.no_shrink {
        return Ok(Exit::AllHold);
    }
    let minimum = SearchLine::during(environment.progress, |line| {
        bisection.minimum(&turn, &mut |progress| line.show("minimal cause", progress))
    })?;
    say_minimum(&minimum, bisection.server);
    Ok(Exit::AllHold)
}

/// The invariant to look for; nothing, and said why, if the run did not violate it.
fn invariant(request: &Request, recording: &Recording) -> Result<Option<String>> {
    let violated = recording.violated()?;
    if let Some(name) = &request.invariant {
        check_known(name)?;
    }
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

/// An invariant that does not exist is a slip of the finger, and not one that holds.
fn check_known(name: &str) -> Result<()> {
    let names = CATALOGUE.iter().map(|invariant| invariant.name).collect::<Vec<_>>();
    if names.contains(&name) {
        return Ok(());
    }
    let nearest = nearest(name, &names).map_or(String::new(), |near| format!("did you mean {near}? "));
    Err(BadInput(format!("there is no invariant {name}; {nearest}there are {}", names.join(", "))).into())
}

fn say_turn(turn: &Turn, invariant: &str) {
    let point = &turn.point;
    match &turn.event {
        None => say(&format!("{invariant} is violated with nothing injected at all")),
        Some(injected) => say(&format!(
            "turning point: event {} (injection {} of {}, {})\n  {}",
            injected.event,
            point.position,
            turn.of,
            counted(point.probes as u64, "probe"),
            injected.line
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

/// How often it fails where, and how sure that is.
fn say_rates(rates: &FlakyTurningPoint, flaky: Flaky) {
    let FlakyTurningPoint { at, before, full, empty, test, .. } = rates;
    say(&format!("  fails with it in {at}\n  and without it in {before}"));
    say(&format!("  with everything injected in {full}, with nothing in {empty}"));
    say(&format!(
        "  {} runs; the turning point is wrong with a probability of at most {:.1} %: each position is called failing \
         at a rate of {:.1} % and passing at {:.1} %, wrong either way in at most {:.2} %",
        rates.runs,
        100.0 * flaky.error,
        100.0 * test.high_rate,
        100.0 * test.low_rate,
        100.0 * test.false_fail.max(test.false_pass),
    ));
    if !rates.confirmed() {
        say("  the two rates do not lie apart: more runs (a larger --repeat) would tell");
    }
    if !rates.undecided.is_empty() {
        let places: Vec<String> = rates.undecided.iter().map(ToString::to_string).collect();
        say(&format!(
            "  {} runs did not decide injection {}: what was likelier was taken, outside the bound",
            flaky.runs_max,
            places.join(", ")
        ));
    }
}

fn say_minimum(minimum: &Minimum, server: &Server) {
    say(&minimum.explanation);
    if !minimum.complete {
        say("the search was ended before everything was tried without");
    }
    if !minimum.neutral_latency {
        say("latencies matter: with equal ones on all links it does not fail");
    }
    let run = CommandLine::of("run").file(&minimum.folder.join("scenario.yaml"));
    let run = run.option("--server", &server.spec);
    say(&format!("{}; to run it by itself: {run}", counted(minimum.probes as u64, "probe")));
}
