//! A plan is said as a scenario that gives the same plan again, to the nanosecond.

use std::path::{Path, PathBuf};

use super::*;
use crate::history::Request;
use crate::id::ClientId;
use crate::plan::{ClientCommand, WorkloadPlan};

/// Resolves what a plan is said as, and reads the text of it.
fn assert_said_exactly(plan: &Plan) {
    let scenario = plan.to_scenario();
    assert_eq!(&resolve(&scenario, None).expect("it can be run"), plan);
    let read = parse_str("x", &scenario.to_yaml()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read, scenario);
}

/// The plan with times that no person would write.
fn crooked(mut plan: Plan) -> Plan {
    let crook = |ns: &mut SimDuration, by: u16| *ns = *ns + SimDuration::from_ns(123_456_789 + u64::from(by));
    for op in &mut plan.operations {
        crook(&mut op.delay_ns, op.id.0);
    }
    for fault in &mut plan.faults {
        match &mut fault.trigger {
            Trigger::At { delay_ns: ns }
            | Trigger::BeforeOp { lead_ns: ns, .. }
            | Trigger::DuringOp { moment: Moment::After { delay_ns: ns }, .. }
            | Trigger::AfterOp { delay_ns: ns, .. }
            | Trigger::Seen { delay_ns: ns, .. } => crook(ns, fault.id.0),
            Trigger::DuringOp { moment: Moment::BusStep { .. }, .. } => {}
        }
    }
    crook(&mut plan.network.latency.max_ns, 1);
    plan
}

#[test]
fn every_generated_plan_and_every_example_is_said_exactly() {
    for seed in 1..=300 {
        let plan = resolve(&generate(seed, &Overrides::default()), None).expect("it can be run");
        assert_said_exactly(&plan);
        assert_said_exactly(&crooked(plan));
    }
    for path in example_files() {
        let scenario = crate::scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_said_exactly(&resolve(&scenario, Some(7)).expect("it can be run"));
    }
}

#[expect(clippy::disallowed_methods, reason = "every file is looked at, in any order")]
fn example_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(folder).expect("the examples are there");
    let is_scenario = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml");
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_scenario).collect();
    assert!(files.len() >= 10, "{files:?}");
    files
}

#[test]
fn scripts_delays_steps_and_replicas_are_said_exactly() {
    let plan = plan(
        r#"cluster: {replicas: 2}
network: {latency_ms: {min: 0.5, max: 0.5}, delays: [{from: node-1, to: client-2, nth: 17, ms: 3.200001}]}
operations: [{type: command, node: 9, args: [PING]}, {type: failover, shard: 2, delay: 0.000000001}]
chaos:
  - {type: process_kill, target: replica, shard: 2, replica: 2, coordination: during_operation, step: votes_asked}
  - {type: network_partition, a: [1, clients], b: [2], channels: [bus], duration: 1.5, at: 3}
workload:
  commands:
    - {client: 2, at: 2.345678901, set: "a key", value: "- {x\e: }"}
    - {client: 1, at: 1.5, set: k}
    - {client: 2, at: 0.25, get: "5"}
    - {client: 2, at: 2.345678901, set: k}
    - {client: 1, at: 3, cmd: [INCRBY, n, 5]}
    - {client: 1, at: 3, pipeline: [[LPUSH, "{t}a", x], [LLEN, "{t}a"]]}
    - {client: 1, at: 3, multi: [[INCR, n], [GET, n]]}"#,
    );
    assert_said_exactly(&plan);
    assert_eq!(plan.network.delays[0].delay_ns, SimDuration::from_ns(3_200_001));
    let kill = &plan.faults[0];
    assert_eq!(kill.trigger, Trigger::DuringOp { op: OpId(2), moment: Moment::BusStep { step: 2 } });
    assert_eq!(kill.action.targets(), [Target::Replica(ShardId(2), 1)]);
    let workload = plan.workload.expect("a script is a workload");
    assert_eq!((workload.clients, workload.duration_ns.as_ns()), (2, 3_001_000_000));
    let said =
        |command: &ClientCommand| format!("{} {} {:?}", command.client, command.at_ns, command.request);
    expect![[r#"
        client-2 0.250s Get { key: "5" }
        client-1 1.500s Set { key: "k", value: "c1:1" }
        client-2 2.346s Set { key: "a key", value: "- {x\u{1b}: }" }
        client-2 2.346s Set { key: "k", value: "c2:3" }
        client-1 3.000s Call { key: "n", commands: [["INCRBY", "n", "5"]] }
        client-1 3.000s Call { key: "{t}a", commands: [["LPUSH", "{t}a", "x"], ["LLEN", "{t}a"]] }
        client-1 3.000s Call { key: "n", commands: [["MULTI"], ["INCR", "n"], ["GET", "n"], ["EXEC"]] }"#]]
    .assert_eq(&workload.commands.iter().map(said).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_plan_without_a_script_and_delays_is_written_as_ever() {
    let json = serde_json::to_string(&example("basic-failover")).expect("a plan is JSON");
    assert!(!json.contains("commands") && !json.contains("delays"), "{json}");
}

#[test]
fn a_long_script_is_read_again() {
    let mut plan = plan("");
    let command = |n: u64| ClientCommand {
        client: ClientId((n % 8 + 1) as u16),
        at_ns: SimDuration::from_ns(n * 1_234_567),
        request: Request::Set { key: format!("key:{n}"), value: format!("c1:{n:.<60}") },
    };
    plan.workload = Some(WorkloadPlan::of_script((0..30_000).map(command).collect()));
    let read = parse_str("x", &plan.to_scenario().to_yaml()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(resolve(&read, None).expect("it can be run"), plan);
}
