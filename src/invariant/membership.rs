//! Membership is symmetric: every live node has the same members, all by their own ids, and nobody is half a member.
//!
//! A line in `handshake` stands for somebody who was met and never answered, and goes after a node timeout
//! (`clusterStartHandshake`, `nodeExceedsHandshakeTimeout`); one with `noaddr` for somebody whose address was lost. A dead node that one
//! forgot and another did not is told apart from a violation only by a `CLUSTER FORGET` that the plan typed.

use std::collections::BTreeMap;

use super::account::{heard, name_of, note_unheard};
use super::settings::typed;
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict};
use crate::id::{Host, NodeId};
use crate::wire::cluster_nodes::{NodeEntry, NodeFlag};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "membership",
    title: "Membership",
    statement: "all live nodes have the same members, and nobody is in handshake or without an address",
    applies: Applies::OnceHealed,
    asked: |limits| limits.membership,
    check,
};

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let mut findings = Findings::default();
    note_unheard(evidence, &mut findings);
    for what in strangers(evidence).into_iter().chain(unequal(evidence)) {
        findings.wrong(evidence.broken_since(), what);
    }
    let count = heard(evidence).map(|one| one.view.nodes.len()).max().unwrap_or(0);
    findings.verdict(|| format!("{count} members to everybody"))
}

/// Lines of half members.
fn strangers(evidence: &Evidence) -> Vec<String> {
    let mut found = Vec::new();
    for one in heard(evidence) {
        for (flag, what) in [(NodeFlag::Handshake, "in handshake"), (NodeFlag::Noaddr, "without an address")]
        {
            let rows = one.view.nodes.iter().filter(|row| row.has(&flag) && !knocks(evidence, row));
            let names = rows
                .map(|row| format!("{} ({})", name_of(evidence, &row.id), row.address.ip))
                .collect::<Vec<_>>();
            if !names.is_empty() {
                found.push(format!("{} has {} {what}", one.node, names.join(", ")));
            }
        }
    }
    found
}

/// Whether a line stands for a node that was sent away and knows the others still: it asks to be met as long as it lives.
fn knocks(evidence: &Evidence, row: &NodeEntry) -> bool {
    let mut outside = evidence.nodes.iter().filter(|node| node.outside && node.alive);
    row.has(&NodeFlag::Handshake)
        && outside.any(|node| Host::Node(node.node).address().to_string() == row.address.ip)
}

/// Members that some know and others do not.
fn unequal(evidence: &Evidence) -> Vec<String> {
    let mut known: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
    for one in heard(evidence) {
        for row in one.view.nodes.iter().filter(|row| !row.has(&NodeFlag::Handshake)) {
            known.entry(&row.id).or_default().push(one.node);
        }
    }
    let all = heard(evidence).map(|one| one.node).collect::<Vec<_>>();
    let forgotten = is_forgetful(evidence);
    let unequal =
        known.into_iter().filter(|(id, by)| by.len() < all.len() && (!forgotten || is_live(evidence, id)));
    unequal
        .map(|(id, by)| {
            let without =
                all.iter().filter(|node| !by.contains(node)).map(NodeId::to_string).collect::<Vec<_>>();
            format!("{} is no member to {}", name_of(evidence, id), without.join(", "))
        })
        .collect()
}

/// Whether the id is that of a live node.
fn is_live(evidence: &Evidence, id: &str) -> bool {
    heard(evidence).any(|one| one.own.id == id)
}

/// Whether the plan had a node forgotten or reset, so that what is left of a dead one may differ.
fn is_forgetful(evidence: &Evidence) -> bool {
    let layout = evidence.plan.cluster.layout();
    let mut sent = evidence.sent_operations();
    typed(evidence).any(|command| command.is(&["cluster", "forget"]) || command.is(&["cluster", "reset"]))
        || sent.any(|(op, _)| !op.action.sends_away(layout).is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{healthy, kill, operation, tell};
    use super::*;
    use crate::op::{Command, Ending, OpAction};

    fn forget(evidence: &mut Evidence, viewer: usize, node: u16) {
        evidence.nodes[viewer].view.retain(|row| row.node != Some(NodeId(node)));
        tell(evidence);
    }

    #[test]
    fn a_healthy_cluster_has_the_same_members_everywhere() {
        assert_eq!(check(&Case::of(&healthy())), Verdict::holds("6 members to everybody"));
    }

    #[test]
    fn a_member_that_one_does_not_know_is_a_violation() {
        let mut evidence = healthy();
        forget(&mut evidence, 0, 6);
        assert_eq!(check(&Case::of(&evidence)).detail(), "node-6 is no member to node-1");
    }

    #[test]
    fn a_dead_member_may_be_forgotten_by_some_if_the_plan_had_it_forgotten() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(6), 20);
        forget(&mut evidence, 0, 6);
        assert!(check(&Case::of(&evidence)).is_violated());
        let args = ["CLUSTER", "FORGET", "x"].map(str::to_owned).to_vec();
        operation(
            &mut evidence,
            OpAction::Command(Command { node: NodeId(1), args }),
            (30, 30),
            Ending::Done,
        );
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
    }

    #[test]
    fn half_a_member_is_a_violation() {
        let mut evidence = healthy();
        let row = evidence.nodes[2].view.iter_mut().find(|row| row.node == Some(NodeId(6))).expect("node-6");
        row.flags.push("noaddr".to_owned());
        tell(&mut evidence);
        let text = "node-3 has node-6 (10.0.0.6) without an address";
        assert_eq!(check(&Case::of(&evidence)).detail(), text);
    }

    #[test]
    fn who_was_sent_away_may_knock() {
        let mut evidence = healthy();
        (0..5).for_each(|viewer| forget(&mut evidence, viewer, 6));
        let rows = &mut evidence.nodes[2].view;
        let mut row = rows[0].clone();
        row.id = "f".repeat(40);
        (row.node, row.is_primary, row.slots) = (Some(NodeId(6)), true, Vec::new());
        row.flags = vec!["handshake".to_owned()];
        rows.push(row);
        tell(&mut evidence);
        assert!(check(&Case::of(&evidence)).detail().contains("node-3 has ffffffff (10.0.0.6) in handshake"));
        evidence.nodes[5].outside = true;
        evidence.accounts.remove(&NodeId(6));
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("6 members to everybody"));
    }
}
