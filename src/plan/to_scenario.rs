//! Says a plan in the words of a scenario, leaving nothing open, so that the scenario gives the same plan again.
//!
//! Times are written as the shortest decimals that round to their nanoseconds.

use crate::fault::{Fault, LatencyRange};
use crate::history::Request;
use crate::language::in_millis;
use crate::op::Op;
use crate::scenario::{
    Cluster, Command, Delay, Guest, GuestExpect, Head, LatencyMs, Network, Scenario, Validation, Workload,
};
use crate::time::SimDuration;

use super::{ClientCommand, GuestPlan, Limits, LinkDelay, Plan, WorkloadPlan};

impl Plan {
    /// The scenario that resolves to this plan.
    pub fn to_scenario(&self) -> Scenario {
        let cluster = &self.cluster;
        Scenario {
            head: Head { name: self.name.clone(), seed: Some(self.seed) },
            server: None,
            cluster: Cluster {
                shards: Some(cluster.shards.into()),
                replicas: Some(cluster.replicas.into()),
                spares: Some(cluster.spares.into()).filter(|spares| *spares > 0),
                databases: Some(cluster.databases.into()).filter(|databases| *databases > 1),
                node_timeout_ms: Some(cluster.node_timeout_ms),
                formation: (!cluster.formation.is_meet()).then_some(cluster.formation),
                cpu: Some(cluster.cpu).filter(|cpu| *cpu != 1),
                servers: cluster
                    .servers
                    .iter()
                    .map(|(node, server)| (node.0.into(), server.clone()))
                    .collect(),
                config: cluster.config.clone(),
            },
            network: Network {
                latency_ms: Some(latency(self.network.latency)),
                delays: self.network.delays.iter().map(delay).collect(),
            },
            operations: self.operations.iter().map(Op::write).collect(),
            chaos: self.faults.iter().map(Fault::write).collect(),
            workload: self.workload.as_ref().map_or_else(no_workload, workload),
            guests: self.guests.iter().map(guest).collect(),
            validation: validation(&self.limits),
        }
    }
}

fn seconds(duration: SimDuration) -> Option<f64> {
    Some(duration.as_secs_f64())
}

fn latency(range: LatencyRange) -> LatencyMs {
    LatencyMs { min: in_millis(range.min_ns), max: in_millis(range.max_ns) }
}

fn delay(delay: &LinkDelay) -> Delay {
    Delay { from: delay.from, to: delay.to, nth: delay.nth, ms: in_millis(delay.delay_ns) }
}

fn no_workload() -> Workload {
    Workload { enabled: Some(false), ..Workload::default() }
}

fn workload(plan: &WorkloadPlan) -> Workload {
    let both = Workload {
        enabled: Some(true),
        duration: seconds(plan.duration_ns),
        clients: Some(plan.clients.into()),
        timeout: plan.timeout_ns.and_then(seconds),
        protocol: Some(plan.protocol).filter(|version| *version != 2),
        reconnect: plan.reconnect,
        pinned: plan.pinned.then_some(true),
        ..Workload::default()
    };
    if !plan.commands.is_empty() {
        return Workload { commands: Some(plan.commands.iter().map(command).collect()), ..both };
    }
    Workload {
        pattern: Some(plan.pattern),
        rate: Some(plan.rate_per_s),
        keys: Some(plan.keys),
        value_bytes: Some(plan.value_bytes),
        mix: plan.mix.clone(),
        ..both
    }
}

fn command(command: &ClientCommand) -> Command {
    let said =
        Command { client: command.client.0.into(), at: command.at_ns.as_secs_f64(), ..Command::default() };
    match command.request.clone() {
        Request::Set { key, value } => Command { set: Some(key), value: Some(value), ..said },
        Request::Get { key } => Command { get: Some(key), ..said },
        Request::Call { commands, .. } => said.calling(commands),
    }
}

fn guest(plan: &GuestPlan) -> Guest {
    let expect = GuestExpect { exit: plan.expect.exit, output: plan.expect.output.clone() };
    Guest {
        name: plan.name.clone(),
        run: plan.run.clone(),
        at: seconds(plan.at_ns),
        timeout: seconds(plan.timeout_ns),
        kill_after: plan.kill_after_ns.and_then(seconds),
        stdin: plan.stdin.clone(),
        folder: plan.folder.clone(),
        files: plan.files.clone(),
        environment: plan.environment.clone(),
        expect: (!plan.expect.is_nothing()).then_some(expect),
    }
}

/// What is on unless it is said to be off is written only then.
fn unless_on(asked: bool) -> Option<bool> {
    (!asked).then_some(false)
}

fn validation(limits: &Limits) -> Validation {
    Validation {
        slot_coverage: Some(limits.slot_coverage),
        replica_sync: Some(limits.replica_sync),
        data_consistency: Some(limits.data_consistency),
        membership: unless_on(limits.membership),
        roles: unless_on(limits.roles),
        persistence: unless_on(limits.persistence),
        max_convergence_time: seconds(limits.max_convergence_ns),
        max_replication_lag: seconds(limits.max_replication_lag_ns),
        operations: Some(limits.operations),
        max_write_gap: limits.max_write_gap_ns.and_then(seconds),
        min_success_rate: limits.min_success_ppm.map(|ppm| f64::from(ppm) / 10_000.0),
        max_lost_writes: limits.max_lost_writes,
    }
}
