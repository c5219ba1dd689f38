//! Faults of single messages of the cluster bus do what they say on real servers, and nothing while they match nothing.

use valkey_fuzzer::event::{Body, Event};
use valkey_fuzzer::fault::BusAct;
use valkey_fuzzer::id::{ActorId, NodeId};
use valkey_fuzzer::report::ActionOutcome;
use valkey_fuzzer::time::SimTime;

use crate::support::{Ran, assert_violates, plan, run, server};

fn ran(body: &str) -> Ran {
    let head = "scenario: {name: bus, seed: 4}\ncluster: {node_timeout_ms: 2000, formation: preset}\n";
    run(&plan(&format!("{head}{body}")), &server())
}

/// What rules did, in order, and to whom.
fn ruled(events: &[Event]) -> Vec<(BusAct, NodeId, NodeId)> {
    let acts = events.iter().filter_map(|event| match &event.body {
        Body::Ruled { act, from, to, .. } => Some((*act, *from, *to)),
        _ => None,
    });
    acts.collect()
}

/// When somebody said in its log that it was elected.
fn elected_at(events: &[Event]) -> Option<SimTime> {
    let wins =
        |event: &&Event| matches!(&event.body, Body::Log { line } if line.contains("Failover election won"));
    events.iter().find(wins).map(|event| event.at)
}

const KILL: &str = "  - {type: process_kill, node: 1, at: 4}\n";

fn killed(rule: &str) -> Ran {
    ran(&format!("chaos:\n{KILL}  - {{{rule}}}\nworkload: {{duration: 24}}"))
}

#[test]
fn votes_that_are_lost_elect_nobody_until_they_arrive_again() {
    let votes = "type: bus_messages, do: drop, types: [failover_auth_ack], to: [2], at: 1, duration: 8";
    let (free, lost) =
        (killed("type: process_pause, node: 6, at: 22, duration: 0.1").events(), killed(votes));
    let (events, log) = (lost.events(), lost.log());
    let acts = ruled(&events);
    assert!(
        acts.len() >= 2 && acts.iter().all(|act| (act.0, act.2) == (BusAct::Drop, NodeId(2))),
        "{acts:?}"
    );
    let (before, after) =
        (elected_at(&free).expect("elected"), elected_at(&events).expect("elected in the end"));
    let healed = events.iter().find(|event| matches!(event.body, Body::Heal { .. })).map(|event| event.at);
    assert!(before < healed.expect("healed") && after > healed.expect("healed"), "{before} {after}\n{log}");
    let told = &lost.report.faults[1];
    assert_eq!(
        (told.outcome, told.detail.contains(&format!("{} messages", acts.len()))),
        (ActionOutcome::Done, true)
    );
}

#[test]
fn a_rule_that_nothing_matches_never_fired() {
    let ran = ran(
        "chaos:\n  - {type: bus_messages, do: drop, types: [update], at: 1, duration: 3}\nworkload: {duration: 6}",
    );
    let told = &ran.report.faults[0];
    assert_eq!((told.outcome, told.began_s), (ActionOutcome::Missed, None));
    assert!(told.detail.contains("no message matched"), "{}", told.detail);
    assert!(ruled(&ran.events()).is_empty());
}

#[test]
fn a_stale_link_holds_one_connection_of_a_pair_and_lets_the_other_go_on() {
    let ran =
        ran("chaos:\n  - {type: stale_link, node: 1, peer: 2, at: 2, duration: 6}\nworkload: {duration: 12}");
    let events = ran.events();
    let acts = ruled(&events);
    assert!(acts.contains(&(BusAct::Hold, NodeId(1), NodeId(2))), "{acts:?}");
    let held: Vec<u64> = events
        .iter()
        .filter_map(|event| event.body.conn().filter(|_| matches!(event.body, Body::Ruled { .. })))
        .collect();
    let span = |which: fn(&Body) -> bool| {
        events.iter().find(|event| which(&event.body)).map(|event| event.at).expect("it was")
    };
    let (fired, healed) =
        (span(|body| matches!(body, Body::Ruled { .. })), span(|body| matches!(body, Body::Heal { .. })));
    let delivered = events.iter().filter(|event| event.at > fired && event.at < healed);
    let delivered = delivered.filter_map(|event| match event.body {
        Body::Deliver { conn, .. } if event.actor == ActorId::Node(NodeId(2)) => Some(conn),
        _ => None,
    });
    let delivered: Vec<u64> = delivered.collect();
    let dialled = |from: u16, to: u16| {
        events
            .iter()
            .filter_map(move |event| match event.body {
                Body::Dial { from: by, conn, to: whom, port: 16379 }
                    if by == ActorId::Node(NodeId(from)) && whom.node() == Some(NodeId(to)) =>
                {
                    Some(conn)
                }
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert!(held.iter().all(|conn| dialled(1, 2).contains(conn)), "{held:?}");
    assert!(dialled(1, 2).iter().all(|conn| !delivered.contains(conn)), "the held one is silent");
    assert!(dialled(2, 1).iter().any(|conn| delivered.contains(conn)), "the other one goes on");
    assert!(
        events
            .iter()
            .all(|event| !matches!(&event.body, Body::Log { line } if line.contains("FAIL message")))
    );
}

#[test]
fn a_connection_that_is_reset_is_dialled_again() {
    let rule =
        "type: bus_messages, do: reset, types: [pong], from: [3], to: [1], count: 2, at: 2, duration: 3";
    let ran = ran(&format!("chaos:\n  - {{{rule}}}\nworkload: {{duration: 6}}"));
    let events = ran.events();
    let acts = ruled(&events);
    assert_eq!(acts, [(BusAct::Reset, NodeId(3), NodeId(1)); 2]);
    let first = events.iter().find(|event| matches!(event.body, Body::Ruled { .. })).expect("a rule hit");
    let again = events.iter().filter(|event| event.at > first.at).filter(|event| {
        matches!(event.body, Body::Dial { from, to, .. } if from == ActorId::Node(NodeId(1)) && to.node() == Some(NodeId(3)))
    });
    assert!(again.count() >= 2);
}

#[test]
fn junk_on_the_bus_is_told_to_the_judge_and_ends_no_server() {
    for act in ["flip", "truncate", "lie", "duplicate", "swap", "replay"] {
        let rule = format!("type: bus_messages, do: {act}, count: 40, percent: 50, at: 1, duration: 4");
        let ran = ran(&format!("chaos:\n  - {{{rule}}}\nworkload: {{duration: 7}}"));
        assert!(!ruled(&ran.events()).is_empty(), "{act}");
        let crash = &ran.validation("no_crash").verdict;
        assert_eq!(crash.name(), "holds", "{act}: {}", crash.detail());
        let others = ran.report.validations.iter().filter(|validation| validation.verdict.is_violated());
        assert_eq!(others.map(|validation| validation.name).collect::<Vec<_>>(), Vec::<&str>::new(), "{act}");
    }
}

/// A vote that comes when its candidate has begun to wait for the next election counts in that one: `failover_auth_count` is set
/// to 0 when an election is scheduled, and `failover_auth_epoch` only when it begins (`clusterHandleReplicaFailover`).
#[test]
fn a_vote_of_the_last_election_counts_in_the_next_one() {
    let ran = run(&plan(include_str!("../../scenarios/votes-of-the-last-election.yaml")), &server());
    assert_violates(&ran, "elections", "node-2 leads in epoch 8 with 1 of 2 votes");
}
