//! A plan is a scenario and a seed with every choice made; it is the whole input of a run.
//!
//! Nothing in a plan is drawn again while it runs, and it does no I/O. It stands in the header of every log, so
//! that a run can be repeated when the generator has long changed.

mod epoch;
mod fit;
pub mod generate;
mod guest;
pub mod reduce;
pub mod resolve;
mod to_scenario;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::fault::{Cue, Fault, FaultId, LatencyRange};
use crate::history::Request;
use crate::id::{ClientId, Host, NodeId, ShardId};
use crate::language::Layout;
use crate::model;
use crate::op::Op;
use crate::time::SimDuration;

pub use crate::scenario::{Formation, PLAIN, Pattern};
pub use fit::Unfit;
pub use generate::{Overrides, generate, generate_for};
pub use guest::{GuestExpect, GuestPlan};
pub use reduce::{FaultTimes, Kept, OperationTimes, Timeline};
pub use resolve::{ResolveError, resolve};

use resolve::DEFAULT_NODE_TIMEOUT_MS;

/// Everything a run is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// The seed of every stream drawn while the plan runs.
    pub seed: u64,
    /// When virtual time begins, in microseconds of the Unix epoch: derived from the seed.
    pub epoch_us: u64,
    /// The cluster.
    pub cluster: ClusterPlan,
    /// The network without faults.
    pub network: NetworkPlan,
    /// The operations, in the order they run.
    pub operations: Vec<Op>,
    /// The faults.
    pub faults: Vec<Fault>,
    /// The clients; none if absent.
    pub workload: Option<WorkloadPlan>,
    /// Programs of the user's, each on a host of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guests: Vec<GuestPlan>,
    /// What must hold in the end, and within which limits.
    pub limits: Limits,
}

/// The cluster a plan forms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterPlan {
    /// How many shards, 3 to 500; 0 is no cluster.
    pub shards: u16,
    /// How many replicas each shard has, 0 to 5.
    pub replicas: u16,
    /// How many nodes stand beside it, numbered after all others, and started when they are asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spares: u16,
    /// `cluster-node-timeout`.
    pub node_timeout_ms: u64,
    /// How many databases every node has (`cluster-databases`).
    #[serde(default = "one_database", skip_serializing_if = "is_one_database")]
    pub databases: u16,
    /// How it comes about.
    #[serde(default, skip_serializing_if = "Formation::is_meet")]
    pub formation: Formation,
    /// How many times slower than a quick machine every node works.
    #[serde(default = "at_full_speed", skip_serializing_if = "is_full_speed")]
    pub cpu: u64,
    /// The servers that nodes begin with, if not with the run's: versions or paths.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub servers: BTreeMap<NodeId, String>,
    /// Further configuration of every server, by directive.
    pub config: BTreeMap<String, String>,
}

fn second_version() -> u64 {
    2
}

fn is_second_version(version: &u64) -> bool {
    *version == second_version()
}

fn one_database() -> u16 {
    1
}

fn is_one_database(count: &u16) -> bool {
    *count == one_database()
}

fn is_zero(count: &u16) -> bool {
    *count == 0
}

fn at_full_speed() -> u64 {
    1
}

fn is_full_speed(cpu: &u64) -> bool {
    *cpu == at_full_speed()
}

/// The network a plan begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPlan {
    /// The latency of every link.
    pub latency: LatencyRange,
    /// What takes a time of its own instead of a drawn one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delays: Vec<LinkDelay>,
}

/// How long something takes from one host to another, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LinkDelay {
    /// The host that sends.
    pub from: Host,
    /// The host that receives.
    pub to: Host,
    /// The how manieth latency that is drawn for this direction, from 1.
    pub nth: u64,
    /// How long it takes.
    pub delay_ns: SimDuration,
}

/// The clients of a plan. They draw what they do, unless `commands` lists it; then nothing but `duration_ns` and
/// `clients` counts beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadPlan {
    /// Reads and writes in which proportion.
    pub pattern: Pattern,
    /// Operations per second of all clients together.
    pub rate_per_s: u64,
    /// For how long.
    pub duration_ns: SimDuration,
    /// How many clients share the rate.
    pub clients: u16,
    /// How many keys they use.
    pub keys: u64,
    /// The length of a value in bytes, at least enough for its writer and sequence number.
    pub value_bytes: u64,
    /// How much of what is drawn is of which kind of commands ([`KINDS`](crate::model::KINDS), and [`PLAIN`] for `SET` and `GET` by
    /// `pattern`); all of it plain if empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mix: BTreeMap<String, u64>,
    /// Which version of the protocol clients speak, 2 or 3.
    #[serde(default = "second_version", skip_serializing_if = "is_second_version")]
    pub protocol: u64,
    /// Each client asks a node of its own first, whatever it knows, reads at replicas, and follows where it is sent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pinned: bool,
    /// After how many operations each a client closes its connections and makes new ones; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconnect: Option<u64>,
    /// How long a client waits for an answer; what suits the network's latency if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ns: Option<SimDuration>,
    /// Everything the clients do, in the order in which it is due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<ClientCommand>,
}

/// One command of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCommand {
    /// Who asks.
    pub client: ClientId,
    /// When, counted from the beginning of the workload; later if the client's command before it is still open.
    pub at_ns: SimDuration,
    /// What is asked.
    pub request: Request,
}

/// Which invariants are asked for, and their limits; an invariant that is `false`, or whose limit is absent, is not
/// judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Every slot has one live owner in every live node's view.
    pub slot_coverage: bool,
    /// Replicas are linked to their primaries, with equal offsets once quiet.
    pub replica_sync: bool,
    /// Replicas hold what their primaries hold, and acknowledged writes are there.
    pub data_consistency: bool,
    /// Every live node knows every other, and tells one story of the cluster.
    #[serde(skip_serializing_if = "is_true")]
    pub membership: bool,
    /// Roles, shards and epochs fit together, whoever is asked.
    #[serde(skip_serializing_if = "is_true")]
    pub roles: bool,
    /// What is on disk is what is in memory, and survives restarts.
    #[serde(skip_serializing_if = "is_true")]
    pub persistence: bool,
    /// Operations that nothing excuses are done.
    pub operations: bool,
    /// Guests come to what is wanted of them; asked for where there are guests.
    #[serde(skip_serializing_if = "is_false")]
    pub guests: bool,
    /// Who has not logged in gets nothing; asked for where there is a password.
    #[serde(skip_serializing_if = "is_false")]
    pub security: bool,
    /// Clients are told what changed that they keep; asked for where some do.
    #[serde(skip_serializing_if = "is_false")]
    pub tracking: bool,
    /// How long after the last fault or operation all live nodes agree at the latest.
    pub max_convergence_ns: SimDuration,
    /// The longest replication lag that is tolerated once nothing is wrong.
    pub max_replication_lag_ns: SimDuration,
    /// How long no write to a shard may be acknowledged while clients ask for some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_write_gap_ns: Option<SimDuration>,
    /// How many in a million operations of clients must be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_success_ppm: Option<u32>,
    /// How many acknowledged writes may be lost, excused or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lost_writes: Option<u64>,
}

/// For keys that stand in a plan only where they switch something off.
fn is_true(asked: &bool) -> bool {
    *asked
}

/// For keys that stand in a plan only where they switch something on.
fn is_false(asked: &bool) -> bool {
    !asked
}

/// How long all live nodes take to agree at most, unless node timeouts are long.
const CONVERGENCE: SimDuration = SimDuration::from_secs(30);
/// A slow look, an election or a synchronisation, beside what the node timeout says.
const CONVERGENCE_ROOM: SimDuration = SimDuration::from_secs(5);

impl Limits {
    /// What holds where a scenario says nothing. An election whose messages a fault took is repeated four node timeouts after it
    /// began (`clusterHandleReplicaFailover`); until all have heard of something half of one may pass (`clusterCron`). A primary that
    /// nobody replaced is called failing for no more than two of them after it is back (`CLUSTER_FAIL_UNDO_TIME_MULT`).
    pub fn usual(node_timeout: SimDuration) -> Self {
        let elected = node_timeout.times(9).half() + CONVERGENCE_ROOM;
        Limits { max_convergence_ns: CONVERGENCE.max(elected), ..Limits::default() }
    }
}

impl Default for Limits {
    /// The same for node timeouts as they usually are.
    fn default() -> Self {
        Limits {
            slot_coverage: true,
            replica_sync: true,
            data_consistency: true,
            membership: true,
            roles: true,
            persistence: true,
            operations: true,
            guests: false,
            security: false,
            tracking: false,
            max_convergence_ns: CONVERGENCE,
            max_replication_lag_ns: SimDuration::from_secs(5),
            max_write_gap_ns: None,
            min_success_ppm: None,
            max_lost_writes: None,
        }
    }
}

impl Plan {
    /// The fault with this number.
    pub fn fault(&self, id: FaultId) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.id == id)
    }

    /// What its faults and operations wait for.
    pub fn cues(&self) -> impl Iterator<Item = &Cue> {
        let faults = self.faults.iter().filter_map(|fault| fault.trigger.cue());
        faults.chain(self.operations.iter().filter_map(|op| op.start.cue()))
    }

    /// What its faults and operations wait for, to be changed.
    fn cues_mut(&mut self) -> impl Iterator<Item = &mut Cue> {
        let faults = self.faults.iter_mut().filter_map(|fault| fault.trigger.cue_mut());
        faults.chain(self.operations.iter_mut().filter_map(|op| op.start.cue_mut()))
    }

    /// The servers that it needs beside the run's, as they are named.
    pub fn other_servers(&self) -> BTreeSet<String> {
        let installed = self.operations.iter().flat_map(|op| op.action.installs());
        self.cluster.servers.values().cloned().chain(installed).collect()
    }

    /// The nodes that do not belong to the cluster for the whole run, or may not: spare ones, and those that an operation
    /// takes out of it.
    pub fn may_be_outside(&self) -> BTreeSet<NodeId> {
        let layout = self.cluster.layout();
        let sent_away = self.operations.iter().flat_map(|op| op.action.sends_away(layout));
        layout.hosts().filter(|node| layout.is_spare(*node)).chain(sent_away).collect()
    }

    /// The nodes that the last operation to concern their membership takes out of the cluster: some may know them for as long as
    /// others may not take them in again.
    pub fn leaves(&self) -> BTreeSet<NodeId> {
        let layout = self.cluster.layout();
        let mut leaves = BTreeSet::new();
        for op in &self.operations {
            leaves.extend(op.action.sends_away(layout));
            let met = op.action.typed().into_iter().filter_map(|typed| typed.introduces()).flatten();
            let taken_in = op.action.takes_in().into_iter().map(|(node, _)| node).chain(met);
            for node in taken_in {
                leaves.remove(&node);
            }
        }
        leaves
    }
}

impl WorkloadPlan {
    /// Whether clients keep what they read.
    pub fn keeps(&self) -> bool {
        let is_tracked = |command: &ClientCommand| model::tracked(&command.request).is_some();
        self.mix.contains_key(model::TRACKING) || self.commands.iter().any(is_tracked)
    }

    /// The workload that does just these commands: as many clients as they name, for as long as they take.
    pub fn of_script(mut commands: Vec<ClientCommand>) -> Self {
        /// How long the workload goes on after its last command is due.
        const PAST_THE_LAST: SimDuration = SimDuration::from_ms(1);
        commands.sort_by_key(|command| command.at_ns);
        WorkloadPlan {
            pattern: Pattern::default(),
            rate_per_s: 0,
            duration_ns: commands.last().map(|last| last.at_ns).unwrap_or_default() + PAST_THE_LAST,
            clients: commands.iter().map(|command| command.client.0).max().unwrap_or_default(),
            keys: 0,
            value_bytes: 0,
            mix: BTreeMap::new(),
            protocol: second_version(),
            pinned: false,
            reconnect: None,
            timeout_ns: None,
            commands,
        }
    }
}

impl ClusterPlan {
    /// A cluster of which nothing but its size is said.
    pub fn of(shards: u16, replicas: u16) -> Self {
        let (formation, servers, config) = Default::default();
        let (cpu, node_timeout_ms) = (at_full_speed(), DEFAULT_NODE_TIMEOUT_MS);
        let (spares, databases) = (0, one_database());
        ClusterPlan { shards, replicas, spares, databases, node_timeout_ms, formation, cpu, servers, config }
    }

    /// What is configured under one of a directive's names, in any case.
    pub fn directive(&self, names: &[&str]) -> Option<&str> {
        let is_it = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        self.config.iter().find(|(name, _)| is_it(name)).map(|(_, value)| value.as_str())
    }

    /// The password that every connection begins with, if nodes want one.
    pub fn password(&self) -> Option<&str> {
        self.directive(&["requirepass"]).filter(|password| !password.is_empty())
    }

    /// The shape of the cluster.
    pub fn layout(&self) -> Layout {
        Layout { shards: self.shards, replicas: self.replicas, spares: self.spares }
    }

    /// How many nodes the cluster has.
    pub fn node_count(&self) -> u16 {
        self.layout().node_count()
    }

    /// All nodes that are laid out, in order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        self.layout().nodes()
    }

    /// All nodes, in order, the spare ones last.
    pub fn hosts(&self) -> impl Iterator<Item = NodeId> + use<> {
        self.layout().hosts()
    }

    /// All shards that are laid out, in order, and those that spare nodes can found.
    pub fn possible_shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        self.layout().possible_shards()
    }

    /// All shards, in order.
    pub fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        self.layout().shards()
    }

    /// The shard a node is laid out in.
    pub fn shard_of(&self, node: NodeId) -> ShardId {
        self.layout().shard_of(node)
    }

    /// The node that is made the primary of a shard.
    pub fn first_primary(&self, shard: ShardId) -> NodeId {
        self.layout().first_primary(shard)
    }

    /// The shard that a slot is given to.
    pub fn shard_of_slot(&self, slot: u16) -> ShardId {
        self.layout().shard_of_slot(slot)
    }

    /// The slots a shard is given, first and last, as even as 16384 allows.
    pub fn slots_of(&self, shard: ShardId) -> (u16, u16) {
        self.layout().slots_of(shard)
    }
}

#[cfg(test)]
mod tests;
