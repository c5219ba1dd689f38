//! Every bisection ends at the sabotage or the fault that was put into the run, and at little more than that.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use valkey_fuzzer::bisect::Flaky;
use valkey_fuzzer::event::{Body, Event};
use valkey_fuzzer::event_log;
use valkey_fuzzer::fault::FaultId;
use valkey_fuzzer::op::OpId;
use valkey_fuzzer::replay::Recording;
use valkey_fuzzer::replay::bisect::Bisection;
use valkey_fuzzer::scenario;
use valkey_fuzzer::simulation::Simulation;

use crate::support::{plan, run, server};

/// What a run is broken by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Culprit {
    Operation(u16),
    Fault(u16),
}

/// A sabotage among harmless neighbours: its body, the invariant it violates, and who did it.
struct Case {
    body: &'static str,
    invariant: &'static str,
    culprit: Culprit,
}

const CASES: [Case; 5] = [
    Case {
        body: "operations:
  - {type: command, node: 3, args: [PING], delay: 2}
  - {type: command, node: 2, args: [CONFIG, SET, replica-read-only, 'no'], delay: 1}
  - {type: command, node: 2, args: [FLUSHALL], delay: 4}
  - {type: command, node: 5, args: [CLUSTER, INFO], delay: 1}
workload: {duration: 8}",
        invariant: "data_consistency",
        culprit: Culprit::Operation(3),
    },
    Case {
        body: "operations:
  - {type: command, node: 5, args: [DBSIZE], delay: 1}
  - {type: command, node: 1, args: [FLUSHALL], delay: 3}
  - {type: command, node: 3, args: [PING], delay: 1}
workload: {duration: 6, pattern: write_heavy}",
        invariant: "data_consistency",
        culprit: Culprit::Operation(2),
    },
    Case {
        body: "operations:
  - {type: command, node: 3, args: [PING], delay: 1}
  - {type: command, node: 1, args: [CLUSTER, SETSLOT, 5, MIGRATING, '{node-3}'], delay: 2}
  - {type: command, node: 5, args: [PING], delay: 1}
workload: {duration: 6}",
        invariant: "views_agree",
        culprit: Culprit::Operation(2),
    },
    Case {
        body: "operations:
  - {type: command, node: 3, args: [PING], delay: 1}
  - {type: command, node: 4, args: [DEBUG, SEGFAULT], delay: 3}
workload: {duration: 6}",
        invariant: "no_crash",
        culprit: Culprit::Operation(2),
    },
    Case {
        body: "chaos:
  - {type: network_latency, target: node, node: 3, at: 1, duration: 1, latency_ms: {min: 2, max: 4}}
  - {type: process_kill, target: node, node: 1, at: 4}
  - {type: process_pause, target: node, node: 4, at: 5, duration: 0.5}
workload: {duration: 7}
validation: [{max_convergence_time: 0.5}]",
        invariant: "convergence_time",
        culprit: Culprit::Fault(2),
    },
];
/// Six seeds of each of the five cases.
const SEEDS: u64 = 6;

fn is_culprit(event: &Event, culprit: Culprit) -> bool {
    match (&event.body, culprit) {
        (Body::Operation { op, .. }, Culprit::Operation(n)) => *op == OpId(n),
        (Body::Fault { fault, hit, .. }, Culprit::Fault(n)) => *fault == FaultId(n) && !hit.is_empty(),
        _ => false,
    }
}

fn events(log: &Path) -> Vec<Event> {
    event_log::open(log).expect("a log").collect::<Result<_, _>>().expect("the log is good")
}

#[test]
fn thirty_broken_runs_turn_where_they_were_broken_and_shrink_to_it() {
    let server = server();
    for (case, seed) in CASES.iter().flat_map(|case| (1..=SEEDS).map(move |seed| (case, seed))) {
        let yaml = format!("scenario: {{name: broken, seed: {seed}}}\n{}", case.body);
        let ran = run(&plan(&yaml), &server);
        let recording = Recording::open(ran.folder.path()).expect("the log is good");
        let found = recording.violated().expect("the log can be read");
        assert!(found.contains(&case.invariant.to_owned()), "{:?} seed {seed}: {found:?}", case.culprit);
        let out = tempfile::tempdir().expect("a folder");
        let stop = AtomicBool::new(false);
        let bisection = Bisection {
            recording: &recording,
            server: &server,
            invariant: case.invariant.to_owned(),
            jobs: 2,
            out: out.path().to_owned(),
            stop: &stop,
        };
        let turn = bisection.turn(&mut |_| {}).expect("the world works");
        let event = turn.event.as_ref().expect("something was injected");
        let events = events(ran.folder.path());
        assert!(is_culprit(&events[event.event as usize], case.culprit), "seed {seed}: {}", event.line);
        assert!(turn.point.probes <= 25, "{} probes", turn.point.probes);
        if seed == 1 {
            assert_shrinks(&bisection, &turn, case);
        }
    }
}

/// What is left is at most three injected events with the culprit among them, and its scenario fails by itself.
fn assert_shrinks(bisection: &Bisection, turn: &valkey_fuzzer::replay::bisect::Turn, case: &Case) {
    let minimum = bisection.minimum(turn, &mut |_| {}).expect("the world works");
    assert!(minimum.complete);
    let commands = minimum.plan.workload.as_ref().map_or(0, |workload| workload.commands.len());
    let injected = minimum.plan.operations.len() + minimum.plan.faults.len() + commands;
    assert!(
        (1..=3).contains(&injected),
        "{injected} are left of {:?}: {}",
        case.culprit,
        minimum.explanation
    );
    match case.culprit {
        Culprit::Operation(_) => assert!(!minimum.plan.operations.is_empty()),
        Culprit::Fault(_) => assert_eq!((minimum.plan.operations.len(), minimum.plan.faults.len()), (0, 1)),
    }
    let scenario = scenario::load(&minimum.folder.join("scenario.yaml")).expect("the scenario is good");
    let again = valkey_fuzzer::plan::resolve::resolve(&scenario, None).expect("it has a plan");
    let out = tempfile::tempdir().expect("a folder");
    let outcome = Simulation::new(&again, bisection.server, out.path())
        .run(&AtomicBool::new(false), &mut |_| {})
        .expect("the world works");
    let verdict = outcome.report.validations.iter().find(|validation| validation.name == case.invariant);
    assert!(verdict.expect("it is judged").verdict.is_violated());
}

#[test]
fn an_interrupted_bisection_goes_on_from_its_answers() {
    let server = server();
    let yaml = format!("scenario: {{name: broken, seed: 1}}\n{}", CASES[3].body);
    let ran = run(&plan(&yaml), &server);
    let recording = Recording::open(ran.folder.path()).expect("the log is good");
    let out = tempfile::tempdir().expect("a folder");
    let stop = AtomicBool::new(false);
    let bisection = Bisection {
        recording: &recording,
        server: &server,
        invariant: CASES[3].invariant.to_owned(),
        jobs: 1,
        out: out.path().to_owned(),
        stop: &stop,
    };
    let mut probes = 0;
    let stopped = bisection.turn(&mut |progress| {
        probes = progress.probes;
        stop.store(probes >= 5, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(stopped.expect_err("it was stopped").to_string().starts_with("interrupted"));
    stop.store(false, std::sync::atomic::Ordering::Relaxed);
    let journal = out.path().join("turning-point.jsonl");
    let kept = std::fs::read_to_string(&journal).expect("the journal is there").lines().count();
    assert_eq!(kept, 1 + probes);
    let turn = bisection.turn(&mut |_| {}).expect("the world works");
    let lines = std::fs::read_to_string(&journal).expect("the journal is there").lines().count();
    assert_eq!(lines, 1 + turn.point.probes, "no question was asked twice");
}

/// A world in which every rate is 0 or 1 is seen to be one, and no run is made twice.
#[test]
fn repeated_runs_find_the_same_turning_point_with_its_rates() {
    const BODY: &str = "operations:
  - {type: command, node: 3, args: [PING], delay: 0.2}
  - {type: command, node: 4, args: [DEBUG, SEGFAULT], delay: 0.3}
workload: {duration: 1, rate: 10, clients: 1}";
    let server = server();
    let ran = run(&plan(&format!("scenario: {{name: broken, seed: 1}}\n{BODY}")), &server);
    let recording = Recording::open(ran.folder.path()).expect("the log is good");
    let out = tempfile::tempdir().expect("a folder");
    let stop = AtomicBool::new(false);
    let bisection = Bisection {
        recording: &recording,
        server: &server,
        invariant: "no_crash".to_owned(),
        jobs: 2,
        out: out.path().to_owned(),
        stop: &stop,
    };
    let flaky = Flaky { runs_max: 40, ..Flaky::default() };
    let turn = bisection.turn_by_rates(flaky, &mut |_| {}).expect("the world works");
    let event = turn.event.as_ref().expect("something was injected");
    assert!(
        is_culprit(&events(ran.folder.path())[event.event as usize], Culprit::Operation(2)),
        "{}",
        event.line
    );
    let rates = turn.rates.as_ref().expect("rates were asked for");
    assert_eq!([rates.at, rates.full].map(|rate| rate.value()), [Some(1.0); 2]);
    assert_eq!([rates.before, rates.empty].map(|rate| rate.value()), [Some(0.0); 2]);
    assert!(rates.confirmed() && rates.undecided.is_empty(), "{rates:?}");
    let journal = out.path().join("turning-point-repeated.jsonl");
    let kept = || std::fs::read_to_string(&journal).expect("the journal is there").lines().count();
    let before = kept();
    let again = bisection.turn_by_rates(flaky, &mut |_| {}).expect("the world works");
    assert_eq!(again.rates, turn.rates);
    assert_eq!(kept(), before, "no run is made twice");
    let single = bisection.turn(&mut |_| {}).expect("the world works");
    assert_eq!(single.point.position, turn.point.position);
}
