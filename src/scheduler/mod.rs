//! The only mover: takes the first message of the queue, has it logged and handled, and performs what comes of it.
//!
//! Nothing else sends, and nothing runs beside it: one message is in flight, one process has the turn. So the order of
//! events is the queue's, and the queue's is the seed's.

mod queue;
mod recorder;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use actix::{Actor as _, Addr};

use self::queue::{Queue, Queued};
pub use self::recorder::Recorder;
use crate::actor::chaos::Chaos;
use crate::actor::client::Client;
use crate::actor::director::Director;
use crate::actor::host::{Delivery, Handled, Host, Record};
use crate::actor::message::{DirectorMessage, End, Message, NetworkMessage, NodeMessage};
use crate::actor::network::Network;
use crate::actor::node::Node;
use crate::actor::operator::Operator;
use crate::actor::validator::Validator;
use crate::actor::{Act, Actor, Out};
use crate::event::Phase;
use crate::id::{ActorId, ClientId, NodeId};
use crate::invariant::evidence::Findings;
use crate::plan::Plan;
use crate::time::SimTime;
use crate::world::{Next, Seen, Turn, World, WorldError};

/// Virtual time, for the tool's own diagnostics only; where several runs go on at once, the latest step of any.
static NOW_NS: AtomicU64 = AtomicU64::new(0);

/// Virtual time, for the tool's own diagnostics only.
pub fn virtual_now() -> SimTime {
    SimTime::from_ns(NOW_NS.load(Ordering::Relaxed))
}

/// What a run came to.
#[derive(Debug)]
pub struct Ending {
    /// How far virtual time went.
    pub ended_at: SimTime,
    /// What the validator found; nothing if the run did not come so far.
    pub findings: Option<Findings>,
    /// Why not all phases are through, if they are not.
    pub unfinished: Option<String>,
    /// Somebody asked for the end.
    pub interrupted: bool,
    /// How many turns the world gave.
    pub turns: u64,
}

/// How a run is getting on.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Virtual time.
    pub at: SimTime,
    /// Events so far.
    pub events: u64,
    /// The phase under way.
    pub phase: Phase,
}

/// What watches a run from outside; nothing of it reaches the run.
pub struct Watcher<'a> {
    /// Set when the run is to end early.
    pub stop: &'a AtomicBool,
    /// Told every few thousand events.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// The actors of a plan, their queue and their world.
pub struct Scheduler<W: World> {
    actors: BTreeMap<ActorId, Addr<Host>>,
    queue: Queue,
    world: W,
    log: Rc<RefCell<Recorder>>,
    /// The number of each node's latest timer.
    timers: BTreeMap<NodeId, u64>,
    findings: Option<Findings>,
    finished: Option<Option<String>>,
}

impl<W: World> Scheduler<W> {
    /// Hosts the actors of `plan` inside the running actix system.
    pub fn new(plan: &Plan, world: W, log: Rc<RefCell<Recorder>>) -> Self {
        let actors = cast(plan)
            .into_iter()
            .map(|(id, actor)| (id, Host::new(id, actor, Rc::clone(&log) as Rc<RefCell<dyn Record>>).start()))
            .collect();
        Scheduler {
            actors,
            queue: Queue::default(),
            world,
            log,
            timers: BTreeMap::new(),
            findings: None,
            finished: None,
        }
    }

    /// Runs the plan to its end.
    pub async fn run(mut self, watcher: &mut Watcher<'_>) -> Result<Ending, WorldError> {
        let begin = Message::Director(DirectorMessage::Begin);
        self.push(SimTime::ZERO, ActorId::Director, None, begin);
        let mut now = SimTime::ZERO;
        let mut taken = 0u64;
        while self.finished.is_none() && !watcher.stop.load(Ordering::Relaxed) {
            let queued = self.queue.pop().expect("the director's patience is always queued until the end");
            if self.is_stale(&queued) {
                continue;
            }
            now = queued.at;
            NOW_NS.store(now.as_ns(), Ordering::Relaxed);
            self.step(queued).await?;
            taken += 1;
            if taken.is_multiple_of(2_000) {
                (watcher.progress)(self.progress(now));
            }
        }
        let interrupted = self.finished.is_none();
        Ok(Ending {
            ended_at: now,
            findings: self.findings,
            unfinished: self.finished.flatten(),
            interrupted,
            turns: self.world.turns(),
        })
    }

    fn progress(&self, at: SimTime) -> Progress {
        let log = self.log.borrow();
        Progress { at, events: log.events(), phase: log.phase() }
    }

    fn is_stale(&self, queued: &Queued) -> bool {
        match (queued.timer, queued.to) {
            (Some(number), ActorId::Node(node)) => self.timers.get(&node) != Some(&number),
            _ => false,
        }
    }

    async fn step(&mut self, queued: Queued) -> Result<(), WorldError> {
        let Queued { at, to, cause, message, .. } = queued;
        let address = self.actors.get(&to).expect("only actors of the plan are written to");
        let answer = address.send(Delivery { at, cause, message }).await;
        let handled = answer.expect("an actor lives as long as the run");
        let Ok(Handled { event, out }) = handled;
        self.perform(at, event, out)
    }

    fn perform(&mut self, at: SimTime, event: u64, out: Out) -> Result<(), WorldError> {
        for (delay, to, message) in out.sends {
            self.push(at + delay, to, Some(event), message);
        }
        for act in out.acts {
            self.act(at, event, act)?;
        }
        Ok(())
    }

    fn push(&mut self, at: SimTime, to: ActorId, cause: Option<u64>, message: Message) {
        self.queue.push(Queued { at, to, cause, timer: None, message });
    }

    fn act(&mut self, now: SimTime, event: u64, act: Act) -> Result<(), WorldError> {
        match act {
            Act::Start { node, incarnation } => self.world.start(node, incarnation, now)?,
            Act::Resume { node } => {
                if let Some(turn) = self.world.resume(node, now)? {
                    self.after_turn(node, event, turn);
                }
            }
            Act::Socket { node, handle, arrival } => self.world.arrive(node, handle, arrival),
            Act::Mark { node, signal } => self.world.mark(node, signal),
            Act::Signal { node, signal } => {
                if let Some(turn) = self.world.signal(node, signal, now)? {
                    self.after_turn(node, event, turn);
                }
            }
            Act::Present { findings } => self.findings = Some(*findings),
            Act::Finish { unfinished } => self.finished = Some(unfinished),
        }
        Ok(())
    }

    /// Queues what was seen in a turn, and the node's next one.
    fn after_turn(&mut self, node: NodeId, event: u64, turn: Turn) {
        for seen in turn.seen {
            let (to, message) = told(node, seen);
            self.push(turn.ended_at, to, Some(event), message);
        }
        let me = ActorId::Node(node);
        let number = self.timers.entry(node).or_default();
        *number += 1;
        let number = *number;
        let at = turn.ended_at;
        match turn.next {
            Next::Blocked(SimTime::NEVER) => {}
            Next::Blocked(until) => {
                let message = Message::Node(NodeMessage::Wake);
                self.queue.push(Queued {
                    at: until.max(at),
                    to: me,
                    cause: Some(event),
                    timer: Some(number),
                    message,
                });
            }
            Next::Exited(status) => {
                self.push(at, me, Some(event), Message::Node(NodeMessage::Exited { status }));
            }
            Next::Livelock(detail) => {
                self.push(at, me, Some(event), Message::Node(NodeMessage::Livelock { detail }));
            }
        }
    }
}

/// Whom something that was seen concerns, and in which words.
fn told(node: NodeId, seen: Seen) -> (ActorId, Message) {
    let from = |handle| End { owner: ActorId::Node(node), handle };
    let message = match seen {
        Seen::Log { line } => return (ActorId::Node(node), Message::Node(NodeMessage::Log { line })),
        Seen::Child { pid, state } => {
            return (ActorId::Node(node), Message::Node(NodeMessage::Child { pid, state }));
        }
        Seen::Listen { port } => NetworkMessage::Listen { node, port },
        Seen::Unlisten { port } => NetworkMessage::Unlisten { node, port },
        Seen::Dial { handle, local_port, to } => NetworkMessage::Dial { from: from(handle), local_port, to },
        Seen::Sent { handle, chunk } => NetworkMessage::Sent { from: from(handle), chunk },
        Seen::Consumed { handle, len } => NetworkMessage::Consumed { from: from(handle), len },
        Seen::Shut { handle } => NetworkMessage::Shut { from: from(handle) },
        Seen::Closed { handle, reset } => NetworkMessage::Closed { from: from(handle), reset },
    };
    (ActorId::Network, Message::Network(message))
}

/// Every participant of a plan.
fn cast(plan: &Plan) -> Vec<(ActorId, Box<dyn Actor>)> {
    let mut actors: Vec<(ActorId, Box<dyn Actor>)> = vec![
        (ActorId::Director, Box::new(Director::new(plan))),
        (ActorId::Network, Box::new(Network::new(plan))),
        (ActorId::Chaos, Box::new(Chaos::new(plan))),
        (ActorId::Operator, Box::new(Operator::new(plan))),
        (ActorId::Validator, Box::new(Validator::new(plan))),
    ];
    for node in plan.cluster.nodes() {
        actors.push((ActorId::Node(node), Box::new(Node::new(node))));
    }
    for client in (1..=plan.workload.as_ref().map_or(0, |workload| workload.clients)).map(ClientId) {
        if let Some(actor) = Client::new(client, plan) {
            actors.push((ActorId::Client(client), Box::new(actor)));
        }
    }
    actors
}
