//! A client of the workload: one operation after the other, sent to whom it takes for the owner of the key's slot.
//!
//! It follows redirections, waits out what passes, turns to other nodes when one is gone, and notes every invocation and
//! completion: those notes are the history that data checkers judge, so they must be true even where that is
//! inconvenient (`attempt.rs` decides). Nothing it keeps grows with the length of a run.

mod attempt;
mod database;
mod draws;
mod ears;
mod route;
mod script;
mod slot_owners;
mod voices;

use self::attempt::{Operation, Patience, State, Step};
use self::database::Selected;
use self::draws::Draws;
use self::route::Route;
use self::script::Script;
use self::voices::{Voice, Voices};
use super::message::{Arrived, ClientMessage, DirectorMessage, Message};
use super::session::Answer;
use super::{Actor, Out};
use crate::event::Body;
use crate::event_log::ClientDecisions;
use crate::history::{Outcome, Request};
use crate::id::{ActorId, ClientId, NodeId};
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};

/// One simulated client.
#[derive(Debug)]
pub struct Client {
    id: ClientId,
    me: ActorId,
    phase: Phase,
    draws: Draws,
    /// What is done instead of what is drawn.
    script: Option<Script>,
    voices: Voices,
    selected: Selected,
    route: Route,
    /// Operations invoked so far.
    sequence: u64,
    /// Asks made so far; each has the next number as its tag.
    tags: u64,
    open: Option<Operation>,
    /// The next operation was due while one was open.
    late: bool,
    patience: Patience,
    /// Whether it speaks the third version of the protocol.
    speaks_third: bool,
    /// The node that it asks first, and that may answer reads as a replica.
    pinned: Option<NodeId>,
    /// After how many operations it closes its connections.
    reconnect: Option<u64>,
    /// When the alarm that is set goes off; one serves many attempts, as most are over long before it.
    alarm: Option<SimTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Working,
    Stopping,
    /// Nothing more is asked; it hears out what it has subscribed to.
    Listening,
    Done,
}

impl Client {
    /// The client `id` of the plan's workload; nothing if there is none. What was `recorded` goes before what is drawn.
    pub fn new(id: ClientId, plan: &Plan, recorded: ClientDecisions) -> Option<Self> {
        let me = ActorId::Client(id);
        let timeout = plan.workload.as_ref().and_then(|workload| workload.timeout_ns);
        Some(Client {
            id,
            me,
            phase: Phase::Idle,
            draws: Draws::new(id, plan, recorded)?,
            script: plan.workload.as_ref().and_then(|workload| Script::of(id, workload)),
            voices: Voices::new(me, plan.cluster.password()),
            selected: Selected::default(),
            route: Route::laid_out(&plan.cluster),
            sequence: 0,
            tags: 0,
            open: None,
            late: false,
            patience: Patience::new(plan.network.latency.max_ns, timeout),
            speaks_third: plan.workload.as_ref().is_some_and(|workload| workload.protocol == 3),
            pinned: plan.workload.as_ref().filter(|workload| workload.pinned).map(|_| own_node(id, plan)),
            reconnect: plan.workload.as_ref().and_then(|workload| workload.reconnect),
            alarm: None,
        })
    }

    fn told(&mut self, now: SimTime, message: ClientMessage, out: &mut Out) {
        match message {
            ClientMessage::Begin => self.begin(now, out),
            ClientMessage::Next => self.next(now, out),
            ClientMessage::Alarm => self.alarmed(now, out),
            ClientMessage::Retry { sequence } => self.retry(now, sequence, out),
            ClientMessage::Stop => self.stop(out),
            ClientMessage::Cease => {
                self.script = None;
                self.stop(out);
            }
        }
    }

    fn begin(&mut self, now: SimTime, out: &mut Out) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Working;
            let first = match &mut self.script {
                Some(script) => {
                    script.begin(now);
                    script.gap(now)
                }
                None => Some(self.draws.first_gap()),
            };
            self.be_due_in(first, out);
            self.tell_self(self.draws.duration(), ClientMessage::Stop, out);
        }
    }

    fn next(&mut self, now: SimTime, out: &mut Out) {
        if !self.may_ask() {
            return;
        }
        self.late = self.open.is_some();
        if !self.late {
            self.sequence += 1;
            let (request, gap) = match &mut self.script {
                Some(script) => (script.next(), script.gap(now)),
                None => (Some(self.draws.request(self.sequence)), Some(self.draws.gap(out))),
            };
            self.be_due_in(gap, out);
            self.invoke(now, request.expect("a client is due while its script is not over"), out);
        }
    }

    fn be_due_in(&self, gap: Option<SimDuration>, out: &mut Out) {
        if let Some(gap) = gap {
            self.tell_self(gap, ClientMessage::Next, out);
        }
    }

    /// Whether anything more is asked. Of a script nothing is left out when the time is over.
    fn may_ask(&self) -> bool {
        match self.phase {
            Phase::Working => true,
            Phase::Stopping => self.script.as_ref().is_some_and(|script| !script.is_over()),
            Phase::Idle | Phase::Listening | Phase::Done => false,
        }
    }

    fn invoke(&mut self, now: SimTime, request: Request, out: &mut Out) {
        out.note(Body::Invoke { sequence: self.sequence, request: request.clone() });
        self.open = Some(Operation::new(self.sequence, request, now, self.patience));
        self.attempt_at_owner(now, out);
    }

    fn complete(&mut self, outcome: Outcome, out: &mut Out) {
        let operation = self.open.take().expect("an open operation is completed");
        self.selected.completed(&operation.request, &outcome);
        out.note(Body::Complete { sequence: operation.sequence, outcome, node: operation.answered });
        if self.reconnect.is_some_and(|every| operation.sequence.is_multiple_of(every)) {
            self.voices.fall_silent(out);
            self.voices.ears.sessions.close_all(out);
        }
        if self.phase == Phase::Stopping && !self.may_ask() {
            self.finish(out);
        } else if self.late {
            self.tell_self(SimDuration::ZERO, ClientMessage::Next, out);
        }
    }

    fn stop(&mut self, out: &mut Out) {
        match self.phase {
            Phase::Done => return,
            Phase::Listening => return self.hear_out(out),
            Phase::Idle | Phase::Working | Phase::Stopping => self.phase = Phase::Stopping,
        }
        if self.open.is_none() && !self.may_ask() {
            self.finish(out);
        }
    }

    fn finish(&mut self, out: &mut Out) {
        self.phase = Phase::Listening;
        self.voices.fall_silent(out);
        self.hear_out(out);
    }

    /// Waits for what is under way to what it has subscribed to, if anything, and for an answer behind it.
    fn hear_out(&mut self, out: &mut Out) {
        if let Some(pause) = self.voices.ears.hear_out(&mut self.tags, out) {
            return self.tell_self(pause, ClientMessage::Stop, out);
        }
        self.phase = Phase::Done;
        self.voices.ears.sessions.close_all(out);
        out.send(ActorId::Director, Message::Director(DirectorMessage::ClientDone));
    }

    fn attempt_at_owner(&mut self, now: SimTime, out: &mut Out) {
        let operation = self.open.as_ref().expect("an open operation is tried");
        let node = match self.pinned.filter(|_| operation.is_fresh() && operation.is_for_any_node()) {
            Some(node) => node,
            None => self.route.node_for(operation.slot(), &mut self.draws, out),
        };
        self.attempt(now, node, false, out);
    }

    fn attempt(&mut self, now: SimTime, node: NodeId, asking: bool, out: &mut Out) {
        let voice = self.voice();
        self.greet((voice, node), out);
        let before = self.tag();
        let operation = self.open.as_mut().expect("an open operation is tried");
        let first = self.tags + 1;
        self.tags += operation.command_count();
        let Some(until) = operation.attempt(node, self.tags, now) else {
            return self.complete(Outcome::Fail("too many attempts".to_owned()), out);
        };
        let asks = (first..).zip(operation.request.commands()).collect::<Vec<_>>();
        self.selected.asked((voice, node), &operation.request);
        if asking {
            // Nobody waits for its answer: what the command gets tells it all.
            self.voices.of(voice).ask(node, &["ASKING"], before, out);
        }
        self.voices.of(voice).ask_all(node, &asks, out);
        self.set_alarm(now, until, out);
    }

    /// Says on a connection that is to be made which version of the protocol it speaks, and that a replica may answer; and on any
    /// which database is meant, unless it is the one that the connection has selected.
    fn greet(&mut self, (voice, node): (Voice, NodeId), out: &mut Out) {
        if !self.voices.of(voice).has(node) {
            self.introduce((voice, node), out);
        }
        if let Some(database) = self.selected.missing((voice, node)).filter(|_| voice != Voice::Listens) {
            let tag = self.tag();
            self.selected.selecting((voice, node), tag);
            self.voices.of(voice).ask(node, &["SELECT", &database.to_string()], tag, out);
        }
    }

    fn introduce(&mut self, (voice, node): (Voice, NodeId), out: &mut Out) {
        self.selected.connects((voice, node));
        if voice == Voice::Keeps {
            for command in voices::introduction(self.id) {
                let tag = self.tag();
                self.selected.counts_on(tag);
                self.voices.of(voice).ask(node, command, tag, out);
            }
        }
        let hello = self.speaks_third.then_some(&["HELLO", "3"][..]).filter(|_| voice != Voice::Keeps);
        let replicas_too = self.pinned.map(|_| &["READONLY"][..]);
        for command in [hello, replicas_too].into_iter().flatten() {
            let tag = self.tag();
            self.voices.of(voice).ask(node, command, tag, out);
        }
    }

    /// Over which connections what is open is asked.
    fn voice(&self) -> Voice {
        self.open.as_ref().map_or(Voice::Asks, Operation::voice)
    }

    fn set_alarm(&mut self, now: SimTime, until: SimTime, out: &mut Out) {
        if self.alarm.is_none_or(|alarm| until < alarm) {
            self.alarm = Some(until);
            self.tell_self(until.since(now), ClientMessage::Alarm, out);
        }
    }

    /// The time of an attempt is up, or that of an earlier one would have been.
    fn alarmed(&mut self, now: SimTime, out: &mut Out) {
        self.alarm = self.alarm.filter(|alarm| *alarm > now);
        match self.open.as_ref().map(|operation| operation.state) {
            Some(State::Asked { node, until, .. }) if now >= until => {
                let voice = self.voice();
                let answers = self.voices.of(voice).drop_connection(node, out);
                self.answered(now, (voice, answers), out);
            }
            Some(State::Asked { until, .. }) => self.set_alarm(now, until, out),
            _ => {}
        }
    }

    fn retry(&mut self, now: SimTime, sequence: u64, out: &mut Out) {
        match self.state_of(sequence) {
            Some(State::Paused { until }) if now >= until => self.attempt_at_owner(now, out),
            _ => {}
        }
    }

    fn state_of(&self, sequence: u64) -> Option<State> {
        self.open.as_ref().filter(|operation| operation.sequence == sequence).map(|operation| operation.state)
    }

    fn answered(&mut self, now: SimTime, (voice, answers): (Voice, Vec<Answer>), out: &mut Out) {
        for answer in answers {
            if self.selected.is_refused(&answer) {
                // What was asked behind it was done in another database, or is not tracked, or will be.
                let lost = self.voices.of(voice).drop_connection(answer.node, out);
                return self.answered(now, (voice, lost), out);
            }
            let asked = self.open.as_ref().map(|operation| operation.state);
            match (asked, &mut self.open) {
                (Some(State::Asked { tag, .. }), _) if tag == answer.tag => self.step(now, answer, out),
                (Some(State::Asked { tag, .. }), Some(open))
                    if open.asks_before(tag).contains(&answer.tag) =>
                {
                    open.before_last(answer.result);
                }
                _ if self.voices.ears.has_asked(answer.tag) => self.heard_out(&answer, out),
                _ => self.route.answered(&answer),
            }
        }
    }

    /// The last question of all was answered: what was said before it has arrived.
    fn heard_out(&self, answer: &Answer, out: &mut Out) {
        if answer.is_reply() {
            out.note(Body::Pushed { node: answer.node, push: vec![ears::HEARD_OUT.to_owned()] });
        }
    }

    fn arrived(&mut self, now: SimTime, arrived: Arrived, out: &mut Out) {
        let voice = Voice::with_handle(arrived.handle);
        let sessions = self.voices.of(voice);
        let answers = sessions.arrived(arrived, out);
        for (node, push) in sessions.take_pushes() {
            out.note(Body::Pushed { node, push });
        }
        for (node, detail) in sessions.take_out_of_step() {
            self.note(Body::OutOfStep { node, detail }, out);
        }
        self.answered(now, (voice, answers), out);
    }

    fn step(&mut self, now: SimTime, answer: Answer, out: &mut Out) {
        let (node, replied) = (answer.node, answer.is_reply());
        let operation = self.open.as_mut().expect("its answer was just recognised");
        let step = operation.judge(answer.result);
        if replied {
            operation.answered = Some(node);
        } else {
            self.route.failed(node);
        }
        let stale = !replied || matches!(step, Step::PutOff { stale: true, .. });
        match step {
            Step::Complete(outcome) => self.complete(outcome, out),
            Step::Moved { slot, node: to } => {
                self.note(Body::Redirect { node, slot, to, ask: false }, out);
                self.route.moved(slot, to);
                self.redirected(now, to, false, out);
            }
            Step::Ask { slot, node: to } => {
                self.note(Body::Redirect { node, slot, to, ask: true }, out);
                self.redirected(now, to, true, out);
            }
            Step::PutOff { why, .. } => self.put_off(now, &why, out),
        }
        self.route.tried(node, !stale);
        if stale {
            self.refresh(now, out);
        }
    }

    /// Notes what logs of the first format do not tell.
    fn note(&self, body: Body, out: &mut Out) {
        if self.draws.tells_all() {
            out.note(body);
        }
    }

    fn redirected(&mut self, now: SimTime, node: NodeId, asking: bool, out: &mut Out) {
        let operation = self.open.as_mut().expect("an open operation is redirected");
        if operation.hop() {
            self.attempt(now, node, asking, out);
        } else {
            self.put_off(now, "redirected to and fro", out);
        }
    }

    /// Tries again after a pause, if there is time for one.
    fn put_off(&mut self, now: SimTime, why: &str, out: &mut Out) {
        let operation = self.open.as_mut().expect("an open operation is put off");
        let sequence = operation.sequence;
        match operation.pause(now) {
            Some(pause) => self.tell_self(pause, ClientMessage::Retry { sequence }, out),
            None => self.complete(Outcome::Fail(format!("no time left: {why}")), out),
        }
    }

    /// Asks some node for the owners of all slots, unless that was done a moment ago.
    fn refresh(&mut self, now: SimTime, out: &mut Out) {
        if matches!(self.phase, Phase::Listening | Phase::Done) || !self.route.refresh_due(now) {
            return;
        }
        if let Some(node) = self.route.silent() {
            // No operation is being asked when this is called, so none is lost with the connection.
            self.voices.of(Voice::Asks).drop_connection(node, out);
        }
        let tag = self.tag();
        let node = self.route.refresh(now, tag, &mut self.draws, out);
        self.greet((Voice::Asks, node), out);
        self.voices.of(Voice::Asks).ask(node, &["CLUSTER", "SLOTS"], tag, out);
    }

    fn tag(&mut self) -> u64 {
        self.tags += 1;
        self.tags
    }

    fn tell_self(&self, delay: SimDuration, message: ClientMessage, out: &mut Out) {
        out.send_after(delay, self.me, Message::Client(message));
    }
}

/// The node that a client asks first if it has one of its own.
fn own_node(client: ClientId, plan: &Plan) -> NodeId {
    NodeId((client.0 - 1) % plan.cluster.node_count() + 1)
}

impl Actor for Client {
    fn handle(&mut self, now: SimTime, message: Message, out: &mut Out) {
        match message {
            Message::Client(message) => self.told(now, message, out),
            Message::Arrived(arrived) => self.arrived(now, arrived, out),
            other => panic!("a client was told {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
