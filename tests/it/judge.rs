//! The judge on real clusters: what a plan does itself is not held against a server, and what a server does is.

use valkey_fuzzer::cli;
use valkey_fuzzer::commands::servers::find_server;
use valkey_fuzzer::report::Status;
use valkey_fuzzer::servers::Server;

use crate::support::{Ran, plan, run, server};

fn version(version: &str) -> Server {
    find_server(Some(version.to_owned()), &cli::environment()).expect("the server is found or fetched")
}

fn ran_on(server: &Server, body: &str) -> Ran {
    let cluster = if body.contains("cluster:") { "" } else { "cluster: {node_timeout_ms: 2000}\n" };
    run(&plan(&format!("scenario: {{name: judge, seed: 6}}\n{cluster}{body}")), server)
}

fn ran(body: &str) -> Ran {
    ran_on(&server(), body)
}

fn assert_passes(ran: &Ran, why: &str) {
    assert_eq!(ran.report.status, Status::Passed, "{why}: {:#?}", ran.report.validations);
}

fn assert_violates(ran: &Ran, invariant: &str, why: &str) {
    let verdict = &ran.validation(invariant).verdict;
    assert!(verdict.is_violated() && verdict.detail().contains(why), "{invariant}: {}", verdict.detail());
}

/// A shard is handed over, and again after a while; there is no fault at all.
fn handed_over_twice(server: &Server, shard: u16, pause: &str) -> Ran {
    ran_on(
        server,
        &format!(
            "cluster: {{node_timeout_ms: 5000}}
operations:
  - {{type: failover, shard: {shard}, timing: delayed, delay: 3}}
  - {{type: failover, shard: {shard}, timing: delayed, delay: {pause}}}
workload: {{duration: 8}}"
        ),
    )
}

#[test]
fn a_second_hand_over_that_a_server_drops_is_a_violation() {
    let (old, new) = (version("8.0.1"), version("8.1.8"));
    for shard in [1, 2, 3] {
        let ran = handed_over_twice(&old, shard, "0");
        assert_violates(&ran, "operations", "within 25 s, and nothing excuses it");
    }
    assert_passes(&handed_over_twice(&old, 1, "9"), "the replica is known by then");
    assert_passes(&handed_over_twice(&new, 1, "0"), "the replica is known at once");
}

#[test]
fn a_takeover_by_shard_in_a_split_takes_the_other_sides_replica() {
    let ran = ran_on(
        &version("8.0.1"),
        "operations:
  - {type: failover, shard: 1, mode: takeover, timing: delayed, delay: 8}
  - {type: failover, shard: 2, mode: takeover, timing: immediate}
chaos:
  - {type: network_partition, a: [1, 3, 5], b: [2, 4, 6, clients], at: 4, duration: 8}
workload: {duration: 16}",
    );
    assert_passes(&ran, "both were taken over");
    assert!(ran.validation("operations").verdict.detail().starts_with("2 of 2 done"));
}

#[test]
fn what_the_plan_writes_itself_is_no_find() {
    for args in [
        "[SET, k27, seed]",
        "[EVAL, \"for n=1,50 do redis.call('SET','{k27}tmp:'..n,'x') end return 1\", 0]",
        "[EVAL, \"for n=1,50 do redis.call('SET','{k27}tmp:'..n,'x','EX',3+n%4) end return 1\", 0]",
        "[EVAL, \"redis.call('RPUSH','{k27}list','a','b') return 1\", 0]",
    ] {
        let body = format!(
            "operations:
  - {{type: command, node: 1, args: {args}, delay: 2}}
  - {{type: failover, shard: 1, timing: delayed, delay: 2}}
workload: {{duration: 6}}"
        );
        assert_passes(&ran(&body), args);
    }
}

#[test]
fn an_operators_shutdown_is_no_crash() {
    for args in ["[SHUTDOWN, NOSAVE]", "[shutdown]"] {
        let body = format!(
            "operations:\n  - {{type: command, node: 1, args: {args}, delay: 3}}\nworkload: {{duration: 8}}"
        );
        let ran = ran(&body);
        assert_passes(&ran, args);
        assert!(ran.validation("operations").verdict.detail().starts_with("1 of 1 done"));
    }
}

#[test]
fn a_flush_before_a_restart_is_a_loss_where_the_log_says_that_data_was_loaded() {
    for config in ["save: '3600 1'", "appendonly: 'YES'"] {
        let body = format!(
            "cluster: {{node_timeout_ms: 5000, config: {{{config}}}}}
operations:
  - {{type: command, node: 1, args: [FLUSHALL], delay: 4}}
chaos:
  - {{type: process_kill, signal: SIGTERM, target: node, node: 1, at: 6, restart_after: 0.5}}
workload: {{pattern: write_heavy, rate: 200, keys: 400, duration: 8}}"
        );
        assert_violates(&ran(&body), "data_consistency", "FLUSHALL to node-1 destroyed it");
    }
}

#[test]
fn a_restart_that_loads_nothing_excuses_what_it_lost() {
    let ran = ran("cluster: {node_timeout_ms: 5000, config: {save: ''}}
chaos:
  - {type: process_kill, signal: SIGTERM, target: node, node: 1, at: 5, restart_after: 0.5}
workload: {pattern: write_heavy, rate: 200, keys: 400, duration: 8}");
    let verdict = &ran.validation("data_consistency").verdict;
    assert!(verdict.detail().contains("without its data") && !verdict.is_violated(), "{}", verdict.detail());
}

#[test]
fn a_cache_may_evict() {
    let ran =
        ran("cluster: {node_timeout_ms: 2000, config: {maxmemory: '3500000', maxmemory-policy: ALLKEYS-LRU}}
workload: {pattern: write_heavy, rate: 600, keys: 3000, value_bytes: 1000, duration: 8}");
    let verdict = &ran.validation("data_consistency").verdict;
    assert!(!verdict.is_violated(), "{}", verdict.detail());
}

#[test]
fn a_slot_that_was_moved_in_order_belongs_to_its_new_shard() {
    let ran = ran("operations:
  - {type: command, node: 3, args: [CLUSTER, SETSLOT, '3801', IMPORTING, '{node-1}'], delay: 3}
  - {type: command, node: 1, args: [CLUSTER, SETSLOT, '3801', MIGRATING, '{node-3}']}
  - {type: command, node: 1, args: [MIGRATE, 10.0.0.3, '6379', '', '0', '2000', KEYS, k27]}
  - {type: command, node: 3, args: [CLUSTER, SETSLOT, '3801', NODE, '{node-3}']}
  - {type: command, node: 1, args: [CLUSTER, SETSLOT, '3801', NODE, '{node-3}']}
  - {type: command, node: 5, args: [CLUSTER, SETSLOT, '3801', NODE, '{node-3}']}
  - {type: failover, shard: 2, timing: delayed, delay: 3}
workload:
  commands:
    - {client: 1, at: 1, set: k27}
    - {client: 1, at: 5, set: k27}
    - {client: 1, at: 8, get: k27}
    - {client: 1, at: 9, set: k27}
  duration: 12");
    assert_passes(&ran, "the slot was moved by the documented steps");
}

#[test]
fn a_function_library_that_only_one_of_a_shard_has_is_found() {
    let ran = ran("cluster: {node_timeout_ms: 2000, config: {replica-read-only: 'no'}}
operations:
  - {type: command, node: 1, args: [FUNCTION, LOAD, \"#!lua name=lib1\\nserver.register_function('f1', function(k,a) return 1 end)\"], delay: 2}
  - {type: command, node: 2, args: [FUNCTION, FLUSH], delay: 1}
workload: {duration: 5}");
    assert_violates(&ran, "data_consistency", "function library lib1 missing on node-2");
}

#[test]
fn a_silence_of_writers_is_told_and_judged_where_a_limit_is_set() {
    let body = "operations:
  - {type: command, node: 1, args: [CLIENT, PAUSE, '6000', WRITE], delay: 3}
workload: {pattern: write_heavy, rate: 300, clients: 60, keys: 300, duration: 12}";
    let free = ran(body);
    assert_passes(&free, "nobody asked for a limit");
    let gap = free.report.workload.expect("clients worked").write_gap.expect("they wrote");
    assert!(gap.shard == 1 && gap.seconds > 5.0, "{gap:?}");
    let limited = ran(&format!("{body}\nvalidation: {{max_write_gap: 3, min_success_rate: 10}}"));
    assert_violates(&limited, "availability", "no write to shard 1 was acknowledged for");
}

#[test]
fn a_plan_says_what_its_commands_are_to_be_answered() {
    let wanted = ran("operations:
  - {type: command, node: 1, args: [PING], expect: PONG, delay: 1}
  - {type: command, node: 1, args: [NONSENSE], expect: error}
  - {type: command, node: 1, args: [NONSENSE], expect: ERR unknown command}
  - {type: command, node: 1, args: [NONSENSE]}
workload: {duration: 3}");
    assert_passes(&wanted, "all answers are as the plan wants, or the plan wants nothing");
    let unwanted = ran("operations: [{type: command, node: 1, args: [NONSENSE], expect: ok, delay: 1}]");
    assert_violates(&unwanted, "operations", "the plan wants ok");
}

#[test]
fn resyncs_of_a_restarted_replica_are_counted() {
    let ran = ran("chaos:
  - {type: process_kill, signal: SIGTERM, target: replica, shard: 1, at: 3, restart_after: 1}
workload: {pattern: write_heavy, rate: 100, duration: 8}");
    let counts = ran.report.replication.values().next().expect("a replica synchronised again");
    assert_eq!(counts.full + counts.partial, 1, "{counts:?}");
}
