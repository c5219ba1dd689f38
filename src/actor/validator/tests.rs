//! The validator against clusters that answer as told.

mod cluster;

use std::collections::{BTreeMap, BTreeSet};

use self::cluster::Fake;
use super::*;
use crate::event::{Body, Doubt, Member, ViewRole, ViewRow, ViewState};
use crate::invariant::evidence::{Content, Role};
use crate::invariant::sample;
use crate::wire::resp::key_slot;

/// Three primaries without replicas.
fn three() -> Fake {
    begun(&sample::healthy_of(3, 0).plan)
}

/// Three primaries with a replica each: 1 and 2, 3 and 4, 5 and 6.
fn six() -> Fake {
    begun(&sample::healthy_of(3, 1).plan)
}

fn begun(plan: &Plan) -> Fake {
    let mut fake = Fake::new(plan);
    fake.tell(ValidatorMessage::Begin);
    fake
}

fn surveys(fake: &Fake) -> usize {
    fake.commands.iter().filter(|(node, command)| node.0 == 1 && command == "CLUSTER NODES").count()
}

fn secs(s: u64) -> SimDuration {
    SimDuration::from_secs(s)
}

fn settle(fake: &mut Fake) {
    fake.tell(ValidatorMessage::Settle);
}

#[test]
fn a_settled_cluster_is_surveyed_seldom_and_of_a_disturbed_one_those_who_stir() {
    let mut fake = three();
    fake.run_for(SimDuration::from_ms(150));
    assert_eq!(surveys(&fake), 1);
    // The survey that settles the cluster asks everybody.
    fake.run_for(secs(10));
    assert_eq!(surveys(&fake), 2);
    fake.node(1);
    fake.run_for(secs(2));
    assert_eq!(surveys(&fake), 2 + 1);
    fake.node(1).state = "fail";
    fake.tell(ValidatorMessage::Disturbed { why: "test".to_owned() });
    fake.run_for(SimDuration::from_ms(1050));
    // Who does not stir is asked twice a second, and who does at each survey.
    assert_eq!(surveys(&fake), 3 + 3);
    for _ in 0..10 {
        fake.node(1);
        fake.run_for(SimDuration::from_ms(100));
    }
    assert_eq!(surveys(&fake), 3 + 3 + 10);
}

#[test]
fn agreement_is_told_without_repeats_and_as_of_the_asking() {
    let mut fake = three();
    fake.run_for(secs(3));
    fake.node(2).failed = BTreeSet::from([NodeId(3)]);
    fake.run_for(secs(2));
    fake.node(2).failed.clear();
    fake.run_for(secs(2));
    settle(&mut fake);
    let agreement = fake.findings(10).agreement;
    let told = agreement.iter().map(|look| (look.at.as_ns() / 1_000_000, look.agreed)).collect::<Vec<_>>();
    assert_eq!(told, [(0, true), (4200, false), (5100, true)]);
}

#[test]
fn a_view_is_noted_once_and_then_only_what_changes_of_it() {
    let mut fake = three();
    fake.run_for(secs(3));
    fake.node(2).failed = BTreeSet::from([NodeId(3)]);
    fake.run_for(secs(2));
    let probes = fake.notes.iter().filter(|note| note.contains("Probe")).collect::<Vec<_>>();
    assert_eq!(probes.len(), 4);
    let row = |node: u16, slots: (u16, u16), doubt| ViewRow {
        member: Member::Node(NodeId(node)),
        role: ViewRole::Primary { epoch: 1 },
        slots: vec![slots],
        doubt,
    };
    let probe = |node: u16, rows| {
        let probe = Body::Probe { node: NodeId(node), state: ViewState::Ok, rows, gone: Vec::new() };
        format!("{probe:?}")
    };
    let third = (10_922, 16_383);
    let all = probe(1, vec![row(1, (0, 5460), None), row(2, (5461, 10_921), None), row(3, third, None)]);
    assert!(probes[0].ends_with(&all), "{}", probes[0]);
    let change = probe(2, vec![row(3, third, Some(Doubt::Fail))]);
    assert!(probes[3].ends_with(&change), "{}", probes[3]);
}

#[test]
fn what_a_healthy_cluster_holds_is_read_out() {
    let mut fake = six();
    fake.run_for(secs(2));
    settle(&mut fake);
    let findings = fake.findings(5);
    assert_eq!(findings.settle_began_at, Some(sample::at(2)));
    let (primary, replica) = (&findings.nodes[0], &findings.nodes[1]);
    assert!(
        findings.nodes.iter().all(|n| n.reachable && n.view.len() == 6 && n.cluster_state_ok == Some(true))
    );
    assert_eq!((primary.role, primary.primary, primary.link_up), (Some(Role::Primary), None, None));
    assert_eq!((replica.role, replica.primary), (Some(Role::Replica), Some(NodeId(1))));
    assert_eq!((replica.link_up, replica.offset), (Some(true), Some(1000)));
    assert_eq!(primary.slot_answers.len(), 1);
    assert!(primary.slot_answers[0].answer.is_ok() && replica.slot_answers.is_empty());
    assert!(findings.lag_samples.iter().all(|sample| sample.lag == SimDuration::ZERO));
    assert_eq!(findings.lag_samples.iter().filter(|sample| sample.node == NodeId(2)).count(), 3);
}

fn accounts(fake: &Fake, of: &str) -> usize {
    fake.notes.iter().filter(|note| note.contains("Account") && note.contains(of)).count()
}

#[test]
fn every_node_gives_an_account_of_itself_between_two_looks_into_its_file() {
    let mut fake = three();
    fake.node(2).saves = 2;
    settle(&mut fake);
    fake.findings(5);
    assert_eq!((fake.node(1).files_read, fake.node(2).files_read), (2, 3));
    assert_eq!([1, 2, 3].map(|node| accounts(&fake, &format!("NodeId({node})"))), [11, 22, 11]);
}

#[test]
fn expiring_keys_are_asked_for_their_instants_and_others_are_not() {
    let mut fake = three();
    fake.node(1).keys.insert("key:1".to_owned(), "x".to_owned());
    fake.node(3).keyspace = "# Keyspace\r\ndb0:keys=1,expires=1,avg_ttl=7\r\n";
    settle(&mut fake);
    fake.findings(5);
    let asked = fake.commands.iter().filter(|(_, command)| command.starts_with("PEXPIRETIME")).count();
    assert_eq!((asked, accounts(&fake, "Expiries")), (0, 1));
}

#[test]
fn a_key_that_expired_since_it_was_read_is_not_there() {
    let mut fake = three();
    let node = fake.node(1);
    node.keys = ["gone:0", "key:1"].map(|key| (key.to_owned(), "x".to_owned())).into();
    node.keyspace = "# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=7\r\n";
    settle(&mut fake);
    let keys = fake.findings(5).nodes[0].keys.clone().expect("keys");
    assert!(keys.keys().eq(["key:1"]), "{keys:?}");
}

#[test]
fn a_hash_whose_last_field_expired_before_its_type_was_asked_is_not_there() {
    let mut fake = three();
    let gone = (0..).map(|n| format!("gone:{n}")).find(|key| key_slot(key.as_bytes()) <= 5460).expect("one");
    fake.node(1).lists = BTreeSet::from([gone.clone()]);
    settle(&mut fake);
    let keys = fake.findings(5).nodes[0].keys.clone();
    assert_eq!(keys, Some(BTreeMap::new()));
    assert!(fake.commands.iter().any(|(_, command)| *command == format!("TYPE {gone}")));
}

#[test]
fn all_pages_of_keys_are_read_with_what_they_hold() {
    let mut fake = three();
    let keys = (0..100).map(|n| format!("key:{n}")).filter(|key| key_slot(key.as_bytes()) <= 5460);
    let keys = keys.map(|key| (key.clone(), format!("value of {key}"))).collect::<BTreeMap<_, _>>();
    fake.node(1).keys = keys.clone();
    let list = (0..).map(|n| format!("list:{n}")).find(|key| key_slot(key.as_bytes()) <= 5460).expect("one");
    let stream =
        (0..).map(|n| format!("stream:{n}")).find(|key| key_slot(key.as_bytes()) <= 5460).expect("one");
    // Whatever is no text is among these.
    fake.node(1).lists = BTreeSet::from([list.clone(), stream.clone()]);
    settle(&mut fake);
    let nodes = fake.findings(5).nodes;
    let mut read = nodes[0].keys.clone().expect("keys");
    let digest = format!("digest-of-{list}");
    assert_eq!(read.remove(&list), Some(Content::Other { kind: "list".to_owned(), digest }));
    let digest = format!("digest-of-{stream} g at 1-7 with 2 open");
    assert_eq!(read.remove(&stream), Some(Content::Other { kind: "stream".to_owned(), digest }));
    let wanted = keys.into_iter().map(|(key, value)| (key, Content::Text(value))).collect::<BTreeMap<_, _>>();
    assert!(wanted.len() > 20);
    let libraries = BTreeMap::from([("lib".to_owned(), "#!lua".to_owned())]);
    let node = &nodes[0];
    assert_eq!((node.evicted_keys, &node.functions), (Some(7), &Some(libraries)));
    assert_eq!(read, wanted);
}

#[test]
fn a_key_in_a_slot_of_another_node_is_not_overlooked() {
    let mut fake = three();
    let key = (0..).map(|n| format!("key:{n}")).find(|key| key_slot(key.as_bytes()) > 12_000).expect("one");
    fake.node(1).keys.insert(key.clone(), "dirty".to_owned());
    settle(&mut fake);
    let nodes = fake.findings(5).nodes;
    let digest = format!("digest-of-{key}");
    let content = Content::Other { kind: "MOVED".to_owned(), digest };
    assert_eq!(nodes[0].keys, Some(BTreeMap::from([(key, content)])));
    assert_eq!(nodes[1].keys, Some(BTreeMap::new()));
}

#[test]
fn a_node_that_never_answers_is_given_up_and_the_rest_is_read() {
    let mut fake = three();
    fake.node(2).silent = true;
    settle(&mut fake);
    fake.run_for(secs(39));
    assert!(!fake.judged);
    let findings = fake.findings(20);
    let silent = &findings.nodes[1];
    assert!(silent.is_live() && !silent.reachable && silent.keys.is_none() && silent.view.is_empty());
    assert!(findings.nodes[2].reachable && findings.nodes[2].keys.is_some());
    assert!(findings.agreement.iter().all(|look| !look.agreed));
}

#[test]
fn a_node_that_falls_silent_while_its_keys_are_read_has_none_to_show() {
    let mut fake = three();
    fake.node(2).keys = (0..50).map(|n| (format!("key:{n}"), String::new())).collect();
    settle(&mut fake);
    while !fake.commands.iter().any(|(node, command)| node.0 == 2 && command.starts_with("SCAN")) {
        fake.run_for(SimDuration::from_ms(1));
    }
    fake.node(2).silent = true;
    let nodes = fake.findings(10).nodes;
    assert!(nodes[1].reachable && nodes[1].keys.is_none() && nodes[0].keys.is_some());
}

#[test]
fn a_dead_node_is_neither_asked_nor_waited_for() {
    let mut fake = six();
    fake.run_for(secs(1));
    fake.kill(2);
    let asked = fake.commands.len();
    fake.run_for(secs(1));
    settle(&mut fake);
    let findings = fake.findings(5);
    assert!(fake.commands[asked..].iter().all(|(node, _)| node.0 != 2));
    assert!(!findings.nodes[1].alive && findings.nodes[1].node_id.is_some());
    assert!(findings.nodes[0].reachable && findings.nodes[0].view.len() == 6);
}

#[test]
fn slots_of_a_dead_node_are_no_agreement_before_somebody_took_them() {
    let mut fake = six();
    fake.run_for(secs(1));
    fake.kill(1);
    settle(&mut fake);
    fake.run_for(secs(2));
    assert!(!fake.judged, "nobody has noticed yet");
    (fake.node(2).primary, fake.node(2).slots) = (None, fake.node(1).slots.take());
    assert!(fake.findings(5).agreement.last().is_some_and(|look| look.agreed));
}

#[test]
fn replicas_are_waited_for_and_their_lag_is_told() {
    let mut fake = six();
    fake.run_for(secs(3));
    fake.node(1).offset = 1500;
    settle(&mut fake);
    fake.run_for(secs(3));
    assert!(!fake.judged);
    fake.node(2).offset = 1500;
    let findings = fake.findings(5);
    let behind = findings.lag_samples.iter().filter(|sample| sample.offset_behind_bytes > 0);
    let behind = behind.map(|s| (s.node.0, s.offset_behind_bytes, s.lag.as_ms())).collect::<Vec<_>>();
    assert_eq!(behind[..2], [(2, 500, 1000), (2, 500, 1300)]);
    assert_eq!(findings.nodes[1].offset, Some(1500));
}

#[test]
fn primaries_are_asked_for_their_offsets_before_replicas() {
    let mut fake = six();
    settle(&mut fake);
    fake.findings(5);
    let asked = fake.commands.iter().filter(|(_, command)| command == "INFO replication");
    let last = asked.map(|(node, _)| node.0).rev().take(6).collect::<Vec<_>>();
    assert_eq!(last, [6, 4, 2, 5, 3, 1]);
}

#[test]
fn a_paused_node_is_not_asked_and_has_nothing_to_say() {
    let mut fake = six();
    fake.node(2).silent = true;
    fake.tell(ValidatorMessage::NodePaused { node: NodeId(2), paused: true });
    settle(&mut fake);
    let paused = &fake.findings(60).nodes[1];
    assert!(paused.alive && paused.paused && !paused.reachable);
}

#[test]
fn when_everybody_is_dead_the_run_still_ends() {
    let mut fake = three();
    (1..=3).for_each(|node| fake.kill(node));
    settle(&mut fake);
    let findings = fake.findings(60);
    assert!(findings.nodes.iter().all(|n| !n.alive) && findings.agreement.iter().all(|a| !a.agreed));
}

#[test]
fn the_same_cluster_gives_the_same_log() {
    let run = || {
        let mut fake = six();
        fake.run_for(secs(2));
        fake.kill(4);
        settle(&mut fake);
        let findings = fake.findings(60);
        (fake.notes, fake.commands, format!("{findings:?}"))
    };
    assert_eq!(run(), run());
}
