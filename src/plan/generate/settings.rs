//! What generated clusters set otherwise than the servers do: each seed few of it, and half of them nothing.
//!
//! Every directive is one that all versions since 8.0 know and that leaves a cluster sound: what it changes is how a
//! cluster copies, stores, votes and heals.

use std::collections::BTreeMap;

use super::stream;

/// How many seeds in a hundred, of those that set anything, set a directive, and to which of these values.
const SETTINGS: &[(u64, &str, &[&str])] = &[
    (20, "cluster-require-full-coverage", &["no"]),
    (15, "cluster-allow-replica-migration", &["no"]),
    (10, "cluster-migration-barrier", &["0", "2"]),
    (15, "cluster-replica-validity-factor", &["0", "1"]),
    (10, "cluster-allow-reads-when-down", &["yes"]),
    (20, "repl-diskless-sync", &["no"]),
    (20, "repl-diskless-load", &["swapdb", "on-empty-db"]),
    (20, "dual-channel-replication-enabled", &["yes"]),
    (15, "repl-backlog-size", &["16kb"]),
    (15, "repl-ping-replica-period", &["1"]),
    (15, "appendfsync", &["always", "everysec", "no"]),
    (20, "appendonly", &["yes"]),
    (10, "save", &["5 1"]),
    (15, "hz", &["1", "100"]),
    (10, "cluster-slot-stats-enabled", &["yes"]),
    (10, "client-output-buffer-limit", &["replica 256kb 64kb 1"]),
    (6, "cluster-replica-no-failover", &["yes"]),
    (8, "min-replicas-to-write", &["1"]),
    (50, "min-replicas-max-lag", &["1", "3"]),
    (10, "lazyfree-lazy-server-del", &["no"]),
];

/// What makes sense only where this is set: how old a replica's last word may be, where writes need replicas.
const ONLY_WITH: (&str, &str) = ("min-replicas-max-lag", "min-replicas-to-write");

/// The directives of a seed with their values, for a cluster with or without replicas.
pub(super) fn settings(seed: u64, has_replicas: bool) -> BTreeMap<String, String> {
    if stream(seed, "settings").chance(1, 2) {
        return BTreeMap::new();
    }
    let drawn = SETTINGS.iter().filter_map(|(share, name, values)| {
        let mut stream = stream(seed, name);
        let value = stream.pick(values)?;
        stream.chance(*share, 100).then(|| ((*name).to_owned(), (*value).to_owned()))
    });
    let mut drawn: BTreeMap<String, String> = drawn.collect();
    let (detail, whole) = ONLY_WITH;
    if !has_replicas {
        drawn.remove(whole);
    }
    if !drawn.contains_key(whole) {
        drawn.remove(detail);
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_need_replicas_in_a_few_seeds_with_replicas() {
        let needs = |seed: &u64, has: bool| settings(*seed, has).contains_key(ONLY_WITH.1);
        let count = (0..1_000).filter(|seed| needs(seed, true)).count();
        assert!((20..80).contains(&count), "{count}");
        assert!(!(0..1_000).any(|seed| needs(&seed, false)));
        assert!((0..1_000).all(|seed| needs(&seed, true) || !settings(seed, true).contains_key(ONLY_WITH.0)));
    }
}
