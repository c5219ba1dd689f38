//! Slots as sets, the slot of a key, and which shard each node serves in the end.

use std::collections::BTreeMap;

use super::evidence::{Evidence, NodeEvidence, Role};
use crate::id::{NodeId, ShardId};
use crate::wire::SLOT_COUNT;

/// A set of slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SlotSet(Vec<bool>);

impl SlotSet {
    /// No slot.
    pub fn empty() -> Self {
        SlotSet(vec![false; usize::from(SLOT_COUNT)])
    }

    /// Adds a range, both ends included. Ends beyond the last slot are cut off.
    pub fn insert(&mut self, (first, last): (u16, u16)) {
        (first..=last.min(SLOT_COUNT - 1)).for_each(|slot| self.0[usize::from(slot)] = true);
    }

    /// Whether a slot is in it.
    pub fn contains(&self, slot: u16) -> bool {
        self.0[usize::from(slot)]
    }

    /// The slots for which `keep` is true and that are not in the set.
    pub fn holes(&self, keep: impl Fn(u16) -> bool) -> Vec<u16> {
        (0..SLOT_COUNT).filter(|slot| !self.0[usize::from(*slot)] && keep(*slot)).collect()
    }
}

/// Ascending slots as ranges: `0-5460, 8192`.
pub(super) fn ranges(slots: &[u16]) -> String {
    let follows = |a: &u16, b: &u16| a.checked_add(1) == Some(*b);
    let text = slots.chunk_by(follows).map(|run| match run {
        [only] => only.to_string(),
        _ => format!("{}-{}", run[0], run[run.len() - 1]),
    });
    text.collect::<Vec<_>>().join(", ")
}

/// The primary of a shard after all that happened, whether it is alive or not.
pub(super) fn last_primary(evidence: &Evidence, shard: ShardId) -> NodeId {
    let changes = evidence.primary_changes.iter().rev();
    let last = changes.filter(|c| c.shard == shard).map(|c| c.to).next();
    last.unwrap_or_else(|| evidence.plan.cluster.first_primary(shard))
}

/// The shard a node serves in the end: the one it leads, or whose primary it replicates, or, if neither is known, as laid
/// out. A primary that took slots without anybody having seen it serves the shard that most of them were given to.
pub fn shard_served(evidence: &Evidence, node: &NodeEvidence) -> ShardId {
    if let Some(shard) = shard_led(evidence, node) {
        return shard;
    }
    let primary = node.primary.filter(|_| node.role == Some(Role::Replica));
    let of_primary = |primary: NodeId| {
        let by_its_row = evidence.node(primary).filter(|p| p.is_live()).and_then(|p| shard_led(evidence, p));
        by_its_row.unwrap_or_else(|| evidence.plan.cluster.shard_of(primary))
    };
    primary.map_or_else(|| evidence.plan.cluster.shard_of(node.node), of_primary)
}

/// The shard of which a node claims the slots.
fn shard_led(evidence: &Evidence, node: &NodeEvidence) -> Option<ShardId> {
    let cluster = &evidence.plan.cluster;
    let share = |shard: &ShardId| -> u32 {
        let (first, last) = cluster.slots_of(*shard);
        let common = node.own_slots().iter().map(|(a, b)| ((*a).max(first), (*b).min(last)));
        common.filter(|(a, b)| a <= b).map(|(a, b)| u32::from(b - a) + 1).sum()
    };
    let leads = |shard: &ShardId| last_primary(evidence, *shard) == node.node;
    let by_lineage = cluster.possible_shards().find(leads).filter(|_| !node.own_slots().is_empty());
    by_lineage.or_else(|| cluster.shards().max_by_key(share).filter(|shard| share(shard) > 0))
}

/// Slots that all live views give to a primary of another shard than the plan does, where a command of the plan's moved
/// slots: who else has taken slots has stolen them.
pub(super) fn moved(evidence: &Evidence) -> BTreeMap<u16, ShardId> {
    let moves =
        evidence.plan.operations.iter().any(|op| {
            !op.action.moves_slots().is_empty() || op.action.types(|typed| moves_slots(&typed.args))
        });
    let cluster = &evidence.plan.cluster;
    let leads = |node: NodeId| cluster.possible_shards().find(|shard| last_primary(evidence, *shard) == node);
    let owners = if moves { agreed_owners(evidence) } else { BTreeMap::new() };
    let shards = owners.into_iter().filter_map(|(slot, node)| Some((slot, leads(node)?)));
    shards.filter(|(slot, shard)| cluster.shard_of_slot(*slot) != *shard).collect()
}

/// The owner of each slot about which all live views agree.
fn agreed_owners(evidence: &Evidence) -> BTreeMap<u16, NodeId> {
    let mut owners: BTreeMap<u16, Option<NodeId>> = BTreeMap::new();
    for row in evidence.seen().flat_map(|node| &node.view).filter(|row| row.is_primary) {
        for slot in row.slots.iter().flat_map(|(first, last)| *first..=*last.min(&(SLOT_COUNT - 1))) {
            let owner = owners.entry(slot).or_insert(row.node);
            *owner = owner.filter(|owner| row.node == Some(*owner));
        }
    }
    owners.into_iter().filter_map(|(slot, owner)| Some((slot, owner?))).collect()
}

/// Whether slots may have been left half-way between two nodes: a reshard was given up, or some command opened them.
pub(super) fn may_be_split(evidence: &Evidence) -> bool {
    evidence.sent_operations().any(|(op, report)| {
        let moves = !op.action.moves_slots().is_empty();
        moves && (op.action.may_split_slots() || !report.done)
            || op.action.types(|typed| moves_slots(&typed.args))
    })
}

/// Whether the operator gave a reshard up, so that the slot it was at stays half moved. Whether it had to is judged by itself.
pub(super) fn is_given_up(evidence: &Evidence) -> bool {
    evidence.sent_operations().any(|(op, report)| !op.action.moves_slots().is_empty() && !report.done)
}

/// Whether a command gives slots to another node.
fn moves_slots(args: &[String]) -> bool {
    let says = |index: usize, words: &[&str]| {
        args.get(index).is_some_and(|arg| words.iter().any(|word| arg.eq_ignore_ascii_case(word)))
    };
    says(0, &["cluster"]) && says(1, &["setslot", "migrateslots", "addslots", "addslotsrange"])
}

/// Whether a shard has no slot in the end: the plan's own commands took every one away, so that its nodes serve others or
/// nobody, or never gave it any.
pub(super) fn is_emptied(evidence: &Evidence, shard: ShardId) -> bool {
    let (first, last) = evidence.plan.cluster.slots_of(shard);
    let got = || evidence.moved.values().any(|to| *to == shard);
    (first..=last).all(|slot| evidence.moved.contains_key(&slot)) && !got()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{healthy, operation, promote};
    use super::*;
    use crate::op::{Command, Ending, OpAction};

    /// Node-3 claims slot 5 too, and everybody says so.
    fn moved_by(text: &str) -> Evidence {
        let mut evidence = healthy();
        for row in evidence.nodes.iter_mut().flat_map(|node| &mut node.view) {
            match row.node {
                Some(NodeId(1)) => row.slots = vec![(0, 4), (6, 5460)],
                Some(NodeId(3)) => row.slots.insert(0, (5, 5)),
                _ => {}
            }
        }
        let args = text.split(' ').map(str::to_owned).collect();
        operation(&mut evidence, OpAction::Command(Command { node: NodeId(1), args }), (5, 6), Ending::Done);
        evidence.moved = moved(&evidence);
        evidence
    }

    #[test]
    fn a_slot_that_the_plan_moved_belongs_to_who_has_it_and_makes_nobody_change_sides() {
        let evidence = moved_by("CLUSTER SETSLOT 5 NODE x");
        assert_eq!((evidence.shard_of_slot(5), evidence.shard_of_slot(6)), (ShardId(2), ShardId(1)));
        let served = evidence.nodes.iter().map(|node| shard_served(&evidence, node).0).collect::<Vec<_>>();
        assert_eq!(served, [1, 1, 2, 2, 3, 3]);
        assert!(!is_emptied(&evidence, ShardId(1)));
    }

    #[test]
    fn a_slot_that_nobody_moved_was_stolen() {
        assert_eq!(moved_by("CLUSTER NODES").shard_of_slot(5), ShardId(1));
    }

    #[test]
    fn a_moved_slot_goes_with_the_next_primary() {
        let mut evidence = healthy();
        promote(&mut evidence, NodeId(4), 20, true);
        for row in evidence.nodes.iter_mut().flat_map(|node| &mut node.view) {
            match row.node {
                Some(NodeId(1)) => row.slots.clear(),
                Some(NodeId(4)) => row.slots = vec![(0, 10921)],
                _ => {}
            }
        }
        let args = ["CLUSTER", "MIGRATESLOTS"].map(str::to_owned).to_vec();
        operation(&mut evidence, OpAction::Command(Command { node: NodeId(1), args }), (5, 6), Ending::Done);
        evidence.moved = moved(&evidence);
        assert_eq!(evidence.shard_of_slot(0), ShardId(2));
        assert_eq!(shard_served(&evidence, &evidence.nodes[3]), ShardId(2));
        assert!(is_emptied(&evidence, ShardId(1)));
    }

    #[test]
    fn slots_are_told_as_ranges() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
        assert_eq!(ranges(&[]), "");
    }
}
