//! Operations.

use super::*;
use crate::op::{Command, Expect, Failover, FailoverMode, Op, OpAction, OpId};

fn operations(actions: Vec<OpAction>) -> Plan {
    let op = |(index, action)| Op {
        id: OpId(index as u16 + 1),
        start: Default::default(),
        delay_ns: SimDuration::from_ms(100),
        action,
        expect: None,
    };
    Plan { operations: actions.into_iter().enumerate().map(op).collect(), ..plan(3, 2) }
}

fn failover(to: Option<u16>) -> OpAction {
    OpAction::Failover(Failover { shard: ShardId(1), mode: FailoverMode::Default, to: to.map(NodeId) })
}

fn command(node: u16, text: &str) -> OpAction {
    OpAction::Command(Command { node: NodeId(node), args: text.split(' ').map(str::to_owned).collect() })
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
        OpAction::Failover(Failover { shard: ShardId(1), mode: FailoverMode::Takeover, to: Some(NodeId(1)) });
    check(
        rig(vec![failover(None), takeover]),
        expect_test::expect![[r#"
            100 ms: to chaos: OperationDue { op: OpId(1) }
            104 ms: Picked { node: NodeId(2), why: "first healthy replica of node-1, the primary of shard 1" }
            104 ms: Operation { op: OpId(1), text: "CLUSTER FAILOVER to node-2, a replica of node-1 in shard 1" }
            106 ms: Reply { op: Some(OpId(1)), text: "OK", total: None }
            106 ms: to chaos: OperationAccepted { op: OpId(1) }
            108 ms: OperationEnded { op: OpId(1), done: true, text: "node-2 took over shard 1 from node-1 in 0.004 s, epoch 1 -> 10", ending: Some(Done) }
            108 ms: to chaos: OperationEnded { op: OpId(1) }
            208 ms: to chaos: OperationDue { op: OpId(2) }
            210 ms: Operation { op: OpId(2), text: "CLUSTER FAILOVER TAKEOVER to node-1, a replica of node-2 in shard 1" }
            212 ms: Reply { op: Some(OpId(2)), text: "OK", total: None }
            212 ms: to chaos: OperationAccepted { op: OpId(2) }
            214 ms: OperationEnded { op: OpId(2), done: true, text: "node-1 took over shard 1 from node-2 in 0.004 s, epoch 10 -> 11", ending: Some(Done) }
            214 ms: to chaos: OperationEnded { op: OpId(2) }
            214 ms: to director: OperationsDone"#]],
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
            2112 ms: OperationEnded { op: OpId(1), done: false, text: "shard 1 has no healthy replica", ending: Some(NotSent) }
            2112 ms: to chaos: OperationEnded { op: OpId(1) }
            2112 ms: to director: OperationsDone"#]],
    );
}

#[test]
fn a_plan_that_names_the_node_gets_what_it_asks_for_and_the_first_answer_counts() {
    let mut rig = rig(vec![failover(Some(1)), failover(Some(3))]);
    rig.tell(SimTime::ZERO, OperatorMessage::NodeLife { node: NodeId(3), alive: false });
    rig.servers.down.insert(NodeId(3));
    check(
        rig,
        expect_test::expect![[r#"
        100 ms: to chaos: OperationDue { op: OpId(1) }
        104 ms: Operation { op: OpId(1), text: "CLUSTER FAILOVER to node-1, the primary of shard 1" }
        106 ms: Reply { op: Some(OpId(1)), text: "(error) ERR You should send CLUSTER FAILOVER to a replica", total: None }
        106 ms: OperationEnded { op: OpId(1), done: false, text: "node-1 refused: ERR You should send CLUSTER FAILOVER to a replica", ending: Some(Refused) }
        106 ms: to chaos: OperationEnded { op: OpId(1) }
        206 ms: to chaos: OperationDue { op: OpId(2) }
        208 ms: Operation { op: OpId(2), text: "CLUSTER FAILOVER to node-3, a replica of node-1 in shard 1" }
        210 ms: OperationEnded { op: OpId(2), done: false, text: "node-3: connection refused", ending: Some(NotSent) }
        210 ms: to chaos: OperationEnded { op: OpId(2) }
        210 ms: to director: OperationsDone"#]],
    );
}

#[test]
fn whoever_changed_last_is_believed_and_not_who_is_asked_first() {
    let mut rig = rig(vec![failover(None)]);
    for node in [1, 3, 4].map(NodeId) {
        rig.servers.stale.insert(node, rig.servers.nodes(node));
    }
    rig.servers.take_over(NodeId(2));
    rig.servers.stale.remove(&NodeId(3));
    let lines = rig.run(SimTime::NEVER);
    assert!(lines.contains("CLUSTER FAILOVER to node-3, a replica of node-2"), "{lines}");
    assert!(!rig.asked.iter().any(|asked| asked.starts_with("node-4")), "another shard has no say");
}

#[test]
fn a_replica_that_only_it_itself_knows_for_one_is_found() {
    let mut rig = rig(vec![failover(None)]);
    rig.servers.mute.insert(NodeId(3));
    rig.servers.take_over(NodeId(2));
    let own = rig.servers.nodes(NodeId(2)).replace(&format!("slave {}", id(NodeId(2))), "master -");
    rig.servers.stale.insert(NodeId(2), own);
    let lines = rig.run(ms(2_000));
    assert!(lines.contains("CLUSTER FAILOVER to node-1, a replica of node-2"), "{lines}");
}

#[test]
fn a_takeover_in_a_split_takes_a_live_replica_that_the_other_side_holds_for_failed() {
    for mode in [FailoverMode::Takeover, FailoverMode::Force] {
        let mut rig = rig(vec![OpAction::Failover(Failover { shard: ShardId(1), mode, to: None })]);
        let failed = |text: String| text.replace("slave", "slave,fail");
        for node in [1, 4, 7].map(NodeId) {
            rig.servers.stale.insert(node, failed(rig.servers.nodes(node)));
        }
        let lines = rig.run(ms(2_000));
        assert!(lines.contains("to node-2, a replica of node-1 in shard 1"), "{mode:?}: {lines}");
    }
}

#[test]
fn a_refusal_that_passes_is_not_the_end() {
    let mut rig = rig(vec![failover(None)]);
    let reply = "-ERR Master is down or failed, please use CLUSTER FAILOVER FORCE".to_owned();
    rig.servers.instead.insert("CLUSTER FAILOVER".to_owned(), reply);
    let before = rig.run(ms(500));
    assert!(before.contains("(error)") && !before.contains("OperationEnded"), "{before}");
    rig.servers.instead.clear();
    assert!(rig.run(SimTime::NEVER).contains("node-2 took over shard 1"));
}

#[test]
fn a_replica_that_was_elected_before_it_was_asked_has_taken_over() {
    let mut rig = rig(vec![failover(None)]);
    for node in [1, 2, 3].map(NodeId) {
        rig.servers.stale.insert(node, rig.servers.nodes(node));
    }
    rig.servers.take_over(NodeId(2));
    let before = rig.run(ms(300));
    assert!(before.contains("(error) ERR You should send CLUSTER FAILOVER to a replica"), "{before}");
    rig.servers.stale.clear();
    let lines = rig.run(SimTime::NEVER);
    assert!(lines.contains("done: true, text: \"node-2 took over shard 1 before it was asked"), "{lines}");
}

#[test]
fn what_a_plan_expects_decides_how_a_command_ended() {
    let ended = |reply: &str, expect: Option<&str>| {
        let mut plan = operations(vec![command(4, "GET k")]);
        plan.operations[0].expect = expect.map(|text| Expect::from(text.to_owned()));
        let mut rig = Rig::new(&plan, Servers::formed(&plan.cluster));
        rig.tell(SimTime::ZERO, OperatorMessage::Begin);
        rig.servers.instead.insert("GET".to_owned(), reply.to_owned());
        let lines = rig.run(SimTime::NEVER);
        let (_, ending) = lines.split_once("ending: Some(").expect("it ended");
        ending.split_once(')').expect("a word").0.to_owned()
    };
    let text = bulk("value");
    for (reply, expect, ending) in [
        (text.as_str(), None, "Done"),
        (&text, Some("ok"), "Done"),
        (&text, Some("any"), "Done"),
        (&text, Some("val"), "Done"),
        (&text, Some("other"), "Unexpected"),
        (&text, Some("error"), "Unexpected"),
        (":7", Some("7"), "Done"),
        ("-ERR no", None, "Refused"),
        ("-ERR no", Some("error"), "Done"),
        ("-ERR no", Some("ERR n"), "Done"),
        ("-ERR no", Some("any"), "Done"),
        ("-ERR no", Some("ok"), "Unexpected"),
        ("-ERR no", Some("MOVED"), "Unexpected"),
    ] {
        assert_eq!(ended(reply, expect), ending, "{reply} {expect:?}");
    }
}

#[test]
fn a_shutdown_is_done_when_its_node_has_ended() {
    for (text, ending) in [("SHUTDOWN NOSAVE", "Done"), ("shutdown", "Done"), ("DEBUG SEGFAULT", "TimedOut")]
    {
        let mut rig = rig(vec![command(4, text)]);
        rig.servers.mute.insert(NodeId(4));
        rig.tell(ms(200), OperatorMessage::NodeLife { node: NodeId(4), alive: false });
        let lines = rig.run(SimTime::NEVER);
        assert!(lines.contains(&format!("ending: Some({ending})")), "{lines}");
    }
}

#[test]
fn nobody_who_answers_is_no_failover() {
    let mut rig = rig(vec![failover(None)]);
    rig.servers.down.extend((1..=9).map(NodeId));
    check(
        rig,
        expect_test::expect![[r#"
            100 ms: to chaos: OperationDue { op: OpId(1) }
            2120 ms: OperationEnded { op: OpId(1), done: false, text: "nobody answers", ending: Some(NotSent) }
            2120 ms: to chaos: OperationEnded { op: OpId(1) }
            2120 ms: to director: OperationsDone"#]],
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
            106 ms: Reply { op: Some(OpId(1)), text: "(error) ERR Master is down or failed, please use CLUSTER FAILOVER FORCE", total: None }
            608 ms: Picked { node: NodeId(2), why: "first healthy replica of node-1, the primary of shard 1" }
            608 ms: Operation { op: OpId(1), text: "CLUSTER FAILOVER to node-2, a replica of node-1 in shard 1" }
            610 ms: Reply { op: Some(OpId(1)), text: "(error) ERR Master is down or failed, please use CLUSTER FAILOVER FORCE", total: None }
            1112 ms: Picked { node: NodeId(2), why: "first healthy replica of node-1, the primary of shard 1" }
            1112 ms: Operation { op: OpId(1), text: "CLUSTER FAILOVER to node-2, a replica of node-1 in shard 1" }
            1114 ms: Reply { op: Some(OpId(1)), text: "(error) ERR Master is down or failed, please use CLUSTER FAILOVER FORCE", total: None }
            1616 ms: Picked { node: NodeId(2), why: "first healthy replica of node-1, the primary of shard 1" }
            1616 ms: Operation { op: OpId(1), text: "CLUSTER FAILOVER to node-2, a replica of node-1 in shard 1" }
            1618 ms: Reply { op: Some(OpId(1)), text: "(error) ERR Master is down or failed, please use CLUSTER FAILOVER FORCE", total: None }
            2120 ms: Picked { node: NodeId(2), why: "first healthy replica of node-1, the primary of shard 1" }
            2120 ms: Operation { op: OpId(1), text: "CLUSTER FAILOVER to node-2, a replica of node-1 in shard 1" }
            2122 ms: Reply { op: Some(OpId(1)), text: "(error) ERR Master is down or failed, please use CLUSTER FAILOVER FORCE", total: None }
            2122 ms: OperationEnded { op: OpId(1), done: false, text: "node-2 refused: ERR Master is down or failed, please use CLUSTER FAILOVER FORCE", ending: Some(Refused) }
            2122 ms: to chaos: OperationEnded { op: OpId(1) }
            2122 ms: to director: OperationsDone"#]],
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
            106 ms: Reply { op: Some(OpId(1)), text: "OK", total: None }
            106 ms: to chaos: OperationAccepted { op: OpId(1) }
            25104 ms: OperationEnded { op: OpId(1), done: false, text: "node-2 did not take over shard 1 from node-1 within 25 s", ending: Some(TimedOut) }
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
            600 ms: Operation { op: OpId(1), text: "CLUSTER FAILOVER to node-2, a replica of node-1 in shard 1" }
            25600 ms: OperationEnded { op: OpId(1), done: false, text: "node-2 did not take over shard 1 from node-1 within 25 s", ending: Some(TimedOut) }
            25600 ms: to chaos: OperationEnded { op: OpId(1) }
            25600 ms: to director: OperationsDone"#]],
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
            106 ms: Reply { op: Some(OpId(1)), text: "OK", total: None }
            106 ms: to chaos: OperationAccepted { op: OpId(1) }
            150 ms: OperationEnded { op: OpId(1), done: false, text: "node-2 ended before it took over shard 1", ending: Some(NoEffect) }
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
            152 ms: OperationEnded { op: OpId(1), done: false, text: "node-3 took over shard 1 instead of node-2", ending: Some(NoEffect) }
            152 ms: to chaos: OperationEnded { op: OpId(1) }
            152 ms: to director: OperationsDone"#]],
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
            104 ms: OperationEnded { op: OpId(1), done: true, text: "node-4 answered", ending: Some(Done) }
            104 ms: to chaos: OperationAccepted { op: OpId(1) }
            104 ms: to chaos: OperationEnded { op: OpId(1) }
            204 ms: to chaos: OperationDue { op: OpId(2) }
            204 ms: Operation { op: OpId(2), text: "DEBUG SLEEP 60 to node-5" }
            10204 ms: OperationEnded { op: OpId(2), done: false, text: "node-5 did not answer within 10 s", ending: Some(TimedOut) }
            10204 ms: to chaos: OperationEnded { op: OpId(2) }
            10304 ms: to chaos: OperationDue { op: OpId(3) }
            10304 ms: Operation { op: OpId(3), text: "FLUSHALL to node-6" }
            10308 ms: Reply { op: Some(OpId(3)), text: "(error) ERR unknown command", total: None }
            10308 ms: OperationEnded { op: OpId(3), done: false, text: "node-6 refused: ERR unknown command", ending: Some(Refused) }
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
