//! Says a plan in the words of a scenario, leaving nothing open, so that the scenario gives the same plan again.
//!
//! Times are written as the shortest decimals that round to their nanoseconds.

use std::ops::Not;

use crate::fault::{Fault, FaultAction, LatencyRange, Moment, Target, Trigger};
use crate::history::Request;
use crate::id::{NodeId, ShardId};
use crate::op::{Op, OpAction, OpId};
use crate::scenario::{
    BusStep, Chaos, ChaosKind, Cluster, Command, Coordination, Delay, Head, LatencyMs, Member, Network,
    Operation, OperationKind, Scenario, TargetKind, Validation, Workload,
};
use crate::time::SimDuration;

use super::{ClientCommand, Limits, LinkDelay, Plan, WorkloadPlan};

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
                node_timeout_ms: Some(cluster.node_timeout_ms),
                config: cluster.config.clone(),
            },
            network: Network {
                latency_ms: Some(latency(self.network.latency)),
                delays: self.network.delays.iter().map(delay).collect(),
            },
            operations: self.operations.iter().map(operation).collect(),
            chaos: self.faults.iter().map(chaos).collect(),
            workload: self.workload.as_ref().map_or_else(no_workload, workload),
            validation: validation(&self.limits),
        }
    }
}

fn seconds(duration: SimDuration) -> Option<f64> {
    Some(duration.as_secs_f64())
}

fn ms(duration: SimDuration) -> f64 {
    duration.as_ns() as f64 / 1e6
}

fn latency(range: LatencyRange) -> LatencyMs {
    LatencyMs { min: ms(range.min_ns), max: ms(range.max_ns) }
}

fn delay(delay: &LinkDelay) -> Delay {
    Delay { from: delay.from, to: delay.to, nth: delay.nth, ms: ms(delay.delay_ns) }
}

fn operation(op: &Op) -> Operation {
    let blank = Operation {
        kind: OperationKind::Command,
        target: None,
        shard: None,
        node: None,
        mode: None,
        args: None,
        expect: op.expect.as_ref().map(ToString::to_string),
        timing: None,
        delay: seconds(op.delay_ns),
    };
    match &op.action {
        OpAction::Failover { shard, mode, to } => Operation {
            kind: OperationKind::Failover,
            target: Some(TargetKind::Primary),
            shard: Some(shard.0.into()),
            node: to.map(|node| node.0.into()),
            mode: Some(*mode),
            ..blank
        },
        OpAction::Command { node, args } => {
            Operation { node: Some(node.0.into()), args: Some(args.clone()), ..blank }
        }
    }
}

fn chaos(fault: &Fault) -> Chaos {
    timed(fault.trigger, action(&fault.action))
}

fn action(action: &FaultAction) -> Chaos {
    match action {
        FaultAction::ProcessKill { target, signal, restart_after_ns } => Chaos {
            signal: Some(*signal),
            restart_after: restart_after_ns.and_then(seconds),
            ..aimed(*target, Chaos::of(ChaosKind::ProcessKill))
        },
        FaultAction::ProcessPause { target, duration_ns } => {
            Chaos { duration: seconds(*duration_ns), ..aimed(*target, Chaos::of(ChaosKind::ProcessPause)) }
        }
        FaultAction::NetworkPartition { a, b, direction, channels, duration_ns } => Chaos {
            direction: Some(*direction),
            channels: channels.is_empty().not().then(|| channels.clone()),
            duration: seconds(*duration_ns),
            ..sides(a, b, Chaos::of(ChaosKind::NetworkPartition))
        },
        FaultAction::NetworkLatency { target, peer, latency: range, duration_ns } => Chaos {
            latency_ms: Some(latency(*range)),
            peer: peer.and_then(|peer| match peer {
                Target::Node(NodeId(node)) => Some(node.into()),
                _ => None,
            }),
            duration: seconds(*duration_ns),
            ..aimed(*target, Chaos::of(ChaosKind::NetworkLatency))
        },
    }
}

fn aimed(target: Target, chaos: Chaos) -> Chaos {
    let (kind, shard, replica, node) = match target {
        Target::Primary(ShardId(shard)) => (TargetKind::Primary, Some(shard), None, None),
        Target::Replica(ShardId(shard), n) => {
            (TargetKind::Replica, Some(shard), Some(n.saturating_add(1)), None)
        }
        Target::Node(NodeId(node)) => (TargetKind::Node, None, None, Some(node)),
        Target::Clients => unreachable!("clients are hit as a side of a partition only"),
    };
    Chaos {
        target: Some(kind),
        shard: shard.map(u64::from),
        replica: replica.map(u64::from),
        node: node.map(u64::from),
        ..chaos
    }
}

/// A role is written as the target; nodes and clients as members of a side.
fn sides(a: &[Target], b: &[Target], chaos: Chaos) -> Chaos {
    if let [role @ (Target::Primary(_) | Target::Replica(..))] = a {
        return aimed(*role, chaos);
    }
    Chaos { a: Some(members(a)), b: b.is_empty().not().then(|| members(b)), ..chaos }
}

fn members(side: &[Target]) -> Vec<Member> {
    side.iter()
        .map(|target| match target {
            Target::Node(NodeId(node)) => Member::Node((*node).into()),
            Target::Clients => Member::Clients,
            Target::Primary(_) | Target::Replica(..) => unreachable!("a role is a side by itself"),
        })
        .collect()
}

fn timed(trigger: Trigger, chaos: Chaos) -> Chaos {
    let (coordination, op, delay, step) = match trigger {
        Trigger::At { delay_ns } => return Chaos { at: seconds(delay_ns), ..chaos },
        Trigger::BeforeOp { op, lead_ns } => (Coordination::BeforeOperation, op, seconds(lead_ns), None),
        Trigger::DuringOp { op, moment: Moment::After { delay_ns } } => {
            (Coordination::DuringOperation, op, seconds(delay_ns), None)
        }
        Trigger::DuringOp { op, moment: Moment::BusStep { step } } => {
            (Coordination::DuringOperation, op, None, bus_step(step))
        }
        Trigger::AfterOp { op, delay_ns } => (Coordination::AfterOperation, op, seconds(delay_ns), None),
    };
    let OpId(operation) = op;
    Chaos { coordination: Some(coordination), operation: Some(operation.into()), delay, step, ..chaos }
}

fn bus_step(step: u8) -> Option<BusStep> {
    let all = [BusStep::Asked, BusStep::Paused, BusStep::VotesAsked, BusStep::FirstVote];
    all.into_iter().find(|known| *known as u8 == step)
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
        ..both
    }
}

fn command(command: &ClientCommand) -> Command {
    let (set, get, value) = match command.request.clone() {
        Request::Set { key, value } => (Some(key), None, Some(value)),
        Request::Get { key } => (None, Some(key), None),
    };
    Command { client: command.client.0.into(), at: command.at_ns.as_secs_f64(), set, get, value }
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
