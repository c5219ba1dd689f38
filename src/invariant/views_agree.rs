//! All live nodes describe the same cluster, agree on its state, and no slot is left half migrated.
//!
//! When the plan itself took slots or the majority away, the survivors must still agree, and must all say `fail`: a
//! minority that goes on calling itself ok is what loses data.

use std::collections::BTreeMap;

use super::evidence::NodeEvidence;
use super::expectation::{Fate, State};
use super::layout::{is_given_up, ranges, shard_served};
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};
use crate::id::NodeId;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "views_agree",
    title: "Views Agree",
    statement: "all live nodes describe the same cluster, agree on its state and have no slot half migrated",
    applies: Applies::OnceHealed,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    case.note_unseen(&mut findings);
    states(case, &mut findings);
    let is_given_up = is_given_up(case.evidence);
    for node in case.evidence.seen() {
        let open = open_slots(node);
        if !open.is_empty() && !is_given_up {
            let what = format!("{} has open slots {open}", node.node);
            findings.wrong(case.evidence.broken_since(), what);
        }
    }
    agreement(case, &mut findings);
    let count = case.evidence.seen().count();
    findings.verdict(|| case.with_losses(format!("{count} nodes agree")))
}

fn states(case: &Case, findings: &mut Findings) {
    let says = |ok: bool| {
        let nodes = case.evidence.seen().filter(move |n| n.cluster_state_ok == Some(ok));
        nodes.map(|n| n.node.to_string()).collect::<Vec<_>>().join(", ")
    };
    let at = case.evidence.broken_since();
    let unread = case.evidence.seen().filter(|n| n.cluster_state_ok.is_none()).count();
    if unread > 0 {
        findings.missing(format!("cluster_state of {unread} nodes is not known"));
    }
    match (case.expectation.state(), says(true), says(false)) {
        (State::Ok, _, fail) if !fail.is_empty() => {
            findings.wrong(at, format!("cluster_state is fail on {fail}"));
        }
        (State::Fail, ok, _) if !ok.is_empty() => {
            let why = case.expectation.losses().unwrap_or_else(|| "no majority is left".to_owned());
            findings.wrong(at, format!("cluster_state is ok on {ok} ({why})"));
        }
        (State::Open, ok, fail) if !ok.is_empty() && !fail.is_empty() => {
            findings.wrong(at, format!("cluster_state is ok on {ok} and fail on {fail}"));
        }
        _ => {}
    }
}

/// The slots that a node has half moved, as printed.
fn open_slots(node: &NodeEvidence) -> String {
    let open = node.view.iter().flat_map(|row| &row.open_slots).cloned().collect::<Vec<_>>();
    open.join(" ")
}

/// Whether all live nodes of one look answered, say the cluster is ok, have no slot half moved, and describe the same
/// cluster: what an [`Agreement`](super::evidence::Agreement) records, by the same measure that judges the end.
pub fn agree(nodes: &[NodeEvidence]) -> bool {
    let answers = |n: &NodeEvidence| n.reachable && !n.view.is_empty() && n.cluster_state_ok == Some(true);
    let ok = |n: &NodeEvidence| answers(n) && open_slots(n).is_empty();
    nodes.iter().filter(|n| n.is_live()).all(ok) && disagreements(nodes).is_empty()
}

fn agreement(case: &Case, findings: &mut Findings) {
    // Which of the dead of a lost shard had its slots last is told by nobody any more to who was away then.
    let is_untold = |node: &NodeEvidence| {
        !node.is_live() && matches!(case.expectation.fate(shard_served(case.evidence, node)), Fate::Lost(_))
    };
    for (node, text) in disagreements(&case.evidence.nodes) {
        if !is_untold(node) {
            findings.wrong(case.evidence.broken_since(), text);
        }
    }
}

/// Every node of which two views say different things, or which lives and is no member to all.
fn disagreements(nodes: &[NodeEvidence]) -> Vec<(&NodeEvidence, String)> {
    let seen = || nodes.iter().filter(|n| n.is_live() && n.reachable && !n.view.is_empty());
    let mut found = Vec::new();
    for subject in nodes {
        let mut opinions: BTreeMap<String, Vec<NodeId>> = BTreeMap::new();
        for viewer in seen() {
            opinions.entry(opinion(viewer, subject)).or_default().push(viewer.node);
        }
        let missing = subject.is_live() && opinions.contains_key(STRANGER);
        if opinions.len() > 1 || missing {
            found.push((subject, format!("{} is {}", subject.node, told(&opinions))));
        }
    }
    found
}

const STRANGER: &str = "not a member";

/// What must be the same in every view of one node: for live nodes all that is gossiped without delay once quiet, for
/// dead ones only their slots, since without a majority a view can only suspect (`fail?`) and not declare (`fail`).
fn opinion(viewer: &NodeEvidence, subject: &NodeEvidence) -> String {
    let Some(row) = viewer.view.iter().find(|r| r.node == Some(subject.node) && !r.is_stranger()) else {
        return if subject.is_live() { STRANGER.to_owned() } else { "gone, slots []".to_owned() };
    };
    let slots = row.slots.iter().map(|(a, b)| format!("{a}-{b}")).collect::<Vec<_>>().join(",");
    if !subject.is_live() {
        return format!("gone, slots [{slots}]");
    }
    let health = if row.fail { "fail" } else { "up" };
    if row.is_primary {
        return format!("primary at epoch {}, {health}, slots [{slots}]", row.config_epoch);
    }
    let id = row.primary_id.as_deref().unwrap_or("nobody");
    let primary = viewer.view.iter().find(|r| r.id == id).and_then(|r| r.node);
    format!("replica of {}, {health}", primary.map_or(id.to_owned(), |p| p.to_string()))
}

/// Who says what, the rarer opinion first.
fn told(opinions: &BTreeMap<String, Vec<NodeId>>) -> String {
    let mut opinions = opinions.iter().collect::<Vec<_>>();
    opinions.sort_by_key(|(_, nodes)| nodes.len());
    let text = opinions.iter().map(|(what, nodes)| format!("\"{what}\" to node {}", ranges_of(nodes)));
    text.collect::<Vec<_>>().join(", ")
}

fn ranges_of(nodes: &[NodeId]) -> String {
    ranges(&nodes.iter().map(|n| n.0).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{healthy, kill_both};
    use super::*;

    #[test]
    fn a_healthy_cluster_agrees() {
        assert_eq!(check(&Case::of(&healthy())), Verdict::holds("6 nodes agree"));
    }

    #[test]
    fn a_view_with_an_old_epoch_is_a_violation() {
        let mut evidence = healthy();
        let row = evidence.nodes[5].view.iter_mut().find(|r| r.node == Some(NodeId(1))).expect("node-1");
        row.config_epoch = 9;
        let verdict = check(&Case::of(&evidence));
        assert!(verdict.is_violated());
        assert_eq!(
            verdict.detail(),
            "node-1 is \"primary at epoch 9, up, slots [0-5460]\" to node 6, \
             \"primary at epoch 1, up, slots [0-5460]\" to node 1-5"
        );
    }

    #[test]
    fn a_slot_left_half_migrated_is_a_violation() {
        let mut evidence = healthy();
        let own = evidence.nodes[0].view.iter_mut().find(|r| r.is_myself()).expect("its own row");
        own.open_slots = vec!["[93->-abc]".to_owned()];
        let verdict = check(&Case::of(&evidence));
        assert!(
            verdict.is_violated() && verdict.detail() == "node-1 has open slots [93->-abc]",
            "{verdict:?}"
        );
    }

    #[test]
    fn a_node_that_calls_the_cluster_down_is_a_violation() {
        let mut evidence = healthy();
        evidence.nodes[3].cluster_state_ok = Some(false);
        assert_eq!(check(&Case::of(&evidence)).detail(), "cluster_state is fail on node-4");
    }

    #[test]
    fn survivors_of_a_lost_shard_must_all_say_fail() {
        let mut evidence = healthy();
        kill_both(&mut evidence, NodeId(1), 20);
        let verdict = check(&Case::of(&evidence));
        assert_eq!(verdict, Verdict::holds("expected: shard 1 lost all its members; 4 nodes agree"));
        // Node 6 was away when node 2 had taken over from node 1, and nobody is left to tell.
        let mut one_missed_it = evidence.clone();
        for row in one_missed_it.nodes[2..5].iter_mut().flat_map(|node| &mut node.view) {
            match row.node {
                Some(NodeId(1)) => row.slots = vec![],
                Some(NodeId(2)) => row.slots = vec![(0, 5460)],
                _ => {}
            }
        }
        assert!(!check(&Case::of(&one_missed_it)).is_violated());
        evidence.nodes[3].cluster_state_ok = Some(true);
        let verdict = check(&Case::of(&evidence));
        assert!(verdict.is_violated() && verdict.detail().starts_with("cluster_state is ok on node-4"));
    }

    #[test]
    fn one_look_agrees_only_if_every_live_node_answered_and_is_ok() {
        let mut evidence = healthy();
        assert!(agree(&evidence.nodes));
        evidence.nodes[2].reachable = false;
        assert!(!agree(&evidence.nodes));
        evidence.nodes[2].alive = false;
        assert!(agree(&evidence.nodes), "nobody asks a dead node");
    }

    #[test]
    fn a_forgotten_member_is_a_violation() {
        let mut evidence = healthy();
        evidence.nodes[0].view.retain(|row| row.node != Some(NodeId(6)));
        assert!(check(&Case::of(&evidence)).is_violated());
    }
}
