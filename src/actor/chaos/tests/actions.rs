//! What each fault does.

use super::*;

fn partition(a: Vec<Target>, b: Vec<Target>) -> FaultAction {
    let (direction, channels) = (Direction::OneWay, vec![Channel::Bus]);
    FaultAction::NetworkPartition(NetworkPartition { a, b, direction, channels, duration_ns: for_ms(50) })
}

fn slow(target: Target, peer: Option<Target>) -> FaultAction {
    let latency = LatencyRange { min_ns: for_ms(10), max_ns: for_ms(30) };
    FaultAction::NetworkLatency(NetworkLatency { target, peer, latency, duration_ns: for_ms(50) })
}

fn one(action: FaultAction) -> Rig {
    Rig::new(vec![(at(10), action)])
}

#[test]
fn a_killed_node_comes_back_after_its_end() {
    check(
        one(kill(Some(100))),
        expect_test::expect![[r#"
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Primary(ShardId(1))] }
            12 ms: to node-1: Signal { signal: Kill }
            12 ms: Fault { fault: FaultId(1), text: "SIGKILL to node-1, the primary of shard 1", hit: [NodeId(1)] }
            113 ms: to node-1: Start { incarnation: 2 }
            113 ms: to director: FaultsDone
            113 ms: Heal { fault: FaultId(1), text: "node-1 is started again" }"#]],
    );
}

#[test]
fn a_killed_node_without_a_restart_stays_down() {
    let again = FaultAction::ProcessKill(ProcessKill {
        target: Target::Node(NodeId(1)),
        signal: Signal::Term,
        restart_after_ns: Some(for_ms(1)),
    });
    check(
        Rig::new(vec![(at(10), kill(None)), (at(20), again)]),
        expect_test::expect![[r#"
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Primary(ShardId(1))] }
            12 ms: to node-1: Signal { signal: Kill }
            12 ms: Fault { fault: FaultId(1), text: "SIGKILL to node-1, the primary of shard 1", hit: [NodeId(1)] }
            20 ms: to director: FaultsDone
            20 ms: Fault { fault: FaultId(2), text: "hit nobody: node-1 is down already", hit: [] }"#]],
    );
}

#[test]
fn every_start_has_its_number() {
    let faults = vec![(at(10), kill(Some(10))), (at(30), kill(Some(10))), (at(31), kill(Some(10)))];
    let lines = Rig::new(faults).run();
    let starts: Vec<&str> = lines.lines().filter(|line| line.contains("Start")).collect();
    expect_test::expect![[r#"
        23 ms: to node-1: Start { incarnation: 2 }
        43 ms: to node-1: Start { incarnation: 3 }"#]]
    .assert_eq(&starts.join("\n"));
    assert_eq!(lines.matches("FaultsDone").count(), 1);
}

#[test]
fn a_process_that_refuses_to_end_holds_nobody_up() {
    let action = FaultAction::ProcessKill(ProcessKill {
        target: Target::Replica(ShardId(2), 0),
        signal: Signal::Term,
        restart_after_ns: Some(for_ms(100)),
    });
    let mut rig = one(action);
    rig.ends_in = None;
    check(
        rig,
        expect_test::expect![[r#"
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Replica(ShardId(2), 0)] }
            12 ms: to node-4: Signal { signal: Term }
            12 ms: Fault { fault: FaultId(1), text: "SIGTERM to node-4, a replica of shard 2", hit: [NodeId(4)] }
            60012 ms: to director: FaultsDone
            60012 ms: Heal { fault: FaultId(1), text: "node-4 has not ended within 60.000 s: left alone" }"#]],
    );
}

#[test]
fn a_restart_may_be_later_than_a_refusal_would_be_noticed() {
    let action = FaultAction::ProcessKill(ProcessKill {
        target: Target::Node(NodeId(4)),
        signal: Signal::Term,
        restart_after_ns: Some(for_ms(90_000)),
    });
    check(
        one(action),
        expect_test::expect![[r#"
            10 ms: to node-4: Signal { signal: Term }
            10 ms: Fault { fault: FaultId(1), text: "SIGTERM to node-4", hit: [NodeId(4)] }
            90011 ms: to node-4: Start { incarnation: 2 }
            90011 ms: to director: FaultsDone
            90011 ms: Heal { fault: FaultId(1), text: "node-4 is started again" }"#]],
    );
}

#[test]
fn an_end_that_nobody_asked_for_starts_nothing() {
    let mut rig = one(pause(100));
    rig.tell(50, ChaosMessage::NodeExited { node: NodeId(4), expected: true });
    rig.tell(60, ChaosMessage::NodeExited { node: NodeId(5), expected: true });
    check(
        rig,
        expect_test::expect![[r#"
            10 ms: to node-4: Pause
            10 ms: to validator: NodePaused { node: NodeId(4), paused: true }
            10 ms: Fault { fault: FaultId(1), text: "pause of node-4 for 0.100 s", hit: [NodeId(4)] }
            110 ms: to director: FaultsDone
            110 ms: Heal { fault: FaultId(1), text: "node-4 ended while it was paused" }"#]],
    );
}

#[test]
fn two_pauses_of_a_node_end_with_the_later_one() {
    check(
        Rig::new(vec![(at(10), pause(100)), (at(20), pause(10))]),
        expect_test::expect![[r#"
            10 ms: to node-4: Pause
            10 ms: to validator: NodePaused { node: NodeId(4), paused: true }
            10 ms: Fault { fault: FaultId(1), text: "pause of node-4 for 0.100 s", hit: [NodeId(4)] }
            20 ms: Fault { fault: FaultId(2), text: "pause of node-4 for 0.010 s", hit: [NodeId(4)] }
            30 ms: Heal { fault: FaultId(2), text: "node-4 stays paused by another fault" }
            110 ms: to node-4: Unpause
            110 ms: to validator: NodePaused { node: NodeId(4), paused: false }
            110 ms: to director: FaultsDone
            110 ms: Heal { fault: FaultId(1), text: "node-4 runs again" }"#]],
    );
}

#[test]
fn a_partition_without_a_second_side_cuts_from_everyone_else() {
    let a = vec![Target::Primary(ShardId(1)), Target::Node(NodeId(1)), Target::Replica(ShardId(3), 0)];
    check(
        one(partition(a, Vec::new())),
        expect_test::expect![[r#"
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Primary(ShardId(1)), Node(NodeId(1)), Replica(ShardId(3), 0)] }
            12 ms: to network: SetRule { fault: FaultId(1), rule: Rule { seams: [([Node(NodeId(1)), Node(NodeId(6))], [Node(NodeId(2)), Node(NodeId(3)), Node(NodeId(4)), Node(NodeId(5)), Client(ClientId(1)), Client(ClientId(2))])], links: Links { trouble: Cut, direction: OneWay, channels: [Bus] } } }
            12 ms: Fault { fault: FaultId(1), text: "links cut between node-1 (the primary of shard 1), node-1, node-6 (a replica of shard 3) and everyone else for 0.050 s, one way, bus only", hit: [NodeId(1), NodeId(1), NodeId(6)] }
            62 ms: to network: ClearRule { fault: FaultId(1) }
            62 ms: to director: FaultsDone
            62 ms: Heal { fault: FaultId(1), text: "links are as before" }"#]],
    );
}

#[test]
fn a_partition_may_be_between_clients_and_a_node() {
    check(
        one(partition(vec![Target::Clients], vec![Target::Primary(ShardId(2))])),
        expect_test::expect![[r#"
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Clients, Primary(ShardId(2))] }
            12 ms: to network: SetRule { fault: FaultId(1), rule: Rule { seams: [([Client(ClientId(1)), Client(ClientId(2))], [Node(NodeId(3))])], links: Links { trouble: Cut, direction: OneWay, channels: [Bus] } } }
            12 ms: Fault { fault: FaultId(1), text: "links cut between all clients and node-3 (the primary of shard 2) for 0.050 s, one way, bus only", hit: [NodeId(3)] }
            62 ms: to network: ClearRule { fault: FaultId(1) }
            62 ms: to director: FaultsDone
            62 ms: Heal { fault: FaultId(1), text: "links are as before" }"#]],
    );
}

#[test]
fn a_partition_of_a_node_from_itself_hits_nobody() {
    check(
        one(partition(vec![Target::Node(NodeId(1))], vec![Target::Primary(ShardId(1))])),
        expect_test::expect![[r#"
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Node(NodeId(1)), Primary(ShardId(1))] }
            12 ms: to director: FaultsDone
            12 ms: Fault { fault: FaultId(1), text: "hit nobody: there are no links between node-1 and node-1 (the primary of shard 1)", hit: [] }"#]],
    );
}

#[test]
fn slow_links_are_those_to_a_peer_or_to_everyone() {
    check(
        one(slow(Target::Node(NodeId(2)), Some(Target::Node(NodeId(5))))),
        expect_test::expect![[r#"
            10 ms: to network: SetRule { fault: FaultId(1), rule: Rule { seams: [([Node(NodeId(2))], [Node(NodeId(5))])], links: Links { trouble: Slow(LatencyRange { min_ns: SimDuration(10000000), max_ns: SimDuration(30000000) }), direction: Both, channels: [] } } }
            10 ms: Fault { fault: FaultId(1), text: "latency of 10 to 30 ms between node-2 and node-5 for 0.050 s", hit: [NodeId(2), NodeId(5)] }
            60 ms: to network: ClearRule { fault: FaultId(1) }
            60 ms: to director: FaultsDone
            60 ms: Heal { fault: FaultId(1), text: "links are as before" }"#]],
    );
    check(
        one(slow(Target::Node(NodeId(2)), None)),
        expect_test::expect![[r#"
            10 ms: to network: SetRule { fault: FaultId(1), rule: Rule { seams: [([Node(NodeId(2))], [Node(NodeId(1)), Node(NodeId(3)), Node(NodeId(4)), Node(NodeId(5)), Node(NodeId(6)), Client(ClientId(1)), Client(ClientId(2))])], links: Links { trouble: Slow(LatencyRange { min_ns: SimDuration(10000000), max_ns: SimDuration(30000000) }), direction: Both, channels: [] } } }
            10 ms: Fault { fault: FaultId(1), text: "latency of 10 to 30 ms between node-2 and everyone else for 0.050 s", hit: [NodeId(2)] }
            60 ms: to network: ClearRule { fault: FaultId(1) }
            60 ms: to director: FaultsDone
            60 ms: Heal { fault: FaultId(1), text: "links are as before" }"#]],
    );
}

#[test]
fn a_part_that_nobody_plays_hits_nobody() {
    let replica = Target::Replica(ShardId(2), 0);
    let pause = FaultAction::ProcessPause(ProcessPause { target: replica, duration_ns: for_ms(5) });
    let cut = partition(vec![replica], Vec::new());
    let mut rig = Rig::new(vec![(at(10), kill(Some(5))), (at(20), pause), (at(30), cut)]);
    rig.desolate = true;
    check(
        rig,
        expect_test::expect![[r#"
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Primary(ShardId(1))] }
            12 ms: Fault { fault: FaultId(1), text: "hit nobody: shard 1 has no primary", hit: [] }
            20 ms: to operator: Resolve { fault: FaultId(2), targets: [Replica(ShardId(2), 0)] }
            22 ms: Fault { fault: FaultId(2), text: "hit nobody: shard 2 has no replica", hit: [] }
            30 ms: to operator: Resolve { fault: FaultId(3), targets: [Replica(ShardId(2), 0)] }
            32 ms: to director: FaultsDone
            32 ms: Fault { fault: FaultId(3), text: "hit nobody: there are no links between shard 2 has no replica and everyone else", hit: [] }"#]],
    );
}
