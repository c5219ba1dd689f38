//! What became of the server processes: their ends, whether they were told to end, and what they wrote.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::evidence::{ExitReport, LogLine, StallReport};
use super::super::no_crash::is_suspicious;
use crate::event::Body;
use crate::fault::{POWER_LOST, Signal};
use crate::history::Request;
use crate::id::{ClientId, NodeId};
use crate::op::is_shutdown;
use crate::time::SimTime;

/// The command that tells a server to end.
const SHUTDOWN: &str = "SHUTDOWN";
/// How many of a node's last lines are kept: enough for what led to a failure some time before the end.
const TAIL: usize = 2_000;

/// What was seen of the processes so far.
#[derive(Debug, Default)]
pub(super) struct Processes {
    pub exits: Vec<ExitReport>,
    pub livelocks: Vec<StallReport>,
    pub deadlocks: Vec<StallReport>,
    pub suspicious: Vec<LogLine>,
    /// Signals since the process was started.
    signals: BTreeMap<NodeId, Vec<String>>,
    starts: Vec<(NodeId, SimTime)>,
    alive: BTreeMap<NodeId, bool>,
    tails: BTreeMap<NodeId, VecDeque<LogLine>>,
    /// Commands of clients that tell whoever gets them to end, and got no answer yet.
    client_shutdowns: BTreeSet<(ClientId, u64)>,
    /// What each process wrote of its end.
    reasons: BTreeMap<NodeId, String>,
}

impl Processes {
    /// A command tells a node to end.
    pub fn shut_down(&mut self, node: NodeId) {
        self.signals.entry(node).or_default().push(SHUTDOWN.to_owned());
    }

    /// A client asks something.
    pub fn asked(&mut self, asked: (ClientId, u64), request: &Request) {
        if let Request::Call { commands, .. } = request
            && commands.iter().any(|command| is_shutdown(command))
        {
            self.client_shutdowns.insert(asked);
        }
    }

    /// A client has its answer.
    pub fn answered(&mut self, asked: (ClientId, u64)) {
        self.client_shutdowns.remove(&asked);
    }

    /// Takes what an event says of a node.
    pub fn see(&mut self, node: NodeId, at: SimTime, body: &Body) {
        match body {
            Body::Start { .. } => self.start(node, at),
            Body::Signal { signal } => self.signals.entry(node).or_default().push(signal.clone()),
            Body::Exited { status } => self.exit(node, at, status),
            Body::Livelock { detail } => {
                self.alive.insert(node, false);
                self.livelocks.push(StallReport { node, at, detail: detail.clone() });
            }
            Body::Deadlock { detail } => {
                self.alive.insert(node, false);
                self.deadlocks.push(StallReport { node, at, detail: detail.clone() });
            }
            Body::Log { line } => self.log(LogLine { node, at, line: line.clone() }),
            _ => {}
        }
    }

    fn start(&mut self, node: NodeId, at: SimTime) {
        self.signals.remove(&node);
        self.reasons.remove(&node);
        self.alive.insert(node, true);
        self.starts.push((node, at));
        let last = self.exits.iter_mut().rev().find(|exit| exit.node == node);
        if let Some(exit) = last {
            exit.restarted_at.get_or_insert(at);
        }
    }

    fn exit(&mut self, node: NodeId, at: SimTime, status: &str) {
        let signals = self.signals.remove(&node).unwrap_or_default();
        let is_told = status == POWER_LOST || signals.iter().any(|signal| ends_with(signal, status));
        // One command of a client's ends one process.
        let mut is_told_by_a_client =
            || ends_with(SHUTDOWN, status) && self.client_shutdowns.pop_first().is_some();
        let expected = is_told || is_told_by_a_client();
        self.alive.insert(node, false);
        let reason = self.reasons.remove(&node);
        let (status, restarted_at) = (status.to_owned(), None);
        self.exits.push(ExitReport { node, at, status, expected, reason, restarted_at });
    }

    fn log(&mut self, line: LogLine) {
        if is_suspicious(&line.line) {
            self.suspicious.push(line.clone());
        }
        let tail = self.tails.entry(line.node).or_default();
        let before = tail.back().map_or("", |before| before.line.as_str());
        if let Some(reason) = reason_of_end(before, &line.line) {
            self.reasons.entry(line.node).or_insert(reason);
        }
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(line);
    }

    /// When processes were started, in order.
    pub fn starts(&self) -> &[(NodeId, SimTime)] {
        &self.starts
    }

    /// Whether the node's process exists; one that was never started does not.
    pub fn is_alive(&self, node: NodeId) -> bool {
        self.alive.get(&node).copied().unwrap_or(false)
    }

    /// The last lines of every node.
    pub fn log_tail(&self) -> Vec<LogLine> {
        self.tails.values().flatten().cloned().collect()
    }
}

/// What a line of a crash report says of the cause: `==> server.c:12 'x > 0' is not true` of a failed assertion, and the
/// frame after `EIP:` of a crash, `valkey-server(debugCommand+0x1f)[0x55…]` (`debug.c`).
fn reason_of_end(before: &str, line: &str) -> Option<String> {
    if let Some((_, assertion)) = line.split_once("==> ") {
        return Some(assertion.trim().to_owned());
    }
    if let Some((_, why)) = line.split_once(" # ").filter(|(_, why)| is_last_word(why)) {
        return Some(why.trim().to_owned());
    }
    let (_, frame) = line.split_once('(').filter(|_| before.trim_end().ends_with("EIP:"))?;
    let (function, _) = frame.split_once(['+', ')'])?;
    (!function.is_empty()).then(|| format!("in {function}"))
}

/// Whether a server says so why it ends: `clusterSaveConfigOrDie` and `clusterLoadConfig` (`cluster_legacy.c`), and the errors of `aof.c` and
/// `server.c` after which it calls `exit`, or panics for want of memory.
fn is_last_word(why: &str) -> bool {
    let begins = ["Fatal", "Loading the cluster node config from", "Out Of Memory"]
        .iter()
        .any(|begin| why.starts_with(begin));
    begins || ["Exiting", "exiting"].iter().any(|word| why.contains(word))
}

/// Whether a process that got the signal may end with the status: killed, or shut down in order. One that has not set
/// its handlers up yet ends by the signal itself.
fn ends_with(signal: &str, status: &str) -> bool {
    let in_order = (signal == Signal::Term.name() || signal == SHUTDOWN) && status == "exit 0";
    in_order || status == signal
}
