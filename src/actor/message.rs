//! Everything one participant can be told; one variant a receiver.
//!
//! Each message has a line of the log ([`Message::body`]), which is written before the message is delivered.

mod body;

use std::collections::BTreeSet;
use std::net::SocketAddrV4;

use crate::event::{BusSummary, ChildState, OutputStream, Replicated, SavedEpochs};
use crate::fault::{Affliction, BusRule, FaultId, FileCall, FileClass, Lie, Links, Remains, Signal, Target};
use crate::id::{ActorId, Host, NodeId};
use crate::op::OpId;
use crate::time::SimDuration;

/// One end of a connection: its owner, and the owner's own name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// A node, a client, the operator, the validator, or chaos for strangers.
    pub owner: ActorId,
    /// Unique among the owner's ends.
    pub handle: u64,
}

/// Bytes on their way: what one `write` sent, or one message of the cluster bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The bytes as the log is told them, where there is something in them that differs from run to run: a path on the host.
    pub told: Option<Box<[u8]>>,
    /// What the cluster bus message says, if it is one.
    pub bus: Option<Box<BusSummary>>,
    /// What it says of replication, if it does.
    pub repl: Option<Box<Replicated>>,
}

impl Chunk {
    /// Bytes of which nothing more is said.
    pub fn plain(bytes: Vec<u8>) -> Self {
        Chunk { bytes, told: None, bus: None, repl: None }
    }

    /// The bytes that the log is told.
    pub fn told(&self) -> &[u8] {
        self.told.as_deref().unwrap_or(&self.bytes)
    }
}

/// What happens at one end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A new connection from `peer` waits at the listening port; the receiver knows it by the message's handle.
    Incoming { port: u16, peer: SocketAddrV4 },
    /// The dialled connection is there.
    Connected,
    /// Nobody listens.
    Refused,
    /// Nobody answered in time.
    TimedOut,
    /// Bytes.
    Data(Chunk),
    /// The other end sends nothing more.
    Eof,
    /// The other end is gone.
    Reset,
    /// The other end has read so many bytes: there is room for as many more.
    Credit { len: u64 },
    /// Nothing can be heard of the other end for some time now: how does the socket keep the connection alive? No process
    /// sees anything of that.
    Unheard,
}

/// How a socket has its connection kept alive (`SO_KEEPALIVE` and what belongs to it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// How long nothing is heard before the first question (`TCP_KEEPIDLE`).
    pub idle: SimDuration,
    /// How far questions are apart (`TCP_KEEPINTVL`).
    pub interval: SimDuration,
    /// How many go unanswered before the connection is given up (`TCP_KEEPCNT`).
    pub count: u64,
}

impl KeepAlive {
    /// How long nothing is heard until the connection is given up.
    pub fn patience(self) -> SimDuration {
        self.idle + self.interval.times(self.count)
    }
}

/// Something arrived at an end of the receiver's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The connection's number, for the log.
    pub conn: u64,
    /// The receiver's name for its end.
    pub handle: u64,
    /// What arrived.
    pub arrival: Arrival,
}

/// A message to the network: what owners of ends do, and what faults change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkMessage {
    /// A process of this host listens at a port; connections to it become `Incoming`.
    Listen { host: Host, port: u16 },
    /// Nobody listens at that port of the host any more.
    Unlisten { host: Host, port: u16 },
    /// An end is dialled; `Connected`, `Refused` or `TimedOut` comes back to it.
    Dial { from: End, local_port: u16, to: SocketAddrV4 },
    /// An end wrote a chunk.
    Sent { from: End, chunk: Chunk },
    /// A process read so many bytes; actors read all they get at once, and do not say so.
    Consumed { from: End, len: u64 },
    /// An end sends nothing more, but still reads.
    Shut { from: End },
    /// An end is gone; with unread bytes or an abort the peer sees a reset.
    Closed { from: End, reset: bool },
    /// A fault cuts or slows links.
    SetRule { fault: FaultId, rule: Rule },
    /// A fault sets a rule for messages of the bus.
    SetBusRule { fault: FaultId, sides: BusSides, rule: Box<BusRule> },
    /// A message of the bus that one side of a connection sent long since comes once more.
    Again { conn: u64, side: usize, chunk: Chunk },
    /// A fault heals.
    ClearRule { fault: FaultId },
    /// A dialled connection's request reaches the other host.
    Knock { conn: u64 },
    /// A dialled connection's request has gone unanswered for as long as the kernel tries.
    GiveUp { conn: u64 },
    /// Something was cut or lost some time ago: who keeps connections across it alive?
    Silence,
    /// That is how a socket does it that was asked.
    KeepsAlive { from: End, how: KeepAlive },
    /// One side of a connection asks whether the other is still there.
    Probe { conn: u64, side: usize },
    /// What a cut held at one side of a connection is tried again.
    Retransmit { conn: u64, side: usize },
    /// The process of a host ended.
    Gone { host: Host },
    /// A node's machine is gone, or is back.
    Machine { node: NodeId, lost: bool },
    /// From now on nothing is drawn: every latency is the middle of its range.
    Cease,
}

/// Whom a rule for messages of the bus is about; none means anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusSides {
    /// Who sends.
    pub from: Vec<NodeId>,
    /// Who receives.
    pub to: Vec<NodeId>,
    /// Also the other way round.
    pub both_ways: bool,
}

/// What a fault makes of links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Between which groups of hosts, the first group of each first.
    pub seams: Vec<(Vec<Host>, Vec<Host>)>,
    /// What becomes of their traffic.
    pub links: Links,
}

/// What a server that the operator starts finds in its data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finds {
    /// What the one before it left there.
    All,
    /// Nothing.
    Nothing,
    /// What was kept for that operation.
    Copy(OpId),
}

/// A message to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeMessage {
    /// Start the server, for the n-th time (from 1).
    Start { incarnation: u32 },
    /// Everything in the data directory of a node that is down is gone.
    Wipe,
    /// A copy of the data directory is kept for that operation.
    KeepCopy { op: OpId },
    /// The data directory of a node that is down is what was kept for that operation.
    PutBack { op: OpId },
    /// A node that is down is started with that server from now on.
    Install { server: String },
    /// The process's own deadline is due.
    Wake,
    /// End the process.
    Signal { signal: Signal },
    /// Stop running.
    Pause,
    /// Run again.
    Unpause,
    /// Work so many times slower than the plan says, on this machine; 1 is as slow as that.
    Slow { times_slower: u64 },
    /// The process ended.
    Exited { status: String },
    /// The process never blocked again.
    Livelock { detail: String },
    /// The process never could have gone on.
    Deadlock { detail: String },
    /// The process wrote a line to its log.
    Log { line: String },
    /// Lie from now on, about another node if there is one.
    Lie { lie: Lie, about: Option<NodeId> },
    /// A lie was told for the first time.
    Lied { lie: Lie },
    /// A child of the process came or went.
    Child { pid: u32, state: ChildState },
    /// The process made a call that concerns a file.
    File { call: FileCall, file: FileClass },
    /// The process had its `nodes.conf` synchronised, with these epochs in it.
    Saved { epochs: SavedEpochs },
    /// Something is wrong with the machine from now on; without an affliction, what the fault did is undone.
    Afflict { fault: FaultId, affliction: Option<Affliction> },
    /// The machine loses its power.
    LosePower { remains: Remains },
    /// From now on nothing is drawn.
    Cease,
}

/// A message to a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestMessage {
    /// The workload begins: the guest is started in its time.
    Begin,
    /// The guest's time has come.
    Start,
    /// The program that was started, as its file says, and a digest of the folder that it was given.
    Started { program: String, sha256: String, folder: Option<String> },
    /// A deadline of one of its processes is due.
    Wake,
    /// A process of the guest's wrote a line.
    Output { stream: OutputStream, line: String },
    /// A child of the guest's first process came or went.
    Child { pid: u32, state: ChildState },
    /// The first process ended.
    Ended { status: String },
    /// Its time is over.
    Alarm,
    /// From now on nothing is drawn, and no guest asks anything.
    Cease,
}

/// A message to the injector of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChaosMessage {
    /// The workload begins: the plan's clock starts.
    Begin,
    /// A fault's time has come.
    Fire { fault: FaultId },
    /// A fault's duration is over.
    Heal { fault: FaultId },
    /// A killed node's time to come back.
    Restart { fault: FaultId, node: NodeId },
    /// The next operation's time has come; the operator waits for an answer.
    OperationDue { op: OpId },
    /// The cluster accepted an operation.
    OperationAccepted { op: OpId },
    /// A step of the operation in flight showed on the cluster bus.
    BusStep { op: OpId, step: u8 },
    /// An operation ended, done or not.
    OperationEnded { op: OpId },
    /// Whom the targets of a fault are right now, in the order asked, as the operator looked them up; nothing for a
    /// role that nobody has.
    Resolved { fault: FaultId, nodes: Vec<Option<NodeId>> },
    /// What a fault waits for was seen just now; with whom its targets are, or with nobody at all if the bus does not tell.
    Seen { fault: FaultId, nodes: Vec<Option<NodeId>> },
    /// What an operation waits for was seen just now.
    OperationSeen { op: OpId },
    /// The clients are through: what waits for something to be seen does so only as long as anything is under way.
    LastCall,
    /// A node's process ended, by what it was told to or not.
    NodeExited { node: NodeId, expected: bool },
    /// The operator starts a node that is down, and with another server if one is named.
    StartNode { node: NodeId, finds: Finds, server: Option<String> },
    /// The settings that a fault changed are what they were.
    Restored { fault: FaultId },
    /// A timer of chaos's own.
    Tick { token: u64 },
    /// No further fault is fired; those that were are healed in their time.
    Cease,
}

/// A message to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorMessage {
    /// Form the cluster.
    Form,
    /// The workload begins: start with the operations.
    Begin,
    /// The next operation may be sent.
    Go { op: OpId },
    /// What an operation waits for was seen just now.
    Seen { op: OpId },
    /// What these operations wait for will never be seen.
    Missed { ops: Vec<OpId> },
    /// Tell chaos who these targets are right now.
    Resolve { fault: FaultId, targets: Vec<Target> },
    /// Change settings of a node for a fault.
    Adjust { fault: FaultId, node: NodeId, set: Vec<(&'static str, String)> },
    /// Undo that.
    Restore { fault: FaultId },
    /// A message of the cluster bus went by that belongs to a failover.
    BusSeen { node: NodeId, to: NodeId, summary: Box<BusSummary> },
    /// A node's process ended, or was started again.
    NodeLife { node: NodeId, alive: bool },
    /// A timer of the operator's own.
    Tick { token: u64 },
    /// No further operation is started; the one under way goes on.
    Cease,
}

/// A message to a workload client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// Start working.
    Begin,
    /// The next operation is due.
    Next,
    /// An operation may have waited too long.
    Alarm,
    /// Try again what the cluster put off.
    Retry { sequence: u64 },
    /// Finish what is open, and what is left of a script, and stop.
    Stop,
    /// Finish what is open and stop, script or not.
    Cease,
}

/// A message to the validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidatorMessage {
    /// Probe from now on.
    Begin,
    /// A fault fired, healed, or an operation ended: the cluster may have to converge again.
    Disturbed { why: String },
    /// Every fault is gone and every client has stopped: wait for convergence, then read and judge.
    Settle,
    /// A node's process ended.
    NodeExited { node: NodeId, status: String, expected: bool },
    /// A node's process was started.
    NodeStarted { node: NodeId },
    /// A node's process does not run for a while.
    NodePaused { node: NodeId, paused: bool },
    /// What stands in a node's `nodes.conf` right now, if there is one.
    NodesConf { node: NodeId, text: Option<String> },
    /// Who did something that goes with another view of the cluster, since the validator asked for that last.
    Stirred { nodes: BTreeSet<NodeId> },
    /// A timer of the validator's own.
    Tick { token: u64 },
}

/// A message to the director of the phases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectorMessage {
    /// The run begins.
    Begin,
    /// The cluster is formed.
    Formed,
    /// The cluster could not be formed.
    FormationFailed { why: String },
    /// All operations ended.
    OperationsDone,
    /// All faults fired and healed.
    FaultsDone,
    /// A client has stopped.
    ClientDone,
    /// A guest has ended.
    GuestDone,
    /// Everything is judged.
    Judged,
    /// The run has lasted longer than any plan may.
    Overdue,
}

/// Anything a participant can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// For the owner of a connection's end.
    Arrived(Arrived),
    /// For the network.
    Network(NetworkMessage),
    /// For a node.
    Node(NodeMessage),
    /// For the injector of faults.
    Chaos(ChaosMessage),
    /// For the operator.
    Operator(OperatorMessage),
    /// For a workload client.
    Client(ClientMessage),
    /// For a guest.
    Guest(GuestMessage),
    /// For the validator.
    Validator(ValidatorMessage),
    /// For the director.
    Director(DirectorMessage),
}
