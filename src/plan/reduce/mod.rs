//! The same plan with less in it, so that a failing run can be cut down to what it needs.
//!
//! What is taken away leaves everything else where it was: what stays keeps the time at which it happened in the
//! run that was observed. Each reduction is a plan by itself, which has a scenario that says it. Which reduction
//! still fails is for others to find out.

mod cluster;
mod keeping;
mod timeline;

pub use keeping::Kept;
pub use timeline::{FaultTimes, OperationTimes, Timeline};

use crate::fault::LatencyRange;

use super::{ClientCommand, Limits, LinkDelay, NetworkPlan, Plan, WorkloadPlan};

impl Plan {
    /// The same run with everything its clients did as a script.
    pub fn scripted(&self, timeline: &Timeline) -> Plan {
        self.with_commands(&timeline.commands)
    }

    /// The plan with clients that do just this, for as long as before; without clients if there is nothing to do.
    pub fn with_commands(&self, commands: &[ClientCommand]) -> Plan {
        let script = WorkloadPlan::of_script(commands.to_vec());
        let workload = match &self.workload {
            _ if commands.is_empty() => None,
            None => Some(script),
            Some(before) => Some(WorkloadPlan {
                duration_ns: before.duration_ns,
                clients: before.clients.max(script.clients),
                timeout_ns: before.timeout_ns,
                protocol: before.protocol,
                reconnect: before.reconnect,
                pinned: before.pinned,
                ..script
            }),
        };
        // What is judged follows from what clients may do.
        let tracking = workload.as_ref().is_some_and(WorkloadPlan::keeps);
        Plan { workload, limits: Limits { tracking, ..self.limits.clone() }, ..self.clone() }
    }

    /// The plan with another latency of every link; what clients wait for follows from it.
    pub fn with_latency(&self, latency: LatencyRange) -> Plan {
        let network = NetworkPlan { latency, ..self.network.clone() };
        Plan { network, ..self.clone() }
    }

    /// The plan with just these delays of single chunks.
    pub fn with_delays(&self, delays: &[LinkDelay]) -> Plan {
        let network = NetworkPlan { delays: delays.to_vec(), ..self.network.clone() };
        Plan { network, ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
