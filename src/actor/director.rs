//! The director: which part of a run follows which.
//!
//! It starts the servers, lets the operator form the cluster, opens the run, waits until operations, faults and
//! clients are through, and then lets the validator judge. It knows nothing of what the others do.

use std::collections::BTreeMap;

use super::message::{
    ChaosMessage, ClientMessage, DirectorMessage, GuestMessage, Message, NodeMessage, OperatorMessage,
    ValidatorMessage,
};
use super::{Act, Actor, Out};
use crate::event::{Body, Phase};
use crate::id::{ActorId, ClientId, GuestId, NodeId};
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};

/// How long a run without clients works.
const WORKING: SimDuration = SimDuration::from_secs(10);

/// The phases of a run.
pub struct Director {
    nodes: Vec<NodeId>,
    /// Which of them begin with another server than the run's.
    servers: BTreeMap<NodeId, String>,
    clients: Vec<ClientId>,
    phase: Phase,
    operations_done: bool,
    faults_done: bool,
    clients_working: usize,
    guests: Vec<GuestId>,
    guests_working: usize,
    patience: SimDuration,
    /// A fault or an operation waits for something to be seen.
    has_cues: bool,
}

impl Director {
    /// The director of a plan.
    pub fn new(plan: &Plan) -> Self {
        let clients: Vec<ClientId> =
            (1..=plan.workload.as_ref().map_or(0, |workload| workload.clients)).map(ClientId).collect();
        Director {
            nodes: plan.cluster.nodes().collect(),
            servers: plan.cluster.servers.clone(),
            clients_working: clients.len(),
            clients,
            guests: plan.guests.iter().map(|guest| guest.id).collect(),
            guests_working: plan.guests.len(),
            phase: Phase::Form,
            operations_done: false,
            faults_done: false,
            patience: patience(plan),
            has_cues: plan.cues().next().is_some(),
        }
    }

    fn enter(&mut self, phase: Phase, out: &mut Out) {
        self.phase = phase;
        out.note(Body::Phase { phase });
    }

    fn begin(&mut self, out: &mut Out) {
        if self.nodes.is_empty() {
            self.wait_patiently(out);
            return self.run_guests_alone(out);
        }
        self.enter(Phase::Form, out);
        for (node, server) in &self.servers {
            let install = NodeMessage::Install { server: server.clone() };
            out.send(ActorId::Node(*node), Message::Node(install));
        }
        for (place, node) in (0..).zip(&self.nodes) {
            let start = Message::Node(NodeMessage::Start { incarnation: 1 });
            match started_after(place) {
                SimDuration::ZERO => out.send(ActorId::Node(*node), start),
                later => out.send_after(later, ActorId::Node(*node), start),
            }
        }
        out.send(ActorId::Operator, Message::Operator(OperatorMessage::Form));
        self.wait_patiently(out);
    }

    fn wait_patiently(&self, out: &mut Out) {
        out.send_after(self.patience, ActorId::Director, Message::Director(DirectorMessage::Overdue));
    }

    /// Without a cluster there are guests, and nothing that is done to it or judged of it.
    fn run_guests_alone(&mut self, out: &mut Out) {
        (self.operations_done, self.faults_done) = (true, true);
        self.enter(Phase::Run, out);
        self.begin_guests(out);
    }

    fn begin_guests(&self, out: &mut Out) {
        for guest in &self.guests {
            out.send(ActorId::Guest(*guest), Message::Guest(GuestMessage::Begin));
        }
    }

    fn run(&mut self, out: &mut Out) {
        self.enter(Phase::Run, out);
        out.send(ActorId::Validator, Message::Validator(ValidatorMessage::Begin));
        out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::Begin));
        out.send(ActorId::Operator, Message::Operator(OperatorMessage::Begin));
        for client in &self.clients {
            out.send(ActorId::Client(*client), Message::Client(ClientMessage::Begin));
        }
        self.begin_guests(out);
        if self.clients.is_empty() && self.guests.is_empty() {
            self.last_call(WORKING, out);
        }
    }

    /// Nobody waits for ever for something to be seen.
    fn last_call(&self, delay: SimDuration, out: &mut Out) {
        if self.has_cues {
            out.send_after(delay, ActorId::Chaos, Message::Chaos(ChaosMessage::LastCall));
        }
    }

    fn client_done(&mut self, out: &mut Out) {
        self.clients_working -= 1;
        self.last_call_if_idle(out);
    }

    fn guest_done(&mut self, out: &mut Out) {
        self.guests_working -= 1;
        self.last_call_if_idle(out);
    }

    fn last_call_if_idle(&self, out: &mut Out) {
        if self.clients_working == 0 && self.guests_working == 0 {
            self.last_call(SimDuration::ZERO, out);
        }
    }

    fn settle_if_through(&mut self, out: &mut Out) {
        let nobody_works = self.clients_working == 0 && self.guests_working == 0;
        let through = self.operations_done && self.faults_done && nobody_works;
        if through && self.phase == Phase::Run && self.nodes.is_empty() {
            self.finish(None, out);
        } else if through && self.phase == Phase::Run {
            self.enter(Phase::Settle, out);
            out.send(ActorId::Validator, Message::Validator(ValidatorMessage::Settle));
        }
    }

    fn finish(&mut self, unfinished: Option<String>, out: &mut Out) {
        if self.phase != Phase::Done {
            self.enter(Phase::Done, out);
            out.act(Act::Finish { unfinished });
        }
    }
}

/// When the node at this place in the cluster is started. A large one is not started at one instant: all its links would
/// be dialled, and their first messages under way, together. Nor slowly: who runs dials each of the others every 100 ms
/// until it is there (`clusterCron`).
fn started_after(place: u64) -> SimDuration {
    const AT_ONCE: u64 = 48;
    const APART: SimDuration = SimDuration::from_us(250);
    APART.times((place + 1).saturating_sub(AT_ONCE))
}

/// Longer than any sound run of this plan takes.
fn patience(plan: &Plan) -> SimDuration {
    /// Formation, and what each operation and fault may take beyond what the plan says.
    const SLACK_S: u64 = 300;
    /// What each command of a script may take if nobody answers it, and the next one waits.
    const COMMAND_S: u64 = 10;
    let mut total = SimDuration::from_secs(SLACK_S) + plan.limits.max_convergence_ns;
    if let Some(workload) = &plan.workload {
        let script = workload.commands.iter().map(|command| command.at_ns);
        total = total + script.max().unwrap_or_default().max(workload.duration_ns);
        total = total + SimDuration::from_secs(COMMAND_S).times(workload.commands.len() as u64);
    }
    for guest in &plan.guests {
        total = total + guest.at_ns + guest.timeout_ns;
    }
    for op in &plan.operations {
        total = total + op.delay_ns + SimDuration::from_secs(SLACK_S);
    }
    for fault in &plan.faults {
        total = total + fault.longest_ns() + SimDuration::from_secs(SLACK_S);
    }
    total
}

impl Actor for Director {
    fn handle(&mut self, now: SimTime, message: Message, out: &mut Out) {
        let Message::Director(message) = message else {
            unreachable!("only the director's own messages are for it");
        };
        match message {
            DirectorMessage::Begin => self.begin(out),
            DirectorMessage::Formed => self.run(out),
            DirectorMessage::FormationFailed { why } => {
                self.finish(Some(format!("the cluster was not formed: {why}")), out);
            }
            DirectorMessage::OperationsDone => self.operations_done = true,
            DirectorMessage::FaultsDone => self.faults_done = true,
            DirectorMessage::ClientDone => self.client_done(out),
            DirectorMessage::GuestDone => self.guest_done(out),
            DirectorMessage::Judged => self.finish(None, out),
            DirectorMessage::Overdue => {
                self.finish(Some(format!("the run was not through after {now} of virtual time")), out);
            }
        }
        self.settle_if_through(out);
    }
}

#[cfg(test)]
mod tests;
