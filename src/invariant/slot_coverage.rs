//! Every slot has a live owner in the view of every live node, and a live primary serves it.
//!
//! Slots of shards that the plan itself took away are not asked for; all others are.

use std::collections::BTreeMap;

use super::evidence::NodeEvidence;
use super::expectation::{Fate, State};
use super::layout::{SlotSet, ranges};
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict};
use crate::id::NodeId;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "slot_coverage",
    title: "Slot Coverage",
    statement: "every live node's view gives all 16384 slots to live primaries, and they serve them",
    applies: Applies::OnceHealed,
    asked: |limits| limits.slot_coverage,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    views(case, &mut findings);
    answers(case, &mut findings);
    findings.verdict(|| match case.expectation.losses() {
        Some(losses) => format!("{losses}; all other slots assigned"),
        None => "All 16384 slots assigned".to_owned(),
    })
}

/// Sorts slots nobody owns by whether somebody must, and words what is wrong with them.
fn report(case: &Case, findings: &mut Findings, slots: &[u16], what: &str) {
    let fate = |slot: &u16| case.expectation.fate(case.evidence.shard_of_slot(*slot));
    let owed = slots.iter().copied().filter(|s| *fate(s) == Fate::Served).collect::<Vec<_>>();
    let open = slots.iter().copied().filter(|s| matches!(fate(s), Fate::Open(_))).collect::<Vec<_>>();
    if !owed.is_empty() {
        findings.wrong(case.evidence.broken_since(), format!("Slots {} {what}", ranges(&owed)));
    }
    if !open.is_empty() {
        let doubts = case.expectation.doubts().unwrap_or_default();
        findings.missing(format!("Slots {} {what}, but {doubts}", ranges(&open)));
    }
}

fn views(case: &Case, findings: &mut Findings) {
    case.note_unseen(findings);
    let mut holes: BTreeMap<(Vec<u16>, &str), Vec<NodeId>> = BTreeMap::new();
    for node in case.evidence.seen() {
        let (unassigned, dead) = holes_of(case, node);
        for (slots, what) in [(unassigned, "unassigned"), (dead, "owned by a dead or failed primary")] {
            holes.entry((slots, what)).or_default().push(node.node);
        }
    }
    for ((slots, what), nodes) in holes {
        let nodes = nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ");
        report(case, findings, &slots, &format!("{what} in the view of {nodes}"));
    }
}

/// The slots that nobody owns in a view, and those whose owner is dead or said to have failed.
fn holes_of(case: &Case, node: &NodeEvidence) -> (Vec<u16>, Vec<u16>) {
    let (mut assigned, mut served) = (SlotSet::empty(), SlotSet::empty());
    for row in node.view.iter().filter(|row| row.is_primary) {
        let lives = !row.fail && row.node.is_some_and(|owner| case.evidence.is_live(owner));
        for range in &row.slots {
            assigned.insert(*range);
            if lives {
                served.insert(*range);
            }
        }
    }
    (assigned.holes(|_| true), served.holes(|slot| assigned.contains(slot)))
}

/// While `cluster_state` must be `fail`, primaries refuse every slot and are right to.
fn answers(case: &Case, findings: &mut Findings) {
    if case.expectation.state() == State::Fail {
        return;
    }
    let (mut asked, mut served) = (SlotSet::empty(), SlotSet::empty());
    let mut errors = BTreeMap::new();
    for node in case.evidence.seen() {
        for answer in &node.slot_answers {
            asked.insert((answer.first, answer.last));
            match &answer.answer {
                Ok(()) => served.insert((answer.first, answer.last)),
                Err(error) => drop(errors.insert(node.node, error)),
            }
        }
    }
    let unasked =
        asked.holes(|slot| *case.expectation.fate(case.evidence.shard_of_slot(slot)) == Fate::Served);
    if !unasked.is_empty() {
        findings.missing(format!("no live primary was asked about slots {}", ranges(&unasked)));
    }
    let refused = served.holes(|slot| asked.contains(slot));
    let errors = errors.iter().map(|(node, error)| format!("{node}: {error}")).collect::<Vec<_>>().join(", ");
    match case.expectation.state() {
        State::Ok => report(case, findings, &refused, &format!("not served ({errors})")),
        _ if !refused.is_empty() => {
            findings.missing(format!("Slots {} not served ({errors})", ranges(&refused)))
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::evidence::SlotAnswer;
    use super::super::sample::{healthy, kill, kill_both};
    use super::*;

    #[test]
    fn a_healthy_cluster_covers_all_slots() {
        assert_eq!(check(&Case::of(&healthy())), Verdict::holds("All 16384 slots assigned"));
    }

    #[test]
    fn a_slot_that_one_view_lacks_is_a_violation() {
        let mut evidence = healthy();
        let row = evidence.nodes[3].view.iter_mut().find(|r| r.node == Some(NodeId(1))).expect("node-1");
        row.slots = vec![(0, 5000)];
        let verdict = check(&Case::of(&evidence));
        assert!(verdict.is_violated());
        assert_eq!(verdict.detail(), "Slots 5001-5460 unassigned in the view of node-4");
    }

    #[test]
    fn a_dead_owner_that_could_have_been_replaced_is_a_violation() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(1), 20);
        assert!(check(&Case::of(&evidence)).is_violated());
    }

    #[test]
    fn slots_of_a_shard_that_the_plan_killed_are_not_asked_for() {
        let mut evidence = healthy();
        kill_both(&mut evidence, NodeId(1), 20);
        let verdict = check(&Case::of(&evidence));
        assert_eq!(
            verdict,
            Verdict::holds("expected: shard 1 lost all its members; all other slots assigned")
        );
    }

    #[test]
    fn a_primary_that_refuses_its_slots_is_a_violation_and_one_not_asked_is_unknown() {
        let mut evidence = healthy();
        let refusal = Err("CLUSTERDOWN The cluster is down".to_owned());
        evidence.nodes[0].slot_answers = vec![SlotAnswer { first: 0, last: 5460, answer: refusal }];
        let verdict = check(&Case::of(&evidence));
        assert!(
            verdict.is_violated() && verdict.detail().starts_with("Slots 0-5460 not served"),
            "{verdict:?}"
        );
        evidence.nodes[0].slot_answers.clear();
        assert!(check(&Case::of(&evidence)).is_unknown());
    }

    #[test]
    fn a_live_node_without_a_view_makes_it_unknown() {
        let mut evidence = healthy();
        evidence.nodes[5].reachable = false;
        assert_eq!(check(&Case::of(&evidence)), Verdict::unknown("no view of node-6"));
    }
}
