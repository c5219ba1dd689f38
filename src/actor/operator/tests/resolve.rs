//! Who is who.

use super::*;
use crate::fault::{FaultId, Target};

fn all() -> Vec<Target> {
    let (one, two) = (ShardId(1), ShardId(2));
    vec![
        Target::Primary(one),
        Target::Primary(two),
        Target::Replica(two, 0),
        Target::Replica(two, 1),
        Target::Replica(two, 2),
        Target::Node(NodeId(9)),
        Target::Clients,
    ]
}

fn resolve(targets: Vec<Target>, change: impl FnOnce(&mut Rig)) -> (Rig, String) {
    let plan = plan(3, 2);
    let mut rig = Rig::new(&plan, Servers::formed(&plan.cluster));
    change(&mut rig);
    rig.tell(ms(100), OperatorMessage::Resolve { fault: FaultId(1), targets });
    let lines = rig.run(SimTime::NEVER);
    (rig, lines)
}

#[test]
fn roles_are_those_of_the_moment() {
    let (_, lines) = resolve(all(), |rig| rig.servers.take_over(NodeId(5)));
    expect_test::expect!["104 ms: to chaos: Resolved { fault: FaultId(1), nodes: [Some(NodeId(1)), Some(NodeId(5)), Some(NodeId(4)), Some(NodeId(6)), Some(NodeId(4)), Some(NodeId(9)), None] }"].assert_eq(&lines);
}

#[test]
fn nodes_are_named_without_asking_anybody() {
    let (rig, lines) = resolve(vec![Target::Node(NodeId(3)), Target::Clients], |_| {});
    assert_eq!(lines, "100 ms: to chaos: Resolved { fault: FaultId(1), nodes: [Some(NodeId(3)), None] }");
    assert!(rig.asked.is_empty());
}

#[test]
fn dead_and_silent_nodes_are_passed_over() {
    let (rig, lines) = resolve(all(), |rig| {
        rig.tell(SimTime::ZERO, OperatorMessage::NodeLife { node: NodeId(1), alive: false });
        rig.servers.mute.insert(NodeId(2));
        rig.servers.down.insert(NodeId(3));
    });
    expect_test::expect!["600 ms: to chaos: Resolved { fault: FaultId(1), nodes: [Some(NodeId(1)), Some(NodeId(4)), Some(NodeId(5)), Some(NodeId(6)), Some(NodeId(5)), Some(NodeId(9)), None] }"].assert_eq(&lines);
    assert_eq!(rig.asked, [2, 4, 5, 6].map(|node| format!("node-{node} CLUSTER NODES")));
}

#[test]
fn others_are_asked_when_no_member_answers() {
    let (rig, lines) = resolve(vec![Target::Primary(ShardId(1))], |rig| {
        rig.servers.down.extend([1, 2, 3].map(NodeId));
    });
    expect_test::expect!["106 ms: to chaos: Resolved { fault: FaultId(1), nodes: [Some(NodeId(1))] }"]
        .assert_eq(&lines);
    assert_eq!(rig.asked.len(), 6);
}

#[test]
fn a_dead_replica_comes_after_the_living_ones() {
    let (_, lines) = resolve(all(), |rig| {
        rig.tell(SimTime::ZERO, OperatorMessage::NodeLife { node: NodeId(5), alive: false });
    });
    expect_test::expect!["104 ms: to chaos: Resolved { fault: FaultId(1), nodes: [Some(NodeId(1)), Some(NodeId(4)), Some(NodeId(6)), Some(NodeId(5)), Some(NodeId(6)), Some(NodeId(9)), None] }"].assert_eq(&lines);
}

#[test]
fn a_shard_without_slots_has_no_primary() {
    let (_, lines) = resolve(vec![Target::Primary(ShardId(1)), Target::Primary(ShardId(3))], |rig| {
        rig.servers.owners.remove(&NodeId(7));
    });
    expect_test::expect!["104 ms: to chaos: Resolved { fault: FaultId(1), nodes: [Some(NodeId(1)), None] }"]
        .assert_eq(&lines);
}

#[test]
fn the_last_view_serves_when_nobody_answers() {
    let (mut rig, lines) = resolve(vec![Target::Primary(ShardId(1))], |rig| {
        rig.servers.down.extend((1..=9).map(NodeId));
    });
    expect_test::expect!["104 ms: to chaos: Resolved { fault: FaultId(1), nodes: [None] }"].assert_eq(&lines);
    rig.servers.down.clear();
    let again = OperatorMessage::Resolve { fault: FaultId(2), targets: vec![Target::Primary(ShardId(1))] };
    rig.tell(ms(1000), again.clone());
    rig.run(SimTime::NEVER);
    for node in (1..=9).map(NodeId) {
        rig.tell(ms(2000), OperatorMessage::NodeLife { node, alive: false });
    }
    rig.tell(ms(2001), again);
    expect_test::expect!["2001 ms: to chaos: Resolved { fault: FaultId(2), nodes: [Some(NodeId(1))] }"]
        .assert_eq(&rig.run(SimTime::NEVER));
}
