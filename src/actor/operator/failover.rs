//! `CLUSTER FAILOVER`: picks a replica, asks it to take over, and watches whether it does.
//!
//! `OK` means only that the replica will try, so its own view of the cluster is read until it owns the slots under a
//! new epoch. What it asks of others meanwhile shows on the cluster bus, where chaos waits for it.

use super::lookup::{Found, Lookup};
use super::progress::Progress;
use super::roll::Parts;
use super::{Desk, reply};
use crate::actor::message::{ChaosMessage, Message};
use crate::actor::session::{Answer, SessionError};
use crate::event::{Body, BusSummary, MessageType};
use crate::id::{ActorId, NodeId, ShardId};
use crate::op::{FailoverMode, OpId};
use crate::time::{SimDuration, SimTime};
use crate::wire::Role;
use crate::wire::cluster_nodes::ClusterNodes;

/// How often the replica's view is read.
const LOOK_EVERY: SimDuration = SimDuration::from_ms(20);
/// Twice the time after which a replica gives a manual failover up (`CLUSTER_MF_TIMEOUT` of the server).
const MANUAL_FAILOVER_MS: u64 = 10_000;

/// A failover under way.
#[derive(Debug)]
pub(super) struct Failover {
    op: OpId,
    shard: ShardId,
    mode: FailoverMode,
    to: Option<NodeId>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Who plays which part now?
    Looking(Lookup),
    /// The replica was asked.
    Asked(Attempt),
}

#[derive(Debug)]
struct Attempt {
    target: NodeId,
    primary: NodeId,
    /// The epoch of the primary's slots beforehand.
    epoch: u64,
    since: SimTime,
    command: u64,
    deadline: u64,
    /// The question for the replica's view, or the timer until the next.
    look: u64,
    /// Which steps were seen on the cluster bus, one bit each.
    steps: u8,
}

impl Failover {
    /// Begins with a look at the cluster.
    pub fn start(
        op: OpId,
        shard: ShardId,
        mode: FailoverMode,
        to: Option<NodeId>,
        desk: &mut Desk,
    ) -> (Self, Progress) {
        let (lookup, found) = Lookup::start(desk);
        let mut failover = Failover { op, shard, mode, to, stage: Stage::Looking(lookup) };
        let progress = failover.found(found, desk);
        (failover, progress)
    }

    /// Takes an answer, if it is one of its own.
    pub fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> Progress {
        match &mut self.stage {
            Stage::Looking(lookup) => {
                let found = lookup.answered(answer, desk);
                self.found(found, desk)
            }
            Stage::Asked(attempt) if answer.tag == attempt.command => self.replied(answer, desk),
            Stage::Asked(attempt) if answer.tag == attempt.look => self.looked(answer, desk),
            Stage::Asked(_) => Progress::Working,
        }
    }

    /// Takes a timer that is due, if it is one of its own.
    pub fn ticked(&mut self, token: u64, desk: &mut Desk) -> Progress {
        match &mut self.stage {
            Stage::Looking(lookup) => {
                let found = lookup.ticked(token, desk);
                self.found(found, desk)
            }
            Stage::Asked(attempt) if token == attempt.deadline => {
                let text =
                    format!("{} did not take over {} from {}", attempt.target, self.shard, attempt.primary);
                not_done(format!("{text} within {} s", desk.now.since(attempt.since).as_secs_f64()))
            }
            Stage::Asked(attempt) => {
                if token == attempt.look {
                    attempt.look(desk);
                }
                Progress::Working
            }
        }
    }

    /// A node's process ended.
    pub fn node_ended(&mut self, node: NodeId) -> Progress {
        match &self.stage {
            Stage::Asked(attempt) if attempt.target == node => {
                not_done(format!("{node} ended before it took over {}", self.shard))
            }
            _ => Progress::Working,
        }
    }

    /// Tells chaos of each step when it shows on the cluster bus for the first time.
    pub fn bus_seen(&mut self, node: NodeId, to: NodeId, summary: &BusSummary, desk: &mut Desk) {
        let Stage::Asked(attempt) = &mut self.stage else {
            return;
        };
        if let Some(step) = attempt.step(node, to, summary).filter(|step| attempt.steps & (1 << step) == 0) {
            attempt.steps |= 1 << step;
            tell(ChaosMessage::BusStep { op: self.op, step }, desk);
        }
    }

    fn found(&mut self, found: Found, desk: &mut Desk) -> Progress {
        let Found::Seen(view) = found else {
            return Progress::Working;
        };
        match self.choose(view.as_ref(), desk) {
            Ok((target, parts)) => self.ask(target, &parts, desk),
            Err(why) => return not_done(why),
        }
        Progress::Working
    }

    fn choose(&self, view: Option<&ClusterNodes>, desk: &Desk) -> Result<(NodeId, Parts), String> {
        let shard = self.shard;
        let view = view.ok_or("nobody answers")?;
        let parts = desk.roll.parts(view, shard).ok_or(format!("{shard} has no primary"))?;
        let target = match self.to {
            Some(to) if to == parts.primary => Err(format!("{to} is the primary of {shard} already")),
            Some(to) if !parts.replicas.contains(&to) => Err(format!("{to} is no replica of {shard}")),
            Some(to) if desk.roll.dead.contains(&to) => Err(format!("{to} is down")),
            Some(to) => Ok(to),
            None if parts.healthy == 0 => Err(format!("{shard} has no healthy replica")),
            None => Ok(parts.replicas[0]),
        };
        Ok((target?, parts))
    }

    fn ask(&mut self, target: NodeId, parts: &Parts, desk: &mut Desk) {
        let primary = parts.primary;
        if self.to.is_none() {
            let why = format!("first healthy replica of {primary}, the primary of {}", self.shard);
            desk.out.note(Body::Picked { node: target, why });
        }
        let args: &[&str] = match self.mode {
            FailoverMode::Default => &["CLUSTER", "FAILOVER"],
            FailoverMode::Force => &["CLUSTER", "FAILOVER", "FORCE"],
            FailoverMode::Takeover => &["CLUSTER", "FAILOVER", "TAKEOVER"],
        };
        let text = format!("{} to {target}, a replica of {primary} in {}", args.join(" "), self.shard);
        desk.out.note(Body::Operation { op: self.op, text });
        let limit_ms = MANUAL_FAILOVER_MS.max(4 * desk.roll.cluster.node_timeout_ms + 5_000);
        let limit = SimDuration::from_ms(limit_ms);
        self.stage = Stage::Asked(Attempt {
            target,
            primary,
            epoch: parts.epoch,
            since: desk.now,
            command: desk.terminal.ask(target, args, desk.out),
            deadline: desk.terminal.set_timer(limit, "failover: give up", desk.out),
            look: 0,
            steps: 0,
        });
    }

    fn replied(&mut self, answer: &Answer, desk: &mut Desk) -> Progress {
        let Stage::Asked(attempt) = &mut self.stage else {
            return Progress::Working;
        };
        let op = self.op;
        match &answer.result {
            Ok(value) => {
                desk.out.note(reply::note(op, value));
                tell(ChaosMessage::OperationAccepted { op }, desk);
            }
            Err(SessionError::Server(error)) => {
                let text = error.to_string();
                desk.out.note(reply::note_error(op, error));
                return not_done(format!("{} refused: {text}", attempt.target));
            }
            Err(SessionError::NotSent(why)) => return not_done(format!("{}: {why}", attempt.target)),
            // It may have been heard, so what comes of it is still to be seen.
            Err(SessionError::Lost(_)) => {}
        }
        attempt.look(desk);
        Progress::Working
    }

    fn looked(&mut self, answer: &Answer, desk: &mut Desk) -> Progress {
        let Stage::Asked(attempt) = &mut self.stage else {
            return Progress::Working;
        };
        let text = answer.result.as_ref().ok().and_then(|value| reply::text(value).ok());
        let view = text.and_then(|text| ClusterNodes::parse(&text).ok());
        let ended = view.and_then(|view| attempt.judge(&view, self.shard, desk));
        if ended.is_none() {
            attempt.look = desk.terminal.set_timer(LOOK_EVERY, "failover: look again", desk.out);
        }
        ended.unwrap_or(Progress::Working)
    }
}

impl Attempt {
    fn look(&mut self, desk: &mut Desk) {
        self.look = desk.terminal.ask(self.target, &["CLUSTER", "NODES"], desk.out);
    }

    /// Whether the replica's own view says how it ended.
    fn judge(&self, view: &ClusterNodes, shard: ShardId, desk: &Desk) -> Option<Progress> {
        let (owner, entry) = desk.roll.owner(view, shard)?;
        if owner != self.target {
            let other = owner != self.primary;
            return other.then(|| not_done(format!("{owner} took over {shard} instead of {}", self.target)));
        }
        let over = entry.role() == Some(Role::Primary) && entry.config_epoch > self.epoch;
        over.then(|| {
            let s = desk.now.since(self.since).as_secs_f64();
            let (from, epoch, now) = (self.primary, self.epoch, entry.config_epoch);
            let text = format!("{owner} took over {shard} from {from} in {s:.3} s, epoch {epoch} -> {now}");
            Progress::Ended { done: true, text }
        })
    }

    /// Which step of this failover a message of the cluster bus is.
    fn step(&self, node: NodeId, to: NodeId, summary: &BusSummary) -> Option<u8> {
        match summary.r#type {
            MessageType::MFSTART if node == self.target => Some(0),
            MessageType::PING if node == self.primary => Some(1),
            MessageType::FAILOVER_AUTH_REQUEST if node == self.target => Some(2),
            MessageType::FAILOVER_AUTH_ACK if to == self.target => Some(3),
            _ => None,
        }
    }
}

fn not_done(text: String) -> Progress {
    Progress::Ended { done: false, text }
}

fn tell(message: ChaosMessage, desk: &mut Desk) {
    desk.out.send(ActorId::Chaos, Message::Chaos(message));
}
