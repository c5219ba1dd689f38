//! Makes a scenario and a seed into a plan: fills in defaults, draws what was left to chance, foresees failures.
//!
//! Everything that is drawn depends on the seed and the entry it is drawn for alone, one stream per entry and
//! purpose, so that an entry more at the end of a list moves nothing before it.

use crate::fault::{Fault, FaultId};
use crate::id::{NodeId, ShardId};
use crate::op::{Op, OpAction, OpId};
use crate::scenario::check::{DEFAULT_REPLICAS, DEFAULT_SHARDS, check};
use crate::scenario::{
    Cluster, Intensity, LatencyMs, Operation, OperationKind, Problem, Scenario, Timing, Validation, Workload,
};
use crate::time::SimDuration;

use super::written::{drawn_ms, latency, small};
use super::{ClusterPlan, Limits, NetworkPlan, Plan, WorkloadPlan, epoch, faults, foresee};

/// `cluster-node-timeout` unless the scenario says otherwise; the server's own 15 s would make runs long.
const DEFAULT_NODE_TIMEOUT_MS: u64 = 5_000;

/// The latency of a link in one room.
const QUIET_LINK: LatencyMs = LatencyMs { min: 0.2, max: 1.0 };

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Neither the scenario nor the caller has a seed.
    #[error("the scenario has no seed and none was given\n  add `seed:` below `scenario:`, or give one")]
    NoSeed,
    /// The scenario was made by hand and cannot be run; one that was read from a file always can.
    #[error("the scenario cannot be run: {}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Invalid(Vec<Problem>),
}

/// The plan of a scenario; `seed` takes precedence over the scenario's own.
pub fn resolve(scenario: &Scenario, seed: Option<u64>) -> Result<Plan, ResolveError> {
    let problems = check(scenario);
    if !problems.is_empty() {
        return Err(ResolveError::Invalid(problems));
    }
    let seed = seed.or(scenario.head.seed).ok_or(ResolveError::NoSeed)?;
    let cluster = cluster(&scenario.cluster);
    let mut operations: Vec<Op> = (1..)
        .zip(&scenario.operations)
        .map(|(number, operation)| op(seed, &cluster, OpId(number), operation))
        .collect();
    let workload = workload(&scenario.workload);
    let draw = faults::Draw { seed, cluster: &cluster, operations: &operations, workload: workload.as_ref() };
    let faults: Vec<Fault> =
        (1..).zip(&scenario.chaos).map(|(number, chaos)| draw.fault(FaultId(number), chaos)).collect();
    let network = NetworkPlan { latency: latency(&scenario.network.latency_ms.unwrap_or(QUIET_LINK)) };
    foresee::mark(&cluster, &network, &mut operations, &faults);
    Ok(Plan {
        name: scenario.head.name.clone(),
        seed,
        epoch_us: epoch::epoch_us(seed),
        cluster,
        network,
        operations,
        faults,
        workload,
        limits: limits(&scenario.validation),
    })
}

fn cluster(written: &Cluster) -> ClusterPlan {
    ClusterPlan {
        shards: small(written.shards.unwrap_or(DEFAULT_SHARDS)),
        replicas: small(written.replicas.unwrap_or(DEFAULT_REPLICAS)),
        node_timeout_ms: written.node_timeout_ms.unwrap_or(DEFAULT_NODE_TIMEOUT_MS),
        config: written.config.clone(),
    }
}

fn op(seed: u64, cluster: &ClusterPlan, id: OpId, written: &Operation) -> Op {
    let delay_ns = match (written.timing, written.delay) {
        (_, Some(seconds)) => SimDuration::from_secs_f64(seconds),
        (Some(Timing::Delayed), None) => drawn_ms(seed, &format!("operation {} delay", id.0), 1_000..=10_000),
        (_, None) => SimDuration::ZERO,
    };
    let node = written.node.map(small).map(NodeId);
    let action = match written.kind {
        OperationKind::Failover => OpAction::Failover {
            shard: written
                .shard
                .map(|shard| ShardId(small(shard)))
                .or_else(|| node.map(|node| cluster.shard_of(node)))
                .expect("check demands the shard or the node of a failover"),
            mode: written.mode.unwrap_or_default(),
            to: node,
        },
        OperationKind::Command => OpAction::Command {
            node: node.expect("check demands the node of a command"),
            args: written.args.clone().unwrap_or_default(),
        },
    };
    Op { id, delay_ns, action, expected_to_fail: None }
}

fn workload(written: &Workload) -> Option<WorkloadPlan> {
    let by_intensity = match written.intensity.unwrap_or_default() {
        Intensity::Low => 50,
        Intensity::Medium => 300,
        Intensity::High => 1_000,
    };
    written.enabled.unwrap_or(true).then(|| WorkloadPlan {
        pattern: written.pattern.unwrap_or_default(),
        rate_per_s: written.rate.unwrap_or(by_intensity),
        duration_ns: SimDuration::from_secs_f64(written.duration.unwrap_or(20.0)),
        clients: small(written.clients.unwrap_or(4)),
        keys: written.keys.unwrap_or(1_000),
        value_bytes: written.value_bytes.unwrap_or(64),
    })
}

fn limits(written: &Validation) -> Limits {
    Limits {
        slot_coverage: written.slot_coverage.unwrap_or(true),
        replica_sync: written.replica_sync.unwrap_or(true),
        data_consistency: written.data_consistency.unwrap_or(true),
        max_convergence_ns: SimDuration::from_secs_f64(written.max_convergence_time.unwrap_or(30.0)),
        max_replication_lag_ns: SimDuration::from_secs_f64(written.max_replication_lag.unwrap_or(5.0)),
    }
}
