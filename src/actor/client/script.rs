//! What is left of the commands that a plan lists for a client.

use std::collections::VecDeque;

use crate::history::Request;
use crate::id::ClientId;
use crate::plan::{ClientCommand, WorkloadPlan};
use crate::time::{SimDuration, SimTime};

/// A client's commands, the next one first.
#[derive(Debug)]
pub struct Script {
    began: SimTime,
    left: VecDeque<ClientCommand>,
}

impl Script {
    /// The commands of `client`, if the workload lists any at all.
    pub fn of(client: ClientId, workload: &WorkloadPlan) -> Option<Self> {
        let own = workload.commands.iter().filter(|command| command.client == client).cloned();
        let script = || Script { began: SimTime::ZERO, left: own.collect() };
        (!workload.commands.is_empty()).then(script)
    }

    /// The workload begins.
    pub fn begin(&mut self, now: SimTime) {
        self.began = now;
    }

    /// How long it is until the next command is due; nothing if there is none.
    pub fn gap(&self, now: SimTime) -> Option<SimDuration> {
        Some(self.left.front()?.at_ns - now.since(self.began))
    }

    /// Takes the next command.
    pub fn next(&mut self) -> Option<Request> {
        self.left.pop_front().map(|command| command.request)
    }

    /// Whether all commands were taken.
    pub fn is_over(&self) -> bool {
        self.left.is_empty()
    }
}
