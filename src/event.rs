//! The closed vocabulary of the event log: one [`Event`] is one line.
//!
//! The four kinds say who is speaking: the harness decided, the harness acted, a server or client was seen to do
//! something, or an invariant was judged. Everything is an integer or a text that the run itself determines;
//! no value of the wall clock, no pointer and no path of the host ever stands here.

use serde::{Deserialize, Serialize};

use crate::fault::{Channel, FaultId};
use crate::history::{Outcome, Request};
use crate::id::{ActorId, Host, NodeId};
use crate::op::{Ending, OpId};
use crate::time::{SimDuration, SimTime};

/// One line of the log after its header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number, from 0, without gaps.
    pub i: u64,
    /// When it happened.
    pub at: SimTime,
    /// Whom it was delivered to, or who spoke.
    pub actor: ActorId,
    /// Which class of statement it is; follows from `body`.
    pub kind: Kind,
    /// The event that queued or provoked this one; absent for the first ones of a run.
    pub cause: Option<u64>,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

/// The classes of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The harness chose something; a replay takes the choice from here.
    Decision,
    /// The harness did something.
    Effect,
    /// Something was seen at a server or a client.
    Observation,
    /// An invariant was judged.
    Verdict,
}

/// The part of a run that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Servers start and are joined to a cluster.
    Form,
    /// Clients run, operations and faults happen.
    Run,
    /// Faults are gone; the cluster may settle.
    Settle,
    /// Data and views are read and judged.
    Validate,
    /// Nothing is left to do.
    Done,
}

/// What the first bytes of a cluster bus message say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusSummary {
    /// The message's type, in the server's words, lower case (`ping`, `failover_auth_ack`).
    pub r#type: String,
    /// The sender's current epoch; absent in light messages.
    pub current_epoch: Option<u64>,
    /// The sender's (or its primary's) config epoch; absent in light messages.
    pub config_epoch: Option<u64>,
    /// The sender has paused its clients for a manual failover; absent if it has not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paused: Option<bool>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Body {
    /// Decision: how long a chunk, or a step of a connection's life, takes to the other end.
    Latency { conn: u64, ns: SimDuration },
    /// Decision: a cut link holds what was sent until it heals.
    Held { conn: u64, len: u64 },
    /// Decision: whom a fault or operation hits, looked up now.
    Picked { node: NodeId, why: String },

    /// Effect: a phase of the run begins.
    Phase { phase: Phase },
    /// Effect: a server process is started.
    Start { incarnation: u32 },
    /// Effect: a node's timer is due and it gets the turn.
    Wake,
    /// Effect: bytes reach the other end.
    Deliver { conn: u64, len: u64 },
    /// Effect: a connection's state changes at this end.
    Link { conn: u64, state: LinkState },
    /// Effect: a process gets a signal.
    Signal { signal: String },
    /// Effect: a process stops running for a while, or runs again.
    Pause { paused: bool },
    /// Effect: a rule of the network is set or removed.
    Rule { fault: FaultId, on: bool },
    /// Effect: an actor's own timer is due.
    Timer { purpose: String },
    /// Effect: a fault's moment came: it hits these nodes (both sides of a partition), or was missed and hits nobody.
    Fault {
        fault: FaultId,
        text: String,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        hit: Vec<NodeId>,
    },
    /// Effect: what a fault did is undone.
    Heal { fault: FaultId, text: String },
    /// Effect: an operation is sent to the cluster.
    Operation { op: OpId, text: String },
    /// Effect: an actor tells another that something is so.
    Tell { text: String },

    /// Observation: a process or client asks for a connection.
    Dial { from: ActorId, conn: u64, to: Host, port: u16 },
    /// Observation: a process listens at a port.
    Listen { node: NodeId, port: u16 },
    /// Observation: one chunk, or one message of the cluster bus, was written.
    Sent {
        from: ActorId,
        conn: u64,
        channel: Channel,
        to: Host,
        len: u64,
        digest: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        bus: Option<BusSummary>,
    },
    /// Observation: an end was closed by its owner.
    Closed { from: ActorId, conn: u64, how: String },
    /// Observation: a line of a server's log, as written.
    Log { line: String },
    /// Observation: a process ended.
    Exited { status: String },
    /// Observation: a process forked, or its child ended.
    Child { pid: u32, state: String },
    /// Observation: a process used the CPU without end and never blocked again.
    Livelock { detail: String },
    /// Observation: a server answered the operator.
    Reply { op: Option<OpId>, text: String },
    /// Observation: an operation ended; how is not told by the oldest logs.
    OperationEnded {
        op: OpId,
        done: bool,
        text: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        ending: Option<Ending>,
    },
    /// Observation: a client invokes an operation.
    Invoke { sequence: u64, request: Request },
    /// Observation: a client's operation is complete.
    Complete { sequence: u64, outcome: Outcome, node: Option<NodeId> },
    /// Observation: what a probe saw of a node.
    Probe { node: NodeId, text: String },

    /// Verdict: an invariant was judged.
    Verdict { invariant: String, verdict: String, detail: String },
}

/// Every word that can stand after `what`, with the class of its statement; [`Body::what_code`] is a place in it, and new
/// words go to its end.
pub const WHATS: [(&str, Kind); 30] = [
    ("latency", Kind::Decision),
    ("held", Kind::Decision),
    ("picked", Kind::Decision),
    ("phase", Kind::Effect),
    ("start", Kind::Effect),
    ("wake", Kind::Effect),
    ("deliver", Kind::Effect),
    ("link", Kind::Effect),
    ("signal", Kind::Effect),
    ("pause", Kind::Effect),
    ("rule", Kind::Effect),
    ("timer", Kind::Effect),
    ("fault", Kind::Effect),
    ("heal", Kind::Effect),
    ("operation", Kind::Effect),
    ("tell", Kind::Effect),
    ("dial", Kind::Observation),
    ("listen", Kind::Observation),
    ("sent", Kind::Observation),
    ("closed", Kind::Observation),
    ("log", Kind::Observation),
    ("exited", Kind::Observation),
    ("child", Kind::Observation),
    ("livelock", Kind::Observation),
    ("reply", Kind::Observation),
    ("operation_ended", Kind::Observation),
    ("invoke", Kind::Observation),
    ("complete", Kind::Observation),
    ("probe", Kind::Observation),
    ("verdict", Kind::Verdict),
];

/// What becomes of a connection at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// A new connection waits at a listening port.
    Incoming,
    /// The dialled connection is there.
    Connected,
    /// Nobody listens at the port.
    Refused,
    /// The other end sends nothing more.
    Eof,
    /// The other end is gone.
    Reset,
    /// Nobody answered in time.
    TimedOut,
    /// The other end made room for more.
    Credit,
}

impl Event {
    /// The nodes that the event is about: the one it was delivered to or that spoke, the sender and the receiver, those
    /// that a fault hits, and the one that was picked, listens, answered or was probed.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let (from, to, named, hit) = self.body.nodes();
        [self.actor.node(), from, to, named].into_iter().flatten().chain(hit.iter().copied())
    }
}

impl Body {
    /// Sender, receiver, the node named by itself, and the nodes hit.
    fn nodes(&self) -> (Option<NodeId>, Option<NodeId>, Option<NodeId>, &[NodeId]) {
        match self {
            Body::Dial { from, to, .. } | Body::Sent { from, to, .. } => (from.node(), to.node(), None, &[]),
            Body::Closed { from, .. } => (from.node(), None, None, &[]),
            Body::Picked { node, .. } | Body::Listen { node, .. } | Body::Probe { node, .. } => {
                (None, None, Some(*node), &[])
            }
            Body::Complete { node, .. } => (None, None, *node, &[]),
            Body::Fault { hit, .. } => (None, None, None, hit),
            _ => (None, None, None, &[]),
        }
    }

    /// The connection that it is about.
    pub fn conn(&self) -> Option<u64> {
        match self {
            Body::Latency { conn, .. }
            | Body::Held { conn, .. }
            | Body::Deliver { conn, .. }
            | Body::Link { conn, .. }
            | Body::Dial { conn, .. }
            | Body::Sent { conn, .. }
            | Body::Closed { conn, .. } => Some(*conn),
            _ => None,
        }
    }

    /// Whether the plan or a client put this into the run: operations, faults, their heals, and client commands.
    pub fn is_injected(&self) -> bool {
        matches!(self, Body::Operation { .. } | Body::Fault { .. } | Body::Heal { .. } | Body::Invoke { .. })
    }

    /// Whether this is noted while something else is delivered, and is not itself delivered to anybody.
    pub fn is_note(&self) -> bool {
        matches!(
            self,
            Body::Latency { .. }
                | Body::Held { .. }
                | Body::Picked { .. }
                | Body::Phase { .. }
                | Body::Fault { .. }
                | Body::Heal { .. }
                | Body::Operation { .. }
                | Body::OperationEnded { .. }
                | Body::Reply { .. }
                | Body::Invoke { .. }
                | Body::Complete { .. }
                | Body::Probe { .. }
                | Body::Verdict { .. }
        )
    }

    /// The statement's own word, as it stands in the log after `what`.
    pub fn what(&self) -> &'static str {
        WHATS[usize::from(self.what_code())].0
    }

    /// The place of the statement's word in [`WHATS`].
    pub fn what_code(&self) -> u8 {
        match self {
            Body::Latency { .. } => 0,
            Body::Held { .. } => 1,
            Body::Picked { .. } => 2,
            Body::Phase { .. } => 3,
            Body::Start { .. } => 4,
            Body::Wake => 5,
            Body::Deliver { .. } => 6,
            Body::Link { .. } => 7,
            Body::Signal { .. } => 8,
            Body::Pause { .. } => 9,
            Body::Rule { .. } => 10,
            Body::Timer { .. } => 11,
            Body::Fault { .. } => 12,
            Body::Heal { .. } => 13,
            Body::Operation { .. } => 14,
            Body::Tell { .. } => 15,
            Body::Dial { .. } => 16,
            Body::Listen { .. } => 17,
            Body::Sent { .. } => 18,
            Body::Closed { .. } => 19,
            Body::Log { .. } => 20,
            Body::Exited { .. } => 21,
            Body::Child { .. } => 22,
            Body::Livelock { .. } => 23,
            Body::Reply { .. } => 24,
            Body::OperationEnded { .. } => 25,
            Body::Invoke { .. } => 26,
            Body::Complete { .. } => 27,
            Body::Probe { .. } => 28,
            Body::Verdict { .. } => 29,
        }
    }

    /// The class of this statement.
    pub fn kind(&self) -> Kind {
        WHATS[usize::from(self.what_code())].1
    }
}
