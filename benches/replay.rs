//! What a recording costs: to run it again, as a ratio to the run itself, and to bisect it.
//!
//! The ratio is of whole commands, as a person waits for them: a replay has the log to read before it begins, and a
//! report less to write. The two alternate, so that other work on the machine disturbs both alike.

#![expect(clippy::disallowed_macros, reason = "a bench prints its ratios")]

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use valkey_fuzzer::cli;
use valkey_fuzzer::commands::servers::find_server;
use valkey_fuzzer::replay::Recording;
use valkey_fuzzer::replay::bisect::Bisection;
use valkey_fuzzer::servers::Server;
use valkey_fuzzer::wall::Stopwatch;

/// Sixty virtual seconds of a usual load, in the middle of which somebody empties a primary.
const SABOTAGED: &str = "
scenario: {name: sabotaged, seed: 1}
operations: [{type: command, node: 1, args: [FLUSHALL], delay: 30}]
workload: {duration: 60}
";
/// How many times each command is run for the ratio.
const PAIRS: usize = 40;

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

/// Processor seconds of this process and of those that it started and that have ended.
fn cpu_s() -> f64 {
    let of = |who| {
        let usage = getrusage(who).expect("usage can be read");
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
    };
    of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN)
}

/// Real and processor seconds of a whole command.
#[expect(clippy::disallowed_methods, reason = "the program itself is what is measured")]
fn command(args: &[&Path]) -> (f64, f64) {
    let (watch, cpu) = (Stopwatch::start(), cpu_s());
    let output = Command::new(env!("CARGO_BIN_EXE_valkey-fuzzer")).args(args).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1), "the sabotage is found, and a replay is equal");
    (watch.elapsed().as_secs_f64(), cpu_s() - cpu)
}

/// The middle of the ratios of the two, and between what a half of them lies.
fn ratio(pairs: impl Iterator<Item = (f64, f64)>) -> String {
    let mut ratios: Vec<f64> = pairs.map(|(replay, run)| replay / run).collect();
    ratios.sort_by(f64::total_cmp);
    let [low, middle, high] = [1, 2, 3].map(|quarter| ratios[ratios.len() * quarter / 4]);
    format!("{middle:.3} ({low:.3} to {high:.3})")
}

fn replays(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("room for results");
    let [scenario, log, other] = ["scenario.yaml", "log", "other"].map(|name| folder.path().join(name));
    std::fs::write(&scenario, SABOTAGED).expect("the scenario is written");
    let run = |out: &Path| command(&["run".as_ref(), &scenario, "--out".as_ref(), out]);
    let replay = || command(&["replay".as_ref(), &log]);
    run(&log);
    let pairs: Vec<_> = (0..PAIRS).map(|_| (replay(), run(&other))).collect();
    println!(
        "replay to run: {} in real time, {} in processor time",
        ratio(pairs.iter().map(|(replay, run)| (replay.0, run.0))),
        ratio(pairs.iter().map(|(replay, run)| (replay.1, run.1)))
    );
    let server = find_server(None, &cli::environment()).expect("a server is found or fetched");
    let (watch, cpu) = (Stopwatch::start(), cpu_s());
    let probes = bisect(&log, &server);
    println!(
        "turning point of 60 virtual seconds: {probes} probes in {:.2} s, {:.2} s of two processors' time",
        watch.elapsed().as_secs_f64(),
        cpu_s() - cpu
    );
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.bench_function("run", |bencher| bencher.iter(|| run(&other)));
    group.bench_function("replay", |bencher| bencher.iter(replay));
    group.finish();
}

criterion_group!(benches, replays);
criterion_main!(benches);
