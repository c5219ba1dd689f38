//! What was done to the cluster: faults and operations, when they began and when they were over.

use std::collections::{BTreeMap, BTreeSet};

use super::super::evidence::{Disturbance, FaultReport, OperationReport};
use crate::event::Body;
use crate::fault::{Fault, FaultId};
use crate::id::NodeId;
use crate::op::{Ending, Op, OpId};
use crate::plan::Plan;
use crate::time::SimTime;
use crate::words;

/// When processes were started.
pub(super) type Starts = [(NodeId, SimTime)];

/// What became of the plan's faults and operations so far.
#[derive(Debug, Default)]
pub(super) struct Actions {
    faults: BTreeMap<FaultId, SeenFault>,
    operations: BTreeMap<OpId, SeenOperation>,
    /// Whom the operator picked, until the operation is sent.
    picked: Option<NodeId>,
}

#[derive(Debug, Default)]
struct SeenFault {
    /// When its moment came.
    came_at: Option<SimTime>,
    healed_at: Option<SimTime>,
    hit: Vec<NodeId>,
    notes: Vec<String>,
    ruled: Option<Ruled>,
}

/// The messages of the bus that a rule hit.
#[derive(Debug)]
struct Ruled {
    first_at: SimTime,
    count: u64,
    nodes: BTreeSet<NodeId>,
}

#[derive(Debug, Default)]
struct SeenOperation {
    sent_at: Option<SimTime>,
    ended_at: Option<SimTime>,
    done: bool,
    ending: Option<Ending>,
    /// Whom it was sent to, if that was looked up.
    target: Option<NodeId>,
    detail: String,
}

impl SeenFault {
    /// A rule hit a message between two nodes.
    fn ruled(&mut self, at: SimTime, nodes: [NodeId; 2]) {
        let none = Ruled { first_at: at, count: 0, nodes: BTreeSet::new() };
        let ruled = self.ruled.get_or_insert(none);
        ruled.count += 1;
        ruled.nodes.extend(nodes);
    }

    /// When it fired. One that hits nobody did nothing, unless there was something to heal: links of clients.
    fn fired_at(&self) -> Option<SimTime> {
        self.came_at.filter(|_| !self.hit.is_empty() || self.healed_at.is_some())
    }
}

impl Actions {
    /// The operator picked a node for the operation that it is about to send.
    pub fn picked(&mut self, node: NodeId) {
        self.picked = Some(node);
    }

    /// Takes what an event says of them.
    pub fn see(&mut self, at: SimTime, body: &Body) {
        match body {
            Body::Fault { fault, text, hit } => {
                let seen = self.faults.entry(*fault).or_default();
                (seen.came_at, seen.hit) = (Some(at), hit.clone());
                seen.notes.push(text.clone());
            }
            Body::Ruled { fault, from, to, .. } => {
                self.faults.entry(*fault).or_default().ruled(at, [*from, *to]);
            }
            Body::Heal { fault, text } => {
                let seen = self.faults.entry(*fault).or_default();
                seen.healed_at = seen.came_at.map(|_| at);
                seen.notes.push(text.clone());
            }
            Body::Operation { op, .. } => {
                let seen = self.operations.entry(*op).or_default();
                seen.sent_at.get_or_insert(at);
                seen.target = self.picked.take();
            }
            Body::OperationEnded { op, done, text, ending } => {
                let seen = self.operations.entry(*op).or_default();
                (seen.ended_at, seen.done, seen.detail) = (Some(at), *done, text.clone());
                seen.ending = *ending;
            }
            _ => {}
        }
    }

    /// What became of each fault of the plan.
    pub fn faults(&self, plan: &Plan, starts: &Starts) -> Vec<FaultReport> {
        plan.faults.iter().map(|fault| self.fault(fault, starts)).collect()
    }

    fn fault(&self, fault: &Fault, starts: &Starts) -> FaultReport {
        let text = fault.action.in_words();
        let none = SeenFault::default();
        let seen = self.faults.get(&fault.id).unwrap_or(&none);
        let mut notes = seen.notes.iter().filter(|note| **note != text).cloned().collect::<Vec<_>>();
        let mut report = FaultReport {
            id: fault.id,
            text,
            fired_at: seen.fired_at(),
            healed_at: seen.healed_at.or_else(|| restarted_at(fault, seen, starts)),
            hit: seen.hit.clone(),
            note: String::new(),
        };
        if fault.action.is_of_messages() && seen.fired_at().is_some() {
            notes.push(by_messages(&mut report, seen.ruled.as_ref()));
        }
        report.note = notes.join("; ");
        report
    }

    /// What became of each operation of the plan.
    pub fn operations(&self, plan: &Plan) -> Vec<OperationReport> {
        plan.operations.iter().map(|op| self.operation(op)).collect()
    }

    fn operation(&self, op: &Op) -> OperationReport {
        let none = SeenOperation::default();
        let seen = self.operations.get(&op.id).unwrap_or(&none);
        OperationReport {
            id: op.id,
            text: op.in_words(),
            sent_at: seen.sent_at,
            ended_at: seen.ended_at,
            done: seen.done,
            ending: seen.ending,
            target: seen.target,
            detail: seen.detail.clone(),
        }
    }

    /// Faults and operations that happened, in order.
    pub fn disturbances(&self, plan: &Plan, starts: &Starts) -> Vec<Disturbance> {
        let faults = plan.faults.iter().filter_map(|fault| {
            let report = self.fault(fault, starts);
            let at = report.fired_at?;
            let ended_at = report.healed_at.or(is_final(fault).then_some(at));
            Some(Disturbance { at, ended_at, what: report.text })
        });
        let operations = self.operations(plan).into_iter().filter_map(|report| {
            Some(Disturbance { at: report.sent_at?, ended_at: report.ended_at, what: report.text })
        });
        let mut all: Vec<Disturbance> = faults.chain(operations).collect();
        all.sort_by_key(|disturbance| disturbance.at);
        all
    }
}

/// A rule hit whom the messages were between that it matched, and fired with the first of them; what it came to, in words.
fn by_messages(report: &mut FaultReport, ruled: Option<&Ruled>) -> String {
    report.fired_at = ruled.map(|ruled| ruled.first_at);
    report.hit = ruled.map(|ruled| ruled.nodes.iter().copied().collect()).unwrap_or_default();
    match ruled {
        None => "no message matched".to_owned(),
        Some(ruled) => words::counted(ruled.count, "message"),
    }
}

/// Whether a fault is over at once and never undone: a kill without a restart.
fn is_final(fault: &Fault) -> bool {
    matches!(fault.action.ends_process(), Some((_, None)))
}

/// When the node that a kill hit was started again, if nobody said that the kill is undone.
fn restarted_at(fault: &Fault, seen: &SeenFault, starts: &Starts) -> Option<SimTime> {
    let fired_at = seen.fired_at().filter(|_| fault.action.ends_process().is_some())?;
    let after = |(node, at): &&(NodeId, SimTime)| seen.hit.contains(node) && *at > fired_at;
    starts.iter().find(after).map(|(_, at)| *at)
}
