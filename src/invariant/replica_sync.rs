//! Every live node that is no primary with slots replicates a primary of its own shard, and has all it wrote.
//!
//! "Its own shard" is the one it was laid out in, or the one that the operator gave it to (`CLUSTER REPLICATE`). A failover
//! does not move a node to another shard. The server's own replica migration (`clusterHandleReplicaMigration`: a primary
//! that lost all its replicas gets one from a primary that has two or more) is legal and is recognised.

use super::evidence::{Evidence, NodeEvidence, Role};
use super::expectation::Fate;
use super::layout::{is_emptied, shard_served};
use super::settings::Settings;
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, standing};
use crate::id::{NodeId, ShardId};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "replica_sync",
    title: "Replica Sync",
    statement: "every live replica is linked to a live primary of its own shard and has all that it wrote",
    applies: Applies::OnceHealed,
    asked: |limits| limits.replica_sync,
    check,
};

/// What a primary may send between the two looks (a `PING` is 14 bytes, a `REPLCONF GETACK` 37): a replica that is
/// further ahead of its primary has another history.
const AHEAD_BYTES_MAX: u64 = 1024;

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    case.note_unseen(&mut findings);
    let mut synchronised = 0;
    for node in case.evidence.seen() {
        if case.expectation.fate(shard_served(case.evidence, node)) == &Fate::Served {
            synchronised += usize::from(judge_node(case, node, &mut findings));
        }
    }
    findings.verdict(|| match (case.evidence.plan.cluster.replicas, case.expectation.losses()) {
        (0, _) => "No replicas configured".to_owned(),
        (_, None) => format!("All replicas synchronized ({synchronised})"),
        (_, Some(losses)) => format!("{losses}; all other replicas synchronized ({synchronised})"),
    })
}

/// Judges one node and says whether it is a replica that was judged.
fn judge_node(case: &Case, node: &NodeEvidence, findings: &mut Findings) -> bool {
    let at = case.evidence.broken_since();
    let mut wrong = |what: String| findings.wrong(at, format!("{} {what}", node.node));
    let home = standing::home(case.evidence, node.node);
    let serves = shard_served(case.evidence, node);
    let is_free = home.nowhere || home.shards.iter().any(|shard| is_emptied(case.evidence, *shard));
    let legal = |shard: &ShardId| *shard == serves || migration_is_legal(case, (node.node, *shard), serves);
    let own = home.shards.first().map(ShardId::to_string).unwrap_or_default();
    if !is_free && !home.shards.iter().any(legal) {
        wrong(format!("of {own} serves {serves}"));
    }
    let Some(row) = node.own_row() else {
        findings.missing(format!("{} has no row of its own", node.node));
        return false;
    };
    match (node.role, row.is_primary) {
        (Some(Role::Primary), false) | (Some(Role::Replica), true) => {
            wrong("has one role in INFO and another in CLUSTER NODES".to_owned());
        }
        (_, true) if row.slots.is_empty() && !is_free => {
            wrong(format!("is a primary without slots, not a replica of {own}"))
        }
        (None, _) => findings.missing(format!("the role of {} is not known", node.node)),
        (_, true) => {}
        (_, false) => link(case, node, findings),
    }
    !row.is_primary
}

/// Judges the link and the offset of a replica.
fn link(case: &Case, node: &NodeEvidence, findings: &mut Findings) {
    let at = case.evidence.broken_since();
    let Some(primary) = node.primary.and_then(|p| case.evidence.node(p)) else {
        return findings.wrong(at, format!("{} replicates nobody of the cluster", node.node));
    };
    let owns_nothing = primary.own_slots().is_empty() && !stays_empty(case.evidence, primary.node);
    if !primary.is_live() || owns_nothing {
        let what = if primary.is_live() { "owns no slots" } else { "is dead" };
        return findings.wrong(at, format!("{} replicates {}, which {what}", node.node, primary.node));
    }
    match node.link_up {
        Some(true) => offsets(case, node, primary, findings),
        Some(false) => findings.wrong(at, format!("the link of {} to {} is down", node.node, primary.node)),
        None => findings.missing(format!("the link of {} is not known", node.node)),
    }
}

/// Whether a primary stays what it is, with its replicas, once the last of its slots was moved away: it follows nobody where
/// replicas may not migrate (`clusterUpdateSlotsConfigWith`).
fn stays_empty(evidence: &Evidence, primary: NodeId) -> bool {
    let home = standing::home(evidence, primary);
    home.shards.iter().any(|shard| is_emptied(evidence, *shard))
        && !Settings::at(evidence, primary, evidence.ended_at).migrates_replicas()
}

fn offsets(case: &Case, node: &NodeEvidence, primary: &NodeEvidence, findings: &mut Findings) {
    let (Some(has), Some(wrote)) = (node.offset, primary.offset) else {
        return findings.missing(format!("the offset of {} or {} is not known", node.node, primary.node));
    };
    let text = match (wrote.saturating_sub(has), has.saturating_sub(wrote)) {
        (0, ..=AHEAD_BYTES_MAX) => return,
        (0, ahead) => format!("{} is {ahead} bytes ahead of its primary {}", node.node, primary.node),
        (behind, _) => format!("{} is {behind} bytes behind its primary {}", node.node, primary.node),
    };
    findings.wrong(case.evidence.ended_at, text);
}

/// Whether the server itself may have moved a node of a shard to another one: as a replica for a primary that had none, or as
/// an old primary behind who took its last slots.
fn migration_is_legal(case: &Case, (node, home): (NodeId, ShardId), to: ShardId) -> bool {
    may_fill_in(case, (node, home), to) || may_follow_slots(case.evidence, (node, home), to)
}

/// Replica migration is on, the node's shard had a replica to spare, and somebody of the other shard was out of order
/// (`clusterHandleReplicaMigration`).
fn may_fill_in(case: &Case, (node, home): (NodeId, ShardId), to: ShardId) -> bool {
    let evidence = case.evidence;
    let hurt = |n: &NodeId| standing::home(evidence, *n).shards.contains(&to);
    let orphaned = evidence.faults.iter().flat_map(|f| &f.hit).any(hurt)
        || evidence.exits.iter().map(|e| &e.node).any(hurt);
    let is_guest = |n: &NodeEvidence| {
        evidence.plan.cluster.shard_of(n.node) != home && shard_served(evidence, n) == home
    };
    let spare = evidence.plan.cluster.replicas >= 2 || evidence.seen().any(is_guest);
    Settings::at(evidence, node, evidence.ended_at).migrates_replicas() && spare && orphaned
}

/// A primary that learns after an absence that all its slots are others' follows who took the last of them
/// (`clusterUpdateSlotsConfigWith`): after a reshard that may be another shard than its own.
fn may_follow_slots(evidence: &Evidence, (node, home): (NodeId, ShardId), to: ShardId) -> bool {
    let cluster = &evidence.plan.cluster;
    let was_deposed =
        evidence.primary_changes.iter().any(|change| change.from == node && change.shard == home);
    let took = |(slot, shard): (&u16, &ShardId)| *shard == to && cluster.shard_of_slot(*slot) == home;
    was_deposed && evidence.moved.iter().any(took)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{healthy, healthy_of, hit, kill_both, operation, promote, replicate};
    use super::*;
    use crate::op::{Ending, MoveReplica};

    fn violation(change: impl FnOnce(&mut super::super::Evidence)) -> String {
        super::super::sample::violation(check, change)
    }

    #[test]
    fn a_healthy_cluster_is_in_sync() {
        assert_eq!(check(&Case::of(&healthy())), Verdict::holds("All replicas synchronized (3)"));
    }

    #[test]
    fn a_replica_with_its_link_down_or_behind_is_a_violation() {
        let text = violation(|e| e.nodes[1].link_up = Some(false));
        assert_eq!(text, "the link of node-2 to node-1 is down");
        let text = violation(|e| e.nodes[1].offset = Some(990));
        assert_eq!(text, "node-2 is 10 bytes behind its primary node-1");
    }

    #[test]
    fn a_replica_that_moved_to_another_shard_is_a_violation_unless_the_operator_moved_it() {
        assert_eq!(violation(|e| replicate(e, NodeId(2), NodeId(3))), "node-2 of shard 1 serves shard 2");
        let mut evidence = healthy();
        let moved = MoveReplica { node: NodeId(2), to: ShardId(2) };
        operation(&mut evidence, moved.into(), (10, 11), Ending::Done);
        assert_eq!(check(&Case::of(&evidence)).detail(), "node-2 of shard 2 serves shard 1");
        replicate(&mut evidence, NodeId(2), NodeId(3));
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("All replicas synchronized (3)"));
    }

    #[test]
    fn a_failover_inside_the_shard_is_fine() {
        let mut evidence = healthy();
        promote(&mut evidence, NodeId(2), 20, false);
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("All replicas synchronized (3)"));
    }

    #[test]
    fn the_servers_own_replica_migration_is_legal_and_a_typed_one_is_not() {
        let mut evidence = healthy_of(3, 2);
        replicate(&mut evidence, NodeId(2), NodeId(4));
        assert!(check(&Case::of(&evidence)).is_violated());
        hit(&mut evidence, NodeId(5), 10, Some(20));
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
    }

    #[test]
    fn a_deposed_primary_may_follow_the_slots_that_were_moved_away() {
        let mut evidence = healthy();
        promote(&mut evidence, NodeId(2), 20, false);
        replicate(&mut evidence, NodeId(1), NodeId(3));
        assert!(check(&Case::of(&evidence)).is_violated());
        evidence.moved = [(0, ShardId(2))].into();
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
    }

    #[test]
    fn an_emptied_primary_keeps_its_replicas_where_none_may_migrate() {
        let emptied = |migrates: &str| {
            let mut evidence = healthy();
            evidence.moved = (0..=5460).map(|slot| (slot, ShardId(2))).collect();
            for row in evidence.nodes.iter_mut().flat_map(|node| &mut node.view) {
                match row.node {
                    Some(NodeId(1)) => row.slots = vec![],
                    Some(NodeId(3)) => row.slots.insert(0, (0, 5460)),
                    _ => {}
                }
            }
            let setting = ("cluster-allow-replica-migration".to_owned(), migrates.to_owned());
            evidence.plan.cluster.config.extend([setting]);
            check(&Case::of(&evidence)).detail().to_owned()
        };
        assert_eq!(emptied("yes"), "node-2 replicates node-1, which owns no slots");
        assert!(!emptied("no").contains("owns no slots"), "{}", emptied("no"));
    }

    #[test]
    fn roles_that_contradict_each_other_are_a_violation() {
        let text = violation(|e| e.nodes[1].role = Some(Role::Primary));
        assert_eq!(text, "node-2 has one role in INFO and another in CLUSTER NODES");
    }

    #[test]
    fn a_link_that_was_not_read_is_unknown() {
        let mut evidence = healthy();
        evidence.nodes[1].link_up = None;
        assert_eq!(check(&Case::of(&evidence)), Verdict::unknown("the link of node-2 is not known"));
    }

    #[test]
    fn a_shard_that_the_plan_killed_is_not_asked() {
        let mut evidence = healthy();
        kill_both(&mut evidence, NodeId(1), 20);
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
    }
}
