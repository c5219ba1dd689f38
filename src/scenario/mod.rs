//! A scenario is what a person wrote: the YAML of a test, typed but with nothing drawn and no default chosen.
//!
//! Absent keys stay absent, so that a scenario written back is the scenario that was read; `plan` fills them in.
//! Data flow: `parse` makes the types from text, `check` finds what no cluster can do, and both name their finds
//! by line, column and path. Nodes and shards count from 1. Nothing here knows plans or servers.

pub mod actions;
mod budget;
pub mod check;
pub mod entry;
mod error;
pub mod guest;
mod locate;
pub mod parse;
pub mod reference;
mod reword;
pub mod script;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use entry::{Command, Delay};
pub use error::ScenarioError;
pub use guest::{Guest, GuestExpect};
pub use parse::{load, parse_str};

use crate::language::Value;

use text::{list_of_maps, null_as_default, text, text_map, texts};

/// Everything a person can say about a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the sections of a scenario")]
pub struct Scenario {
    /// Its name and seed.
    #[serde(rename = "scenario")]
    pub head: Head,
    /// The server to run, as a version or a path; no part of the plan.
    #[serde(default, deserialize_with = "text")]
    pub server: Option<String>,
    /// The cluster under test.
    #[serde(default, deserialize_with = "null_as_default")]
    pub cluster: Cluster,
    /// The network without faults.
    #[serde(default, deserialize_with = "null_as_default")]
    pub network: Network,
    /// The operations, in the order they run; each kind's keys are in its room (`op`).
    #[serde(default, deserialize_with = "null_as_default")]
    pub operations: Vec<Value>,
    /// The faults, in any order; each kind's keys are in its room (`fault`).
    #[serde(default, deserialize_with = "null_as_default")]
    pub chaos: Vec<Value>,
    /// The clients.
    #[serde(default, deserialize_with = "null_as_default")]
    pub workload: Workload,
    /// Programs of the user's.
    #[serde(default, deserialize_with = "null_as_default")]
    pub guests: Vec<Guest>,
    /// What must hold in the end.
    #[serde(default, deserialize_with = "list_of_maps")]
    pub validation: Validation,
}

/// The section `scenario`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys `name` and `seed`")]
pub struct Head {
    /// What reports and recordings call it.
    pub name: String,
    /// The seed of everything that is left to chance.
    pub seed: Option<u64>,
}

/// The section `cluster`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of `cluster`")]
pub struct Cluster {
    /// How many shards, 3 to 500; 0 is no cluster.
    pub shards: Option<u64>,
    /// How many replicas each shard has, 0 to 5.
    pub replicas: Option<u64>,
    /// How many nodes stand beside the cluster, to be started when they are asked for, 0 to 16.
    pub spares: Option<u64>,
    /// How many databases every node has, 1 to 64.
    pub databases: Option<u64>,
    /// `cluster-node-timeout`, at least 100.
    pub node_timeout_ms: Option<u64>,
    /// How it comes about.
    pub formation: Option<Formation>,
    /// How many times slower than a quick machine every node works: what it computes takes as many times longer.
    pub cpu: Option<u64>,
    /// The servers that nodes begin with, by the node's number, if not with the run's: versions or paths.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub servers: BTreeMap<u64, String>,
    /// Further configuration of every server, by directive.
    #[serde(default, deserialize_with = "text_map")]
    pub config: BTreeMap<String, String>,
}

/// How a cluster comes about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Formation {
    /// Servers start as strangers, and the operator introduces them: `CLUSTER MEET`, `ADDSLOTSRANGE`, `REPLICATE`.
    #[default]
    Meet,
    /// Servers start with the `nodes.conf` of a cluster that was formed before, and find each other by it.
    Preset,
}

impl Formation {
    /// Whether nothing is prepared.
    pub fn is_meet(&self) -> bool {
        *self == Formation::Meet
    }
}

/// The section `network`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys `latency_ms` and `delays`")]
pub struct Network {
    /// The latency of every link.
    pub latency_ms: Option<LatencyMs>,
    /// Single chunks that take a time of their own.
    #[serde(default, deserialize_with = "null_as_default")]
    pub delays: Vec<Delay>,
}

/// A latency in milliseconds; each chunk draws its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys `min` and `max`")]
pub struct LatencyMs {
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

/// The proportion of reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Half and half.
    #[default]
    Mixed,
    /// Nine reads to a write.
    ReadHeavy,
    /// Nine writes to a read.
    WriteHeavy,
}

/// What `workload.mix` calls `SET` and `GET` by `pattern`.
pub const PLAIN: &str = "plain";

/// A rate by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intensity {
    /// 50 operations per second.
    #[default]
    Low,
    /// 300 operations per second.
    Medium,
    /// 1000 operations per second.
    High,
}

/// The section `workload`; absent, it is a light one. Either the clients draw what they do, or `commands` lists it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of `workload`")]
pub struct Workload {
    pub enabled: Option<bool>,
    pub pattern: Option<Pattern>,
    pub intensity: Option<Intensity>,
    /// Operations per second of all clients together, instead of `intensity`.
    pub rate: Option<u64>,
    /// Seconds.
    pub duration: Option<f64>,
    pub clients: Option<u64>,
    pub keys: Option<u64>,
    pub value_bytes: Option<u64>,
    /// How much of what is drawn is of which kind of commands; all of it is plain if absent.
    #[serde(default, deserialize_with = "null_as_default")]
    pub mix: BTreeMap<String, u64>,
    /// Which version of the protocol clients speak: 2 or 3.
    pub protocol: Option<u64>,
    /// After how many operations a client closes its connections and makes new ones.
    pub reconnect: Option<u64>,
    /// Whether each client asks a node of its own first, and reads at replicas.
    pub pinned: Option<bool>,
    /// Seconds that a client waits for an answer.
    pub timeout: Option<f64>,
    /// Everything the clients do; then nothing of it is drawn.
    pub commands: Option<Vec<Command>>,
    /// A program that is the workload in the place of clients, such as `valkey-benchmark`.
    pub tool: Option<String>,
    /// The tool's arguments.
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

/// The section `validation`: a list of maps, or one map.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of `validation`")]
pub struct Validation {
    pub slot_coverage: Option<bool>,
    pub replica_sync: Option<bool>,
    pub data_consistency: Option<bool>,
    pub membership: Option<bool>,
    pub roles: Option<bool>,
    pub persistence: Option<bool>,
    pub operations: Option<bool>,
    /// Seconds.
    pub max_convergence_time: Option<f64>,
    /// Seconds.
    pub max_replication_lag: Option<f64>,
    /// Seconds.
    pub max_write_gap: Option<f64>,
    /// Percent.
    pub min_success_rate: Option<f64>,
    pub max_lost_writes: Option<u64>,
}

#[cfg(test)]
mod tests;
