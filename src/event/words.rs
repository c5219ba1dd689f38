//! Every statement of the log, each declared once: a new one is one entry of the table at the end, and a row of
//! `replay/FORMAT.md`, which a test demands.
//!
//! An entry is its [`Kind`], its [`Role`], the word after `what`, and its fields in the order in which they are written. What
//! the statement is about follows from the fields (`about.rs`). Their order is that of summaries, and means nothing else.

use serde::{Deserialize, Serialize};

use super::about::{About, conn_of};
use super::{
    BusSummary, ChildState, Closing, Kind, LinkState, Member, OutputStream, Phase, Replicated, Role, Said,
    SavedEpochs, Told, Topic, ViewRow, ViewState,
};
use crate::fault::{BusAct, Channel, FaultId, FileCall, FileClass};
use crate::history::{Outcome, Request};
use crate::id::{ActorId, Host, NodeId};
use crate::op::{Ending, OpId};
use crate::time::SimDuration;

macro_rules! words {
    ($($(#[$about:meta])* $kind:ident $role:ident $word:literal $variant:ident
        $({ $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? })?;)*) => {
        /// What happened.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "what")]
        pub enum Body {
            $(
                $(#[$about])*
                #[serde(rename = $word)]
                $variant $({ $($(#[$attribute])* $field: $type),* })?,
            )*
        }

        /// Which statement it is, without its fields.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum What {
            $($(#[$about])* $variant,)*
        }

        impl What {
            /// Every statement.
            pub const ALL: [What; [$($word),*].len()] = [$(What::$variant),*];

            /// The word that stands after `what`.
            pub fn word(self) -> &'static str {
                match self {
                    $(What::$variant => $word,)*
                }
            }

            /// The class of the statement.
            pub fn kind(self) -> Kind {
                match self {
                    $(What::$variant => Kind::$kind,)*
                }
            }

            /// How it comes into the log.
            pub fn role(self) -> Role {
                match self {
                    $(What::$variant => Role::$role,)*
                }
            }
        }

        impl Body {
            /// Which statement it is.
            pub fn what(&self) -> What {
                match self {
                    $(Body::$variant { .. } => What::$variant,)*
                }
            }

            /// The connection that it is about.
            pub fn conn(&self) -> Option<u64> {
                match self {
                    $(Body::$variant $({ $($field),* })? => {
                        let conns: &[Option<u64>] = &[$($(conn_of!($field, $field)),*)?];
                        conns.iter().copied().flatten().next()
                    })*
                }
            }

            /// Calls `see` with each node that a field names.
            pub(super) fn each_node(&self, see: &mut impl FnMut(NodeId)) {
                match self {
                    $(Body::$variant $({ $($field),* })? => { $($($field.each_node(see);)*)? })*
                }
            }
        }
    };
}

words! {
    /// How long a chunk, or a step of a connection's life, takes to the other end.
    Decision Noted "latency" Latency { conn: u64, ns: SimDuration };
    /// A cut link holds what was sent until it heals.
    Decision Noted "held" Held { conn: u64, len: u64 };
    /// Whom a fault or operation hits, looked up now.
    Decision Noted "picked" Picked { node: NodeId, why: String };
    /// How long after this operation of a client the next one is due.
    Decision Noted "gap" Gap { ns: SimDuration };
    /// A rule decides on a message of the bus, the n-th that it matches, from 1.
    Decision Noted "ruled" Ruled { fault: FaultId, nth: u64, conn: u64, from: NodeId, to: NodeId, act: BusAct };
    /// A chunk arrives in two pieces, the first of so many bytes.
    Decision Noted "split" Split { conn: u64, first: u64 };
    /// In this turn of the node, counted from 1, what was ready was reported in an order shuffled by this seed.
    Decision Noted "order" Order { turn: u64, draw: u64 };

    /// A phase of the run begins.
    Effect Noted "phase" Phase { phase: Phase };
    /// A server process is started.
    Effect Delivered "start" Start { incarnation: u32 };
    /// A node's timer is due and it gets the turn.
    Effect Delivered "wake" Wake;
    /// Bytes reach the other end.
    Effect Delivered "deliver" Deliver { conn: u64, len: u64 };
    /// A connection's state changes at this end.
    Effect Delivered "link" Link { conn: u64, state: LinkState };
    /// A process gets a signal.
    Effect Delivered "signal" Signal { signal: String };
    /// A process stops running for a while, or runs again.
    Effect Delivered "pause" Pause { paused: bool };
    /// A rule of the network, or of a node's machine, is set or removed.
    Effect Delivered "rule" Rule { fault: FaultId, on: bool };
    /// A guest's program is started.
    Effect Delivered "guest_start" GuestStart;
    /// An actor's own timer is due.
    Effect Delivered "timer" Timer { purpose: String };
    /// A fault's moment came: it hits these nodes (both sides of a partition), or was missed and hits nobody.
    Effect Injected "fault" Fault {
        fault: FaultId,
        text: String,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        hit: Vec<NodeId>,
    };
    /// What a fault did is undone.
    Effect Injected "heal" Heal { fault: FaultId, text: String };
    /// What a server answers a stranger of that fault, at the port of the bus or at the one for clients: its begin.
    Observation Noted "stranger_got" StrangerGot { fault: FaultId, node: NodeId, bus: bool, text: String };
    /// An operation is sent to the cluster.
    Effect Injected "operation" Operation { op: OpId, text: String };
    /// A guest writes to a connection, which is what it does to the cluster.
    Effect Injected "guest_wrote" GuestWrote {
        conn: u64,
        len: u64,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        commands: Vec<Vec<String>>,
        /// There is more in it than these commands, or they are cut.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        partial: bool,
    };
    /// An actor tells another that something is so.
    Effect Delivered "tell" Tell {
        #[serde(flatten)]
        message: Told,
    };

    /// A process or client asks for a connection.
    Observation Delivered "dial" Dial { from: ActorId, conn: u64, to: Host, port: u16 };
    /// A process listens at a port.
    Observation Delivered "listen" Listen { node: NodeId, port: u16 };
    /// One chunk, or one message of the cluster bus, was written.
    Observation Delivered "sent" Sent {
        from: ActorId,
        conn: u64,
        channel: Channel,
        to: Host,
        len: u64,
        digest: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        bus: Option<Box<BusSummary>>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        repl: Option<Box<Replicated>>,
    };
    /// An end was closed by its owner.
    Observation Delivered "closed" Closed { from: ActorId, conn: u64, how: Closing };
    /// A line of a server's log, as written.
    Observation Delivered "log" Log { line: String };
    /// A process ended.
    Observation Delivered "exited" Exited { status: String };
    /// The file that a guest's program is, by its name and content, and a digest of the folder that it was given.
    Observation Delivered "guest_program" GuestProgram {
        program: String,
        sha256: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        folder: Option<String>,
    };
    /// A line that a guest wrote.
    Observation Delivered "output" Output { stream: OutputStream, line: String };
    /// A guest ended; how.
    Observation Delivered "guest_ended" GuestEnded { status: String };
    /// A process forked, or its child ended.
    Observation Delivered "child" Child { pid: u32, state: ChildState };
    /// A process made a call that concerns a file of a class; told only where something waits for such calls.
    Observation Delivered "file" File { call: FileCall, file: FileClass };
    /// A process had its `nodes.conf` synchronised.
    Observation Delivered "saved" Saved {
        #[serde(flatten)]
        epochs: SavedEpochs,
    };
    /// A process used the CPU without end and never blocked again.
    Observation Delivered "livelock" Livelock { detail: String };
    /// All threads of a process wait for locks or conditions that only they themselves could give.
    Observation Delivered "deadlock" Deadlock { detail: String };
    /// A server answered the operator; a long answer is cut off, and then `total` is the length of all of it, in bytes.
    Observation Noted "reply" Reply {
        op: Option<OpId>,
        text: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        total: Option<u64>,
    };
    /// An operation ended; how is not told by the oldest logs.
    Observation Noted "operation_ended" OperationEnded {
        op: OpId,
        done: bool,
        text: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        ending: Option<Ending>,
    };
    /// A client invokes an operation.
    Observation Injected "invoke" Invoke { sequence: u64, request: Request };
    /// A client's operation is complete.
    Observation Noted "complete" Complete { sequence: u64, outcome: Outcome, node: Option<NodeId> };
    /// A client was sent to another node with what it asks about a slot, for good or, to `ask`, this once.
    Observation Noted "redirect" Redirect { node: NodeId, slot: u16, to: NodeId, ask: bool };
    /// A client got a reply that it had not asked for, or what is no reply.
    Observation Noted "out_of_step" OutOfStep { node: NodeId, detail: String };
    /// A client was told something unasked: a message of a channel, or that it is subscribed no more; `pong` ends it for good.
    Observation Noted "pushed" Pushed { node: NodeId, push: Vec<String> };
    /// What a survey saw of a node's view: the rows that are new or differ from those before, and the members gone.
    Observation Noted "probe" Probe {
        node: NodeId,
        state: ViewState,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        rows: Vec<ViewRow>,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        gone: Vec<Member>,
    };
    /// What a node said of itself when it was read out at the end; a later answer on the same topic replaces it.
    Observation Noted "account" Account { node: NodeId, topic: Topic, said: Said };

    /// An invariant was judged.
    Verdict Noted "verdict" Verdict { invariant: String, verdict: String, detail: String };
}
