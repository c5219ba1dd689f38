//! The configuration file of a simulated server, which it may rewrite.

use crate::id::CLIENT_PORT;
use crate::plan::ClusterPlan;

/// Where a node keeps what it knows of the cluster.
pub const CLUSTER_FILE: &str = "nodes.conf";

/// Where its configuration stands: the one argument that it is given.
pub const CONFIG_FILE: &str = "valkey.conf";

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

/// What stands in the configuration file of every server of a cluster before the server itself changes it.
pub fn of(cluster: &ClusterPlan) -> String {
    let port = CLIENT_PORT.to_string();
    let node_timeout = cluster.node_timeout_ms.to_string();
    let chosen = [("port", port.as_str()), ("cluster-node-timeout", node_timeout.as_str())];
    let own = cluster.config.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    // Nodes log in at each other as everybody does.
    let login = cluster.password().map(|password| ("masterauth", password));
    let databases = cluster.databases.to_string();
    let databases = (cluster.databases > 1).then_some(("cluster-databases", databases.as_str()));
    let all = chosen.into_iter().chain(FIXED.iter().copied()).chain(databases).chain(login).chain(own);
    all.map(|(name, value)| format!("{name} {}\n", quoted(value))).collect()
}

/// A value as one word of a line (`sdssplitargs` in sds.c).
fn quoted(value: &str) -> String {
    let escaped = value.bytes().map(|byte| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        other => format!("\\x{other:02x}"),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_is_one_word() {
        assert_eq!(quoted(""), "\"\"");
        assert_eq!(quoted("5 10"), "\"5 10\"");
        assert_eq!(quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\x0a\"");
    }

    #[test]
    fn what_a_plan_says_comes_last() {
        let mut cluster = ClusterPlan::of(3, 1);
        cluster.config.insert("save".to_owned(), "5 1".to_owned());
        let text = of(&cluster);
        assert!(text.starts_with("port \"6379\"\n"), "{text}");
        assert!(text.ends_with("save \"5 1\"\n"), "{text}");
    }
}
