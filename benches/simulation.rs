//! How fast virtual time passes: whole runs on a real server, as ratios to real time.
//!
//! Ratios of one run on one machine can be compared, absolute times cannot. Beside criterion's own figures it prints, for
//! each plan: virtual seconds per real second, turns per second, and where the processor's time went. What the shim and
//! its hand-over take is measured by turns in which a server finds nothing to do; the rest of the servers' time is their
//! own work, starting and ending included.

#![expect(clippy::disallowed_macros, reason = "a bench prints its ratios")]

use std::net::SocketAddrV4;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use valkey_fuzzer::actor::message::Arrival;
use valkey_fuzzer::cli;
use valkey_fuzzer::commands::servers::find_server;
use valkey_fuzzer::id::{CLIENT_PORT, Host, NodeId};
use valkey_fuzzer::plan::Plan;
use valkey_fuzzer::plan::resolve::resolve;
use valkey_fuzzer::scenario;
use valkey_fuzzer::servers::Server;
use valkey_fuzzer::simulation::{Outcome, Simulation};
use valkey_fuzzer::time::SimTime;
use valkey_fuzzer::world::simulated::Seat;
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
const WHOLE: &str = include_str!("whole.yaml");
/// Forty-eight nodes for twenty virtual seconds.
const LARGE: &str = "
scenario: {name: large, seed: 1}
cluster: {shards: 16, replicas: 2}
operations: [{type: command, node: 1, args: [PING], delay: 20}]
workload: {enabled: false}
";

fn server() -> Server {
    find_server(None, &cli::environment()).expect("a server is found or fetched")
}

fn plan(yaml: &str) -> Plan {
    resolve(&scenario::parse_str("bench", yaml).expect("a good scenario"), None).expect("a plan")
}

fn run(plan: &Plan, server: &Server) -> Outcome {
    let out = tempfile::tempdir().expect("room for results");
    let simulation = Simulation::new(plan, server, out.path());
    simulation.run(&AtomicBool::new(false), &mut |_| {}).expect("the world works")
}

fn cpu(who: UsageWho) -> f64 {
    let usage: Usage = getrusage(who).expect("usage can be read");
    (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
}

/// Processor seconds that a server's process uses when it is started and given `turns` turns with nothing to do.
fn null_turns_s(server: &Server, turns: u32) -> f64 {
    let (plan, logs) = (plan(IDLE), tempfile::tempdir().expect("room for logs"));
    let before = cpu(UsageWho::RUSAGE_CHILDREN);
    let options = simulated::Options {
        plan: &plan,
        server,
        programs: &[],
        logs: logs.path().to_owned(),
        guests: logs.path().to_owned(),
        check: false,
    };
    let _seat = Seat::take();
    let mut world = Simulated::new(&options).expect("a world");
    let (node, handle) = (NodeId(1), 1 << 63);
    world.start(node, 1, SimTime::ZERO).expect("a server starts");
    world.resume(node, SimTime::ZERO, 0).expect("it runs").expect("it is there");
    let peer = SocketAddrV4::new(Host::Operator.address(), 40_000);
    world.arrive(node, handle, Arrival::Incoming { port: CLIENT_PORT, peer });
    for _ in 0..=turns {
        let turn = world.resume(node, SimTime::ZERO, 0).expect("it runs").expect("it is there");
        assert!(matches!(turn.next, Next::Blocked(_)), "an idle server ends: {turn:?}");
        // News that nobody waits for: the shim looks, and blocks again.
        world.arrive(node, handle, Arrival::Credit { len: 0 });
    }
    drop(world);
    cpu(UsageWho::RUSAGE_CHILDREN) - before
}

/// Processor seconds that the shim and its hand-over take for one turn.
fn shim_turn_s(server: &Server) -> f64 {
    const TURNS: u32 = 20_000;
    let started = null_turns_s(server, 0);
    (null_turns_s(server, TURNS) - started) / f64::from(TURNS)
}

/// Runs a plan once and prints where the time went.
fn print_ratios(name: &str, plan: &Plan, server: &Server, shim_turn_s: f64) {
    let (own, others) = (cpu(UsageWho::RUSAGE_SELF), cpu(UsageWho::RUSAGE_CHILDREN));
    let meters = run(plan, server).report.meters;
    let own = cpu(UsageWho::RUSAGE_SELF) - own;
    let servers = cpu(UsageWho::RUSAGE_CHILDREN) - others;
    let shim = shim_turn_s * meters.turns as f64;
    let share = |part: f64| 100.0 * part / (own + servers);
    println!(
        "{name}: {:.1} virtual s in {:.2} s = {:.0} to 1; {:.0} turns/s, {:.0} events/s; \
         processor time: scheduler and log {:.0} %, shim and hand-over {:.0} % ({:.1} us a turn), servers {:.0} %",
        meters.virtual_s,
        meters.wall_s,
        meters.virtual_s / meters.wall_s,
        meters.turns as f64 / meters.wall_s,
        meters.events as f64 / meters.wall_s,
        share(own),
        share(shim),
        shim_turn_s * 1e6,
        share(servers - shim),
    );
}

fn simulations(criterion: &mut Criterion) {
    let server = server();
    let shim_turn = shim_turn_s(&server);
    let mut group = criterion.benchmark_group("simulation");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for (name, yaml) in [("idle", IDLE), ("busy", BUSY), ("whole", WHOLE), ("large", LARGE)] {
        let plan = plan(yaml);
        print_ratios(name, &plan, &server, shim_turn);
        group.bench_function(name, |bencher| bencher.iter(|| run(&plan, &server).report.meters.events));
    }
    group.finish();
}

criterion_group!(benches, simulations);
criterion_main!(benches);
