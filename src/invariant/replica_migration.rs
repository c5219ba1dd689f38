//! A replica goes to another shard by itself only by the server's rule: to a primary without a replica that works, from one
//! that keeps enough, it alone, and only if it may.
//!
//! Source: `clusterHandleReplicaMigration`, `clusterCron`. A primary is without replicas if each of them is failing, for five
//! seconds; of the replicas of the primaries that have most, the one with the smallest cluster id moves, and its own primary must
//! keep as many as the migration barrier says. What each of them can have known is what reached it.

use super::settings::Settings;
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict, always_asked};
use crate::chronicle::Move;
use crate::time::SimDuration;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "replica_migration",
    title: "Replica Migration",
    statement: "a replica changes its shard by itself only if it may, to an orphaned primary, and in its turn",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

/// How long before a move is seen its settings may have been others.
const SEEN_WITHIN: SimDuration = SimDuration::from_secs(2);

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let moves = evidence.chronicle.moves.all();
    let mut findings = Findings::default();
    for moved in moves.iter().filter(|moved| !evidence.clock_misled(moved.node, moved.at)) {
        if let Some(what) = objection(evidence, moved) {
            let (node, from, to) = (moved.node, moved.from, moved.to);
            findings.broken_by((moved.at, moved.event), format!("{node} went from {from} to {to}, {what}"));
        }
    }
    findings.verdict(|| format!("{} replicas went to other shards by themselves", moves.len()))
}

/// What is wrong with a move.
fn objection(evidence: &Evidence, moved: &Move) -> Option<String> {
    let before = moved.at.before(SEEN_WITHIN);
    let settings = [before, moved.at].map(|at| Settings::at(evidence, moved.node, at));
    if !settings.iter().any(Settings::migrates_replicas) {
        return Some("and migration is switched off".to_owned());
    }
    let barrier = settings.iter().map(Settings::migration_barrier).min().unwrap_or_default();
    if moved.replicas <= barrier {
        let left = moved.replicas - 1;
        return Some(format!("and left {left} replicas there, below the barrier of {barrier}"));
    }
    let served = moved.served_by.map(|replica| format!("and {replica} is a replica there that works"));
    let lately = moved
        .failed_lately
        .map(|(replica, age)| format!("and {replica} was called failing there only {age} before"));
    served.or(lately).or_else(|| moved.before_it.map(|replica| format!("and {replica} comes before it")))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy_of};
    use super::*;
    use crate::chronicle::sample::{Says, event, message, of_type};
    use crate::chronicle::{Chronicle, Message};
    use crate::event::{Body, MessageType};
    use crate::id::{ActorId, NodeId};

    /// Three shards of three, where shard 2 has lost its replicas 5 and 6; the node goes to its primary 4 at 30 s.
    fn moved(node: u16, change: impl FnOnce(&mut Evidence)) -> Evidence {
        let mut evidence = healthy_of(3, 2);
        evidence.chronicle = Chronicle::new(&evidence.plan);
        for node in 1..=9 {
            evidence.chronicle.see(&event(0, ActorId::Node(NodeId(node)), Body::Start { incarnation: 1 }));
        }
        for (s, primary, replicas) in [(1, 1, [2, 3]), (2, 4, [5, 6])] {
            let slots = (s * 100, s * 100 + 50);
            evidence.chronicle.take(message(Says::primary(primary, u64::from(s), slots), node, 1));
            for replica in replicas {
                let says = Says { slots: vec![slots], ..Says::replica(replica, primary) };
                evidence.chronicle.take(message(says, if replica == node { 1 } else { node }, 1));
            }
        }
        change(&mut evidence);
        let says = Says { slots: vec![(200, 250)], ..Says::replica(node, 4) };
        evidence.chronicle.take(message(says, 1, 30));
        evidence
    }

    fn detail(evidence: &Evidence) -> String {
        check(&Case::of(evidence)).detail().to_owned()
    }

    #[test]
    fn a_replica_that_goes_to_an_orphan_in_its_turn_is_allowed() {
        let evidence = moved(2, |_| ());
        assert_eq!(evidence.chronicle.moves.all().len(), 1);
        assert_eq!(
            check(&Case::of(&evidence)),
            Verdict::holds("1 replicas went to other shards by themselves")
        );
    }

    #[test]
    fn one_that_may_not_go_is_a_violation() {
        let set = |name: &'static str, value: &'static str| {
            move |evidence: &mut Evidence| {
                evidence.plan.cluster.config.insert(name.to_owned(), value.to_owned());
            }
        };
        let off = moved(2, set("cluster-allow-replica-migration", "no"));
        assert_eq!(detail(&off), "node-2 went from node-1 to node-4, and migration is switched off");
        let barred = moved(2, set("cluster-migration-barrier", "2"));
        let what = "node-2 went from node-1 to node-4, and left 1 replicas there, below the barrier of 2";
        assert_eq!(check(&Case::of(&barred)), Verdict::broken_by((at(30), 30), what));
    }

    #[test]
    fn one_that_goes_out_of_turn_is_a_violation() {
        let evidence = moved(3, |_| ());
        assert_eq!(detail(&evidence), "node-3 went from node-1 to node-4, and node-2 comes before it");
    }

    #[test]
    fn one_that_goes_where_a_replica_works_is_a_violation() {
        let evidence = moved(2, |evidence| {
            let says = Says { slots: vec![(200, 250)], ..Says::replica(5, 4) };
            evidence.chronicle.take(message(says, 2, 29));
        });
        assert_eq!(
            detail(&evidence),
            "node-2 went from node-1 to node-4, and node-5 is a replica there that works"
        );
    }

    #[test]
    fn one_that_goes_at_once_is_a_violation() {
        let called = |s: u64| {
            moved(2, |evidence| {
                let about = Some(crate::chronicle::sample::id(5));
                let says = of_type(MessageType::FAIL, Says::primary(7, 3, (300, 350)), 2, s);
                evidence.chronicle.take(Message { about, ..says });
            })
        };
        let what =
            "node-2 went from node-1 to node-4, and node-5 was called failing there only 3.000s before";
        assert_eq!(detail(&called(27)), what);
        assert_eq!(check(&Case::of(&called(25))).name(), "holds");
    }

    #[test]
    fn one_that_was_started_again_may_go_back() {
        let moves = |restarts: bool| {
            let evidence = moved(2, |evidence| {
                let follows =
                    |primary, first| Says { slots: vec![(first, first + 50)], ..Says::replica(2, primary) };
                evidence.chronicle.take(message(follows(4, 200), 1, 20));
                if restarts {
                    let start = Body::Start { incarnation: 2 };
                    evidence.chronicle.see(&event(22, ActorId::Node(NodeId(2)), start));
                    evidence.chronicle.take(message(follows(4, 200), 1, 23));
                }
                evidence.chronicle.take(message(follows(1, 100), 1, 25));
            });
            evidence.chronicle.moves.all().len()
        };
        // What waited since before it left is said late, but not by another process.
        assert_eq!((moves(false), moves(true)), (1, 2));
    }

    #[test]
    fn one_that_follows_its_shards_slots_does_not_move() {
        let evidence = moved(2, |evidence| {
            let says = Says { slots: vec![(100, 250)], ..Says::primary(4, 7, (0, 0)) };
            evidence.chronicle.take(message(says, 2, 20));
        });
        assert!(evidence.chronicle.moves.all().is_empty());
    }
}
