//! How a cluster comes about.

use crate::support::{all_servers, plan, run};

/// Nodes that start with the configuration of a formed cluster find each other by it, and nobody introduces them.
#[test]
fn a_preset_cluster_is_formed_without_a_word() {
    let yaml = "
scenario: {name: preset, seed: 1}
cluster: {shards: 3, replicas: 1, formation: preset}
operations: [{type: failover, target: primary, shard: 1, delay: 3}]
workload: {rate: 50, duration: 6}
";
    for server in all_servers() {
        let preset = run(&plan(yaml), &server);
        let wrong: Vec<_> =
            preset.report.validations.iter().filter(|it| it.verdict.name() != "holds").collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", server.version);
        assert!(!preset.log().contains("\"meet\""), "{}: somebody was introduced", server.version);
        let introduced = run(&plan(&yaml.replace(", formation: preset", "")), &server);
        assert!(introduced.log().contains("\"meet\""), "{}: nobody was introduced", server.version);
    }
}

/// More nodes than are started at one instant.
#[test]
fn fifty_nodes_lose_a_primary() {
    let yaml = "
scenario: {name: fifty, seed: 1}
cluster: {shards: 17, replicas: 2, formation: preset, node_timeout_ms: 2000}
chaos: [{type: process_kill, target: node, node: 1, at: 1}]
workload: {rate: 50, duration: 8}
";
    let server = crate::support::server();
    let ran = run(&plan(yaml), &server);
    let wrong: Vec<_> = ran.report.validations.iter().filter(|it| it.verdict.name() != "holds").collect();
    assert!(wrong.is_empty(), "{}: {wrong:?}", server.version);
}
