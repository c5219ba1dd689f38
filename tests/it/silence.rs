//! A server that really blocks ends the run as one that cannot be judged, and nothing of that is in the log.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use valkey_fuzzer::event_log::{self, LOG_FILE};
use valkey_fuzzer::servers::Server;
use valkey_fuzzer::simulation::{Simulation, SimulationError};
use valkey_fuzzer::world::WorldError;

use crate::conformity::guest::Guest;
use crate::support::{plan, server};

/// Runs it in a server's place: why the run failed, and its log.
fn failed(guest: &Guest, out: &Path) -> (String, String) {
    let stands_in = Server { binary: guest.program(), loader: None, ..server() };
    let plan = plan(include_str!("scenarios/quiet.yaml"));
    let ended = Simulation::new(&plan, &stands_in, out).run(&AtomicBool::new(false), &mut |_| {});
    let Err(SimulationError::World(error @ WorldError::Silent { .. })) = ended else {
        panic!("{:?}", ended.map(|outcome| outcome.report.validations));
    };
    (error.to_string(), std::fs::read_to_string(out.join(LOG_FILE)).expect("there is a log"))
}

#[test]
fn a_call_that_really_blocks_is_named_and_is_no_verdict() {
    let guest = Guest::build("blocked");
    let [first, second] = [tempfile::tempdir(), tempfile::tempdir()].map(|it| it.expect("a folder"));
    let (why, log) = failed(&guest, first.path());
    let words = " did not give its turn back (neither blocks nor computes, in system call 202)";
    assert!(why.starts_with("node-") && why.contains(words), "{why}");
    let events: Vec<_> = event_log::open(first.path()).expect("a log").map(|it| it.expect("good")).collect();
    // The last event is the delivery whose turn was never over.
    assert_eq!(events.last().map(|event| event.body.word()), Some("link"), "{events:?}");
    let told = ["exited", "livelock", "deadlock", "verdict"];
    assert!(events.iter().all(|event| !told.contains(&event.body.word())), "{events:?}");
    assert_eq!(failed(&guest, second.path()), (why, log));
}
