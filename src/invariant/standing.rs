//! Who belongs to the cluster in the end, and to which shard, by what the operator did and what was seen of it.
//!
//! A node that was forgotten, reset, wiped, or never taken in owes nothing to a cluster that does not know it; one that was taken in
//! does. A replica belongs to the shard it was laid out in until the operator gives it to another one, or it goes to one by itself;
//! whether it may is `replica_migration`'s to say.

use std::collections::BTreeSet;

use super::evidence::{Evidence, NodeEvidence};
use super::expectation::primary_at;
use crate::id::{NodeId, ShardId};
use crate::op::{Op, Typed};
use crate::plan::Plan;
use crate::time::SimTime;

/// The shards that a node may belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Home {
    /// One, or several if nobody knows whether an operation took effect.
    pub shards: BTreeSet<ShardId>,
    /// Whether it may belong to none.
    pub nowhere: bool,
}

/// The nodes that need not belong to the cluster.
#[derive(Clone, Debug)]
pub struct Outsiders {
    may_be: BTreeSet<NodeId>,
    /// Those that no cluster was laid out with.
    spare: BTreeSet<NodeId>,
    /// Those that leave in the end: one that missed it may still know them.
    leave: BTreeSet<NodeId>,
    /// Those of them that are taken out by all at once.
    removed: BTreeSet<NodeId>,
}

impl Outsiders {
    /// Those of a plan.
    pub fn of(plan: &Plan) -> Self {
        let layout = plan.cluster.layout();
        let spare = layout.hosts().filter(|node| layout.is_spare(*node)).collect();
        let leave = plan.leaves();
        let removed = plan.operations.iter().flat_map(|op| op.action.removes(layout));
        let removed = removed.filter(|node| leave.contains(node)).collect();
        Outsiders { may_be: plan.may_be_outside(), spare, leave, removed }
    }

    /// Whether a node that is outside belongs there: it was never taken in, or taken out by all.
    pub fn stays_out(&self, node: NodeId) -> bool {
        self.spare.contains(&node) || self.removed.contains(&node)
    }
}

/// Marks those of one look that are outside: they may be, and nobody else who lives and answered knows them, or, of those who
/// leave, not everybody does.
pub fn mark_outsiders(nodes: &mut [NodeEvidence], outsiders: &Outsiders) {
    let answered = |node: &NodeEvidence| node.is_live() && node.reachable && !node.view.is_empty();
    let knows = |viewer: &NodeEvidence, node: NodeId| {
        let mut rows = viewer.view.iter().filter(|row| !row.is_myself() && !row.is_stranger());
        rows.any(|row| row.node == Some(node))
    };
    let is_outside = |node: &&NodeEvidence| {
        let others = || nodes.iter().filter(|other| other.node != node.node && answered(other));
        let is_unknown = match outsiders.leave.contains(&node.node) {
            true => !others().all(|other| knows(other, node.node)) || others().next().is_none(),
            false => !others().any(|other| knows(other, node.node)),
        };
        answered(node) && outsiders.may_be.contains(&node.node) && is_unknown
    };
    let outside: BTreeSet<NodeId> = nodes.iter().filter(is_outside).map(|node| node.node).collect();
    for node in nodes {
        node.outside = outside.contains(&node.node);
    }
}

/// Takes those back that were seen outside though the operator took them in.
pub(super) fn take_back(evidence: &mut Evidence) {
    let mut owed: Vec<NodeId> = evidence.nodes.iter().filter(|n| n.outside).map(|n| n.node).collect();
    owed.retain(|node| was_taken_in_last(evidence, *node));
    for node in evidence.nodes.iter_mut().filter(|node| owed.contains(&node.node)) {
        node.outside = false;
    }
}

/// Whether the last that was done to a node's membership, and surely, was to take it in.
fn was_taken_in_last(evidence: &Evidence, node: NodeId) -> bool {
    let layout = evidence.plan.cluster.layout();
    let taken_in = |op: &Op| {
        let met = |typed: &Typed| typed.introduces().is_some_and(|both| both.contains(&node));
        op.action.takes_in().iter().any(|(one, _)| *one == node) || op.action.types(met)
    };
    let steps = evidence.sent_operations().filter_map(|(op, report)| {
        match (op.action.sends_away(layout).contains(&node), taken_in(op)) {
            (_, true) if report.done => Some(true),
            (false, false) => None,
            _ => Some(false),
        }
    });
    steps.last().unwrap_or(false)
}

/// The shards that a node may belong to in the end.
pub(super) fn home(evidence: &Evidence, node: NodeId) -> Home {
    let layout = evidence.plan.cluster.layout();
    let is_spare = layout.is_spare(node);
    let shards = (!is_spare).then(|| layout.shard_of(node)).into_iter().collect();
    let mut home = Home { shards, nowhere: is_spare };
    let mut moves = evidence.chronicle.moves.all().iter().filter(|moved| moved.node == node).peekable();
    for (op, report) in evidence.sent_operations() {
        while let Some(moved) = moves.next_if(|moved| report.sent_at.is_some_and(|sent| moved.at < sent)) {
            home.enter(led_by(evidence, moved.to, moved.at), true);
        }
        let resets = op.action.types(|typed| typed.node == node && typed.resets());
        if resets || op.action.wipes().contains(&node) {
            home.leave(report.done);
        }
        let taken = op.action.takes_in().into_iter().filter(|(one, _)| *one == node).map(|(_, shard)| shard);
        let typed = op.action.typed();
        let of = typed.iter().filter(|typed| typed.node == node).filter_map(Typed::follows);
        let at = report.ended_at.unwrap_or(evidence.ended_at);
        let followed = of.map(|primary| led_by(evidence, primary, at));
        for shard in taken.chain(followed) {
            home.enter(shard, report.done);
        }
    }
    moves.for_each(|moved| home.enter(led_by(evidence, moved.to, moved.at), true));
    home
}

impl Home {
    fn leave(&mut self, surely: bool) {
        self.nowhere = true;
        if surely {
            self.shards.clear();
        }
    }

    fn enter(&mut self, shard: ShardId, surely: bool) {
        if surely {
            self.shards.clear();
            self.nowhere = false;
        }
        self.shards.insert(shard);
    }
}

/// The shard that a node led at an instant, or was laid out in.
fn led_by(evidence: &Evidence, node: NodeId, at: SimTime) -> ShardId {
    let cluster = &evidence.plan.cluster;
    let led = cluster.possible_shards().find(|shard| primary_at(evidence, *shard, at) == node);
    led.unwrap_or_else(|| cluster.shard_of(node))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{healthy, operation};
    use super::*;
    use crate::op::{AddReplica, Ending, Forget, Meet, MoveReplica, RemoveReplica, Replicate};

    fn home_of(operations: &[(crate::op::OpAction, Ending)]) -> Home {
        let mut evidence = healthy();
        for (at, (action, ending)) in operations.iter().enumerate() {
            let at = 10 + at as u64;
            operation(&mut evidence, action.clone(), (at, at), *ending);
        }
        home(&evidence, NodeId(2))
    }

    fn shards(home: &Home) -> Vec<u16> {
        home.shards.iter().map(|shard| shard.0).collect()
    }

    #[test]
    fn a_node_belongs_where_it_was_laid_out_or_given_to() {
        let moved = MoveReplica { node: NodeId(2), to: ShardId(3) };
        let followed = Replicate { node: NodeId(2), of: NodeId(3) };
        let of = |action: crate::op::OpAction, ending| home_of(&[(action, ending)]);
        assert_eq!(shards(&home_of(&[])), [1]);
        assert_eq!(shards(&of(moved.clone().into(), Ending::Done)), [3]);
        assert_eq!(shards(&of(moved.into(), Ending::TimedOut)), [1, 3]);
        assert_eq!(shards(&of(followed.into(), Ending::Done)), [2]);
    }

    #[test]
    fn a_node_that_comes_back_empty_belongs_nowhere_until_it_is_given_to_a_shard() {
        let empty = crate::op::RestartEmpty { node: NodeId(2), kill: false };
        let home = home_of(&[(empty.into(), Ending::Done)]);
        assert_eq!((shards(&home), home.nowhere), (vec![], true));
        let added = AddReplica { node: NodeId(2), shard: ShardId(2) };
        let home = home_of(&[(added.into(), Ending::Done)]);
        assert_eq!((shards(&home), home.nowhere), (vec![2], false));
    }

    /// Node-2 lives, and nobody else knows it.
    fn unknown(mut evidence: Evidence) -> bool {
        for node in evidence.nodes.iter_mut().filter(|node| node.node != NodeId(2)) {
            node.view.retain(|row| row.node != Some(NodeId(2)));
        }
        let outsiders = Outsiders::of(&evidence.plan);
        mark_outsiders(&mut evidence.nodes, &outsiders);
        take_back(&mut evidence);
        evidence.nodes[1].outside
    }

    #[test]
    fn who_was_removed_is_outside_and_who_was_taken_in_again_is_not() {
        assert!(!unknown(healthy()), "nobody sent it away");
        let mut evidence = healthy();
        operation(&mut evidence, RemoveReplica { node: NodeId(2) }.into(), (10, 10), Ending::Done);
        assert!(unknown(evidence.clone()));
        operation(&mut evidence, Meet { node: NodeId(1), with: NodeId(2) }.into(), (20, 20), Ending::Done);
        assert!(!unknown(evidence.clone()));
        let forget = Forget { nodes: vec![NodeId(1)], whom: NodeId(2) };
        operation(&mut evidence, forget.into(), (30, 30), Ending::TimedOut);
        assert!(unknown(evidence));
    }

    /// Whether node-2 is outside if node-1 alone has forgotten it, after these operations.
    fn half_forgotten(operations: Vec<crate::op::OpAction>) -> bool {
        let mut evidence = healthy();
        for action in operations {
            operation(&mut evidence, action, (10, 10), Ending::TimedOut);
        }
        evidence.nodes[0].view.retain(|row| row.node != Some(NodeId(2)));
        let outsiders = Outsiders::of(&evidence.plan);
        mark_outsiders(&mut evidence.nodes, &outsiders);
        evidence.nodes[1].outside
    }

    #[test]
    fn who_leaves_may_be_known_to_some_and_who_comes_back_may_not() {
        let leaves = || crate::op::OpAction::from(RemoveReplica { node: NodeId(2) });
        assert!(!half_forgotten(vec![]));
        assert!(half_forgotten(vec![leaves()]));
        let back = AddReplica { node: NodeId(2), shard: ShardId(1) };
        assert!(!half_forgotten(vec![leaves(), back.into()]));
    }

    #[test]
    fn who_leaves_and_is_known_to_all_is_no_outsider() {
        let mut evidence = healthy();
        operation(&mut evidence, RemoveReplica { node: NodeId(2) }.into(), (10, 10), Ending::TimedOut);
        let outsiders = Outsiders::of(&evidence.plan);
        mark_outsiders(&mut evidence.nodes, &outsiders);
        assert!(!evidence.nodes[1].outside);
    }

    #[test]
    fn a_replica_that_went_to_another_shard_by_itself_belongs_there() {
        use crate::chronicle::sample::{Says, message};
        let mut evidence = healthy();
        evidence.chronicle.take(message(Says { slots: vec![(0, 5460)], ..Says::replica(2, 1) }, 1, 2));
        evidence.chronicle.take(message(Says { slots: vec![(6000, 7000)], ..Says::replica(2, 3) }, 1, 50));
        assert_eq!(shards(&home(&evidence, NodeId(2))), [2]);
    }
}
