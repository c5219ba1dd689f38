//! The entries of `operations` and `chaos`, flat as they are written.
//!
//! One type holds the keys of all kinds, so that a stray or missing key can be named with its place; which keys
//! belong to which kind is in `keys`.

use serde::{Deserialize, Serialize};

use super::text::text_list;
use crate::fault::{Channel, Direction, Signal};
use crate::op::FailoverMode;
use crate::scenario::LatencyMs;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// `CLUSTER FAILOVER` at a replica.
    Failover,
    /// Any command to one node.
    Command,
}

/// Whom an operation or a fault is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// The primary of `shard`.
    Primary,
    /// A replica of `shard`.
    Replica,
    /// Any node of `shard`, or of the cluster.
    Random,
    /// The node `node`.
    Node,
}

/// When an operation starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// As soon as the one before it ended.
    Immediate,
    /// `delay` seconds after that.
    Delayed,
}

/// One entry of `operations`. Which keys belong to which type is in `keys`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of an operation")]
pub struct Operation {
    /// What it does.
    #[serde(rename = "type")]
    pub kind: OperationKind,
    pub target: Option<TargetKind>,
    pub shard: Option<u64>,
    /// The replica that takes over, or the node a command is sent to.
    pub node: Option<u64>,
    pub mode: Option<FailoverMode>,
    /// A command's name and arguments.
    #[serde(default, deserialize_with = "text_list")]
    pub args: Option<Vec<String>>,
    pub timing: Option<Timing>,
    /// Seconds.
    pub delay: Option<f64>,
}

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChaosKind {
    /// A signal that ends the process.
    ProcessKill,
    /// The process does not run for a while.
    ProcessPause,
    /// Bytes between two groups are held back.
    NetworkPartition,
    /// Links are slow for a while.
    NetworkLatency,
}

/// How a fault is tied to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coordination {
    /// The fault fires, and `delay` seconds later the operation starts.
    BeforeOperation,
    /// The same, for operations that are failovers.
    BeforeFailover,
    /// While the operation goes on.
    DuringOperation,
    /// `delay` seconds after the operation ended.
    AfterOperation,
}

/// One member of a side of a partition: a node by its number, or all clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// The node with this number.
    Node(u64),
    /// Every client of the workload.
    Clients,
}

/// One entry of `chaos`. Which keys belong to which type is in `keys`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of a fault")]
pub struct Chaos {
    /// What it does.
    #[serde(rename = "type")]
    pub kind: ChaosKind,
    pub signal: Option<Signal>,
    pub target: Option<TargetKind>,
    pub shard: Option<u64>,
    pub node: Option<u64>,
    /// One side of a partition.
    pub a: Option<Vec<Member>>,
    /// The other side; everyone else if absent.
    pub b: Option<Vec<Member>>,
    pub direction: Option<Direction>,
    pub channels: Option<Vec<Channel>>,
    pub latency_ms: Option<LatencyMs>,
    /// The node at the other end of the slow links.
    pub peer: Option<u64>,
    /// Seconds until the heal.
    pub duration: Option<f64>,
    /// Seconds from a process's end to its next start.
    pub restart_after: Option<f64>,
    pub coordination: Option<Coordination>,
    /// The number of the operation it is tied to, from 1.
    pub operation: Option<u64>,
    /// Seconds; what they count from depends on `coordination`.
    pub delay: Option<f64>,
    /// Seconds after the workload began, for a fault that is tied to no operation.
    pub at: Option<f64>,
}
