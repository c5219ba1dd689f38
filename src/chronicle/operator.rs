//! What the operator asked of whom, as far as it bears on the cluster bus.

use crate::event::{Body, Event};
use crate::id::{ActorId, NodeId};
use crate::language::Layout;
use crate::op::{CLUSTER_READS, Failover, FailoverMode, Op, OpAction};
use crate::plan::Plan;
use crate::time::SimTime;

/// Everything that was asked, in order.
#[derive(Clone, Debug)]
pub struct Asks {
    planned: Vec<Op>,
    layout: Layout,
    /// Whom the operator picked, until it sends what it picked somebody for.
    picked: Option<NodeId>,
    failovers: Vec<(SimTime, NodeId, FailoverMode)>,
    reshaped_at: Option<SimTime>,
    retimed_at: Option<SimTime>,
}

impl Asks {
    pub(super) fn new(plan: &Plan) -> Self {
        Asks {
            planned: plan.operations.clone(),
            layout: plan.cluster.layout(),
            picked: None,
            failovers: Vec::new(),
            reshaped_at: None,
            retimed_at: None,
        }
    }

    pub(super) fn see(&mut self, event: &Event) {
        match (event.actor, &event.body) {
            (ActorId::Operator, Body::Picked { node, .. }) => self.picked = Some(*node),
            (_, Body::Operation { op, .. }) => {
                if let Some(action) =
                    self.planned.iter().find(|known| known.id == *op).map(|op| op.action.clone())
                {
                    self.ask(event.at, &action);
                }
            }
            _ => {}
        }
    }

    fn ask(&mut self, at: SimTime, action: &OpAction) {
        if let Some(Failover { mode, to, .. }) = action.failovers().first() {
            let picked = self.picked.take();
            self.failovers.extend(to.or(picked).map(|node| (at, node, *mode)));
        }
        for typed in action.typed() {
            self.command(at, typed.node, &typed.args);
        }
        // Who gets slots by hand raises its epoch without anybody's vote, and who comes back empty is somebody else.
        if action.reshapes(self.layout) {
            self.reshaped_at = self.reshaped_at.or(Some(at));
            self.retimed_at = self.retimed_at.or(Some(at));
        }
    }

    fn command(&mut self, at: SimTime, node: NodeId, args: &[String]) {
        let words: Vec<String> = args.iter().take(3).map(|word| word.to_ascii_lowercase()).collect();
        let word = |index: usize| words.get(index).map_or("", String::as_str);
        match (word(0), word(1)) {
            ("cluster", "failover") => self.failovers.push((at, node, mode(word(2)))),
            ("cluster", read) if CLUSTER_READS.contains(&read) => {}
            ("config", "get" | "resetstat") => {}
            ("config", _) if retimes(args.get(2..).unwrap_or_default()) => {
                self.retimed_at = self.retimed_at.or(Some(at))
            }
            ("config", _) => {}
            // A script may do anything; a sleep stops the process as no pause shows.
            ("cluster" | "debug" | "eval" | "replicaof" | "slaveof", _) => {
                self.reshaped_at = self.reshaped_at.or(Some(at));
                self.retimed_at = self.retimed_at.or(Some(at));
            }
            _ => {}
        }
    }

    /// The last failover that was asked of a node, and when.
    pub fn failover_of(&self, node: NodeId) -> Option<(SimTime, FailoverMode)> {
        self.failovers.iter().rev().find(|(_, of, _)| *of == node).map(|(at, _, mode)| (*at, *mode))
    }

    /// Whether a takeover was ever asked of a node.
    pub fn takeover_of(&self, node: NodeId) -> bool {
        self.failovers.iter().any(|(_, of, mode)| *of == node && *mode == FailoverMode::Takeover)
    }

    /// Whether a command was sent that may change who belongs where, by hand.
    pub fn reshaped(&self) -> bool {
        self.reshaped_at.is_some()
    }

    /// Whether a command was sent that may change how long anything takes.
    pub fn retimed(&self) -> bool {
        self.retimed_at.is_some()
    }
}

/// Whether settings that are set make the cluster slower, or change how it judges.
fn retimes(pairs: &[String]) -> bool {
    pairs.chunks(2).any(|pair| match pair {
        [name, value] if name.eq_ignore_ascii_case("hz") => value.parse::<u32>().map_or(true, |hz| hz < 10),
        [name, ..] => name.to_ascii_lowercase().starts_with("cluster-"),
        [] => false,
    })
}

fn mode(word: &str) -> FailoverMode {
    match word {
        "force" => FailoverMode::Force,
        "takeover" => FailoverMode::Takeover,
        _ => FailoverMode::Default,
    }
}
