//! A plan with some of its operations and faults, each at the time at which it was.

use std::collections::{BTreeMap, BTreeSet};

use super::Timeline;
use crate::fault::{Fault, FaultId, Trigger};
use crate::op::{Op, OpId, Start};
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};

/// A plan with less in it, and what its entries were called before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The plan.
    pub plan: Plan,
    /// Its operations, with their numbers before.
    pub operations: BTreeMap<OpId, OpId>,
    /// Its faults, with their numbers before.
    pub faults: BTreeMap<FaultId, FaultId>,
}

impl Plan {
    /// The plan with just these operations and faults, as far as they happened in the run that `timeline` tells of.
    ///
    /// An operation waits for as long as those dropped before it took. A fault that was tied to a dropped operation
    /// fires when it fired; if it did not, it is dropped as well. Entries are numbered anew, without gaps.
    pub fn keeping(
        &self,
        timeline: &Timeline,
        operations: &BTreeSet<OpId>,
        faults: &BTreeSet<FaultId>,
    ) -> Kept {
        let cut = Cut { plan: self, timeline, operations, faults };
        let kept: Vec<&Op> = self.operations.iter().filter(|op| operations.contains(&op.id)).collect();
        let numbers: BTreeMap<OpId, OpId> =
            (1..).map(OpId).zip(&kept).map(|(new, op)| (op.id, new)).collect();
        let operations = kept.into_iter().map(|op| {
            let (start, delay) = cut.start_of(op);
            Op { id: numbers[&op.id], start, delay_ns: delay + cut.dropped_lead(op.id), ..op.clone() }
        });
        let operations = operations.collect();
        let kept = self.faults.iter().filter_map(|fault| Some((fault, cut.trigger_of(fault, &numbers)?)));
        let (faults, names): (Vec<Fault>, BTreeMap<FaultId, FaultId>) = (1..)
            .map(FaultId)
            .zip(kept)
            .map(|(id, (fault, trigger))| (Fault { id, trigger, ..fault.clone() }, (id, fault.id)))
            .unzip();
        let mut plan = Plan { operations, faults, ..self.clone() };
        name_anew(&mut plan, &names);
        Kept { plan, operations: numbers.into_iter().map(|(old, new)| (new, old)).collect(), faults: names }
    }
}

/// Has what waits for faults name these as they are called now.
fn name_anew(plan: &mut Plan, names: &BTreeMap<FaultId, FaultId>) {
    for cue in plan.cues_mut() {
        let new = cue.fault().and_then(|old| names.iter().find(|(_, name)| **name == old));
        if let Some((new, _)) = new {
            cue.wait_for(*new);
        }
    }
}

/// What is kept of which run.
struct Cut<'a> {
    plan: &'a Plan,
    timeline: &'a Timeline,
    operations: &'a BTreeSet<OpId>,
    faults: &'a BTreeSet<FaultId>,
}

impl Cut<'_> {
    /// What a kept operation's delay counts from now, and how long it is: its time comes when it came.
    fn start_of(&self, op: &Op) -> (Start, SimDuration) {
        let before = op.id.0.checked_sub(1).filter(|id| *id > 0).map(OpId);
        let is_gone = before.is_some_and(|before| !self.operations.contains(&before));
        match &op.start {
            Start::Beginning => (Start::Beginning, op.delay_ns),
            // What it waits for is gone: it begins when it began.
            Start::Seen(cue) if cue.fault().is_some_and(|fault| !self.faults.contains(&fault)) => {
                let due = self.due(op).map(|due| self.timeline.since_begin(due));
                (Start::Beginning, due.unwrap_or(op.delay_ns))
            }
            Start::Seen(cue) => (Start::Seen(cue.clone()), op.delay_ns),
            Start::Beside if !is_gone => (Start::Beside, op.delay_ns),
            Start::Beside => {
                let due = self.due(op).map(|due| self.timeline.since_begin(due));
                (Start::Beginning, due.unwrap_or_else(|| self.planned_between(None, op.id) + op.delay_ns))
            }
            Start::After => (Start::After, self.dropped_before(op) + op.delay_ns),
        }
    }

    /// When an operation's time came, as far as the run tells.
    fn due(&self, op: &Op) -> Option<SimTime> {
        let before = op.id.0.checked_sub(1).filter(|id| *id > 0).map(OpId);
        let before = self.plan.operations.iter().find(|other| Some(other.id) == before);
        let from = match op.start {
            Start::Seen(_) => return self.timeline.operations.get(&op.id)?.started_at,
            Start::Beginning => self.timeline.began_at,
            Start::Beside => before.map_or(self.timeline.began_at, |before| self.due(before)),
            Start::After => self.end_of(op.id, |_| true),
        };
        from.map(|from| from + op.delay_ns)
    }

    /// How long the operations that are dropped before one kept it waiting after those that are not.
    fn dropped_before(&self, op: &Op) -> SimDuration {
        let is_kept = |id: OpId| self.operations.contains(&id);
        match (self.end_of(op.id, is_kept), self.end_of(op.id, |_| true)) {
            (Some(kept), Some(all)) => all.since(kept),
            // The run ended before it came to that.
            _ => {
                let before = self.plan.operations.iter().map(|other| other.id).filter(|id| *id < op.id);
                self.planned_between(before.filter(|id| is_kept(*id)).max(), op.id)
            }
        }
    }

    /// When the last of some operations before one ended; the workload's beginning if there are none.
    fn end_of(&self, op: OpId, which: impl Fn(OpId) -> bool) -> Option<SimTime> {
        let before = self.plan.operations.iter().map(|other| other.id).filter(|id| *id < op && which(*id));
        let ends: Option<Vec<SimTime>> = before.map(|id| self.timeline.end_of(Some(id))).collect();
        ends?.into_iter().max().or(self.timeline.end_of(None))
    }

    /// What the faults before an operation let it wait, if all of them are dropped.
    fn dropped_lead(&self, op: OpId) -> SimDuration {
        let kept = self.lead_of(op, |id| self.faults.contains(&id));
        let lead = self.lead_of(op, |_| true).filter(|_| kept.is_none());
        lead.unwrap_or_default()
    }

    /// The delays of the operations between two.
    fn planned_between(&self, last: Option<OpId>, op: OpId) -> SimDuration {
        let between = self
            .plan
            .operations
            .iter()
            .filter(|other| last.is_none_or(|last| other.id > last) && other.id < op);
        between.fold(SimDuration::ZERO, |sum, other| sum + other.delay_ns)
    }

    /// The longest time that some faults before an operation let it wait; nothing if there are none of them.
    fn lead_of(&self, op: OpId, which: impl Fn(FaultId) -> bool) -> Option<SimDuration> {
        let leads =
            self.plan.faults.iter().filter(|fault| which(fault.id)).filter_map(|fault| match fault.trigger {
                Trigger::BeforeOp { op: of, lead_ns } if of == op => Some(lead_ns),
                _ => None,
            });
        leads.max()
    }

    /// When a fault fires now; nothing if it is not kept.
    fn trigger_of(&self, fault: &Fault, numbers: &BTreeMap<OpId, OpId>) -> Option<Trigger> {
        if !self.faults.contains(&fault.id) {
            return None;
        }
        match fault.trigger.op() {
            Some(op) if !self.operations.contains(&op) => self.when_it_fired(fault),
            Some(op) => Some(self.with_whole_lead(fault).tied_to(numbers[&op])),
            None => match fault.trigger.fault() {
                // What it waits for is gone: it fires when it fired.
                Some(other) if !self.is_kept(other, numbers) => self.when_it_fired(fault),
                _ => Some(fault.trigger.clone()),
            },
        }
    }

    fn is_kept(&self, fault: FaultId, numbers: &BTreeMap<OpId, OpId>) -> bool {
        let planned = self.plan.fault(fault);
        planned.is_some_and(|planned| self.trigger_of(planned, numbers).is_some())
    }

    fn when_it_fired(&self, fault: &Fault) -> Option<Trigger> {
        let times = self.timeline.faults.get(&fault.id).filter(|times| times.fired)?;
        Some(Trigger::At { delay_ns: self.timeline.since_begin(times.at) })
    }

    /// The trigger of a fault before an operation, which waits for as long as when all such faults were there.
    fn with_whole_lead(&self, fault: &Fault) -> Trigger {
        let Trigger::BeforeOp { op, lead_ns } = fault.trigger else { return fault.trigger.clone() };
        let is_longest = self.lead_of(op, |id| self.faults.contains(&id)) == Some(lead_ns);
        let whole = self.lead_of(op, |_| true).filter(|_| is_longest);
        Trigger::BeforeOp { op, lead_ns: whole.unwrap_or(lead_ns) }
    }
}
