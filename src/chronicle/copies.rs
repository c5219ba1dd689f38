//! Nodes that were set back to an earlier copy of their data directories, and whether the cluster was another one then.
//!
//! What a node says of itself - its name, role, primary, slots and config epoch - is who it is. Where nobody has become
//! somebody else since shortly before the copy was made, the copy lacks data, epochs and votes, and nothing else.

use std::collections::BTreeMap;

use super::bus::{Header, Message};
use super::operator::Asks;
use crate::event::{Body, Event, Told};
use crate::id::NodeId;
use crate::op::OpId;
use crate::time::SimTime;

/// A copy took the place of a node's data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutBack {
    /// Whose.
    pub node: NodeId,
    /// When.
    pub at: SimTime,
    /// When the copy had been made.
    pub as_of: SimTime,
    /// Whether somebody has become somebody else since, or shortly before.
    pub of_another_cluster: bool,
}

/// Every copy.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    kept: BTreeMap<OpId, SimTime>,
    /// Who each node is, by its own words.
    known: BTreeMap<NodeId, Who>,
    /// When a node last became another one.
    changed_at: SimTime,
    put_back: Vec<PutBack>,
}

/// Who a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Who {
    id: String,
    of: Option<String>,
    slots: Vec<(u16, u16)>,
    config_epoch: u64,
}

impl Copies {
    pub(super) fn see(&mut self, event: &Event, asks: &Asks) {
        let Some(node) = event.actor.node() else { return };
        match &event.body {
            Body::Tell { message: Told::KeepCopy { op } } => {
                self.kept.insert(*op, event.at);
            }
            Body::Tell { message: Told::PutBack { op } } => {
                let as_of = self.kept.get(op).copied().unwrap_or_default();
                // Who has just become somebody else is not known everywhere, nor saved.
                let (_, shortest) = asks.node_timeouts();
                let is_other = self.changed_at + shortest.times(2) >= as_of;
                let of_another_cluster = is_other || asks.touched_between(as_of, event.at);
                self.put_back.push(PutBack { node, at: event.at, as_of, of_another_cluster });
            }
            _ => {}
        }
    }

    pub(super) fn said(&mut self, message: &Message) {
        let Some(header) = &message.header else { return };
        let who = Who::of(header);
        if self.known.get(&message.from) != Some(&who) {
            self.known.insert(message.from, who);
            self.changed_at = message.at;
        }
    }

    /// Every node that was set back, in order.
    pub fn put_back(&self) -> &[PutBack] {
        &self.put_back
    }

    /// A node is taken to have been set back.
    #[cfg(test)]
    pub(crate) fn suppose(&mut self, back: PutBack) {
        self.put_back.push(back);
    }

    /// When the copy was made that a node was last set back to between two instants.
    pub fn put_back_between(&self, node: NodeId, [from, to]: [SimTime; 2]) -> Option<SimTime> {
        let its = |back: &&PutBack| back.node == node && back.at >= from && back.at <= to;
        self.put_back.iter().rfind(its).map(|back| back.as_of)
    }

    /// Whether a node has forgotten by an instant what it did at an earlier one.
    pub fn has_forgotten(&self, node: NodeId, what_at: SimTime, by: SimTime) -> bool {
        let forgets =
            |back: &PutBack| back.node == node && back.as_of < what_at && (what_at..=by).contains(&back.at);
        self.put_back.iter().any(forgets)
    }
}

impl Who {
    fn of(header: &Header) -> Self {
        let claim = &header.claim;
        Who {
            id: claim.id.clone(),
            of: claim.of.clone(),
            slots: claim.slots.clone(),
            config_epoch: header.config_epoch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Says, at, event, message};
    use super::*;
    use crate::id::ActorId;
    use crate::invariant::sample::healthy;

    /// A copy that is made at 10 s and put back at 20 s; somebody becomes a primary in epoch 9 at that second.
    fn set_back(another_at: u64) -> PutBack {
        let (mut copies, asks) = (Copies::default(), Asks::new(&healthy().plan));
        let told = |s, message| event(s, ActorId::Node(NodeId(1)), Body::Tell { message });
        for s in 1..=20 {
            let epoch = if s < another_at { 3 } else { 9 };
            copies.said(&message(Says::primary(2, epoch, (0, 9)), 1, s));
            match s {
                10 => copies.see(&told(s, Told::KeepCopy { op: OpId(1) }), &asks),
                20 => copies.see(&told(s, Told::PutBack { op: OpId(1) }), &asks),
                _ => {}
            }
        }
        assert!(
            copies.has_forgotten(NodeId(1), at(15), at(25))
                && !copies.has_forgotten(NodeId(1), at(9), at(25))
        );
        assert!(
            !copies.has_forgotten(NodeId(1), at(15), at(19))
                && !copies.has_forgotten(NodeId(2), at(15), at(25))
        );
        copies.put_back()[0]
    }

    #[test]
    fn a_copy_is_of_another_cluster_if_somebody_changed_since_or_just_before() {
        let back = set_back(2);
        assert_eq!(back, PutBack { node: NodeId(1), at: at(20), as_of: at(10), of_another_cluster: false });
        assert!(set_back(15).of_another_cluster && set_back(8).of_another_cluster);
    }
}
