//! Which server directives a scenario must not set, each with the reason.
//!
//! The run depends on some directives (ports, folders, names of the simulated network), and on others being left
//! alone (threads, authentication); set by a scenario they would break the simulation instead of the cluster.

use super::{Place, Problem};

/// Directives that are refused by their whole name.
const REFUSED: [(&str, &str); 48] = [
    ("port", PORTS),
    ("cluster-port", PORTS),
    ("bind", NETWORK),
    ("bind-source-addr", NETWORK),
    ("protected-mode", NETWORK),
    ("mptcp", NETWORK),
    ("repl-mptcp", NETWORK),
    ("unixsocket", NETWORK),
    ("unixsocketperm", NETWORK),
    ("socket-mark-id", NETWORK),
    ("cluster-enabled", CLUSTER),
    ("replicaof", CLUSTER),
    ("slaveof", CLUSTER),
    ("cluster-node-timeout", "write it as `cluster.node_timeout_ms`"),
    ("cluster-databases", "write it as `cluster.databases`"),
    ("cluster-config-file", FILES),
    ("dir", FILES),
    ("dbfilename", FILES),
    ("appendfilename", FILES),
    ("appenddirname", FILES),
    ("logfile", FILES),
    ("pidfile", FILES),
    ("include", FILES),
    ("syslog-enabled", FILES),
    ("syslog-ident", FILES),
    ("syslog-facility", FILES),
    ("daemonize", PROCESS),
    ("supervised", PROCESS),
    ("set-proc-title", PROCESS),
    ("proc-title-template", PROCESS),
    ("oom-score-adj", PROCESS),
    ("oom-score-adj-values", PROCESS),
    ("watchdog-period", PROCESS),
    ("jemalloc-bg-thread", THREADS),
    ("io-threads-do-reads", THREADS),
    ("io-threads-always-active", THREADS),
    ("server-cpulist", THREADS),
    ("bio-cpulist", THREADS),
    ("aof-rewrite-cpulist", THREADS),
    ("bgsave-cpulist", THREADS),
    ("loadmodule", "modules run threads and read clocks that the simulation does not see"),
    ("masterauth", LOGIN),
    ("masteruser", LOGIN),
    ("primaryauth", LOGIN),
    ("primaryuser", LOGIN),
    ("aclfile", LOGIN),
    ("user", LOGIN),
    ("rename-command", "the fuzzer's own probes need every command under its name"),
];
/// Directives that are refused by how they begin.
const REFUSED_PREFIXES: [(&str, &str); 3] = [
    ("tls-", "the simulation carries no TLS"),
    ("rdma-", "the simulation carries no RDMA"),
    ("cluster-announce-", NETWORK),
];

/// Directives that begin like refused ones and are only names that nodes tell each other.
const FREE: [&str; 2] = ["cluster-announce-hostname", "cluster-announce-human-nodename"];

const PORTS: &str = "every simulated node has the same ports";
const NETWORK: &str = "the addresses of the simulated network are fixed";
const CLUSTER: &str = "the fuzzer forms the cluster itself";
const FILES: &str = "every node has files of its own, which the fuzzer reads";
const PROCESS: &str = "the fuzzer starts, titles and ends the processes itself";
const THREADS: &str = "threads beside the main one would make runs unrepeatable";
const LOGIN: &str = "all log in as the default user, with the password that `requirepass` sets";

/// What is wrong with a directive and its value, if anything is.
pub fn problem(place: &Place, name: &str, value: &str) -> Option<Problem> {
    if let Some(reason) = refusal(name, value) {
        return Some(place.problem(format!("a scenario must not set `{name}`"), reason));
    }
    if !is_name(name) {
        let advice = "directives are lower-case words joined by hyphens";
        return Some(place.problem(format!("`{name}` is no directive"), advice));
    }
    let is_long = value.len() > 1_000 || value.chars().any(char::is_control);
    is_long.then(|| place.problem("this value cannot stand in a configuration", "write one short line"))
}

/// Why a directive must not have this value, if so.
pub fn refusal(name: &str, value: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    if name == "io-threads" {
        return (value.trim() != "1").then_some(THREADS);
    }
    if FREE.contains(&name.as_str()) {
        return None;
    }
    let whole = REFUSED.iter().find(|(refused, _)| name == *refused);
    let begin = || REFUSED_PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix));
    whole.or_else(begin).map(|(_, reason)| *reason)
}

/// Whether this can be a directive's name: letters of the server's configuration file and nothing else.
pub fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=64).contains(&name.len()) && name.chars().all(is_part)
}
