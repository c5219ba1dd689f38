//! Every invariant is violated once by a real cluster, and held by one that nobody touched.
//!
//! A check that cannot fail proves nothing: each of these clusters really is broken, by commands that a saboteur types.

use valkey_fuzzer::invariant::CATALOGUE;
use valkey_fuzzer::report::Status;

use crate::support::{Ran, assert_violates, plan, run, server};

fn sabotaged(body: &str) -> Ran {
    run(&plan(&format!("scenario: {{name: sabotage, seed: 1}}\n{body}")), &server())
}

#[test]
fn a_cluster_that_nobody_touched_holds_everything() {
    let plan = plan(include_str!("scenarios/quiet.yaml"));
    let ran = run(&plan, &server());
    assert!(matches!(ran.report.status, Status::Passed), "{:?}", ran.report.validations);
    let asked = CATALOGUE.iter().filter(|invariant| (invariant.asked)(&plan.limits)).count();
    assert_eq!(ran.report.validations.len(), asked);
    assert_eq!(ran.unfinished, None);
}

#[test]
fn keys_deleted_on_a_replica_are_found() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 2, args: [CONFIG, SET, replica-read-only, 'no'], delay: 5}
  - {type: command, node: 2, args: [FLUSHALL]}
workload: {duration: 6}",
    );
    assert_violates(&ran, "data_consistency", "node-2 (replica of node-1, shard 1)");
}

#[test]
fn a_key_that_only_a_replica_has_is_found() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 1, args: [DEBUG, REPLICATE, SET, extra, x], delay: 8}
workload: {duration: 6}",
    );
    assert_violates(&ran, "data_consistency", "not on the primary (extra)");
}

#[test]
fn data_flushed_behind_the_clients_back_is_found() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 1, args: [FLUSHALL], delay: 5}
workload: {duration: 6}",
    );
    assert_violates(&ran, "data_consistency", "acknowledged write lost");
}

#[test]
fn a_counter_that_went_back_on_a_replica_is_found_by_the_next_reply() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 2, args: [CONFIG, SET, replica-read-only, 'no'], delay: 6}
  - {type: command, node: 2, args: [FLUSHALL]}
  - {type: failover, shard: 1, mode: force}
workload: {duration: 10, rate: 200, mix: {counters: 1}}",
    );
    assert_violates(&ran, "replies", "was told (integer) 1 by node-2 for INCR");
}

#[test]
fn writes_that_the_new_primary_had_executed_and_does_not_hold_are_lost_without_excuse() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 2, args: [CONFIG, SET, replica-read-only, 'no'], delay: 4}
  - {type: command, node: 2, args: [FLUSHALL]}
  - {type: failover, shard: 1, mode: force}
workload: {duration: 8, keys: 200, rate: 100}",
    );
    assert_violates(&ran, "data_consistency", "but node-2 had it when it took over at");
}

#[test]
fn nine_of_a_hundred_keys_that_cannot_be_read_are_found() {
    // Whichever primary owns the key does it; the others refuse.
    let broken = (0..9).flat_map(|key| {
        [1, 3, 5].map(|node| {
            format!(
                "  - {{type: command, node: {node}, args: [DEL, 'key:{key}']}}
  - {{type: command, node: {node}, args: [LPUSH, 'key:{key}', x]}}\n"
            )
        })
    });
    let ran = sabotaged(&format!(
        "operations:
  - {{type: command, node: 1, args: [PING], delay: 8}}
{}workload: {{duration: 6, keys: 100, pattern: write_heavy}}",
        broken.collect::<String>()
    ));
    assert_violates(&ran, "data_consistency", "key:");
}

#[test]
fn a_value_that_no_client_wrote_is_found() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 3, args: [DEBUG, REPLICATE, SET, 'key:1', junk], delay: 2}
  - {type: failover, shard: 2, mode: takeover, timing: immediate}
workload: {duration: 6, keys: 10, pattern: read_heavy, rate: 200}",
    );
    assert_violates(&ran, "reads", "which nobody wrote");
}

#[test]
fn a_half_migrated_slot_is_found() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 1, args: [CLUSTER, SETSLOT, 5, MIGRATING, '{node-3}'], delay: 5}
workload: {duration: 6}",
    );
    assert_violates(&ran, "views_agree", "open slots");
}

#[test]
fn a_replica_that_may_not_copy_its_primary_any_more_is_found() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 1, args: [ACL, SETUSER, default, -psync, -sync], delay: 5}
  - {type: command, node: 1, args: [CLIENT, KILL, TYPE, replica], delay: 0.5}
workload: {duration: 6}",
    );
    assert_violates(&ran, "replica_sync", "the link of node-2 to node-1 is down");
}

#[test]
fn a_slot_without_owner_and_a_node_in_state_fail_are_found() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 1, args: [CLUSTER, DELSLOTS, 0], delay: 5}
workload: {duration: 6}",
    );
    assert_violates(&ran, "slot_coverage", "Slots 0 unassigned in the view of node-1");
    assert_violates(&ran, "views_agree", "cluster_state is fail on node-1");
    assert_violates(&ran, "convergence_time", "no agreement");
}

#[test]
fn a_slot_with_two_owners_is_found() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 1, args: [DEBUG, DROP-CLUSTER-PACKET-FILTER, -2], delay: 5}
  - {type: command, node: 3, args: [CLUSTER, DELSLOTS, 0]}
  - {type: command, node: 3, args: [CLUSTER, ADDSLOTS, 0]}
workload: {duration: 6}",
    );
    assert_violates(&ran, "single_owner", "are claimed for node-1");
}

#[test]
fn a_crash_is_found() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 1, args: [DEBUG, SEGFAULT], delay: 5}
workload: {duration: 6}",
    );
    assert_violates(&ran, "no_crash", "SIGSEGV");
}

#[test]
fn a_crash_report_has_every_threads_stack_and_is_the_same_each_time() {
    let crash = || {
        let body = "operations:
  - {type: command, node: 1, args: [DEBUG, SEGFAULT], delay: 1}
workload: {duration: 2}";
        sabotaged(body).log()
    };
    let log = crash();
    // As many threads as a server of version 8 or 9 has.
    let is_whole =
        ["4/4", "6/6"].iter().any(|stacks| log.contains(&format!("{stacks} expected stacktraces")));
    assert!(is_whole, "{log}");
    assert_eq!(log, crash());
}

#[test]
fn a_failed_assertion_is_found() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 4, args: [DEBUG, ASSERT], delay: 5}
workload: {duration: 6}",
    );
    assert_violates(&ran, "no_crash", "node-4");
}

#[test]
fn a_server_that_never_blocks_again_is_found() {
    let ran = sabotaged(
        "operations:
  - {type: command, node: 1, args: [EVAL, 'while true do end', 0], delay: 2}
workload: {duration: 6}",
    );
    assert_violates(&ran, "no_livelock", "node-1 never blocked again");
}

#[test]
fn a_convergence_beyond_its_limit_is_found() {
    let ran = sabotaged(
        "chaos:
  - {type: process_kill, target: node, node: 1, at: 5}
workload: {duration: 6}
validation: [{max_convergence_time: 0.5}]",
    );
    assert_violates(&ran, "convergence_time", "beyond 0.5s limit");
}

#[test]
fn a_replica_that_lags_beyond_its_limit_is_found() {
    let ran = sabotaged(
        "network: {latency_ms: {min: 400, max: 400}}
workload: {duration: 10, intensity: high}
validation: [{max_replication_lag: 0.05}]",
    );
    assert_violates(&ran, "replication_lag", "limit");
}
