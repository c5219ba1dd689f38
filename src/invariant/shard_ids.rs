//! Shard ids agree: a node has the same one to everybody, a replica has its primary's, and no two live primaries share one, be it
//! that one of them has no slots: a node that leaves its shard as a primary takes a new one (`clusterReset`, `CLUSTER REPLICATE NO ONE`).
//!
//! A client that routes by `CLUSTER SHARDS` takes the members of one id for one shard. Ids travel with every full
//! message (`CLUSTERMSG_EXT_TYPE_SHARDID`) and are adopted with the primary (`updateShardId`, `clusterSetPrimary`).

use std::collections::BTreeMap;

use super::account::{Heard, heard, name_of, note_unheard};
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict};
use crate::id::NodeId;
use crate::wire::Role;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "shard_ids",
    title: "Shard Ids",
    statement: "shard ids agree on all nodes, replicas have their primary's, and each has one primary",
    applies: Applies::OnceHealed,
    asked: |limits| limits.roles,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    note_unheard(case.evidence, &mut findings);
    let all = heard(case.evidence).collect::<Vec<_>>();
    let mut wrong = shared(&all);
    wrong.extend(all.iter().filter_map(|one| apart_from_primary(case.evidence, one, &all)));
    wrong.extend(all.iter().flat_map(|one| grouped(case.evidence, one, &all)));
    for what in wrong {
        findings.wrong(case.evidence.broken_since(), what);
    }
    findings.verdict(|| format!("{} nodes agree", all.len()))
}

/// Who stands in a node's own shard in its `CLUSTER SHARDS` and has another id by its own account, or the reverse.
fn grouped(evidence: &Evidence, viewer: &Heard, all: &[Heard]) -> Vec<String> {
    let Some(shard) = viewer.account.shard_of(&viewer.own.id) else {
        return Vec::new();
    };
    let ids = |one: &Heard| one.account.shard_id.clone();
    let differs = |one: &&Heard| {
        let together = shard.members.iter().any(|member| member.id == one.own.id);
        ids(one).is_some() && ids(viewer).is_some() && together != (ids(one) == ids(viewer))
    };
    let wrong = all.iter().filter(differs);
    wrong.map(|one| told(evidence, viewer, one)).collect()
}

fn told(evidence: &Evidence, viewer: &Heard, one: &Heard) -> String {
    let id = |one: &Heard| {
        one.account.shard_id.as_deref().map_or(String::new(), |id| id.chars().take(8).collect())
    };
    let (mine, theirs) = (id(viewer), id(one));
    let name = name_of(evidence, &one.own.id);
    match mine == theirs {
        true => format!("{name} is in shard {theirs} like {0}, and not in {0}'s CLUSTER SHARDS", viewer.node),
        false => format!("{name} is in shard {theirs}, and in {mine} in {}'s CLUSTER SHARDS", viewer.node),
    }
}

/// A live replica whose live primary has another shard id.
fn apart_from_primary(evidence: &Evidence, one: &Heard, all: &[Heard]) -> Option<String> {
    let id = one.own.primary.as_ref().filter(|_| one.own.role() == Some(Role::Replica))?;
    let primary = all.iter().find(|other| other.own.id == *id)?;
    let (mine, theirs) = (one.account.shard_id.as_ref()?, primary.account.shard_id.as_ref()?);
    (mine != theirs)
        .then(|| format!("{} has another shard id than its primary {}", one.node, name_of(evidence, id)))
}

/// Live primaries that share a shard id.
fn shared(all: &[Heard]) -> Vec<String> {
    let mut primaries: BTreeMap<&str, Vec<NodeId>> = BTreeMap::new();
    for one in all.iter().filter(|one| one.own.role() == Some(Role::Primary)) {
        if let Some(id) = &one.account.shard_id {
            primaries.entry(id).or_default().push(one.node);
        }
    }
    let shared = primaries.values().filter(|nodes| nodes.len() > 1);
    let names = |nodes: &Vec<NodeId>| nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(" and ");
    shared.map(|nodes| format!("{} are primaries of one shard id", names(nodes))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{healthy, promote, tell};
    use super::*;

    fn violation(change: impl FnOnce(&mut Evidence)) -> String {
        super::super::sample::violation(check, change)
    }

    fn set(evidence: &mut Evidence, node: u16, id: &str) {
        evidence.accounts.get_mut(&NodeId(node)).expect("an account").shard_id = Some(id.to_owned());
    }

    #[test]
    fn a_healthy_cluster_and_one_that_failed_over_agree() {
        let mut evidence = healthy();
        promote(&mut evidence, NodeId(2), 20, false);
        tell(&mut evidence);
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("6 nodes agree"));
    }

    #[test]
    fn a_replica_with_a_shard_id_of_its_own_is_a_violation() {
        let text = violation(|evidence| set(evidence, 2, "beef"));
        assert!(text.contains("node-2 has another shard id than its primary node-1"), "{text}");
        assert!(
            text.contains("node-2 is in shard beef, and in 00000000 in node-1's CLUSTER SHARDS"),
            "{text}"
        );
    }

    #[test]
    fn two_primaries_of_one_shard_id_are_a_violation() {
        let text = violation(|evidence| {
            let id = evidence.accounts[&NodeId(1)].shard_id.clone().expect("an id");
            set(evidence, 3, &id);
        });
        assert!(text.contains("node-1 and node-3 are primaries of one shard id"), "{text}");
    }

    #[test]
    fn a_primary_without_slots_does_not_share_a_shard_id_either() {
        let text = violation(|evidence| {
            let id = evidence.accounts[&NodeId(1)].shard_id.clone().expect("an id");
            set(evidence, 3, &id);
            let account = evidence.accounts.get_mut(&NodeId(3)).expect("an account");
            let view = account.nodes.as_mut().expect("a view");
            view.nodes.iter_mut().filter(|node| node.is_myself()).for_each(|node| node.slots.clear());
        });
        assert!(text.contains("node-1 and node-3 are primaries of one shard id"), "{text}");
    }
}
