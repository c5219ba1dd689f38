//! Small guest programs, run natively and under the shim: what they see must be the same.
//!
//! A guest is a C file with named checks; each check is a process of its own, so that one that hangs or dies hides no
//! other. Where the two may differ on purpose, `deviations` says what the shim's world shows instead, and why.

mod deviations;
pub mod guest;

use self::deviations::{KNOWN, Known};
use self::guest::{Guest, beside_the_shim, in_order, in_simulation, natively};

/// Every check of a topic, under the shim as on Linux but for what is known to deviate.
fn conforms(topic: &str) {
    let guest = Guest::build(topic);
    let wrong: Vec<String> =
        guest.checks().iter().filter_map(|check| complaint(&guest, topic, check)).collect();
    assert!(wrong.is_empty(), "{} checks of {topic}:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is wrong with a check, if anything is.
fn complaint(guest: &Guest, topic: &str, check: &str) -> Option<String> {
    let (native, simulated) = (natively(guest, check), in_simulation(guest, check));
    let known = KNOWN.iter().find(|known| (known.topic, known.check) == (topic, check));
    match known.map(|known| known.shows) {
        Some(stated) if simulated != stated => Some(differ(check, ("stated", stated), &simulated)),
        None if simulated != native => Some(differ(check, ("on Linux", &native), &simulated)),
        _ => None,
    }
}

fn differ(check: &str, (whose, expected): (&str, &str), simulated: &str) -> String {
    format!("== {check}\n-- {whose}\n{expected}-- under the shim\n{simulated}")
}

/// Wrappers and probes are such processes.
#[test]
fn where_the_shim_is_not_meant_a_program_sees_linux() {
    // How long a sleep took in real time is never twice the same.
    let is_compared = |check: &String| check != "lengths_of_sleeps";
    let mut wrong = Vec::new();
    for topic in TOPICS {
        let guest = Guest::build(topic);
        for check in guest.checks().iter().filter(|check| is_compared(check)) {
            let (native, passive) = (natively(&guest, check), beside_the_shim(&guest, check));
            if native != passive {
                wrong.push(format!("{topic}: {}", differ(check, ("on Linux", &native), &passive)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_known_deviation_is_of_a_check_that_exists() {
    let there_are: Vec<(&str, Vec<String>)> =
        TOPICS.iter().map(|topic| (*topic, Guest::build(topic).checks())).collect();
    for Known { topic, check, reason, .. } in KNOWN {
        let is_there =
            |(named, checks): &(&str, Vec<String>)| named == topic && checks.iter().any(|it| it == check);
        assert!(there_are.iter().any(is_there), "{topic}: {check}");
        assert!(!reason.is_empty(), "{topic}: {check}");
    }
}

#[test]
fn what_is_ready_at_once_may_be_reported_in_any_order() {
    let guest = Guest::build("epoll");
    let orders: std::collections::BTreeSet<String> =
        (0..8).map(|order| in_order(&guest, "five_are_ready_at_once", order)).collect();
    assert!(orders.len() > 4, "{orders:?}");
}

#[test]
fn there_are_enough_checks_to_speak_of_conformity() {
    let checks: usize = TOPICS.iter().map(|topic| Guest::build(topic).checks().len()).sum();
    assert!(checks >= 120, "{checks}");
}

/// One test a topic, and the list of all topics.
macro_rules! topics {
    ($($test:ident: $topic:literal),* $(,)?) => {
        const TOPICS: &[&str] = &[$($topic),*];
        $(
            #[test]
            fn $test() {
                conforms($topic);
            }
        )*
    };
}

topics! {
    connections_are_made_and_refused_as_on_linux: "connect",
    streams_carry_and_end_as_on_linux: "stream",
    options_of_sockets_are_kept_as_on_linux: "option",
    descriptors_name_what_they_name_on_linux: "descriptor",
    pipes_carry_and_end_as_on_linux: "pipe",
    descriptors_of_events_count_as_on_linux: "event",
    epoll_reports_what_it_reports_on_linux: "epoll",
    poll_and_select_report_what_they_report_on_linux: "poll",
    threads_come_and_go_as_on_linux: "thread",
    locks_hold_as_on_linux: "lock",
    signals_arrive_and_interrupt_as_on_linux: "signal",
    children_live_and_end_as_on_linux: "process",
    files_are_kept_as_on_linux: "file",
    clocks_and_timers_run_as_on_linux: "clock",
    calls_by_number_do_what_they_do_on_linux: "raw",
    the_machine_is_described_as_on_linux: "machine",
    memory_is_given_and_taken_as_on_linux: "memory",
}
