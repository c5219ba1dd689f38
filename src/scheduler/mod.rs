//! The only mover: takes the first message of the queue, has it logged and handled, and performs what comes of it.
//!
//! Nothing else sends, and nothing runs beside it: one message is in flight, one process has the turn. So the order of
//! events is the queue's, and the queue's is the seed's.

mod frozen;
mod guests;
mod queue;
mod recorder;
mod stir;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub use self::frozen::{AskError, Frozen};
use self::queue::{Queue, Queued};
pub use self::recorder::{Observer, Recorder};
use self::stir::Stir;
use crate::actor::chaos::Chaos;
use crate::actor::client::Client;
use crate::actor::director::Director;
use crate::actor::guest::Guest;
use crate::actor::host::{self, Delivery, Handled, Record};
use crate::actor::message::{
    ChaosMessage, ClientMessage, DirectorMessage, GuestMessage, Message, NetworkMessage, NodeMessage,
    OperatorMessage, ValidatorMessage,
};
use crate::actor::network::Network;
use crate::actor::node::{Node, Order};
use crate::actor::operator::Operator;
use crate::actor::validator::Validator;
use crate::actor::{Act, Actor, Out};
use crate::chronicle::cues::{Met, Waiter};
use crate::event::{Body, Phase};
use crate::event_log::Decisions;
use crate::id::{ActorId, ClientId, Host, NodeId};
use crate::invariant::evidence::Findings;
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};
use crate::world::{Next, Turn, World, WorldError};

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
    /// It ended before its end: somebody asked for that, or the guide says so.
    pub interrupted: bool,
    /// Somebody asked for the end, where the guide says nothing of it.
    pub left: bool,
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
    /// Where the run is frozen, if anywhere.
    pub halt: Option<Halt<'a>>,
}

/// A moment at which the run is frozen, between two deliveries, with all servers alive.
pub struct Halt<'a> {
    /// Before the delivery that would make this event, or the first after it.
    pub before: u64,
    /// Called then; the run goes on when it returns.
    pub visit: &'a mut dyn FnMut(&mut Frozen) -> Onward,
}

/// How a frozen run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onward {
    /// Until the delivery that makes this event.
    Until(u64),
    /// To its end.
    ToTheEnd,
    /// Not at all.
    Nowhere,
}

/// What leads a run besides its plan and seed.
#[derive(Clone, Debug, Default)]
pub struct Guide {
    /// What is not drawn, because an earlier run drew it.
    pub decisions: Decisions,
    /// After so many events nothing more is injected: no operation, no fault, no client's command, and every latency is
    /// the middle of its range. What was injected before runs its course; then the cluster is judged.
    pub cease_at: Option<u64>,
    /// The run ends after so many events, wherever it is.
    pub end_at: Option<u64>,
}

/// The actors of a plan, their queue and their world.
pub struct Scheduler<W: World> {
    actors: BTreeMap<ActorId, host::Host>,
    queue: Queue,
    world: W,
    log: Rc<RefCell<Recorder>>,
    /// The number of the latest timer of each who has processes.
    timers: BTreeMap<ActorId, u64>,
    stir: Stir,
    findings: Option<Findings>,
    finished: Option<Option<String>>,
    cease_at: Option<u64>,
    end_at: u64,
}

impl<W: World> Scheduler<W> {
    /// Hosts the actors of `plan`.
    pub fn new(plan: &Plan, guide: Guide, world: W, log: Rc<RefCell<Recorder>>) -> Self {
        let actors = cast(plan, guide.decisions)
            .into_iter()
            .map(|(id, actor)| (id, host::Host::new(id, actor, Rc::clone(&log) as Rc<RefCell<dyn Record>>)))
            .collect();
        Scheduler {
            actors,
            queue: Queue::default(),
            world,
            log,
            timers: BTreeMap::new(),
            stir: Stir::default(),
            findings: None,
            finished: None,
            cease_at: guide.cease_at,
            end_at: guide.end_at.unwrap_or(u64::MAX),
        }
    }

    /// Runs the plan to its end.
    pub fn run(mut self, watcher: &mut Watcher<'_>) -> Result<Ending, WorldError> {
        let begin = Message::Director(DirectorMessage::Begin);
        self.push(SimTime::ZERO, ActorId::Director, None, begin);
        let mut now = SimTime::ZERO;
        let (mut taken, mut left) = (0u64, false);
        while self.finished.is_none() && !watcher.stop.load(Ordering::Relaxed) {
            let events = self.log.borrow().events();
            if self.cease_at.is_some_and(|cease_at| events >= cease_at) {
                self.cease_at = None;
                self.cease(now)?;
            }
            if events >= self.end_at || self.log.borrow().has_parted() {
                break;
            }
            left = !self.halt(now, events, watcher);
            if left {
                break;
            }
            let queued = self.queue.pop().expect("the director's patience is always queued until the end");
            if self.is_stale(&queued) {
                continue;
            }
            now = queued.at;
            NOW_NS.store(now.as_ns(), Ordering::Relaxed);
            self.step(queued)?;
            self.cue(now)?;
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
            left: left || interrupted && watcher.stop.load(Ordering::Relaxed),
            turns: self.world.turns(),
        })
    }

    fn progress(&self, at: SimTime) -> Progress {
        let log = self.log.borrow();
        Progress { at, events: log.events(), phase: log.phase() }
    }

    /// Freezes the run if it is time to; says whether it goes on.
    fn halt(&mut self, now: SimTime, events: u64, watcher: &mut Watcher<'_>) -> bool {
        let Some(halt) = watcher.halt.as_mut().filter(|halt| events >= halt.before) else {
            return true;
        };
        match (halt.visit)(&mut Frozen::new(&mut self.world, now, events)) {
            Onward::Until(event) => halt.before = event.max(events + 1),
            Onward::ToTheEnd => halt.before = u64::MAX,
            Onward::Nowhere => return false,
        }
        true
    }

    /// Has everybody who injects anything stop it, before anything else happens.
    fn cease(&mut self, now: SimTime) -> Result<(), WorldError> {
        let crowd = |id: &ActorId| match id {
            ActorId::Client(_) => Some((*id, Message::Client(ClientMessage::Cease))),
            ActorId::Guest(_) => Some((*id, Message::Guest(GuestMessage::Cease))),
            ActorId::Node(_) => Some((*id, Message::Node(NodeMessage::Cease))),
            _ => None,
        };
        let crowd: Vec<_> = self.actors.keys().filter_map(crowd).collect();
        let others = [
            (ActorId::Network, Message::Network(NetworkMessage::Cease)),
            (ActorId::Chaos, Message::Chaos(ChaosMessage::Cease)),
            (ActorId::Operator, Message::Operator(OperatorMessage::Cease)),
        ];
        for (to, message) in others.into_iter().chain(crowd) {
            self.step(Queued { at: now, to, cause: None, timer: None, message })?;
        }
        Ok(())
    }

    fn is_stale(&self, queued: &Queued) -> bool {
        queued.timer.is_some_and(|number| self.timers.get(&queued.to) != Some(&number))
    }

    fn step(&mut self, queued: Queued) -> Result<(), WorldError> {
        let Queued { at, to, cause, message, .. } = queued;
        let host = self.actors.get_mut(&to).expect("only actors of the plan are written to");
        let Handled { event, out } = host.deliver(Delivery { at, cause, message });
        self.perform(at, event, out)
    }

    /// Tells chaos what was seen that faults or operations wait for; what it does at once goes before everything else.
    fn cue(&mut self, now: SimTime) -> Result<(), WorldError> {
        loop {
            let Some(Met { whom, event, nodes }) = self.log.borrow_mut().met() else { return Ok(()) };
            let message = Message::Chaos(match whom {
                Waiter::Fault(fault) => ChaosMessage::Seen { fault, nodes },
                Waiter::Op(op) => ChaosMessage::OperationSeen { op },
            });
            let host = self.actors.get_mut(&ActorId::Chaos).expect("there is always chaos");
            let Handled { event, mut out } = host.deliver(Delivery { at: now, cause: Some(event), message });
            let is_at_once = |(delay, ..): &mut (SimDuration, ActorId, Message)| *delay == SimDuration::ZERO;
            let at_once: Vec<_> = out.sends.extract_if(.., is_at_once).collect();
            for (_, to, message) in at_once {
                self.queue.push_first(Queued { at: now, to, cause: Some(event), timer: None, message });
            }
            self.perform(now, event, out)?;
        }
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
            Act::Wipe { node } => self.world.wipe(node)?,
            Act::KeepCopy { node, op } => self.world.keep_copy(node, op)?,
            Act::PutBack { node, op } => self.world.put_back(node, op)?,
            Act::Install { node, server } => self.world.install(node, &server)?,
            Act::Slow { node, times_slower } => self.world.slow(node, times_slower),
            Act::Resume { node, order } => {
                if let Some(turn) = self.world.resume(node, now, order.seed)? {
                    self.note_order(now, event, node, order, &turn);
                    self.after_turn(Host::Node(node), event, turn);
                }
            }
            Act::Socket { node, handle, arrival } => self.world.arrive(node, handle, arrival),
            Act::Lie { node, lie, about } => self.world.lie(node, lie, about),
            Act::Mark { node, signal } => self.world.mark(node, signal),
            Act::Signal { node, signal } => {
                if let Some(turn) = self.world.signal(node, signal, now)? {
                    self.after_turn(Host::Node(node), event, turn);
                }
            }
            Act::Afflict { node, fault, affliction } => {
                self.world.afflict(node, fault, affliction.as_ref(), now);
            }
            Act::LosePower { node, remains } => {
                if let Some(turn) = self.world.lose_power(node, remains, now)? {
                    self.after_turn(Host::Node(node), event, turn);
                }
            }
            Act::ReadNodesConf { node } => {
                let text = self.world.nodes_conf(node)?;
                let message = ValidatorMessage::NodesConf { node, text };
                self.push(now, ActorId::Validator, Some(event), Message::Validator(message));
            }
            Act::AskWhoStirred => {
                let message = ValidatorMessage::Stirred { nodes: self.stir.take() };
                self.push(now, ActorId::Validator, Some(event), Message::Validator(message));
            }
            Act::Guest { guest, act } => self.act_for_guest(now, event, guest, act)?,
            Act::Present { findings } => self.findings = Some(*findings),
            Act::Finish { unfinished } => self.finished = Some(unfinished),
        }
        Ok(())
    }

    /// Keeps the order of a turn in which it made a difference.
    fn note_order(&self, now: SimTime, event: u64, node: NodeId, Order { turn, seed }: Order, taken: &Turn) {
        if taken.shuffled {
            let body = Body::Order { turn, draw: seed };
            self.log.borrow_mut().record(now, ActorId::Node(node), Some(event), body);
        }
    }

    /// Queues what was seen in a turn of a host's processes, and the next one.
    fn after_turn(&mut self, host: Host, event: u64, turn: Turn) {
        for seen in turn.seen {
            self.stir.see(host, &seen);
            let (to, message) = seen.told(host);
            self.push(turn.ended_at, to, Some(event), message);
        }
        let me = host.owner().expect("only hosts with processes have turns");
        let number = self.timers.entry(me).or_default();
        *number += 1;
        let (number, at) = (*number, turn.ended_at);
        match turn.next {
            Next::Blocked(SimTime::NEVER) => {}
            Next::Blocked(until) => {
                let (at, cause, timer) = (until.max(at), Some(event), Some(number));
                self.queue.push(Queued { at, to: me, cause, timer, message: wake(me) });
            }
            end => self.push(at, me, Some(event), ended(me, end)),
        }
    }
}

/// What a host's owner is told when a deadline of its processes is due.
fn wake(owner: ActorId) -> Message {
    match owner {
        ActorId::Guest(_) => Message::Guest(GuestMessage::Wake),
        _ => Message::Node(NodeMessage::Wake),
    }
}

/// What a host's owner is told when its first process has ended.
fn ended(owner: ActorId, end: Next) -> Message {
    let (word, detail) = match end {
        Next::Exited(status) => ("", status),
        Next::Livelock(detail) => ("livelock", detail),
        Next::Deadlock(detail) => ("deadlock", detail),
        Next::Blocked(_) => unreachable!("whoever is blocked has not ended"),
    };
    match (owner, word) {
        (ActorId::Guest(_), "") => Message::Guest(GuestMessage::Ended { status: detail }),
        (ActorId::Guest(_), word) => {
            Message::Guest(GuestMessage::Ended { status: format!("{word}: {detail}") })
        }
        (_, "livelock") => Message::Node(NodeMessage::Livelock { detail }),
        (_, "deadlock") => Message::Node(NodeMessage::Deadlock { detail }),
        _ => Message::Node(NodeMessage::Exited { status: detail }),
    }
}

/// Every participant of a plan, with what it is not to draw.
fn cast(plan: &Plan, mut decisions: Decisions) -> Vec<(ActorId, Box<dyn Actor>)> {
    let recorded = decisions.are_recorded();
    let mut network = Network::new(plan.seed, &plan.network);
    if recorded {
        network = network.guided_by(decisions.latencies, decisions.splits).ruled_by(decisions.ruled);
    }
    let mut actors: Vec<(ActorId, Box<dyn Actor>)> = vec![
        (ActorId::Director, Box::new(Director::new(plan))),
        (ActorId::Network, Box::new(network)),
        (ActorId::Chaos, Box::new(Chaos::new(plan))),
        (ActorId::Operator, Box::new(Operator::new(plan))),
        (ActorId::Validator, Box::new(Validator::new(plan))),
    ];
    for node in plan.cluster.hosts() {
        let mut actor = Node::new(node, plan.seed);
        if recorded {
            actor = actor.guided_by(decisions.orders.remove(&node).unwrap_or_default());
        }
        actors.push((ActorId::Node(node), Box::new(actor)));
    }
    for client in (1..=plan.workload.as_ref().map_or(0, |workload| workload.clients)).map(ClientId) {
        let recorded = decisions.clients.remove(&client).unwrap_or_default();
        if let Some(actor) = Client::new(client, plan, recorded) {
            actors.push((ActorId::Client(client), Box::new(actor)));
        }
    }
    for guest in &plan.guests {
        actors.push((ActorId::Guest(guest.id), Box::new(Guest::new(guest))));
    }
    actors
}

#[cfg(test)]
mod tests;
