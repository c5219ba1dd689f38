//! When a node had heard nothing of a majority of the primaries for so long that it must have stopped serving.
//!
//! A node pings another one at the latest half a node timeout after the last pong, and suspects it a node timeout after
//! that ping if nothing of it arrived meanwhile; then it counts whom it can reach (`clusterCron`, `clusterUpdateState`). Both
//! happen ten times a second. While its process is stopped nothing of this goes on, so the time begins anew then.

use std::collections::BTreeMap;

use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};

/// How often the server looks, twice: once to ask, once to suspect.
const LOOKS: SimDuration = SimDuration::from_ms(200);

/// Who heard from whom last, and when somebody must have stopped.
#[derive(Clone, Debug)]
pub struct Silences {
    patience: SimDuration,
    heard: BTreeMap<NodeId, Peers>,
    stopped: BTreeMap<NodeId, Vec<Span>>,
}

/// A time in which a node must not have served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From then on it had stopped at the latest.
    pub from: SimTime,
    /// When it heard from one of those again that it had missed.
    pub to: SimTime,
}

/// What a node knows of the others.
#[derive(Clone, Debug, Default)]
struct Peers {
    all: BTreeMap<NodeId, Peer>,
    /// Those that are primaries with slots, by the first slot of each.
    owners: BTreeMap<u16, NodeId>,
    /// Since when it is these.
    since: SimTime,
}

/// What a node knows of another one.
#[derive(Clone, Debug, Default)]
struct Peer {
    heard_at: SimTime,
    /// Its first slot, if it is a primary with slots.
    slot: Option<u16>,
}

/// The slots that a node claims for itself, as ranges.
pub type Slots = [(u16, u16)];

impl Peers {
    /// The first slots of those that own none any more once one of them has claimed these.
    fn losing(&self, from: NodeId, slots: &Slots) -> impl Iterator<Item = u16> {
        let owners = slots.iter().flat_map(|(first, last)| self.owners.range(first..=last));
        owners.filter(move |(_, owner)| **owner != from).map(|(slot, _)| *slot)
    }

    /// Whether others own slots once one of them has claimed these.
    fn would_change(&self, from: NodeId, slots: &Slots) -> bool {
        let owns = self.all.get(&from).is_some_and(|peer| peer.slot.is_some());
        owns == slots.is_empty() || self.losing(from, slots).next().is_some()
    }

    /// One of them claims these slots: whoever had its first one there has none.
    fn claim(&mut self, from: NodeId, slots: &Slots) {
        for slot in self.losing(from, slots).collect::<Vec<_>>() {
            let loser = self.owners.remove(&slot).and_then(|loser| self.all.get_mut(&loser));
            loser.into_iter().for_each(|loser| loser.slot = None);
        }
        let peer = self.all.entry(from).or_default();
        let claimed = slots.first().map(|(first, _)| *first);
        if peer.slot != claimed {
            if let Some(before) = peer.slot {
                self.owners.remove(&before);
            }
            self.owners.extend(claimed.map(|slot| (slot, from)));
            peer.slot = claimed;
        }
    }
}

impl Silences {
    /// Nobody heard anything yet.
    pub fn new(node_timeout: SimDuration) -> Self {
        let patience = node_timeout + node_timeout.half() + LOOKS;
        Silences { patience, heard: BTreeMap::new(), stopped: BTreeMap::new() }
    }

    /// `node` hears from `from`, who claims these slots as a primary, or does not say.
    pub fn hear(&mut self, node: NodeId, from: NodeId, at: SimTime, slots: Option<&Slots>) {
        let peers = self.heard.entry(node).or_default();
        let last = peers.all.get(&from).map(|peer| peer.heard_at);
        if last.is_some_and(|last| at.since(last) > self.patience) {
            self.close(node, at);
        }
        if slots.is_some_and(|slots| self.heard[&node].would_change(from, slots)) {
            self.close(node, at);
            self.heard.entry(node).or_default().since = at;
        }
        let peers = self.heard.entry(node).or_default();
        slots.into_iter().for_each(|slots| peers.claim(from, slots));
        peers.all.entry(from).or_default().heard_at = at;
    }

    /// The node's process runs (again): it takes everybody for alive for a while.
    pub fn begin_anew(&mut self, node: NodeId, at: SimTime) {
        let peers = self.heard.entry(node).or_default().all.values_mut();
        peers.for_each(|peer| peer.heard_at = peer.heard_at.max(at));
    }

    /// The run is over.
    pub fn end(&mut self, at: SimTime) {
        self.heard.keys().copied().collect::<Vec<_>>().into_iter().for_each(|node| self.close(node, at));
    }

    /// The times in which a node must not have served, in order.
    pub fn of(&self, node: NodeId) -> &[Span] {
        self.stopped.get(&node).map_or(&[], Vec::as_slice)
    }

    /// Notes a span that ends now, if the node was out of touch with a majority until now.
    fn close(&mut self, node: NodeId, to: SimTime) {
        let peers = &self.heard[&node];
        let voters = peers.all.values().filter(|peer| peer.slot.is_some());
        let mut lost: Vec<SimTime> = voters.map(|peer| peer.heard_at + self.patience).collect();
        lost.sort_unstable();
        // The node itself is one of them. Half, rounded up, must be missing for the rest to be no majority.
        let missing = (lost.len() + 2) / 2;
        // Before, others were to be missed.
        let from = lost.get(missing - 1).map(|from| peers.since.max(*from));
        if let Some(from) = from.filter(|from| *from < to) {
            self.stopped.entry(node).or_default().push(Span { from, to });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> SimTime {
        SimTime::from_ns(s * 1_000_000_000)
    }

    fn hear(silences: &mut Silences, from: u16, s: u64) {
        silences.hear(NodeId(1), NodeId(from), at(s), Some(&[(from, from)]));
    }

    /// Node-1 heard from two other primaries when they say, with a node timeout of 2 s.
    fn heard(times: &[(u16, u64)]) -> Silences {
        let mut silences = Silences::new(SimDuration::from_secs(2));
        times.iter().for_each(|(from, s)| hear(&mut silences, *from, *s));
        silences
    }

    #[test]
    fn a_node_stops_when_too_few_are_left_for_a_majority() {
        let silences = heard(&[(2, 10), (3, 11), (2, 20)]);
        let from = at(11) + SimDuration::from_ms(3_200);
        assert_eq!(silences.of(NodeId(1)), [Span { from, to: at(20) }]);
    }

    #[test]
    fn who_is_no_primary_any_more_was_one_until_then() {
        let mut silences = heard(&[(2, 10), (3, 10), (3, 13), (3, 16), (3, 19)]);
        silences.hear(NodeId(1), NodeId(3), at(20), Some(&[]));
        silences.end(at(21));
        assert_eq!(silences.of(NodeId(1)), [Span { from: at(20), to: at(21) }], "node-3 was there");
    }

    #[test]
    fn one_of_three_may_be_silent() {
        let silences = heard(&[(2, 10), (3, 10), (3, 12), (3, 14), (3, 16), (2, 16)]);
        assert_eq!(silences.of(NodeId(1)), []);
    }

    #[test]
    fn a_replica_has_no_voice_and_neither_has_whoever_lost_its_slots() {
        let mut silences = heard(&[(2, 10), (3, 10), (3, 13)]);
        silences.hear(NodeId(1), NodeId(5), at(13), Some(&[(2, 2)]));
        silences.hear(NodeId(1), NodeId(6), at(5), Some(&[]));
        (14..20).for_each(|s| hear(&mut silences, 3, s));
        silences.end(at(20));
        assert_eq!(silences.of(NodeId(1)), [], "node-1 and node-3 are two of three");
    }

    #[test]
    fn a_process_that_was_stopped_takes_everybody_for_alive() {
        let mut silences = heard(&[(2, 10), (3, 10)]);
        silences.begin_anew(NodeId(1), at(20));
        hear(&mut silences, 2, 21);
        silences.end(at(22));
        assert_eq!(silences.of(NodeId(1)), []);
        silences.end(at(30));
        assert_eq!(silences.of(NodeId(1)).len(), 1);
    }
}
