//! Replicas that went to another primary by themselves, as their own headers say, and what they had been told then.
//!
//! Whoever follows the owner of its primary's slots, or its primary's primary, stays in its shard and is not meant; nor is
//! one that a command touched, or that says something else after a start. What is left is the server's replica migration
//! (`clusterHandleReplicaMigration`): to a primary whose replicas are all failing, from one that keeps enough.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bus::{Heard, Message};
use super::members::Members;
use super::operator::Asks;
use super::suspicion::Suspicions;
use super::views::{READ_WITHIN, Views};
use crate::event::{Body, Claim, Event, MessageType};
use crate::id::NodeId;
use crate::op::share_slots;
use crate::time::{SimDuration, SimTime};

/// A replica says for the first time that it follows a primary of another shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The message that says so.
    pub event: u64,
    /// When it was sent.
    pub at: SimTime,
    /// Who moved.
    pub node: NodeId,
    /// Whom it followed before.
    pub from: NodeId,
    /// Whom it follows now.
    pub to: NodeId,
    /// How many replicas the one it left had, itself included, as far as anybody could know.
    pub replicas: usize,
    /// A replica of its new primary that it heard of all along and never knew to be failing.
    pub served_by: Option<NodeId>,
    /// A replica of its new primary of which it was told first so long before that it is failing.
    pub failed_lately: Option<(NodeId, SimDuration)>,
    /// Another replica of the one it left whose cluster id is smaller, so that it was that one's turn.
    pub before_it: Option<NodeId>,
}

/// For how long a primary is without replicas before one comes (`CLUSTER_REPLICA_MIGRATION_DELAY`), and how long it takes at most
/// until a new replica is known.
const ORPHANED_FOR: SimDuration = SimDuration::from_secs(5);

/// For how long after a move what a node says of whom it followed before may have waited for a link.
const STALE: SimDuration = SimDuration::from_secs(30);

/// Who follows whom, and who moved.
#[derive(Clone, Debug, Default)]
pub struct Moves {
    following: BTreeMap<NodeId, Following>,
    /// The last slots that each node claimed as a primary.
    led: BTreeMap<NodeId, Vec<(u16, u16)>>,
    /// When a node left whom it followed, and whom.
    left: BTreeMap<NodeId, (SimTime, String)>,
    /// When a node was told first, or said itself, that another one is failing.
    failed: BTreeMap<(NodeId, NodeId), SimTime>,
    moves: Vec<Move>,
}

/// A replica by its own word.
#[derive(Clone, Debug)]
struct Following {
    id: String,
    primary: String,
    since: SimTime,
}

/// What else was seen until then.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    pub members: &'k Members,
    pub views: &'k Views,
    pub suspicions: &'k Suspicions,
    pub asks: &'k Asks,
}

impl Moves {
    /// What a process says after its start is no move: it may have lost what it wrote down last.
    pub(super) fn see(&mut self, event: &Event) {
        if let (Some(node), Body::Start { .. }) = (event.actor.node(), &event.body) {
            self.following.remove(&node);
            self.failed.retain(|(viewer, _), _| *viewer != node);
        }
    }

    /// A call of failure was said or heard by a node.
    fn called(&mut self, viewer: NodeId, message: &Message, at: SimTime, members: &Members) {
        let about = message.about.as_deref().filter(|_| message.r#type == MessageType::FAIL);
        if let Some(about) = about.and_then(|id| members.named(id)) {
            self.failed.entry((viewer, about)).or_insert(at);
        }
    }

    pub(super) fn heard(&mut self, heard: &Heard, members: &Members) {
        self.called(heard.message.to, &heard.message, heard.at, members);
    }

    pub(super) fn said(&mut self, message: &Arc<Message>, known: Known) {
        self.called(message.from, message, message.at, known.members);
        let Some(claim) = message.header.as_ref().map(|header| &header.claim) else { return };
        let node = message.from;
        if claim.owns_slots() {
            self.led.insert(node, claim.slots.clone());
        }
        // What waited for its connection may be older than what was said before it.
        if !message.prompt {
            return;
        }
        let Some(primary) = claim.of.as_ref().filter(|_| !claim.is_primary()) else {
            self.following.remove(&node);
            return;
        };
        let same = |before: &Following| before.primary == *primary && before.id == claim.id;
        if self.following.get(&node).is_some_and(same) {
            return;
        }
        // A link that stood still brings what was said before the last move, but nothing of a process that is gone.
        let started_at = known.members.get(node).and_then(|member| member.started_at);
        let is_stale = |(left_at, whom): &(SimTime, String)| {
            whom == primary
                && message.at.since(*left_at) <= STALE
                && started_at.is_none_or(|started| started <= *left_at)
        };
        if self.left.get(&node).is_some_and(is_stale) {
            return;
        }
        let now = Following { id: claim.id.clone(), primary: primary.clone(), since: message.at };
        let before = self.following.insert(node, now).filter(|before| before.id == claim.id);
        if let Some(before) = before {
            self.moved(message, claim, &before, known);
            self.left.insert(node, (message.at, before.primary));
        }
    }

    fn moved(&mut self, message: &Message, claim: &Claim, before: &Following, known: Known) {
        let (node, at, was_told) = (message.from, message.at, before.since);
        let before = before.primary.as_str();
        let named = |id: &str| known.members.named(id);
        let to = claim.of.as_deref().and_then(named);
        let (Some(from), Some(to)) = (named(before), to) else { return };
        if known.asks.changed_node_between(node, was_told, at) || self.stays(from, to, known.members) {
            return;
        }
        let replicas = self.replicas_of(before, (node, at), known.views);
        let served_by = claim.of.as_ref().and_then(|to| self.serving(to, (node, at), known));
        let before_it = candidate(before, (node, claim.id.as_str(), at), known);
        let failed_lately = claim.of.as_ref().and_then(|to| self.failed_lately(to, (node, at), known));
        let event = message.event;
        self.moves.push(Move { event, at, node, from, to, replicas, served_by, failed_lately, before_it });
    }

    /// Whether the new primary leads what the old one led, or the old one follows somebody itself.
    fn stays(&self, from: NodeId, to: NodeId, members: &Members) -> bool {
        let is_replica = members
            .get(from)
            .and_then(|member| member.header())
            .is_some_and(|header| !header.claim.is_primary());
        let slots = |node| self.led.get(&node).map_or(&[][..], Vec::as_slice);
        is_replica || slots(from).is_empty() || share_slots(slots(from), slots(to))
    }

    /// How many replicas a primary had: those that said so until a moment ago, or those that the node had heard saying so.
    fn replicas_of(&self, primary: &str, (node, at): (NodeId, SimTime), views: &Views) -> usize {
        let others = self.following.iter().filter(|(other, _)| **other != node);
        let following = others.filter(|(_, following)| following.primary == primary).count();
        let lately = |(when, whom): &&(SimTime, String)| whom == primary && at.since(*when) <= ORPHANED_FOR;
        let left = self.left.values().filter(lately).count();
        let heard =
            views.of(node).filter(|heard| heard.message.from != node && follows(heard, primary)).count();
        1 + heard.max(following + left)
    }

    /// A replica of a primary that a node heard of all along, and never knew to be failing.
    fn serving(&self, primary: &str, (node, at): (NodeId, SimTime), known: Known) -> Option<NodeId> {
        let (longest, _) = known.asks.node_timeouts();
        let long = ORPHANED_FOR + longest + READ_WITHIN;
        let is_old = |heard: &&Heard| {
            let replica = heard.message.from;
            let member = known.members.get(replica);
            let runs = member.is_some_and(|member| {
                member.paused_at.is_none()
                    && member.started_at.is_some_and(|started| at.since(started) >= long)
            });
            let since = self.following.get(&replica).filter(|following| following.primary == primary);
            runs && since.is_some_and(|following| at.since(following.since) >= long)
                && is_read(heard, primary, at)
                && known.views.heard_at(node, replica).is_some_and(|heard| at.since(heard) <= longest)
                && known.suspicions.known_failed(node, replica).is_none()
                && !known.asks.changed_node(replica, at)
        };
        known
            .views
            .of(node)
            .filter(|heard| heard.message.from != node)
            .find(is_old)
            .map(|heard| heard.message.from)
    }

    /// A replica of a primary that a node had heard saying so before it was told first that it is failing, and how long before
    /// the move that was, if it is too short a time.
    fn failed_lately(
        &self,
        primary: &str,
        (node, at): (NodeId, SimTime),
        known: Known,
    ) -> Option<(NodeId, SimDuration)> {
        let started_at = known.members.get(node)?.started_at?;
        let lately = known.views.of(node).filter(|heard| heard.message.from != node).filter_map(|heard| {
            let replica = heard.message.from;
            let failed_at = *self.failed.get(&(node, replica))?;
            let told_before = follows(heard, primary)
                && started_at < heard.at
                && failed_at.since(heard.at) >= READ_WITHIN
                && !known.asks.changed_node(replica, at);
            told_before.then_some((replica, at.since(failed_at)))
        });
        lately.filter(|(_, age)| *age + READ_WITHIN < ORPHANED_FOR).min_by_key(|(_, age)| *age)
    }

    /// Every move, in order.
    pub fn all(&self) -> &[Move] {
        &self.moves
    }
}

/// Another replica of a primary whose turn it was, as far as the node that moved must have known.
fn candidate(primary: &str, (node, id, at): (NodeId, &str, SimTime), known: Known) -> Option<NodeId> {
    let comes_first = |heard: &&Heard| {
        let replica = heard.message.from;
        let smaller = heard.message.header.as_ref().is_some_and(|header| header.claim.id.as_str() < id);
        smaller && replica != node && is_read(heard, primary, at) && !known.asks.changed_node(replica, at)
    };
    known.views.of(node).find(comes_first).map(|heard| heard.message.from)
}

/// Whether a message says that its sender follows a primary, and was surely read.
fn is_read(heard: &Heard, primary: &str, at: SimTime) -> bool {
    follows(heard, primary) && at.since(heard.at) >= READ_WITHIN
}

fn follows(heard: &Heard, primary: &str) -> bool {
    let header = heard.message.header.as_ref();
    header.is_some_and(|header| !header.claim.is_primary() && header.claim.of.as_deref() == Some(primary))
}
