//! Every operation on real clusters of every version at hand: what it did is what was seen, not what was answered.

use std::sync::atomic::AtomicBool;

use valkey_fuzzer::event::{Body, Event};
use valkey_fuzzer::id::NodeId;
use valkey_fuzzer::report::{ActionOutcome, Status};
use valkey_fuzzer::simulation::Simulation;
use valkey_fuzzer::time::{SimDuration, SimTime};

use crate::support::{Ran, all_servers, plan, run, server, server_with_others};

/// What became of each operation, with its detail.
fn ended(ran: &Ran) -> Vec<(ActionOutcome, &str)> {
    ran.report.operations.iter().map(|action| (action.outcome, action.detail.as_str())).collect()
}

/// Checks the details of all operations, a line each; what begins with `✗` is not done.
fn assert_ended(ran: &Ran, expected: &[&str]) {
    let said = |(outcome, detail): (ActionOutcome, &str)| match outcome {
        ActionOutcome::Done => detail.to_owned(),
        _ => format!("✗ {detail}"),
    };
    let ended: Vec<String> = ended(ran).into_iter().map(said).collect();
    let alike = |(ended, expected): (&String, &&str)| ended.starts_with(*expected);
    assert!(
        ended.len() == expected.len() && ended.iter().zip(expected).all(alike),
        "{}: {ended:#?} instead of {expected:#?}",
        ran.report.meters.server_version
    );
    assert!(matches!(ran.report.status, Status::Passed), "{:?}", ran.report.validations);
}

#[test]
fn raw_commands_do_what_they_say_or_are_refused_in_the_servers_words() {
    let plan = plan(include_str!("scenarios/raw-commands.yaml"));
    for server in all_servers() {
        assert_ended(
            &run(&plan, &server),
            &[
                "node-1 does not know node-6; node-2 does not know node-6",
                "node-1 knows node-6",
                "node-6 knows nobody",
                "node-6 has the config epoch 77",
                "node-1 knows node-6",
                "node-6 is a replica of node-5",
                "✗ node-1 refused: ERR Slot 100 is already busy",
                "node-1 holds slot 7 open with node-3",
                "node-3 holds slot 7 open with node-1",
                "node-1 does not hold slot 7 open; node-3 does not",
                "node-3 gives slot 8 to node-3; node-1 gives slot 8 to node-3",
                "node-3 owns none of 11 slots",
                "node-3 owns 11 slots",
                "node-1 answered; node-2 answered",
                "✗ node-1 refused: ERR The user can assign a config epoch only when",
                "✗ node-1 refused: ERR DB must be empty to perform CLUSTER FLUSHSLOTS",
                "node-1 answered",
                "node-2 answered; node-4 answered",
                "node-3 answered",
                "node-3 answered",
                "node-1 answered",
                "node-1 answered; node-3 answered",
                "node-2 is a replica of node-3",
                "node-2 ended",
            ],
        );
    }
}

/// Two hand-overs at once are two dialogues on the bus: both are asked before either is done.
#[test]
fn operations_run_side_by_side_and_a_confused_operator_is_told_so() {
    let plan = plan(include_str!("../../scenarios/confused-operator.yaml"));
    for server in all_servers() {
        let ran = run(&plan, &server);
        assert!(matches!(ran.report.status, Status::Passed), "{:?}", ran.report.validations);
        let log = ran.log();
        let (before, _) = log.split_once("\"operation_ended\"").expect("one ended");
        let sent = before.matches("\"operation\",\"op\"").count();
        assert!(sent > 1, "{sent} sent when the first ended");
        let ended = ended(&ran);
        let refused = |(outcome, detail): &(ActionOutcome, &str)| {
            *outcome != ActionOutcome::Done
                && detail.contains("refused: ERR You should send CLUSTER FAILOVER to a replica")
        };
        assert!(ended.iter().any(refused), "{}: {ended:#?}", ran.report.meters.server_version);
    }
}

#[test]
fn restarted_nodes_serve_again_and_an_empty_one_is_a_new_one() {
    let plan = plan(include_str!("scenarios/restarts.yaml"));
    for server in all_servers() {
        assert_ended(
            &run(&plan, &server),
            &[
                "node-2 serves again after",
                "node-3 serves again after",
                "node-4 serves again after",
                "node-2 serves with nothing after",
                "node-1 does not know node-2; node-3 does not know node-2",
                "node-1 knows node-2",
                "node-2 is a replica of node-1",
            ],
        );
    }
}

#[test]
fn a_node_comes_back_with_the_data_of_its_old_copy_and_nothing_is_held_against_it() {
    let plan = plan(include_str!("scenarios/old-copy.yaml"));
    for server in all_servers() {
        let ran = run(&plan, &server);
        let served = ["node-5 serves with its old copy after", "node-2 serves with its old copy after"];
        assert_ended(&ran, &served);
        let kept = ran.validation("data_consistency").verdict.detail().to_owned();
        assert!(kept.contains("node-5 was restarted") && kept.contains("with an old copy"), "{kept}");
    }
}

#[test]
fn a_node_whose_copy_is_older_than_a_failover_comes_back_to_a_cluster_that_nobody_can_judge() {
    let plan = plan(include_str!("scenarios/older-than-a-failover.yaml"));
    for server in all_servers() {
        let ran = run(&plan, &server);
        let version = &ran.report.meters.server_version;
        assert!(!matches!(ran.report.status, Status::Failed), "{version}: {:?}", ran.report.validations);
    }
}

#[test]
fn slots_move_under_load_by_every_method_and_no_key_is_lost() {
    let plan = plan(include_str!("scenarios/reshard.yaml"));
    for server in all_servers() {
        let ran = run(&plan, &server);
        assert_ended(
            &ran,
            &[
                "node-3 owns 8 slots that were node-1's",
                "node-5 owns 5 slots that were node-3's",
                "node-1 owns 100 slots that were node-5's",
                "cancelled with ",
                "node-1 owns 8 slots that were node-3's; ",
            ],
        );
        let kept = ran.validation("data_consistency").verdict.detail().to_owned();
        assert!(!kept.contains("lost"), "{kept}");
    }
}

/// The old primary's keys are at both ends, and nobody may call that a loss.
#[test]
fn a_reshard_that_is_abandoned_loses_no_key() {
    let plan = plan(
        "scenario: {name: abandoned, seed: 1}
operations:
  - {type: reshard, from: 1, to: 2, slots: [0-200], method: legacy, abandon_after: 0.12, delay: 4}
workload: {duration: 12, rate: 300, keys: 2000}",
    );
    for server in all_servers() {
        let ran = run(&plan, &server);
        assert!(
            ran.report.operations[0].detail.starts_with("abandoned with "),
            "{:?}",
            ran.report.operations
        );
        assert_eq!(ran.validation("data_consistency").verdict.name(), "holds");
    }
}

/// The source dies while its slot is open, and the operator has stopped meanwhile: what is open is closed first.
#[test]
fn a_reshard_that_is_cancelled_leaves_no_slot_open() {
    let plan = plan(
        "scenario: {name: cancelled, seed: 1}
cluster: {node_timeout_ms: 1000}
operations:
  - {type: reshard, from: 1, to: 2, slots: [0-2], method: legacy, open_for: 1, cancel_after: 0.3, delay: 2}
chaos:
  - {type: process_kill, target: primary, shard: 1, coordination: during_operation, operation: 1, delay: 0.5}
workload: {duration: 12, rate: 100, keys: 4}",
    );
    for server in all_servers() {
        let ran = run(&plan, &server);
        assert_ended(&ran, &["cancelled with 1 of 3 slots moved to node-3"]);
        assert_eq!(ran.validation("open_slots").verdict.name(), "holds");
    }
}

/// The slot of `key:0` stands half moved for two seconds, with its keys at the one end and then at the other.
#[test]
fn who_asks_for_a_key_of_a_slot_that_stands_open_is_sent_after_it() {
    let plan = plan(
        "scenario: {name: open, seed: 1}
operations:
  - {type: reshard, from: 1, to: 2, slots: [2592], method: legacy, open_for: 1, delay: 2}
workload: {duration: 8, rate: 100, keys: 4}",
    );
    for server in all_servers() {
        let ran = run(&plan, &server);
        assert!(matches!(ran.report.status, Status::Passed), "{:?}", ran.report.validations);
        let asked: Vec<SimTime> = ran.events().iter().filter_map(asked_at).collect();
        let (first, last) = (asked.first().expect("somebody asked"), asked.last().expect("the same"));
        assert!(last.since(*first) > SimDuration::from_ms(800), "{first} to {last}");
    }
}

/// When a client was sent with `ASK` to the second shard.
fn asked_at(event: &Event) -> Option<SimTime> {
    let is_it = matches!(event.body, Body::Redirect { slot: 2592, ask: true, .. });
    is_it.then_some(event.at)
}

#[test]
fn a_server_that_lacks_an_operation_is_refused_before_the_run() {
    let plan = plan(
        "scenario: {name: atomic, seed: 1}
operations: [{type: reshard, from: 1, to: 2, count: 4, method: atomic, delay: 2}]
workload: {duration: 4}",
    );
    let folder = tempfile::tempdir().expect("there is room for results");
    for server in all_servers() {
        let simulation = Simulation::new(&plan, &server, folder.path());
        let ended = simulation.run(&AtomicBool::new(false), &mut |_| {});
        match (server.version.starts_with('9'), ended) {
            (true, Ok(outcome)) => assert!(matches!(outcome.report.status, Status::Passed)),
            (false, Err(error)) => {
                assert!(error.to_string().contains("needs a server of version 9.0 or later"), "{error}");
            }
            (_, ended) => panic!("{}: {:?}", server.version, ended.map(|outcome| outcome.report.status)),
        }
    }
}

#[test]
fn nodes_leave_join_and_change_their_shards() {
    let plan = plan(include_str!("scenarios/members.yaml"));
    for server in all_servers() {
        let ran = run(&plan, &server);
        assert_ended(
            &ran,
            &[
                "node-1 does not know node-2; node-3 does not know node-2",
                "node-2 serves with nothing after",
                "node-3 answered; node-3 answered",
                "node-4 is a replica of node-1",
                "node-7 serves with nothing after",
                "✗ node-1 owns 5461 slots",
                "✗ node-6 is a member already",
                "✗ node-3 refused: ERR To set a master the node must be empty",
                "node-1 does not know node-6; node-2 does not know node-6",
            ],
        );
        let full = |n| ran.report.replication.get(&NodeId(n)).map_or(0, |resyncs| resyncs.full);
        assert_eq!(
            (full(4), full(7)),
            (2, 1),
            "node-4 was made to fetch everything anew, and went to node-1"
        );
    }
}

#[test]
fn a_shard_of_spare_nodes_comes_and_goes() {
    let plan = plan(include_str!("scenarios/scale.yaml"));
    for server in all_servers() {
        assert_ended(
            &run(&plan, &server),
            &[
                "node-7 serves with nothing after",
                "node-8 took over shard 4 from node-7",
                "node-3 owns 24 slots that were node-8's",
            ],
        );
    }
}

/// From 8.0.1 over 8.1.1 to 9.1.2 under writes, with a kill in between.
#[test]
fn nodes_are_upgraded_one_after_the_other_while_they_serve() {
    let plan = plan(include_str!("../../scenarios/rolling-upgrade-under-writes.yaml"));
    let ran = run(&plan, &server_with_others("8.0.1", &plan));
    let done: Vec<bool> =
        ran.report.operations.iter().map(|action| action.outcome == ActionOutcome::Done).collect();
    assert_eq!(done, [true, true], "{:?}", ran.report.operations);
    for version in ["8.0.1", "8.1.1", "9.1.2"] {
        let says = format!("Valkey version={version},");
        assert_eq!(ran.log().matches(&says).count(), if version == "8.1.1" { 7 } else { 6 }, "{version}");
    }
    assert!(matches!(ran.report.status, Status::Passed), "{:?}", ran.report.validations);
}

#[test]
fn a_cluster_of_mixed_versions_hands_over_both_ways() {
    let plan = plan(include_str!("../../scenarios/mixed-versions-failover.yaml"));
    let ran = run(&plan, &server_with_others("9.1.2", &plan));
    assert_eq!(ran.log().matches("Valkey version=8.1.1,").count(), 3);
    assert_ended(&ran, &["node-4 took over shard 2", "node-2 took over shard 1", "node-3 took over shard 2"]);
}

#[test]
fn a_server_that_nobody_looked_for_is_missed_before_the_run() {
    let plan =
        plan("scenario: {name: missing, seed: 1}\noperations: [{type: restart, node: 2, server: \"8.1.1\"}]");
    let folder = tempfile::tempdir().expect("there is room for results");
    let server = server();
    let error = Simulation::new(&plan, &server, folder.path()).run(&AtomicBool::new(false), &mut |_| {});
    assert!(error.err().is_some_and(|error| error.to_string().contains("8.1.1")));
}
