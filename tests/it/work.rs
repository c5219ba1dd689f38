//! Work takes virtual time, on a slow machine as many times more, and only work without end is a livelock.

use valkey_fuzzer::event::Body;
use valkey_fuzzer::event_log;
use valkey_fuzzer::time::SimTime;

use crate::conformity::guest::{Guest, on_a_slow_host};
use crate::support::{Ran, plan, run, server};

/// Microseconds that a piece of work takes on a host that is so many times slower.
fn taken(guest: &Guest, check: &str, times_slower: u64) -> u64 {
    let told = on_a_slow_host(guest, check, times_slower);
    let first = told.lines().next().unwrap_or_default();
    first.parse().unwrap_or_else(|_| panic!("{check}: {told}"))
}

#[test]
fn every_kind_of_work_takes_its_time() {
    let guest = Guest::build("work");
    for (check, least, most) in [
        // The way of the bytes takes half a millisecond each time, whoever works how fast.
        ("bytes_sent_and_read", 50_000, 75_000),
        ("bytes_of_a_pipe", 20_000, 22_000),
        ("forks", 3_000, 3_200),
        ("looks_of_commands", 40_000, 50_000),
        // Six thousand and some on the way up, the rest for what a script does meanwhile.
        ("looks_of_a_script", 1_800_000, 2_200_000),
    ] {
        let took = taken(&guest, check, 1);
        assert!((least..most).contains(&took), "{check}: {took}");
    }
}

#[test]
fn a_slow_host_takes_as_many_times_longer() {
    let guest = Guest::build("work");
    for check in ["bytes_of_a_pipe", "forks", "looks_of_commands"] {
        let (quick, slow) = (taken(&guest, check, 1), taken(&guest, check, 10));
        assert!((9 * quick..11 * quick).contains(&slow), "{check}: {quick} and {slow}");
    }
}

#[test]
fn work_without_end_is_told_by_its_count_alone() {
    let guest = Guest::build("work");
    let told = on_a_slow_host(&guest, "looks_for_ever", 1);
    assert_eq!(told, "-> Livelock(\"worked on without waiting for anything\")\n");
    // However slow the host, it is the same work.
    assert_eq!(on_a_slow_host(&guest, "looks_for_ever", 50), told);
}

/// How long the plan's only command took.
fn operation(ran: &Ran) -> u64 {
    let (mut sent, mut ended) = (SimTime::ZERO, None);
    for event in event_log::open(ran.folder.path()).expect("the log is good") {
        let event = event.expect("the log is good");
        match event.body {
            Body::Operation { .. } => sent = event.at,
            Body::OperationEnded { done: true, .. } => ended = Some(event.at),
            _ => {}
        }
    }
    ended.expect("the command was answered").since(sent).as_ns()
}

#[test]
fn a_script_of_many_commands_is_no_livelock_and_takes_longer_on_a_slow_cluster() {
    let script = "operations:
  - {type: command, node: 2, args: [EVAL, \"for i=1,60000 do redis.call('PING') end return 1\", 0], delay: 2}
workload: {duration: 4}";
    let took = |cluster: &str| {
        let ran = run(&plan(&format!("scenario: {{name: calls, seed: 1}}\n{cluster}{script}")), &server());
        assert_eq!(ran.validation("no_livelock").verdict.name(), "holds");
        operation(&ran)
    };
    let (quick, slow) = (took(""), took("cluster: {cpu: 20}\n"));
    assert!((20_000_000..200_000_000).contains(&quick), "{quick} ns");
    assert!((10 * quick..30 * quick).contains(&slow), "{quick} and {slow} ns");
}
