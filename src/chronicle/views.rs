//! What each node can know of the others: the last header of each that reached it.
//!
//! A node also learns from UPDATE messages and from its own `nodes.conf`, so this is what it has at least been told. What a
//! process heard is kept when it ends: the file keeps it too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bus::{Header, Heard, Message};
use super::pairs::Pairs;
use crate::id::NodeId;
use crate::op::share_slots;
use crate::time::{SimDuration, SimTime};
use crate::wire::SLOT_COUNT;

/// How long before something a message must have been heard to be read before it for certain.
pub(super) const READ_WITHIN: SimDuration = SimDuration::from_ms(200);

/// Who heard what of whom.
#[derive(Clone, Debug, Default)]
pub struct Views {
    /// The newest header that tells of slots, and what it claims at most, by who heard it and who sent it.
    headers: Pairs<(Reach, Heard)>,
    /// When anything was heard last, by who heard it and who sent it.
    heard_at: Pairs<SimTime>,
    /// The last offset that was told, by who heard it and whose it is.
    offsets: Pairs<(SimTime, u64)>,
}

/// The epoch of a claim, and the first and the last slot of it, to pass over those that cannot matter without a look at them.
#[derive(Clone, Copy, Debug)]
struct Reach {
    epoch: u64,
    /// The first is beyond the last where nothing is claimed.
    slots: (u16, u16),
}

/// Who owns slots, and whether it owns all that it claims: what is left of an old claim may have been another one's since,
/// who claims it no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners(BTreeMap<NodeId, bool>);

impl Views {
    pub(super) fn heard(&mut self, heard: &Heard) {
        let Message { from, to, header, .. } = &*heard.message;
        self.heard_at.insert((*to, *from), heard.at);
        if let Some(header) = header {
            self.offsets.insert((*to, *from), (heard.at, header.offset));
        }
        let Some(header) = header.as_ref().filter(|_| heard.message.tells_slots()) else {
            return;
        };
        // The two connections of a pair may overtake each other: whoever owns slots gives them up in a later epoch only.
        let is_later = |known: &Header| match known.claim.owns_slots() {
            true => (known.current_epoch, known.config_epoch) <= (header.current_epoch, header.config_epoch),
            false => known.current_epoch <= header.current_epoch,
        };
        let known = self.last(*to, *from).and_then(|known| known.message.header.as_ref());
        if known.is_none_or(is_later) {
            self.headers.insert((*to, *from), (Reach::of(header), heard.clone()));
        }
    }

    /// A node has forgotten whom it heard.
    pub(super) fn forget(&mut self, viewer: NodeId) {
        self.headers.forget(viewer);
        self.heard_at.forget(viewer);
        self.offsets.forget(viewer);
    }

    /// The offset that a node was told of another one's data last, and when: every whole header tells it.
    pub fn offset(&self, viewer: NodeId, speaker: NodeId) -> Option<(SimTime, u64)> {
        self.offsets.get((viewer, speaker)).copied()
    }

    /// When a node heard anything of another one last.
    pub fn heard_at(&self, viewer: NodeId, speaker: NodeId) -> Option<SimTime> {
        self.heard_at.get((viewer, speaker)).copied()
    }

    /// The newest header of another node that reached one.
    pub fn last(&self, viewer: NodeId, speaker: NodeId) -> Option<&Heard> {
        self.headers.get((viewer, speaker)).map(|(_, heard)| heard)
    }

    /// The newest headers that reached a node.
    pub fn of(&self, viewer: NodeId) -> impl Iterator<Item = &Heard> {
        self.headers.of(viewer).map(|(_, (_, heard))| heard)
    }

    /// The newest headers that reached a node of those who claim any of an owner's slots in a newer epoch than it does.
    pub(super) fn outranking(
        &self,
        viewer: NodeId,
        claim: &Header,
    ) -> impl Iterator<Item = (NodeId, &Heard)> {
        let reach = Reach::of(claim);
        let rivals = self.headers.of(viewer).filter(move |(_, (rival, _))| rival.may_outrank(&reach));
        rivals.map(|(node, (_, heard))| (node, heard)).filter(|(_, heard)| {
            let header = heard.message.header.as_ref();
            header.is_some_and(|header| header.outranks(claim.config_epoch, &claim.claim.slots))
        })
    }

    /// The primaries that own slots, as a node can know it: of several that claim a slot, the one with the highest epoch has
    /// it (`clusterUpdateSlotsConfigWith`). `own` is what it says of itself.
    pub fn owners(&self, viewer: NodeId, own: Option<&Arc<Message>>) -> Owners {
        Owners::of(self.of(viewer).map(|heard| &heard.message).chain(own))
    }

    /// Whether a node heard something since an instant of each whom it ever heard, so that nobody can be out of its reach.
    pub fn hears_all(&self, node: NodeId, since: SimTime) -> bool {
        self.heard_at.of(node).all(|(_, at)| *at >= since)
    }

    /// The nodes of which something reached `node` since an instant, through others or at once; itself included.
    pub fn within_reach(&self, node: NodeId, since: SimTime) -> BTreeSet<NodeId> {
        let mut reached = BTreeSet::from([node]);
        let mut open = vec![node];
        while let Some(viewer) = open.pop() {
            let fresh = self.heard_at.of(viewer).filter(|(_, at)| **at >= since);
            open.extend(fresh.map(|(speaker, _)| speaker).filter(|speaker| reached.insert(*speaker)));
        }
        reached
    }
}

impl Reach {
    fn of(header: &Header) -> Self {
        let slots = header.claim.slots.iter().filter(|_| header.claim.owns_slots());
        let wider = |(first, last): (u16, u16), range: &(u16, u16)| (first.min(range.0), last.max(range.1));
        Reach { epoch: header.config_epoch, slots: slots.fold((u16::MAX, 0), wider) }
    }

    /// Nobody whose header outranks the other one's is told otherwise.
    fn may_outrank(&self, other: &Reach) -> bool {
        self.epoch > other.epoch && self.slots.0 <= other.slots.1 && other.slots.0 <= self.slots.1
    }
}

impl Owners {
    /// Those among the senders of some headers.
    pub fn of<'m>(messages: impl Iterator<Item = &'m Arc<Message>>) -> Self {
        let claims = messages.filter_map(|message| Some((message.from, message.header.as_ref()?)));
        let mut claims: Vec<_> = claims.filter(|(_, header)| header.claim.owns_slots()).collect();
        claims.sort_by_key(|(_, header)| std::cmp::Reverse(header.config_epoch));
        let mut taken = Taken::default();
        let mut owners = BTreeMap::new();
        for (place, (node, header)) in claims.iter().enumerate() {
            // Of two who claim the same slot in one epoch, whoever was known first has it.
            let others = claims[place + 1..].iter().map(|(_, other)| other);
            let mut equals = others.take_while(|other| other.config_epoch == header.config_epoch);
            let is_contested = equals.any(|other| share_slots(&header.claim.slots, &other.claim.slots));
            let (mut is_owner, mut is_whole) = (false, !is_contested);
            for range in &header.claim.slots {
                let share = taken.take(*range);
                is_owner |= share != Share::Nothing;
                is_whole &= share == Share::All;
            }
            if is_owner {
                owners.insert(*node, is_whole);
            }
        }
        Owners(owners)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many of them are a majority.
    pub fn quorum(&self) -> usize {
        self.count() / 2 + 1
    }

    /// Whether a node is one of them.
    pub fn contains(&self, node: NodeId) -> bool {
        self.0.contains_key(&node)
    }

    /// Whether a node is one of them and owns all that it claims.
    pub fn is_unchallenged(&self, node: NodeId) -> bool {
        self.0.get(&node).copied().unwrap_or_default()
    }

    /// Those who own all that they claim.
    pub fn unchallenged(&self) -> Owners {
        Owners(self.0.iter().filter(|(_, is_whole)| **is_whole).map(|(node, _)| (*node, true)).collect())
    }

    /// Leaves only some of them.
    pub fn retain(&mut self, keep: impl Fn(NodeId) -> bool) {
        self.0.retain(|node, _| keep(*node));
    }

    /// All of them.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.0.keys().copied()
    }
}

/// Slots that somebody has, a bit each: this is asked for every command of a client.
struct Taken([u64; SLOT_COUNT as usize / 64]);

impl Default for Taken {
    fn default() -> Self {
        Taken([0; SLOT_COUNT as usize / 64])
    }
}

/// How much of a range was free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    Nothing,
    Some,
    All,
}

impl Taken {
    /// Takes a range of slots, both ends in it; how much of it was free.
    fn take(&mut self, (first, last): (u16, u16)) -> Share {
        let (first, last) = (usize::from(first), usize::from(last));
        let (mut is_some_free, mut is_some_taken) = (false, false);
        for (word, bits) in self.0.iter_mut().enumerate().take(last / 64 + 1).skip(first / 64) {
            let from = u64::MAX << first.saturating_sub(word * 64);
            let to = u64::MAX >> (63 - (last - word * 64).min(63));
            is_some_free |= *bits & from & to != from & to;
            is_some_taken |= *bits & from & to != 0;
            *bits |= from & to;
        }
        match (is_some_free, is_some_taken) {
            (false, _) => Share::Nothing,
            (true, true) => Share::Some,
            (true, false) => Share::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Says, at, message};
    use super::*;

    fn hear(views: &mut Views, to: u16, says: Says, s: u64) {
        let message = Arc::new(message(says, to, s));
        views.heard(&Heard { event: s, at: at(s), message });
    }

    #[test]
    fn who_has_the_higher_epoch_owns_what_two_claim() {
        let mut views = Views::default();
        hear(&mut views, 9, Says::primary(1, 1, (0, 99)), 1);
        hear(&mut views, 9, Says::primary(2, 2, (100, 199)), 1);
        hear(&mut views, 9, Says::primary(3, 7, (0, 99)), 2);
        hear(&mut views, 9, Says::replica(4, 2), 2);
        let owners = views.owners(NodeId(9), None);
        assert_eq!((owners.nodes().collect::<Vec<_>>(), owners.quorum()), (vec![NodeId(2), NodeId(3)], 2));
    }

    #[test]
    fn what_was_said_before_a_claim_and_comes_after_it_is_old() {
        let mut views = Views::default();
        hear(&mut views, 9, Says::primary(1, 7, (0, 99)), 1);
        hear(&mut views, 9, Says { epochs: (7, 2), ..Says::replica(1, 2) }, 2);
        assert!(views.owners(NodeId(9), None).contains(NodeId(1)));
        hear(&mut views, 9, Says { epochs: (8, 2), ..Says::replica(1, 2) }, 3);
        assert!(!views.owners(NodeId(9), None).contains(NodeId(1)));
    }

    #[test]
    fn who_lost_some_of_what_it_claims_is_an_owner_in_doubt() {
        let mut views = Views::default();
        hear(&mut views, 9, Says::primary(1, 1, (0, 99)), 1);
        hear(&mut views, 9, Says::primary(2, 2, (0, 95)), 2);
        let owners = views.owners(NodeId(9), None);
        assert!(owners.contains(NodeId(1)));
        assert_eq!(owners.unchallenged().nodes().collect::<Vec<_>>(), [NodeId(2)]);
    }

    #[test]
    fn of_two_who_claim_the_same_in_one_epoch_nobody_can_say_who_has_it() {
        let mut views = Views::default();
        hear(&mut views, 9, Says::primary(1, 5, (0, 99)), 1);
        hear(&mut views, 9, Says::primary(2, 5, (0, 99)), 2);
        hear(&mut views, 9, Says::primary(3, 5, (100, 199)), 3);
        let owners = views.owners(NodeId(9), None);
        assert_eq!(owners.unchallenged().nodes().collect::<Vec<_>>(), [NodeId(3)]);
    }

    #[test]
    fn a_header_that_was_overtaken_changes_nothing() {
        let mut views = Views::default();
        hear(&mut views, 9, Says::primary(1, 5, (0, 99)), 1);
        hear(&mut views, 9, Says { epochs: (4, 4), ..Says::replica(1, 2) }, 2);
        assert!(views.owners(NodeId(9), None).contains(NodeId(1)));
    }

    #[test]
    fn ranges_are_taken_to_the_slot() {
        for (first, last) in [(0, 0), (5, 63), (63, 64), (64, 127), (100, 300), (16_383, 16_383), (0, 16_383)]
        {
            let mut taken = Taken::default();
            assert_eq!(
                [(); 2].map(|()| taken.take((first, last))),
                [Share::All, Share::Nothing],
                "{first}-{last}"
            );
            let all = usize::from(last - first) + 1;
            assert_eq!(taken.0.iter().map(|bits| bits.count_ones() as usize).sum::<usize>(), all);
            let next = [first.checked_sub(1), (last < 16_383).then(|| last + 1)];
            let mut free = next.into_iter().flatten();
            assert!(free.all(|slot| taken.take((slot, slot)) == Share::All), "{first}-{last}");
            assert!(all == 16_384 || taken.take((0, 16_383)) == Share::Some, "{first}-{last}");
        }
    }

    #[test]
    fn reach_goes_through_others_and_ends_where_nothing_new_was_heard() {
        let mut views = Views::default();
        hear(&mut views, 1, Says::primary(2, 2, (0, 9)), 20);
        hear(&mut views, 2, Says::primary(3, 3, (10, 19)), 21);
        hear(&mut views, 1, Says::primary(4, 4, (20, 29)), 9);
        let reached = views.within_reach(NodeId(1), at(10));
        assert_eq!(reached, BTreeSet::from([NodeId(1), NodeId(2), NodeId(3)]));
    }
}
