//! What a plan does to the cluster against its will, each fault with its trigger and its heal.
//!
//! A fault that lasts carries its duration, and the heal at its end is part of it, so that no plan can forget to
//! heal. A new fault is one variant of [`FaultAction`] and one arm in the world or the network.

use serde::{Deserialize, Serialize};

use crate::id::{NodeId, ShardId};
use crate::op::OpId;
use crate::time::SimDuration;

/// The number of a fault in its plan, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u16);

/// One fault of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its place in the plan.
    pub id: FaultId,
    /// When it fires.
    pub trigger: Trigger,
    /// What it does.
    pub action: FaultAction,
}

impl Fault {
    /// The longest it can take from the moment its trigger is armed to its heal, its operation's own time aside.
    pub fn longest_ns(&self) -> SimDuration {
        let wait = match self.trigger {
            Trigger::At { delay_ns } | Trigger::AfterOp { delay_ns, .. } => delay_ns,
            Trigger::BeforeOp { lead_ns, .. } => lead_ns,
            Trigger::DuringOp { moment: Moment::After { delay_ns }, .. } => delay_ns,
            Trigger::DuringOp { moment: Moment::BusStep { .. }, .. } => SimDuration::ZERO,
        };
        let lasts = match &self.action {
            FaultAction::ProcessKill { restart_after_ns, .. } => restart_after_ns.unwrap_or_default(),
            FaultAction::ProcessPause { duration_ns, .. }
            | FaultAction::NetworkPartition { duration_ns, .. }
            | FaultAction::NetworkLatency { duration_ns, .. } => *duration_ns,
        };
        wait + lasts
    }
}

/// When a fault fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "when", rename_all = "snake_case")]
pub enum Trigger {
    /// So long after the workload began.
    At {
        /// The delay from the beginning of the workload.
        delay_ns: SimDuration,
    },
    /// When the operation's time has come; the operation then starts `lead_ns` later.
    BeforeOp {
        /// The operation.
        op: OpId,
        /// How long the operation waits after the fault.
        lead_ns: SimDuration,
    },
    /// After the operation was accepted and before it completed.
    DuringOp {
        /// The operation.
        op: OpId,
        /// Which moment of that window.
        moment: Moment,
    },
    /// So long after the operation completed or failed.
    AfterOp {
        /// The operation.
        op: OpId,
        /// The delay from its end.
        delay_ns: SimDuration,
    },
}

/// A moment between an operation's acceptance and its completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// So long after it was accepted; missed if it completed earlier.
    After {
        /// The delay from the acceptance.
        delay_ns: SimDuration,
    },
    /// When the n-th step of the operation shows on the cluster bus (from 0: asked, paused, votes asked for, first vote).
    BusStep {
        /// Which step.
        step: u8,
    },
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FaultAction {
    /// The process gets a signal that ends it, and may be started again with its data directory.
    ProcessKill {
        /// Whom it hits.
        target: Target,
        /// Which signal.
        signal: Signal,
        /// How long after its end it is started again; never if absent.
        restart_after_ns: Option<SimDuration>,
    },
    /// The process does not run for a while; time goes on and its sockets fill.
    ProcessPause {
        /// Whom it hits.
        target: Target,
        /// For how long.
        duration_ns: SimDuration,
    },
    /// Bytes between two groups of hosts are held back, as TCP does when packets are lost, and released at the heal.
    NetworkPartition {
        /// The first group.
        a: Vec<Target>,
        /// The second group; everyone else if empty.
        b: Vec<Target>,
        /// Both ways, or only from `a` to `b`.
        direction: Direction,
        /// Which traffic; all of it if empty.
        channels: Vec<Channel>,
        /// For how long.
        duration_ns: SimDuration,
    },
    /// The latency of a node's links, or of the links between two nodes, is another one for a while.
    NetworkLatency {
        /// The node whose links are slow.
        target: Target,
        /// The other end; every other host if absent.
        peer: Option<Target>,
        /// The latency meanwhile.
        latency: LatencyRange,
        /// For how long.
        duration_ns: SimDuration,
    },
}

impl FaultAction {
    /// Its kind, as in a scenario.
    pub fn kind(&self) -> &'static str {
        match self {
            FaultAction::ProcessKill { .. } => "process_kill",
            FaultAction::ProcessPause { .. } => "process_pause",
            FaultAction::NetworkPartition { .. } => "network_partition",
            FaultAction::NetworkLatency { .. } => "network_latency",
        }
    }

    /// Whom it hits, in the order in which they are looked up.
    pub fn targets(&self) -> Vec<Target> {
        match self {
            FaultAction::ProcessKill { target, .. } | FaultAction::ProcessPause { target, .. } => {
                vec![*target]
            }
            FaultAction::NetworkPartition { a, b, .. } => a.iter().chain(b).copied().collect(),
            FaultAction::NetworkLatency { target, peer, .. } => [*target].into_iter().chain(*peer).collect(),
        }
    }

    /// All of its targets, to be changed.
    pub fn targets_mut(&mut self) -> Vec<&mut Target> {
        match self {
            FaultAction::ProcessKill { target, .. } | FaultAction::ProcessPause { target, .. } => {
                vec![target]
            }
            FaultAction::NetworkPartition { a, b, .. } => a.iter_mut().chain(b).collect(),
            FaultAction::NetworkLatency { target, peer, .. } => [target].into_iter().chain(peer).collect(),
        }
    }
}

impl Trigger {
    /// The operation it is tied to, if it is tied to one.
    pub fn op(self) -> Option<OpId> {
        match self {
            Trigger::At { .. } => None,
            Trigger::BeforeOp { op, .. } | Trigger::DuringOp { op, .. } | Trigger::AfterOp { op, .. } => {
                Some(op)
            }
        }
    }

    /// The same moment of another operation.
    pub fn tied_to(self, op: OpId) -> Self {
        match self {
            Trigger::At { .. } => self,
            Trigger::BeforeOp { lead_ns, .. } => Trigger::BeforeOp { op, lead_ns },
            Trigger::DuringOp { moment, .. } => Trigger::DuringOp { op, moment },
            Trigger::AfterOp { delay_ns, .. } => Trigger::AfterOp { op, delay_ns },
        }
    }
}

/// Whom a fault hits. Roles are looked up in the cluster when the fault fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The node that is the primary of the shard at that moment.
    Primary(ShardId),
    /// The n-th replica (from 0, modulo their number) of the shard at that moment.
    Replica(ShardId, u16),
    /// This node, whatever its role.
    Node(NodeId),
    /// All clients of the workload; only a side of a partition can be that.
    Clients,
}

/// A signal that ends a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// The process ends at once.
    #[serde(rename = "SIGKILL")]
    Kill,
    /// The server shuts down in order.
    #[serde(rename = "SIGTERM")]
    Term,
}

impl Signal {
    /// Its name, as in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Kill => "SIGKILL",
            Signal::Term => "SIGTERM",
        }
    }
}

/// Which way a partition cuts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Neither side hears the other.
    #[default]
    Both,
    /// The second group does not hear the first.
    OneWay,
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A client at the client port.
    Client,
    /// The cluster bus.
    Bus,
    /// A node at another node's client port: replication, or keys on the move.
    Replication,
}

/// The latency of a link: each chunk draws one, uniformly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyRange {
    /// The least.
    pub min_ns: SimDuration,
    /// The most.
    pub max_ns: SimDuration,
}
