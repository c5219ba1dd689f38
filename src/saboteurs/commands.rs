//! Saboteurs who type commands behind everybody's back.

use super::Saboteur;

pub(super) const ALL: &[Saboteur] = &[
    Saboteur {
        name: "keys-deleted-on-a-replica",
        about: "a replica is made writable and flushed",
        catches: &["data_consistency"],
        body: "operations:
  - {type: command, node: 2, args: [CONFIG, SET, replica-read-only, 'no'], delay: 4}
  - {type: command, node: 2, args: [FLUSHALL]}
workload: {duration: 6}",
    },
    Saboteur {
        name: "key-of-a-replica-alone",
        about: "a key is sent to the replica that its primary does not have",
        catches: &["data_consistency"],
        body: "operations:
  - {type: command, node: 1, args: [DEBUG, REPLICATE, SET, extra, x], delay: 8}
workload: {duration: 6}",
    },
    Saboteur {
        name: "flushed",
        about: "a primary is flushed",
        catches: &["data_consistency"],
        body: "operations:
  - {type: command, node: 1, args: [FLUSHALL], delay: 5}
workload: {duration: 6}",
    },
    Saboteur {
        name: "successor-flushed",
        about: "a replica is flushed before it takes over",
        catches: &["data_consistency"],
        body: "operations:
  - {type: command, node: 2, args: [CONFIG, SET, replica-read-only, 'no'], delay: 4}
  - {type: command, node: 2, args: [FLUSHALL]}
  - {type: failover, shard: 1, mode: force}
workload: {duration: 8, keys: 200, rate: 100}",
    },
    Saboteur {
        name: "value-of-nobody",
        about: "a replica gets a value that no client wrote, and takes over",
        catches: &["reads"],
        body: "operations:
  - {type: command, node: 3, args: [DEBUG, REPLICATE, SET, 'key:1', junk], delay: 2}
  - {type: failover, shard: 2, mode: takeover, timing: immediate}
workload: {duration: 6, keys: 10, pattern: read_heavy, rate: 200}",
    },
    Saboteur {
        name: "slot-half-moved",
        about: "a slot is left migrating",
        catches: &["open_slots", "views_agree"],
        body: "operations:
  - {type: command, node: 1, args: [CLUSTER, SETSLOT, 5, MIGRATING, '{node-3}'], delay: 4}
workload: {duration: 5}",
    },
    Saboteur {
        name: "replica-locked-out",
        about: "a primary lets its replica copy nothing any more",
        catches: &["replica_sync"],
        body: "operations:
  - {type: command, node: 1, args: [ACL, SETUSER, default, -psync, -sync], delay: 4}
  - {type: command, node: 1, args: [CLIENT, KILL, TYPE, replica], delay: 0.5}
workload: {duration: 6}",
    },
    Saboteur {
        name: "slot-without-owner",
        about: "a slot is taken from its owner",
        catches: &["slot_coverage", "views_agree", "convergence_time"],
        body: "operations:
  - {type: command, node: 1, args: [CLUSTER, DELSLOTS, 0], delay: 4}
workload: {duration: 6}",
    },
    Saboteur {
        name: "slot-with-two-owners",
        about: "a slot is given to a second owner of whom the first does not hear",
        catches: &["single_owner"],
        body: "operations:
  - {type: command, node: 1, args: [DEBUG, DROP-CLUSTER-PACKET-FILTER, -2], delay: 4}
  - {type: command, node: 3, args: [CLUSTER, DELSLOTS, 0]}
  - {type: command, node: 3, args: [CLUSTER, ADDSLOTS, 0]}
workload: {duration: 6}",
    },
    Saboteur {
        name: "replica-moved-secretly",
        about: "a replica is moved, and its old primary does not hear of it",
        catches: &["roles", "shard_ids", "links"],
        body: "operations:
  - {type: command, node: 1, args: [DEBUG, DROP-CLUSTER-PACKET-FILTER, '-2'], delay: 1}
  - {type: command, node: 2, args: [CLUSTER, REPLICATE, '{node-3}'], delay: 1}
workload: {duration: 6}
validation: {max_convergence_time: 5}",
    },
    Saboteur {
        name: "epoch-of-two",
        about: "two primaries that do not hear each other take the same epoch",
        catches: &["config_epochs"],
        body: "operations:
  - {type: command, node: 1, args: [DEBUG, DROP-CLUSTER-PACKET-FILTER, '-2'], delay: 1}
  - {type: command, node: 3, args: [DEBUG, DROP-CLUSTER-PACKET-FILTER, '-2'], delay: 1}
  - {type: command, node: 1, args: [CLUSTER, BUMPEPOCH], delay: 1}
  - {type: command, node: 3, args: [CLUSTER, BUMPEPOCH], delay: 1}
workload: {duration: 6}
validation: {max_convergence_time: 5}",
    },
    Saboteur {
        name: "member-forgotten",
        about: "a live member is forgotten by one",
        catches: &["membership"],
        body: "operations:
  - {type: command, node: 1, args: [CLUSTER, FORGET, '{node-6}'], delay: 1}
workload: {duration: 6}
validation: {max_convergence_time: 5}",
    },
    Saboteur {
        name: "another-history",
        about: "a primary takes another replication id",
        catches: &["attached_replicas"],
        body: "operations:
  - {type: command, node: 1, args: [DEBUG, CHANGE-REPL-ID], delay: 1}
workload: {duration: 6}
validation: {max_convergence_time: 5}",
    },
    Saboteur {
        name: "stray-keys",
        about: "a primary is filled with keys of slots of others",
        catches: &["stray_keys"],
        body: "operations:
  - {type: command, node: 1, args: [DEBUG, POPULATE, '20', stray], delay: 1}
workload: {duration: 6}
validation: {max_convergence_time: 5}",
    },
    Saboteur {
        name: "password-taken-away",
        about: "a node wants no password any more, and a stranger asks it",
        catches: &["security"],
        body: "cluster: {node_timeout_ms: 2000, formation: preset, config: {requirepass: secret}}
operations:
  - {type: command, node: 1, args: [CONFIG, SET, requirepass, ''], delay: 2}
chaos:
  - {type: stranger, says: commands, node: 1, coordination: after_operation, operation: 1, duration: 2}
workload: {duration: 6}",
    },
    Saboteur {
        name: "guest-that-fails",
        about: "a guest ends otherwise than it is to",
        catches: &["guests"],
        body: "guests:
  - {name: failing, run: [sh, -c, 'exit 3'], at: 1, expect: {exit: 0}}
workload: {duration: 4}",
    },
    Saboteur {
        name: "crash",
        about: "a server is made to crash",
        catches: &["no_crash"],
        body: "operations:
  - {type: command, node: 1, args: [DEBUG, SEGFAULT], delay: 2}
workload: {duration: 5}",
    },
    Saboteur {
        name: "assertion",
        about: "an assertion of a server fails",
        catches: &["no_crash"],
        body: "operations:
  - {type: command, node: 4, args: [DEBUG, ASSERT], delay: 2}
workload: {duration: 5}",
    },
    Saboteur {
        name: "endless-script",
        about: "a script never ends",
        catches: &["no_livelock"],
        body: "operations:
  - {type: command, node: 1, args: [EVAL, 'while true do end', 0], delay: 2}
workload: {duration: 5}",
    },
    Saboteur {
        name: "mutex-stays-locked",
        about: "a thread does not unlock what it has locked",
        catches: &["no_deadlock"],
        body: "cluster: {node_timeout_ms: 2000, config: {appendonly: 'yes', appendfsync: everysec}}
chaos:
  - {type: sabotage, lie: unlock_left_out, node: 1, at: 2}
workload: {duration: 5}",
    },
    Saboteur {
        name: "slow-convergence",
        about: "a cluster needs longer to agree than its plan allows",
        catches: &["convergence_time"],
        body: "chaos:
  - {type: process_kill, target: node, node: 1, at: 3}
workload: {duration: 6}
validation: {max_convergence_time: 0.5}",
    },
    Saboteur {
        name: "late-replica",
        about: "a replica lags more than its plan allows",
        catches: &["replication_lag"],
        body: "network: {latency_ms: {min: 400, max: 400}}
workload: {duration: 10, intensity: high}
validation: {max_replication_lag: 0.05}",
    },
];
