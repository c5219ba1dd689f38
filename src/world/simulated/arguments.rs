//! The command line of a simulated server.

use crate::id::CLIENT_PORT;
use crate::plan::ClusterPlan;

/// Where a node keeps what it knows of the cluster.
pub const CLUSTER_FILE: &str = "nodes.conf";

/// What every server is given. The plan's own directives come later and so win over these.
const FIXED: &[(&str, &str)] = &[
    ("cluster-enabled", "yes"),
    ("cluster-config-file", CLUSTER_FILE),
    // There is no IPv6 in the simulated network.
    ("bind", "*"),
    ("protected-mode", "no"),
    ("daemonize", "no"),
    ("save", ""),
    ("appendonly", "no"),
    ("enable-debug-command", "yes"),
    ("crash-memcheck-enabled", "no"),
    // It would create its thread past the shim.
    ("jemalloc-bg-thread", "no"),
    // A full synchronisation need not wait for replicas that do not exist yet.
    ("repl-diskless-sync-delay", "0"),
];

/// The arguments of every server of a cluster.
pub fn of(cluster: &ClusterPlan) -> Vec<String> {
    let port = CLIENT_PORT.to_string();
    let node_timeout = cluster.node_timeout_ms.to_string();
    let chosen = [("port", port.as_str()), ("cluster-node-timeout", node_timeout.as_str())];
    let own = cluster.config.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let all = chosen.into_iter().chain(FIXED.iter().copied()).chain(own);
    all.flat_map(|(name, value)| [format!("--{name}"), value.to_owned()]).collect()
}
