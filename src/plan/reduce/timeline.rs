//! What a run came to, as far as its plan can be reduced by it: when each operation, fault and command really was.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use crate::event::{Body, Event, Phase};
use crate::fault::FaultId;
use crate::id::{ActorId, NodeId};
use crate::op::OpId;
use crate::plan::ClientCommand;
use crate::time::{SimDuration, SimTime};

/// The times of a run that its log tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// When the workload began; absent if the cluster was never formed.
    pub began_at: Option<SimTime>,
    /// What became of each operation that was sent or ended.
    pub operations: BTreeMap<OpId, OperationTimes>,
    /// What became of each fault whose moment came.
    pub faults: BTreeMap<FaultId, FaultTimes>,
    /// Every command of every client, as it was invoked.
    pub commands: Vec<ClientCommand>,
}

/// When an operation was under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationTimes {
    /// When it was sent to the cluster, if it came to that.
    pub started_at: Option<SimTime>,
    /// When it ended, if it did.
    pub ended_at: Option<SimTime>,
}

/// When a fault's moment came, and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultTimes {
    /// When it fired, or was known to be missed.
    pub at: SimTime,
    /// Whether it did anything; not if its moment was missed or there was nobody to be hit.
    pub fired: bool,
    /// The nodes it hit; none if it cut off clients alone.
    pub hit: Vec<NodeId>,
}

impl Timeline {
    /// The times that the events of one run tell, which come in order.
    pub fn of<E: Borrow<Event>>(events: impl IntoIterator<Item = E>) -> Self {
        let mut timeline = Timeline::default();
        for event in events {
            timeline.see(event.borrow());
        }
        timeline
    }

    /// Takes the next event.
    pub fn see(&mut self, event: &Event) {
        let at = event.at;
        match (&event.body, event.actor) {
            (Body::Phase { phase: Phase::Run }, _) => self.began_at = Some(at),
            (Body::Operation { op, .. }, _) => {
                self.operations.entry(*op).or_default().started_at = Some(at);
            }
            (Body::OperationEnded { op, .. }, _) => {
                self.operations.entry(*op).or_default().ended_at = Some(at);
            }
            (Body::Fault { fault, hit, .. }, _) => {
                self.faults.insert(*fault, FaultTimes { at, fired: !hit.is_empty(), hit: hit.clone() });
            }
            // What hits no node did nothing, unless there was something to heal: links of clients.
            (Body::Heal { fault, .. }, _) => {
                self.faults.entry(*fault).and_modify(|times| times.fired = true);
            }
            (Body::Invoke { request, .. }, ActorId::Client(client)) => {
                let (at_ns, request) = (self.since_begin(at), request.clone());
                self.commands.push(ClientCommand { client, at_ns, request });
            }
            _ => {}
        }
    }

    /// The time from the beginning of the workload to `at`.
    pub fn since_begin(&self, at: SimTime) -> SimDuration {
        at.since(self.began_at.unwrap_or(SimTime::ZERO))
    }

    /// When an operation ended; the workload's beginning counts as the end of what comes before the first one.
    pub(super) fn end_of(&self, op: Option<OpId>) -> Option<SimTime> {
        match op {
            Some(op) => self.operations.get(&op)?.ended_at,
            None => self.began_at,
        }
    }
}
