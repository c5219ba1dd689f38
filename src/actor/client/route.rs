//! Whom a client turns to: the owners of slots as far as it knows them, and when to ask for them again.

use super::draws::Draws;
use super::slot_owners::SlotOwners;
use crate::actor::Out;
use crate::actor::session::Answer;
use crate::event::Body;
use crate::id::NodeId;
use crate::plan::ClusterPlan;
use crate::time::{SimDuration, SimTime};

/// A client asks for the owners of all slots at most this often.
const REFRESH_EVERY: SimDuration = SimDuration::from_secs(1);

/// What a client knows about whom to ask.
#[derive(Debug)]
pub struct Route {
    owners: SlotOwners,
    /// The node that was of no use when it was asked last.
    avoid: Option<NodeId>,
    refresh: Option<Refresh>,
}

/// The last time the owners of all slots were asked for.
#[derive(Clone, Copy, Debug)]
struct Refresh {
    node: NodeId,
    /// Until the answer is there.
    tag: Option<u64>,
    at: SimTime,
}

impl Route {
    /// The way that the plan's layout shows.
    pub fn laid_out(cluster: &ClusterPlan) -> Self {
        Route { owners: SlotOwners::laid_out(cluster), avoid: None, refresh: None }
    }

    /// Whom to ask about a slot: its owner, or anybody, who will know better.
    pub fn node_for(&self, slot: u16, draws: &mut Draws, out: &mut Out) -> NodeId {
        self.owners.owner(slot).unwrap_or_else(|| self.any(draws, "no owner is known", out))
    }

    /// The cluster says that a slot is `node`'s.
    pub fn moved(&mut self, slot: u16, node: NodeId) {
        self.owners.moved(slot, node);
    }

    /// The connection to `node` failed: somebody else may own its slots by now.
    pub fn failed(&mut self, node: NodeId) {
        self.owners.forget(node);
    }

    /// Whether `node` was of use when it was asked just now.
    pub fn tried(&mut self, node: NodeId, useful: bool) {
        self.avoid = (!useful).then_some(node);
    }

    /// Whether the owners may be asked for again.
    pub fn refresh_due(&self, now: SimTime) -> bool {
        self.refresh.is_none_or(|last| now.since(last.at) >= REFRESH_EVERY)
    }

    /// The node that was asked for the owners and has not answered.
    pub fn silent(&self) -> Option<NodeId> {
        self.refresh.filter(|last| last.tag.is_some()).map(|last| last.node)
    }

    /// Whom to ask for the owners now, under `tag`.
    pub fn refresh(&mut self, now: SimTime, tag: u64, draws: &mut Draws, out: &mut Out) -> NodeId {
        let node = self.any(draws, "the owners are asked for", out);
        self.refresh = Some(Refresh { node, tag: Some(tag), at: now });
        node
    }

    fn any(&self, draws: &mut Draws, why: &str, out: &mut Out) -> NodeId {
        let node = draws.node(self.avoid);
        out.note(Body::Picked { node, why: why.to_owned() });
        node
    }

    /// Takes the owners from an answer, if it is the one that was asked for.
    pub fn answered(&mut self, answer: &Answer) {
        let Some(last) = self.refresh.as_mut().filter(|last| last.tag == Some(answer.tag)) else {
            return;
        };
        last.tag = None;
        if let Ok(reply) = &answer.result {
            self.owners.learn(reply, answer.node);
        }
    }
}
