//! What clients say beside `SET` and `GET`, on real clusters: every reply follows from what its node had executed.

use valkey_fuzzer::report::Status;

use crate::support::{Ran, all_servers, assert_violates, plan, run, server};

const EVERYTHING: &str = "scenario: {name: everything, seed: 3}
operations:
  - {type: failover, shard: 1, delay: 3}
chaos:
  - {type: process_kill, target: primary, shard: 2, at: 5}
workload:
  rate: 300
  clients: 12
  duration: 10
  reconnect: 30
  mix: {plain: 2, strings: 1, counters: 1, keys: 1, expiry: 1, lists: 1, hashes: 1, sets: 1, sorted_sets: 1, bitmaps: 1,
        cardinalities: 1, streams: 1, transactions: 3, scripts: 1, blocking: 2, scans: 2, fields: 2, objects: 1,
        promises: 2, users: 1, big: 1, channels: 2}
";

/// One word of each kind that no other one has.
const WORDS: [&str; 14] = [
    "EXEC",
    "FCALL",
    "BLPOP",
    "XREADGROUP",
    "PFCOUNT",
    "SETBIT",
    "ZPOPMIN",
    "SCAN",
    "HPEXPIRE",
    "RANDOMKEY",
    "WAIT",
    "AUTH",
    "BLMOVE",
    "SPUBLISH",
];

/// How many replies were explained, by the report.
fn explained(ran: &Ran) -> u64 {
    let detail = ran.validation("replies").verdict.detail();
    let count = detail.split(' ').next().and_then(|count| count.parse().ok());
    count.unwrap_or_else(|| panic!("{detail}"))
}

#[test]
fn every_kind_of_command_is_explained_on_every_server_through_a_failover_and_a_kill() {
    for server in all_servers() {
        let ran = run(&plan(EVERYTHING), &server);
        assert!(matches!(ran.report.status, Status::Passed), "{:?}", ran.report.validations);
        assert!(explained(&ran) > 900, "{}", ran.validation("replies").verdict.detail());
        for word in WORDS {
            assert!(ran.log().contains(&format!("[\"{word}\"")), "{word} was never said");
        }
        let promises = ran.validation("promises").verdict.detail().to_owned();
        assert!(promises.contains("promises of replicas kept") && !promises.starts_with("0 "), "{promises}");
        assert!(ran.log().contains("\"what\":\"redirect\""), "nobody was sent elsewhere");
    }
}

#[test]
fn the_third_version_of_the_protocol_and_replicas_are_asked_too() {
    let body = EVERYTHING.replace("reconnect: 30", "protocol: 3\n  pinned: true");
    let ran = run(&plan(&body), &server());
    assert!(matches!(ran.report.status, Status::Passed), "{:?}", ran.report.validations);
    let detail = ran.validation("replies").verdict.detail();
    assert!(detail.contains("of them by replicas") && explained(&ran) > 900, "{detail}");
}

#[test]
fn elements_that_a_new_primary_lacks_though_it_had_executed_them_are_missed_by_the_next_reply() {
    for mix in ["lists: 1, hashes: 1", "transactions: 1"] {
        let ran = run(
            &plan(&format!(
                "scenario: {{name: missing, seed: 1}}
operations:
  - {{type: command, node: 2, args: [CONFIG, SET, replica-read-only, 'no'], delay: 6}}
  - {{type: command, node: 2, args: [FLUSHALL]}}
  - {{type: failover, shard: 1, mode: force}}
workload: {{duration: 10, rate: 200, mix: {{{mix}}}}}"
            )),
            &server(),
        );
        assert_violates(&ran, "replies", "by what was executed");
    }
}

#[test]
fn commands_by_hand_are_said_word_by_word() {
    let ran = run(
        &plan(
            "scenario: {name: by_hand, seed: 1}
workload:
  commands:
    - {client: 1, at: 0.5, cmd: [RPUSH, l, a, b]}
    - {client: 2, at: 1.0, multi: [[LPOP, l], [INCR, '{l}n']]}
    - {client: 1, at: 1.5, pipeline: [[LLEN, l], [GET, '{l}n']]}",
        ),
        &server(),
    );
    assert!(matches!(ran.report.status, Status::Passed), "{:?}", ran.report.validations);
    assert_eq!(explained(&ran), 3);
    for told in [
        "{\"replied\":[{\"int\":2}]}",
        "{\"list\":[{\"text\":\"a\"},{\"int\":1}]}",
        "{\"replied\":[{\"int\":1},{\"text\":\"1\"}]}",
    ] {
        assert!(ran.log().contains(told), "nobody was told {told}");
    }
}

/// Subscribers at every node, and a slot of a channel that moves.
const CHANNELS: &str = "scenario: {name: channels, seed: 1}
operations:
  - {type: reshard, from: 1, to: 2, slots: [2447], delay: 4}
workload: {duration: 8, rate: 100, mix: {channels: 1}, protocol: VERSION}
";

#[test]
fn subscribers_are_told_everything_once_and_that_their_slot_moved_on_every_server() {
    for (server, version) in all_servers().into_iter().zip(["2", "3"].into_iter().cycle()) {
        let ran = run(&plan(&CHANNELS.replace("VERSION", version)), &server);
        assert!(matches!(ran.report.status, Status::Passed), "{:?}", ran.report.validations);
        let detail = ran.validation("channels").verdict.detail().to_owned();
        assert!(detail.contains("told to subscribers") && !detail.contains(" 0 could be missed"), "{detail}");
        for push in
            ["\"message\",\"news:0\"", "\"smessage\",\"shard:1\"", "\"sunsubscribe\",\"shard:0\"", "\"pong\""]
        {
            assert!(ran.log().contains(&format!("\"push\":[{push}")), "nobody was told {push}");
        }
    }
}
