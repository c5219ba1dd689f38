//! Cells that go to another shard: where nothing else goes on while slots move, what a key held at one end it holds at the other.
//!
//! A key is at one of the two ends at any time (`migrateCommand` deletes it once it was restored), and who asks the wrong end is sent
//! to the other one (`getNodeByQuery`). So operations at both ends, in the order in which they were executed, make one history. It
//! is followed until somebody else leads one of the shards: how much of it that one has is not known by offsets.

use super::Evidence;
use super::ask::Ask;
use crate::chronicle::replication::ReignId;
use crate::id::{NodeId, ShardId};
use crate::invariant::expectation::primary_at;
use crate::model;
use crate::op::{Method, Op, OpAction};
use crate::time::SimTime;

/// How a shard's slots went to another shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    source: ReignId,
    target: ReignId,
    began_at: SimTime,
    ended_at: SimTime,
    /// Whoever gave the slots away may go on telling what it had until it hears that they are gone.
    tells_old: bool,
    /// When somebody else led one of the two shards, if that ever was.
    pub until: Option<SimTime>,
}

/// The passages of a run.
pub(super) struct Passages<'e> {
    evidence: &'e Evidence,
    all: Vec<(ShardId, Passage)>,
}

impl<'e> Passages<'e> {
    /// Those of a run: of shards that gave slots away once, while nothing else went on.
    pub fn of(evidence: &'e Evidence) -> Self {
        let shards = evidence.plan.cluster.shards();
        let all = shards.filter_map(|shard| Some((shard, Passage::of(evidence, shard)?))).collect();
        Passages { evidence, all }
    }

    /// The passage that a cell's slot may have been part of, if its operations can be followed through it.
    pub fn of_cell(&self, cell: &str, asks: &[Ask]) -> Option<Passage> {
        let shard = super::shard_of(self.evidence, cell);
        let (_, passage) = self.all.iter().find(|(of, _)| *of == shard)?;
        asks.iter().all(|ask| passage.can_lead(ask)).then_some(*passage)
    }
}

impl Passage {
    fn of(evidence: &Evidence, shard: ShardId) -> Option<Self> {
        let moving = evidence.sent_operations().filter(|(op, _)| may_move(op));
        let [(op, report)] = moving.collect::<Vec<_>>()[..] else { return None };
        let OpAction::Reshard(reshard) = &op.action else { return None };
        let is_whole = reshard.cancel_after_ns.is_none() && reshard.abandon_after_ns.is_none();
        let (began_at, ended_at) = (report.sent_at?, report.ended_at.filter(|_| report.done)?);
        let overlaps = |at: SimTime, until: Option<SimTime>| {
            at <= ended_at && until.is_none_or(|until| until >= began_at)
        };
        let others = evidence.disturbances.iter().filter(|one| one.what != report.text);
        let is_disturbed = others.into_iter().any(|one| overlaps(one.at, one.ended_at));
        if reshard.from != shard || !is_whole || is_disturbed || !evidence.plan.guests.is_empty() {
            return None;
        }
        let replication = &evidence.chronicle.replication;
        let led_by = |node: NodeId| {
            let mut before = replication.reigns().filter(|(_, reign)| reign.began_at <= began_at);
            before.rfind(|(_, reign)| reign.node == node).map(|(id, _)| id)
        };
        let later = replication.reigns().map(|(_, reign)| reign.began_at).filter(|at| *at > began_at);
        Some(Passage {
            source: led_by(primary_at(evidence, reshard.from, began_at))?,
            target: led_by(primary_at(evidence, reshard.to, began_at))?,
            began_at,
            ended_at,
            tells_old: reshard.method != Method::Legacy,
            until: later.min(),
        })
    }

    /// Whether an operation says the same at either end: not one that waits at one of them, or whose code only one of them has.
    fn can_lead(&self, ask: &Ask) -> bool {
        const LOCAL: [&str; 3] = ["FUNCTION", "FCALL", "FCALL_RO"];
        let is_local = |command: &[&str]| {
            model::waits(command) || LOCAL.iter().any(|name| command[0].eq_ignore_ascii_case(name))
        };
        ask.commands.iter().all(|command| !is_local(command))
    }

    /// Takes operations to where their cell came from, in whose history they stand; how many replies are not followed.
    pub fn lead(&self, asks: &mut Vec<Ask>) -> u64 {
        let of_target = |ask: &Ask| ask.reign == Some(self.target) && ask.copied.is_none();
        let taken_at = asks.iter().filter(|ask| of_target(ask)).map(|ask| ask.from).min();
        let is_led = |ask: &Ask| {
            let is_old =
                ask.reign == Some(self.source) && ask.only_reads && taken_at.is_some_and(|at| at < ask.from);
            ask.from.at < self.began_at
                || ask.copied.is_none() && !asks_any(ask) && !(self.tells_old && is_old)
        };
        let told = |asks: &[Ask]| asks.iter().filter(|ask| ask.is_told()).count() as u64;
        let before = told(asks);
        asks.retain(is_led);
        let led = asks.iter_mut().filter(|ask| ask.reign == Some(self.target));
        led.for_each(|ask| ask.reign = Some(self.source));
        before - told(asks)
    }

    /// The reign in which what a cell holds in this one is followed.
    pub fn leads_from(&self, reign: ReignId) -> ReignId {
        if reign == self.target { self.source } else { reign }
    }

    /// Whether keys may have been carried over between two instants.
    pub fn is_under_way(&self, from: SimTime, to: SimTime) -> bool {
        from <= self.ended_at && to >= self.began_at
    }
}

/// Whether a command is served by any node, with what that has.
fn asks_any(ask: &Ask) -> bool {
    const NAMES: [&str; 3] = ["SCAN", "RANDOMKEY", "KEYS"];
    ask.commands.iter().any(|command| NAMES.iter().any(|name| command[0].eq_ignore_ascii_case(name)))
}

/// Whether an operation may move slots, of whomever.
fn may_move(op: &Op) -> bool {
    !op.action.moves_slots().is_empty() || op.action.types(|typed| super::assigns_slots(&typed.args))
}
