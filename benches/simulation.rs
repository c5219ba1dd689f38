//! How fast virtual time passes: whole runs on a real server, as ratios to real time.
//!
//! Ratios of one run on one machine can be compared, absolute times cannot. Beside criterion's own figures it prints, for
//! each plan: virtual seconds per real second, turns per second, and where the processor's time went. The hand-over
//! is measured by turns in which a server has nothing to do; the rest of the servers' time is their own work.

#![expect(clippy::disallowed_macros, reason = "a bench prints its ratios")]

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use valkey_fuzzer::id::NodeId;
use valkey_fuzzer::plan::Plan;
use valkey_fuzzer::plan::resolve::resolve;
use valkey_fuzzer::scenario;
use valkey_fuzzer::servers::{self, Options, Server};
use valkey_fuzzer::simulation::{Outcome, PinnedThread, Simulation};
use valkey_fuzzer::time::SimTime;
use valkey_fuzzer::wall::Stopwatch;
use valkey_fuzzer::world::simulated::{self, Simulated};
use valkey_fuzzer::world::{Next, World};

/// Sixty virtual seconds in which nobody works.
const IDLE: &str = "
scenario: {name: idle, seed: 1}
operations: [{type: command, node: 1, args: [PING], delay: 60}]
workload: {enabled: false}
";
/// Sixty virtual seconds with 100 operations a second and one failover.
const BUSY: &str = "
scenario: {name: busy, seed: 1}
operations: [{type: failover, target: primary, shard: 1, delay: 20}]
workload: {rate: 100, duration: 60}
";
/// A whole scenario: form, two faults, twenty seconds of work, heal, validate.
const WHOLE: &str = "
scenario: {name: whole, seed: 1}
chaos:
  - {type: process_kill, target: primary, shard: 2, at: 3, restart_after: 5}
  - {type: network_partition, target: primary, shard: 3, at: 10, duration: 4}
workload: {rate: 100, duration: 20}
";
/// Forty-eight nodes for twenty virtual seconds.
const LARGE: &str = "
scenario: {name: large, seed: 1}
cluster: {shards: 16, replicas: 2}
operations: [{type: command, node: 1, args: [PING], delay: 20}]
workload: {enabled: false}
";

fn server() -> Server {
    #[expect(clippy::disallowed_methods, reason = "benches take servers from where the program takes them")]
    let variable = |name: &str| std::env::var_os(name).map(std::path::PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let options = Options {
        cache_dir: cache.expect("there is a home or a cache").join("valkey-fuzzer"),
        ..Options::default()
    };
    servers::find(&options, &mut |_| {}).expect("a server is found or fetched")
}

fn plan(yaml: &str) -> Plan {
    resolve(&scenario::parse_str("bench", yaml).expect("a good scenario"), None).expect("a plan")
}

fn run(plan: &Plan, server: &Server) -> Outcome {
    let out = tempfile::tempdir().expect("room for results");
    let simulation =
        Simulation { plan, server, out: out.path(), reproduction: String::new(), check_interposition: false };
    simulation.run(&AtomicBool::new(false), &mut |_| {}).expect("the world works")
}

fn cpu(who: UsageWho) -> f64 {
    let usage: Usage = getrusage(who).expect("usage can be read");
    (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
}

/// Seconds that one turn costs in which a lone server has nothing to do but its cron: the hand-over, and little more.
fn idle_turn_s(server: &Server) -> f64 {
    const TURNS: u32 = 20_000;
    let (plan, logs) = (plan(IDLE), tempfile::tempdir().expect("room for logs"));
    let options = simulated::Options { plan: &plan, server, logs: logs.path().to_owned(), check: false };
    let _pinned = PinnedThread::pin();
    let mut world = Simulated::new(&options).expect("a world");
    world.start(NodeId(1), 1, SimTime::ZERO).expect("a server starts");
    let mut now = SimTime::ZERO;
    let watch = Stopwatch::start();
    for _ in 0..TURNS {
        let turn = world.resume(NodeId(1), now).expect("it runs").expect("it is there");
        let Next::Blocked(until) = turn.next else { panic!("an idle server ends: {turn:?}") };
        now = until.max(turn.ended_at);
    }
    watch.elapsed().as_secs_f64() / f64::from(TURNS)
}

/// Runs a plan once and prints where the time went.
fn print_ratios(name: &str, plan: &Plan, server: &Server, idle_turn_s: f64) {
    let (own, others) = (cpu(UsageWho::RUSAGE_SELF), cpu(UsageWho::RUSAGE_CHILDREN));
    let meters = run(plan, server).report.meters;
    let own = cpu(UsageWho::RUSAGE_SELF) - own;
    let servers = cpu(UsageWho::RUSAGE_CHILDREN) - others;
    let hand_over = idle_turn_s * meters.turns as f64;
    println!(
        "{name}: {:.1} virtual s in {:.2} s = {:.0} to 1; {:.0} turns/s, {:.0} events/s; processor time: fuzzer {:.0} %, \
         servers with shim {:.0} %; hand-over, shim and cron of an idle turn take {:.1} us, {:.0} % of all if every turn were idle",
        meters.virtual_s,
        meters.wall_s,
        meters.virtual_s / meters.wall_s,
        meters.turns as f64 / meters.wall_s,
        meters.events as f64 / meters.wall_s,
        100.0 * own / (own + servers),
        100.0 * servers / (own + servers),
        idle_turn_s * 1e6,
        100.0 * hand_over / meters.wall_s,
    );
}

fn simulations(criterion: &mut Criterion) {
    let server = server();
    let idle_turn = idle_turn_s(&server);
    let mut group = criterion.benchmark_group("simulation");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for (name, yaml) in [("idle", IDLE), ("busy", BUSY), ("whole", WHOLE), ("large", LARGE)] {
        let plan = plan(yaml);
        print_ratios(name, &plan, &server, idle_turn);
        group.bench_function(name, |bencher| bencher.iter(|| run(&plan, &server).report.meters.events));
    }
    group.finish();
}

criterion_group!(benches, simulations);
criterion_main!(benches);
