//! When faults are fired, relative to operations.

use super::*;
use crate::fault::Moment;
use crate::fault::cue::{Cue, FaultStep, Sight};
use crate::op::Start;

fn before(lead_ms: u64) -> Trigger {
    Trigger::BeforeOp { op: ONE, lead_ns: for_ms(lead_ms) }
}

fn during(delay_ms: u64) -> Trigger {
    Trigger::DuringOp { op: ONE, moment: Moment::After { delay_ns: for_ms(delay_ms) } }
}

fn at_step(step: u8) -> Trigger {
    Trigger::DuringOp { op: ONE, moment: Moment::BusStep { step } }
}

fn after(delay_ms: u64) -> Trigger {
    Trigger::AfterOp { op: ONE, delay_ns: for_ms(delay_ms) }
}

/// A run in which the first operation is due at 10 ms, accepted at 1000 ms and ends at 1200 ms.
fn operated(faults: Vec<(Trigger, FaultAction)>) -> Rig {
    let mut rig = Rig::new(faults);
    rig.tell(10, ChaosMessage::OperationDue { op: ONE });
    rig.tell(1000, ChaosMessage::OperationAccepted { op: ONE });
    rig.tell(1200, ChaosMessage::OperationEnded { op: ONE });
    rig
}

#[test]
fn an_operation_without_faults_goes_at_once() {
    check(
        operated(vec![(at(2000), pause(1))]),
        expect_test::expect![[r#"
            10 ms: to operator: Go { op: OpId(1) }
            2000 ms: to node-4: Pause
            2000 ms: to validator: NodePaused { node: NodeId(4), paused: true }
            2000 ms: Fault { fault: FaultId(1), text: "pause of node-4 for 0.001 s", hit: [NodeId(4)] }
            2001 ms: to node-4: Unpause
            2001 ms: to validator: NodePaused { node: NodeId(4), paused: false }
            2001 ms: to director: FaultsDone
            2001 ms: Heal { fault: FaultId(1), text: "node-4 runs again" }"#]],
    );
}

#[test]
fn an_operation_waits_for_the_longest_lead_before_it() {
    check(
        operated(vec![(before(300), kill(None)), (before(500), pause(1))]),
        expect_test::expect![[r#"
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Primary(ShardId(1))] }
            10 ms: to node-4: Pause
            10 ms: to validator: NodePaused { node: NodeId(4), paused: true }
            10 ms: Fault { fault: FaultId(2), text: "pause of node-4 for 0.001 s", hit: [NodeId(4)] }
            11 ms: to node-4: Unpause
            11 ms: to validator: NodePaused { node: NodeId(4), paused: false }
            11 ms: Heal { fault: FaultId(2), text: "node-4 runs again" }
            12 ms: to node-1: Signal { signal: Kill }
            12 ms: to director: FaultsDone
            12 ms: Fault { fault: FaultId(1), text: "SIGKILL to node-1, the primary of shard 1", hit: [NodeId(1)] }
            512 ms: to operator: Go { op: OpId(1) }"#]],
    );
}

#[test]
fn whom_a_fault_within_an_operation_hits_is_known_before_it_goes() {
    check(
        operated(vec![(before(300), pause(1)), (during(0), kill(None))]),
        expect_test::expect![[r#"
            10 ms: to node-4: Pause
            10 ms: to validator: NodePaused { node: NodeId(4), paused: true }
            10 ms: Fault { fault: FaultId(1), text: "pause of node-4 for 0.001 s", hit: [NodeId(4)] }
            11 ms: to node-4: Unpause
            11 ms: to validator: NodePaused { node: NodeId(4), paused: false }
            11 ms: Heal { fault: FaultId(1), text: "node-4 runs again" }
            310 ms: to operator: Resolve { fault: FaultId(2), targets: [Primary(ShardId(1))] }
            312 ms: to operator: Go { op: OpId(1) }
            1000 ms: to node-1: Signal { signal: Kill }
            1000 ms: to director: FaultsDone
            1000 ms: Fault { fault: FaultId(2), text: "SIGKILL to node-1, the primary of shard 1", hit: [NodeId(1)] }"#]],
    );
}

#[test]
fn a_fault_after_the_acceptance_may_miss_the_end() {
    check(
        operated(vec![(during(100), kill(None)), (during(300), kill(None))]),
        expect_test::expect![[r#"
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Primary(ShardId(1))] }
            10 ms: to operator: Resolve { fault: FaultId(2), targets: [Primary(ShardId(1))] }
            12 ms: to operator: Go { op: OpId(1) }
            1100 ms: to node-1: Signal { signal: Kill }
            1100 ms: Fault { fault: FaultId(1), text: "SIGKILL to node-1, the primary of shard 1", hit: [NodeId(1)] }
            1200 ms: to director: FaultsDone
            1200 ms: Fault { fault: FaultId(2), text: "missed: the operation had ended", hit: [] }"#]],
    );
}

#[test]
fn a_fault_waits_for_its_step_on_the_bus_or_a_later_one() {
    let faults = vec![(at_step(0), kill(None)), (at_step(2), pause(1)), (at_step(3), pause(1))];
    let mut rig = operated(faults);
    for (at, op, step) in [(1001, OpId(2), 3), (1002, ONE, 1), (1003, ONE, 2), (1004, ONE, 2)] {
        rig.tell(at, ChaosMessage::BusStep { op, step });
    }
    check(
        rig,
        expect_test::expect![[r#"
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Primary(ShardId(1))] }
            12 ms: to operator: Go { op: OpId(1) }
            1002 ms: to node-1: Signal { signal: Kill }
            1002 ms: Fault { fault: FaultId(1), text: "SIGKILL to node-1, the primary of shard 1", hit: [NodeId(1)] }
            1003 ms: to node-4: Pause
            1003 ms: to validator: NodePaused { node: NodeId(4), paused: true }
            1003 ms: Fault { fault: FaultId(2), text: "pause of node-4 for 0.001 s", hit: [NodeId(4)] }
            1004 ms: to node-4: Unpause
            1004 ms: to validator: NodePaused { node: NodeId(4), paused: false }
            1004 ms: Heal { fault: FaultId(2), text: "node-4 runs again" }
            1200 ms: to director: FaultsDone
            1200 ms: Fault { fault: FaultId(3), text: "missed: the operation had ended", hit: [] }"#]],
    );
}

#[test]
fn an_operation_that_never_was_accepted_has_no_moments() {
    let mut rig = Rig::new(vec![(during(0), kill(None)), (after(50), pause(1))]);
    rig.tell(10, ChaosMessage::OperationDue { op: ONE });
    rig.tell(100, ChaosMessage::OperationEnded { op: ONE });
    check(
        rig,
        expect_test::expect![[r#"
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Primary(ShardId(1))] }
            12 ms: to operator: Go { op: OpId(1) }
            100 ms: Fault { fault: FaultId(1), text: "missed: the operation had ended", hit: [] }
            150 ms: to node-4: Pause
            150 ms: to validator: NodePaused { node: NodeId(4), paused: true }
            150 ms: Fault { fault: FaultId(2), text: "pause of node-4 for 0.001 s", hit: [NodeId(4)] }
            151 ms: to node-4: Unpause
            151 ms: to validator: NodePaused { node: NodeId(4), paused: false }
            151 ms: to director: FaultsDone
            151 ms: Heal { fault: FaultId(2), text: "node-4 runs again" }"#]],
    );
}

#[test]
fn faults_after_an_operation_follow_its_end() {
    check(
        operated(vec![(after(0), kill(Some(10))), (after(50), pause(1))]),
        expect_test::expect![[r#"
            10 ms: to operator: Go { op: OpId(1) }
            1200 ms: to operator: Resolve { fault: FaultId(1), targets: [Primary(ShardId(1))] }
            1202 ms: to node-1: Signal { signal: Kill }
            1202 ms: Fault { fault: FaultId(1), text: "SIGKILL to node-1, the primary of shard 1", hit: [NodeId(1)] }
            1213 ms: to node-1: Start { incarnation: 2 }
            1213 ms: Heal { fault: FaultId(1), text: "node-1 is started again" }
            1250 ms: to node-4: Pause
            1250 ms: to validator: NodePaused { node: NodeId(4), paused: true }
            1250 ms: Fault { fault: FaultId(2), text: "pause of node-4 for 0.001 s", hit: [NodeId(4)] }
            1251 ms: to node-4: Unpause
            1251 ms: to validator: NodePaused { node: NodeId(4), paused: false }
            1251 ms: to director: FaultsDone
            1251 ms: Heal { fault: FaultId(2), text: "node-4 runs again" }"#]],
    );
}

#[test]
fn an_operator_who_never_answers_does_not_stop_the_operation() {
    let mut rig = Rig::new(vec![(before(300), kill(None)), (during(0), kill(None)), (at(1), pause(1))]);
    rig.looks_up_in = None;
    rig.tell(10, ChaosMessage::OperationDue { op: ONE });
    rig.tell(11_000, ChaosMessage::OperationAccepted { op: ONE });
    rig.tell(11_100, ChaosMessage::OperationEnded { op: ONE });
    check(
        rig,
        expect_test::expect![[r#"
            1 ms: to node-4: Pause
            1 ms: to validator: NodePaused { node: NodeId(4), paused: true }
            1 ms: Fault { fault: FaultId(3), text: "pause of node-4 for 0.001 s", hit: [NodeId(4)] }
            2 ms: to node-4: Unpause
            2 ms: to validator: NodePaused { node: NodeId(4), paused: false }
            2 ms: Heal { fault: FaultId(3), text: "node-4 runs again" }
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Primary(ShardId(1))] }
            5310 ms: to operator: Resolve { fault: FaultId(2), targets: [Primary(ShardId(1))] }
            10310 ms: to operator: Go { op: OpId(1) }
            11000 ms: Fault { fault: FaultId(2), text: "missed: nobody could tell in time whom it hits", hit: [] }"#]],
    );
}

#[test]
fn a_late_answer_still_fires_a_fault_before_the_operation() {
    let mut rig = operated(vec![(before(0), kill(None)), (during(0), kill(None))]);
    rig.looks_up_in = Some(SimDuration::from_secs(20));
    check(
        rig,
        expect_test::expect![[r#"
            10 ms: to operator: Resolve { fault: FaultId(1), targets: [Primary(ShardId(1))] }
            1000 ms: Fault { fault: FaultId(2), text: "missed: nobody could tell in time whom it hits", hit: [] }
            20010 ms: to node-1: Signal { signal: Kill }
            20010 ms: to director: FaultsDone
            20010 ms: Fault { fault: FaultId(1), text: "SIGKILL to node-1, the primary of shard 1", hit: [NodeId(1)] }"#]],
    );
}

#[test]
fn a_fault_of_an_operation_that_is_not_planned_is_missed() {
    let trigger = Trigger::AfterOp { op: OpId(9), delay_ns: for_ms(5) };
    check(
        Rig::new(vec![(trigger, kill(None))]),
        expect_test::expect![[r#"
            0 ms: to director: FaultsDone
            0 ms: Fault { fault: FaultId(1), text: "missed: there is no such operation", hit: [] }"#]],
    );
}

fn seen(delay_ms: u64) -> Trigger {
    Trigger::Seen { cue: fault_fires(9), delay_ns: for_ms(delay_ms) }
}

fn fault_fires(fault: u16) -> Cue {
    Cue::of(Sight::Fault(FaultId(fault), FaultStep::Fired))
}

#[test]
fn a_fault_that_waits_for_a_sight_fires_with_it_or_so_much_later() {
    let mut rig = operated(vec![(seen(0), kill(None)), (seen(0), kill(None)), (seen(30), pause(1))]);
    rig.tell(500, ChaosMessage::Seen { fault: FaultId(1), nodes: vec![Some(NodeId(2))] });
    rig.tell(501, ChaosMessage::Seen { fault: FaultId(2), nodes: Vec::new() });
    rig.tell(502, ChaosMessage::Seen { fault: FaultId(3), nodes: vec![Some(NodeId(4))] });
    check(
        rig,
        expect_test::expect![[r#"
            10 ms: to operator: Go { op: OpId(1) }
            500 ms: to node-2: Signal { signal: Kill }
            500 ms: Fault { fault: FaultId(1), text: "SIGKILL to node-2, the primary of shard 1", hit: [NodeId(2)] }
            501 ms: to operator: Resolve { fault: FaultId(2), targets: [Primary(ShardId(1))] }
            503 ms: to node-1: Signal { signal: Kill }
            503 ms: Fault { fault: FaultId(2), text: "SIGKILL to node-1, the primary of shard 1", hit: [NodeId(1)] }
            532 ms: to node-4: Pause
            532 ms: to validator: NodePaused { node: NodeId(4), paused: true }
            532 ms: Fault { fault: FaultId(3), text: "pause of node-4 for 0.001 s", hit: [NodeId(4)] }
            533 ms: to node-4: Unpause
            533 ms: to validator: NodePaused { node: NodeId(4), paused: false }
            533 ms: to director: FaultsDone
            533 ms: Heal { fault: FaultId(3), text: "node-4 runs again" }"#]],
    );
}

#[test]
fn what_is_never_seen_is_waited_for_until_nothing_is_under_way() {
    let mut rig = Rig::new(vec![(seen(0), kill(None)), (at(20), pause(900)), (after(400), pause(1))]);
    rig.tell(5, ChaosMessage::LastCall);
    for (op, ended_ms) in [(ONE, 100), (OpId(2), 200)] {
        rig.tell(ended_ms, ChaosMessage::OperationEnded { op });
    }
    check(
        rig,
        expect_test::expect![[r#"
            20 ms: to node-4: Pause
            20 ms: to validator: NodePaused { node: NodeId(4), paused: true }
            20 ms: Fault { fault: FaultId(2), text: "pause of node-4 for 0.900 s", hit: [NodeId(4)] }
            500 ms: Fault { fault: FaultId(3), text: "pause of node-4 for 0.001 s", hit: [NodeId(4)] }
            501 ms: Heal { fault: FaultId(3), text: "node-4 stays paused by another fault" }
            920 ms: to node-4: Unpause
            920 ms: to validator: NodePaused { node: NodeId(4), paused: false }
            920 ms: to director: FaultsDone
            920 ms: Heal { fault: FaultId(2), text: "node-4 runs again" }
            920 ms: Fault { fault: FaultId(1), text: "missed: what it waits for was never seen", hit: [] }"#]],
    );
}

#[test]
fn what_was_dropped_before_the_beginning_never_fires() {
    let mut rig = Rig::new(vec![(at(20), pause(1)), (after(400), pause(1))]);
    rig.queue.insert((SimTime::ZERO, 0), ChaosMessage::Cease);
    rig.tell(100, ChaosMessage::OperationEnded { op: ONE });
    check(
        rig,
        expect_test::expect![[r#"
        0 ms: Fault { fault: FaultId(1), text: "missed: dropped", hit: [] }
        0 ms: Fault { fault: FaultId(2), text: "missed: dropped", hit: [] }
        0 ms: to director: FaultsDone"#]],
    );
}

/// A run of two operations, of which the first waits for a sight and the second begins with it.
fn with_unseen() -> Rig {
    let mut plan = plan(vec![(seen(0), kill(None))]);
    plan.operations[0].start = Start::Seen(fault_fires(1));
    plan.operations[1].start = Start::Beside;
    Rig { chaos: Chaos::new(&plan), ..Rig::new(Vec::new()) }
}

#[test]
fn the_operator_is_told_what_an_operation_waited_for_or_that_it_waits_in_vain() {
    let mut rig = with_unseen();
    rig.tell(10, ChaosMessage::OperationSeen { op: ONE });
    check(rig, expect_test::expect![[r#"10 ms: to operator: Seen { op: OpId(1) }"#]]);
    let mut rig = with_unseen();
    rig.tell(20, ChaosMessage::LastCall);
    check(
        rig,
        expect_test::expect![[r#"
            20 ms: to operator: Missed { ops: [OpId(1), OpId(2)] }
            20 ms: to director: FaultsDone
            20 ms: Fault { fault: FaultId(1), text: "missed: what it waits for was never seen", hit: [] }"#]],
    );
}
