//! Every saboteur that lies is caught on a real cluster. Those that type commands are in `sabotage.rs`, with what is said of them.

use std::sync::atomic::AtomicBool;

use valkey_fuzzer::saboteurs::{self, Saboteur, Verdict};

use crate::support::{all_servers, server};

/// One of so many parts of the liars, so that they are tried side by side.
const PARTS: usize = 4;

fn assert_caught(part: usize) {
    let all = all_servers();
    let lies = |saboteur: &&Saboteur| saboteur.plan().faults.iter().any(|fault| fault.action.lies());
    for saboteur in saboteurs::all().filter(lies).skip(part).step_by(PARTS) {
        let usual = [server()];
        let server = usual.iter().chain(&all).find(|server| saboteur.suits(server));
        let server = server.unwrap_or_else(|| panic!("no server at hand suits {}", saboteur.name));
        let out = tempfile::tempdir().expect("there is room for results");
        let tried = saboteur.try_on(server, out.path(), &AtomicBool::new(false)).expect("the world works");
        assert_eq!(saboteur.verdict(&tried), Verdict::Caught, "{}: {tried:?}", saboteur.name);
    }
}

#[test]
fn the_first_liars_are_caught() {
    assert_caught(0);
}

#[test]
fn the_second_liars_are_caught() {
    assert_caught(1);
}

#[test]
fn the_third_liars_are_caught() {
    assert_caught(2);
}

#[test]
fn the_last_liars_are_caught() {
    assert_caught(3);
}
