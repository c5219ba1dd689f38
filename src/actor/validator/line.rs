//! The validator's line to the cluster: who lives, what is asked, which timers run.
//!
//! Each ask and each timer has a number of its own, so that whoever waits for one never takes another for it. A timer
//! that is set again replaces the one before: of each kind one runs at most.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Out;
use super::super::message::{Arrived, Message, ValidatorMessage};
use super::super::session::{Answer, Sessions};
use crate::id::{ActorId, NodeId};
use crate::invariant::standing::Outsiders;
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};

/// What a timer of the validator's is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The next survey.
    Survey,
    /// The survey under way has waited long enough.
    SurveyOverdue,
    /// The next look at the offsets.
    Offsets,
    /// The next census.
    Census,
    /// The replicas' turn to be asked for their offsets.
    Replicas,
    /// The look at the offsets has waited long enough.
    OffsetsOverdue,
    /// The cluster had its time to settle.
    SettleOverdue,
    /// Who made no progress in the read-out is given up.
    ReadOut,
}

impl Timer {
    fn purpose(self) -> &'static str {
        match self {
            Timer::Survey => "survey",
            Timer::SurveyOverdue => "survey overdue",
            Timer::Offsets => "offsets",
            Timer::Census => "census",
            Timer::Replicas => "offsets of replicas",
            Timer::OffsetsOverdue => "offsets overdue",
            Timer::SettleOverdue => "settling overdue",
            Timer::ReadOut => "read-out overdue",
        }
    }
}

/// What the validator knows of a node's process.
#[derive(Clone, Debug)]
struct Member {
    alive: bool,
    paused: bool,
    id: Option<String>,
}

/// All nodes of the plan.
#[derive(Debug)]
pub(super) struct Members {
    nodes: BTreeMap<NodeId, Member>,
    /// Those that need not belong to the cluster.
    outsiders: Outsiders,
    /// How many databases each has.
    databases: u16,
}

impl Members {
    /// All of them alive but the spare ones: the validator begins when the cluster is formed.
    pub fn new(plan: &Plan) -> Self {
        let layout = plan.cluster.layout();
        let member = |node: NodeId| Member { alive: !layout.is_spare(node), paused: false, id: None };
        let nodes = layout.hosts().map(|node| (node, member(node))).collect();
        Members { nodes, outsiders: Outsiders::of(plan), databases: plan.cluster.databases }
    }

    /// Nodes that need not belong to the cluster.
    pub fn outsiders(&self) -> &Outsiders {
        &self.outsiders
    }

    /// How many databases each node has.
    pub fn databases(&self) -> u16 {
        self.databases
    }

    fn get(&mut self, node: NodeId) -> &mut Member {
        self.nodes.get_mut(&node).expect("only nodes of the plan are told of")
    }

    /// A node's process was started, or ended.
    pub fn set_alive(&mut self, node: NodeId, alive: bool) {
        let member = self.get(node);
        (member.alive, member.paused) = (alive, false);
    }

    /// A node's process stopped running, or runs again.
    pub fn set_paused(&mut self, node: NodeId, paused: bool) {
        self.get(node).paused = paused;
    }

    /// A node told its cluster id. It can get another one (`CLUSTER RESET HARD`).
    pub fn learn_id(&mut self, node: NodeId, id: &str) {
        self.get(node).id = Some(id.to_owned());
    }

    /// All nodes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.keys().copied()
    }

    /// Nodes whose process exists and runs.
    pub fn live(&self) -> BTreeSet<NodeId> {
        self.nodes
            .iter()
            .filter(|(_, member)| member.alive && !member.paused)
            .map(|(node, _)| *node)
            .collect()
    }

    /// Whether the node's process exists, and whether it is stopped.
    pub fn state(&self, node: NodeId) -> (bool, bool) {
        let member = &self.nodes[&node];
        (member.alive, member.paused)
    }

    /// The cluster id the node told last.
    pub fn id(&self, node: NodeId) -> Option<&str> {
        self.nodes[&node].id.as_deref()
    }

    /// The node with a cluster id.
    pub fn node_of(&self, id: &str) -> Option<NodeId> {
        self.nodes.iter().find(|(_, member)| member.id.as_deref() == Some(id)).map(|(node, _)| *node)
    }
}

/// Connections, and the numbers of asks and timers.
#[derive(Debug)]
pub(super) struct Line {
    sessions: Sessions,
    /// Numbers given out so far, to asks and timers alike.
    count: u64,
    timers: BTreeMap<Timer, u64>,
}

impl Line {
    pub fn new(password: Option<&str>) -> Self {
        let sessions = Sessions::new(ActorId::Validator).with_password(password);
        Line { sessions, count: 0, timers: BTreeMap::new() }
    }

    fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// What arrived, as answers.
    pub fn arrived(&mut self, arrived: Arrived, out: &mut Out) -> Vec<Answer> {
        self.sessions.arrived(arrived, out)
    }

    /// The timer with this number, which ends with that; nothing if it was replaced or cancelled.
    pub fn due(&mut self, token: u64) -> Option<Timer> {
        let timer = self.timer(token)?;
        self.timers.remove(&timer);
        Some(timer)
    }

    /// What the timer with this number is for, as the log says it.
    pub fn purpose(&self, token: u64) -> &'static str {
        self.timer(token).map_or("nothing any more", Timer::purpose)
    }

    fn timer(&self, token: u64) -> Option<Timer> {
        self.timers.iter().find(|(_, number)| **number == token).map(|(timer, _)| *timer)
    }

    /// Stops a timer.
    pub fn cancel(&mut self, timer: Timer) {
        self.timers.remove(&timer);
    }

    /// Whether a timer runs.
    pub fn runs(&self, timer: Timer) -> bool {
        self.timers.contains_key(&timer)
    }
}

/// What an actor's part has at hand while it handles a message.
pub(super) struct Scene<'a> {
    pub now: SimTime,
    pub members: &'a mut Members,
    pub line: &'a mut Line,
    pub out: &'a mut Out,
}

impl Scene<'_> {
    /// Asks a node and tells the number of the ask.
    pub fn ask(&mut self, node: NodeId, args: &[&str]) -> u64 {
        let tag = self.line.number();
        self.line.sessions.ask(node, args, tag, self.out);
        tag
    }

    /// Asks a node several things in one go and tells the numbers of the asks, in order.
    pub fn ask_all(&mut self, node: NodeId, asks: Vec<Vec<Vec<u8>>>) -> Vec<u64> {
        let numbered = asks.into_iter().map(|args| (self.line.number(), args)).collect::<Vec<_>>();
        if !numbered.is_empty() {
            self.line.sessions.ask_all(node, &numbered, self.out);
        }
        numbered.into_iter().map(|(tag, _)| tag).collect()
    }

    /// Gives up the connection to a node that does not answer; what was open on it fails.
    pub fn give_up(&mut self, node: NodeId) -> Vec<Answer> {
        self.line.sessions.drop_connection(node, self.out)
    }

    /// Closes every connection.
    pub fn close_all(&mut self) {
        self.line.sessions.close_all(self.out);
    }

    /// Sets a timer, instead of the one of its kind that may be running.
    pub fn set(&mut self, timer: Timer, delay: SimDuration) {
        let token = self.line.number();
        self.line.timers.insert(timer, token);
        let tick = Message::Validator(ValidatorMessage::Tick { token });
        self.out.send_after(delay, ActorId::Validator, tick);
    }
}
