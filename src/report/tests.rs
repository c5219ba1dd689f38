//! Golden texts of the two reports and of `report.json`.

use expect_test::{Expect, expect};

use super::*;
use crate::id::{NodeId, ShardId};
use crate::invariant::evidence::FaultReport;
use crate::invariant::judge;
use crate::invariant::sample::{at, fill, healthy, kill, lag, ok, operation, refused};
use crate::op::{Command, Failover, FailoverMode, OpAction};

fn meters() -> Meters {
    Meters {
        scenario_id: "sample_seed_42".to_owned(),
        server_name: "valkey".to_owned(),
        server_version: "8.1.1".to_owned(),
        virtual_s: 100.04,
        wall_s: 0.612,
        events: 15_432,
        turns: 987,
        log_sha256: "ab".repeat(4),
    }
}

/// An operation of two seconds, in words.
fn say(evidence: &mut Evidence, action: OpAction, ending: Ending, [text, detail]: [&str; 2]) {
    operation(evidence, action, (10, 12), ending);
    let report = evidence.operations.last_mut().expect("it was added");
    (report.text, report.detail) = (text.to_owned(), detail.to_owned());
}

/// A run with three operations, a fault that never fired, and a few client operations.
fn passed() -> Evidence {
    let mut evidence = healthy();
    let failover =
        |shard, to| OpAction::Failover(Failover { shard: ShardId(shard), mode: FailoverMode::Default, to });
    let ping = OpAction::Command(Command { node: NodeId(5), args: vec!["PING".to_owned()] });
    say(&mut evidence, failover(1, None), Ending::Done, ["Failover (shard 1, primary)", ""]);
    let to_itself = failover(2, Some(NodeId(3)));
    say(&mut evidence, to_itself, Ending::Refused, ["Failover (shard 2, node-3)", "refused"]);
    say(&mut evidence, ping, Ending::TimedOut, ["Command (PING to node-5)", "timed out"]);
    let (text, note) = ("Process Kill (shard 2, SIGKILL)".to_owned(), String::new());
    let id = crate::fault::FaultId(1);
    evidence.faults = vec![FaultReport { id, text, fired_at: None, healed_at: None, hit: vec![], note }];
    evidence.lag_samples = vec![lag(2, 1, 5, 20)];
    evidence.history = vec![ok("k27", "a", 1, 2), refused("k27", "b", 3, 4), ok("k27", "c", 5, 8)];
    fill(&mut evidence, "k27", "c");
    evidence
}

/// A primary dies, nobody takes over, and the logs say so.
fn failed() -> Evidence {
    let mut evidence = passed();
    kill(&mut evidence, NodeId(3), 20);
    evidence.agreement.push(crate::invariant::evidence::Agreement { at: at(23), agreed: false });
    let line = |node, s, line: &str| LogLine { node: NodeId(node), at: at(s), line: line.to_owned() };
    evidence.log_tail = vec![
        line(4, 24, "# Failover auth denied"),
        line(1, 23, "* Marking node as failing (quorum reached)."),
    ];
    evidence
}

fn report(evidence: &Evidence) -> RunReport {
    let origin = format!("valkey-fuzzer run --seed {}", evidence.plan.seed);
    RunReport::new(evidence, &judge(evidence), meters(), origin, |at| Some(at.as_ns() / 1_000_000_000))
}

fn check(actual: String, expected: Expect) {
    expected.assert_eq(&actual);
}

#[test]
fn a_run_that_passed_is_summed_up() {
    check(
        text::render(&report(&passed()), false),
        expect![[r#"
            === valkey-fuzzer Test Results ===
            Scenario ID: sample_seed_42
            Seed: 42
            Duration: 100.0s virtual, 0.61s real
            Status: PASSED
            Server: valkey 8.1.1
            Events: 15,432, 987 turns
            Log SHA-256: abababab

            Cluster Configuration:
            - Shards: 3
            - Replicas: 1 per shard
            - Total Nodes: 6

            Operations Executed:
            ✓ Failover (shard 1, primary) - 2.0s
            ○ Failover (shard 2, node-3) - 2.0s, refused (node-3 led shard 2 already)
            ✗ Command (PING to node-5) - 2.0s, timed out
            ○ Process Kill (shard 2, SIGKILL) - its moment never came

            Validation Results:
            ✓ Slot Coverage: All 16384 slots assigned
            ✓ Replica Sync: All replicas synchronized (3)
            ✓ Data Consistency: 100% match across 3 replicas (1 keys compared by type and value); 2 of 2 acknowledged writes kept
            ✓ Operations: 1 of 3 done; Failover (shard 2, node-3): refused (node-3 led shard 2 already); Command (PING to node-5): timed out (the plan's own command)
            ✓ Convergence Time: 0.0s (within 30.0s limit)
            ✓ Replication Lag: 0.020s average, 0.020s max (1 samples)
            ✓ Replication Stream: 0 commands of 0 histories
            ✓ Reads: 0 values read, all of them written before
            ✓ Replies: 0 replies explained by the order of execution, 2 not followed
            ✓ Promises: nobody waited for replicas
            ✓ Answers: clients were sent elsewhere in 0 ways, all of them right
            ✓ Channels: nobody used a channel
            ✓ Single Owner: No slot has two owners
            ✓ Views Agree: 6 nodes agree
            ✓ Cluster State: 0 long views fit their states
            ✓ Open Slots: no slot is half moved
            ✓ Roles: 6 nodes have one role each
            ✓ Shard Ids: 6 nodes agree
            ✓ Config Epochs: no two primaries have the same epoch
            ✓ Membership: 6 members to everybody
            ✓ Links: 30 links in both directions
            ✓ FAIL Undone: No live node is held for failed
            ✓ One Story: 6 nodes say the same in all their words
            ✓ Attached Replicas: 3 replicas attached
            ✓ Stray Keys: no key is where it does not belong
            ✓ Persistence: 6 files as in memory, 0 left whole by processes that ended
            ✓ Candidates: 0 candidacies
            ✓ Votes: 0 votes in 0 elections
            ✓ Elections: 0 elections and 0 takeovers
            ✓ Protocol Duties: Nobody neglected anything
            ✓ Epochs: No epoch went back
            ✓ Persisted Epochs: Every word was on disk before it was given
            ✓ Failure Calls: 0 calls
            ✓ Failover Time: 0 primaries that ended in a calm cluster
            ✓ Replica Migration: 0 replicas went to other shards by themselves
            ✓ Orphans: No replica has to go anywhere
            ✓ Hand-Over: 0 hand-overs
            ✓ Isolation: Nobody served that must not
            ✓ Formation: The cluster was formed
            ✓ No Crash: No unexpected exit (0 expected)
            ✓ No Livelock: No server spun
            ✓ No Deadlock: No server waited for itself
            ✓ Resources: 0 looks at what nodes hold

            Workload Metrics:
            - Operations: 3 total
            - Success Rate: 66.7%
            - Average Latency: 2000.0ms (p50 1000.3ms, p99 3000.0ms, max 3000.0ms)
            - Throughput: 0.4 ops/sec
            - Longest Write Gap: 5.0s (shard 1, from 3.0s on)
        "#]],
    );
}

#[test]
fn a_run_that_failed_says_what_where_and_how_to_repeat_it() {
    check(
        text::failure(&report(&failed()), false),
        expect![[r#"
            === Test Failure Report ===
            Scenario ID: sample_seed_42
            Seed: 42
            Duration: 100.0s virtual, 0.61s real
            Status: FAILED

            Failure Details:
            ✗ Slot Coverage: Slots 5461-10921 owned by a dead or failed primary in the view of node-1, node-2, node-4, node-5, node-6
            ✗ Replica Sync: node-4 replicates node-3, which is dead
            ✗ Convergence Time: no agreement within 80.0s after Process Kill (node-3) at 20.000000s

            First Event:
            - event 20 at 20.000000s (Slot Coverage)

            Cluster State at Failure:
            - node-1 (primary, shard 1): CONNECTED, offset 1000, 1 keys
            - node-2 (replica, shard 1): CONNECTED, offset 1000, 1 keys
            - node-3 (shard 2): DEAD
            - node-4 (replica, shard 2): CONNECTED, offset 1000, 0 keys
            - node-5 (primary, shard 3): CONNECTED, offset 1000, 0 keys
            - node-6 (replica, shard 3): CONNECTED, offset 1000, 0 keys

            Error Log:
            [23.000000s] node-1: * Marking node as failing (quorum reached).
            [24.000000s] node-4: # Failover auth denied

            Reproduction Command:
            valkey-fuzzer run --seed 42
        "#]],
    );
}

#[test]
fn the_json_report_has_every_measured_value() {
    check(
        json::render(&report(&passed())),
        expect![[r#"
            {
              "status": "PASSED",
              "seed": 42,
              "scenario_id": "sample_seed_42",
              "server_name": "valkey",
              "server_version": "8.1.1",
              "virtual_s": 100.04,
              "wall_s": 0.612,
              "events": 15432,
              "turns": 987,
              "log_sha256": "abababab",
              "cluster": {
                "shards": 3,
                "replicas": 1,
                "nodes": 6
              },
              "validations": {
                "slot_coverage": {
                  "title": "Slot Coverage",
                  "statement": "every live node's view gives all 16384 slots to live primaries, and they serve them",
                  "verdict": "holds",
                  "detail": "All 16384 slots assigned"
                },
                "replica_sync": {
                  "title": "Replica Sync",
                  "statement": "every live replica is linked to a live primary of its own shard and has all that it wrote",
                  "verdict": "holds",
                  "detail": "All replicas synchronized (3)"
                },
                "data_consistency": {
                  "title": "Data Consistency",
                  "statement": "replicas hold what their primaries hold, and no acknowledged write is lost beyond what asynchronous replication allows",
                  "verdict": "holds",
                  "detail": "100% match across 3 replicas (1 keys compared by type and value); 2 of 2 acknowledged writes kept"
                },
                "operations": {
                  "title": "Operations",
                  "statement": "every operation is done, or something that was seen at its moment excuses it",
                  "verdict": "holds",
                  "detail": "1 of 3 done; Failover (shard 2, node-3): refused (node-3 led shard 2 already); Command (PING to node-5): timed out (the plan's own command)"
                },
                "convergence_time": {
                  "title": "Convergence Time",
                  "statement": "all live nodes agree and are ok within the limit after each disturbance",
                  "verdict": "holds",
                  "detail": "0.0s (within 30.0s limit)"
                },
                "replication_lag": {
                  "title": "Replication Lag",
                  "statement": "while nothing is wrong, replicas are at most the limit behind their primaries",
                  "verdict": "holds",
                  "detail": "0.020s average, 0.020s max (1 samples)"
                },
                "replication_stream": {
                  "title": "Replication Stream",
                  "statement": "replicas of one history get the same commands at the same offsets and nothing else, acknowledge only what reached them, and go on only where their primary has what they have",
                  "verdict": "holds",
                  "detail": "0 commands of 0 histories"
                },
                "reads": {
                  "title": "Reads",
                  "statement": "no read returns a value that nobody wrote, that was refused, or that is older than what its node has",
                  "verdict": "holds",
                  "detail": "0 values read, all of them written before"
                },
                "replies": {
                  "title": "Replies",
                  "statement": "every reply is what the commands say that its node had executed before, one after the other",
                  "verdict": "holds",
                  "detail": "0 replies explained by the order of execution, 2 not followed"
                },
                "promises": {
                  "title": "Promises",
                  "statement": "a client is told of no more replicas that have its write than the write had reached",
                  "verdict": "holds",
                  "detail": "nobody waited for replicas"
                },
                "answers": {
                  "title": "Answers",
                  "statement": "each question of a client is answered once, by a node that has the slot or sends the client to one that can have it",
                  "verdict": "holds",
                  "detail": "clients were sent elsewhere in 0 ways, all of them right"
                },
                "channels": {
                  "title": "Channels",
                  "statement": "what is published is told once, and in order, to each subscriber that it can reach",
                  "verdict": "holds",
                  "detail": "nobody used a channel"
                },
                "single_owner": {
                  "title": "Single Owner",
                  "statement": "no slot is claimed for two live primaries in any view",
                  "verdict": "holds",
                  "detail": "No slot has two owners"
                },
                "views_agree": {
                  "title": "Views Agree",
                  "statement": "all live nodes describe the same cluster, agree on its state and have no slot half migrated",
                  "verdict": "holds",
                  "detail": "6 nodes agree"
                },
                "cluster_state": {
                  "title": "Cluster State",
                  "statement": "at every moment a node says ok or fail as its own view of slots and primaries demands",
                  "verdict": "holds",
                  "detail": "0 long views fit their states"
                },
                "open_slots": {
                  "title": "Open Slots",
                  "statement": "no slot is half moved, no slot migration is under way, and no replica owns slots",
                  "verdict": "holds",
                  "detail": "no slot is half moved"
                },
                "roles": {
                  "title": "Roles",
                  "statement": "a node has one role and one primary, whoever is asked, and its primary is a primary",
                  "verdict": "holds",
                  "detail": "6 nodes have one role each"
                },
                "shard_ids": {
                  "title": "Shard Ids",
                  "statement": "shard ids agree on all nodes, replicas have their primary's, and each has one primary",
                  "verdict": "holds",
                  "detail": "6 nodes agree"
                },
                "config_epochs": {
                  "title": "Config Epochs",
                  "statement": "no two live primaries have the same config epoch, and a replica has its primary's",
                  "verdict": "holds",
                  "detail": "no two primaries have the same epoch"
                },
                "membership": {
                  "title": "Membership",
                  "statement": "all live nodes have the same members, and nobody is in handshake or without an address",
                  "verdict": "holds",
                  "detail": "6 members to everybody"
                },
                "links": {
                  "title": "Links",
                  "statement": "all live nodes are connected with each other in both directions, and suspect none of each other",
                  "verdict": "holds",
                  "detail": "30 links in both directions"
                },
                "fail_undone": {
                  "title": "FAIL Undone",
                  "statement": "once it is heard again for twice the node timeout, no live node is held for failed",
                  "verdict": "holds",
                  "detail": "No live node is held for failed"
                },
                "one_story": {
                  "title": "One Story",
                  "statement": "what a node says in CLUSTER NODES, SLOTS, SHARDS, INFO and LINKS, and on the bus, fits together",
                  "verdict": "holds",
                  "detail": "6 nodes say the same in all their words"
                },
                "attached_replicas": {
                  "title": "Attached Replicas",
                  "statement": "a primary lists exactly its live replicas, online and with its history, and they are read-only",
                  "verdict": "holds",
                  "detail": "3 replicas attached"
                },
                "stray_keys": {
                  "title": "Stray Keys",
                  "statement": "no node has keys of slots that its shard does not own, and copies of a key expire when it does",
                  "verdict": "holds",
                  "detail": "no key is where it does not belong"
                },
                "persistence": {
                  "title": "Persistence",
                  "statement": "nodes.conf is what the node has in memory, votes are in it, and a restart keeps who the node is",
                  "verdict": "holds",
                  "detail": "6 files as in memory, 0 left whole by processes that ended"
                },
                "candidates": {
                  "title": "Candidates",
                  "statement": "a replica that stands for election knows its rank by the offsets it was told, waits as long as that says, and was not without its primary for longer than its validity factor allows",
                  "verdict": "holds",
                  "detail": "0 candidacies"
                },
                "votes": {
                  "title": "Votes",
                  "statement": "a primary with slots votes once in an epoch, for a replica that asked, whose primary is called failing or who asks by force, and whose slots it knows in no newer epoch; from 9.1 not before it had time to hear of the cluster",
                  "verdict": "holds",
                  "detail": "0 votes in 0 elections"
                },
                "elections": {
                  "title": "Elections",
                  "statement": "a replica asks for votes only when its primary is called failing or the operator wants it to take over, and leads only with the votes of a majority in the epoch it asked for, or by the operator's own word; no two win in an epoch",
                  "verdict": "holds",
                  "detail": "0 elections and 0 takeovers"
                },
                "duties": {
                  "title": "Protocol Duties",
                  "statement": "nodes doubt who is silent, heed calls of failure, announce victories, correct and give up stale claims, part equal epochs, ask again after a lost election, end what a hand-over began, answer clients that write, and renew dead connections",
                  "verdict": "holds",
                  "detail": "Nobody neglected anything"
                },
                "epochs": {
                  "title": "Epochs",
                  "statement": "the epochs that a node claims never go back, restarts included, no config epoch is above the current one, and no primary takes another one unless it is told to or has to",
                  "verdict": "holds",
                  "detail": "No epoch went back"
                },
                "persisted_epochs": {
                  "title": "Persisted Epochs",
                  "statement": "a vote and a primary's new config epoch leave a node only after its nodes.conf was synchronised with them, and the epochs of that file never go back and are none above its current one",
                  "verdict": "holds",
                  "detail": "Every word was on disk before it was given"
                },
                "failure_calls": {
                  "title": "Failure Calls",
                  "statement": "a node is doubted only after a node timeout without a word of it, and called failing only by one that has the young reports of a majority of the primaries with slots, and a primary with slots stays so for twice the node timeout",
                  "verdict": "holds",
                  "detail": "0 calls"
                },
                "failover_time": {
                  "title": "Failover Time",
                  "statement": "a primary that ends in a calm cluster is called failing within two node timeouts, and replaced within what its replicas' ranks make them wait",
                  "verdict": "holds",
                  "detail": "0 primaries that ended in a calm cluster"
                },
                "replica_migration": {
                  "title": "Replica Migration",
                  "statement": "a replica changes its shard by itself only if it may, to an orphaned primary, and in its turn",
                  "verdict": "holds",
                  "detail": "0 replicas went to other shards by themselves"
                },
                "orphans": {
                  "title": "Orphans",
                  "statement": "a primary that lost all its replicas gets one of a primary that has more than it must keep",
                  "verdict": "holds",
                  "detail": "No replica has to go anywhere"
                },
                "hand_over": {
                  "title": "Hand-Over",
                  "statement": "a primary that has stopped its clients for a hand-over executes nothing more, and who takes over was told where it stopped and has all of it",
                  "verdict": "holds",
                  "detail": "0 hand-overs"
                },
                "isolation": {
                  "title": "Isolation",
                  "statement": "nobody serves that must not: cut off from the majority, just come back, as a replica, with slots it knows lost, or while it hands over",
                  "verdict": "holds",
                  "detail": "Nobody served that must not"
                },
                "formation": {
                  "title": "Formation",
                  "statement": "servers that are told to form a cluster, and are left alone, form it within two minutes",
                  "verdict": "holds",
                  "detail": "The cluster was formed"
                },
                "no_crash": {
                  "title": "No Crash",
                  "statement": "no server ends unless it is told to, asserts, reports a bug or trips a sanitizer",
                  "verdict": "holds",
                  "detail": "No unexpected exit (0 expected)"
                },
                "no_livelock": {
                  "title": "No Livelock",
                  "statement": "every server blocks again after every turn it is given",
                  "verdict": "holds",
                  "detail": "No server spun"
                },
                "no_deadlock": {
                  "title": "No Deadlock",
                  "statement": "no server's threads all wait for what only they themselves could give",
                  "verdict": "holds",
                  "detail": "No server waited for itself"
                },
                "resources": {
                  "title": "Resources",
                  "statement": "servers keep no connection, no child and no memory that nobody needs any more",
                  "verdict": "holds",
                  "detail": "0 looks at what nodes hold"
                }
              },
              "operations": [
                {
                  "text": "Failover (shard 1, primary)",
                  "outcome": "done",
                  "began_s": 10.0,
                  "duration_s": 2.0,
                  "detail": ""
                },
                {
                  "text": "Failover (shard 2, node-3)",
                  "outcome": "excused",
                  "began_s": 10.0,
                  "duration_s": 2.0,
                  "detail": "refused (node-3 led shard 2 already)"
                },
                {
                  "text": "Command (PING to node-5)",
                  "outcome": "not_done",
                  "began_s": 10.0,
                  "duration_s": 2.0,
                  "detail": "timed out"
                }
              ],
              "faults": [
                {
                  "text": "Process Kill (shard 2, SIGKILL)",
                  "outcome": "missed",
                  "began_s": null,
                  "duration_s": null,
                  "detail": "its moment never came"
                }
              ],
              "workload": {
                "operations": 3,
                "ok": 2,
                "failed": 1,
                "unknown": 0,
                "success_percent": 66.66666666666667,
                "latency_ms_average": 2000.0,
                "latency_ms_p50": 1000.341503,
                "latency_ms_p99": 3000.0,
                "latency_ms_max": 3000.0,
                "throughput_per_s": 0.42857142857142855,
                "write_gap": {
                  "seconds": 5.0,
                  "shard": 1,
                  "from_s": 3.0
                }
              },
              "replication": {},
              "excused_losses": 0,
              "cluster_state": [
                "node-1 (primary, shard 1): CONNECTED, offset 1000, 1 keys",
                "node-2 (replica, shard 1): CONNECTED, offset 1000, 1 keys",
                "node-3 (primary, shard 2): CONNECTED, offset 1000, 0 keys",
                "node-4 (replica, shard 2): CONNECTED, offset 1000, 0 keys",
                "node-5 (primary, shard 3): CONNECTED, offset 1000, 0 keys",
                "node-6 (replica, shard 3): CONNECTED, offset 1000, 0 keys"
              ],
              "error_log": [],
              "reproduction": "valkey-fuzzer run --seed 42"
            }
        "#]],
    );
}

#[test]
fn colours_come_only_when_asked_for() {
    let report = report(&failed());
    assert!(!text::render(&report, false).contains('\u{1b}'));
    assert!(text::render(&report, true).contains("\u{1b}[31m✗"));
}

#[test]
fn what_nobody_knows_is_neither_passed_nor_failed() {
    let mut evidence = passed();
    evidence.nodes[0].keys = None;
    assert_eq!(report(&evidence).status, Status::Unknown);
}

#[test]
fn the_error_log_is_what_surrounds_the_first_violation() {
    let mut evidence = failed();
    let line = |s: u64, level: &str, text: &str| LogLine {
        node: NodeId(1),
        at: at(s),
        line: format!("4711:M 03 Feb 2024 12:39:25.000 {level} {text}"),
    };
    let first = report(&evidence).first_violation().expect("it failed").1;
    let second = first.as_ns() / 1_000_000_000;
    evidence.log_tail = (0..60).map(|n| line(second + 30 + n, "*", "long after")).collect();
    evidence.log_tail.extend((0..12).map(|_| line(second, "*", "beside it")));
    evidence.log_tail.extend([line(second + 1, "#", "a warning"), line(second + 29, "#", "a later one")]);
    let shown = report(&evidence).error_log;
    let count = |text: &str| shown.iter().filter(|line| line.ends_with(text)).count();
    assert_eq!(shown.len(), 20);
    assert_eq!([count("beside it"), count("a warning"), count("a later one")], [12, 1, 1], "{shown:#?}");
    assert_eq!(count("long after"), 6, "{shown:#?}");
}
