//! What must hold once a cluster has settled, broken each time by a real cluster: commands that a saboteur types at one
//! node behind the others' backs.

use crate::support::{Ran, assert_violates, plan, run, server};

fn sabotaged(operations: &[&str]) -> Ran {
    let operations = operations.iter().map(|args| format!("  - {{type: command, {args}, delay: 1}}\n"));
    let operations = operations.collect::<String>();
    let head = "scenario: {name: sabotage, seed: 1}\n";
    // A forgotten node may come back after a minute: the end is not waited for so long.
    let body = format!(
        "{head}operations:\n{operations}workload: {{duration: 6}}\nvalidation: {{max_convergence_time: 5}}"
    );
    run(&plan(&body), &server())
}

#[test]
fn a_slot_left_half_moved_is_found() {
    let ran = sabotaged(&["node: 1, args: [CLUSTER, SETSLOT, 5, MIGRATING, '{node-3}']"]);
    assert_violates(&ran, "open_slots", "node-1 is as a primary still migrating 5");
}

#[test]
fn a_replica_that_moved_without_everybody_knowing_is_found() {
    let deaf = "node: 1, args: [DEBUG, DROP-CLUSTER-PACKET-FILTER, '-2']";
    let ran = sabotaged(&[deaf, "node: 2, args: [CLUSTER, REPLICATE, '{node-3}']"]);
    assert_violates(
        &ran,
        "roles",
        "node-2 is a replica of node-3 by its own line and a replica of node-1 to node-1",
    );
    assert_violates(&ran, "shard_ids", "in node-1's CLUSTER SHARDS");
    assert_violates(&ran, "links", "node-1 suspects node-2");
}

#[test]
fn an_epoch_that_two_primaries_have_is_found() {
    let deaf = |node: u16| format!("node: {node}, args: [DEBUG, DROP-CLUSTER-PACKET-FILTER, '-2']");
    let bump = |node: u16| format!("node: {node}, args: [CLUSTER, BUMPEPOCH]");
    let steps = [deaf(1), deaf(3), bump(1), bump(3)];
    let ran = sabotaged(&steps.each_ref().map(String::as_str));
    assert_violates(&ran, "config_epochs", "node-1 and node-3 both have config epoch");
}

#[test]
fn a_member_that_lives_and_is_forgotten_is_found() {
    let ran = sabotaged(&["node: 1, args: [CLUSTER, FORGET, '{node-6}']"]);
    assert_violates(&ran, "membership", "node-6 is no member to node-1");
}

#[test]
fn a_primary_that_took_another_history_is_found() {
    let ran = sabotaged(&["node: 1, args: [DEBUG, CHANGE-REPL-ID]"]);
    assert_violates(&ran, "attached_replicas", "node-2 has another replication id than its primary node-1");
}

#[test]
fn keys_in_slots_of_others_are_found() {
    let ran = sabotaged(&["node: 1, args: [DEBUG, POPULATE, '20', stray]"]);
    assert_violates(&ran, "stray_keys", "keys of slots of others");
}
