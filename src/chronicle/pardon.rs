//! Who was called failing is held for it for a while: a primary with slots that is heard again stays failing for twice the node
//! timeout, so that its replicas can take over (`clearNodeFailureIfNeeded`, `CLUSTER_FAIL_UNDO_TIME_MULT`).
//!
//! A node marks another one no earlier than it is told to, so that what it was told first is a lower bound. It must be known to
//! read what it is told, and to hold the other one for the owner of slots all along.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bus::{Heard, Message};
use super::duties::Known;
use super::views::{READ_WITHIN, Views};
use crate::event::{Body, Claim, Event, Gossiped, MessageType};
use crate::id::NodeId;
use crate::time::SimTime;

/// A node says of a primary that it had called failing that it is well again, too early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pardon {
    /// The message that says so.
    pub event: u64,
    /// When it was sent.
    pub at: SimTime,
    /// Who says so.
    pub by: NodeId,
    /// Of whom.
    pub about: NodeId,
    /// When it was told that it is failing.
    pub since: SimTime,
}

/// Every one that came too early.
#[derive(Clone, Debug, Default)]
pub struct Pardons {
    /// When a node was told or said first that another one is failing, since it said last that it is not.
    failing_since: BTreeMap<(NodeId, NodeId), SimTime>,
    /// Whom a node has heard lead with slots.
    led: BTreeSet<(NodeId, NodeId)>,
    early: Vec<Pardon>,
}

impl Pardons {
    pub(super) fn see(&mut self, event: &Event) {
        if let (Some(node), Body::Start { .. }) = (event.actor.node(), &event.body) {
            self.failing_since.retain(|(by, _), _| *by != node);
        }
    }

    /// Takes what was heard, before `views` do.
    pub(super) fn heard(&mut self, heard: &Heard, known: &Known) {
        let Message { from, to, r#type, about, header, .. } = &*heard.message;
        if header.as_ref().is_some_and(|header| header.claim.is_primary() && header.claim.owns_slots()) {
            self.led.insert((*to, *from));
        }
        let table = Table { views: known.views, led: &self.led };
        // Whoever owned nothing meanwhile may have been taken back at once, and own something again.
        self.failing_since.retain(|(by, about), _| by != to || table.owns(*to, *about, None));
        if *r#type == MessageType::UPDATE {
            // It tells of owners that may not be heard.
            self.failing_since.retain(|(by, _), _| by != to);
        }
        let about = about.as_deref().filter(|_| *r#type == MessageType::FAIL);
        let Some(about) = about.and_then(|id| known.members.current(id)).filter(|about| about != to) else {
            return;
        };
        // Whoever is not known is not heeded.
        if known.views.heard_at(*to, *from).is_some() && table.owns(*to, about, None) {
            self.failing_since.entry((*to, about)).or_insert(heard.at);
        }
    }

    pub(super) fn said(&mut self, message: &Arc<Message>, known: &Known) {
        let (by, at) = (message.from, message.at);
        let (_, shortest) = known.asks.node_timeouts();
        self.holds(message, known);
        let table = Table { views: known.views, led: &self.led };
        // Whoever has lost all slots to the one that says so may be taken back at once.
        if message.header.as_ref().is_some_and(|header| header.claim.owns_slots()) {
            self.failing_since.retain(|(of, about), _| *of != by || table.owns(by, *about, Some(message)));
        }
        for Gossiped(id, flags) in message.gossip.iter().filter(|gossiped| gossiped.1 & Gossiped::FAIL == 0) {
            let Some(about) = known.members.current(id) else { continue };
            let since = self.failing_since.get(&(by, about)).copied();
            let Some(since) = since.filter(|since| message.prompt && at.since(*since) > READ_WITHIN) else {
                continue;
            };
            self.failing_since.remove(&(by, about));
            let is_steady = known.service.steady_since(by).is_some_and(|steady| steady <= since);
            let is_early = at.since(since) < shortest.times(2);
            let is_primary = flags & Claim::PRIMARY != 0;
            if is_early && is_steady && is_primary && table.owns(by, about, Some(message)) {
                self.early.push(Pardon { event: message.event, at, by, about, since });
            }
        }
    }

    /// A node says that another one is failing: since it calls it so, or since nobody knows when.
    fn holds(&mut self, message: &Message, known: &Known) {
        let table = Table { views: known.views, led: &self.led };
        // What waited for its link was said long before.
        let called = message.about.as_ref().filter(|_| message.r#type == MessageType::FAIL && message.prompt);
        let failing = message.gossip.iter().filter(|gossiped| gossiped.1 & Gossiped::FAIL != 0);
        let told = failing.map(|gossiped| (&gossiped.0, SimTime::ZERO));
        for (id, since) in called.map(|id| (id, message.at)).into_iter().chain(told) {
            let about = known.members.current(id);
            if let Some(about) = about.filter(|about| table.owns(message.from, *about, None)) {
                self.failing_since.entry((message.from, about)).or_insert(since);
            }
        }
    }

    /// Every one, in order.
    pub fn early(&self) -> &[Pardon] {
        &self.early
    }
}

/// What tells whom a node holds for a primary with slots.
#[derive(Clone, Copy)]
struct Table<'c> {
    views: &'c Views,
    /// Whom a node has heard lead with slots.
    led: &'c BTreeSet<(NodeId, NodeId)>,
}

impl Table<'_> {
    /// Whether a node must hold another one for a primary with slots, by what it heard and what it says of itself: of two who claim
    /// the same slots in one epoch it may hold either for their owner.
    fn owns(self, viewer: NodeId, node: NodeId, own: Option<&Arc<Message>>) -> bool {
        self.views.owners(viewer, own).is_unchallenged(node) && !self.may_be_nobodys(viewer, node)
    }

    /// Whether the slots that a node claims may be nobody's to another one: whoever had them there follows that node by now, and it
    /// has said nothing since then (what a replica says takes away its slots, `clusterSetNodeAsReplica`).
    fn may_be_nobodys(self, viewer: NodeId, node: NodeId) -> bool {
        let own = self.views.last(viewer, node);
        let Some((own, id)) = own.and_then(|own| Some((own, &own.message.header.as_ref()?.claim.id))) else {
            return false;
        };
        self.views.of(viewer).any(|other| {
            let follows = other.message.header.as_ref().and_then(|header| header.claim.of.as_ref());
            follows == Some(id) && other.at >= own.at && self.led.contains(&(viewer, other.message.from))
        })
    }
}
