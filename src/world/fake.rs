//! A world without processes: every node follows a script.
//!
//! It gives the scheduler and the actors something to act on whose every step a test has chosen. It knows nothing of
//! what a server is, nor of virtual time beyond the instants that it is told.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;

use super::{Next, ProgramFile, Seen, Turn, World, WorldError};
use crate::actor::message::{Arrival, Chunk};
use crate::fault::{Affliction, FaultId, Lie, POWER_LOST, Remains, Signal};
use crate::id::{GuestId, Host, NodeId};
use crate::op::OpId;
use crate::time::{SimDuration, SimTime};

/// What a node does next.
#[derive(Clone, Debug)]
pub enum Step {
    /// It writes a line to its log.
    Say(&'static str),
    /// It listens at a port.
    Listen(u16),
    /// It dials a port of another node, under a name of its own.
    Dial(u64, NodeId, u16),
    /// It sends bytes.
    Send(u64, &'static str),
    /// It closes a connection, perhaps with a reset.
    Close(u64, bool),
    /// Its turn takes so long.
    Work(SimDuration),
    /// It blocks for so long, or until something arrives.
    Block(SimDuration),
    /// It blocks until something arrives.
    Await,
    /// It ends.
    Exit(&'static str),
    /// It never blocks again.
    Livelock,
    /// Its threads wait for each other.
    Deadlock,
    /// The world fails.
    GiveUp(&'static str),
}

/// One node.
#[derive(Default)]
struct Script {
    steps: VecDeque<Step>,
    blocked_until: SimTime,
    /// Something arrived since it blocked.
    woken: bool,
    alive: bool,
    marked: Option<Signal>,
}

/// Nodes that follow scripts.
#[derive(Default)]
pub struct Fake {
    scripts: BTreeMap<NodeId, Script>,
    turns: u64,
}

impl Fake {
    /// The same world, in which `node` follows `steps` and then waits for ever; a node without steps only waits.
    pub fn with(mut self, node: NodeId, steps: impl IntoIterator<Item = Step>) -> Self {
        self.scripts.insert(node, Script { steps: steps.into_iter().collect(), ..Script::default() });
        self
    }
}

impl Script {
    fn turn(&mut self, node: NodeId, now: SimTime) -> Result<Turn, WorldError> {
        let mut turn =
            Turn { ended_at: now, seen: Vec::new(), next: Next::Blocked(SimTime::NEVER), shuffled: false };
        if let Some(signal) = self.marked.take() {
            self.alive = false;
            turn.next = Next::Exited(signal.name().to_owned());
            return Ok(turn);
        }
        if now < self.blocked_until && !self.woken {
            turn.next = Next::Blocked(self.blocked_until);
            return Ok(turn);
        }
        self.woken = false;
        self.blocked_until = SimTime::NEVER;
        while let Some(step) = self.steps.pop_front() {
            if self.take(node, step, &mut turn)? {
                break;
            }
        }
        Ok(turn)
    }

    /// Takes one step; whether it was the turn's last.
    fn take(&mut self, node: NodeId, step: Step, turn: &mut Turn) -> Result<bool, WorldError> {
        match step {
            Step::Work(length) => turn.ended_at += length,
            Step::Block(length) => {
                self.blocked_until = turn.ended_at + length;
                turn.next = Next::Blocked(self.blocked_until);
                return Ok(true);
            }
            Step::Await => return Ok(true),
            Step::Exit(status) => return Ok(self.end(turn, Next::Exited(status.to_owned()))),
            Step::Livelock => return Ok(self.end(turn, Next::Livelock("it works for ever".to_owned()))),
            Step::Deadlock => return Ok(self.end(turn, Next::Deadlock("it waits for itself".to_owned()))),
            Step::GiveUp(reason) => {
                return Err(WorldError::GaveUp { host: Host::Node(node), reason: reason.to_owned() });
            }
            seen => turn.seen.push(seen_of(seen)),
        }
        Ok(false)
    }

    fn end(&mut self, turn: &mut Turn, next: Next) -> bool {
        self.alive = false;
        turn.next = next;
        true
    }
}

/// What is seen of a step that does not end a turn.
fn seen_of(step: Step) -> Seen {
    match step {
        Step::Say(line) => Seen::Log { line: line.to_owned() },
        Step::Listen(port) => Seen::Listen { port },
        Step::Dial(handle, node, port) => {
            let to = SocketAddrV4::new(Host::Node(node).address(), port);
            Seen::Dial { handle, local_port: 40_000 + handle as u16, to }
        }
        Step::Send(handle, text) => Seen::Sent { handle, chunk: Chunk::plain(text.as_bytes().to_vec()) },
        Step::Close(handle, reset) => Seen::Closed { handle, reset },
        other => unreachable!("{other:?} ends a turn, or is not seen"),
    }
}

impl World for Fake {
    fn start(&mut self, node: NodeId, _incarnation: u32, _now: SimTime) -> Result<(), WorldError> {
        self.scripts.entry(node).or_default().alive = true;
        Ok(())
    }

    fn install(&mut self, _node: NodeId, _server: &str) -> Result<(), WorldError> {
        Ok(())
    }

    fn wipe(&mut self, _node: NodeId) -> Result<(), WorldError> {
        Ok(())
    }

    fn keep_copy(&mut self, _node: NodeId, _op: OpId) -> Result<(), WorldError> {
        Ok(())
    }

    fn put_back(&mut self, _node: NodeId, _op: OpId) -> Result<(), WorldError> {
        Ok(())
    }

    fn slow(&mut self, _node: NodeId, _times_slower: u64) {}

    fn resume(&mut self, node: NodeId, now: SimTime, order: u64) -> Result<Option<Turn>, WorldError> {
        let Some(script) = self.scripts.get_mut(&node).filter(|script| script.alive) else {
            return Ok(None);
        };
        self.turns += 1;
        let turn = script.turn(node, now)?;
        Ok(Some(Turn { shuffled: order != 0, ..turn }))
    }

    fn arrive(&mut self, node: NodeId, _handle: u64, _arrival: Arrival) {
        if let Some(script) = self.scripts.get_mut(&node) {
            script.woken = true;
        }
    }

    fn signal(&mut self, node: NodeId, signal: Signal, now: SimTime) -> Result<Option<Turn>, WorldError> {
        self.mark(node, signal);
        self.resume(node, now, 0)
    }

    fn lie(&mut self, _node: NodeId, _lie: Lie, _about: Option<NodeId>) {}

    fn mark(&mut self, node: NodeId, signal: Signal) {
        if let Some(script) = self.scripts.get_mut(&node) {
            script.marked = Some(signal);
        }
    }

    fn afflict(&mut self, _node: NodeId, _fault: FaultId, _affliction: Option<&Affliction>, _now: SimTime) {}

    fn lose_power(
        &mut self,
        node: NodeId,
        _remains: Remains,
        now: SimTime,
    ) -> Result<Option<Turn>, WorldError> {
        let turn = self.signal(node, Signal::Kill, now)?;
        let next = Next::Exited(POWER_LOST.to_owned());
        Ok(turn.map(|turn| Turn { next, ..turn }))
    }

    fn start_guest(&mut self, guest: GuestId, _now: SimTime) -> Result<ProgramFile, WorldError> {
        Err(WorldError::NoProgram { host: Host::Guest(guest) })
    }

    fn resume_guest(&mut self, _guest: GuestId, _now: SimTime) -> Result<Option<Turn>, WorldError> {
        Ok(None)
    }

    fn arrive_guest(&mut self, _guest: GuestId, _handle: u64, _arrival: Arrival) {}

    fn kill_guest(&mut self, _guest: GuestId, _now: SimTime) -> Result<Option<Turn>, WorldError> {
        Ok(None)
    }

    fn nodes_conf(&self, _node: NodeId) -> Result<Option<String>, WorldError> {
        Ok(None)
    }

    fn process_id(&self, _node: NodeId) -> Option<u32> {
        None
    }

    fn turns(&self) -> u64 {
        self.turns
    }
}
