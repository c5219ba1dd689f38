//! Saboteurs on the cluster bus.

use super::Saboteur;

pub(super) const ALL: &[Saboteur] = &[
    Saboteur {
        name: "handshakes-too-slow",
        about: "from the start every message of the bus takes so long that no handshake ends in its time",
        catches: &["formation"],
        body: "cluster: {node_timeout_ms: 2000}
network: {latency_ms: {min: 1500, max: 1600}}
workload: {duration: 2}",
    },
    Saboteur {
        name: "vote-twice",
        about: "a primary sends each of its votes twice",
        catches: &["votes"],
        body: "chaos:
  - {type: sabotage, lie: vote_twice, node: 3, at: 1}
  - {type: process_kill, node: 1, at: 2}
workload: {duration: 12}",
    },
    Saboteur {
        name: "vote-unasked",
        about: "a primary votes for a replica that asked for nothing",
        catches: &["votes", "persisted_epochs"],
        body: "chaos:
  - {type: sabotage, lie: vote_unasked, node: 3, about: 2, at: 1}
workload: {duration: 5}",
    },
    Saboteur {
        name: "vote-without-slots",
        about: "a replica votes",
        catches: &["votes"],
        body: "chaos:
  - {type: sabotage, lie: vote_unasked, node: 4, about: 2, at: 1}
workload: {duration: 5}",
    },
    Saboteur {
        name: "ask-unasked",
        about: "a replica asks for votes though its primary is well",
        catches: &["elections"],
        body: "chaos:
  - {type: sabotage, lie: ask_unasked, node: 2, at: 1}
workload: {duration: 5}",
    },
    Saboteur {
        name: "failure-never-called",
        about: "primaries tell nobody that they suspect one that dies in a calm cluster",
        catches: &["failover_time"],
        body: "chaos:
  - {type: sabotage, lie: hide_doubts, node: 3, at: 1}
  - {type: sabotage, lie: hide_doubts, node: 5, at: 1}
  - {type: process_kill, node: 1, at: 9}
workload: {duration: 20}",
    },
    Saboteur {
        name: "ask-too-soon",
        about: "replicas of a dead primary ask for votes before their time",
        catches: &["candidates"],
        body: "cluster: {shards: 3, replicas: 2, node_timeout_ms: 5000, formation: preset}
chaos:
  - {type: process_kill, node: 1, at: 2}
  - {type: sabotage, lie: ask_unasked, node: 2, when: {log: Start of election, node: 2}}
  - {type: sabotage, lie: ask_unasked, node: 3, when: {log: Start of election, node: 3}}
workload: {duration: 20}",
    },
    Saboteur {
        name: "lead-alone",
        about: "a replica claims its primary's slots in a new epoch, elected by nobody",
        catches: &["elections", "persisted_epochs"],
        body: "chaos:
  - {type: sabotage, lie: lead_alone, node: 2, at: 1}
workload: {duration: 8}",
    },
    Saboteur {
        name: "epoch-back",
        about: "a node's current epoch goes back by one",
        catches: &["epochs"],
        body: "chaos:
  - {type: sabotage, lie: epoch_back, node: 3, at: 1}
workload: {duration: 10}",
    },
    Saboteur {
        name: "config-epoch-back",
        about: "a primary's config epoch goes back by one",
        catches: &["epochs"],
        body: "chaos:
  - {type: sabotage, lie: config_epoch_back, node: 5, at: 1}
workload: {duration: 5}",
    },
    Saboteur {
        name: "config-epoch-above",
        about: "a config epoch is above the current one",
        catches: &["epochs"],
        body: "chaos:
  - {type: sabotage, lie: config_epoch_above, node: 3, at: 1}
workload: {duration: 5}",
    },
    Saboteur {
        name: "config-epoch-raised",
        about: "a primary takes a new config epoch that nothing gives it",
        catches: &["epochs"],
        body: "chaos:
  - {type: sabotage, lie: config_epoch_raised, node: 3, at: 1}
workload: {duration: 5}",
    },
    Saboteur {
        name: "fail-live",
        about: "a primary calls a live one failing, on nobody's report",
        catches: &["failure_calls"],
        body: "chaos:
  - {type: sabotage, lie: fail_live, node: 3, about: 1, at: 2}
workload: {duration: 10}",
    },
    Saboteur {
        name: "doubt-live",
        about: "a primary says that it suspects one that it hears",
        catches: &["failure_calls"],
        body: "chaos:
  - {type: sabotage, lie: doubt_live, node: 3, about: 5, at: 20}
workload: {duration: 26}",
    },
    Saboteur {
        name: "hide-doubts",
        about: "primaries tell nobody that they suspect a dead one, which is never replaced",
        catches: &["slot_coverage", "duties"],
        body: "chaos:
  - {type: sabotage, lie: hide_doubts, node: 3, at: 1}
  - {type: sabotage, lie: hide_doubts, node: 5, at: 1}
  - {type: process_kill, node: 1, at: 2}
workload: {duration: 16}",
    },
    Saboteur {
        name: "old-data",
        about: "a replica whose data are too old stands for election",
        catches: &["candidates"],
        body: "cluster: {node_timeout_ms: 1000, formation: preset, config: {cluster-replica-validity-factor: 1, repl-ping-replica-period: 1}}
chaos:
  - {type: sabotage, lie: any_data, node: 2, at: 1}
  - {type: network_partition, a: [2], b: [1], channels: [replication], at: 3, duration: 30}
  - {type: process_kill, node: 1, at: 12, restart_after: 12}
workload: {duration: 35}",
    },
    Saboteur {
        name: "orphan-left-alone",
        about: "nobody goes to a primary that lost its replicas",
        catches: &["orphans"],
        body: "cluster: {shards: 3, replicas: 2, node_timeout_ms: 1000, formation: preset}
chaos:
  - {type: sabotage, lie: stays_away, node: 5, at: 1}
  - {type: sabotage, lie: stays_away, node: 6, at: 1}
  - {type: sabotage, lie: stays_away, node: 8, at: 1}
  - {type: sabotage, lie: stays_away, node: 9, at: 1}
  - {type: process_kill, node: 2, at: 4}
  - {type: process_kill, node: 3, at: 4}
workload: {duration: 30}",
    },
    Saboteur {
        name: "offset-below",
        about: "a successor stands for a hand-over with less than was announced",
        catches: &["hand_over"],
        body: "chaos:
  - {type: sabotage, lie: offset_below, node: 2, at: 1}
operations:
  - {type: failover, shard: 1, delay: 3}
workload: {duration: 10}",
    },
    Saboteur {
        name: "offset-moves",
        about: "a primary that has stopped its clients for a hand-over goes on",
        catches: &["hand_over"],
        body: "chaos:
  - {type: sabotage, lie: offset_moves, node: 1, at: 1}
operations:
  - {type: failover, shard: 1, delay: 3}
workload: {duration: 10}",
    },
    Saboteur {
        name: "offset-ahead",
        about: "a replica claims an offset that nobody ever had",
        catches: &["replication_stream"],
        body: "chaos:
  - {type: sabotage, lie: offset_ahead, node: 2, at: 1}
workload: {duration: 5}",
    },
    Saboteur {
        name: "slot-too-many",
        about: "a primary claims a slot of another one on the bus",
        catches: &["views_agree"],
        body: "chaos:
  - {type: sabotage, lie: slot_too_many, node: 5, about: 1, at: 2}
workload: {duration: 8}",
    },
    Saboteur {
        name: "slot-too-few",
        about: "a primary leaves one of its slots out on the bus",
        catches: &["one_story"],
        body: "chaos:
  - {type: sabotage, lie: slot_too_few, node: 1, at: 2}
workload: {duration: 6}",
    },
    Saboteur {
        name: "ok-without-slots",
        about: "a primary says that all is well though a shard is lost",
        catches: &["isolation"],
        body: "chaos:
  - {type: sabotage, lie: state_ok, node: 3, at: 1}
  - {type: process_kill, node: 1, at: 2}
  - {type: process_kill, node: 2, at: 2}
workload: {duration: 16}",
    },
    Saboteur {
        name: "ok-too-young",
        about: "a primary that was just started serves at once",
        catches: &["isolation"],
        body: "chaos:
  - {type: sabotage, lie: state_ok, node: 1, at: 1}
  - {type: process_kill, node: 1, at: 2, restart_after: 0.2}
workload: {duration: 8}",
    },
    Saboteur {
        name: "replica-of-another",
        about: "a replica says on the bus that it follows another primary",
        catches: &["roles", "replica_migration"],
        body: "chaos:
  - {type: sabotage, lie: replica_of, node: 2, about: 3, at: 2}
workload: {duration: 6}",
    },
    Saboteur {
        name: "shard-id",
        about: "a primary tells another shard id than its own",
        catches: &["shard_ids"],
        body: "chaos:
  - {type: sabotage, lie: shard_id, node: 1, at: 2}
workload: {duration: 6}",
    },
    Saboteur {
        name: "forget-live",
        about: "a node has all others forget a live member",
        catches: &["membership"],
        body: "chaos:
  - {type: sabotage, lie: forget_live, node: 1, about: 6, at: 2}
workload: {duration: 6}",
    },
    Saboteur {
        name: "wrong-address",
        about: "a primary announces an address that is nobody's",
        catches: &["links"],
        body: "chaos:
  - {type: sabotage, lie: wrong_address, node: 3, at: 2}
workload: {duration: 8}",
    },
    Saboteur {
        name: "swallow-votes",
        about: "no primary ever votes",
        catches: &["slot_coverage"],
        body: "chaos:
  - {type: sabotage, lie: swallow_votes, node: 3, at: 1}
  - {type: sabotage, lie: swallow_votes, node: 5, at: 1}
  - {type: process_kill, node: 1, at: 2}
workload: {duration: 16}",
    },
    Saboteur {
        name: "swallow-requests",
        about: "a replica never asks for votes",
        catches: &["slot_coverage"],
        body: "chaos:
  - {type: sabotage, lie: swallow_requests, node: 2, at: 1}
  - {type: process_kill, node: 1, at: 2}
workload: {duration: 16}",
    },
    Saboteur {
        name: "swallow-mfstart",
        about: "a replica that is told to take over never asks its primary",
        catches: &["operations"],
        body: "chaos:
  - {type: sabotage, lie: swallow_mfstart, node: 2, at: 1}
operations:
  - {type: failover, shard: 1, delay: 3}
workload: {duration: 6}",
    },
    Saboteur {
        name: "mute-to-one",
        about: "a primary says nothing to one of the others any more",
        catches: &["links"],
        body: "chaos:
  - {type: sabotage, lie: mute, node: 1, about: 4, at: 2}
workload: {duration: 8}",
    },
    Saboteur {
        name: "mute",
        about: "a replica says nothing to anybody any more",
        catches: &["links"],
        body: "chaos:
  - {type: sabotage, lie: mute, node: 4, at: 2}
workload: {duration: 8}",
    },
];
