//! Where Linux is free, a run draws, says so in its log, and a replay takes it from there alone.

use std::sync::atomic::AtomicBool;

use valkey_fuzzer::event::Body;
use valkey_fuzzer::event_log;
use valkey_fuzzer::fault::Channel;
use valkey_fuzzer::replay::Recording;
use valkey_fuzzer::scheduler::Guide;
use valkey_fuzzer::simulation::Simulation;

use crate::support::{plan, run, server};

/// Nodes stop for a moment over and over, and find more than one thing ready when they go on, as they seldom do else.
fn scenario() -> String {
    let stop = |i: u32| {
        let (node, at) = (1 + i % 3, 1.0 + 0.25 * f64::from(i));
        format!("  - {{type: process_pause, node: {node}, at: {at}, duration: 0.1}}\n")
    };
    let stops: String = (0..40).map(stop).collect();
    format!(
        "scenario: {{name: freedom, seed: 21}}\nchaos:\n{stops}workload: {{clients: 10, rate: 200, duration: 12}}\n"
    )
}

/// The statements of a log.
fn bodies(folder: &std::path::Path) -> Vec<Body> {
    let log = event_log::open(folder).expect("the log is good");
    log.map(|event| event.expect("the log is good").body).collect()
}

/// How many turns were shuffled and how many chunks split.
fn shuffled_and_split(bodies: &[Body]) -> (usize, usize) {
    let count = |is: fn(&Body) -> bool| bodies.iter().filter(|body| is(body)).count();
    (count(|body| matches!(body, Body::Order { .. })), count(|body| matches!(body, Body::Split { .. })))
}

#[test]
fn a_share_of_turns_and_chunks_departs_and_the_log_has_them() {
    let (server, plan) = (server(), plan(&scenario()));
    let ran = run(&plan, &server);
    let bodies = bodies(ran.folder.path());
    let (shuffled, split) = shuffled_and_split(&bodies);
    assert!(shuffled > 0, "no turn was shuffled");
    let chunks = bodies.iter().filter(|body| matches!(body, Body::Sent { .. })).count();
    assert!((chunks / 200..chunks / 20).contains(&split), "{split} of {chunks} chunks are split");
    let recording = Recording::open(ran.folder.path()).expect("the log is good");
    let checked = recording.check(&server, &AtomicBool::new(false), &mut |_| {}).expect("the world works");
    assert!(checked.parted.is_none(), "{}", checked.parted.expect("it parted"));
}

#[test]
fn a_message_of_the_bus_may_arrive_in_two_pieces() {
    let ran = run(&plan(&scenario()), &server());
    let bodies = bodies(ran.folder.path());
    let on_the_bus = |wanted: u64| {
        bodies.iter().any(|body| {
            matches!(body, Body::Sent { conn, channel: Channel::Bus, bus: Some(_), .. } if *conn == wanted)
        })
    };
    let split = |body: &Body| matches!(body, Body::Split { conn, .. } if on_the_bus(*conn));
    assert!(bodies.iter().any(split), "no message of the bus was split");
}

#[test]
fn what_a_log_does_not_have_is_not_drawn_again() {
    let (server, plan) = (server(), plan(&scenario()));
    let ran = run(&plan, &server);
    let mut decisions = Recording::open(ran.folder.path()).expect("the log is good").decisions;
    assert!(!decisions.splits.is_empty() && !decisions.orders.is_empty());
    decisions.splits.clear();
    decisions.orders.clear();
    let out = tempfile::tempdir().expect("a folder");
    let guide = Guide { decisions, ..Guide::default() };
    Simulation { guide, ..Simulation::new(&plan, &server, out.path()) }
        .run(&AtomicBool::new(false), &mut |_| {})
        .expect("the world works");
    assert_eq!(shuffled_and_split(&bodies(out.path())), (0, 0));
}
