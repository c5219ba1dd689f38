//! Processes that wait for themselves, or run in a circle, are told, with who waits for whom; those that only look so are not.

use valkey_fuzzer::report::Status;
use valkey_fuzzer::servers::Server;

use crate::conformity::guest::{Guest, in_simulation, natively};
use crate::support::{plan, run, server};

#[test]
fn who_waits_for_whom_is_told() {
    let guest = Guest::build("deadlock");
    for (check, why) in [
        ("a_mutex_twice", "thread 1 waits for a mutex of thread 1"),
        (
            "two_locks_crosswise",
            "thread 1 waits for a mutex of thread 2; thread 2 waits for a mutex of thread 1",
        ),
        ("a_condition_that_nobody_signals", "thread 1 waits for a condition"),
        (
            "each_waits_for_the_others_end",
            "thread 1 waits for the end of thread 2; thread 2 waits for the end of thread 1",
        ),
        ("a_lock_that_was_held_at_the_fork", "in a child: thread 1 waits for a mutex"),
    ] {
        let told = in_simulation(&guest, check);
        assert!(told.contains(&format!("-> Deadlock(\"{why}")), "{check}: {told}");
    }
}

#[test]
fn who_may_still_go_on_is_left_alone() {
    let guest = Guest::build("deadlock");
    for check in [
        "one_still_sleeps",
        "one_waits_for_a_child",
        "it_gives_up_in_time",
        "an_error_checking_mutex_says_so",
    ] {
        assert_eq!(in_simulation(&guest, check), natively(&guest, check), "{check}");
    }
}

/// What an invariant finds where a small program stands in a server's place: no server of this machine could be brought to it.
fn assert_found(program: &str, invariant: &str, why: &str) {
    let guest = Guest::build(program);
    let stands_in = Server { binary: guest.program(), loader: None, ..server() };
    let ran = run(&plan(include_str!("scenarios/quiet.yaml")), &stands_in);
    let verdict = &ran.validation(invariant).verdict;
    assert_eq!(verdict.name(), "violated", "{}", verdict.detail());
    assert!(verdict.detail().contains(why), "{}", verdict.detail());
    assert!(matches!(ran.report.status, Status::Failed));
}

#[test]
fn a_server_that_waits_for_itself_is_a_violation() {
    let why = "node-1 could never go on after 0.000001s: thread 1 waits for a mutex of thread 1";
    assert_found("itself", "no_deadlock", why);
}

/// Without a system call or a look at a clock: nobody can count what it does.
#[test]
fn a_server_that_runs_in_a_circle_is_a_violation() {
    let why = "node-1 never blocked again after 0.000001s: runs in a circle, in which nothing changes";
    assert_found("circle", "no_livelock", why);
}
