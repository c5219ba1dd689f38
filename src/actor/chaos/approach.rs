//! The way up to an operation: faults before it are fired and given their lead, then faults within it are looked
//! up, and then it may go.
//!
//! The operator answers every question, but late if nodes are silent; an operation does not wait for ever.

use std::collections::BTreeSet;

use super::{Chaos, State};
use crate::actor::Out;
use crate::actor::message::{ChaosMessage, Message, OperatorMessage};
use crate::fault::{FaultId, Trigger};
use crate::id::ActorId;
use crate::op::OpId;
use crate::time::SimDuration;

/// How long an operation waits for answers.
const ANSWER_WITHIN: SimDuration = SimDuration::from_secs(5);

/// An operation that may not go yet.
#[derive(Debug)]
pub(super) struct Approach {
    op: OpId,
    stage: Stage,
    /// Faults whose targets are being looked up.
    asked: BTreeSet<FaultId>,
    /// The timer that ends the stage.
    token: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Faults before it are fired.
    Firing,
    /// It waits for as long as they say.
    Leading,
    /// Faults within it are looked up.
    Preparing,
}

impl Chaos {
    /// An operation's time has come.
    pub(super) fn approach(&mut self, op: OpId, out: &mut Out) {
        let before =
            self.faults(|case| matches!(case.fault.trigger, Trigger::BeforeOp { op: of, .. } if of == op));
        self.enter(op, Stage::Firing, before, out);
    }

    /// A timer is due.
    pub(super) fn ticked(&mut self, token: u64, out: &mut Out) {
        let of =
            self.approaches.values().find(|approach| approach.token == token).map(|approach| approach.op);
        if let Some(approach) = of.and_then(|op| self.approaches.remove(&op)) {
            self.advance(&approach, out);
        }
    }

    /// A fault's targets are known.
    pub(super) fn heard_of(&mut self, fault: FaultId, out: &mut Out) {
        let last = |approach: &mut Approach| approach.asked.remove(&fault) && approach.asked.is_empty();
        let of = self.approaches.iter_mut().find_map(|(op, approach)| last(approach).then_some(*op));
        if let Some(approach) = of.and_then(|op| self.approaches.remove(&op)) {
            self.advance(&approach, out);
        }
    }

    /// Asks for the targets of some faults; the stage is over when all are known.
    fn enter(&mut self, op: OpId, stage: Stage, faults: Vec<FaultId>, out: &mut Out) {
        for fault in &faults {
            self.ask(*fault, stage == Stage::Firing, out);
        }
        let asking = |fault: &FaultId| matches!(self.cases[fault].state, State::Asking { .. });
        let asked: BTreeSet<FaultId> = faults.into_iter().filter(asking).collect();
        let settled = asked.is_empty();
        let approach = Approach { op, stage, asked, token: 0 };
        if settled {
            self.advance(&approach, out);
        } else {
            self.wait(approach, ANSWER_WITHIN, out);
        }
    }

    fn wait(&mut self, approach: Approach, limit: SimDuration, out: &mut Out) {
        self.tokens += 1;
        let token = self.tokens;
        out.send_after(limit, ActorId::Chaos, Message::Chaos(ChaosMessage::Tick { token }));
        self.approaches.insert(approach.op, Approach { token, ..approach });
    }

    fn advance(&mut self, approach: &Approach, out: &mut Out) {
        let op = approach.op;
        match approach.stage {
            Stage::Firing => match self.lead(op) {
                SimDuration::ZERO => self.prepare(op, out),
                lead => {
                    let leading = Approach { op, stage: Stage::Leading, asked: BTreeSet::new(), token: 0 };
                    self.wait(leading, lead, out);
                }
            },
            Stage::Leading => self.prepare(op, out),
            Stage::Preparing => out.send(ActorId::Operator, Message::Operator(OperatorMessage::Go { op })),
        }
    }

    fn prepare(&mut self, op: OpId, out: &mut Out) {
        let within = self.during(op).into_iter().map(|(fault, _)| fault).collect();
        self.enter(op, Stage::Preparing, within, out);
    }

    /// The longest time that a fault before the operation asks it to wait.
    fn lead(&self, op: OpId) -> SimDuration {
        let lead = self.cases.values().filter_map(|case| match case.fault.trigger {
            Trigger::BeforeOp { op: of, lead_ns } if of == op => Some(lead_ns),
            _ => None,
        });
        lead.max().unwrap_or_default()
    }
}
