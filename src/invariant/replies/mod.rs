//! Every reply is what its node's own history explains: each command put to a model in the order in which the node
//! executed it.
//!
//! In which order that was is known turn by turn ([`Executions`](crate::chronicle::Executions)); within a turn every order
//! is tried. A takeover goes on with what its node had of the reign before (`fork.rs`), so that a write which replication
//! lawfully lost is gone for good, and one that the new primary had is there. What a client was not told may have happened
//! or not, once. So no reply is of a value that nobody wrote, of a deletion undone, of an increment lost or done twice; nothing
//! expires early or late.
//!
//! A slot that moves takes its cells with it (`passage.rs`). Not followed are: cells (keys, or keys with one hash tag) of slots that
//! operations moved while anything else went on, from then on; cells in which the plan's
//! own commands wrote; keys that expire, once a wall clock was wrong; whatever is behind a command that the model does not know; anything where servers evict.

mod ask;
mod cell;
mod ending;
mod fork;
mod names;
mod order;
mod passage;
mod track;

use self::ask::{Ask, asks, watches_elsewhere};
use self::cell::Cell;
use self::ending::Ending;
use self::fork::Reigns;
use self::passage::Passages;
use super::settings::Settings;
use super::verdict::Findings;
use super::writers::Writers;
use super::{Applies, Case, Evidence, Invariant, Verdict};
use crate::history::{Request, by_name};
use crate::id::ShardId;
use crate::model::cell_of;
use crate::statistics::Spread;
use crate::time::{SimDuration, SimTime};
use crate::wire::resp::key_slot;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "replies",
    title: "Replies",
    statement: "every reply is what the commands say that its node had executed before, one after the other",
    applies: Applies::Always,
    asked: |limits| limits.data_consistency,
    check,
};

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    if evidence
        .plan
        .cluster
        .nodes()
        .any(|node| Settings::at(evidence, node, evidence.ended_at).has_evicted_keys())
    {
        return Verdict::holds("not followed: servers evict keys");
    }
    let (writers, reigns) = (Writers::of(evidence), Reigns::of(evidence));
    let (passages, ending) = (Passages::of(evidence), Ending::of(case));
    let cells = by_name(evidence.history.iter().map(|entry| (cell_of(entry.request.key()), entry)));
    let (mut findings, mut counts) = (Findings::default(), Counts::default());
    let (elsewhere, upset) = (watches_elsewhere(evidence), upset_at(evidence));
    for (name, entries) in cells {
        let mut asks = entries.iter().flat_map(|entry| asks(evidence, entry, &elsewhere)).collect::<Vec<_>>();
        if asks.is_empty() {
            continue;
        }
        // They mostly come in this order, and are large.
        if !asks.is_sorted_by_key(|ask| ask.from) {
            asks.sort_by_key(|ask| ask.from);
        }
        let passage = passages.of_cell(name, &asks);
        let moved =
            passage.map_or_else(|| moved_at(evidence, shard_of(evidence, name)), |passage| passage.until);
        let until = followed_until(evidence, &writers, &asks).min(upset).min(moved.unwrap_or(SimTime::NEVER));
        counts.not_followed += passage.map_or(0, |passage| passage.lead(&mut asks));
        let mut cell = Cell::new(name, &reigns, (until, passage));
        cell.follow(&asks, &mut findings);
        counts.read += ending.judge(&cell, &asks, &mut findings);
        counts.explained += cell.explained;
        counts.copies.append(&mut cell.copies);
        counts.not_followed += cell.not_followed;
    }
    names::judge(evidence, &mut findings);
    findings.verdict(|| counts.told())
}

/// What was looked at.
#[derive(Default)]
struct Counts {
    explained: u64,
    not_followed: u64,
    /// Keys that were read in the end.
    read: u64,
    /// How old each reply of a replica was.
    copies: Vec<SimDuration>,
}

impl Counts {
    /// How old what replicas told was. Nothing promises a bound: a replica serves what it has while its link is down.
    fn ages(&self) -> Option<String> {
        let count = self.copies.len();
        let old = self.copies.iter().filter(|age| **age > SimDuration::ZERO).count();
        let most = self.copies.iter().max()?.as_secs_f64();
        let behind = self.copies.iter().copied().filter(|age| *age > SimDuration::ZERO).collect::<Vec<_>>();
        let spread = Spread::of(&behind).map_or(String::new(), |spread| format!(" ({spread})"));
        Some(format!("{count} of them by replicas, {old} of those behind, the oldest by {most:.3} s{spread}"))
    }

    fn told(&self) -> String {
        let rest = match self.not_followed {
            0 => String::new(),
            count => format!(", {count} not followed"),
        };
        let read = match self.read {
            0 => String::new(),
            count => format!(", {count} keys are in the end what they must be"),
        };
        let copies = self.ages().map_or(String::new(), |ages| format!(", {ages}"));
        format!("{} replies explained by the order of execution{copies}{read}{rest}", self.explained)
    }
}

/// When a cell is not followed any more: its keys were written by somebody else, or nobody knows when they expire.
fn followed_until(evidence: &Evidence, writers: &Writers, asks: &[Ask]) -> SimTime {
    let touched = (!writers.are_none()).then(|| touched_at(writers, asks)).flatten();
    let misled = evidence.first_wrong_clock().filter(|_| expires(asks));
    touched.into_iter().chain(misled).min().unwrap_or(SimTime::NEVER)
}

/// When somebody else may have written first what these operations name.
fn touched_at(writers: &Writers, asks: &[Ask]) -> Option<SimTime> {
    let words = asks.iter().flat_map(|ask| ask.commands.iter()).flat_map(|command| command.iter().skip(1));
    let mut words = words.map(|word| &**word).collect::<Vec<_>>();
    words.sort_unstable();
    words.dedup();
    let beside = asks.first().and_then(|ask| writers.touched_in(cell_of(ask.entry.request.key())));
    words.into_iter().filter_map(|word| writers.touched(word)).chain(beside).min()
}

/// The shard that a cell's slot was given to.
fn shard_of(evidence: &Evidence, cell: &str) -> ShardId {
    evidence.plan.cluster.shard_of_slot(key_slot(cell.as_bytes()))
}

/// Whether a command says when a key expires, which is a time of day.
fn expires(asks: &[Ask]) -> bool {
    const WORDS: [&str; 8] = ["EX", "PX", "EXAT", "PXAT", "SETEX", "PSETEX", "GETEX", "HEXPIRE"];
    let says = |word: &str| {
        let word = word.to_ascii_uppercase();
        WORDS.contains(&word.as_str()) || word.ends_with("EXPIRE") || word.ends_with("EXPIREAT")
    };
    asks.iter().flat_map(|ask| ask.commands.iter()).flat_map(|command| command.iter()).any(|word| says(word))
}

/// When an operation first may have moved slots that were given to a shard.
fn moved_at(evidence: &Evidence, shard: ShardId) -> Option<SimTime> {
    let moves = evidence.sent_operations().filter(|(op, _)| {
        op.action.moves_slots().contains(&shard) || op.action.types(|typed| assigns_slots(&typed.args))
    });
    let by_guest = evidence.guest_keys.moved_slots.then(|| evidence.first_guest_at()).flatten();
    moves.filter_map(|(_, report)| report.sent_at).chain(by_guest).min()
}

/// When a client first asked for something that changes more than the cell it was sent by.
fn upset_at(evidence: &Evidence) -> SimTime {
    const NAMES: [&str; 8] =
        ["FLUSHALL", "FLUSHDB", "SWAPDB", "MIGRATE", "DEBUG", "CLUSTER", "CONFIG", "SHUTDOWN"];
    let upsets = evidence.history.iter().filter(|entry| match &entry.request {
        Request::Call { commands, .. } => {
            commands.iter().any(|command| NAMES.iter().any(|name| command[0].eq_ignore_ascii_case(name)))
        }
        Request::Set { .. } | Request::Get { .. } => false,
    });
    upsets.map(|entry| entry.invoked_at).min().unwrap_or(SimTime::NEVER)
}

/// Whether a command says of a slot whose it is, or makes a node forget what it has.
fn assigns_slots(args: &[String]) -> bool {
    const WORDS: [&str; 9] = [
        "setslot",
        "migrateslots",
        "addslots",
        "addslotsrange",
        "delslots",
        "delslotsrange",
        "flushslots",
        "reset",
        "replicate",
    ];
    let [name, word, ..] = args else { return false };
    name.eq_ignore_ascii_case("cluster") && WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests;
