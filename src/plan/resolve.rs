//! Makes a scenario and a seed into a plan: fills in defaults, draws what was left to chance.
//!
//! Everything that is drawn depends on the seed and the entry it is drawn for alone, one stream per entry and
//! purpose, so that an entry more at the end of a list moves nothing before it.

use crate::history::Request;
use crate::id::{ClientId, GuestId, NodeId};
use crate::language::{Problem, millis};
use crate::model;
use crate::scenario::actions::{self, Draws};
use crate::scenario::check::{DEFAULT_REPLICAS, DEFAULT_SHARDS, check};
use crate::scenario::script::{DEFAULT_CLIENTS, in_order};
use crate::scenario::{
    Cluster, Command, Delay, Guest, Intensity, LatencyMs, Network, Scenario, Validation, Workload,
};
use crate::time::SimDuration;

use super::guest::DEFAULT_TIMEOUT;
use super::written::{latency, ppm, small};
use super::{
    ClientCommand, ClusterPlan, GuestExpect, GuestPlan, Limits, LinkDelay, NetworkPlan, Plan, WorkloadPlan,
    epoch,
};

/// `cluster-node-timeout` unless the scenario says otherwise; the server's own 15 s would make runs long.
pub(super) const DEFAULT_NODE_TIMEOUT_MS: u64 = 5_000;

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
    let workload = workload(&scenario.workload);
    let guests = guests(scenario);
    // A run without clients has ten seconds to work in.
    let working_ms = workload.as_ref().map_or(10_000, |workload| workload.duration_ns.as_ms());
    let (operations, faults) = actions::read(scenario, cluster.layout(), Draws { seed, working_ms })
        .map_err(ResolveError::Invalid)?;
    let security = cluster.password().is_some();
    let tracking = workload.as_ref().is_some_and(WorkloadPlan::keeps);
    let asked = limits(&scenario.validation, SimDuration::from_ms(cluster.node_timeout_ms));
    Ok(Plan {
        name: scenario.head.name.clone(),
        seed,
        epoch_us: epoch::epoch_us(seed),
        cluster,
        network: network(&scenario.network),
        operations,
        faults,
        workload,
        limits: Limits { guests: !guests.is_empty(), security, tracking, ..asked },
        guests,
    })
}

fn cluster(written: &Cluster) -> ClusterPlan {
    ClusterPlan {
        shards: small(written.shards.unwrap_or(DEFAULT_SHARDS)),
        replicas: small(written.replicas.unwrap_or(DEFAULT_REPLICAS)),
        spares: small(written.spares.unwrap_or(0)),
        databases: small(written.databases.unwrap_or(1)),
        node_timeout_ms: written.node_timeout_ms.unwrap_or(DEFAULT_NODE_TIMEOUT_MS),
        formation: written.formation.unwrap_or_default(),
        cpu: written.cpu.unwrap_or(1),
        servers: written
            .servers
            .iter()
            .map(|(node, server)| (NodeId(small(*node)), server.clone()))
            .collect(),
        config: written.config.clone(),
    }
}

fn network(written: &Network) -> NetworkPlan {
    let delay = |Delay { from, to, nth, ms }: &Delay| LinkDelay {
        from: *from,
        to: *to,
        nth: *nth,
        delay_ns: millis(*ms),
    };
    NetworkPlan {
        latency: latency(&written.latency_ms.unwrap_or(QUIET_LINK)),
        delays: written.delays.iter().map(delay).collect(),
    }
}

fn workload(written: &Workload) -> Option<WorkloadPlan> {
    let is_enabled = written.enabled.unwrap_or(written.tool.is_none());
    is_enabled.then(|| match &written.commands {
        Some(commands) => scripted(written, commands),
        None => drawn(written),
    })
}

fn scripted(written: &Workload, commands: &[Command]) -> WorkloadPlan {
    let script = WorkloadPlan::of_script(
        in_order(commands).into_iter().map(|(_, place, command)| client_command(place, command)).collect(),
    );
    WorkloadPlan {
        duration_ns: written.duration.map_or(script.duration_ns, SimDuration::from_secs_f64),
        clients: written.clients.map_or(script.clients, small),
        timeout_ns: written.timeout.map(SimDuration::from_secs_f64),
        protocol: written.protocol.unwrap_or(2),
        reconnect: written.reconnect,
        pinned: written.pinned.unwrap_or(false),
        ..script
    }
}

/// What a client asks, with the value that its command number `place` has unless it is written.
fn client_command(place: u64, command: &Command) -> ClientCommand {
    let request = match (&command.set, &command.get, command.commands()) {
        (Some(key), ..) => Request::Set { key: key.clone(), value: command.value_at(place) },
        (None, Some(key), _) => Request::Get { key: key.clone() },
        (None, None, commands) => Request::Call { key: model::key_of_all(&commands).to_owned(), commands },
    };
    let at_ns = SimDuration::from_secs_f64(command.at);
    ClientCommand { client: ClientId(small(command.client)), at_ns, request }
}

fn drawn(written: &Workload) -> WorkloadPlan {
    let by_intensity = match written.intensity.unwrap_or_default() {
        Intensity::Low => 50,
        Intensity::Medium => 300,
        Intensity::High => 1_000,
    };
    WorkloadPlan {
        pattern: written.pattern.unwrap_or_default(),
        rate_per_s: written.rate.unwrap_or(by_intensity),
        duration_ns: SimDuration::from_secs_f64(written.duration.unwrap_or(20.0)),
        clients: small(written.clients.unwrap_or(DEFAULT_CLIENTS)),
        keys: written.keys.unwrap_or(1_000),
        value_bytes: written.value_bytes.unwrap_or(64),
        mix: written.mix.clone(),
        protocol: written.protocol.unwrap_or(2),
        reconnect: written.reconnect,
        pinned: written.pinned.unwrap_or(false),
        timeout_ns: written.timeout.map(SimDuration::from_secs_f64),
        commands: Vec::new(),
    }
}

/// The guests in the order of the list; a tool that is the workload comes first.
fn guests(scenario: &Scenario) -> Vec<GuestPlan> {
    let tool = scenario.workload.as_guest();
    let all = tool.iter().chain(&scenario.guests);
    (1..).zip(all).map(|(number, written)| guest(GuestId(number), written)).collect()
}

fn guest(id: GuestId, written: &Guest) -> GuestPlan {
    let expect = written.expect.clone().unwrap_or_default();
    GuestPlan {
        id,
        name: written.name.clone(),
        run: written.run.clone(),
        at_ns: SimDuration::from_secs_f64(written.at.unwrap_or(0.0)),
        timeout_ns: written.timeout.map_or(DEFAULT_TIMEOUT, SimDuration::from_secs_f64),
        kill_after_ns: written.kill_after.map(SimDuration::from_secs_f64),
        stdin: written.stdin.clone(),
        folder: written.folder.clone(),
        files: written.files.clone(),
        environment: written.environment.clone(),
        expect: GuestExpect { exit: expect.exit, output: expect.output },
    }
}

fn limits(written: &Validation, node_timeout: SimDuration) -> Limits {
    let usual = Limits::usual(node_timeout);
    let seconds = |written: Option<f64>| written.map(SimDuration::from_secs_f64);
    Limits {
        slot_coverage: written.slot_coverage.unwrap_or(usual.slot_coverage),
        replica_sync: written.replica_sync.unwrap_or(usual.replica_sync),
        data_consistency: written.data_consistency.unwrap_or(usual.data_consistency),
        membership: written.membership.unwrap_or(usual.membership),
        roles: written.roles.unwrap_or(usual.roles),
        persistence: written.persistence.unwrap_or(usual.persistence),
        operations: written.operations.unwrap_or(usual.operations),
        guests: usual.guests,
        security: usual.security,
        tracking: usual.tracking,
        max_convergence_ns: seconds(written.max_convergence_time).unwrap_or(usual.max_convergence_ns),
        max_replication_lag_ns: seconds(written.max_replication_lag).unwrap_or(usual.max_replication_lag_ns),
        max_write_gap_ns: seconds(written.max_write_gap),
        min_success_ppm: written.min_success_rate.map(ppm),
        max_lost_writes: written.max_lost_writes,
    }
}
