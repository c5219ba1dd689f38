//! The person who operates the cluster: forms it, asks for failovers, types commands, and looks up who is who.
//!
//! It speaks to nodes as anybody could, over connections that faults leave alone, and believes only what nodes
//! answer. When an operation may start, and whom a fault hits, is between it and chaos.

mod adjust;
mod agenda;
mod begin;
mod command;
mod deferred;
mod failover;
mod form;
mod job;
mod lookup;
mod members;
mod pace;
mod progress;
mod reply;
mod reshard;
mod resolve;
mod restart;
mod roll;
mod sequence;
mod sign;
mod terminal;

use self::adjust::{Adjust, tell_restored};
use self::agenda::Agenda;
use self::form::{Form, Forming};
use self::resolve::Resolve;
use self::roll::Roll;
use self::terminal::Terminal;
use super::message::{DirectorMessage, Message, OperatorMessage};
use super::session::Answer;
use super::{Actor, Out};
use crate::event::Body;
use crate::fault::FaultId;
use crate::id::ActorId;
use crate::plan::Plan;
use crate::time::SimTime;

/// The operator.
#[derive(Debug)]
pub struct Operator {
    terminal: Terminal,
    roll: Roll,
    form: Option<Form>,
    agenda: Agenda,
    /// Questions of chaos that are not answered yet.
    resolves: Vec<Resolve>,
    /// Settings that faults changed.
    adjusts: Vec<Adjust>,
}

/// What the parts of the operator work with while one message is handled.
struct Desk<'a> {
    now: SimTime,
    terminal: &'a mut Terminal,
    roll: &'a mut Roll,
    out: &'a mut Out,
}

impl Operator {
    /// The operator of a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        Operator {
            terminal: Terminal::new(plan.cluster.password()),
            roll: Roll::new(plan.cluster.clone()),
            form: None,
            agenda: Agenda::new(&plan.operations),
            resolves: Vec::new(),
            adjusts: Vec::new(),
        }
    }

    fn told(&mut self, now: SimTime, message: OperatorMessage, out: &mut Out) {
        let Operator { terminal, roll, agenda, resolves, adjusts, .. } = self;
        let mut desk = Desk { now, terminal, roll, out };
        match message {
            OperatorMessage::Form => {
                self.form = Some(Form::start(desk.roll.cluster.clone(), desk.terminal, desk.out));
            }
            OperatorMessage::Begin => agenda.begin(&mut desk),
            OperatorMessage::Go { op } => agenda.go(op, &mut desk),
            OperatorMessage::Seen { op } => agenda.seen(op, &mut desk),
            OperatorMessage::Missed { ops } => agenda.missed(&ops, &mut desk),
            OperatorMessage::Resolve { fault, targets } => {
                resolves.extend(Resolve::start(fault, targets, &mut desk));
            }
            OperatorMessage::Adjust { fault, node, set } => {
                adjusts.push(Adjust::start(fault, node, &set, &mut desk));
            }
            OperatorMessage::Restore { fault } => restore(adjusts, fault, &mut desk),
            OperatorMessage::BusSeen { node, to, summary } => {
                agenda.bus_seen(node, to, &summary, &mut desk);
            }
            OperatorMessage::NodeLife { node, alive: true } => {
                desk.roll.dead.remove(&node);
            }
            OperatorMessage::NodeLife { node, alive: false } => {
                desk.roll.dead.insert(node);
                agenda.node_ended(node, &mut desk);
            }
            OperatorMessage::Tick { token } => self.ticked(now, token, out),
            OperatorMessage::Cease => agenda.cease(&mut desk),
        }
    }

    fn ticked(&mut self, now: SimTime, token: u64, out: &mut Out) {
        self.terminal.due(token);
        if let Some(form) = &mut self.form {
            let formation = form.ticked(token, &mut self.terminal, out);
            self.formation(formation, out);
        }
        let mut desk = Desk { now, terminal: &mut self.terminal, roll: &mut self.roll, out };
        self.agenda.ticked(token, &mut desk);
        self.resolves.retain_mut(|resolve| !resolve.ticked(token, &mut desk));
    }

    fn answered(&mut self, now: SimTime, answer: &Answer, out: &mut Out) {
        if let Some(form) = &mut self.form {
            let formation = form.answered(answer, &mut self.terminal, out);
            self.formation(formation, out);
        }
        let mut desk = Desk { now, terminal: &mut self.terminal, roll: &mut self.roll, out };
        self.agenda.answered(answer, &mut desk);
        self.resolves.retain_mut(|resolve| !resolve.answered(answer, &mut desk));
        self.adjusts.retain_mut(|adjust| !adjust.answered(answer, &mut desk));
    }

    fn formation(&mut self, formation: Forming, out: &mut Out) {
        let message = match formation {
            Forming::Working => return,
            Forming::Formed(names) => {
                self.roll.names = names.iter().map(|(node, name)| (name.clone(), *node)).collect();
                self.roll.current = names;
                DirectorMessage::Formed
            }
            Forming::Failed(why) => DirectorMessage::FormationFailed { why },
        };
        self.form = None;
        out.send(ActorId::Director, Message::Director(message));
    }
}

/// Undoes what a fault changed; nothing is left of it where the process ended.
fn restore(adjusts: &mut [Adjust], fault: FaultId, desk: &mut Desk) {
    match adjusts.iter_mut().find(|adjust| adjust.fault == fault) {
        Some(adjust) => adjust.undo(desk),
        None => tell_restored(fault, desk),
    }
}

impl Actor for Operator {
    fn describe(&self, message: &Message) -> Body {
        match message {
            Message::Operator(OperatorMessage::Tick { token }) => {
                let purpose = self.terminal.purpose(*token).unwrap_or("operator: stale");
                Body::Timer { purpose: purpose.to_owned() }
            }
            other => other.body(),
        }
    }

    fn handle(&mut self, now: SimTime, message: Message, out: &mut Out) {
        match message {
            Message::Operator(message) => self.told(now, message, out),
            Message::Arrived(arrived) => self.terminal.arrived(arrived, out),
            other => panic!("the operator was told {other:?}"),
        }
        while let Some(answer) = self.terminal.next_answer() {
            self.answered(now, &answer, out);
        }
    }
}

#[cfg(test)]
mod tests;
