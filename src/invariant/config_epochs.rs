//! Live primaries have config epochs of their own, and a replica tells its primary's.
//!
//! Of two claims to one slot the higher epoch wins; with equal epochs nobody does, and the slot has two owners for as
//! long as that lasts. Equal ones are told apart as soon as the two hear of each other
//! (`clusterHandleConfigEpochCollision`): the one with the smaller id takes a new epoch.

use std::collections::BTreeMap;

use super::account::{Heard, heard, note_unheard};
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict};
use crate::id::NodeId;
use crate::wire::Role;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "config_epochs",
    title: "Config Epochs",
    statement: "no two live primaries have the same config epoch, and a replica has its primary's",
    applies: Applies::OnceHealed,
    asked: |limits| limits.roles,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    note_unheard(case.evidence, &mut findings);
    let all = heard(case.evidence).collect::<Vec<_>>();
    for what in collisions(&all).into_iter().chain(all.iter().filter_map(|one| stale(one, &all))) {
        findings.wrong(case.evidence.broken_since(), what);
    }
    findings.verdict(|| "no two primaries have the same epoch".to_owned())
}

fn collisions(all: &[Heard]) -> Vec<String> {
    let mut primaries: BTreeMap<u64, Vec<NodeId>> = BTreeMap::new();
    for one in all.iter().filter(|one| one.own.role() == Some(Role::Primary)) {
        primaries.entry(one.own.config_epoch).or_default().push(one.node);
    }
    let equal = primaries.into_iter().filter(|(_, nodes)| nodes.len() > 1);
    let names = |nodes: &[NodeId]| nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(" and ");
    equal.map(|(epoch, nodes)| format!("{} both have config epoch {epoch}", names(&nodes))).collect()
}

/// A live replica that tells another epoch than its live primary does.
fn stale(one: &Heard, all: &[Heard]) -> Option<String> {
    let id = one.own.primary.as_ref().filter(|_| one.own.role() == Some(Role::Replica))?;
    let primary = all.iter().find(|other| other.own.id == *id)?;
    let (mine, theirs) = (one.own.config_epoch, primary.own.config_epoch);
    (mine != theirs)
        .then(|| format!("{} has epoch {mine} of its primary {}, which has {theirs}", one.node, primary.node))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{healthy, tell};
    use super::*;

    fn with_epoch(viewers: &[usize], of: u16, epoch: u64) -> Verdict {
        let mut evidence = healthy();
        for viewer in viewers {
            let rows = evidence.nodes[*viewer].view.iter_mut();
            rows.filter(|row| row.node == Some(NodeId(of))).for_each(|row| row.config_epoch = epoch);
        }
        tell(&mut evidence);
        check(&Case::of(&evidence))
    }

    #[test]
    fn a_healthy_cluster_has_an_epoch_for_each_primary() {
        assert_eq!(with_epoch(&[], 1, 1), Verdict::holds("no two primaries have the same epoch"));
    }

    #[test]
    fn an_epoch_of_two_primaries_is_a_violation() {
        assert!(with_epoch(&[0], 1, 3).detail().contains("node-1 and node-5 both have config epoch 3"));
    }

    #[test]
    fn an_old_epoch_at_a_replica_is_a_violation() {
        let text = "node-2 has epoch 7 of its primary node-1, which has 1";
        assert_eq!(with_epoch(&[1], 2, 7).detail(), text);
    }
}
