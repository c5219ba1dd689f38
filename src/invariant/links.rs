//! Every live node is connected with every other on the bus, both ways, and suspects none of them.
//!
//! Each pair has a connection in either direction: A dials B for its pings, and B dials A. A node that lost one of them
//! hears half of what is said: a lost `node->link` is dialled again within a cron, a peer that dialled us and whom we
//! do not hear is met again (`clusterNodeCronHandleReconnect`).

use super::account::{Heard, heard, note_unheard};
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict};
use crate::id::NodeId;
use crate::wire::cluster_nodes::Health;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "links",
    title: "Links",
    statement: "all live nodes are connected with each other in both directions, and suspect none of each other",
    applies: Applies::OnceHealed,
    asked: |limits| limits.membership,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    note_unheard(case.evidence, &mut findings);
    let all = heard(case.evidence).collect::<Vec<_>>();
    let mut count = 0;
    for one in &all {
        let others = all.iter().filter(|other| other.node != one.node).collect::<Vec<_>>();
        count += others.len();
        for (other, what) in
            others.iter().flat_map(|other| wrong(one, other).into_iter().map(|what| (other.node, what)))
        {
            findings.wrong(case.evidence.broken_since(), told(one.node, what, other));
        }
    }
    findings.verdict(|| format!("{count} links in both directions"))
}

fn told(node: NodeId, what: &str, other: NodeId) -> String {
    format!("{node} {what} {other}")
}

/// What is wrong between a node and another that it knows.
fn wrong(one: &Heard, other: &Heard) -> Vec<&'static str> {
    let Some(row) = one.view.node(&other.own.id) else {
        return Vec::new();
    };
    let links = one.account.links.as_ref();
    let checks = [
        (links.is_some_and(|links| !links.to.contains(&row.id)), "has no link to"),
        (links.is_some_and(|links| !links.from.contains(&row.id)), "has no link from"),
        (row.health() == Health::Suspected, "suspects"),
        (row.health() == Health::Failed, "holds for failed"),
    ];
    checks.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, what)| what).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{healthy, kill, tell};
    use super::*;

    #[test]
    fn a_healthy_cluster_is_connected_and_the_dead_are_not_asked_for() {
        assert_eq!(check(&Case::of(&healthy())), Verdict::holds("30 links in both directions"));
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(6), 20);
        tell(&mut evidence);
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("20 links in both directions"));
    }

    #[test]
    fn a_link_of_one_direction_only_is_a_violation() {
        let mut evidence = healthy();
        let id = evidence.nodes[5].node_id.clone().expect("an id");
        let links = evidence.accounts.get_mut(&NodeId(1)).and_then(|account| account.links.as_mut());
        links.expect("links").from.remove(&id);
        assert_eq!(check(&Case::of(&evidence)).detail(), "node-1 has no link from node-6");
    }

    #[test]
    fn a_suspicion_of_a_live_node_is_a_violation() {
        let mut evidence = healthy();
        let row = evidence.nodes[2].view.iter_mut().find(|row| row.node == Some(NodeId(6))).expect("node-6");
        row.pfail = true;
        tell(&mut evidence);
        assert_eq!(check(&Case::of(&evidence)).detail(), "node-3 suspects node-6");
    }
}
