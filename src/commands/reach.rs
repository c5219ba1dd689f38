//! `reach`: how often generated runs come to the branches of the server that its log tells of.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};

use super::servers::find_server;
use super::{CANNOT_LISTEN, Environment, Exit, say, say_to_stderr};
use crate::event::{Body, Event};
use crate::plan::{Overrides, generate_for, resolve};
use crate::scratch::ScratchFolder;
use crate::servers::Server;
use crate::simulation::{Log, Simulation};
use crate::stop;
use crate::wire::branches::{BRANCHES, told_by};
use crate::words::counted;

/// What was asked for, as typed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The server, a path or a version.
    pub server: Option<String>,
    /// How many seeds.
    pub runs: u64,
    /// The first of them.
    pub seed_start: u64,
}

/// How often each branch was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reached {
    lines: Vec<u64>,
    runs: Vec<u64>,
}

/// Runs seeds and prints a line for each branch: how many lines of logs tell of it, in how many of the runs.
pub fn reach(request: &Request, environment: &Environment) -> Result<Exit> {
    let stop = stop::listen().context(CANNOT_LISTEN)?;
    let server = find_server(request.server.clone(), environment)?;
    let (mut reached, mut count) = (Reached::default(), 0);
    for seed in (request.seed_start..).take(usize::try_from(request.runs)?) {
        let lines = lines_of(seed, &server, stop)?;
        if stop::is_asked() {
            break;
        }
        count += 1;
        reached.take(&lines);
        say_to_stderr(&format!("seed {seed}: {} lines tell of a branch", lines.len()));
    }
    say(&reached.table(count));
    Ok(if stop::is_asked() { Exit::Interrupted } else { Exit::AllHold })
}

/// The branches that the lines of a seed's run tell of.
fn lines_of(seed: u64, server: &Server, stop: &AtomicBool) -> Result<Vec<usize>> {
    let plan = resolve(&generate_for(seed, &Overrides::default(), server.has_databases()), None)?;
    let out = ScratchFolder::in_memory().context("cannot make a folder for a run")?;
    let told = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&told);
    let observer = Box::new(move |event: &Event| {
        if let Body::Log { line } = &event.body {
            seen.borrow_mut().extend(told_by(line));
        }
    });
    let simulation = Simulation {
        log: Log::Dropped,
        observer: Some(observer),
        ..Simulation::new(&plan, server, out.path())
    };
    simulation.run(stop, &mut |_| {})?;
    let lines = told.borrow().clone();
    Ok(lines)
}

impl Default for Reached {
    fn default() -> Self {
        Reached { lines: vec![0; BRANCHES.len()], runs: vec![0; BRANCHES.len()] }
    }
}

impl Reached {
    /// Takes the branches that one run's lines tell of.
    fn take(&mut self, lines: &[usize]) {
        lines.iter().for_each(|place| self.lines[*place] += 1);
        let once: BTreeSet<usize> = lines.iter().copied().collect();
        once.into_iter().for_each(|place| self.runs[place] += 1);
    }

    fn table(&self, count: u64) -> String {
        let mut text = String::new();
        for (place, (topic, line)) in BRANCHES.iter().enumerate() {
            let _ = writeln!(text, "{topic:<12} {:>8} {:>6}  {line}", self.lines[place], self.runs[place]);
        }
        let reached = self.runs.iter().filter(|runs| **runs > 0).count();
        let _ =
            write!(text, "\n{reached} of {} branches reached in {}", BRANCHES.len(), counted(count, "run"));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_runs_are_counted_apart() {
        let mut reached = Reached::default();
        reached.take(&[0, 0, 2]);
        reached.take(&[0]);
        assert_eq!((reached.lines[0], reached.runs[0], reached.runs[1]), (3, 2, 0));
        let table = reached.table(2);
        assert!(table.starts_with("vote                3      2  Failover auth granted\n"), "{table}");
        assert!(table.ends_with(&format!("2 of {} branches reached in 2 runs", BRANCHES.len())), "{table}");
    }
}
