//! `CLUSTER FAILOVER`: picks a replica, asks it to take over, and watches whether it does.
//!
//! `OK` means only that the replica will try, so its own view of the cluster is read until it owns the slots under a
//! new epoch. What it asks of others meanwhile shows on the cluster bus, where chaos waits for it. Roles may have
//! changed just before: where nobody fits, or who was picked refuses, the operator looks again a few times. A plan that
//! names the node gets what it asks for: the command is sent there, whatever the node is, and the first answer counts.

use super::job::{Doing, Job};
use super::lookup::{Found, Lookup};
use super::progress::Progress;
use super::roll::Views;
use super::{Desk, pace, reply};
use crate::actor::message::{ChaosMessage, Message};
use crate::actor::session::{Answer, SessionError};
use crate::event::{Body, BusSummary, MessageType};
use crate::id::{ActorId, NodeId, ShardId};
use crate::op::{Ending, Failover as Planned, FailoverMode, Op, OpId};
use crate::time::{SimDuration, SimTime};
use crate::wire::Role;
use crate::wire::cluster_nodes::ClusterNodes;

/// Twice the time after which a replica gives a manual failover up (`CLUSTER_MF_TIMEOUT` of the server).
const MANUAL_FAILOVER_MS: u64 = 10_000;
/// How often the cluster is looked at again after the first time.
const LOOKS_AGAIN: u32 = 4;
/// The part of the node timeout that passes between two looks at the cluster.
const TIMEOUT_PER_LOOK: u64 = 10;

/// A failover under way.
#[derive(Debug)]
pub(super) struct Failover {
    op: OpId,
    shard: ShardId,
    mode: FailoverMode,
    to: Option<NodeId>,
    looks_left: u32,
    /// Who was asked and refused, and the epoch of the shard's slots before.
    refused: Option<(NodeId, u64)>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Who plays which part now?
    Looking(Lookup),
    /// Nobody fitted, or who did refused; the timer until the next look.
    Waiting(u64),
    /// The replica was asked.
    Asked(Attempt),
}

#[derive(Debug)]
struct Attempt {
    target: NodeId,
    shard: ShardId,
    /// The shard's primary beforehand, if anybody knows it.
    primary: Option<NodeId>,
    /// The epoch of its slots then.
    epoch: u64,
    since: SimTime,
    command: u64,
    deadline: u64,
    /// The question for the replica's view, or the timer until the next.
    look: u64,
    /// Which steps were seen on the cluster bus, one bit each.
    steps: u8,
}

/// Whom to ask, and how the shard stands before.
struct Choice {
    target: NodeId,
    shard: ShardId,
    before: Option<(NodeId, u64)>,
}

impl Doing for Planned {
    /// Begins with a look at the cluster.
    fn start(&self, op: &Op, desk: &mut Desk) -> (Box<dyn Job>, Progress) {
        let Planned { shard, mode, to } = *self;
        let (lookup, found) = Lookup::start(&[shard], desk);
        let stage = Stage::Looking(lookup);
        let (op, looks_left, refused) = (op.id, LOOKS_AGAIN, None);
        let mut failover = Failover { op, shard, mode, to, looks_left, refused, stage };
        let progress = failover.found(found, desk);
        (Box::new(failover), progress)
    }
}

impl Job for Failover {
    /// Takes an answer, if it is one of its own.
    fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> Progress {
        match &mut self.stage {
            Stage::Looking(lookup) => {
                let found = lookup.answered(answer, desk);
                self.found(found, desk)
            }
            Stage::Asked(attempt) if answer.tag == attempt.command => self.replied(answer, desk),
            Stage::Asked(attempt) if answer.tag == attempt.look => self.looked(answer, desk),
            Stage::Asked(_) | Stage::Waiting(_) => Progress::Working,
        }
    }

    /// Takes a timer that is due, if it is one of its own.
    fn ticked(&mut self, token: u64, desk: &mut Desk) -> Progress {
        match &mut self.stage {
            Stage::Looking(lookup) => {
                let found = lookup.ticked(token, desk);
                self.found(found, desk)
            }
            Stage::Waiting(timer) if *timer == token => {
                let (lookup, found) = Lookup::start(&[self.shard], desk);
                self.stage = Stage::Looking(lookup);
                self.found(found, desk)
            }
            Stage::Asked(attempt) if token == attempt.deadline => attempt.given_up(desk.now),
            Stage::Asked(attempt) if token == attempt.look => {
                attempt.look(desk);
                Progress::Working
            }
            Stage::Asked(_) | Stage::Waiting(_) => Progress::Working,
        }
    }

    /// A node's process ended.
    fn node_ended(&mut self, node: NodeId, _desk: &mut Desk) -> Progress {
        match &self.stage {
            Stage::Asked(attempt) if attempt.target == node => {
                ended(Ending::NoEffect, format!("{node} ended before it took over {}", attempt.shard))
            }
            _ => Progress::Working,
        }
    }

    /// Tells chaos of each step when it shows on the cluster bus for the first time.
    fn bus_seen(&mut self, node: NodeId, to: NodeId, summary: &BusSummary, desk: &mut Desk) {
        let Stage::Asked(attempt) = &mut self.stage else {
            return;
        };
        if let Some(step) = attempt.step(node, to, summary).filter(|step| attempt.steps & (1 << step) == 0) {
            attempt.steps |= 1 << step;
            tell(ChaosMessage::BusStep { op: self.op, step }, desk);
        }
    }
}

impl Failover {
    fn found(&mut self, found: Found, desk: &mut Desk) -> Progress {
        let Found::Seen(views) = found else {
            return Progress::Working;
        };
        if let Some(progress) = self.took_over_anyway(&views, desk) {
            return progress;
        }
        match self.choose(&views, desk) {
            Ok(choice) => self.ask(&choice, desk),
            Err(why) => return self.look_again(ended(Ending::NotSent, why), desk),
        }
        Progress::Working
    }

    /// Whether the node that refused leads the shard by now: an election of its own was quicker.
    fn took_over_anyway(&self, views: &Views, desk: &Desk) -> Option<Progress> {
        let (node, before) = self.refused?;
        let parts = desk.roll.parts(views, self.shard)?;
        (parts.primary == node && parts.epoch > before).then(|| {
            let text = format!("{node} took over {} before it was asked", self.shard);
            ended(Ending::Done, format!("{text}, epoch {before} -> {}", parts.epoch))
        })
    }

    /// Looks again after a while, unless that was done often enough; then `otherwise` is how it ended.
    fn look_again(&mut self, otherwise: Progress, desk: &mut Desk) -> Progress {
        let Some(left) = self.looks_left.checked_sub(1) else {
            return otherwise;
        };
        self.looks_left = left;
        let pause = SimDuration::from_ms(desk.roll.cluster.node_timeout_ms / TIMEOUT_PER_LOOK);
        self.stage = Stage::Waiting(desk.terminal.set_timer(pause, "failover: look again", desk.out));
        Progress::Working
    }

    fn choose(&self, views: &Views, desk: &Desk) -> Result<Choice, String> {
        let shard = self.to.and_then(|to| desk.roll.shard_followed(views, to)).unwrap_or(self.shard);
        let parts = desk.roll.parts(views, shard);
        let before = parts.as_ref().map(|parts| (parts.primary, parts.epoch));
        if let Some(target) = self.to {
            // It takes over from whom it knows itself, whatever happened where it does not hear of it.
            let own = views.0.get(&target).and_then(|view| desk.roll.owner(view, shard));
            let own = own.map(|(primary, entry)| (primary, entry.config_epoch));
            return Ok(Choice { target, shard, before: own.or(before) });
        }
        if views.0.is_empty() {
            return Err("nobody answers".to_owned());
        }
        let parts = parts.ok_or(format!("{shard} has no primary"))?;
        match parts.replicas.first() {
            Some(target) if parts.healthy > 0 => Ok(Choice { target: *target, shard, before }),
            _ => Err(format!("{shard} has no healthy replica")),
        }
    }

    fn ask(&mut self, choice: &Choice, desk: &mut Desk) {
        let Choice { target, shard, before } = *choice;
        let primary = before.map(|(primary, _)| primary);
        let named = primary.map_or("nobody known".to_owned(), |primary| primary.to_string());
        if self.to.is_none() {
            let why = format!("first healthy replica of {named}, the primary of {shard}");
            desk.out.note(Body::Picked { node: target, why });
        }
        let args: &[&str] = match self.mode {
            FailoverMode::Default => &["CLUSTER", "FAILOVER"],
            FailoverMode::Force => &["CLUSTER", "FAILOVER", "FORCE"],
            FailoverMode::Takeover => &["CLUSTER", "FAILOVER", "TAKEOVER"],
        };
        let part = match primary {
            Some(primary) if primary == target => format!("the primary of {shard}"),
            _ => format!("a replica of {named} in {shard}"),
        };
        let text = format!("{} to {target}, {part}", args.join(" "));
        desk.out.note(Body::Operation { op: self.op, text });
        let limit_ms = MANUAL_FAILOVER_MS.max(4 * desk.roll.cluster.node_timeout_ms + 5_000);
        let limit = SimDuration::from_ms(limit_ms);
        self.stage = Stage::Asked(Attempt {
            target,
            shard,
            primary,
            epoch: before.map_or(0, |(_, epoch)| epoch),
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
                let refused = ended(Ending::Refused, format!("{} refused: {text}", attempt.target));
                self.refused = Some((attempt.target, attempt.epoch));
                return if self.to.is_some() { refused } else { self.look_again(refused, desk) };
            }
            Err(SessionError::NotSent(why)) => {
                let unsent = ended(Ending::NotSent, format!("{}: {why}", attempt.target));
                return if self.to.is_some() { unsent } else { self.look_again(unsent, desk) };
            }
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
        let ended = view.and_then(|view| attempt.judge(&view, desk));
        if ended.is_none() {
            let pause = pace::pause(desk.now.since(attempt.since));
            attempt.look = desk.terminal.set_timer(pause, "failover: look again", desk.out);
        }
        ended.unwrap_or(Progress::Working)
    }
}

impl Attempt {
    fn look(&mut self, desk: &mut Desk) {
        self.look = desk.terminal.ask(self.target, &["CLUSTER", "NODES"], desk.out);
    }

    /// Whether the replica's own view says how it ended.
    fn judge(&self, view: &ClusterNodes, desk: &Desk) -> Option<Progress> {
        let shard = self.shard;
        let (owner, entry) = desk.roll.owner(view, shard)?;
        if owner != self.target {
            let other = self.primary.is_some_and(|primary| owner != primary);
            let text = || format!("{owner} took over {shard} instead of {}", self.target);
            return other.then(|| ended(Ending::NoEffect, text()));
        }
        let over = entry.role() == Some(Role::Primary) && entry.config_epoch > self.epoch;
        over.then(|| {
            let s = desk.now.since(self.since).as_secs_f64();
            let (from, epoch, now) = (self.from(), self.epoch, entry.config_epoch);
            let text = format!("{owner} took over {shard} from {from} in {s:.3} s, epoch {epoch} -> {now}");
            ended(Ending::Done, text)
        })
    }

    fn given_up(&self, now: SimTime) -> Progress {
        let text = format!("{} did not take over {} from {}", self.target, self.shard, self.from());
        ended(Ending::TimedOut, format!("{text} within {} s", now.since(self.since).as_secs_f64()))
    }

    fn from(&self) -> String {
        self.primary.map_or("nobody known".to_owned(), |primary| primary.to_string())
    }

    /// Which step of this failover a message of the cluster bus is.
    fn step(&self, node: NodeId, to: NodeId, summary: &BusSummary) -> Option<u8> {
        match summary.r#type {
            MessageType::MFSTART if node == self.target => Some(0),
            MessageType::PING if Some(node) == self.primary => Some(1),
            MessageType::FAILOVER_AUTH_REQUEST if node == self.target => Some(2),
            MessageType::FAILOVER_AUTH_ACK if to == self.target => Some(3),
            _ => None,
        }
    }
}

fn ended(ending: Ending, text: String) -> Progress {
    Progress::Ended { ending, text }
}

fn tell(message: ChaosMessage, desk: &mut Desk) {
    desk.out.send(ActorId::Chaos, Message::Chaos(message));
}
