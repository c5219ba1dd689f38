//! A primary that lost all its replicas gets one of another primary's that has enough of them.
//!
//! Source: `clusterHandleReplicaMigration`, `clusterCron`. A primary that had replicas and has none that works is an orphan, unless the
//! last one became a primary (`clusterNodeRemoveReplica`); of the primaries with most replicas, at least two and more than the
//! migration barrier, the replica with the smallest cluster id goes there five seconds later (`CLUSTER_REPLICA_MIGRATION_DELAY`).
//! Judged is a cluster in which nothing has happened for so long, and since the last failure had to be known, that none has been
//! touched by hand in.

use std::collections::BTreeMap;

use super::evidence::NodeEvidence;
use super::settings::Settings;
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict};
use crate::chronicle::notices_within;
use crate::id::NodeId;
use crate::time::SimDuration;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "orphans",
    title: "Orphans",
    statement: "a primary that lost all its replicas gets one of a primary that has more than it must keep",
    applies: Applies::OnceHealed,
    asked: |limits| limits.replica_sync,
    check,
};

/// `CLUSTER_REPLICA_MIGRATION_DELAY`, and ticks at one hertz of whoever sees an orphan and goes.
const MOVES_WITHIN: SimDuration = SimDuration::from_secs(8);

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let mut findings = Findings::default();
    if !evidence.unseen().is_empty() {
        case.note_unseen(&mut findings);
        return findings.verdict(String::new);
    }
    if !is_due(evidence) {
        return Verdict::holds("Too early to tell");
    }
    let replicas = replicas(evidence);
    let most = replicas.values().map(Vec::len).max().unwrap_or_default();
    let donors = replicas.iter().filter(|(_, all)| all.len() == most && most >= 2);
    let goes = donors.clone().flat_map(|(_, all)| all).min_by_key(|node| &node.node_id);
    let Some(goes) = goes.filter(|node| may_go(evidence, node, most)) else {
        return Verdict::holds("No replica has to go anywhere");
    };
    for orphan in evidence.seen().filter(|node| !node.own_slots().is_empty() && had_replicas(evidence, node))
    {
        if !replicas.contains_key(&orphan.node) && !was_left(evidence, orphan, goes) {
            let what =
                format!("{} has no replica, and {} of {most} does not go there", orphan.node, goes.node);
            findings.wrong(evidence.broken_since(), what);
        }
    }
    findings.verdict(|| "No primary is without replicas".to_owned())
}

/// Whether it is so long since anything happened that a replica had to be gone.
fn is_due(evidence: &Evidence) -> bool {
    let (longest, _) = evidence.chronicle.asks.node_timeouts();
    let ends = evidence.last_disturbance_ended_at().into_iter();
    let exits = evidence.exits.iter().flat_map(|exit| [Some(exit.at), exit.restarted_at]).flatten();
    let known_at = ends.chain(exits).max().map(|at| at + notices_within(longest));
    let changed_at = evidence.primary_changes.iter().map(|change| change.at).max();
    let agreed_at = evidence.converged_at();
    let since = known_at.into_iter().chain(changed_at).chain(agreed_at).max();
    since.is_none_or(|since| evidence.ended_at.since(since) >= MOVES_WITHIN && since < evidence.ended_at)
}

/// The live replicas of each live primary that has any.
fn replicas(evidence: &Evidence) -> BTreeMap<NodeId, Vec<&NodeEvidence>> {
    let mut replicas: BTreeMap<NodeId, Vec<&NodeEvidence>> = BTreeMap::new();
    for node in evidence.seen() {
        if let Some(primary) = node.primary.filter(|primary| evidence.is_live(*primary)) {
            replicas.entry(primary).or_default().push(node);
        }
    }
    replicas
}

/// Whether nothing keeps a replica from going where one is missing.
fn may_go(evidence: &Evidence, node: &NodeEvidence, siblings: usize) -> bool {
    let settings = Settings::at(evidence, node.node, evidence.ended_at);
    let asks = &evidence.chronicle.asks;
    let by_hand = asks.changed_members() || asks.changed_node(node.node, evidence.ended_at);
    // One that was started anew may not know that there ever was a replica.
    let is_new = evidence.exits.iter().any(|exit| exit.node == node.node);
    settings.migrates_replicas()
        && settings.may_fail_over()
        && siblings > settings.migration_barrier()
        && node.cluster_state_ok == Some(true)
        && !by_hand
        && !is_new
        && evidence.first_wrong_clock().is_none()
}

/// Whether the last replica did not fail but became a primary, to whoever should go: that ends the mark of those who had some
/// (`clusterNodeRemoveReplica`). It is still of the primary's shard, and nobody who is gone is held for a replica.
fn was_left(evidence: &Evidence, primary: &NodeEvidence, viewer: &NodeEvidence) -> bool {
    let shard_id = |node: NodeId| evidence.accounts.get(&node).and_then(|account| account.shard_id.as_ref());
    let mut others = evidence.seen().filter(|node| node.node != primary.node && node.primary.is_none());
    let has_left =
        others.any(|node| shard_id(node.node).is_some() && shard_id(node.node) == shard_id(primary.node));
    has_left && !viewer.view.iter().any(|row| row.primary_id.is_some() && row.primary_id == primary.node_id)
}

/// Whether a primary had a replica once, or was one.
fn had_replicas(evidence: &Evidence, primary: &NodeEvidence) -> bool {
    let cluster = &evidence.plan.cluster;
    let is_laid_out = cluster.nodes().any(|node| node == primary.node);
    is_laid_out
        && cluster.replicas > 0
        && !evidence.chronicle.asks.changed_node(primary.node, evidence.ended_at)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy_of, kill, promote, tell};
    use super::*;

    /// Three shards of three; the replicas of the first are dead since some second, and the run ends at 100 s.
    fn bereft(s: u64) -> Evidence {
        let mut evidence = healthy_of(3, 2);
        kill(&mut evidence, NodeId(2), s);
        kill(&mut evidence, NodeId(3), s);
        evidence
    }

    #[test]
    fn an_orphan_that_nobody_comes_to_is_a_violation() {
        assert_eq!(check(&Case::of(&healthy_of(3, 2))).name(), "holds");
        let verdict = check(&Case::of(&bereft(20)));
        assert!(
            verdict.is_violated() && verdict.detail().starts_with("node-1 has no replica"),
            "{verdict:?}"
        );
    }

    #[test]
    fn nobody_has_to_come_where_the_last_replica_became_a_primary() {
        let mut evidence = bereft(20);
        let one = evidence.nodes.iter().position(|node| node.node == NodeId(4)).expect("a primary");
        tell(&mut evidence);
        let id = evidence.accounts[&NodeId(1)].shard_id.clone();
        assert!(id.is_some() && evidence.nodes[one].primary.is_none());
        let account = evidence.accounts.get_mut(&NodeId(4)).expect("an account");
        account.shard_id = id;
        assert!(check(&Case::of(&evidence)).is_violated(), "the dead ones are its replicas still");
        let gone = evidence.nodes[0].node_id.clone();
        for row in evidence.nodes.iter_mut().flat_map(|node| &mut node.view) {
            row.primary_id = row.primary_id.take().filter(|id| Some(id) != gone.as_ref());
        }
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
        evidence.accounts.get_mut(&NodeId(4)).expect("an account").shard_id = None;
        assert!(check(&Case::of(&evidence)).is_violated(), "nobody left it");
    }

    #[test]
    fn nobody_has_to_come_at_once_or_where_he_may_not() {
        assert_eq!(check(&Case::of(&bereft(95))), Verdict::holds("Too early to tell"));
        let mut forbidden = bereft(20);
        let off = ("cluster-allow-replica-migration".to_owned(), "no".to_owned());
        forbidden.plan.cluster.config.extend([off]);
        assert_eq!(check(&Case::of(&forbidden)).name(), "holds");
        let mut kept = bereft(20);
        kept.plan.cluster.config.insert("cluster-migration-barrier".to_owned(), "2".to_owned());
        assert_eq!(check(&Case::of(&kept)).name(), "holds");
        let mut lately = bereft(20);
        promote(&mut lately, NodeId(5), 97, true);
        assert_eq!(check(&Case::of(&lately)), Verdict::holds("Too early to tell"));
        assert_eq!(lately.ended_at, at(100));
    }
}
