//! What clients were answered beside what they asked: redirections, replies to nothing, and no reply at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bus::Message;
use crate::event::{Body, Claim, Event};
use crate::id::{ActorId, ClientId, NodeId};
use crate::time::SimTime;

/// How many of each are kept: more tell nothing new.
const KEPT: usize = 64;

/// A node sent a client to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// When the client was told.
    pub at: SimTime,
    /// By the event of this number.
    pub event: u64,
    /// Who.
    pub client: ClientId,
    /// By whom.
    pub node: NodeId,
    /// With what it asks about this slot.
    pub slot: u16,
    /// To whom.
    pub to: NodeId,
    /// This once.
    pub ask: bool,
}

/// A reply to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfStep {
    /// When it came.
    pub at: SimTime,
    /// With the event of this number.
    pub event: u64,
    /// To whom.
    pub client: ClientId,
    /// From whom.
    pub node: NodeId,
    /// What it was.
    pub detail: String,
}

/// Answers of a run.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Where clients were sent, each way once.
    redirections: BTreeMap<(NodeId, u16, NodeId, bool), Redirection>,
    out_of_step: Vec<OutOfStep>,
    /// What each node claimed for itself as a primary, as far as it differs from what it had claimed before.
    claims: BTreeMap<NodeId, Vec<Arc<Claim>>>,
}

impl Answers {
    pub(super) fn see(&mut self, event: &Event) {
        let ActorId::Client(client) = event.actor else { return };
        let (at, number) = (event.at, event.i);
        match &event.body {
            Body::Redirect { node, slot, to, ask } => {
                let (node, slot, to, ask) = (*node, *slot, *to, *ask);
                let new = Redirection { at, event: number, client, node, slot, to, ask };
                self.redirections.entry((node, slot, to, ask)).or_insert(new);
            }
            Body::OutOfStep { node, detail } if self.out_of_step.len() < KEPT => {
                let (node, detail) = (*node, detail.clone());
                self.out_of_step.push(OutOfStep { at, event: number, client, node, detail });
            }
            _ => {}
        }
    }

    pub(super) fn said(&mut self, message: &Message) {
        let Some(claim) = message.header.as_ref().map(|header| &header.claim) else { return };
        if !claim.is_primary() {
            return;
        }
        let claims = self.claims.entry(message.from).or_default();
        if claims.last().is_none_or(|last| last.slots != claim.slots) {
            claims.push(Arc::clone(claim));
        }
    }

    /// Where clients were sent, in the order in which they were told of each way first.
    pub fn redirections(&self) -> Vec<Redirection> {
        let mut all = self.redirections.values().copied().collect::<Vec<_>>();
        all.sort_by_key(|one| one.event);
        all
    }

    /// Replies to nothing.
    pub fn out_of_step(&self) -> &[OutOfStep] {
        &self.out_of_step
    }

    /// Whether a node ever said that a slot is its own.
    pub fn ever_claimed(&self, node: NodeId, slot: u16) -> bool {
        let is_in = |(first, last): &(u16, u16)| (*first..=*last).contains(&slot);
        self.claims.get(&node).into_iter().flatten().any(|claim| claim.slots.iter().any(is_in))
    }
}
