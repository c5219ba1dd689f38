//! One program under many seeds: how often it fails, with an interval, and what repeats each failure.
//!
//! It is a campaign over the scenario with the one guest, which is to end with 0. What real time has a part in is told
//! and stands in no file, but for the ledger's own lines.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Many, Request, again, scenario};
use crate::campaign::worker::leave_session;
use crate::campaign::{Campaign, Contestant, Crew, Ended, Ledger, RunLine, RunStatus, Source, Tally};
use crate::commands::fuzz::{exit, goes_on, open, serve, stopped, write_summary};
use crate::commands::servers::find_server;
use crate::commands::{BadInput, CANNOT_LISTEN, Environment, Exit, folder_name, say, say_to_stderr};
use crate::scenario::{GuestExpect, Scenario};
use crate::statistics::quantile;
use crate::stop;
use crate::words::{CommandLine, counted};

/// How many failures are kept with their logs and outputs; any other is run again in no time.
const KEPT: usize = 50;

/// Runs the program under all seeds that were not run yet.
pub fn measure(request: &Request, many: Many, environment: &Environment) -> Result<Exit> {
    many.works_for.map_or(Ok(()), leave_session).context("cannot begin to work")?;
    let stop = stop::listen().context(CANNOT_LISTEN)?;
    let server = find_server(request.server.clone(), environment)?;
    let contestants = Contestant::of(vec![server]);
    let folder = folder_name(&request.command.join(" "));
    let campaign = Campaign {
        source: Source::Scenarios(vec![asked(request)?]),
        contestants,
        seed_start: request.seed.unwrap_or(1),
        seeds: Some(many.runs),
        time: None,
        jobs: many.jobs,
        crew: Crew::Processes(environment.words.clone()),
        stop_on_first: false,
        doublecheck: (0, 1),
        kept_max: Some(KEPT),
        out: request.out.clone().unwrap_or_else(|| Path::new("campaigns").join(folder)),
        stop,
    };
    if many.works_for.is_some() {
        return serve(&campaign);
    }
    let mut ledger = open(&campaign)?;
    ledger.runs().for_each(|line| say(&told(line)));
    let ended = campaign.run(&mut ledger, &mut |line| say(&told(line)));
    let ended = ended.map_err(|error| stopped(error, &campaign.out))?;
    let summary = write_summary(&campaign, &ledger, &BTreeMap::new())?;
    let repeat = |seed| again(request, seed, &campaign.contestants[0].server, environment);
    say(&conclusion(&campaign, &ledger, &repeat));
    ledger_speed(&ledger).iter().for_each(|line| say_to_stderr(line));
    say_to_stderr(&format!("results: {}", campaign.out.display()));
    if let Ended::Interrupted = ended {
        say_to_stderr(&format!("interrupted; {}", goes_on(&campaign.out)));
        return Ok(Exit::Interrupted);
    }
    Ok(exit(&summary))
}

/// The scenario, in which the guest is to end with 0 and only the seed varies.
fn asked(request: &Request) -> Result<Scenario> {
    if request.stdin.as_deref().is_some_and(|path| path.as_os_str() == "-") {
        let why =
            "what is read once cannot be read by many runs: write it to a file and name that with --stdin";
        return Err(BadInput(why.to_owned()).into());
    }
    let mut scenario = scenario(request)?;
    scenario.guests.iter_mut().for_each(|guest| {
        guest.expect = Some(GuestExpect { exit: Some(0), ..GuestExpect::default() });
    });
    Ok(scenario)
}

/// One run in a line.
fn told(line: &RunLine) -> String {
    let what = match (line.status, &line.reason) {
        (RunStatus::Passed, _) => "passed".to_owned(),
        (RunStatus::Failed, _) => format!("failed: {}", why(line)),
        (RunStatus::Unknown, Some(reason)) => format!("not judged: {reason}"),
        (_, reason) => {
            return format!("seed {}: no run: {}", line.seed, reason.as_deref().unwrap_or_default());
        }
    };
    let [virtual_s, real_s] = [line.virtual_ms, line.wall_ms].map(|ms| ms as f64 / 1e3);
    format!("seed {}: {what}, after {virtual_s:.1} virtual s in {real_s:.1} s", line.seed)
}

/// What is wrong with a run that failed: how the guest ended, and what else is violated.
fn why(line: &RunLine) -> String {
    let others = line.violated.iter().filter(|name| *name != "guests");
    line.guests.iter().chain(others).map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// What all runs came to, which is the same wherever they are made.
fn conclusion(campaign: &Campaign, ledger: &Ledger, repeat: &dyn Fn(u64) -> CommandLine) -> String {
    let tally: Tally = ledger.runs().collect();
    let mut text = format!("\nFailure rate: {}", tally.failure_rate());
    let mut ways: BTreeMap<String, u64> = BTreeMap::new();
    for line in ledger.runs().filter(|line| line.status == RunStatus::Failed) {
        *ways.entry(why(line)).or_default() += 1;
        text += &format!("\nseed {}: {}\n    {}", line.seed, why(line), repeat(line.seed));
        let kept = campaign.failure(line);
        if kept.exists() {
            text += &format!("\n    {}", kept.display());
        }
    }
    let ways = ways.iter().map(|(why, count)| format!("\n{count} × {why}"));
    text + &ways.collect::<String>()
}

/// How fast it went, which differs from machine to machine.
fn ledger_speed(ledger: &Ledger) -> Option<String> {
    let ran = || ledger.runs().filter(|line| line.counts());
    let sorted = |of: fn(&RunLine) -> u64| {
        let mut times: Vec<u64> = ran().map(of).collect();
        times.sort_unstable();
        times
    };
    let [real, simulated] = [sorted(|line| line.wall_ms), sorted(|line| line.virtual_ms)];
    let median = |times: &[u64]| quantile(times, 0.5).map(|ms| ms as f64 / 1e3);
    let [all_real, all_simulated] = [&real, &simulated].map(|times| times.iter().sum::<u64>() as f64);
    Some(format!(
        "{} of {:.1} s, for {:.1} virtual s each (medians): {:.1} virtual seconds in one",
        counted(real.len() as u64, "run"),
        median(&real)?,
        median(&simulated)?,
        all_simulated / all_real.max(1.0)
    ))
}
