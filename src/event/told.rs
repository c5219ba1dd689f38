//! What one actor tells another, as the log has it: a word and its fields. The receiver is the event's actor.

use serde::{Deserialize, Serialize};

use super::BusSummary;
use crate::fault::{FaultId, Lie, Target};
use crate::id::{ActorId, Host, NodeId};
use crate::op::OpId;
use crate::time::SimDuration;

/// A message between actors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum Told {
    /// The receiver's part begins.
    Begin,
    /// From now on nothing new is begun or drawn.
    Cease,
    /// A timer of the receiver's own, which has no purpose in words.
    Tick { token: u64 },

    /// To the network: a dialled connection's request reaches the other host.
    Knock { conn: u64 },
    /// To the network: such a request has gone unanswered for as long as the kernel tries.
    GiveUp { conn: u64 },
    /// To the network: something was cut or lost some time ago, and those who keep connections alive are to be found.
    Silence,
    /// To the network: a socket gives a connection up after so long without a sign of the other end.
    KeepsAlive { from: ActorId, patience_ns: SimDuration },
    /// To the network: one side of a connection asks whether the other is still there.
    Probe { conn: u64, side: usize },
    /// To the network: what a cut held of one side's (0 is who dialled) is tried again.
    Retransmit { conn: u64, side: usize },
    /// To the network: a message of the bus of one side's comes once more.
    Again { conn: u64, side: usize },
    /// To the network: a node's process ended.
    Gone { node: NodeId },
    /// To the network: a node's machine is gone, or is back.
    Machine { node: NodeId, lost: bool },
    /// To the network: a node listens no more.
    Unlisten { node: NodeId, port: u16 },
    /// To the network: a process of a guest listens at a port.
    HostListens { host: Host, port: u16 },
    /// To the network: no process of a guest listens at that port any more.
    HostUnlistens { host: Host, port: u16 },
    /// To the network: a guest ended.
    HostGone { host: Host },
    /// To the network: something of an end that has no connection (any more).
    Endless { from: ActorId },
    /// To the network: a process read so many bytes.
    Consumed { from: ActorId, len: u64 },

    /// To chaos: a fault's time has come.
    Fire { fault: FaultId },
    /// To chaos: a fault's duration is over.
    Heal { fault: FaultId },
    /// To chaos: a killed node's time to come back.
    Restart { fault: FaultId, node: NodeId },
    /// To chaos: the next operation's time has come.
    OperationDue { op: OpId },
    /// To chaos: the cluster accepted an operation.
    OperationAccepted { op: OpId },
    /// To chaos: a step of the operation in flight showed on the cluster bus.
    BusStep { op: OpId, step: u8 },
    /// To chaos: an operation ended.
    OperationEnded { op: OpId },
    /// To chaos: whom the targets of a fault are right now.
    Resolved { fault: FaultId, nodes: Vec<Option<NodeId>> },

    /// To chaos: what a fault waits for was seen; with whom its targets are, if the bus told.
    Seen {
        fault: FaultId,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        nodes: Vec<Option<NodeId>>,
    },
    /// To chaos and the operator: what an operation waits for was seen.
    OperationSeen { op: OpId },
    /// To chaos: the settings that a fault changed are what they were.
    Restored { fault: FaultId },
    /// To chaos: the clients are through.
    LastCall,
    /// To chaos: the operator starts a node that is down.
    StartNode {
        node: NodeId,
        empty: bool,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        copy: Option<OpId>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        server: Option<String>,
    },

    /// To a node: its machine works so many times slower than the plan says.
    Slow { times_slower: u64 },
    /// To a node that is down: everything in its data directory is gone.
    Wipe,
    /// To a node: a copy of its data directory is kept for that operation.
    KeepCopy { op: OpId },
    /// To a node that is down: its data directory is what was kept for that operation.
    PutBack { op: OpId },
    /// To a node that is down: it is started with that server from now on, named as in the plan.
    Install { server: String },
    /// To a node: it is to lie from now on, about another one if there is one; for proving the judge.
    Lie {
        lie: Lie,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        about: Option<NodeId>,
    },
    /// To a node: its lie was told for the first time.
    Lied { lie: Lie },

    /// To the operator: form the cluster.
    Form,
    /// To the operator: the next operation may be sent.
    Go { op: OpId },
    /// To the operator: what these operations wait for will never be seen.
    OperationsMissed { ops: Vec<OpId> },
    /// To the operator: who are these targets right now?
    Resolve { fault: FaultId, targets: Vec<Target> },
    /// To the operator: change settings of a node for a fault, each a name and a value.
    Adjust { fault: FaultId, node: NodeId, set: Vec<(String, String)> },
    /// To the operator: undo that.
    Restore { fault: FaultId },
    /// To the operator: a message of the cluster bus went by that belongs to a failover.
    BusSeen { node: NodeId, to: NodeId, bus: Box<BusSummary> },
    /// To the operator: a node's process ended, or was started again.
    NodeLife { node: NodeId, alive: bool },

    /// To a client: its next operation is due.
    Next,
    /// To a client: an operation may have waited too long. To a guest: its time is over.
    Alarm,
    /// To a client: try again what the cluster put off.
    Retry { sequence: u64 },
    /// To a client: finish what is open and stop.
    Stop,

    /// To the validator: the cluster may have to converge again.
    Disturbed { why: String },
    /// To the validator: wait for convergence, then read and judge.
    Settle,
    /// To chaos and the validator: a node's process ended; only the validator is told how.
    NodeExited {
        node: NodeId,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        status: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        expected: Option<bool>,
    },
    /// To the validator: a node's process was started.
    NodeStarted { node: NodeId },
    /// To the validator: a node's process does not run for a while, or runs again.
    NodePaused { node: NodeId, paused: bool },
    /// To the validator: what stands in a node's `nodes.conf` right now; absent if there is none.
    NodesConf {
        node: NodeId,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        text: Option<String>,
    },
    /// To the validator: who wrote `nodes.conf`, logged a line, or said something new on the cluster bus since it asked last.
    Stirred { nodes: Vec<NodeId> },

    /// To the director: the cluster is formed.
    Formed,
    /// To the director: the cluster could not be formed.
    FormationFailed { why: String },
    /// To the director: all operations ended.
    OperationsDone,
    /// To the director: all faults fired and healed.
    FaultsDone,
    /// To the director: a client has stopped.
    ClientDone,
    /// To the director: a guest has ended.
    GuestDone,
    /// To the director: everything is judged.
    Judged,
    /// To the director: the run has lasted longer than any plan may.
    Overdue,

    /// What a log of format 1 has, where messages stand as the program of that time wrote its own values.
    Words { text: String },
}
