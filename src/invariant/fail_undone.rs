//! A node that is heard again is not held for failed for ever.
//!
//! Source: `clearNodeFailureIfNeeded`, called with every `PONG`. A replica, or a primary without slots, is taken back at once; a
//! primary with slots after twice the node timeout, if nobody serves them meanwhile. What is judged at the end is therefore owed
//! once nothing has happened for that long, where the node is live and the link to it is up.

use super::evidence::{NodeEvidence, ViewEntry};
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict};
use crate::id::NodeId;
use crate::time::SimDuration;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "fail_undone",
    title: "FAIL Undone",
    statement: "once it is heard again for twice the node timeout, no live node is held for failed",
    applies: Applies::OnceHealed,
    asked: |limits| limits.membership,
    check,
};

/// How many node timeouts a primary with slots is held for failed (`CLUSTER_FAIL_UNDO_TIME_MULT`), and one for the next `PONG`.
const TIMEOUTS: u64 = 3;
/// Ticks, and links that are made anew.
const SLACK: SimDuration = SimDuration::from_secs(5);

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let mut findings = Findings::default();
    case.note_unseen(&mut findings);
    let quiet = evidence.last_disturbance_ended_at().map(|ended| evidence.ended_at.since(ended));
    let (longest, _) = evidence.chronicle.asks.node_timeouts();
    let is_owed = quiet.is_none_or(|quiet| quiet >= longest.times(TIMEOUTS) + SLACK);
    for viewer in evidence.seen().filter(|_| is_owed) {
        for node in held(evidence, viewer) {
            let what = format!("{} holds {node} for failed and hears it", viewer.node);
            findings.wrong(evidence.broken_since(), what);
        }
    }
    findings.verdict(|| match is_owed {
        true => "No live node is held for failed".to_owned(),
        false => "Too early to tell".to_owned(),
    })
}

/// The live nodes that a viewer holds for failed though its link to them is up.
fn held<'e>(evidence: &'e Evidence, viewer: &'e NodeEvidence) -> impl Iterator<Item = NodeId> + 'e {
    let is_misled = evidence.clock_misled(viewer.node, evidence.ended_at);
    let is_held = move |row: &&ViewEntry| row.fail && row.link_up && !row.is_myself() && !is_misled;
    let live = move |node: &NodeId| evidence.is_live(*node);
    viewer.view.iter().filter(is_held).filter_map(|row| row.node).filter(live)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{disturb, healthy, kill};
    use super::*;

    fn failing(viewer: usize, node: u16) -> Evidence {
        let mut evidence = healthy();
        let rows = evidence.nodes[viewer].view.iter_mut();
        rows.filter(|row| row.node == Some(NodeId(node))).for_each(|row| row.fail = true);
        evidence
    }

    #[test]
    fn a_live_node_that_is_held_for_failed_is_a_violation() {
        assert_eq!(check(&Case::of(&healthy())), Verdict::holds("No live node is held for failed"));
        let verdict = check(&Case::of(&failing(0, 4)));
        assert_eq!(verdict.detail(), "node-1 holds node-4 for failed and hears it");
        assert!(verdict.is_violated());
    }

    #[test]
    fn a_dead_node_one_that_is_not_heard_and_one_that_just_came_back_are_none() {
        let mut dead = healthy();
        kill(&mut dead, NodeId(4), 20);
        assert_eq!(check(&Case::of(&dead)).name(), "holds");
        let mut silent = failing(0, 4);
        silent.nodes[0].view.iter_mut().for_each(|row| row.link_up = false);
        assert_eq!(check(&Case::of(&silent)).name(), "holds");
        let mut early = failing(0, 4);
        disturb(&mut early, 80, 92);
        assert_eq!(check(&Case::of(&early)), Verdict::holds("Too early to tell"));
    }
}
