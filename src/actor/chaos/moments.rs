//! Faults within an operation and after it: each is fired at its moment, or has missed it.

use super::{Case, Chaos, State, disturbed};
use crate::actor::Out;
use crate::actor::message::{ChaosMessage, Message};
use crate::fault::{FaultId, Moment, Trigger};
use crate::id::{ActorId, NodeId};
use crate::op::OpId;
use crate::time::SimDuration;

impl Chaos {
    /// The cluster accepted an operation.
    pub(super) fn accepted(&mut self, op: OpId, out: &mut Out) {
        for (fault, moment) in self.during(op) {
            match moment {
                Moment::After { delay_ns: SimDuration::ZERO } => self.moment(fault, out),
                Moment::After { delay_ns } => self.moment_after(delay_ns, fault, out),
                Moment::BusStep { .. } => {}
            }
        }
    }

    /// A step of an operation showed on the cluster bus.
    pub(super) fn stepped(&mut self, op: OpId, step: u8, out: &mut Out) {
        for (fault, moment) in self.during(op) {
            if matches!(moment, Moment::BusStep { step: wanted } if step >= wanted) {
                self.moment(fault, out);
            }
        }
    }

    /// Fires a fault whose moment within an operation has come.
    pub(super) fn moment(&mut self, fault: FaultId, out: &mut Out) {
        match &mut self.case(fault).state {
            State::Ready(nodes) => {
                let nodes = std::mem::take(nodes);
                self.fire(fault, &nodes, out);
            }
            State::Armed | State::Due | State::Asking { .. } => {
                self.miss(fault, "nobody could tell in time whom it hits", out);
            }
            State::Lasting(_) | State::Over => {}
        }
    }

    /// An operation ended: what has not been fired within it never will be.
    pub(super) fn ended(&mut self, op: OpId, out: &mut Out) {
        self.approaches.remove(&op);
        self.ended += 1;
        disturbed(format!("operation {} ended", op.0), out);
        for (fault, _) in self.during(op) {
            if !matches!(self.case(fault).state, State::Lasting(_) | State::Over) {
                self.miss(fault, "the operation had ended", out);
            }
        }
        for fault in self.faults(|_| true) {
            match self.case(fault).fault.trigger {
                Trigger::AfterOp { op: after, delay_ns } if after == op => {
                    self.fire_after(delay_ns, fault, out)
                }
                _ => {}
            }
        }
    }

    /// A moment within an operation, whose targets may still be looked up meanwhile.
    fn moment_after(&self, delay: SimDuration, fault: FaultId, out: &mut Out) {
        out.send_after(delay, ActorId::Chaos, Message::Chaos(ChaosMessage::Fire { fault }));
    }

    /// What a fault waits for was seen; `nodes` are whom it hits, if the bus told.
    pub(super) fn seen(&mut self, fault: FaultId, nodes: Vec<Option<NodeId>>, out: &mut Out) {
        let case = self.case(fault);
        let Trigger::Seen { delay_ns, .. } = case.fault.trigger else { return };
        match (&case.state, delay_ns) {
            (State::Armed, SimDuration::ZERO) if nodes.is_empty() => self.ask(fault, true, out),
            (State::Armed, SimDuration::ZERO) => self.fire(fault, &nodes, out),
            (State::Armed, _) => self.fire_after(delay_ns, fault, out),
            _ => {}
        }
    }

    /// Once the clients are through and nothing is under way any more, nothing will be seen that was not.
    pub(super) fn wait_no_longer(&mut self, out: &mut Out) {
        let is_under_way = |case: &Case| !matches!(case.state, State::Armed | State::Over);
        let begun = self.operations.len() - self.unseen.kept_waiting().len();
        let goes_on = self.ended < begun || self.cases.values().any(is_under_way);
        if self.last_call && !goes_on {
            self.unseen.give_up(out);
            for fault in self.faults(|case| matches!(case.state, State::Armed)) {
                self.miss(fault, "what it waits for was never seen", out);
            }
        }
    }

    /// The faults that belong to a moment of an operation.
    pub(super) fn during(&self, op: OpId) -> Vec<(FaultId, Moment)> {
        let moment = |case: &Case| match case.fault.trigger {
            Trigger::DuringOp { op: of, moment } if of == op => Some((case.fault.id, moment)),
            _ => None,
        };
        self.cases.values().filter_map(moment).collect()
    }
}
