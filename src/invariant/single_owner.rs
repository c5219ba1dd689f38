//! No slot is claimed for two live primaries, whoever says so.
//!
//! Two owners of one slot both acknowledge writes to it, and one of them will lose them. It happens for a moment in
//! any failover; once healed it must not.

use crate::wire::SLOT_COUNT;
use std::collections::BTreeMap;

use super::evidence::ViewEntry;
use super::layout::ranges;
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};
use crate::id::NodeId;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "single_owner",
    title: "Single Owner",
    statement: "no slot is claimed for two live primaries in any view",
    applies: Applies::OnceHealed,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut owners: Vec<Option<(NodeId, NodeId)>> = vec![None; usize::from(SLOT_COUNT)];
    let mut contested: BTreeMap<String, Vec<u16>> = BTreeMap::new();
    for node in case.evidence.seen() {
        for (owner, slots) in node.view.iter().filter_map(|row| claim(case, row)) {
            for slot in slots.iter().flat_map(|(first, last)| *first..=*last.min(&(SLOT_COUNT - 1))) {
                match owners[usize::from(slot)].get_or_insert((owner, node.node)) {
                    (other, _) if *other == owner => {}
                    (other, says) => {
                        let text =
                            format!("{other} in the view of {says} and for {owner} in that of {}", node.node);
                        contested.entry(text).or_default().push(slot);
                    }
                }
            }
        }
    }
    let mut findings = Findings::default();
    for (who, slots) in contested {
        let at = case.evidence.broken_since();
        findings.wrong(at, format!("Slots {} are claimed for {who}", ranges(&slots)));
    }
    case.note_unseen(&mut findings);
    findings.verdict(|| "No slot has two owners".to_owned())
}

/// The live primary a row speaks of, and its slots.
fn claim<'r>(case: &Case, row: &'r ViewEntry) -> Option<(NodeId, &'r [(u16, u16)])> {
    let owner = row.node.filter(|n| row.is_primary && !row.fail && case.evidence.is_live(*n))?;
    Some((owner, &row.slots))
}

#[cfg(test)]
mod tests {
    use super::super::sample::healthy;
    use super::*;

    #[test]
    fn a_healthy_cluster_has_one_owner_for_each_slot() {
        assert_eq!(check(&Case::of(&healthy())), Verdict::holds("No slot has two owners"));
    }

    #[test]
    fn two_live_primaries_with_one_slot_are_a_violation() {
        let mut evidence = healthy();
        let own = evidence.nodes[2].view.iter_mut().find(|r| r.is_myself()).expect("its own row");
        own.slots = vec![(5460, 10921)];
        let verdict = check(&Case::of(&evidence));
        assert!(verdict.is_violated());
        assert_eq!(
            verdict.detail(),
            "Slots 5460 are claimed for node-1 in the view of node-1 and for node-3 in that of node-3"
        );
    }

    #[test]
    fn a_node_that_was_not_asked_may_claim_anything() {
        let mut evidence = healthy();
        evidence.nodes[2].view.clear();
        assert!(check(&Case::of(&evidence)).is_unknown());
    }
}
