//! The person who operates the cluster: forms it, asks for failovers, types commands, and looks up who is who.
//!
//! It speaks to nodes as anybody could, over connections that faults leave alone, and believes only what nodes
//! answer. When an operation may start, and whom a fault hits, is between it and chaos.

mod form;
mod reply;
mod terminal;

use self::form::{Form, Formation};
use self::terminal::Terminal;
use super::message::{DirectorMessage, Message, OperatorMessage};
use super::session::Answer;
use super::{Actor, Out};
use crate::event::Body;
use crate::id::ActorId;
use crate::plan::{ClusterPlan, Plan};
use crate::time::SimTime;

/// The operator.
#[derive(Debug)]
pub struct Operator {
    cluster: ClusterPlan,
    terminal: Terminal,
    form: Option<Form>,
}

impl Operator {
    /// The operator of a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        Operator { cluster: plan.cluster.clone(), terminal: Terminal::new(), form: None }
    }

    fn told(&mut self, _now: SimTime, message: OperatorMessage, out: &mut Out) {
        match message {
            OperatorMessage::Form => {
                self.form = Some(Form::start(self.cluster.clone(), &mut self.terminal, out));
            }
            OperatorMessage::Tick { token } => self.ticked(token, out),
            _ => {}
        }
    }

    fn ticked(&mut self, token: u64, out: &mut Out) {
        self.terminal.due(token);
        if let Some(form) = &mut self.form {
            let formation = form.ticked(token, &mut self.terminal, out);
            self.formation(formation, out);
        }
    }

    fn answered(&mut self, answer: &Answer, out: &mut Out) {
        if let Some(form) = &mut self.form {
            let formation = form.answered(answer, &mut self.terminal, out);
            self.formation(formation, out);
        }
    }

    fn formation(&mut self, formation: Formation, out: &mut Out) {
        let message = match formation {
            Formation::Working => return,
            Formation::Formed(_) => DirectorMessage::Formed,
            Formation::Failed(why) => DirectorMessage::FormationFailed { why },
        };
        self.form = None;
        out.send(ActorId::Director, Message::Director(message));
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
            Message::Arrived(arrived) => {
                for answer in self.terminal.arrived(arrived, out) {
                    self.answered(&answer, out);
                }
            }
            other => panic!("the operator was told {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
