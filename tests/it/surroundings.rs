//! Nothing of the caller's surroundings reaches a server: pairs of runs, one of them somewhere odd, give one log.
//!
//! `cargo test` runs a few pairs of a fixed list. `SURROUNDINGS_PAIRS=200` runs as many, dealt out to all servers at hand.

mod denied;
mod odd;

use std::fs;
use std::path::Path;
use std::process::Output;

use valkey_fuzzer::rng::Stream;
use valkey_fuzzer::servers::{Server, inspect};

use self::odd::Place;
use crate::program::{program, text};
use crate::support::{all_servers, plan, run};

/// Settings that move where a server's memory goes and what it writes.
const SETTINGS: [&str; 8] = [
    "{}",
    "{appendonly: 'yes'}",
    "{save: '5 10'}",
    "{lazyfree-lazy-user-del: 'yes', lazyfree-lazy-server-del: 'yes', lazyfree-lazy-user-flush: 'yes'}",
    "{maxmemory: 3mb, maxmemory-policy: allkeys-lru}",
    "{repl-diskless-sync: 'no'}",
    "{dual-channel-replication-enabled: 'yes'}",
    "{appendonly: 'yes', save: '3 5', activedefrag: 'no'}",
];
/// Commands whose replies or ends tell of the process and its machine.
const COMMANDS: [&str; 9] = [
    "INFO, everything",
    "MEMORY, DOCTOR",
    "MEMORY, STATS",
    "CONFIG, GET, '*'",
    "DEBUG, OOM",
    "DEBUG, PANIC",
    "DEBUG, SEGFAULT",
    "FLUSHALL",
    "CLIENT, LIST",
];
/// A guest that starts a server of its own and has that tell of itself, for half of all pairs.
const GUEST: &str = "\
guests:
  - name: shell
    run: [sh, script.sh]
    at: 1
    files:
      script.sh: |
        valkey-server --port 7000 --save '' >server.log &
        until valkey-cli -p 7000 ping | grep -q PONG; do sleep 0.05; done
        (echo info; echo client list; echo shutdown nosave) | valkey-cli -p 7000
        wait
        ls /proc/self/fd
";
/// Pairs of a plain `cargo test`.
const FEW: u64 = 6;

/// A scenario drawn for a pair: settings, two commands, and a primary that is killed and comes back.
fn drawn_scenario(seed: u64, draw: &mut Stream) -> String {
    let setting = SETTINGS[draw.below(SETTINGS.len() as u64) as usize];
    let mut command = || COMMANDS[draw.below(COMMANDS.len() as u64) as usize];
    let (first, second) = (command(), command());
    let guest = if draw.below(2) == 1 { GUEST } else { "" };
    format!(
        "scenario: {{name: surroundings, seed: {seed}}}
cluster: {{config: {setting}}}
operations:
  - {{type: command, node: 1, args: [{first}], delay: 2}}
  - {{type: command, node: 3, args: [{second}], delay: 1}}
chaos:
  - {{type: process_kill, target: node, node: 5, at: 2, restart_after: 1}}
workload: {{duration: 5, rate: 40}}
{guest}"
    )
}

/// How many pairs are run.
#[expect(clippy::disallowed_methods, reason = "whoever wants more pairs says so beside the command")]
fn wanted_pairs() -> u64 {
    std::env::var("SURROUNDINGS_PAIRS").ok().and_then(|count| count.parse().ok()).unwrap_or(FEW)
}

/// A server as `--server` takes it.
fn spec(server: &Server) -> String {
    server.binary.display().to_string()
}

fn log(out: &Path) -> String {
    fs::read_to_string(out.join("events.jsonl")).unwrap_or_default()
}

/// The first line in which two logs differ, of each.
fn first_difference(one: &str, other: &str) -> Option<String> {
    let found = one.lines().zip(other.lines()).find(|(a, b)| a != b);
    let length = (one.len() != other.len()).then(|| format!("{} and {} bytes", one.len(), other.len()));
    found.map(|(a, b)| format!("{a}\n{b}")).or(length)
}

/// Runs one pair; what differs, if anything does.
fn pair(seed: u64, server: &Server) -> Option<String> {
    let mut draw = Stream::new(seed, "surroundings", "pair");
    let scenario = drawn_scenario(seed, &mut draw);
    let folder = tempfile::Builder::new().permissions(odd::open_to_all()).tempdir().expect("a folder");
    let file = folder.path().join("scenario.yaml");
    fs::write(&file, &scenario).expect("the scenario is written");
    let plain = Place::plain(folder.path());
    let odd = Place::drawn(folder.path(), &mut draw);
    let [one, other] = [&plain, &odd].map(|place| {
        let done = place.run(&file, &spec(server));
        (done.status.code(), log(&place.out), text(&done.stderr))
    });
    let same = one.0 == other.0 && one.1 == other.1 && !one.1.is_empty();
    (!same).then(|| {
        let difference = first_difference(&one.1, &other.1).unwrap_or_default();
        format!(
            "seed {seed} on {} in {:?}: exits {:?} and {:?}\n{scenario}{difference}\n{}",
            server.version, odd.oddities, one.0, other.0, other.2
        )
    })
}

#[test]
fn a_run_is_the_same_wherever_and_by_whomever_it_is_started() {
    let servers = all_servers();
    let differing: Vec<String> =
        (0..wanted_pairs()).filter_map(|seed| pair(seed, &servers[seed as usize % servers.len()])).collect();
    assert!(differing.is_empty(), "{} pairs differ:\n{}", differing.len(), differing.join("\n"));
}

#[test]
fn what_a_servers_file_is_called_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = plan("scenario: {name: x, seed: 3}\noperations: [{type: command, node: 1, args: [INFO]}]");
    for server in all_servers() {
        let renamed = folder.path().join(format!("server of {} with an odd name", server.version));
        fs::copy(&server.binary, &renamed).expect("it can be copied");
        let other = match server.loader {
            None => inspect(&renamed, None).expect("it is the same server"),
            Some(_) => Server { binary: renamed, ..server.clone() },
        };
        let logs = [&server, &other].map(|server| run(&scenario, server).log());
        assert_eq!(first_difference(&logs[0], &logs[1]), None, "{}", server.version);
        assert!(!logs[0].contains("odd name"));
    }
}

#[test]
fn a_server_without_an_allocator_of_its_own_is_the_same_beside_any_c_library() {
    let scenario = plan(
        "scenario: {name: x, seed: 5}
cluster: {config: {save: '3 10'}}
operations: [{type: command, node: 1, args: [INFO, everything], delay: 1}]
workload: {duration: 5}",
    );
    let (own, none): (Vec<Server>, Vec<Server>) =
        all_servers().into_iter().partition(|server| server.loader.is_some());
    for server in none {
        let plain = run(&scenario, &server).log();
        for other in &own {
            let beside = Server { loader: other.loader.clone(), ..server.clone() };
            let difference = first_difference(&plain, &run(&scenario, &beside).log());
            assert_eq!(difference, None, "{} beside {}", server.version, other.libc);
        }
    }
}

/// Runs the quiet scenario on a server with what `arrange` does to the program.
fn quiet_run(out: &Path, arrange: impl FnOnce(&mut std::process::Command)) -> Output {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios/quiet.yaml");
    let mut command = program();
    command.arg("run").arg(scenario).arg("--out").arg(out);
    arrange(&mut command);
    command.output().expect("the program starts")
}
