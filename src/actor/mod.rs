//! What an actor is: a state machine, message in, messages and acts out.
//!
//! An actor reads no clock, draws only from streams of its own, and sends nothing by itself: what it puts into its
//! [`Out`] is queued, performed and logged by the scheduler. It does not know the world it acts on.

pub mod chaos;
pub mod client;
pub mod director;
pub mod guest;
pub mod host;
pub mod message;
pub mod network;
pub mod node;
pub mod operator;
pub mod session;
pub mod validator;

use crate::event::Body;
use crate::fault::{Affliction, FaultId, Remains};
use crate::id::{ActorId, GuestId, NodeId};
use crate::invariant::evidence::Findings;
use crate::op::OpId;
use crate::time::{SimDuration, SimTime};
use message::{Arrival, Message};
use node::Order;

/// A participant of a run.
pub trait Actor {
    /// The line of the log for a message that is about to be handled.
    fn describe(&self, message: &Message) -> Body {
        message.body()
    }

    /// Takes one message at the instant `now` and says what comes of it.
    fn handle(&mut self, now: SimTime, message: Message, out: &mut Out);
}

/// What an actor wants the world to do. The world reports what it saw as further messages.
#[derive(Clone, Debug)]
pub enum Act {
    /// Start the node's server; its data directory is kept from one incarnation to the next.
    Start { node: NodeId, incarnation: u32 },
    /// Empty the data directory of a node that is down.
    Wipe { node: NodeId },
    /// Keep a copy of the node's data directory for that operation.
    KeepCopy { node: NodeId, op: OpId },
    /// Put what was kept for that operation in the place of the data directory of a node that is down.
    PutBack { node: NodeId, op: OpId },
    /// Start the node with that server from now on, one that the plan names.
    Install { node: NodeId, server: String },
    /// From now on the node's machine works so many times slower than the plan says.
    Slow { node: NodeId, times_slower: u64 },
    /// Give the node's processes the turn until they block; what is ready is reported in this order.
    Resume { node: NodeId, order: Order },
    /// Something arrived at one of the node's sockets.
    Socket { node: NodeId, handle: u64, arrival: Arrival },
    /// Note a signal that a stopped server takes when it runs again.
    Mark { node: NodeId, signal: crate::fault::Signal },
    /// From now on the node lies so, about another one if there is one.
    Lie { node: NodeId, lie: crate::fault::Lie, about: Option<NodeId> },
    /// Send a signal to the node's server.
    Signal { node: NodeId, signal: crate::fault::Signal },
    /// Something is wrong with the node's machine from now on; without an affliction, what the fault did is undone.
    Afflict { node: NodeId, fault: FaultId, affliction: Option<Affliction> },
    /// The node's machine loses its power, and has so much on its disk.
    LosePower { node: NodeId, remains: Remains },
    /// Tell the validator what stands in the node's `nodes.conf`, whether the node lives or not.
    ReadNodesConf { node: NodeId },
    /// Tell the validator which nodes did something that goes with another view of the cluster, since it asked last.
    AskWhoStirred,
    /// Something for a guest's processes.
    Guest { guest: GuestId, act: GuestAct },
    /// Here is what the validator found; it is judged with the log when the run ends.
    Present { findings: Box<Findings> },
    /// End the run after this event; nothing if all phases are through, else why not.
    Finish { unfinished: Option<String> },
}

/// What an actor wants the world to do with a guest.
#[derive(Clone, Debug)]
pub enum GuestAct {
    /// Start its program.
    Start,
    /// Give its processes the turn until they block.
    Resume,
    /// Something arrived at one of its sockets.
    Socket { handle: u64, arrival: Arrival },
    /// End all its processes at once.
    Kill,
}

/// Collects what comes of one message.
#[derive(Debug, Default)]
pub struct Out {
    /// Messages with the delay after which they are delivered, in order.
    pub sends: Vec<(SimDuration, ActorId, Message)>,
    /// Acts for the world, performed in order after the actor returned.
    pub acts: Vec<Act>,
    /// Further lines of the log, caused by the message.
    pub notes: Vec<Body>,
}

impl Out {
    /// Sends `message` to `to` now.
    pub fn send(&mut self, to: ActorId, message: Message) {
        self.send_after(SimDuration::ZERO, to, message);
    }

    /// Sends `message` to `to`, to be delivered after `delay`.
    pub fn send_after(&mut self, delay: SimDuration, to: ActorId, message: Message) {
        self.sends.push((delay, to, message));
    }

    /// Lets the world act.
    pub fn act(&mut self, act: Act) {
        self.acts.push(act);
    }

    /// Adds a line to the log.
    pub fn note(&mut self, body: Body) {
        self.notes.push(body);
    }
}
