//! The entries of a scenario's lists, flat as they are written: operations, faults, commands of clients, delays.
//!
//! One type holds the keys of all kinds of operation, or of fault, so that a stray or missing key can be named with its place; which keys
//! belong to which kind is in `keys`.

use serde::{Deserialize, Serialize};

use super::text::{text_list, text_value};
use crate::fault::{Channel, Direction, Signal};
use crate::id::Host;
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
    /// What a command is to be answered: `ok`, `error`, `any`, or how the answer begins.
    #[serde(default, deserialize_with = "text_value")]
    pub expect: Option<String>,
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

/// What the cluster bus shows of a failover, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusStep {
    /// The replica asks its primary to stop its clients.
    Asked,
    /// The primary has stopped them.
    Paused,
    /// The replica asks for votes.
    VotesAsked,
    /// It gets the first one.
    FirstVote,
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
    /// Which replica of the shard, from 1; any if absent.
    pub replica: Option<u64>,
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
    /// The moment of `during_operation`, instead of `delay`: when the failover shows this.
    pub step: Option<BusStep>,
    /// Seconds after the workload began, for a fault that is tied to no operation.
    pub at: Option<f64>,
}

impl Chaos {
    /// A fault of a kind of which nothing else is said.
    pub fn of(kind: ChaosKind) -> Chaos {
        Chaos {
            kind,
            signal: None,
            target: None,
            shard: None,
            replica: None,
            node: None,
            a: None,
            b: None,
            direction: None,
            channels: None,
            latency_ms: None,
            peer: None,
            duration: None,
            restart_after: None,
            coordination: None,
            operation: None,
            delay: None,
            step: None,
            at: None,
        }
    }
}

/// One entry of `workload.commands`: what a client asks, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of a command")]
pub struct Command {
    /// The client's number, from 1.
    pub client: u64,
    /// Seconds after the workload began; later if the client's command before it is still open.
    pub at: f64,
    /// The key that is written.
    pub set: Option<String>,
    /// The key that is read.
    pub get: Option<String>,
    /// What is written; `c2:5` for the fifth command of client 2 if absent.
    pub value: Option<String>,
}

/// One entry of `network.delays`: how long one chunk takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of a delay")]
pub struct Delay {
    /// The host that sends: `node-1`, or `client-1`.
    pub from: Host,
    /// The host that receives.
    pub to: Host,
    /// The how manieth time something goes this way, from 1.
    pub nth: u64,
    /// Milliseconds.
    pub ms: f64,
}
