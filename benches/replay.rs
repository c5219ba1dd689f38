//! What a recording costs: to run it again, as a ratio to the run itself, and to bisect it.
//!
//! A replay takes its decisions from the log and compares every event, so it must not be slower than the run. Other work
//! on the machine disturbs real time; the ratio of processor times beside it says how fair the comparison was.

#![expect(clippy::disallowed_macros, reason = "a bench prints its ratios")]

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use valkey_fuzzer::cli;
use valkey_fuzzer::commands::servers::find_server;
use valkey_fuzzer::plan::Plan;
use valkey_fuzzer::plan::resolve::resolve;
use valkey_fuzzer::replay::Recording;
use valkey_fuzzer::replay::bisect::Bisection;
use valkey_fuzzer::scenario;
use valkey_fuzzer::servers::Server;
use valkey_fuzzer::simulation::Simulation;
use valkey_fuzzer::wall::Stopwatch;

/// Sixty virtual seconds of a usual load, in the middle of which somebody empties a primary.
const SABOTAGED: &str = "
scenario: {name: sabotaged, seed: 1}
operations: [{type: command, node: 1, args: [FLUSHALL], delay: 30}]
workload: {duration: 60}
";
/// How often each is run for the ratio; the fastest counts, which other work disturbed least.
const TIMES: usize = 5;

fn plan() -> Plan {
    resolve(&scenario::parse_str("bench", SABOTAGED).expect("a good scenario"), None).expect("a plan")
}

fn run(plan: &Plan, server: &Server, out: &Path) -> f64 {
    let outcome = Simulation::new(plan, server, out).run(&AtomicBool::new(false), &mut |_| {});
    outcome.expect("the world works").report.meters.wall_s
}

/// Opens the recording too: that is part of what a person waits for.
fn replay(log: &Path, server: &Server) {
    let recording = Recording::open(log).expect("the log is good");
    let replayed = recording.check(server, &AtomicBool::new(false), &mut |_| {});
    assert!(replayed.expect("the world works").parted.is_none(), "a replay is equal");
}

/// Finds the turning point with two runs side by side; how many probes that took.
fn bisect(log: &Path, server: &Server) -> usize {
    let recording = Recording::open(log).expect("the log is good");
    let out = tempfile::tempdir().expect("room for results");
    let stop = AtomicBool::new(false);
    let bisection = Bisection {
        recording: &recording,
        server,
        invariant: "data_consistency".to_owned(),
        jobs: 2,
        out: out.path().to_owned(),
        stop: &stop,
    };
    bisection.turn(&mut |_| {}).expect("the world works").point.probes
}

/// Processor seconds of this process and of the servers that have ended.
fn cpu_s() -> f64 {
    let of = |who| {
        let usage = getrusage(who).expect("usage can be read");
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
    };
    of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN)
}

/// Real and processor seconds of the fastest of several times.
fn fastest(mut work: impl FnMut()) -> (f64, f64) {
    let once = |_| {
        let (watch, cpu) = (Stopwatch::start(), cpu_s());
        work();
        (watch.elapsed().as_secs_f64(), cpu_s() - cpu)
    };
    let all: Vec<(f64, f64)> = (0..TIMES).map(once).collect();
    let least = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).fold(f64::INFINITY, f64::min);
    (least(|(real, _)| *real), least(|(_, cpu)| *cpu))
}

fn replays(criterion: &mut Criterion) {
    let server = find_server(None, &cli::environment()).expect("a server is found or fetched");
    let (plan, log) = (plan(), tempfile::tempdir().expect("room for results"));
    run(&plan, &server, log.path());
    let other = tempfile::tempdir().expect("room for results");
    let (run_real, run_cpu) = fastest(|| _ = run(&plan, &server, other.path()));
    let (replay_real, replay_cpu) = fastest(|| replay(log.path(), &server));
    println!(
        "replay to run: {:.2} in real time ({replay_real:.3} to {run_real:.3} s), {:.2} in processor time",
        replay_real / run_real,
        replay_cpu / run_cpu
    );
    let (watch, cpu) = (Stopwatch::start(), cpu_s());
    let probes = bisect(log.path(), &server);
    println!(
        "turning point of 60 virtual seconds: {probes} probes in {:.2} s, {:.2} s of two processors' time",
        watch.elapsed().as_secs_f64(),
        cpu_s() - cpu
    );
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.bench_function("run", |bencher| bencher.iter(|| run(&plan, &server, other.path())));
    group.bench_function("replay", |bencher| bencher.iter(|| replay(log.path(), &server)));
    group.finish();
}

criterion_group!(benches, replays);
criterion_main!(benches);
