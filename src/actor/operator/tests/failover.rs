//! Operations.

use super::*;
use crate::op::{FailoverMode, Op, OpAction, OpId};

fn operations(actions: Vec<OpAction>) -> Plan {
    let op = |(index, action)| Op {
        id: OpId(index as u16 + 1),
        delay_ns: SimDuration::from_ms(100),
        action,
        expected_to_fail: None,
    };
    Plan { operations: actions.into_iter().enumerate().map(op).collect(), ..plan(3, 2) }
}

fn failover(to: Option<u16>) -> OpAction {
    OpAction::Failover { shard: ShardId(1), mode: FailoverMode::Default, to: to.map(NodeId) }
}

fn command(node: u16, text: &str) -> OpAction {
    OpAction::Command { node: NodeId(node), args: text.split(' ').map(str::to_owned).collect() }
}

fn rig(actions: Vec<OpAction>) -> Rig {
    let plan = operations(actions);
    let mut rig = Rig::new(&plan, Servers::formed(&plan.cluster));
    rig.tell(SimTime::ZERO, OperatorMessage::Begin);
    rig
}

fn check(mut rig: Rig, expected: expect_test::Expect) {
    expected.assert_eq(&rig.run(SimTime::NEVER));
}

#[test]
fn no_operation_is_done_at_once() {
    check(rig(Vec::new()), expect_test::expect!["0 ms: to director: OperationsDone"]);
}

#[test]
fn failovers_follow_each_other_and_find_the_roles_of_the_moment() {
    let takeover =
        OpAction::Failover { shard: ShardId(1), mode: FailoverMode::Takeover, to: Some(NodeId(1)) };
    check(
        rig(vec![failover(None), takeover]),
        expect_test::expect![[r#"
            100 ms: to chaos: OperationDue { op: OpId(1) }
            104 ms: Picked { node: NodeId(2), why: "first healthy replica of node-1, the primary of shard 1" }
            104 ms: Operation { op: OpId(1), text: "CLUSTER FAILOVER to node-2, a replica of node-1 in shard 1" }
            108 ms: Reply { op: Some(OpId(1)), text: "OK", total: None }
            108 ms: to chaos: OperationAccepted { op: OpId(1) }
            110 ms: OperationEnded { op: OpId(1), done: true, text: "node-2 took over shard 1 from node-1 in 0.006 s, epoch 1 -> 10" }
            110 ms: to chaos: OperationEnded { op: OpId(1) }
            210 ms: to chaos: OperationDue { op: OpId(2) }
            212 ms: Operation { op: OpId(2), text: "CLUSTER FAILOVER TAKEOVER to node-1, a replica of node-2 in shard 1" }
            214 ms: Reply { op: Some(OpId(2)), text: "OK", total: None }
            214 ms: to chaos: OperationAccepted { op: OpId(2) }
            216 ms: OperationEnded { op: OpId(2), done: true, text: "node-1 took over shard 1 from node-2 in 0.004 s, epoch 10 -> 11" }
            216 ms: to chaos: OperationEnded { op: OpId(2) }
            216 ms: to director: OperationsDone"#]],
    );
}

#[test]
fn a_replica_that_is_held_for_dead_is_not_picked() {
    let mut rig = rig(vec![failover(None)]);
    rig.servers.down.insert(NodeId(2));
    rig.tell(SimTime::ZERO, OperatorMessage::NodeLife { node: NodeId(3), alive: false });
    check(
        rig,
        expect_test::expect![[r#"
        100 ms: to chaos: OperationDue { op: OpId(1) }
        104 ms: OperationEnded { op: OpId(1), done: false, text: "shard 1 has no healthy replica" }
        104 ms: to chaos: OperationEnded { op: OpId(1) }
        104 ms: to director: OperationsDone"#]],
    );
}

#[test]
fn a_failover_that_cannot_be_is_not_sent() {
    check(
        rig(vec![failover(Some(1)), failover(Some(4))]),
        expect_test::expect![[r#"
        100 ms: to chaos: OperationDue { op: OpId(1) }
        104 ms: OperationEnded { op: OpId(1), done: false, text: "node-1 is the primary of shard 1 already" }
        104 ms: to chaos: OperationEnded { op: OpId(1) }
        204 ms: to chaos: OperationDue { op: OpId(2) }
        206 ms: OperationEnded { op: OpId(2), done: false, text: "node-4 is no replica of shard 1" }
        206 ms: to chaos: OperationEnded { op: OpId(2) }
        206 ms: to director: OperationsDone"#]],
    );
}

#[test]
fn nobody_who_answers_is_no_failover() {
    let mut rig = rig(vec![failover(None)]);
    rig.servers.down.extend((1..=9).map(NodeId));
    check(
        rig,
        expect_test::expect![[r#"
        100 ms: to chaos: OperationDue { op: OpId(1) }
        118 ms: OperationEnded { op: OpId(1), done: false, text: "nobody answers" }
        118 ms: to chaos: OperationEnded { op: OpId(1) }
        118 ms: to director: OperationsDone"#]],
    );
}

#[test]
fn a_refusal_is_recorded() {
    let mut rig = rig(vec![failover(None)]);
    let reply = "-ERR Master is down or failed, please use CLUSTER FAILOVER FORCE".to_owned();
    rig.servers.instead.insert("CLUSTER FAILOVER".to_owned(), reply);
    check(
        rig,
        expect_test::expect![[r#"
            100 ms: to chaos: OperationDue { op: OpId(1) }
            104 ms: Picked { node: NodeId(2), why: "first healthy replica of node-1, the primary of shard 1" }
            104 ms: Operation { op: OpId(1), text: "CLUSTER FAILOVER to node-2, a replica of node-1 in shard 1" }
            108 ms: Reply { op: Some(OpId(1)), text: "(error) ERR Master is down or failed, please use CLUSTER FAILOVER FORCE", total: None }
            108 ms: OperationEnded { op: OpId(1), done: false, text: "node-2 refused: ERR Master is down or failed, please use CLUSTER FAILOVER FORCE" }
            108 ms: to chaos: OperationEnded { op: OpId(1) }
            108 ms: to director: OperationsDone"#]],
    );
}

#[test]
fn a_failover_that_never_completes_is_given_up() {
    let mut rig = rig(vec![failover(None)]);
    rig.servers.failover = Failing::Hangs;
    check(
        rig,
        expect_test::expect![[r#"
            100 ms: to chaos: OperationDue { op: OpId(1) }
            104 ms: Picked { node: NodeId(2), why: "first healthy replica of node-1, the primary of shard 1" }
            104 ms: Operation { op: OpId(1), text: "CLUSTER FAILOVER to node-2, a replica of node-1 in shard 1" }
            108 ms: Reply { op: Some(OpId(1)), text: "OK", total: None }
            108 ms: to chaos: OperationAccepted { op: OpId(1) }
            25104 ms: OperationEnded { op: OpId(1), done: false, text: "node-2 did not take over shard 1 from node-1 within 25 s" }
            25104 ms: to chaos: OperationEnded { op: OpId(1) }
            25104 ms: to director: OperationsDone"#]],
    );
}

#[test]
fn a_paused_replica_does_not_hold_the_failover_for_ever() {
    let mut rig = rig(vec![failover(Some(2))]);
    rig.servers.mute.insert(NodeId(2));
    check(
        rig,
        expect_test::expect![[r#"
        100 ms: to chaos: OperationDue { op: OpId(1) }
        104 ms: Operation { op: OpId(1), text: "CLUSTER FAILOVER to node-2, a replica of node-1 in shard 1" }
        25104 ms: OperationEnded { op: OpId(1), done: false, text: "node-2 did not take over shard 1 from node-1 within 25 s" }
        25104 ms: to chaos: OperationEnded { op: OpId(1) }
        25104 ms: to director: OperationsDone"#]],
    );
}

#[test]
fn a_replica_that_ends_meanwhile_has_not_taken_over() {
    let mut rig = rig(vec![failover(None)]);
    rig.servers.failover = Failing::Hangs;
    rig.tell(ms(150), OperatorMessage::NodeLife { node: NodeId(2), alive: false });
    check(
        rig,
        expect_test::expect![[r#"
            100 ms: to chaos: OperationDue { op: OpId(1) }
            104 ms: Picked { node: NodeId(2), why: "first healthy replica of node-1, the primary of shard 1" }
            104 ms: Operation { op: OpId(1), text: "CLUSTER FAILOVER to node-2, a replica of node-1 in shard 1" }
            108 ms: Reply { op: Some(OpId(1)), text: "OK", total: None }
            108 ms: to chaos: OperationAccepted { op: OpId(1) }
            150 ms: OperationEnded { op: OpId(1), done: false, text: "node-2 ended before it took over shard 1" }
            150 ms: to chaos: OperationEnded { op: OpId(1) }
            150 ms: to director: OperationsDone"#]],
    );
}

#[test]
fn another_replica_may_take_over_instead() {
    let mut rig = rig(vec![failover(None)]);
    rig.servers.failover = Failing::Hangs;
    let before = rig.run(ms(150));
    assert!(before.contains("CLUSTER FAILOVER to node-2"), "{before}");
    rig.servers.take_over(NodeId(3));
    check(
        rig,
        expect_test::expect![[r#"
        154 ms: OperationEnded { op: OpId(1), done: false, text: "node-3 took over shard 1 instead of node-2" }
        154 ms: to chaos: OperationEnded { op: OpId(1) }
        154 ms: to director: OperationsDone"#]],
    );
}

#[test]
fn steps_on_the_cluster_bus_are_told_once_each() {
    let mut rig = rig(vec![failover(None)]);
    rig.servers.failover = Failing::Hangs;
    let mut see = |at: u64, node: u16, to: u16, r#type: &str| {
        let summary = serde_json::from_value(serde_json::json!({ "type": r#type })).expect("a summary");
        rig.tell(ms(at), OperatorMessage::BusSeen { node: NodeId(node), to: NodeId(to), summary });
    };
    see(50, 2, 1, "mfstart");
    see(200, 2, 1, "mfstart");
    see(201, 2, 1, "mfstart");
    see(202, 4, 2, "ping");
    see(203, 1, 2, "ping");
    see(204, 3, 4, "failover_auth_request");
    see(205, 2, 4, "failover_auth_request");
    see(206, 2, 7, "failover_auth_request");
    see(207, 4, 3, "failover_auth_ack");
    see(208, 4, 2, "failover_auth_ack");
    see(209, 7, 2, "failover_auth_ack");
    let lines = rig.run(ms(300));
    let steps: Vec<&str> = lines.lines().filter(|line| line.contains("BusStep")).collect();
    expect_test::expect![[r#"
        200 ms: to chaos: BusStep { op: OpId(1), step: 0 }
        203 ms: to chaos: BusStep { op: OpId(1), step: 1 }
        205 ms: to chaos: BusStep { op: OpId(1), step: 2 }
        208 ms: to chaos: BusStep { op: OpId(1), step: 3 }"#]]
    .assert_eq(&steps.join("\n"));
}

#[test]
fn commands_are_sent_and_their_replies_recorded() {
    let mut rig = rig(vec![command(4, "GET k"), command(5, "DEBUG SLEEP 60"), command(6, "FLUSHALL")]);
    let reply = "*3\r\n$2\r\na\"\r\n:7\r\n*2\r\n$-1\r\n+b".to_owned();
    rig.servers.instead.insert("GET".to_owned(), reply);
    rig.servers.mute.insert(NodeId(5));
    check(
        rig,
        expect_test::expect![[r#"
            100 ms: to chaos: OperationDue { op: OpId(1) }
            100 ms: Operation { op: OpId(1), text: "GET k to node-4" }
            104 ms: Reply { op: Some(OpId(1)), text: "1) \"a\\\"\"\n2) (integer) 7\n3) 1) (nil)\n   2) b", total: None }
            104 ms: OperationEnded { op: OpId(1), done: true, text: "node-4 answered" }
            104 ms: to chaos: OperationAccepted { op: OpId(1) }
            104 ms: to chaos: OperationEnded { op: OpId(1) }
            204 ms: to chaos: OperationDue { op: OpId(2) }
            204 ms: Operation { op: OpId(2), text: "DEBUG SLEEP 60 to node-5" }
            10204 ms: OperationEnded { op: OpId(2), done: false, text: "node-5 did not answer within 10 s" }
            10204 ms: to chaos: OperationEnded { op: OpId(2) }
            10304 ms: to chaos: OperationDue { op: OpId(3) }
            10304 ms: Operation { op: OpId(3), text: "FLUSHALL to node-6" }
            10308 ms: Reply { op: Some(OpId(3)), text: "(error) ERR unknown command", total: None }
            10308 ms: OperationEnded { op: OpId(3), done: false, text: "node-6 refused: ERR unknown command" }
            10308 ms: to chaos: OperationEnded { op: OpId(3) }
            10308 ms: to director: OperationsDone"#]],
    );
}

#[test]
fn long_replies_are_cut_off_and_say_so() {
    let mut rig = rig(vec![command(4, "GET k")]);
    rig.servers.instead.insert("GET".to_owned(), bulk(&"x".repeat(9000)));
    let lines = rig.run(SimTime::NEVER);
    assert!(lines.len() < 5000 && lines.contains("total: Some(9002)"), "{lines}");
}

#[test]
fn operations_wait_for_chaos() {
    let mut rig = rig(vec![failover(None)]);
    rig.obliging = false;
    rig.tell(ms(5000), OperatorMessage::Go { op: OpId(2) });
    expect_test::expect!["100 ms: to chaos: OperationDue { op: OpId(1) }"].assert_eq(&rig.run(ms(100_000)));
}

#[test]
fn the_same_run_gives_the_same_lines() {
    let run = || {
        let mut rig = rig(vec![failover(None), failover(None), command(4, "GET k")]);
        rig.servers.mute.insert(NodeId(1));
        (rig.run(SimTime::NEVER), rig.asked)
    };
    assert_eq!(run(), run());
}
