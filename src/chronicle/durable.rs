//! What a node had on its disk for sure before it gave its word for it on the cluster bus.
//!
//! A vote and a primary's new config epoch are saved and synchronised before the event loop sends what was said
//! (`clusterBeforeSleep`, `CLUSTER_TODO_FSYNC_CONFIG`; links are written with a barrier behind it). A request for votes may leave
//! before its epoch is saved, where the election begins in `clusterBeforeSleep` itself: asking twice harms nobody.
//! What is set by hand is not synchronised (`CLUSTER SET-CONFIG-EPOCH`), and neither is what a cluster is formed with.

use std::collections::{BTreeMap, BTreeSet};

use super::bus::{Header, Message};
use crate::event::{Body, Event, MessageType, Phase, SavedEpochs};
use crate::fault::{Affliction, Effect, FaultId};
use crate::id::{ActorId, NodeId};
use crate::plan::Plan;
use crate::time::SimTime;

/// What a node gave its word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pledge {
    /// It voted.
    Vote,
    /// It owns its slots in that config epoch from now on.
    ConfigEpoch,
    /// Its file itself, which must not go back.
    File,
    /// A vote in an epoch above the highest that its file has, or its own config epoch.
    Above,
}

/// A word that a loss of power would have made a node forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsaved {
    /// The event that shows it.
    pub event: u64,
    /// When.
    pub at: SimTime,
    /// Whose word.
    pub node: NodeId,
    /// What it is about.
    pub what: Pledge,
    /// The epoch of it.
    pub epoch: u64,
    /// The epoch that its `nodes.conf` was last synchronised with.
    pub saved: u64,
}

impl Unsaved {
    fn is_missing_in(&self, epochs: SavedEpochs) -> bool {
        match self.what {
            Pledge::Vote => self.epoch > epochs.last_vote_epoch,
            Pledge::ConfigEpoch => self.epoch > epochs.config_epoch,
            Pledge::File | Pledge::Above => true,
        }
    }
}

/// How many are kept: more tell nothing new.
const KEPT: usize = 64;

/// Every such word.
#[derive(Clone, Debug, Default)]
pub struct Durable {
    unsaved: Vec<Unsaved>,
    /// What each process's file was synchronised with last.
    saved: BTreeMap<NodeId, SavedEpochs>,
    /// The highest config epoch that each process claimed as a primary.
    claimed: BTreeMap<NodeId, u64>,
    /// Faults that make a disk refuse or lie.
    of_disks: BTreeSet<FaultId>,
    /// Nodes whose disk refused or lied since their file was synchronised last.
    doubtful: BTreeSet<NodeId>,
    /// The cluster is formed.
    is_formed: bool,
}

impl Durable {
    pub(super) fn new(plan: &Plan) -> Self {
        let is_of_disk = |effect| matches!(effect, Effect::Afflict(Affliction::Files(_)));
        let of_disks = plan.faults.iter().filter(|fault| is_of_disk(fault.action.effect()));
        Durable { of_disks: of_disks.map(|fault| fault.id).collect(), ..Durable::default() }
    }

    pub(super) fn see(&mut self, event: &Event) {
        match (event.actor, &event.body) {
            (_, Body::Phase { phase: Phase::Run }) => self.is_formed = true,
            (ActorId::Node(node), Body::Start { .. }) => {
                self.saved.remove(&node);
                self.claimed.remove(&node);
            }
            (ActorId::Node(node), Body::Rule { fault, .. }) if self.of_disks.contains(fault) => {
                self.doubtful.insert(node);
            }
            (ActorId::Node(node), Body::Saved { epochs }) => self.saves(event, node, *epochs),
            _ => {}
        }
    }

    /// A process's file was synchronised.
    fn saves(&mut self, event: &Event, node: NodeId, epochs: SavedEpochs) {
        self.doubtful.remove(&node);
        // What left in the same turn left within the step that saves (a `SETSLOT` that replicas answered, 8.0).
        self.unsaved.retain(|one| one.node != node || one.at != event.at || one.is_missing_in(epochs));
        let before = self.saved.insert(node, epochs).unwrap_or_default();
        let pairs =
            [(epochs.current_epoch, before.current_epoch), (epochs.last_vote_epoch, before.last_vote_epoch)];
        if let Some((epoch, saved)) = pairs.into_iter().find(|(epoch, before)| epoch < before) {
            self.lapses(Unsaved { event: event.i, at: event.at, node, what: Pledge::File, epoch, saved });
        }
        let (epoch, saved) = (epochs.last_vote_epoch.max(epochs.config_epoch), epochs.current_epoch);
        if epoch > saved {
            self.lapses(Unsaved { event: event.i, at: event.at, node, what: Pledge::Above, epoch, saved });
        }
    }

    pub(super) fn said(&mut self, message: &Message) {
        let Some(header) = &message.header else { return };
        let node = message.from;
        let saved = self.saved.get(&node).copied().unwrap_or_default();
        let current = header.current_epoch;
        let pledges = [
            (message.r#type == MessageType::FAILOVER_AUTH_ACK, Pledge::Vote, current, saved.last_vote_epoch),
            (self.claims_newer(node, header), Pledge::ConfigEpoch, header.config_epoch, saved.config_epoch),
        ];
        for (is_given, what, epoch, saved) in pledges {
            if is_given && self.is_formed && epoch > saved && !self.doubtful.contains(&node) {
                self.lapses(Unsaved { event: message.event, at: message.at, node, what, epoch, saved });
            }
        }
    }

    /// Whether a node claims its slots in a newer epoch than its process did before; what a process says first it was started with.
    fn claims_newer(&mut self, node: NodeId, header: &Header) -> bool {
        let claims = if header.claim.is_primary() { header.config_epoch } else { 0 };
        let before = self.claimed.get(&node).copied();
        self.claimed.insert(node, before.unwrap_or(0).max(claims));
        before.is_some_and(|before| claims > before)
    }

    fn lapses(&mut self, unsaved: Unsaved) {
        if self.unsaved.len() < KEPT {
            self.unsaved.push(unsaved);
        }
    }

    /// Every such word, in order.
    pub fn unsaved(&self) -> &[Unsaved] {
        &self.unsaved
    }
}
