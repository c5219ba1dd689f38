//! Every operation on real clusters of every version at hand: what it did is what was seen, not what was answered.

use valkey_fuzzer::report::{ActionOutcome, Status};

use crate::support::{Ran, all_servers, plan, run};

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
        ran.report.server_version
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
