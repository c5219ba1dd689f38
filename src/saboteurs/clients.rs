//! Saboteurs towards clients, and towards whoever reads the cluster out in the end.

use super::Saboteur;

pub(super) const ALL: &[Saboteur] = &[
    Saboteur {
        name: "invalidation-lost",
        about: "a primary does not tell clients that what they have read has changed",
        catches: &["tracking"],
        body: "chaos:
  - {type: sabotage, lie: invalidation_lost, node: 1, at: 1}
workload: {duration: 6, rate: 200, reconnect: 20, mix: {tracking: 1}}",
    },
    Saboteur {
        name: "invalidation-for-another",
        about: "a primary tells clients that another key has changed than the one that has",
        catches: &["tracking"],
        body: "chaos:
  - {type: sabotage, lie: invalidation_other, node: 1, at: 1}
workload: {duration: 6, rate: 200, mix: {tracking: 1}}",
    },
    Saboteur {
        name: "lost-write",
        about: "a primary acknowledges writes and does not do them",
        catches: &["data_consistency"],
        body: "chaos:
  - {type: sabotage, lie: lost_write, node: 1, at: 2}
workload: {duration: 6, keys: 5000, pattern: write_heavy}",
    },
    Saboteur {
        name: "ok-for-a-refused-write",
        about: "a replica answers OK to writes that it must refuse",
        catches: &["isolation"],
        body: "chaos:
  - {type: sabotage, lie: lost_write, node: 1, at: 1}
operations:
  - {type: failover, shard: 1, delay: 3}
workload: {duration: 9, pattern: write_heavy, rate: 100}",
    },
    Saboteur {
        name: "ok-while-cut-off",
        about: "a primary that no other primary reaches answers OK to writes for ever",
        catches: &["isolation"],
        body: "chaos:
  - {type: sabotage, lie: lost_write, node: 1, at: 1}
  - {type: network_partition, a: [1], b: [2, 3, 4, 5, 6], at: 2, duration: 14}
workload:
  commands:
    - {client: 1, at: 1, set: k27}
    - {client: 1, at: 11, set: k27}
    - {client: 1, at: 12, set: k27}
    - {client: 1, at: 13, set: k27}",
    },
    Saboteur {
        name: "stale-read",
        about: "a primary answers reads with the first value of a key",
        catches: &["reads", "replies"],
        body: "chaos:
  - {type: sabotage, lie: stale_read, node: 1, at: 0.5}
workload: {duration: 8, keys: 10, rate: 100}",
    },
    Saboteur {
        name: "lost-read",
        about: "a primary answers reads as if there were nothing",
        catches: &["reads"],
        body: "chaos:
  - {type: sabotage, lie: nil_read, node: 1, at: 2}
workload: {duration: 8, keys: 10, rate: 100}",
    },
    Saboteur {
        name: "junk-read",
        about: "a primary answers reads with what nobody wrote",
        catches: &["reads", "replies"],
        body: "chaos:
  - {type: sabotage, lie: junk_read, node: 1, at: 2}
workload: {duration: 6, keys: 10, rate: 100}",
    },
    Saboteur {
        name: "moved-in-a-circle",
        about: "a primary sends clients back to itself",
        catches: &["answers", "availability"],
        body: "chaos:
  - {type: sabotage, lie: wrong_moved, node: 1, about: 1, at: 2}
workload: {duration: 10, rate: 50}
validation: {min_success_rate: 95}",
    },
    Saboteur {
        name: "cluster-size",
        about: "CLUSTER INFO has a shard less than CLUSTER NODES",
        catches: &["one_story"],
        body: "chaos:
  - {type: sabotage, lie: size_lie, node: 1, at: 1}
workload: {duration: 4}",
    },
    Saboteur {
        name: "slots-as-before",
        about: "CLUSTER SLOTS has another range than CLUSTER NODES",
        catches: &["one_story"],
        body: "chaos:
  - {type: sabotage, lie: slots_lie, node: 1, at: 1}
workload: {duration: 4}",
    },
    Saboteur {
        name: "another-id",
        about: "CLUSTER MYID is not the id of the node's own line",
        catches: &["one_story"],
        body: "chaos:
  - {type: sabotage, lie: id_lie, node: 1, at: 1}
workload: {duration: 4}",
    },
    Saboteur {
        name: "clients-kept",
        about: "a node counts clients that are gone",
        catches: &["resources"],
        body: "chaos:
  - {type: sabotage, lie: clients_lie, node: 1, at: 1}
workload: {duration: 4}",
    },
    Saboteur {
        name: "not-saved",
        about: "what CLUSTER NODES says never came into nodes.conf",
        catches: &["persistence", "cluster_state"],
        body: "chaos:
  - {type: sabotage, lie: nodes_lie, node: 1, at: 1}
workload: {duration: 4}",
    },
    Saboteur {
        name: "fail-never-undone",
        about: "a primary holds a replica for failed that it hears",
        catches: &["fail_undone"],
        body: "chaos:
  - {type: sabotage, lie: fail_kept, node: 1, at: 1}
workload: {duration: 14}",
    },
    Saboteur {
        name: "moved-to-the-wrong-node",
        about: "a primary sends clients to one that never had their slot",
        catches: &["answers"],
        body: "chaos:
  - {type: sabotage, lie: wrong_moved, node: 1, about: 5, at: 2}
workload: {duration: 6, rate: 50}",
    },
    Saboteur {
        name: "ask-nowhere",
        about: "a primary sends clients to a node that there is none of",
        catches: &["answers"],
        body: "chaos:
  - {type: sabotage, lie: ask_nowhere, node: 1, at: 2}
workload: {duration: 6, rate: 50}",
    },
    Saboteur {
        name: "reply-swallowed",
        about: "a primary executes what it is asked and does not answer",
        catches: &["answers"],
        body: "chaos:
  - {type: sabotage, lie: swallow_reply, node: 1, at: 2}
workload: {duration: 12, rate: 50}",
    },
    Saboteur {
        name: "reply-twice",
        about: "a primary answers twice",
        catches: &["answers"],
        body: "chaos:
  - {type: sabotage, lie: double_reply, node: 1, at: 2}
workload: {duration: 6, rate: 50}",
    },
    Saboteur {
        name: "message-lost-on-the-bus",
        about: "a primary does not pass on what is published there",
        catches: &["channels"],
        body: "chaos:
  - {type: sabotage, lie: swallow_publish, node: 1, at: 2}
workload: {duration: 8, rate: 100, mix: {channels: 1}}",
    },
    Saboteur {
        name: "message-lost",
        about: "subscribers of a primary are not told what is published",
        catches: &["channels"],
        body: "chaos:
  - {type: sabotage, lie: swallow_message, node: 1, at: 2}
workload: {duration: 8, rate: 100, mix: {channels: 1}}",
    },
    Saboteur {
        name: "message-twice",
        about: "subscribers of a primary are told twice what is published",
        catches: &["channels"],
        body: "chaos:
  - {type: sabotage, lie: double_message, node: 1, at: 2}
workload: {duration: 8, rate: 100, protocol: 3, mix: {channels: 1}}",
    },
    Saboteur {
        name: "unsubscribed-untold",
        about: "a primary does not tell subscribers that the slot of their channel has moved",
        catches: &["channels"],
        body: "chaos:
  - {type: sabotage, lie: swallow_unsubscribe, node: 1, at: 1}
operations:
  - {type: reshard, from: 1, to: 2, slots: [2447], delay: 4}
workload: {duration: 8, rate: 100, mix: {channels: 1}}",
    },
];
