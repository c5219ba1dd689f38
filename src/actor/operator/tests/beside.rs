//! Operations side by side.

use super::*;
use crate::fault::cue::{Cue, Sight, SyncStep};
use crate::op::{Command, Op, OpAction, OpId, Start};

/// `PING` at a node, so many milliseconds after what it waits for.
fn ping(id: u16, node: u16, start: Start, ms: u64) -> Op {
    let action = OpAction::Command(Command { node: NodeId(node), args: vec!["PING".to_owned()] });
    let delay_ns = SimDuration::from_ms(ms);
    Op { id: OpId(id), start, delay_ns, action, expect: None }
}

fn rig(operations: Vec<Op>) -> Rig {
    let plan = Plan { operations, ..plan(3, 2) };
    let mut rig = Rig::new(&plan, Servers::formed(&plan.cluster));
    rig.tell(SimTime::ZERO, OperatorMessage::Begin);
    rig
}

/// When each operation was due and when it ended, and when all were over; in milliseconds.
fn course(rig: &mut Rig) -> Vec<String> {
    let lines = rig.run(SimTime::NEVER);
    let is_told = |line: &&str| {
        ["to chaos: OperationDue", " ms: OperationEnded", "OperationsDone"]
            .iter()
            .any(|what| line.contains(what))
    };
    let told = lines.lines().filter(is_told);
    let short = |line: &str| match line.split_once(" ms: ") {
        Some((ms, what)) if what.starts_with("OperationEnded") => format!("{ms} ended"),
        Some((ms, what)) => {
            format!("{ms} {}", what.trim_start_matches("to chaos: ").trim_start_matches("to director: "))
        }
        None => line.to_owned(),
    };
    told.map(short).collect()
}

#[test]
fn what_is_parallel_starts_with_the_one_before_and_the_next_waits_for_both() {
    let mut rig = rig(vec![
        ping(1, 1, Start::After, 100),
        ping(2, 1, Start::Beside, 1),
        ping(3, 2, Start::After, 10),
        ping(4, 2, Start::Beginning, 50),
    ]);
    let expected = [
        "50 OperationDue { op: OpId(4) }",
        "54 ended",
        "100 OperationDue { op: OpId(1) }",
        "101 OperationDue { op: OpId(2) }",
        "104 ended",
        "105 ended",
        "115 OperationDue { op: OpId(3) }",
        "119 ended",
        "119 OperationsDone",
    ];
    assert_eq!(course(&mut rig), expected);
    assert_eq!(rig.links.len(), 4, "each that is beside others has a connection of its own");
}

#[test]
fn nobody_answers_one_and_the_other_does_not_wait_for_it() {
    let mut rig = rig(vec![ping(1, 1, Start::After, 100), ping(2, 2, Start::Beside, 0)]);
    rig.servers.mute.insert(NodeId(1));
    let course = course(&mut rig);
    assert_eq!(course[2], "104 ended", "{course:?}");
    assert!(course.ends_with(&["10100 ended".to_owned(), "10100 OperationsDone".to_owned()]), "{course:?}");
}

#[test]
fn what_has_not_started_is_dropped_and_what_is_under_way_goes_on() {
    let mut rig = rig(vec![
        ping(1, 1, Start::After, 100),
        ping(2, 2, Start::Beside, 50),
        ping(3, 2, Start::Beginning, 500),
    ]);
    rig.tell(SimTime::ZERO + SimDuration::from_ms(101), OperatorMessage::Cease);
    assert_eq!(course(&mut rig), ["100 OperationDue { op: OpId(1) }", "104 ended", "104 OperationsDone"]);
}

/// What nobody sees by itself here.
fn seen() -> Start {
    Start::Seen(Cue::of(Sight::Sync(SyncStep::Started)))
}

fn waiting() -> Rig {
    rig(vec![
        ping(1, 1, seen(), 0),
        ping(2, 2, Start::Beside, 5),
        ping(3, 2, Start::After, 10),
        ping(4, 1, seen(), 200),
    ])
}

#[test]
fn what_waits_for_a_sight_begins_with_it_and_keeps_nothing_else_waiting() {
    let mut rig = waiting();
    for op in [4, 1].map(OpId) {
        rig.tell(SimTime::ZERO + SimDuration::from_ms(100), OperatorMessage::Seen { op });
    }
    let expected = [
        "10 OperationDue { op: OpId(3) }",
        "14 ended",
        "100 OperationDue { op: OpId(1) }",
        "104 ended",
        "105 OperationDue { op: OpId(2) }",
        "109 ended",
        "300 OperationDue { op: OpId(4) }",
        "304 ended",
        "304 OperationsDone",
    ];
    assert_eq!(course(&mut rig), expected);
}

#[test]
fn what_is_never_seen_never_begins_nor_what_begins_with_it() {
    let mut rig = waiting();
    let ops = [1, 2, 4].map(OpId).to_vec();
    rig.tell(SimTime::ZERO + SimDuration::from_ms(100), OperatorMessage::Missed { ops });
    let expected = [
        "10 OperationDue { op: OpId(3) }",
        "14 ended",
        "100 ended",
        "100 ended",
        "100 ended",
        "100 OperationsDone",
    ];
    assert_eq!(course(&mut rig), expected);
}
