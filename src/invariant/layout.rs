//! Slots as sets, the slot of a key, and which shard each node serves in the end.

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

/// The shard a node serves in the end: by the slots it claims, or those of the primary it replicates, or, if
/// neither is known, as laid out.
pub fn shard_served(evidence: &Evidence, node: &NodeEvidence) -> ShardId {
    let claimed = |n: &NodeEvidence| n.own_slots().first().map(|(first, _)| evidence.shard_of_slot(*first));
    if let Some(shard) = claimed(node) {
        return shard;
    }
    let primary = node.primary.filter(|_| node.role == Some(Role::Replica));
    let of_primary = |primary: NodeId| {
        let by_its_row = evidence.node(primary).filter(|p| p.is_live()).and_then(claimed);
        by_its_row.unwrap_or_else(|| evidence.plan.cluster.shard_of(primary))
    };
    primary.map_or_else(|| evidence.plan.cluster.shard_of(node.node), of_primary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_told_as_ranges() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
        assert_eq!(ranges(&[]), "");
    }
}
