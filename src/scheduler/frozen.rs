//! A run that stands still between two deliveries, and questions to its servers.
//!
//! A question is a command over a connection of its own. It changes the server that answers it: its clients, its
//! counters, its clock. Who wants to know how the run goes on asks another one, frozen at the same event.

use std::net::SocketAddrV4;

use redis::Value;

use crate::actor::message::{Arrival, Chunk};
use crate::id::{CLIENT_PORT, Host, NodeId};
use crate::time::SimTime;
use crate::wire::resp::{Decoder, Malformed, pack};
use crate::world::{Next, Seen, World, WorldError};

/// The first handle of connections for questions: no connection of the run reaches so high.
const FIRST_HANDLE: u64 = 3 << 62;
/// How many times a server gets the turn before its silence is its answer.
const TURNS: u32 = 100;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No process of that node is there.
    #[error("{0} is down")]
    Down(NodeId),
    /// The server has the question and does not say anything.
    #[error("{0} does not answer")]
    Silent(NodeId),
    /// The server answered something else than RESP.
    #[error("{0} answered nonsense: {1}")]
    Nonsense(NodeId, Malformed),
    /// The world failed.
    #[error(transparent)]
    World(#[from] WorldError),
}

/// A run that stands still.
pub struct Frozen<'a> {
    world: &'a mut dyn World,
    now: SimTime,
    events: u64,
    next_handle: u64,
}

impl<'a> Frozen<'a> {
    /// The run over `world`, after so many events.
    pub(super) fn new(world: &'a mut dyn World, now: SimTime, events: u64) -> Self {
        Frozen { world, now, events, next_handle: FIRST_HANDLE }
    }

    /// When the last event happened.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// How many events there were, which is the number of the next one.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The process of a node's server, for a debugger; nothing if it is down.
    pub fn process_id(&self, node: NodeId) -> Option<u32> {
        self.world.process_id(node)
    }

    /// Asks a server, while all others stand still. The run is of no use for anything but questions from then on.
    pub fn ask(&mut self, node: NodeId, command: &[impl AsRef<[u8]>]) -> Result<Value, AskError> {
        if self.world.process_id(node).is_none() {
            return Err(AskError::Down(node));
        }
        let handle = self.next_handle;
        self.next_handle += 1;
        let peer = SocketAddrV4::new(Host::Validator.address(), 50_000);
        self.world.arrive(node, handle, Arrival::Incoming { port: CLIENT_PORT, peer });
        let chunk = Chunk::plain(pack(command));
        self.world.arrive(node, handle, Arrival::Data(chunk));
        let answer = self.await_answer(node, handle);
        self.world.arrive(node, handle, Arrival::Reset);
        answer
    }

    /// The server that is asked may need a while to answer. That is its own time: the next one asked is asked at the
    /// moment at which the run stands still, whoever was asked before.
    fn await_answer(&mut self, node: NodeId, handle: u64) -> Result<Value, AskError> {
        let (mut decoder, mut now) = (Decoder::default(), self.now);
        for _ in 0..TURNS {
            let turn = self.world.resume(node, now, 0)?.ok_or(AskError::Down(node))?;
            now = now.max(turn.ended_at);
            for seen in turn.seen {
                match seen {
                    Seen::Sent { handle: of, chunk } if of == handle => decoder.push(&chunk.bytes),
                    _ => {}
                }
            }
            match (decoder.pop(), turn.next) {
                (Ok(Some(answer)), _) => return Ok(answer),
                (Err(malformed), _) => return Err(AskError::Nonsense(node, malformed)),
                (_, Next::Blocked(SimTime::NEVER)) => return Err(AskError::Silent(node)),
                (_, Next::Blocked(until)) => now = now.max(until),
                (_, Next::Exited(_) | Next::Livelock(_) | Next::Deadlock(_)) => {
                    return Err(AskError::Down(node));
                }
            }
        }
        Err(AskError::Silent(node))
    }
}
