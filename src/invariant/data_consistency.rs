//! Replicas hold what their primaries hold, and the final data is what clients were told.
//!
//! A key's final value must come from a write that no acknowledged write to the same key strictly follows (invoked
//! after its completion). A write whose outcome nobody knows may have happened at any later moment, or not at all;
//! a refused one must not be seen. What is missing by this rule is lost, and either excused (`loss.rs`) or a
//! violation. Keys of shards that the plan itself took away are not asked for.

use crate::wire::SLOT_COUNT;
use crate::wire::resp::key_slot;
use std::collections::BTreeMap;

use super::evidence::{Content, Evidence, NodeEvidence, Role};
use super::expectation::Fate;
use super::layout::shard_served;
use super::loss::Excuses;
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict};
use crate::history::{Entry, Outcome, Request};
use crate::time::SimTime;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "data_consistency",
    title: "Data Consistency",
    statement: "replicas hold what their primaries hold, and no acknowledged write is lost beyond what asynchronous \
                replication allows",
    applies: Applies::OnceHealed,
    asked: |limits| limits.data_consistency,
    check,
};

fn check(case: &Case) -> Verdict {
    Verdict::all([replicas(case), writes(case)])
}

type Keys = BTreeMap<String, Content>;

/// Every replica against its primary, key by key.
fn replicas(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    let unseen = case.evidence.unseen();
    if !unseen.is_empty() {
        findings.missing(format!("no view of {unseen}"));
    }
    let (mut pairs, mut compared) = (0, 0);
    for (replica, primary) in pairs_of(case) {
        let (Some(has), Some(wants)) = (&replica.keys, &primary.keys) else {
            findings.missing(format!("the keys of {} or {} were not read", replica.node, primary.node));
            continue;
        };
        pairs += 1;
        compared += wants.len();
        if let Some(difference) = difference(has, wants) {
            let shard = shard_served(case.evidence, replica);
            let text = format!("{difference} on {} (replica of {}, {shard})", replica.node, primary.node);
            findings.wrong(case.evidence.ended_at, text);
        }
    }
    findings.verdict(|| match pairs {
        0 => "no replica to compare".to_owned(),
        _ => format!("100% match across {pairs} replicas ({compared} keys compared)"),
    })
}

/// Live replicas with their live primaries, except in shards that have none by the plan's doing.
fn pairs_of<'a>(case: &'a Case) -> impl Iterator<Item = (&'a NodeEvidence, &'a NodeEvidence)> {
    let replicas = case.evidence.live().filter(|n| n.role == Some(Role::Replica));
    let primary = |n: &NodeEvidence| case.evidence.node(n.primary?).filter(|p| p.is_live());
    replicas.filter_map(move |n| primary(n).map(|p| (n, p)))
}

/// What a replica's keys lack, have too much or have otherwise, with the first keys by name.
fn difference(has: &Keys, wants: &Keys) -> Option<String> {
    let missing = wants.keys().filter(|k| !has.contains_key(*k)).collect::<Vec<_>>();
    let extra = has.keys().filter(|k| !wants.contains_key(*k)).collect::<Vec<_>>();
    let other = wants.iter().filter(|(k, v)| has.get(*k).is_some_and(|h| h != *v)).map(|(k, _)| k);
    let kinds = [("missing", missing), ("not on the primary", extra), ("different", other.collect())];
    let told = kinds.iter().filter(|(_, keys)| !keys.is_empty()).map(|(what, keys)| {
        let first = keys.iter().take(3).map(|k| k.as_str()).collect::<Vec<_>>().join(", ");
        format!("{} keys {what} ({first}{})", keys.len(), if keys.len() > 3 { ", …" } else { "" })
    });
    let told = told.collect::<Vec<_>>();
    (!told.is_empty()).then(|| told.join(", "))
}

/// What is counted while the writes are judged.
#[derive(Default)]
struct Counts<'e> {
    acknowledged: u64,
    not_asked: u64,
    excused: BTreeMap<&'e str, u64>,
}

/// Every key of the final data and of the history against the writes that can explain it.
fn writes(case: &Case) -> Verdict {
    let excuses = Excuses::of(case.evidence);
    let owners = owners(case.evidence);
    let mut findings = Findings::default();
    let mut counts = Counts::default();
    let by_key = writes_by_key(&case.evidence.history);
    for (key, writes) in &by_key {
        let acknowledged = writes.iter().filter(|w| is_acknowledged(w)).count() as u64;
        match value_of(case, &owners, key) {
            Found::NotAsked => counts.not_asked += acknowledged,
            Found::Unknown(why) => {
                if acknowledged > 0 {
                    findings.missing(why);
                }
            }
            Found::Value(value) => {
                counts.acknowledged += acknowledged;
                judge_key(&excuses, &mut counts, &mut findings, (key, writes, value));
            }
        }
    }
    unwritten(case, &by_key, &owners, &mut findings);
    findings.verdict(|| told(case, &counts))
}

fn told(case: &Case, counts: &Counts) -> String {
    let lost: u64 = counts.excused.values().sum();
    let mut text =
        format!("{} of {} acknowledged writes kept", counts.acknowledged - lost, counts.acknowledged);
    for (why, count) in &counts.excused {
        text.push_str(&format!(", {count} lost as asynchronous replication allows ({why})"));
    }
    if let Some(losses) = case.expectation.losses().filter(|_| counts.not_asked > 0) {
        text.push_str(&format!(", {} not asked for ({losses})", counts.not_asked));
    }
    text
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
            Some(keys) => Found::Value(keys.get(key)),
            None => Found::Unknown(format!("the keys of {} were not read", owner.node)),
        },
        (None, Fate::Lost(_)) => Found::NotAsked,
        (None, _) => Found::Unknown(format!("no live primary of {shard} could be asked for its keys")),
    }
}

fn writes_by_key(history: &[Entry]) -> BTreeMap<&str, Vec<&Entry>> {
    let mut by_key: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in history {
        if let Request::Set { key, .. } = &entry.request {
            by_key.entry(key).or_default().push(entry);
        }
    }
    by_key
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

fn judge_key<'e>(
    excuses: &'e Excuses,
    counts: &mut Counts<'e>,
    findings: &mut Findings,
    (key, writes, value): (&str, &[&Entry], Option<&Content>),
) {
    let until = match written_until(writes, value) {
        Ok(until) => until,
        Err(what) => {
            let first = writes.iter().map(|w| w.invoked_at).min().unwrap_or_default();
            return findings.wrong(first, format!("{key} {what}"));
        }
    };
    let follows = |w: &Entry| until.is_none_or(|until| w.invoked_at > until);
    for write in writes.iter().filter(|w| is_acknowledged(w) && follows(w)) {
        match excuses.of_write(write) {
            Some(why) => *counts.excused.entry(why).or_default() += 1,
            None => findings.wrong(write.completed_at.unwrap_or(write.invoked_at), lost(key, write, value)),
        }
    }
}

fn lost(key: &str, write: &Entry, value: Option<&Content>) -> String {
    let by = write.node.map_or(String::new(), |n| format!(" by {n}"));
    let at = write.completed_at.unwrap_or(write.invoked_at);
    let now = match value {
        Some(Content::Text(text)) => format!("holds the older \"{text}\""),
        _ => "is absent".to_owned(),
    };
    let who = format!("{} #{}", write.client, write.sequence);
    format!("acknowledged write lost: {key} {now}, {who} was acknowledged at {at}{by}")
}

/// Keys of the final data that no client ever wrote.
fn unwritten(
    case: &Case,
    by_key: &BTreeMap<&str, Vec<&Entry>>,
    owners: &[Option<&NodeEvidence>],
    findings: &mut Findings,
) {
    for node in case.evidence.seen().filter(|n| !n.own_slots().is_empty()) {
        let keys = node.keys.iter().flat_map(BTreeMap::keys).filter(|k| !by_key.contains_key(k.as_str()));
        let owned = |key: &&String| {
            owners[usize::from(key_slot(key.as_bytes()))].is_some_and(|o| o.node == node.node)
        };
        for key in keys.filter(owned) {
            findings.wrong(case.evidence.ended_at, format!("{} holds {key}, which nobody wrote", node.node));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, fill, healthy, info, kill_both, lag, ok, ok_at, promote, refused};
    use super::*;
    use crate::id::NodeId;

    /// A key of shard 1.
    const KEY: &str = "k27";

    /// A cluster after `history` in which [`KEY`] holds `value` on all members of its shard.
    fn ended(history: Vec<Entry>, value: Option<&str>) -> Evidence {
        let mut evidence = healthy();
        evidence.history = history;
        value.into_iter().for_each(|value| fill(&mut evidence, KEY, value));
        evidence
    }

    fn judged(history: Vec<Entry>, value: Option<&str>) -> Verdict {
        check(&Case::of(&ended(history, value)))
    }

    #[test]
    fn the_last_acknowledged_write_is_what_a_key_holds() {
        let verdict = judged(vec![ok(KEY, "a", 1, 2), ok(KEY, "b", 3, 4)], Some("b"));
        assert_eq!(
            verdict,
            Verdict::holds("100% match across 3 replicas (1 keys compared); 2 of 2 acknowledged writes kept")
        );
    }

    #[test]
    fn of_two_writes_at_once_either_may_be_the_last() {
        let history = || vec![ok(KEY, "a", 1, 4), ok(KEY, "b", 2, 3)];
        assert_eq!(judged(history(), Some("a")).name(), "holds");
        assert_eq!(judged(history(), Some("b")).name(), "holds");
    }

    #[test]
    fn an_older_value_means_a_lost_write() {
        let verdict = judged(vec![ok(KEY, "a", 1, 2), ok(KEY, "b", 3, 4)], Some("a"));
        let text = "acknowledged write lost: k27 holds the older \"a\", client-1 #1 was acknowledged at 4.000000s \
                    by node-1";
        assert_eq!(verdict, Verdict::violated(at(4), text));
    }

    #[test]
    fn an_absent_key_with_acknowledged_writes_is_lost() {
        let verdict = judged(vec![ok(KEY, "a", 1, 2)], None);
        assert!(verdict.is_violated() && verdict.detail().contains("is absent"), "{verdict:?}");
    }

    #[test]
    fn a_write_of_unknown_outcome_may_have_happened_or_not() {
        let history = || vec![info(KEY, "a", 1), ok(KEY, "b", 3, 4)];
        assert_eq!(judged(history(), Some("a")).name(), "holds");
        assert_eq!(judged(history(), Some("b")).name(), "holds");
        assert_eq!(judged(vec![info(KEY, "a", 1)], None).name(), "holds");
    }

    #[test]
    fn a_refused_write_and_one_of_nobody_must_not_be_seen() {
        let verdict = judged(vec![refused(KEY, "a", 1, 2)], Some("a"));
        assert_eq!(verdict, Verdict::violated(at(1), "k27 holds \"a\", which was refused"));
        let verdict = judged(vec![ok(KEY, "a", 1, 2)], Some("z"));
        assert_eq!(verdict, Verdict::violated(at(1), "k27 holds \"z\", which nobody wrote"));
        let verdict = judged(vec![], Some("z"));
        assert_eq!(verdict.detail(), "node-1 holds k27, which nobody wrote");
    }

    #[test]
    fn a_write_in_the_window_of_a_failover_may_be_lost_and_one_before_it_may_not() {
        let mut evidence = ended(vec![ok(KEY, "a", 1, 2), ok(KEY, "b", 15, 16)], Some("a"));
        evidence.lag_samples = vec![lag(2, 1, 10, 0)];
        promote(&mut evidence, NodeId(2), 20, false);
        let verdict = check(&Case::of(&evidence));
        assert_eq!(verdict.name(), "holds", "{verdict:?}");
        assert!(verdict.detail().ends_with(
            "1 of 2 acknowledged writes kept, 1 lost as asynchronous replication allows \
             (node-2 took shard 1 over from node-1 at 20.000000s)"
        ));
        evidence.history[1] = ok(KEY, "b", 8, 9);
        assert!(check(&Case::of(&evidence)).is_violated());
        evidence.history[1] = ok_at(KEY, "b", 2, 21, 22);
        assert!(check(&Case::of(&evidence)).is_violated());
    }

    #[test]
    fn a_loss_in_the_window_does_not_excuse_the_absence_of_what_was_replicated() {
        let mut evidence = ended(vec![ok(KEY, "a", 1, 2), ok(KEY, "b", 15, 16)], None);
        evidence.lag_samples = vec![lag(2, 1, 10, 0)];
        promote(&mut evidence, NodeId(2), 20, false);
        let verdict = check(&Case::of(&evidence));
        assert!(verdict.is_violated() && verdict.detail().contains("acknowledged at 2.0"), "{verdict:?}");
    }

    #[test]
    fn a_replica_that_differs_from_its_primary_is_a_violation() {
        let mut evidence = ended(vec![ok(KEY, "a", 1, 2)], Some("a"));
        evidence.nodes[1].keys.as_mut().expect("keys").clear();
        let text = "1 keys missing (k27) on node-2 (replica of node-1, shard 1)";
        assert_eq!(check(&Case::of(&evidence)).detail(), text);
        let stray = Content::Text("b".to_owned());
        evidence.nodes[1].keys = Some(Keys::from([(KEY.to_owned(), stray.clone()), ("x".to_owned(), stray)]));
        let text =
            "1 keys not on the primary (x), 1 keys different (k27) on node-2 (replica of node-1, shard 1)";
        assert_eq!(check(&Case::of(&evidence)).detail(), text);
    }

    #[test]
    fn keys_that_were_not_read_are_unknown_and_keys_of_a_lost_shard_not_asked_for() {
        let mut evidence = ended(vec![ok(KEY, "a", 1, 2)], Some("a"));
        evidence.nodes[0].keys = None;
        assert!(check(&Case::of(&evidence)).is_unknown());
        kill_both(&mut evidence, NodeId(1), 20);
        let verdict = check(&Case::of(&evidence));
        assert!(verdict.detail().ends_with("1 not asked for (expected: shard 1 lost all its members)"));
    }

    #[test]
    fn a_million_operations_are_judged() {
        let entry = |n: u64| ok(&format!("k{}", n % 10_000), &format!("client-1:{n:0>40}"), n, n + 1);
        let mut evidence = healthy();
        evidence.history = (0..1_000_000).map(entry).collect();
        for n in 990_000..1_000_000_u64 {
            fill(&mut evidence, &format!("k{}", n % 10_000), &format!("client-1:{n:0>40}"));
        }
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
    }
}
