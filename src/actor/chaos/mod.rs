//! Fires the faults of the plan when their triggers say so, and heals them.
//!
//! Every fault ends: it is healed, or it missed its moment, or it hit nobody. When all have, the director is told, so
//! nothing here may wait for what might never come. Whom a role means is the operator's to find out; a fault that
//! belongs to a moment of an operation is looked up beforehand, so that it is fired within that moment.

mod approach;
mod fleet;
mod moments;
mod strike;
mod unseen;
mod visits;
mod words;

use std::collections::BTreeMap;

use self::approach::Approach;
use self::fleet::Fleet;
use self::strike::Hit;
use self::unseen::Unseen;
use super::message::{
    ChaosMessage, DirectorMessage, Finds, Message, NodeMessage, OperatorMessage, ValidatorMessage,
};
use super::{Actor, Out};
use crate::event::Body;
use crate::fault::{Fault, FaultId, Target, Trigger};
use crate::id::{ActorId, NodeId};
use crate::op::OpId;
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};

/// The injector of faults.
#[derive(Debug)]
pub struct Chaos {
    cases: BTreeMap<FaultId, Case>,
    fleet: Fleet,
    operations: Vec<OpId>,
    /// The operations whose sight has not come.
    unseen: Unseen,
    /// The operations that wait for faults before them.
    approaches: BTreeMap<OpId, Approach>,
    /// Timers set so far.
    tokens: u64,
    begun: bool,
    /// How many operations ended.
    ended: usize,
    /// What waits to be seen is waited for only as long as something is under way.
    last_call: bool,
    /// The director knows that all faults are over.
    told: bool,
}

/// A fault and what became of it.
#[derive(Debug)]
struct Case {
    fault: Fault,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Its trigger was not pulled.
    Armed,
    /// Its trigger was pulled, and its delay has not passed.
    Due,
    /// The operator is looking up whom it hits; it is fired then, or kept.
    Asking { fire: bool },
    /// It waits for its moment in an operation.
    Ready(Vec<Option<NodeId>>),
    /// It was fired and is to be healed.
    Lasting(Hit),
    /// Nothing more comes of it.
    Over,
}

impl Chaos {
    /// The faults of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let case = |fault: &Fault| (fault.id, Case { fault: fault.clone(), state: State::Armed });
        Chaos {
            cases: plan.faults.iter().map(case).collect(),
            fleet: Fleet::new(plan),
            operations: plan.operations.iter().map(|op| op.id).collect(),
            unseen: Unseen::of(&plan.operations),
            approaches: BTreeMap::new(),
            tokens: 0,
            begun: false,
            ended: 0,
            last_call: false,
            told: false,
        }
    }

    fn take(&mut self, message: ChaosMessage, out: &mut Out) {
        match message {
            ChaosMessage::Begin => self.begin(out),
            ChaosMessage::Fire { fault } => self.due(fault, out),
            ChaosMessage::Heal { fault } => self.heal(fault, out),
            ChaosMessage::Restart { fault, .. } => self.restart(fault, out),
            ChaosMessage::OperationDue { op } => self.approach(op, out),
            ChaosMessage::OperationAccepted { op } => self.accepted(op, out),
            ChaosMessage::BusStep { op, step } => self.stepped(op, step, out),
            ChaosMessage::OperationEnded { op } => self.ended(op, out),
            ChaosMessage::Resolved { fault, nodes } => self.resolved(fault, nodes, out),
            ChaosMessage::NodeExited { node, expected } => self.exited(node, expected, out),
            ChaosMessage::Seen { fault, nodes } => self.seen(fault, nodes, out),
            ChaosMessage::OperationSeen { op } => self.unseen.came(op, out),
            ChaosMessage::Restored { fault } => self.undo(fault, |hit| matches!(hit, Hit::Adjusted(_)), out),
            ChaosMessage::LastCall => self.last_call = true,
            ChaosMessage::StartNode { node, finds, server } => self.start_node(node, (finds, server), out),
            ChaosMessage::Tick { token } => self.ticked(token, out),
            ChaosMessage::Cease => self.cease(out),
        }
    }

    fn begin(&mut self, out: &mut Out) {
        self.begun = true;
        for fault in self.faults(|_| true) {
            match self.case(fault).fault.trigger {
                Trigger::At { delay_ns } => self.fire_after(delay_ns, fault, out),
                Trigger::Seen { .. } => {}
                Trigger::BeforeOp { op, .. } | Trigger::DuringOp { op, .. } | Trigger::AfterOp { op, .. } => {
                    if !self.operations.contains(&op) {
                        self.miss(fault, "there is no such operation", out);
                    }
                }
            }
        }
    }

    /// The moment of a fault that waited for a point in time has come.
    fn due(&mut self, fault: FaultId, out: &mut Out) {
        match &self.case(fault).state {
            State::Armed | State::Due => self.ask(fault, true, out),
            State::Ready(_) => self.moment(fault, out),
            _ => {}
        }
    }

    /// Finds out whom a fault hits, at once if no role has to be looked up.
    fn ask(&mut self, fault: FaultId, fire: bool, out: &mut Out) {
        let case = self.case(fault);
        case.state = State::Asking { fire };
        let targets = case.fault.action.targets();
        let known = |target: &Target| match target {
            Target::Node(node) => Some(Some(*node)),
            Target::Clients => Some(None),
            Target::Primary(_) | Target::Replica(..) => None,
        };
        match targets.iter().map(known).collect() {
            Some(nodes) => self.resolved(fault, nodes, out),
            None => {
                let question = OperatorMessage::Resolve { fault, targets };
                out.send(ActorId::Operator, Message::Operator(question));
            }
        }
    }

    fn resolved(&mut self, fault: FaultId, nodes: Vec<Option<NodeId>>, out: &mut Out) {
        match self.case(fault).state {
            State::Asking { fire: true } => self.fire(fault, &nodes, out),
            State::Asking { fire: false } => self.case(fault).state = State::Ready(nodes),
            _ => return,
        }
        self.heard_of(fault, out);
    }

    fn fire(&mut self, id: FaultId, nodes: &[Option<NodeId>], out: &mut Out) {
        let case = self.cases.get_mut(&id).expect("only faults of the plan are fired");
        let hit = strike::fire(&case.fault, nodes, &mut self.fleet, out);
        case.state = hit.map_or(State::Over, State::Lasting);
    }

    /// A fault's time is over. A process that ended has a time of its own to come back.
    /// Settings are the operator's to change back.
    fn heal(&mut self, fault: FaultId, out: &mut Out) {
        if let State::Lasting(Hit::Adjusted(_)) = self.case(fault).state {
            out.send(ActorId::Operator, Message::Operator(OperatorMessage::Restore { fault }));
            return;
        }
        self.undo(fault, |hit| !matches!(hit, Hit::Dead(_) | Hit::Lost(_)), out);
    }

    fn restart(&mut self, fault: FaultId, out: &mut Out) {
        self.undo(fault, |hit| matches!(hit, Hit::Dead(_) | Hit::Lost(_)), out);
    }

    fn undo(&mut self, id: FaultId, which: impl Fn(&Hit) -> bool, out: &mut Out) {
        let case = self.cases.get_mut(&id).expect("only faults of the plan are healed");
        if let State::Lasting(hit) = case.state
            && which(&hit)
        {
            strike::heal(id, hit, &mut self.fleet, out);
            case.state = State::Over;
        }
    }

    /// Starts a node for the operator: whoever starts it, its incarnations are counted here.
    fn start_node(&mut self, node: NodeId, (finds, server): (Finds, Option<String>), out: &mut Out) {
        if self.fleet.is_alive(node) {
            return;
        }
        let disk = match finds {
            Finds::All => None,
            Finds::Nothing => Some(NodeMessage::Wipe),
            Finds::Copy(op) => Some(NodeMessage::PutBack { op }),
        };
        if let Some(message) = disk {
            out.send(ActorId::Node(node), Message::Node(message));
        }
        if let Some(server) = server {
            out.send(ActorId::Node(node), Message::Node(NodeMessage::Install { server }));
        }
        strike::start(node, &mut self.fleet, out);
    }

    fn cease(&mut self, out: &mut Out) {
        let is_to_come = |case: &Case| {
            matches!(case.state, State::Armed | State::Due | State::Asking { .. } | State::Ready(_))
        };
        for fault in self.faults(is_to_come) {
            self.miss(fault, "dropped", out);
        }
    }

    fn exited(&mut self, node: NodeId, expected: bool, out: &mut Out) {
        self.fleet.ended(node, expected);
        for case in self.cases.values_mut() {
            if matches!(case.state, State::Lasting(Hit::Dying(dying) | Hit::Awaited(dying)) if dying == node)
            {
                let hit = strike::died(&case.fault, node, out);
                case.state = hit.map_or(State::Over, State::Lasting);
            }
        }
    }

    fn miss(&mut self, fault: FaultId, why: &str, out: &mut Out) {
        self.case(fault).state = State::Over;
        out.note(Body::Fault { fault, text: format!("missed: {why}"), hit: Vec::new() });
    }

    fn faults(&self, which: impl Fn(&Case) -> bool) -> Vec<FaultId> {
        self.cases.values().filter(|case| which(case)).map(|case| case.fault.id).collect()
    }

    fn case(&mut self, fault: FaultId) -> &mut Case {
        self.cases.get_mut(&fault).expect("only faults of the plan are spoken of")
    }

    /// Pulls the trigger of a fault, unless nothing may come of it any more.
    fn fire_after(&mut self, delay: SimDuration, fault: FaultId, out: &mut Out) {
        let case = self.case(fault);
        if matches!(case.state, State::Armed) {
            case.state = State::Due;
            out.send_after(delay, ActorId::Chaos, Message::Chaos(ChaosMessage::Fire { fault }));
        }
    }

    fn tell_when_over(&mut self, out: &mut Out) {
        let over = self.cases.values().all(|case| matches!(case.state, State::Over));
        if self.begun && over && !self.told {
            self.told = true;
            out.send(ActorId::Director, Message::Director(DirectorMessage::FaultsDone));
        }
    }
}

fn disturbed(why: String, out: &mut Out) {
    out.send(ActorId::Validator, Message::Validator(ValidatorMessage::Disturbed { why }));
}

impl Actor for Chaos {
    fn handle(&mut self, _now: SimTime, message: Message, out: &mut Out) {
        match message {
            Message::Chaos(message) => self.take(message, out),
            Message::Arrived(arrived) => self.fleet.visits.arrived(&arrived, out),
            other => panic!("chaos was told {other:?}"),
        }
        self.wait_no_longer(out);
        self.tell_when_over(out);
    }
}

#[cfg(test)]
mod tests;
