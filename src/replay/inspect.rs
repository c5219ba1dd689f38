//! What a recorded run looks like at one moment: every node's own view, and answers to any command.
//!
//! A question changes the server that answers it. So it goes to a twin: the same recording, run to the same moment in
//! a thread of its own, and thrown away afterwards. The run that goes on is never asked anything.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use redis::Value;

use super::{Recording, ReplayError};
use crate::event::{Body, Event};
use crate::event_log;
use crate::id::{ActorId, NodeId};
use crate::scheduler::{AskError, Frozen, Guide, Halt, Onward, Watcher};
use crate::scratch::ScratchFolder;
use crate::servers::Server;
use crate::simulation::{Log, Simulation, SimulationError};
use crate::time::SimTime;
use crate::wire::cluster_nodes::ClusterNodes;
use crate::wire::info::{ClusterInfo, Info, Replication};
use crate::words::counted;

/// Where in a recorded run somebody wants to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Before this event.
    Event(u64),
    /// Before the first event at or after this instant.
    Time(SimTime),
}

/// A moment between two deliveries of a recorded run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The delivery that comes next.
    pub next: Event,
    /// Nodes whose process stands still by a fault.
    pub paused: BTreeSet<NodeId>,
}

/// Why a recorded run has no such moment.
#[derive(Debug, thiserror::Error)]
pub enum MomentError {
    /// The run was over before.
    #[error("the run has only {} before it is judged, until {until}", counted(*events, "event"))]
    TooLate {
        /// How many events there are.
        events: u64,
        /// When the last one happened.
        until: SimTime,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

impl Moment {
    /// The last moment before what is asked for. Events that one delivery makes cannot be told apart by stopping: the
    /// moment is before all of them.
    pub fn of(recording: &Recording, until: Until) -> Result<Self, MomentError> {
        let log = event_log::open(&recording.path).map_err(ReplayError::from)?;
        let mut paused = BTreeSet::new();
        let mut delivery: Option<(Event, BTreeSet<NodeId>)> = None;
        let mut last = SimTime::ZERO;
        for event in log.take(recording.decisions.events as usize) {
            let event = event.map_err(|source| recording.unreadable(source))?;
            let reached = match until {
                Until::Event(i) => event.i == i,
                Until::Time(at) => event.at >= at,
            };
            last = event.at;
            if !event.body.is_note() {
                let before = paused.clone();
                match (event.actor, &event.body) {
                    (ActorId::Node(node), Body::Pause { paused: true }) => paused.insert(node),
                    (ActorId::Node(node), Body::Pause { .. } | Body::Start { .. }) => paused.remove(&node),
                    _ => false,
                };
                delivery = Some((event, before));
            }
            if let Some((next, paused)) = delivery.take_if(|_| reached) {
                return Ok(Moment { next, paused });
            }
        }
        Err(MomentError::TooLate { events: recording.decisions.events, until: last })
    }

    /// The delivery after the event `i`; nothing if it was the last.
    pub fn after(recording: &Recording, i: u64) -> Result<Option<u64>, ReplayError> {
        let log = event_log::open(&recording.path)?.take(recording.decisions.events as usize);
        for event in log.skip((i as usize).saturating_add(1)) {
            let event = event.map_err(|source| recording.unreadable(source))?;
            if !event.body.is_note() {
                return Ok(Some(event.i));
            }
        }
        Ok(None)
    }
}

/// A question to a twin.
type Question = (NodeId, Vec<String>);
/// Its answer.
type Answer = Result<Value, AskError>;

/// A copy of a recorded run that stands still at one moment and answers questions.
pub struct Twin {
    questions: Option<Sender<Question>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<Result<(), SimulationError>>>,
}

impl Twin {
    /// Runs the recording up to `before` in a thread of its own. Nothing is said of a failure until the first question.
    pub fn start(recording: &Recording, server: &Server, before: u64) -> std::io::Result<Self> {
        let (questions, asked) = bounded::<Question>(1);
        let (answered, answers) = bounded::<Answer>(1);
        let (plan, decisions) = (recording.plan().clone(), recording.decisions.clone());
        let server = server.clone();
        let folder = ScratchFolder::new()?;
        let twin = move || {
            let mut serve = |frozen: &mut Frozen| {
                for (node, command) in &asked {
                    if answered.send(frozen.ask(node, &command)).is_err() {
                        break;
                    }
                }
                Onward::Nowhere
            };
            let guide = Guide { decisions, ..Guide::default() };
            let mut simulation =
                Simulation { guide, log: Log::Dropped, ..Simulation::new(&plan, &server, folder.path()) };
            let halt = Some(Halt { before, visit: &mut serve });
            let stop = AtomicBool::new(false);
            simulation.run_watched(&mut Watcher { stop: &stop, progress: &mut |_| {}, halt }).map(drop)
        };
        let thread = std::thread::Builder::new().name("twin".to_owned()).spawn(twin)?;
        Ok(Twin { questions: Some(questions), answers, thread: Some(thread) })
    }

    /// Asks one of its servers; what an earlier question changed stays changed.
    pub fn ask(&mut self, node: NodeId, command: Vec<String>) -> Result<Value, TwinError> {
        let sent = self.questions.as_ref().is_some_and(|questions| questions.send((node, command)).is_ok());
        match self.answers.recv() {
            Ok(answer) if sent => Ok(answer?),
            _ => Err(self.failure()),
        }
    }

    /// What every node of the recording thinks.
    pub fn views(&mut self, recording: &Recording, moment: &Moment) -> Result<Vec<NodeView>, TwinError> {
        let nodes = recording.plan().cluster.hosts();
        nodes.map(|node| Ok(NodeView { node, state: self.view(node, moment)? })).collect()
    }

    fn view(&mut self, node: NodeId, moment: &Moment) -> Result<NodeState, TwinError> {
        if moment.paused.contains(&node) {
            return Ok(NodeState::Paused);
        }
        match self.up(node) {
            Err(TwinError::Ask(AskError::Down(_))) => Ok(NodeState::Down),
            Err(TwinError::Ask(error @ (AskError::Silent(_) | AskError::Nonsense(..)))) => {
                Ok(NodeState::Unclear(error.to_string()))
            }
            other => other,
        }
    }

    fn up(&mut self, node: NodeId) -> Result<NodeState, TwinError> {
        let mut text = |words: &[&str]| {
            let answer = self.ask(node, words.iter().map(ToString::to_string).collect())?;
            Ok::<String, TwinError>(match answer {
                Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Value::ServerError(error) => error.to_string(),
                other => format!("{other:?}"),
            })
        };
        let (nodes, cluster, replication) =
            (text(&["CLUSTER", "NODES"])?, text(&["CLUSTER", "INFO"])?, text(&["INFO", "replication"])?);
        let known = (
            ClusterNodes::parse(&nodes),
            ClusterInfo::parse(&cluster),
            Info::parse(&replication).replication(),
        );
        Ok(match known {
            (Ok(_), Ok(cluster), Ok(replication)) => NodeState::Up { nodes, cluster, replication },
            _ => NodeState::Unclear(nodes.lines().next().unwrap_or("says nothing").to_owned()),
        })
    }

    fn failure(&mut self) -> TwinError {
        self.questions = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => TwinError::Simulation(error),
            _ => TwinError::Gone,
        }
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            // Its servers go with it; how it ended is of no interest any more.
            let _ = thread.join();
        }
    }
}

/// Why a twin does not answer.
#[derive(Debug, thiserror::Error)]
pub enum TwinError {
    /// The server does not.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// It did not come so far.
    #[error("the copy of the run that answers questions failed: {0}")]
    Simulation(SimulationError),
    /// It ended before the moment.
    #[error("the copy of the run that answers questions ended before this moment")]
    Gone,
}

/// A node at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// Which.
    pub node: NodeId,
    /// What there is to see of it.
    pub state: NodeState,
}

/// What there is to see of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// Its process does not run.
    Down,
    /// Its process stands still by a fault, so it cannot say anything.
    Paused,
    /// It runs, and says what is of no use: it is loading, or not yet there.
    Unclear(String),
    /// It runs.
    Up {
        /// The answer of `CLUSTER NODES`.
        nodes: String,
        /// The answer of `CLUSTER INFO`.
        cluster: ClusterInfo,
        /// The answer of `INFO replication`.
        replication: Replication,
    },
}

impl fmt::Display for NodeView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.node)?;
        match &self.state {
            NodeState::Down => write!(f, "down"),
            NodeState::Paused => write!(f, "paused, cannot be asked"),
            NodeState::Unclear(text) => write!(f, "{text}"),
            NodeState::Up { nodes, cluster, replication } => {
                let state = if cluster.ok { "ok" } else { "fail" };
                let (current, mine) = (cluster.current_epoch, cluster.my_epoch);
                let offset = replication.replica_repl_offset.unwrap_or(replication.primary_repl_offset);
                write!(f, "{}", replication.role)?;
                if let Some(up) = replication.primary_link_up {
                    write!(f, " (link {})", if up { "up" } else { "down" })?;
                }
                writeln!(f, ", offset {offset}, cluster {state}, epoch {current}, own epoch {mine}")?;
                let lines: Vec<String> = nodes.lines().map(|line| format!("    {line}")).collect();
                write!(f, "{}", lines.join("\n"))
            }
        }
    }
}
