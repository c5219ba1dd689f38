//! What a server may have, limited to what it has: descriptors and memory.

use crate::support::{Ran, all_servers, assert_holds, assert_logged, assert_violates, plan, run, server};

fn ran(yaml: &str) -> Ran {
    run(&plan(yaml), &server())
}

#[test]
fn a_server_without_descriptors_accepts_nobody_and_opens_nothing_until_the_heal() {
    let yaml = "scenario: {name: descriptors, seed: 1}
operations:
  - {type: command, node: 1, args: [CONFIG, REWRITE], delay: 3}
  - {type: command, node: 1, args: [CONFIG, REWRITE], delay: 5}
chaos:
  - {type: descriptors, node: 1, at: 2, duration: 3}
  - {type: stranger, node: 1, connections: 2, at: 4}
workload: {duration: 12}";
    for server in all_servers() {
        let ran = run(&plan(yaml), &server);
        let expected = [
            "ERR Rewriting config file: Too many open files",
            "Accepting client connection: accept: Too many open files",
            "CONFIG REWRITE executed with success.",
        ];
        assert_logged(&ran, &expected);
        assert_holds(&ran);
    }
    let (one, other) = (ran(yaml), ran(yaml));
    assert_eq!(one.report.meters.log_sha256, other.report.meters.log_sha256);
}

#[test]
fn a_server_that_can_open_no_nodes_conf_ends_by_its_own_rule() {
    let ran = ran("scenario: {name: no-nodes-conf, seed: 1}
operations:
  - {type: command, node: 1, args: [CLUSTER, BUMPEPOCH], delay: 3}
chaos:
  - {type: descriptors, node: 1, at: 2, duration: 3}
workload: {duration: 20}");
    assert_logged(&ran, &["Could not open temp cluster config file: Too many open files"]);
    assert_holds(&ran);
}

/// A client asks node 1 for a value of 3 MB while it has so much more memory, and after the heal.
fn with_spare(kib: u32) -> String {
    format!(
        "scenario: {{name: memory, seed: 1}}
operations:
  - {{type: command, node: 1, args: [SETRANGE, \"{{b}}\", 3000000, x], delay: 4}}
  - {{type: command, node: 1, args: [SETRANGE, \"{{f}}\", 3000000, x], delay: 5}}
chaos:
  - {{type: memory_limit, node: 1, spare_kib: {kib}, at: 3, duration: 4}}
workload: {{duration: 20}}"
    )
}

const PANIC: &str = "Valkey aborting for OUT OF MEMORY. Allocating 30";

#[test]
fn a_server_that_is_refused_memory_panics_at_what_is_too_much_and_its_replica_takes_over() {
    for server in all_servers() {
        let ran = run(&plan(&with_spare(2000)), &server);
        assert_logged(&ran, &[PANIC, "SIGABRT", "2000 KiB more memory"]);
        assert_holds(&ran);
    }
    let (one, other) = (ran(&with_spare(2000)), ran(&with_spare(2000)));
    assert_eq!(one.report.meters.log_sha256, other.report.meters.log_sha256);
}

#[test]
fn a_server_with_memory_to_spare_does_not_notice_the_limit() {
    let ran = ran(&with_spare(4000));
    assert!(!ran.log().contains("OUT OF MEMORY"));
    assert_holds(&ran);
}

#[test]
fn a_server_that_leaks_from_heal_to_heal_is_told() {
    let leak =
        format!("  - {{type: command, node: 1, args: [DEBUG, LEAK, {}], delay: 2}}\n", "x".repeat(60_000));
    let pauses = (1..=10)
        .map(|cycle| format!("  - {{type: process_pause, node: 6, at: {}, duration: 0.3}}\n", cycle * 4));
    let with = |leaks: &str| {
        format!(
            "scenario: {{name: leak, seed: 1}}\noperations:\n{leaks}chaos:\n{}workload: {{duration: 45, rate: 20}}",
            pauses.clone().collect::<String>()
        )
    };
    let leaky = ran(&with(&leak.repeat(20)));
    assert_violates(&leaky, "resources", "node-1 has");
    let calm = with("  - {type: command, node: 1, args: [PING], delay: 2}\n");
    assert_holds(&ran(&calm));
}
