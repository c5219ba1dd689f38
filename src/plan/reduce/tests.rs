//! What stays of a reduced plan stays as it was.

use std::collections::BTreeSet;

use super::*;
use crate::event::{Body, Event, Phase};
use crate::fault::{FaultAction, FaultId, NetworkPartition, Target, Trigger};
use crate::history::Request;
use crate::id::{ActorId, ClientId, Host, NodeId, ShardId};
use crate::op::{Command, Failover, OpAction, OpId, Start};
use crate::plan::{Overrides, generate, resolve};
use crate::scenario::parse_str;
use crate::time::{SimDuration, SimTime};

fn plan(text: &str) -> Plan {
    let scenario = parse_str("x", &format!("scenario: {{name: x, seed: 1}}\n{text}"));
    resolve(&scenario.unwrap_or_else(|error| panic!("{error}")), None).expect("it can be run")
}

fn ms(ms: u64) -> SimDuration {
    SimDuration::from_ms(ms)
}

/// A log of nothing but these, at so many milliseconds.
fn log(lines: Vec<(u64, Body)>) -> Vec<Event> {
    let event = |(i, (at_ms, body)): (u64, (u64, Body))| {
        let actor = match body {
            Body::Invoke { .. } => ActorId::Client(ClientId(2)),
            _ => ActorId::Chaos,
        };
        Event { i, at: SimTime::ZERO + ms(at_ms), actor, kind: body.kind(), cause: None, body }
    };
    (0..).zip(lines).map(event).collect()
}

fn run() -> Body {
    Body::Phase { phase: Phase::Run }
}

fn sent(op: u16) -> Body {
    Body::Operation { op: OpId(op), text: String::new() }
}

fn ended(op: u16) -> Body {
    Body::OperationEnded { op: OpId(op), done: true, text: String::new(), ending: None }
}

fn fired(fault: u16, hit: &[u16]) -> Body {
    let hit = hit.iter().copied().map(NodeId).collect();
    Body::Fault { fault: FaultId(fault), text: String::new(), hit }
}

fn ops(ids: &[u16]) -> BTreeSet<OpId> {
    ids.iter().copied().map(OpId).collect()
}

fn faults(ids: &[u16]) -> BTreeSet<FaultId> {
    ids.iter().copied().map(FaultId).collect()
}

/// Three operations, with a fault of each kind tied to the second one.
fn three() -> Plan {
    plan(
        "operations:
  - {type: failover, shard: 1, delay: 1}
  - {type: failover, shard: 2, delay: 2}
  - {type: failover, shard: 3, delay: 3}
chaos:
  - {type: process_kill, node: 1, at: 4, restart_after: 1}
  - {type: process_kill, node: 2, coordination: before_operation, operation: 2, delay: 0.5, restart_after: 1}
  - {type: process_pause, node: 3, coordination: during_operation, operation: 2, duration: 1}
  - {type: process_pause, node: 5, coordination: after_operation, operation: 2, delay: 7, duration: 1}
  - {type: network_partition, a: [clients], coordination: after_operation, operation: 3, duration: 1}",
    )
}

/// A run of [`three`] whose workload began at 10 s.
fn run_of_three() -> Timeline {
    let heal = Body::Heal { fault: FaultId(5), text: String::new() };
    Timeline::of(log(vec![
        (10_000, run()),
        (11_000, sent(1)),
        (11_400, ended(1)),
        (13_400, fired(2, &[2])),
        (13_900, sent(2)),
        (14_000, fired(1, &[1])),
        (14_100, ended(2)),
        (14_100, fired(3, &[])),
        (17_100, sent(3)),
        (17_600, ended(3)),
        (17_600, fired(5, &[])),
        (18_600, heal),
        (21_100, fired(4, &[5])),
    ]))
}

#[test]
fn a_timeline_tells_when_everything_was() {
    let request = Request::Get { key: "k".to_owned() };
    let invoke = Body::Invoke { sequence: 1, request: request.clone() };
    let timeline =
        Timeline::of(log(vec![(500, run()), (750, invoke), (900, sent(1)), (950, fired(1, &[3]))]));
    assert_eq!(timeline.commands, [ClientCommand { client: ClientId(2), at_ns: ms(250), request }]);
    let started_at = Some(SimTime::ZERO + ms(900));
    assert_eq!(timeline.operations[&OpId(1)], OperationTimes { started_at, ended_at: None });
    let times = FaultTimes { at: SimTime::ZERO + ms(950), fired: true, hit: vec![NodeId(3)] };
    assert_eq!(timeline.faults[&FaultId(1)], times);
    let observed = run_of_three();
    assert!(observed.faults[&FaultId(5)].fired, "it cut clients off, and was healed");
    assert!(!observed.faults[&FaultId(3)].fired, "it was missed");
}

#[test]
fn a_plan_whose_clients_do_less_is_still_one_that_a_scenario_gives() {
    let tracked = plan("workload: {mix: {tracking: 1}}");
    assert!(tracked.limits.tracking);
    let get =
        ClientCommand { client: ClientId(1), at_ns: ms(1), request: Request::Get { key: "k".to_owned() } };
    for commands in [&[get][..], &[]] {
        let less = tracked.with_commands(commands);
        assert!(!less.limits.tracking);
        less.fits().expect("a scenario gives it");
    }
}

#[test]
fn keeping_everything_changes_nothing() {
    let all = three();
    let kept = all.keeping(&run_of_three(), &ops(&[1, 2, 3]), &faults(&[1, 2, 3, 4, 5]));
    assert_eq!(kept.plan, all);
    assert!(kept.operations.iter().all(|(new, old)| new == old) && kept.operations.len() == 3);
    assert!(kept.faults.iter().all(|(new, old)| new == old) && kept.faults.len() == 5);
    for seed in 1..=100 {
        let plan = resolve(&generate(seed, &Overrides::default()), None).expect("it can be run");
        let operations = plan.operations.iter().map(|op| op.id).collect();
        let faults = plan.faults.iter().map(|fault| fault.id).collect();
        assert_eq!(plan.keeping(&Timeline::default(), &operations, &faults).plan, plan);
    }
}

#[test]
fn what_stays_keeps_its_time_when_an_operation_goes() {
    let kept = three().keeping(&run_of_three(), &ops(&[1, 3]), &faults(&[1, 2, 3, 4, 5]));
    let delays: Vec<_> = kept.plan.operations.iter().map(|op| (op.id, op.delay_ns)).collect();
    assert_eq!(delays, [(OpId(1), ms(1_000)), (OpId(2), ms(14_100 - 11_400 + 3_000))]);
    let triggers: Vec<_> = kept.plan.faults.iter().map(|fault| fault.trigger.clone()).collect();
    let at = |at_ms| Trigger::At { delay_ns: ms(at_ms) };
    let after = Trigger::AfterOp { op: OpId(2), delay_ns: SimDuration::ZERO };
    assert_eq!(triggers, [at(4_000), at(3_400), at(11_100), after], "the one that was missed is gone");
    let names =
        |pairs: &[(u16, u16)]| pairs.iter().map(|(new, old)| (FaultId(*new), FaultId(*old))).collect();
    assert_eq!(kept.faults, names(&[(1, 1), (2, 2), (3, 4), (4, 5)]));
    assert_eq!(kept.operations, [(OpId(1), OpId(1)), (OpId(2), OpId(3))].into());
    assert!(kept.plan.faults.iter().zip(1..).all(|(fault, n)| fault.id == FaultId(n)));
}

#[test]
fn the_first_operations_time_counts_from_the_beginning() {
    let kept = three().keeping(&run_of_three(), &ops(&[3]), &faults(&[]));
    assert_eq!(kept.plan.operations[0].delay_ns, ms(4_100 + 3_000));
    assert!(kept.plan.faults.is_empty() && kept.faults.is_empty());
}

#[test]
fn an_operation_the_run_did_not_come_to_waits_for_what_was_planned() {
    let timeline = Timeline::of(log(vec![(10_000, run()), (11_000, sent(1))]));
    let kept = three().keeping(&timeline, &ops(&[1, 3]), &faults(&[4]));
    assert_eq!(kept.plan.operations[1].delay_ns, ms(2_000 + 3_000));
    assert!(kept.plan.faults.is_empty(), "it never fired, and its operation is gone");
}

#[test]
fn an_operation_still_waits_for_the_faults_before_it_that_went() {
    let kill = |node, lead| {
        format!(
            "{{type: process_kill, node: {node}, coordination: before_operation, operation: 1, delay: {lead}}}"
        )
    };
    let both = plan(&format!(
        "operations: [{{type: failover, shard: 3, delay: 1}}]\nchaos: [{}, {}]",
        kill(1, 0.25),
        kill(3, 2.0)
    ));
    let timeline = Timeline::of(log(vec![(0, run())]));
    let lead = |kept: &Kept| match &kept.plan.faults[0].trigger {
        Trigger::BeforeOp { op: OpId(1), lead_ns } => *lead_ns,
        other => panic!("{other:?} is not before the operation"),
    };
    let shorter = both.keeping(&timeline, &ops(&[1]), &faults(&[1]));
    assert_eq!((lead(&shorter), shorter.plan.operations[0].delay_ns), (ms(2_000), ms(1_000)));
    let longer = both.keeping(&timeline, &ops(&[1]), &faults(&[2]));
    assert_eq!((lead(&longer), longer.plan.operations[0].delay_ns), (ms(2_000), ms(1_000)));
    let none = both.keeping(&timeline, &ops(&[1]), &faults(&[]));
    assert_eq!(none.plan.operations[0].delay_ns, ms(3_000));
}

#[test]
fn a_script_takes_the_place_of_what_is_drawn() {
    let drawn = plan("workload: {clients: 5, duration: 9}");
    let command = |at_ms, key: &str| ClientCommand {
        client: ClientId(2),
        at_ns: ms(at_ms),
        request: Request::Get { key: key.to_owned() },
    };
    let timeline = Timeline { commands: vec![command(1, "a"), command(2, "b")], ..Timeline::default() };
    let scripted = drawn.scripted(&timeline);
    let workload = scripted.workload.as_ref().expect("there is a script");
    assert_eq!(
        (workload.clients, workload.duration_ns, &workload.commands),
        (5, ms(9_000), &timeline.commands)
    );
    assert_eq!(resolve(&scripted.to_scenario(), None).expect("it can be run"), scripted);
    assert_eq!(scripted.with_commands(&[]).workload, None);
    let again = scripted.with_commands(&[]).with_commands(&timeline.commands[1..]);
    let workload = again.workload.expect("there is a script");
    assert_eq!((workload.clients, workload.duration_ns), (2, ms(3)));
}

#[test]
fn latency_and_delays_are_replaced() {
    let range = LatencyRange { min_ns: ms(3), max_ns: ms(3) };
    let (from, to) = (Host::Node(NodeId(1)), Host::Client(ClientId(1)));
    let delay = LinkDelay { from, to, nth: 4, delay_ns: ms(8) };
    let network = three().with_latency(range).with_delays(&[delay]).network;
    assert_eq!(network, NetworkPlan { latency: range, delays: vec![delay] });
}

/// What is named of a cluster of five shards of three: shards 2 and 4, and a second replica in each.
fn named() -> Plan {
    plan(
        "cluster: {shards: 5, replicas: 2}
network: {delays: [{from: node-12, to: client-1, nth: 2, ms: 1}]}
operations:
  - {type: failover, shard: 2, node: 6}
  - {type: command, node: 10, args: [CLUSTER, REPLICATE, \"{node-6}{node-12}{node-\"]}
chaos:
  - {type: process_kill, target: replica, shard: 4, replica: 2, at: 1}
  - {type: network_partition, a: [6, clients], b: [10], at: 1, duration: 1}
  - {type: network_latency, target: primary, shard: 2, peer: 12, latency_ms: {min: 1, max: 2}, at: 1, duration: 1}",
    )
}

#[test]
fn smaller_clusters_come_smallest_first_and_keep_what_is_named() {
    let sizes = |plan: &Plan| -> Vec<(u16, u16)> {
        plan.smaller_clusters().iter().map(|plan| (plan.cluster.shards, plan.cluster.replicas)).collect()
    };
    assert_eq!(sizes(&named()), [(3, 1), (4, 1), (3, 2), (5, 1), (4, 2)]);
    assert_eq!(sizes(&plan("cluster: {shards: 4, replicas: 1}")), [(3, 0), (4, 0), (3, 1)]);
    assert_eq!(sizes(&plan("cluster: {shards: 3, replicas: 0}")), []);
    let replicas = "cluster: {replicas: 1}\noperations: [{type: failover, shard: 3}]";
    assert_eq!(sizes(&plan(replicas)), [], "a failover needs a replica");
    let all = "cluster: {replicas: 2}\nchaos: [{type: process_kill, node: 5, at: 1}, {type: process_kill, node: 6, at: 1}]";
    assert_eq!(sizes(&plan(all)), [], "every node of a shard is named, or its primary");
}

#[test]
fn in_a_smaller_cluster_everything_has_its_new_number() {
    let small = named().smaller_clusters().swap_remove(0);
    let OpAction::Failover(Failover { shard, to, .. }) = small.operations[0].action else {
        panic!("it was a failover")
    };
    // Shards 1, 2 and 4 stay, the two that are named and one more; each keeps its primary and the named replica.
    assert_eq!((shard, to), (ShardId(2), Some(NodeId(4))));
    let OpAction::Command(Command { node, args }) = &small.operations[1].action else {
        panic!("it was a command")
    };
    assert_eq!((*node, args[2].as_str()), (NodeId(5), "{node-4}{node-6}{node-"));
    let targets: Vec<_> = small.faults.iter().map(|fault| fault.action.targets()).collect();
    let node = |n| Target::Node(NodeId(n));
    assert_eq!(targets[0], [Target::Replica(ShardId(3), 0)]);
    assert_eq!(targets[1], [node(4), Target::Clients, node(5)]);
    assert_eq!(targets[2], [Target::Primary(ShardId(2)), node(6)]);
    assert!(
        matches!(&small.faults[1].action, FaultAction::NetworkPartition(NetworkPartition { a, .. }) if a.len() == 2)
    );
    assert_eq!(small.network.delays[0].from, Host::Node(NodeId(6)));
}

#[test]
fn every_smaller_cluster_of_a_generated_plan_can_be_run() {
    let mut count = 0;
    for seed in 1..=300 {
        let plan = resolve(&generate(seed, &Overrides::default()), None).expect("it can be run");
        for smaller in plan.smaller_clusters() {
            assert!(smaller.cluster.node_count() < plan.cluster.node_count());
            assert_eq!(resolve(&smaller.to_scenario(), None).expect("it can be run"), smaller);
            count += 1;
        }
    }
    assert!(count > 300, "{count}");
}

#[test]
fn what_ran_side_by_side_keeps_its_time_when_the_one_before_goes() {
    let all = plan(
        "operations:
  - {type: failover, shard: 1, delay: 1}
  - {type: failover, shard: 2, timing: parallel, delay: 0.5}
  - {type: failover, shard: 3, delay: 2}
  - {type: bgsave, node: 1, at: 9}",
    );
    let timeline = Timeline::of(log(vec![
        (10_000, run()),
        (11_000, sent(1)),
        (11_500, sent(2)),
        (11_800, ended(1)),
        (12_500, ended(2)),
        (14_500, sent(3)),
        (14_900, ended(3)),
        (19_000, sent(4)),
        (19_100, ended(4)),
    ]));
    let starts = |kept: &Kept| -> Vec<(Start, SimDuration)> {
        kept.plan.operations.iter().map(|op| (op.start.clone(), op.delay_ns)).collect()
    };
    let beginning = |at_ms| (Start::Beginning, ms(at_ms));
    let first_gone = all.keeping(&timeline, &ops(&[2, 3, 4]), &faults(&[]));
    assert_eq!(starts(&first_gone), [beginning(1_500), (Start::After, ms(2_000)), beginning(9_000)]);
    let second_gone = all.keeping(&timeline, &ops(&[1, 3]), &faults(&[]));
    assert_eq!(starts(&second_gone), [(Start::After, ms(1_000)), (Start::After, ms(700 + 2_000))]);
}

#[test]
fn an_operation_that_waited_for_a_fault_begins_when_it_began_once_that_is_gone() {
    let all = plan(
        "operations: [{type: failover, shard: 1, when: {fault: 2, healed}, delay: 0.2}]
chaos:
  - {type: process_pause, node: 1, at: 2, duration: 1}
  - {type: process_pause, node: 3, at: 3, duration: 1}",
    );
    let timeline = Timeline::of(log(vec![
        (10_000, run()),
        (12_000, fired(1, &[1])),
        (14_200, sent(1)),
        (14_500, ended(1)),
    ]));
    let kept = all.keeping(&timeline, &ops(&[1]), &faults(&[1]));
    let op = &kept.plan.operations[0];
    assert_eq!((op.start.clone(), op.delay_ns), (Start::Beginning, ms(4_200)));
    let kept = all.keeping(&timeline, &ops(&[1]), &faults(&[2]));
    let cue = kept.plan.operations[0].start.cue().expect("it waits for the same fault");
    assert_eq!(cue.fault(), Some(FaultId(1)), "by its new number");
}
