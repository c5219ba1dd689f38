//! Saboteurs of data: commands that are not done, done twice or done to something else, with answers that look right.

use super::Saboteur;

pub(super) const ALL: &[Saboteur] = &[
    Saboteur {
        name: "lost-write-seldom",
        about: "one write in 300 is acknowledged and not done",
        catches: &["data_consistency"],
        body: "chaos:
  - {type: sabotage, lie: lost_seldom, node: 1, at: 1}
workload: {duration: 8, rate: 500, keys: 20000, pattern: write_heavy}",
    },
    Saboteur {
        name: "increment-twice-seldom",
        about: "one increment in 300 counts twice",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: twice_seldom, node: 1, at: 1}
workload: {duration: 12, rate: 1500, clients: 12, mix: {counters: 1}}",
    },
    Saboteur {
        name: "element-twice",
        about: "an element is pushed twice",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: push_twice, node: 1, at: 1}
workload: {duration: 5, rate: 100, mix: {lists: 1}}",
    },
    Saboteur {
        name: "pop-keeps",
        about: "what is popped stays where it is",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: pop_keeps, node: 1, at: 1}
workload: {duration: 5, rate: 100, mix: {lists: 1}}",
    },
    Saboteur {
        name: "del-keeps",
        about: "a deletion is acknowledged and not done",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: del_keeps, node: 1, at: 1}
workload: {duration: 5, rate: 200, mix: {keys: 1}}",
    },
    Saboteur {
        name: "value-of-another-key",
        about: "a key is read and another one's value told",
        catches: &["reads", "replies"],
        body: "chaos:
  - {type: sabotage, lie: other_value, node: 1, at: 1}
workload: {duration: 5, rate: 100, keys: 20}",
    },
    Saboteur {
        name: "nx-overwrites",
        about: "a key is set that must not be there, and is",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: nx_overwrites, node: 1, at: 1}
workload: {duration: 6, rate: 200, mix: {strings: 1}}",
    },
    Saboteur {
        name: "never-expires",
        about: "a key that is to expire does not",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: never_expires, node: 1, at: 1}
workload: {duration: 8, rate: 200, mix: {expiry: 1}}",
    },
    Saboteur {
        name: "expires-early",
        about: "a key that is to expire is gone at once",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: expires_early, node: 1, at: 1}
workload: {duration: 6, rate: 200, mix: {expiry: 1}}",
    },
    Saboteur {
        name: "exec-half",
        about: "a transaction happens but for one of its writes",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: exec_half, node: 1, at: 1}
workload: {duration: 8, rate: 200, mix: {transactions: 1}}",
    },
    Saboteur {
        name: "watch-blind",
        about: "a transaction happens though what was watched has changed",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: watch_blind, node: 1, at: 1}
workload: {duration: 10, rate: 400, clients: 8, mix: {transactions: 1}}",
    },
    Saboteur {
        name: "script-half",
        about: "a script reads and does not write",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: script_half, node: 1, at: 1}
workload: {duration: 6, rate: 200, mix: {scripts: 1}}",
    },
    Saboteur {
        name: "scan-less",
        about: "SCAN leaves out keys that are there all along",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: scan_less, node: 1, at: 1}
workload: {duration: 6, rate: 200, mix: {scans: 1}}",
    },
    Saboteur {
        name: "blocked-and-forgotten",
        about: "a client that waits at a list is not served though somebody pushes",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: pop_forgets, node: 1, at: 1}
workload: {duration: 8, rate: 200, clients: 8, mix: {blocking: 1}}",
    },
    Saboteur {
        name: "reader-writes",
        about: "a user who may only read writes",
        catches: &["replies"],
        body: "chaos:
  - {type: sabotage, lie: reader_writes, node: 1, at: 1}
workload: {duration: 6, rate: 100, mix: {users: 1}}",
    },
    Saboteur {
        name: "wait-for-nobody",
        about: "WAIT counts a replica that is cut off",
        catches: &["promises"],
        body: "chaos:
  - {type: sabotage, lie: wait_more, node: 1, at: 1}
  - {type: network_partition, a: [1], b: [2], at: 3, duration: 4}
workload: {duration: 8, rate: 100, mix: {promises: 1}}",
    },
    Saboteur {
        name: "del-untold",
        about: "a primary keeps deletions from its replica",
        catches: &["data_consistency"],
        body: "chaos:
  - {type: sabotage, lie: del_untold, node: 1, at: 1}
workload: {duration: 6, rate: 200, mix: {scans: 1, keys: 1}}",
    },
    Saboteur {
        name: "select-untold",
        about: "a primary has its replica write into another database",
        catches: &["data_consistency"],
        body: "cluster: {node_timeout_ms: 2000, formation: preset, databases: 2}
chaos:
  - {type: sabotage, lie: select_untold, node: 1, at: 1}
workload: {duration: 5, rate: 200}",
    },
    Saboteur {
        name: "select-keeps",
        about: "a client that selects a database stays where it was",
        catches: &["data_consistency", "reads"],
        body: "cluster: {node_timeout_ms: 2000, formation: preset, databases: 2}
chaos:
  - {type: sabotage, lie: select_keeps, node: 1, at: 1}
workload: {duration: 5, rate: 200, keys: 50}",
    },
    Saboteur {
        name: "expiry-untold",
        about: "a primary tells its replica of deadlines that are too late",
        catches: &["stray_keys"],
        body: "chaos:
  - {type: sabotage, lie: expiry_untold, node: 1, at: 1}
workload: {duration: 6, rate: 200, mix: {expiry: 1}}",
    },
];
