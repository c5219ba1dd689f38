//! A node is called failing only by a majority of the primaries with slots, and doubted only after a node timeout without a
//! word of it; a primary with slots stays failing for twice the node timeout. One whose wall clock is wrong goes by that.
//!
//! Source: `markNodeAsFailingIfNeeded`, `clusterNodeCleanupFailureReports`, `clearNodeFailureIfNeeded`. A report counts for twice the node timeout after it was
//! read; it may have been read up to six seconds after it was delivered, so that much room is given.

use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};
use crate::chronicle::FailCall;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "failure_calls",
    title: "Failure Calls",
    statement: "a node is doubted only after a node timeout without a word of it, and called failing only by one that has the young \
                reports of a majority of the primaries with slots, and a primary with slots stays so for twice the node timeout",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let chronicle = &case.evidence.chronicle;
    let mut findings = Findings::default();
    let calls = chronicle.suspicions.calls();
    let was_misled = |node, at| case.evidence.clock_misled(node, at);
    for doubt in chronicle.suspicions.unfounded().iter().filter(|doubt| !was_misled(doubt.by, doubt.at)) {
        let (by, about, silent) = (doubt.by, doubt.about, doubt.at.since(doubt.heard_at));
        let what = format!("{by} doubts {about}, of which it heard {silent} before");
        findings.broken_by((doubt.at, doubt.event), what);
    }
    let by_hand = |call: &FailCall| chronicle.asks.changed_table(call.by, call.at);
    let calls_of_few = calls.iter().filter(|call| call.reports.len() < call.quorum && !by_hand(call));
    for call in calls_of_few.filter(|call| !was_misled(call.by, call.at)) {
        let (by, about, had, needs) = (call.by, call.about, call.reports.len(), call.quorum);
        let what = format!(
            "{by} called {about} failing with the reports of {had} primaries, and {needs} are a majority"
        );
        findings.broken_by((call.at, call.event), what);
    }
    for early in chronicle.pardons.early().iter().filter(|early| !was_misled(early.by, early.at)) {
        let (by, about, after) = (early.by, early.about, early.at.since(early.since));
        if !chronicle.asks.changed_table(by, early.at) && !chronicle.asks.changed_node(about, early.at) {
            let what = format!("{by} calls {about} well {after} after it was told that it is failing");
            findings.broken_by((early.at, early.event), what);
        }
    }
    findings.verdict(|| format!("{} calls", calls.len()))
}

#[cfg(test)]
mod tests {
    use super::super::sample::healthy;
    use super::*;
    use crate::chronicle::Message;
    use crate::chronicle::sample::{Says, at, event, id, message, of_type, works};
    use crate::event::{Body, MessageType};
    use crate::id::{ActorId, NodeId};
    use crate::invariant::Evidence;

    /// Three primaries; the first calls the third failing after it heard that the second doubts it, or not.
    fn judged(reported_at: Option<u64>) -> Verdict {
        let owner = |node: u16| Says::primary(node, u64::from(node), (node * 10, node * 10 + 9));
        let mut evidence = healthy();
        (1..=3).for_each(|node| evidence.chronicle.take(message(owner(node), 1, 1)));
        if let Some(s) = reported_at {
            evidence.chronicle.take(message(Says { gossip: vec![(3, 5)], ..owner(2) }, 1, s));
        }
        let about = Some(id(3));
        evidence.chronicle.take(Message { about, ..of_type(MessageType::FAIL, owner(1), 2, 40) });
        check(&Case::of(&evidence))
    }

    /// Node 1 is told at 10 s that node 3 is failing, and says otherwise; the node timeout is 2 s.
    fn pardoned(at_s: u64, claim: Says) -> Verdict {
        told_failing(|_| (), at_s, claim)
    }

    /// The same, after something else was said by the fifth second.
    fn told_failing(before: impl Fn(&mut Evidence), at_s: u64, claim: Says) -> Verdict {
        let owner = |node: u16| Says::primary(node, u64::from(node), (node * 10, node * 10 + 9));
        let mut evidence = healthy();
        let node = ActorId::Node(NodeId(1));
        evidence.chronicle.see(&event(1, node, Body::Start { incarnation: 1 }));
        for s in 2..=at_s {
            evidence.chronicle.see(&works(1, s));
            if s == 10 {
                let about = Some(id(3));
                evidence.chronicle.take(message(claim.clone(), 1, s));
                evidence.chronicle.take(Message { about, ..of_type(MessageType::FAIL, owner(2), 1, s) });
            } else if s < 10 {
                if s == 5 {
                    before(&mut evidence);
                }
                (1..=3).for_each(|from| evidence.chronicle.take(message(owner(from), from % 2 + 1, s)));
                evidence.chronicle.take(message(owner(3), 1, s));
            }
        }
        evidence.chronicle.take(message(Says { gossip: vec![(3, 1)], ..owner(1) }, 2, at_s));
        check(&Case::of(&evidence))
    }

    #[test]
    fn a_primary_with_slots_stays_failing_for_a_while() {
        let owner = Says::primary(3, 3, (30, 39));
        let is_early = |verdict: Verdict| verdict.detail().contains("node-1 calls node-3 well 3.000s after");
        assert!(is_early(pardoned(13, owner.clone())));
        assert!(!is_early(pardoned(14, owner.clone())) && !is_early(pardoned(13, Says::replica(3, 2))));
        let called = |evidence: &mut Evidence| {
            let says = Says { gossip: vec![(3, 9)], ..Says::primary(1, 1, (10, 19)) };
            evidence.chronicle.take(message(says, 2, 5));
        };
        assert!(!is_early(told_failing(called, 13, owner)), "it had called it so long before");
    }

    #[test]
    fn slots_that_are_taken_from_a_rival_are_nobodys_until_their_owner_is_heard_again() {
        // Node 4 had claimed the slots of node 3 in the same epoch, or had not, and follows it by now.
        let rival = |evidence: &mut Evidence| {
            evidence.chronicle.take(message(Says::primary(4, 3, (30, 39)), 1, 5));
        };
        let is_early = |before: &dyn Fn(&mut Evidence)| {
            let verdict = told_failing(before, 13, Says::replica(4, 3));
            verdict.detail().contains("node-1 calls node-3 well 3.000s after")
        };
        assert!(is_early(&|_| ()) && !is_early(&rival));
    }

    fn owner(node: u16) -> Says {
        Says::primary(node, u64::from(node), (node * 10, node * 10 + 9))
    }

    /// Node 3 follows the second when the first calls it failing, or leads, and leads in the end; the first says so much
    /// of itself meanwhile.
    fn promoted(before: &Says, meanwhile: Says) -> bool {
        let mut evidence = healthy();
        evidence.chronicle.see(&event(1, ActorId::Node(NodeId(1)), Body::Start { incarnation: 1 }));
        for s in 2..=12 {
            evidence.chronicle.see(&works(1, s));
            evidence.chronicle.take(message(owner(2), 1, s));
            evidence.chronicle.take(message(if s < 11 { before.clone() } else { owner(3) }, 1, s));
            if s == 10 {
                let about = Some(id(3));
                evidence.chronicle.take(Message { about, ..of_type(MessageType::FAIL, owner(1), 2, s) });
            }
        }
        evidence.chronicle.take(message(meanwhile, 2, 11));
        evidence.chronicle.take(message(Says { gossip: vec![(3, 1)], ..owner(1) }, 2, 12));
        check(&Case::of(&evidence)).detail().contains("node-1 calls node-3 well")
    }

    #[test]
    fn who_owned_nothing_when_it_was_called_failing_may_be_taken_back_at_once() {
        assert!(promoted(&owner(3), owner(1)));
        assert!(!promoted(&Says { epochs: (3, 2), ..Says::replica(3, 2) }, owner(1)));
        let successor = Says { slots: vec![(10, 19), (30, 39)], epochs: (9, 9), ..owner(1) };
        assert!(!promoted(&owner(3), successor), "it took all slots itself");
    }

    #[test]
    fn a_call_without_a_majority_of_young_reports_is_a_violation() {
        assert_eq!(judged(Some(38)), Verdict::holds("1 calls"));
        let what = "node-1 called node-3 failing with the reports of 1 primaries, and 2 are a majority";
        assert_eq!(judged(None), Verdict::broken_by((at(40), 40), what));
        assert_eq!(judged(Some(20)), Verdict::broken_by((at(40), 40), what));
    }
}
