//! Whether what clients were told is what the final data holds, write by write.
//!
//! A key's final value must come from a write that no acknowledged write to the same key strictly follows (invoked
//! after its completion). A write whose outcome nobody knows may have happened at any later moment, or not at all;
//! a refused one must not be seen. The plan's own commands are writers too; what they destroy is lost. What is missing
//! by this rule is excused (`loss.rs`), evicted, or a violation. Keys of shards that the plan took away are not asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::super::evidence::{Content, Evidence, NodeEvidence};
use super::super::expectation::{Fate, primary_at};
use super::super::layout::{may_be_split, shard_served};
use super::super::loss::{Excuses, Ruling};
use super::super::settings::Settings;
use super::super::verdict::Findings;
use super::super::writers::{Destroyer, Writers};
use super::super::{Case, Verdict};
use crate::history::{Entry, Outcome, Request, by_name, words_of_calls};
use crate::id::{NodeId, ShardId};
use crate::model::key_at;
use crate::time::SimTime;
use crate::wire::SLOT_COUNT;
use crate::wire::resp::key_slot;

/// What the writes of a run are held against.
struct Judge<'e> {
    evidence: &'e Evidence,
    owners: &'e [Option<&'e NodeEvidence>],
    excuses: &'e Excuses<'e>,
    writers: &'e Writers<'e>,
    evictions: Evictions,
    acknowledged: u64,
    not_asked: u64,
    lost: u64,
    /// How many were lost for which reason.
    excused: BTreeMap<String, u64>,
}

/// Every key of the final data and of the history against the writes that can explain it.
pub(super) fn writes(case: &Case) -> Verdict {
    judged(case, |judge, findings| findings.verdict(|| told(case, judge)))
}

/// How many acknowledged writes are lost, excused or not.
pub(super) fn lost_writes(case: &Case) -> u64 {
    judged(case, |judge, _| judge.lost)
}

/// How many acknowledged writes are lost and excused.
pub(super) fn excused_writes(case: &Case) -> u64 {
    judged(case, |judge, _| judge.excused.iter().filter(|(why, _)| *why != EVICTED).map(|(_, n)| n).sum())
}

/// Judges every key and hands over what came of it.
fn judged<T>(case: &Case, then: impl FnOnce(&Judge, Findings) -> T) -> T {
    let (excuses, writers) = (Excuses::of(case.evidence), Writers::of(case.evidence));
    let owners = owners(case.evidence);
    let mut findings = Findings::default();
    let mut judge = Judge {
        evidence: case.evidence,
        owners: &owners,
        excuses: &excuses,
        writers: &writers,
        evictions: Evictions::of(case.evidence),
        acknowledged: 0,
        not_asked: 0,
        lost: 0,
        excused: BTreeMap::new(),
    };
    let by_key = writes_by_key(&case.evidence.history);
    // Keys that other commands write are followed command by command (`replies`).
    let called = words_of_calls(&case.evidence.history);
    for (key, writes) in by_key.iter().filter(|(key, _)| !called.contains(key_at(key))) {
        let acknowledged = writes.iter().filter(|w| is_acknowledged(w)).count() as u64;
        match value_of(case, &owners, key) {
            Found::NotAsked => judge.not_asked += acknowledged,
            Found::Unknown(why) if acknowledged > 0 => findings.missing(why),
            Found::Unknown(_) => {}
            Found::Value(value) => {
                judge.acknowledged += acknowledged;
                judge.key(&mut findings, (key, writes, value));
            }
        }
    }
    unwritten(&judge, |key| by_key.contains_key(key) || called.contains(key_at(key)), &mut findings);
    then(&judge, findings)
}

fn told(case: &Case, counts: &Judge) -> String {
    let lost: u64 = counts.excused.values().sum();
    let mut text =
        format!("{} of {} acknowledged writes kept", counts.acknowledged - lost, counts.acknowledged);
    for (why, count) in &counts.excused {
        text.push_str(&excused(why, *count));
    }
    if let Some(losses) = case.expectation.losses().filter(|_| counts.not_asked > 0) {
        text.push_str(&format!(", {} not asked for ({losses})", counts.not_asked));
    }
    text
}

fn excused(why: &str, count: u64) -> String {
    match why {
        EVICTED => format!(", {count} {EVICTED}"),
        _ => format!(", {count} lost as asynchronous replication allows ({why})"),
    }
}

/// The live primary of each slot: of two that claim it, the one with the higher epoch, as the cluster itself decides.
fn owners(evidence: &Evidence) -> Vec<Option<&NodeEvidence>> {
    let mut owners: Vec<Option<&NodeEvidence>> = vec![None; usize::from(SLOT_COUNT)];
    let epoch = |n: &NodeEvidence| n.own_row().map_or(0, |row| row.config_epoch);
    for node in evidence.seen() {
        for slot in node.own_slots().iter().flat_map(|(a, b)| *a..=*b.min(&(SLOT_COUNT - 1))) {
            let owner = &mut owners[usize::from(slot)];
            if owner.is_none_or(|other| epoch(other) < epoch(node)) {
                *owner = Some(node);
            }
        }
    }
    owners
}

/// What the final data says of a key.
enum Found<'a> {
    Value(Option<&'a Content>),
    NotAsked,
    Unknown(String),
}

fn value_of<'a>(case: &Case<'a>, owners: &[Option<&'a NodeEvidence>], key: &str) -> Found<'a> {
    let slot = key_slot(key.as_bytes());
    let shard = case.evidence.shard_of_slot(slot);
    match (owners[usize::from(slot)], case.expectation.fate(shard)) {
        (Some(owner), _) => match &owner.keys {
            Some(keys) => Found::Value(keys.get(key).or_else(|| elsewhere(case.evidence, key))),
            None => Found::Unknown(format!("the keys of {} were not read", owner.node)),
        },
        (None, Fate::Lost(_)) => Found::NotAsked,
        // Whoever owns the slot: what no live node holds is gone.
        (None, _) if case.evidence.live().all(|n| n.keys.as_ref().is_some_and(|k| !k.contains_key(key))) => {
            Found::Value(None)
        }
        (None, _) => Found::Unknown(format!("no live primary of {shard} could be asked for its keys")),
    }
}

/// What another primary holds of a key whose slot was left half-way between two: its owner asks there.
fn elsewhere<'a>(evidence: &'a Evidence, key: &str) -> Option<&'a Content> {
    if !may_be_split(evidence) {
        return None;
    }
    let primaries = evidence.seen().filter(|node| !node.own_slots().is_empty());
    primaries.filter_map(|node| node.keys.as_ref()?.get(key)).next()
}

fn writes_by_key(history: &[Entry]) -> BTreeMap<&str, Vec<&Entry>> {
    let writes = history.iter().filter(|entry| matches!(entry.request, Request::Set { .. }));
    by_name(writes.map(|write| (write.request.key(), write)))
}

fn is_acknowledged(write: &Entry) -> bool {
    matches!(write.outcome, Some(Outcome::Ok(_)))
}

fn is_refused(write: &Entry) -> bool {
    matches!(write.outcome, Some(Outcome::Fail(_)))
}

/// When a write had its effect at the latest: never for sure if nobody knows whether it had one.
fn effective_until(write: &Entry) -> SimTime {
    write.completed_at.filter(|_| is_acknowledged(write)).unwrap_or(SimTime::NEVER)
}

/// The latest moment at which the final value can have been written: before everything for an absent key.
fn written_until(writes: &[&Entry], value: Option<&Content>) -> Result<Option<SimTime>, String> {
    let text = match value {
        None => return Ok(None),
        Some(Content::Text(text)) => text,
        Some(Content::Other { kind, .. }) => return Err(format!("holds a {kind}, which nobody wrote")),
    };
    let writers = writes.iter().filter(|w| matches!(&w.request, Request::Set { value, .. } if value == text));
    let writers = writers.collect::<Vec<_>>();
    match writers.iter().filter(|w| !is_refused(w)).map(|w| effective_until(w)).max() {
        Some(until) => Ok(Some(until)),
        None if writers.is_empty() => Err(format!("holds \"{text}\", which nobody wrote")),
        None => Err(format!("holds \"{text}\", which was refused")),
    }
}

impl<'e> Judge<'e> {
    fn key(&mut self, findings: &mut Findings, (key, writes, value): (&str, &[&'e Entry], Option<&Content>)) {
        if self.evidence.guest_keys.holds(key_at(key)) {
            return;
        }
        let by_plan = value.and_then(|value| self.writers.wrote(key, value));
        let until = match (written_until(writes, value), by_plan) {
            (Ok(until), _) => until,
            (Err(_), Some(by_plan)) => Some(by_plan),
            (Err(what), None) => {
                let first = writes.iter().map(|w| w.invoked_at).min().unwrap_or_default();
                return findings.wrong(first, format!("{key} {what}"));
            }
        };
        let destroyer = self.writers.destroyed(key);
        let owner = self.owners[usize::from(key_slot(key.as_bytes()))].map(|owner| owner.node);
        let is_destroyed = |w: &Entry| destroyer.as_ref().is_some_and(|by| before(w, by.at));
        let follows = |w: &Entry| until.is_none_or(|until| w.invoked_at > until);
        let lost = writes.iter().filter(|w| is_acknowledged(w));
        let lost = lost.filter(|w| follows(w) || by_plan.is_some() && is_destroyed(w));
        let lost = lost.copied().collect::<Vec<_>>();
        let is_evicted =
            !lost.is_empty() && value.is_none() && destroyer.is_none() && self.evictions.take(key);
        self.lost += if is_evicted { 0 } else { lost.len() as u64 };
        for write in lost {
            if is_evicted {
                *self.excused.entry(EVICTED.to_owned()).or_default() += 1;
                continue;
            }
            let by = destroyer.as_ref().filter(|_| is_destroyed(write));
            let ruling = if by.is_some() { Ruling::Unknown } else { self.excuses.of_write(write, owner) };
            match ruling {
                Ruling::Excused(why) => *self.excused.entry(why).or_default() += 1,
                Ruling::Owed(_) | Ruling::Unknown => {
                    let told = told_lost(key, write, value, by) + &because(ruling);
                    findings.wrong(self.broken_at(write, by), told);
                }
            }
        }
    }

    /// What destroyed a write, as far as can be told: the command, the next change of its shard's primary, the next end
    /// of its primary, or nothing but the write itself.
    fn broken_at(&self, write: &Entry, by: Option<&Destroyer>) -> SimTime {
        let done = write.completed_at.unwrap_or(write.invoked_at);
        let shards = self.evidence.shards_of_slot(key_slot(write.request.key().as_bytes()));
        let changes = self.evidence.primary_changes.iter();
        let change =
            changes.filter(|c| shards.contains(&c.shard) && c.at >= write.invoked_at).map(|c| c.at).min();
        let leads = |node: NodeId, at| shards.iter().any(|s| primary_at(self.evidence, *s, at) == node);
        let ends = self.evidence.exits.iter().filter(|e| e.at >= write.invoked_at && leads(e.node, e.at));
        let end = ends.map(|exit| exit.at).min();
        by.map(|by| by.at).or(change.into_iter().chain(end).min()).unwrap_or(done)
    }
}

/// Whether a write was over when something else began.
fn before(write: &Entry, at: SimTime) -> bool {
    write.completed_at.is_some_and(|completed| completed <= at)
}

fn told_lost(key: &str, write: &Entry, value: Option<&Content>, by: Option<&Destroyer>) -> String {
    let from = write.node.map_or(String::new(), |n| format!(" by {n}"));
    let at = write.completed_at.unwrap_or(write.invoked_at);
    let now = match value {
        Some(Content::Text(text)) => format!("holds the older \"{text}\""),
        Some(Content::Other { kind, .. }) => format!("holds a {kind}"),
        None => "is absent".to_owned(),
    };
    let who = format!("{} #{}", write.client, write.sequence);
    let by = by.map_or(String::new(), |by| format!(", and {} destroyed it at {}", by.what, by.at));
    format!("acknowledged write lost: {key} {now}, {who} was acknowledged at {at}{from}{by}")
}

/// Why a write must be there, if that is known.
fn because(ruling: Ruling) -> String {
    match ruling {
        Ruling::Owed(why) => format!(", but {why}"),
        Ruling::Excused(_) | Ruling::Unknown => String::new(),
    }
}

/// Keys of the final data that neither a client nor the plan ever wrote.
fn unwritten(judge: &Judge, is_known: impl Fn(&str) -> bool, findings: &mut Findings) {
    let owners = judge.owners;
    for node in judge.evidence.seen().filter(|n| !n.own_slots().is_empty()) {
        let keys = node.keys.iter().flatten().filter(|(key, _)| !is_known(key));
        let owned =
            |key: &str| owners[usize::from(key_slot(key.as_bytes()))].is_some_and(|o| o.node == node.node);
        for (key, value) in keys.filter(|(key, _)| owned(key)) {
            let is_guests = judge.evidence.guest_keys.holds(key_at(key));
            if judge.writers.wrote(key, value).is_none() && !is_guests {
                findings
                    .wrong(judge.evidence.ended_at, format!("{} holds {key}, which nobody wrote", node.node));
            }
        }
    }
}

/// Why a key of a cache is absent.
const EVICTED: &str = "evicted";

/// How many more keys of each shard can have been evicted: by the servers' own counters, where memory is limited and any
/// key may go. A process that ended took its counter with it.
struct Evictions {
    shards: Vec<ShardId>,
    /// Slots that moved, whose keys may have gone while they were somebody else's.
    moved: BTreeSet<u16>,
    left: BTreeMap<ShardId, u64>,
}

impl Evictions {
    fn of(evidence: &Evidence) -> Self {
        let mut left: BTreeMap<ShardId, u64> = BTreeMap::new();
        for node in &evidence.nodes {
            let ended = evidence.exits.iter().any(|exit| exit.node == node.node);
            let evicted = if ended { u64::MAX } else { node.evicted_keys.unwrap_or(0) };
            if Settings::at(evidence, node.node, evidence.ended_at).has_evicted_any_key() {
                let sum = left.entry(shard_served(evidence, node)).or_default();
                *sum = sum.saturating_add(evicted);
            }
        }
        let shards = (0..SLOT_COUNT).map(|slot| evidence.shard_of_slot(slot)).collect();
        Evictions { shards, moved: evidence.moved.keys().copied().collect(), left }
    }

    /// Whether the key can be one of them, which it is from then on.
    fn take(&mut self, key: &str) -> bool {
        let slot = key_slot(key.as_bytes());
        let mut shard = self.shards[usize::from(slot)];
        if self.moved.contains(&slot) {
            shard = self.left.iter().find(|(_, left)| **left > 0).map_or(shard, |(shard, _)| *shard);
        }
        let left = self.left.entry(shard).or_default();
        let may = *left > 0;
        *left = left.saturating_sub(1);
        may
    }
}
