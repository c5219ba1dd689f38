//! Saboteurs between a primary and its replicas.

use super::Saboteur;

pub(super) const ALL: &[Saboteur] = &[
    Saboteur {
        name: "swallow-write",
        about: "a primary keeps a write from its replica",
        catches: &["data_consistency"],
        body: "chaos:
  - {type: sabotage, lie: swallow_stream, node: 1, at: 2}
workload: {duration: 6, keys: 5000, pattern: write_heavy}",
    },
    Saboteur {
        name: "repeat-write",
        about: "a primary sends one of its replicas a write twice",
        catches: &["replication_stream"],
        body: "cluster: {replicas: 2, node_timeout_ms: 2000, formation: preset}
chaos:
  - {type: sabotage, lie: repeat_stream, node: 1, at: 2}
workload: {duration: 6, keys: 5000, pattern: write_heavy}",
    },
    Saboteur {
        name: "alter-write",
        about: "a primary sends its replica a write with another value",
        catches: &["data_consistency"],
        body: "chaos:
  - {type: sabotage, lie: alter_stream, node: 1, at: 2}
workload: {duration: 6, keys: 5000, pattern: write_heavy}",
    },
    Saboteur {
        name: "acknowledge-more",
        about: "a replica acknowledges more than reached it",
        catches: &["replication_stream"],
        body: "chaos:
  - {type: sabotage, lie: ack_more, node: 2, at: 1}
workload: {duration: 8}",
    },
    Saboteur {
        name: "acknowledge-less",
        about: "a replica acknowledges less than before",
        catches: &["replication_stream"],
        body: "chaos:
  - {type: sabotage, lie: ack_back, node: 2, at: 1}
workload: {duration: 8}",
    },
];
