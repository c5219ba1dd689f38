//! The world that actors act on: it starts servers, gives them the turn, and says what it saw them do.
//!
//! Today there is one real implementor, [`simulated::Simulated`]: unmodified servers under virtual time. The trait
//! keeps the scheduler from knowing it, so that a world of real time and real sockets can stand in its place.

pub mod simulated;

use std::net::SocketAddrV4;
use std::path::PathBuf;

use crate::actor::message::{
    Arrival, Chunk, End, GuestMessage, KeepAlive, Message, NetworkMessage, NodeMessage,
};
use crate::event::{ChildState, OutputStream, SavedEpochs};
use crate::fault::{Affliction, FaultId, FileCall, FileClass, Lie, Remains, Signal};
use crate::id::{ActorId, GuestId, Host, NodeId};
use crate::op::OpId;
use crate::time::SimTime;

/// Something a node was seen to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It listens at a port.
    Listen { port: u16 },
    /// It listens no more.
    Unlisten { port: u16 },
    /// It dials.
    Dial { handle: u64, local_port: u16, to: SocketAddrV4 },
    /// It wrote a chunk.
    Sent { handle: u64, chunk: Chunk },
    /// It read so many bytes.
    Consumed { handle: u64, len: u64 },
    /// It sends nothing more on a connection.
    Shut { handle: u64 },
    /// It was asked how it keeps a connection alive, and does.
    KeepsAlive { handle: u64, how: KeepAlive },
    /// It closed a connection, or ended.
    Closed { handle: u64, reset: bool },
    /// It told a lie for the first time.
    Lied { lie: Lie },
    /// It wrote a line to its log.
    Log { line: String },
    /// A process of a guest wrote a line.
    Output { stream: OutputStream, line: String },
    /// A child came or went.
    Child { pid: u32, state: ChildState },
    /// It made a call that concerns a file.
    File { call: FileCall, file: FileClass },
    /// It had its `nodes.conf` synchronised, with these epochs in it.
    Saved { epochs: SavedEpochs },
}

impl Seen {
    /// Whom it concerns that a process of this host was seen to do this, and in which words.
    pub fn told(self, host: Host) -> (ActorId, Message) {
        let owner = host.owner().expect("only hosts with processes are seen");
        let from = |handle| End { owner, handle };
        let message = match self {
            Seen::Lied { lie } => return (owner, Message::Node(NodeMessage::Lied { lie })),
            Seen::Log { line } => return (owner, Message::Node(NodeMessage::Log { line })),
            Seen::Output { stream, line } => {
                return (owner, Message::Guest(GuestMessage::Output { stream, line }));
            }
            Seen::File { call, file } => {
                return (owner, Message::Node(NodeMessage::File { call, file }));
            }
            Seen::Saved { epochs } => return (owner, Message::Node(NodeMessage::Saved { epochs })),
            Seen::Child { pid, state } => return (owner, child(owner, pid, state)),
            Seen::Listen { port } => NetworkMessage::Listen { host, port },
            Seen::Unlisten { port } => NetworkMessage::Unlisten { host, port },
            Seen::Dial { handle, local_port, to } => {
                NetworkMessage::Dial { from: from(handle), local_port, to }
            }
            Seen::Sent { handle, chunk } => NetworkMessage::Sent { from: from(handle), chunk },
            Seen::Consumed { handle, len } => NetworkMessage::Consumed { from: from(handle), len },
            Seen::Shut { handle } => NetworkMessage::Shut { from: from(handle) },
            Seen::KeepsAlive { handle, how } => NetworkMessage::KeepsAlive { from: from(handle), how },
            Seen::Closed { handle, reset } => NetworkMessage::Closed { from: from(handle), reset },
        };
        (ActorId::Network, Message::Network(message))
    }
}

fn child(owner: ActorId, pid: u32, state: ChildState) -> Message {
    match owner {
        ActorId::Guest(_) => Message::Guest(GuestMessage::Child { pid, state }),
        _ => Message::Node(NodeMessage::Child { pid, state }),
    }
}

/// What a node does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until this instant or until something arrives.
    Blocked(SimTime),
    /// Nothing ever again: its process ended.
    Exited(String),
    /// It never blocked again and was killed.
    Livelock(String),
    /// It never could have gone on, and was killed.
    Deadlock(String),
}

/// A turn of a node, from its resumption until nothing of it can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The node's time at the end of the turn.
    pub ended_at: SimTime,
    /// What was seen, in order.
    pub seen: Vec<Seen>,
    /// What comes next.
    pub next: Next,
    /// More than one thing was ready at once, and the order that was given for that made a difference.
    pub shuffled: bool,
}

/// The file that a guest's program is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramFile {
    /// What it is called, without its folder.
    pub name: String,
    /// SHA-256 of what it holds, in hex.
    pub sha256: String,
    /// A digest of the folder that it was given, if it was given one.
    pub folder: Option<String>,
}

/// Why the world could not do its part; the run cannot be judged then.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A system call of ours failed.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The server did not come up under the shim.
    #[error("{host} did not start under the shim: {reason}")]
    NoHello {
        /// Whose processes they are.
        host: Host,
        /// What is known.
        reason: String,
    },
    /// The server does not take its configuration.
    #[error(
        "{host} does not start with its configuration: {reason}\n  \
             what the scenario sets stands in its cluster.config"
    )]
    BadConfig {
        /// Whose processes they are.
        host: Host,
        /// The server's words.
        reason: String,
    },
    /// There is no such guest in the plan.
    #[error("{host} has no program")]
    NoProgram {
        /// Whose program is meant.
        host: Host,
    },
    /// A process was killed by somebody else.
    #[error(
        "{host} was killed with SIGKILL, and not by this tool: the machine ran out of memory (`dmesg` says so), or \
         somebody did it"
    )]
    KilledFromOutside {
        /// Whose processes they are.
        host: Host,
    },
    /// The file system that the servers write to is full.
    #[error(
        "there is no room left in {}, where the servers write: give it more (`--shm-size` of a container), or make \
         room in the folder that TMPDIR names, which is taken where it is roomier", .0.display()
    )]
    Full(PathBuf),
    /// A process neither gave its turn back nor ended, for as long as the fuzzer waits; nothing of that turn is logged.
    #[error("{host} did not give its turn back ({reason}); its stacks are in its folder's stack.txt")]
    Silent {
        /// Whose processes they are.
        host: Host,
        /// What it was seen to do meanwhile.
        reason: String,
    },
    /// Somebody asked for the end while a process was waited for.
    #[error("{host} did not give its turn back before the run was ended")]
    Left {
        /// Whose processes they are.
        host: Host,
    },
    /// The shim met something that it does not simulate.
    #[error("{host}: {reason}")]
    GaveUp {
        /// Whose processes they are.
        host: Host,
        /// The shim's words.
        reason: String,
    },
}

/// Servers and their processes.
pub trait World {
    /// Starts a node's server and says what there is to see of it so far; it has not had a turn yet.
    fn start(&mut self, node: NodeId, incarnation: u32, now: SimTime) -> Result<(), WorldError>;

    /// Empties the data directory of a node that has no process.
    fn wipe(&mut self, node: NodeId) -> Result<(), WorldError>;

    /// Keeps a copy of a node's data directory for an operation, whether it has a process or not.
    fn keep_copy(&mut self, node: NodeId, op: OpId) -> Result<(), WorldError>;

    /// Puts such a copy in the place of the data directory of a node that has no process.
    fn put_back(&mut self, node: NodeId, op: OpId) -> Result<(), WorldError>;

    /// From now on a node is started with the server that the plan names so.
    fn install(&mut self, node: NodeId, server: &str) -> Result<(), WorldError>;

    /// Has the node's machine work so many times slower than the plan says, whichever process is on it.
    fn slow(&mut self, node: NodeId, times_slower: u64);

    /// Gives the node the turn, in which what is ready is reported in an order shuffled by `order` (0 for the usual
    /// one); `None` where there is no process (any more).
    fn resume(&mut self, node: NodeId, now: SimTime, order: u64) -> Result<Option<Turn>, WorldError>;

    /// Lets something happen at one of the node's sockets; it takes effect with the node's next turn.
    fn arrive(&mut self, node: NodeId, handle: u64, arrival: Arrival);

    /// From now on the node's server seems to say something else than it does, about another node if there is one.
    fn lie(&mut self, node: NodeId, lie: Lie, about: Option<NodeId>);

    /// Sends a signal to the node's server; `None` where there is no process.
    fn signal(&mut self, node: NodeId, signal: Signal, now: SimTime) -> Result<Option<Turn>, WorldError>;

    /// Notes a signal that the node's server takes with its next turn.
    fn mark(&mut self, node: NodeId, signal: Signal);

    /// Something is wrong with the node's machine from now on, or, where nothing is given, what a fault did to it is undone.
    fn afflict(&mut self, node: NodeId, fault: FaultId, affliction: Option<&Affliction>, now: SimTime);

    /// The node's machine loses its power, and its disk has what is said of what was written; `None` where there is no
    /// process.
    fn lose_power(
        &mut self,
        node: NodeId,
        remains: Remains,
        now: SimTime,
    ) -> Result<Option<Turn>, WorldError>;

    /// Starts a guest's program; it has not had a turn yet. What its file is.
    fn start_guest(&mut self, guest: GuestId, now: SimTime) -> Result<ProgramFile, WorldError>;

    /// Gives the guest the turn; `None` where there is no process (any more).
    fn resume_guest(&mut self, guest: GuestId, now: SimTime) -> Result<Option<Turn>, WorldError>;

    /// Lets something happen at one of the guest's sockets; it takes effect with its next turn.
    fn arrive_guest(&mut self, guest: GuestId, handle: u64, arrival: Arrival);

    /// Ends all processes of a guest at once; `None` where there is none.
    fn kill_guest(&mut self, guest: GuestId, now: SimTime) -> Result<Option<Turn>, WorldError>;

    /// What stands in the node's `nodes.conf`, bytes that are not UTF-8 replaced; `None` where there is no such file.
    fn nodes_conf(&self, node: NodeId) -> Result<Option<String>, WorldError>;

    /// The process that a debugger would attach to.
    fn process_id(&self, node: NodeId) -> Option<u32>;

    /// How many turns have been given so far.
    fn turns(&self) -> u64;
}

#[cfg(test)]
pub mod fake;
