//! How many whole scenarios a campaign does in an hour, how that grows with the processors, and what memory one takes.
//!
//! Rates of one run on one machine can be compared: beside the rate of one worker it prints that of a worker for each
//! processor, per processor, as a ratio to it. Memory is what only this simulation needs (the proportional set size of
//! the tool and all servers), the most seen while a whole scenario runs.

#![expect(clippy::disallowed_macros, reason = "a bench prints its figures")]

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use valkey_fuzzer::campaign::{Campaign, Contestant, Crew, Ended, Ledger, Question, Source};
use valkey_fuzzer::cli;
use valkey_fuzzer::commands::servers::find_server;
use valkey_fuzzer::plan::resolve::resolve;
use valkey_fuzzer::scenario::{self, Scenario};
use valkey_fuzzer::servers::Server;
use valkey_fuzzer::simulation::Simulation;
use valkey_fuzzer::wall::Stopwatch;

/// How many scenarios each worker does.
const SCENARIOS_PER_WORKER: u64 = 100;

fn whole() -> Scenario {
    scenario::parse_str("benches/whole.yaml", include_str!("whole.yaml")).expect("a good scenario")
}

/// Runs a campaign of whole scenarios; how many a processor does in an hour.
fn per_core_hour(server: &Server, workers: usize) -> f64 {
    let (folder, stop) = (tempfile::tempdir().expect("room for results"), AtomicBool::new(false));
    let scenarios = SCENARIOS_PER_WORKER * workers as u64;
    let campaign = Campaign {
        source: Source::Scenarios(vec![whole()]),
        contestants: Contestant::of(vec![server.clone()]),
        seed_start: 1,
        seeds: Some(scenarios),
        time: None,
        jobs: NonZeroUsize::new(workers).expect("there is a processor"),
        crew: Crew::Threads,
        stop_on_first: false,
        doublecheck: (0, 1),
        kept_max: None,
        out: folder.path().to_owned(),
        stop: &stop,
    };
    let servers = campaign.contestants.iter().map(|on| (on.label.clone(), on.server.identity())).collect();
    let question = Question::new(campaign.source.clone(), servers).expect("this program can be read");
    let mut ledger = Ledger::open(folder.path(), &question).expect("a ledger");
    let watch = Stopwatch::start();
    let ended = campaign.run(&mut ledger, &mut |_| {}).expect("the world works");
    assert!(matches!(ended, Ended::Complete));
    scenarios as f64 / workers as f64 / watch.elapsed().as_secs_f64() * 3600.0
}

/// The proportional set size of a process in KiB; nothing if it has ended.
fn pss_kib(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The most memory that the tool and the servers of one whole scenario have, in KiB.
fn peak_kib(server: &Server) -> u64 {
    let (plan, out) =
        (resolve(&whole(), None).expect("a plan"), tempfile::tempdir().expect("room for results"));
    let me = std::process::id();
    let children = format!("/proc/{me}/task/{me}/children");
    let mut peak = 0;
    let simulation = Simulation::new(&plan, server, out.path());
    let mut look = |_| {
        let children = fs::read_to_string(Path::new(&children)).unwrap_or_default();
        let pids = children.split_whitespace().filter_map(|pid| pid.parse().ok()).chain([me]);
        peak = peak.max(pids.filter_map(pss_kib).sum());
    };
    simulation.run(&AtomicBool::new(false), &mut look).expect("the world works");
    peak
}

fn main() {
    let server = find_server(None, &cli::environment()).expect("a server is found or fetched");
    // Before any campaign, whose threads' memory would count as this simulation's.
    println!("memory of one 3 x 1 simulation, tool and servers: {:.1} MB", peak_kib(&server) as f64 / 1024.0);
    let one = per_core_hour(&server, 1);
    println!("1 worker: {one:.0} whole scenarios a core-hour on {}", server.version);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let all = per_core_hour(&server, processors);
    println!("{processors} workers: {all:.0} a core-hour each, {:.0} % of one worker's", 100.0 * all / one);
}
