//! The validator: looks at the cluster while it runs, waits for it to settle, and reads it out in the end.
//!
//! It speaks to nodes as a client could, from a host that no fault touches, and only asks: but for one setting in the
//! very end, nothing it does changes a server's state. It judges nothing; what it found goes to the invariants.

mod census;
mod journal;
mod keys;
mod lag;
mod line;
mod probe_keys;
mod read_out;
mod resources;
mod round;
mod slots;
mod survey;
mod told;
mod watch;

use self::lag::Lag;
use self::line::{Line, Members, Scene, Timer};
use self::read_out::ReadOut;
use self::watch::Watch;
use super::message::{DirectorMessage, Message, ValidatorMessage};
use super::session::Answer;
use super::{Act, Actor, Out};
use crate::event::Body;
use crate::id::{ActorId, NodeId};
use crate::invariant::evidence::Findings;
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};

/// How long after the plan's limit of convergence a cluster is still waited for, so that a late convergence shows.
const GRACE: SimDuration = SimDuration::from_secs(10);

/// The validator.
#[derive(Debug)]
pub struct Validator {
    patience: SimDuration,
    latency_max: SimDuration,
    members: Members,
    line: Line,
    watch: Watch,
    lag: Lag,
    phase: Phase,
    settle_began_at: Option<SimTime>,
}

#[derive(Debug)]
enum Phase {
    Idle,
    Watching,
    Settling,
    Reading(Box<ReadOut>),
    Done,
}

impl Validator {
    /// The validator of a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let latency_max = plan.network.latency.max_ns;
        Validator {
            patience: plan.limits.max_convergence_ns + GRACE,
            latency_max,
            members: Members::new(plan),
            line: Line::new(plan.cluster.password()),
            watch: Watch::new(&plan.cluster),
            lag: Lag::new(),
            phase: Phase::Idle,
            settle_began_at: None,
        }
    }

    fn told(&mut self, now: SimTime, message: ValidatorMessage, out: &mut Out) {
        match message {
            ValidatorMessage::Begin => self.begin(now, out),
            ValidatorMessage::Disturbed { .. } => self.unsettle(now, out),
            ValidatorMessage::Settle => self.settle(now, out),
            ValidatorMessage::NodeExited { node, .. } => {
                // It stands in the log, where it is held against what the node said.
                out.act(Act::ReadNodesConf { node });
                self.life(now, (node, false), out);
            }
            ValidatorMessage::NodeStarted { node } => self.life(now, (node, true), out),
            ValidatorMessage::NodePaused { node, paused } => {
                self.members.set_paused(node, paused);
                self.changed(now, node, out);
            }
            ValidatorMessage::NodesConf { node, text } => self.read(now, (node, text), out),
            ValidatorMessage::Stirred { nodes } => {
                if matches!(self.phase, Phase::Watching | Phase::Settling) {
                    let scene = &mut scene(now, &mut self.members, &mut self.line, out);
                    self.watch.stirred(&nodes, scene);
                    self.take(now, &[], out);
                }
            }
            ValidatorMessage::Tick { token } => self.ticked(now, token, out),
        }
    }

    /// A node's file was read, which the last look may wait for.
    fn read(&mut self, now: SimTime, (node, text): (NodeId, Option<String>), out: &mut Out) {
        if let Phase::Reading(reading) = &mut self.phase {
            reading.read(node, text, &mut scene(now, &mut self.members, &mut self.line, out));
            self.take(now, &[], out);
        }
    }

    fn life(&mut self, now: SimTime, (node, alive): (NodeId, bool), out: &mut Out) {
        self.members.set_alive(node, alive);
        self.changed(now, node, out);
    }

    /// What a node said before holds no more, and the cluster may have to converge again.
    fn changed(&mut self, now: SimTime, node: NodeId, out: &mut Out) {
        self.watch.forget(node);
        self.unsettle(now, out);
    }

    fn begin(&mut self, now: SimTime, out: &mut Out) {
        if matches!(self.phase, Phase::Idle) {
            self.phase = Phase::Watching;
            self.unsettle(now, out);
            scene(now, &mut self.members, &mut self.line, out).set(Timer::Offsets, SimDuration::ZERO);
        }
    }

    fn unsettle(&mut self, now: SimTime, out: &mut Out) {
        if matches!(self.phase, Phase::Watching | Phase::Settling) {
            self.watch.unsettle(&mut scene(now, &mut self.members, &mut self.line, out));
        }
    }

    fn settle(&mut self, now: SimTime, out: &mut Out) {
        if matches!(self.phase, Phase::Idle | Phase::Watching) {
            self.phase = Phase::Settling;
            self.settle_began_at = Some(now);
            self.unsettle(now, out);
            let scene = &mut scene(now, &mut self.members, &mut self.line, out);
            self.lag.settle(scene);
            scene.set(Timer::SettleOverdue, self.patience);
        }
    }

    fn ticked(&mut self, now: SimTime, token: u64, out: &mut Out) {
        let Some(timer) = self.line.due(token) else {
            return;
        };
        let late = self.due(timer, &mut Asides { now, out });
        self.take(now, &late, out);
    }

    /// What a timer is for; answers from connections that were given up come of it.
    fn due(&mut self, timer: Timer, asides: &mut Asides) -> Vec<Answer> {
        let scene = &mut scene(asides.now, &mut self.members, &mut self.line, asides.out);
        match (timer, &mut self.phase) {
            (Timer::SettleOverdue, Phase::Settling) => self.read_out(asides),
            (_, Phase::Reading(reading)) => match timer {
                Timer::Census => reading.ask_again(scene),
                Timer::Replicas => reading.ask_replicas(scene),
                Timer::ReadOut | Timer::OffsetsOverdue => return reading.overdue(scene),
                _ => {}
            },
            (Timer::Survey, _) => self.watch.due(scene),
            (Timer::SurveyOverdue, _) => return self.watch.overdue(scene),
            (Timer::Offsets, _) => self.lag.begin(scene),
            (Timer::OffsetsOverdue, _) => return self.lag.overdue(scene),
            _ => {}
        }
        Vec::new()
    }

    /// Takes answers, and goes on to what they make possible.
    fn take(&mut self, now: SimTime, answers: &[Answer], out: &mut Out) {
        let scene = &mut scene(now, &mut self.members, &mut self.line, out);
        for answer in answers {
            match &mut self.phase {
                Phase::Reading(reading) => reading.answered(answer, scene),
                _ => {
                    self.watch.answered(answer, scene);
                    self.lag.answered(answer, scene);
                }
            }
        }
        // A look at replication from before all agreed may have taken a primary to be for one that is none any more.
        let settled = self.watch.settled_since().is_some_and(|since| self.lag.is_quiet_since(since));
        let read = match &mut self.phase {
            Phase::Reading(reading) => reading.go_on(scene),
            _ => false,
        };
        match self.phase {
            Phase::Settling if settled => self.read_out(&mut Asides { now, out }),
            Phase::Reading(_) if read => self.present(now, out),
            _ => {}
        }
    }

    fn read_out(&mut self, Asides { now, out }: &mut Asides) {
        let scene = &mut scene(*now, &mut self.members, &mut self.line, out);
        self.watch.stop(scene);
        self.lag.stop(scene);
        scene.line.cancel(Timer::SettleOverdue);
        let reading = ReadOut::begin(self.lag.replicas().clone(), self.latency_max, scene);
        self.phase = Phase::Reading(Box::new(reading));
    }

    fn present(&mut self, now: SimTime, out: &mut Out) {
        let Phase::Reading(mut reading) = std::mem::replace(&mut self.phase, Phase::Done) else {
            unreachable!("it was read out just now");
        };
        let scene = &mut scene(now, &mut self.members, &mut self.line, out);
        let nodes = reading.finish(scene);
        if let Some(survey) = reading.take_survey() {
            self.watch.conclude(&survey, scene);
        }
        scene.line.cancel(Timer::ReadOut);
        scene.close_all();
        let findings = Findings {
            ended_at: now,
            settle_began_at: self.settle_began_at,
            nodes,
            agreement: self.watch.take_agreement(),
            lag_samples: self.lag.take_samples(),
        };
        out.act(Act::Present { findings: Box::new(findings) });
        out.send(ActorId::Director, Message::Director(DirectorMessage::Judged));
    }
}

/// The instant, and what is put aside for the scheduler.
struct Asides<'a> {
    now: SimTime,
    out: &'a mut Out,
}

fn scene<'a>(now: SimTime, members: &'a mut Members, line: &'a mut Line, out: &'a mut Out) -> Scene<'a> {
    Scene { now, members, line, out }
}

impl Actor for Validator {
    fn describe(&self, message: &Message) -> Body {
        match message {
            Message::Validator(ValidatorMessage::Tick { token }) => {
                Body::Timer { purpose: self.line.purpose(*token).to_owned() }
            }
            other => other.body(),
        }
    }

    fn handle(&mut self, now: SimTime, message: Message, out: &mut Out) {
        match message {
            Message::Validator(message) => self.told(now, message, out),
            Message::Arrived(arrived) => {
                let answers = self.line.arrived(arrived, out);
                self.take(now, &answers, out);
            }
            other => unreachable!("no message {other:?} is for the validator"),
        }
    }
}

#[cfg(test)]
mod tests;
