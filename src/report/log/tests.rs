//! Golden texts of what is said of a log.

use std::ops::ControlFlow;

use expect_test::{Expect, expect};

use super::*;
use crate::event::{Body, BusSummary, Event, MessageType, Phase, Told};
use crate::event_log::explain::Explanation;
use crate::event_log::{Difference, Header, IndexedLog, ServerIdentity, Trace, event_line};
use crate::fault::{Channel, FaultId};
use crate::history::{Outcome, Request};
use crate::id::{ActorId, ClientId, Host, NodeId};
use crate::invariant::sample::healthy;
use crate::op::OpId;
use crate::time::{SimDuration, SimTime};

fn check(actual: &str, expected: Expect) {
    expected.assert_eq(actual);
}

/// A small run in which an operation is sent, a message is delivered, and a node is killed.
fn events() -> Vec<Event> {
    let (node, text) = (ActorId::Node(NodeId(2)), |text: &str| text.to_owned());
    let bus = BusSummary {
        current_epoch: Some(6),
        config_epoch: Some(3),
        ..BusSummary::of_type(MessageType::PING)
    };
    let sent = |channel, bus| Body::Sent {
        from: ActorId::Node(NodeId(1)),
        conn: 7,
        channel,
        to: Host::Node(NodeId(2)),
        len: 2568,
        digest: text("00"),
        bus,
        repl: None,
    };
    let request = Request::Set { key: text("k"), value: text("v") };
    let list = [
        (0, ActorId::Director, None, Body::Tell { message: Told::Begin }),
        (0, ActorId::Director, Some(0), Body::Phase { phase: Phase::Form }),
        (0, ActorId::Chaos, Some(0), Body::Timer { purpose: text("fire") }),
        (5, ActorId::Network, Some(0), sent(Channel::Bus, Some(Box::new(bus)))),
        (5, ActorId::Network, Some(3), Body::Latency { conn: 7, ns: SimDuration::from_us(712) }),
        (6, node, Some(3), Body::Deliver { conn: 7, len: 2568 }),
        (6, node, Some(5), Body::Log { line: text("a \u{1b}[31mred\u{1b}[0m word") }),
        (
            7,
            ActorId::Operator,
            Some(2),
            Body::Operation { op: OpId(1), text: text("CLUSTER FAILOVER to node-2") },
        ),
        (
            8,
            ActorId::Operator,
            Some(7),
            Body::OperationEnded { op: OpId(1), done: false, text: text("no"), ending: None },
        ),
        (
            9,
            ActorId::Chaos,
            Some(2),
            Body::Fault { fault: FaultId(1), text: text("SIGKILL"), hit: vec![NodeId(2)] },
        ),
        (9, node, Some(2), Body::Signal { signal: text("SIGKILL") }),
        (9, node, Some(10), Body::Exited { status: text("SIGKILL") }),
        (9, ActorId::Client(ClientId(1)), Some(2), Body::Invoke { sequence: 1, request }),
        (
            9,
            ActorId::Client(ClientId(1)),
            Some(12),
            Body::Complete { sequence: 1, outcome: Outcome::Info(text("reset")), node: Some(NodeId(2)) },
        ),
        (
            9,
            ActorId::Validator,
            None,
            Body::Verdict { invariant: text("reads"), verdict: text("unknown"), detail: text("no read") },
        ),
    ];
    let number = |(i, (ms, actor, cause, body)): (usize, (u64, ActorId, Option<u64>, Body))| {
        let at = SimTime::from_ns(ms * 1_000_000);
        Event { i: i as u64, at, actor, kind: body.kind(), cause, body }
    };
    list.into_iter().enumerate().map(number).collect()
}

fn header() -> Header {
    let server = ServerIdentity {
        name: "valkey".to_owned(),
        version: "8.1.1".to_owned(),
        build_id: "384b".to_owned(),
        sha256: "ab".repeat(32),
    };
    let header = Header::new(healthy().plan, server, "5af3".to_owned());
    Header { tool: "valkey-fuzzer 0.1.0".to_owned(), ..header }
}

/// The events as a log that is open.
fn log() -> IndexedLog {
    let mut text = serde_json::to_string(&header()).expect("a header is plain data");
    events().iter().for_each(|event| text += &format!("\n{}", event_line(event)));
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text + "\n").expect("written");
    IndexedLog::pass_through(file.path(), u64::MAX).expect("a good log")
}

#[test]
fn a_line_says_who_and_what_and_moves_no_cursor() {
    let mut lines = String::new();
    log()
        .visit(0..99, &mut |event, _| {
            lines += &format!("{}\n", marked_line(event, event.i == 5, false));
            ControlFlow::Continue(())
        })
        .expect("a good log");
    check(
        &lines,
        expect![[r#"
                 0    0.000000s director  tell            begin
                 1    0.000000s director  phase           form
                 2    0.000000s chaos     timer           fire
                 3    0.005000s network   sent            node-1 -> node-2 bus ping (epoch 6, config 3), 2568 bytes, conn 7
                 4    0.005000s network   latency         conn 7: 0.712 ms
        >        5    0.006000s node-2    deliver         conn 7: 2568 bytes
                 6    0.006000s node-2    log             a \u{1b}[31mred\u{1b}[0m word
                 7    0.007000s operator  operation       operation 1: CLUSTER FAILOVER to node-2
                 8    0.008000s operator  operation_ended operation 1 failed: no
                 9    0.009000s chaos     fault           fault 1: SIGKILL (hits node-2)
                10    0.009000s node-2    signal          SIGKILL
                11    0.009000s node-2    exited          SIGKILL
                12    0.009000s client-1  invoke          #1 SET k v
                13    0.009000s client-1  complete        #1 info: reset, by node-2
                14    0.009000s validator verdict         reads unknown: no read
    "#]],
    );
    assert!(line(&events()[4], true).contains("\u{1b}[2m"), "a decision is faint");
}

#[test]
fn the_summary_counts_and_lists() {
    check(
        &summary(&log(), false),
        expect![[r#"
        === Event Log ===
        Scenario: sample
        Seed: 42
        Server: valkey 8.1.1 (sha256 abababababab)
        Recorded by: valkey-fuzzer 0.1.0, shim 5af3
        Cluster: 6 nodes, 3 shards with 1 replicas each, node timeout 2000 ms
        Length: 15 events, 0.009000s virtual
        The run did not come to its end.

        Phases:
        - form         0.000000s to 0.009000s (from event 1)

        Nodes:
        - node-2: 4 events, 1 log lines, started 0 times, ended 1 times

        Operations:
        ✗ 1: CLUSTER FAILOVER to node-2 (event 7, 0.007000s)
            no (event 8, 0.008000s) after 0.001s

        Faults:
        ✓ 1: SIGKILL (event 9, 0.009000s)
            hits node-2
            never healed

        Clients:
        - 1 commands: 0 ok, 0 fail, 1 info, 0 open

        Ended Processes:
        - node-2: SIGKILL (event 11, 0.009000s)

        Events:
        - decision             1: latency 1
        - effect               7: phase 1 · deliver 1 · signal 1 · timer 1 · fault 1 · operation 1 · tell 1
        - observation          6: sent 1 · log 1 · exited 1 · operation_ended 1 · invoke 1 · complete 1
        - verdict              1: verdict 1

        Sent:
        - bus                  1 writes, 2,568 bytes
        - bus messages: ping 1

        Verdicts:
        ? reads: no read (event 14)
    "#]],
    );
}

#[test]
fn an_event_is_told_with_its_history() {
    let log = log();
    let told = |i| trace(&Trace::of(&log, i).expect("a good log"), false);
    check(
        &[told(6), told(11), told(2), told(14)].join("-----\n"),
        expect![[r#"
               6    0.006000s node-2    log             a \u{1b}[31mred\u{1b}[0m word

        Because of (nearest first, 3 back to the root):
               5    0.006000s node-2    deliver         conn 7: 2568 bytes [0.000000s before]
               + 4    0.005000s network   latency         conn 7: 0.712 ms
               3    0.005000s network   sent            node-1 -> node-2 bus ping (epoch 6, config 3), 2568 bytes, conn 7 [0.001000s before]
               0    0.000000s director  tell            begin [0.006000s before]

        Nearest decision, 1 cause back:
               4    0.005000s network   latency         conn 7: 0.712 ms

        Nearest injected event: none

        It caused nothing.
        -----
              11    0.009000s node-2    exited          SIGKILL

        Because of (nearest first, 3 back to the root):
              10    0.009000s node-2    signal          SIGKILL [0.000000s before]
               + 7    0.007000s operator  operation       operation 1: CLUSTER FAILOVER to node-2
               + 9    0.009000s chaos     fault           fault 1: SIGKILL (hits node-2)
               2    0.000000s chaos     timer           fire [0.009000s before]
               0    0.000000s director  tell            begin [0.009000s before]

        Nearest decision: none

        Nearest injected event, 1 cause back:
               9    0.009000s chaos     fault           fault 1: SIGKILL (hits node-2)

        It caused nothing.
        -----
               2    0.000000s chaos     timer           fire

        Because of (nearest first, 1 back to the root):
               0    0.000000s director  tell            begin [0.000000s before]

        Nearest decision: none

        Nearest injected event: none

        It caused 4: fault 1 · invoke 1 · operation 1 · signal 1
               7    0.007000s operator  operation       operation 1: CLUSTER FAILOVER to node-2
               9    0.009000s chaos     fault           fault 1: SIGKILL (hits node-2)
              10    0.009000s node-2    signal          SIGKILL
              12    0.009000s client-1  invoke          #1 SET k v
        -----
              14    0.009000s validator verdict         reads unknown: no read

        It has no cause: it is where the run began, or what was judged at its end.

        Nearest decision: none

        Nearest injected event: none

        It caused nothing.
    "#]],
    );
}

#[test]
fn a_difference_is_told_with_both_sides() {
    let (mut left, mut right) = (events()[11].clone(), events()[11].clone());
    right.body = Body::Exited { status: "0".to_owned() };
    let explain = |left: &Event, right: Option<&Event>| {
        let difference = Difference { index: 11, left: Some(left.clone()), right: right.cloned() };
        difference_text(difference)
    };
    let same = explain(&left, Some(&right));
    left.cause = Some(u64::MAX);
    check(
        &[same, explain(&left, None)].join("-----\n"),
        expect![[r#"
        event 11 differs in what

        first:
              11    0.009000s node-2    exited          SIGKILL
          because of
              10    0.009000s node-2    signal          SIGKILL
               2    0.000000s chaos     timer           fire
               0    0.000000s director  tell            begin

        second:
              11    0.009000s node-2    exited          0
          because of the same

        The last events of node-2 before:
               5    0.006000s node-2    deliver         conn 7: 2568 bytes
               6    0.006000s node-2    log             a \u{1b}[31mred\u{1b}[0m word
              10    0.009000s node-2    signal          SIGKILL
        -----
        one log ends before event 11

        first:
              11    0.009000s node-2    exited          SIGKILL

        second:
                 (the log ends)

        The last events of node-2 before:
               5    0.006000s node-2    deliver         conn 7: 2568 bytes
               6    0.006000s node-2    log             a \u{1b}[31mred\u{1b}[0m word
              10    0.009000s node-2    signal          SIGKILL
    "#]],
    );
}

fn difference_text(found: Difference) -> String {
    difference(&Explanation::of(found, &log()).expect("a good log"), false)
}

#[test]
fn headers_are_held_against_each_other() {
    let (first, mut second) = (header(), header());
    assert_eq!(header_differences(&first, &second), "");
    second.tool = "valkey-fuzzer 0.2.0".to_owned();
    second.server.version = "9.1.2".to_owned();
    second.shim = "77".to_owned();
    second.seed += 1;
    second.plan.cluster.node_timeout_ms += 1;
    check(
        &header_differences(&first, &second),
        expect![[r#"
        tool: valkey-fuzzer 0.1.0 | valkey-fuzzer 0.2.0
        seed: 42 | 43
        server: valkey 8.1.1 (sha256 abababababab, build 384b) | valkey 9.1.2 (sha256 abababababab, build 384b)
        shim: 5af3 | 77
        plan: differs in cluster
    "#]],
    );
}
