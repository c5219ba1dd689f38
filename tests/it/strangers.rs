//! Strangers at the ports of real servers, and servers that are short of memory or of room for their replicas.

use valkey_fuzzer::event::{Body, Event};
use valkey_fuzzer::event_log;
use valkey_fuzzer::servers::Server;

use crate::support::{Ran, all_servers, plan, run, server};

/// A run in which nothing is violated.
fn sound(yaml: &str, server: &Server) -> Ran {
    let ran = run(&plan(yaml), server);
    let violated = ran.report.validations.iter().filter(|v| v.verdict.name() == "violated");
    let violated: Vec<_> = violated.map(|v| (v.name, v.verdict.detail())).collect();
    assert!(violated.is_empty(), "{} {}: {violated:?}", server.name, server.version);
    ran
}

/// What strangers were answered: whether at the port of the bus, and how it begins.
fn answers(ran: &Ran) -> Vec<(bool, String)> {
    let events = event_log::open(ran.folder.path()).expect("a log").map(|event| event.expect("good"));
    let got = |event: Event| match event.body {
        Body::StrangerGot { bus, text, .. } => Some((bus, text)),
        _ => None,
    };
    events.filter_map(got).collect()
}

fn visited(chaos: &str) -> String {
    format!(
        "scenario: {{name: strangers, seed: 8}}\ncluster: {{node_timeout_ms: 2000, formation: preset}}\nchaos:\n{chaos}\n\
         workload: {{duration: 8}}\n"
    )
}

#[test]
fn no_server_ends_by_what_strangers_say() {
    let says = [("client", "junk"), ("client", "truncated"), ("client", "lying"), ("client", "commands")];
    let bus = [("bus", "junk"), ("bus", "truncated"), ("bus", "lying")];
    let chaos: Vec<String> = says.iter().chain(&bus).map(|(port, says)| {
        format!("  - {{type: stranger, port: {port}, says: {says}, node: 1, connections: 200, at: 1, duration: 6}}")
    }).collect();
    for server in all_servers() {
        let answers = answers(&sound(&visited(&chaos.join("\n")), &server));
        let has =
            |bus: bool, begin: &str| answers.iter().any(|(on, text)| *on == bus && text.starts_with(begin));
        assert!(has(false, "-ERR Protocol error"), "{}: no lie was seen through", server.version);
        assert!(has(false, "PONG") && has(true, "RCmb"), "{}: nobody answered", server.version);
    }
}

#[test]
fn with_a_password_strangers_get_nothing_while_a_replica_takes_over() {
    for server in all_servers() {
        let ran = sound(include_str!("../../scenarios/strangers-at-a-failover.yaml"), &server);
        assert!(ran.log().contains("Failover election won"), "{}", server.version);
        let refused = answers(&ran).iter().filter(|(_, text)| text.starts_with("-NOAUTH")).count();
        assert!(refused > 50, "{}: {refused}", server.version);
        let verdict = &ran.validation("security").verdict;
        assert!(verdict.detail().ends_with("all of them errors"), "{}", verdict.detail());
    }
}

#[test]
fn connections_run_out_and_are_there_again() {
    let ran = sound(include_str!("../../scenarios/connections-run-out.yaml"), &server());
    assert!(ran.log().contains("-ERR max number of clients"));
}

#[test]
fn a_server_that_is_short_of_memory_refuses_writes_or_evicts() {
    let starved = |policy: &str| {
        visited(&format!("  - {{type: starved, policy: {policy}, node: 1, at: 2, duration: 4}}"))
    };
    for server in all_servers() {
        let ran = sound(&starved("noeviction"), &server);
        assert!(ran.log().contains("OOM command not allowed"), "{}", server.version);
        assert!(ran.log().contains("node-1's settings are what they were"));
    }
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-ttl"] {
        let ran = sound(&starved(policy), &server());
        let verdict = &ran.validation("replies").verdict;
        assert!(verdict.detail().contains("servers evict keys"), "{policy}: {}", verdict.detail());
    }
}

#[test]
fn a_replica_is_dropped_whose_room_at_its_primary_is_too_small() {
    let yaml = "scenario: {name: buffers, seed: 8}
cluster: {node_timeout_ms: 5000, formation: preset}
chaos:
  - {type: starved, of: replication, node: 1, at: 1, duration: 12}
  - {type: network_partition, a: [2], b: [1], channels: [replication], at: 2, duration: 8}
workload: {duration: 14, rate: 60, value_bytes: 10000, pattern: write_heavy}";
    let ran = sound(yaml, &server());
    assert!(ran.log().contains("for overcoming of output buffer limits"));
}
