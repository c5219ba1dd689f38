//! For how long two nodes took writes for one slot: split brain, as clients saw it.
//!
//! It is no violation in itself: a primary that is cut off takes writes until it notices, and `isolation` bounds that. Here it is
//! measured: from the first write that a later reign took for a slot, to the last that an earlier one of another node took.

use std::collections::BTreeMap;

use super::Evidence;
use crate::chronicle::replication::ReignId;
use crate::history::{Entry, Outcome, Request};
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};
use crate::wire::resp::key_slot;

/// When a reign took the first and the last write for a slot.
type Took = (SimTime, SimTime);

/// For each slot and each two nodes that took writes for it at the same time, for how long.
pub fn two_writers(evidence: &Evidence) -> Vec<SimDuration> {
    let mut by_slot: BTreeMap<u16, BTreeMap<ReignId, (NodeId, Took)>> = BTreeMap::new();
    for entry in &evidence.history {
        let Some((slot, node, at)) = taken(entry) else { continue };
        let Some(reign) = reign(evidence, node, entry.invoked_at) else { continue };
        let took = by_slot.entry(slot).or_default().entry(reign).or_insert((node, (at, at)));
        took.1 = (took.1.0.min(at), took.1.1.max(at));
    }
    by_slot.values().flat_map(overlaps).collect()
}

/// A write that was acknowledged: its slot, who took it, and when.
fn taken(entry: &Entry) -> Option<(u16, NodeId, SimTime)> {
    match (&entry.request, &entry.outcome) {
        (Request::Set { key, .. }, Some(Outcome::Ok(_))) => {
            Some((key_slot(key.as_bytes()), entry.node?, entry.completed_at?))
        }
        _ => None,
    }
}

/// The reign that a node had begun last when it was asked.
fn reign(evidence: &Evidence, node: NodeId, at: SimTime) -> Option<ReignId> {
    let mut reigns = evidence.chronicle.replication.reigns();
    reigns.rfind(|(_, reign)| reign.node == node && reign.began_at <= at).map(|(id, _)| id)
}

fn overlaps(reigns: &BTreeMap<ReignId, (NodeId, Took)>) -> Vec<SimDuration> {
    let pairs = reigns.iter().flat_map(|(earlier, one)| {
        let later = reigns.range(earlier..).map(|(_, other)| other);
        later.filter(|other| other.0 != one.0).map(move |other| (one, other))
    });
    let shared = pairs.filter(|((_, one), (_, other))| one.1 > other.0);
    shared.map(|((_, one), (_, other))| one.1.since(other.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy, ok_at};
    use super::*;
    use crate::chronicle::replication::{Begin, Reign};

    #[test]
    fn two_nodes_take_writes_from_the_first_of_the_new_to_the_last_of_the_old() {
        let mut evidence = healthy();
        for (node, began) in [(1, 0), (2, 10)] {
            let reign = Reign::new(NodeId(node), at(began), Begin::Start { before: None });
            evidence.chronicle.replication.begin_for_test(reign);
        }
        evidence.history = vec![ok_at("k", "a", 1, 1, 2), ok_at("k", "b", 2, 11, 12)];
        assert_eq!(two_writers(&evidence), [], "one after the other");
        evidence.history.push(ok_at("k", "c", 1, 14, 15));
        evidence.history.push(ok_at("other", "d", 1, 14, 19));
        assert_eq!(two_writers(&evidence), [SimDuration::from_secs(3)]);
    }
}
