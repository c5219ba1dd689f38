//! Losses judged by lineage, on small histories.

use super::super::super::evidence::{DiskReport, DiskStep};
use super::super::super::sample::{at, healthy, kill, ok_at, promote};
use super::*;
use crate::chronicle::replication::Executed;
use crate::time::SimDuration;

/// Slot 3801: shard 1, which node-1 leads and node-2 copies.
const KEY: &str = "k27";

fn start(before: Option<Cut>) -> Begin {
    Begin::Start { before }
}

fn copied(of: usize, low: u64, high: u64) -> Cut {
    Cut { of: ReignId(of), extent: Extent::Copied(Copied { low, high, since: at(1) }) }
}

/// Node-1 writes from 0 s on, node-2 takes over at 20 s with what it had copied up to 100, or 100 to 120.
fn failed_over(coordinated: bool) -> Evidence {
    let mut evidence = healthy();
    promote(&mut evidence, NodeId(2), 20, coordinated);
    let replication = &mut evidence.chronicle.replication;
    replication.begin_for_test(Reign::new(NodeId(1), at(0), start(None)));
    let takeover = Begin::Takeover(copied(0, 100, 120));
    replication.begin_for_test(Reign::new(NodeId(2), at(20), takeover));
    evidence
}

/// The write with value `v` stands at an offset of node-1's stream.
fn stands_at(evidence: &mut Evidence, end: u64) {
    let digest = write_digest(KEY.as_bytes(), b"v");
    let executed = Executed { end, len: 10, digest };
    let reign = evidence.chronicle.replication.reign_for_test(ReignId(0));
    reign.execute(executed).expect("it is the first one");
}

fn ruled(evidence: &Evidence, owner: u16, (node, invoked, completed): (u16, u64, u64)) -> Ruling {
    Lineage::of(evidence).of_write(&ok_at(KEY, "v", node, invoked, completed), NodeId(owner))
}

fn is_excused(ruling: &Ruling) -> bool {
    matches!(ruling, Ruling::Excused(_))
}

#[test]
fn what_the_new_primary_had_executed_must_be_there_and_what_it_had_not_need_not() {
    for (end, excused) in [(90, false), (100, false), (110, true), (120, true), (130, true)] {
        let mut evidence = failed_over(false);
        stands_at(&mut evidence, end);
        let ruling = ruled(&evidence, 2, (1, 15, 16));
        assert_eq!(is_excused(&ruling), excused, "{end}: {ruling:?}");
    }
    let mut evidence = failed_over(false);
    stands_at(&mut evidence, 100);
    let had = Ruling::Owed("node-2 had it when it took over at 20.000000s".to_owned());
    assert_eq!(ruled(&evidence, 2, (1, 15, 16)), had);
}

#[test]
fn a_coordinated_handover_leaves_nothing_out() {
    let mut evidence = failed_over(true);
    stands_at(&mut evidence, 130);
    let why = "the handover to node-2 at 20.000000s was coordinated";
    assert_eq!(ruled(&evidence, 2, (1, 15, 16)), Ruling::Owed(why.to_owned()));
}

#[test]
fn whoever_brings_the_data_of_another_shard_excuses_nothing() {
    let mut evidence = failed_over(false);
    let replication = &mut evidence.chronicle.replication;
    replication.begin_for_test(Reign::new(NodeId(3), at(0), start(None)));
    replication.begin_for_test(Reign::new(NodeId(4), at(30), Begin::Takeover(copied(2, 0, 50))));
    let why =
        "node-4 took over at 30.000000s with what it had copied from node-3, and nothing of the shard's";
    assert_eq!(ruled(&evidence, 4, (1, 15, 16)), Ruling::Owed(why.to_owned()));
    // What it writes itself from then on is its own.
    let own = "node-4 executed it and kept its data since";
    assert_eq!(ruled(&evidence, 4, (4, 35, 36)), Ruling::Owed(own.to_owned()));
}

#[test]
fn an_old_primary_may_go_on_until_it_reads_of_the_new_one() {
    for coordinated in [false, true] {
        let mut evidence = failed_over(coordinated);
        assert!(is_excused(&ruled(&evidence, 2, (1, 25, 26))));
        evidence.chronicle.replication.reign_for_test(ReignId(1)).heard.push((NodeId(1), at(24)));
        let why = "node-1 had read at 24.000000s that node-2 had taken over";
        assert_eq!(ruled(&evidence, 2, (1, 25, 26)), Ruling::Owed(why.to_owned()));
        assert!(is_excused(&ruled(&evidence, 2, (1, 23, 26))), "it may have been executed before");
    }
}

#[test]
fn an_old_primary_must_stop_without_a_majority() {
    let mut evidence = failed_over(false);
    let silences = &mut evidence.chronicle.replication.silences;
    let mut hear = |from, s| silences.hear(NodeId(1), NodeId(from), at(s), Some(&[(from, from)]));
    [(3, 18), (5, 18), (3, 60)].into_iter().for_each(|(from, s)| hear(from, s));
    assert!(is_excused(&ruled(&evidence, 2, (1, 21, 22))), "1.5 node timeouts and two looks are not over");
    let why = "node-1 was out of touch with a majority and had to stop by 21.200000s";
    assert_eq!(ruled(&evidence, 2, (1, 22, 23)), Ruling::Owed(why.to_owned()));
    assert!(is_excused(&ruled(&evidence, 2, (1, 60, 61))), "it is back in touch");
}

#[test]
fn what_the_survivor_executed_itself_must_be_there() {
    let evidence = failed_over(false);
    let why = "node-2 executed it and kept its data since";
    assert_eq!(ruled(&evidence, 2, (2, 25, 26)), Ruling::Owed(why.to_owned()));
}

#[test]
fn a_write_that_no_replica_was_sent_is_in_no_copy_but_in_the_data_set_of_its_time() {
    let evidence = failed_over(false);
    assert!(is_excused(&ruled(&evidence, 2, (1, 15, 16))));
    let before_the_copy = Lineage::of(&evidence).of_write(
        &Entry { completed_at: Some(SimTime::ZERO + SimDuration::from_ms(900)), ..ok_at(KEY, "v", 1, 0, 1) },
        NodeId(2),
    );
    assert!(matches!(before_the_copy, Ruling::Owed(_)), "{before_the_copy:?}");
}

#[test]
fn a_branch_that_came_to_nothing_is_asked_for_at_its_fork() {
    let mut evidence = failed_over(false);
    let takeover = Begin::Takeover(copied(0, 90, 90));
    evidence.chronicle.replication.begin_for_test(Reign::new(NodeId(3), at(30), takeover));
    let ruling = ruled(&evidence, 3, (2, 25, 26));
    assert_eq!(ruling, Ruling::Excused("node-3 took over at 30.000000s".to_owned()));
}

#[test]
fn a_later_primary_may_have_less_of_an_old_reign_than_the_one_between() {
    let mut evidence = failed_over(false);
    stands_at(&mut evidence, 95);
    let takeover = Begin::Takeover(copied(1, 80, 90));
    evidence.chronicle.replication.begin_for_test(Reign::new(NodeId(3), at(30), takeover));
    assert!(is_excused(&ruled(&evidence, 3, (1, 15, 16))));
    assert!(!is_excused(&ruled(&evidence, 2, (1, 15, 16))));
}

/// Node-1 ends at 20 s and is back at 21 s; this is what its log says of its disk.
fn restarted(disk: &[(u64, DiskStep)]) -> Evidence {
    let mut evidence = healthy();
    kill(&mut evidence, NodeId(1), 20);
    evidence.exits[0].restarted_at = Some(at(21));
    let report = |(s, step): &(u64, DiskStep)| DiskReport { node: NodeId(1), at: at(*s), step: *step };
    evidence.disk = disk.iter().map(report).collect();
    let before = Cut { of: ReignId(0), extent: Extent::Until(at(21)) };
    let replication = &mut evidence.chronicle.replication;
    replication.begin_for_test(Reign::new(NodeId(1), at(0), start(None)));
    replication.begin_for_test(Reign::new(NodeId(1), at(21), start(Some(before))));
    evidence
}

#[test]
fn a_restart_leaves_out_what_the_disk_does_not_have() {
    let bare = restarted(&[]);
    let why = "node-1 was restarted at 21.000000s without its data";
    assert_eq!(ruled(&bare, 1, (1, 5, 6)), Ruling::Excused(why.to_owned()));
    let saved = DiskStep::Saved { as_of: at(9) };
    let snapshot = restarted(&[(10, saved), (21, DiskStep::LoadedSnapshot)]);
    assert!(is_excused(&ruled(&snapshot, 1, (1, 10, 11))));
    assert!(matches!(ruled(&snapshot, 1, (1, 5, 6)), Ruling::Owed(_)));
    let mut appended = restarted(&[(21, DiskStep::LoadedAppendOnly)]);
    appended.plan.cluster.config.insert("appendonly".to_owned(), "yes".to_owned());
    assert!(matches!(ruled(&appended, 1, (1, 15, 16)), Ruling::Owed(_)));
}

#[test]
fn nobody_can_say_where_nothing_was_seen() {
    assert_eq!(ruled(&healthy(), 1, (1, 5, 6)), Ruling::Unknown);
    let mut moved = failed_over(false);
    moved.moved.insert(key_slot(KEY.as_bytes()), crate::id::ShardId(2));
    assert_eq!(ruled(&moved, 2, (1, 15, 16)), Ruling::Unknown);
}

#[test]
fn a_node_surely_had_what_it_wrote_itself_and_what_it_took_along() {
    let mut evidence = failed_over(false);
    stands_at(&mut evidence, 100);
    let had = |evidence: &Evidence, node, from, to| {
        let write = ok_at(KEY, "v", 1, 15, 16);
        Lineage::of(evidence).surely_had(&write, NodeId(node), [at(from), at(to)])
    };
    assert!(had(&evidence, 1, 17, 18) && had(&evidence, 2, 21, 22));
    assert!(!had(&evidence, 2, 19, 22), "it took over meanwhile");
    let mut behind = failed_over(false);
    stands_at(&mut behind, 101);
    assert!(!had(&behind, 2, 21, 22), "it may not have executed it");
}

#[test]
fn a_write_of_two_reigns_is_excused_by_either() {
    let evidence = restarted(&[]);
    assert!(is_excused(&ruled(&evidence, 1, (1, 19, 22))));
    assert!(matches!(ruled(&evidence, 1, (1, 22, 23)), Ruling::Owed(_)));
}

#[test]
fn a_replica_that_had_more_than_the_winner_is_named() {
    let mut evidence = failed_over(false);
    stands_at(&mut evidence, 130);
    let reign = evidence.chronicle.replication.reign_for_test(ReignId(1));
    reign.others = vec![(NodeId(4), copied(0, 100, 100)), (NodeId(6), copied(0, 130, 130))];
    let why = "node-2 took shard 1 over from node-1 at 20.000000s, though node-6 had more";
    assert_eq!(ruled(&evidence, 2, (1, 15, 16)), Ruling::Excused(why.to_owned()));
}

#[test]
fn what_only_a_node_had_that_is_gone_may_be_lost_if_nobody_took_over_from_it() {
    let mut evidence = failed_over(false);
    assert_eq!(ruled(&evidence, 1, (2, 25, 26)), Ruling::Unknown);
    kill(&mut evidence, NodeId(2), 30);
    assert!(is_excused(&ruled(&evidence, 1, (2, 25, 26))));
    assert!(!is_excused(&ruled(&evidence, 1, (1, 15, 16))), "node-1 wrote it itself");
    let orphan = |node, from, to| Lineage::of(&evidence).of_orphan(&ok_at(KEY, "v", node, from, to));
    assert!(is_excused(&orphan(2, 25, 26)));
    assert!(matches!(orphan(1, 15, 16), Ruling::Owed(_)), "{:?}", orphan(1, 15, 16));
}
