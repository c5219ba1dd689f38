//! Clients are served within the limits that a plan sets: no long silence for writers, few failures, few losses.
//!
//! A silence counts only while somebody asks: it lasts from the first write to a shard that waits since the last
//! acknowledgement, to the next acknowledgement or to the end of the last such write.

use std::collections::BTreeMap;

use super::Evidence;
use super::data_consistency::lost_writes;
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict};
use crate::history::{Entry, Outcome, Request};
use crate::id::ShardId;
use crate::time::{SimDuration, SimTime};
use crate::wire::resp::key_slot;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "availability",
    title: "Availability",
    statement: "clients are served within the limits that the plan sets",
    applies: Applies::Always,
    asked: |limits| {
        limits.max_write_gap_ns.is_some()
            || limits.min_success_ppm.is_some()
            || limits.max_lost_writes.is_some()
    },
    check,
};

/// A time in which no write to a shard was acknowledged though some were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The shard.
    pub shard: ShardId,
    /// When the first write that waited began to wait.
    pub from: SimTime,
    /// How long it lasted.
    pub length: SimDuration,
}

fn check(case: &Case) -> Verdict {
    let (evidence, limits) = (case.evidence, &case.evidence.plan.limits);
    let (mut findings, mut told) = (Findings::default(), Vec::new());
    if let Some(limit) = limits.max_write_gap_ns {
        let gap = longest_write_gap(evidence);
        let text = gap.map_or("no write waited".to_owned(), |gap| {
            let (length, shard, from) = (gap.length, gap.shard, gap.from);
            format!("no write to {shard} was acknowledged for {length} from {from} on (limit {limit})")
        });
        match gap.filter(|gap| gap.length > limit) {
            Some(gap) => findings.wrong(gap.from, text),
            None => told.push(text),
        }
    }
    if let Some(limit) = limits.min_success_ppm {
        let (ppm, first) = success(&evidence.history);
        let text = format!("{:.2}% of operations done (limit {:.2}%)", percent(ppm), percent(limit));
        if ppm < limit { findings.wrong(first, text) } else { told.push(text) }
    }
    if let Some(limit) = limits.max_lost_writes {
        let lost = lost_writes(case);
        let text = format!("{lost} acknowledged writes lost (limit {limit})");
        if lost > limit { findings.wrong(evidence.ended_at, text) } else { told.push(text) }
    }
    findings.verdict(|| told.join("; "))
}

fn percent(ppm: u32) -> f64 {
    f64::from(ppm) / 10_000.0
}

/// How many in a million operations were done, all of none, and when the first was invoked that was not.
fn success(history: &[Entry]) -> (u32, SimTime) {
    let is_done = |entry: &&Entry| entry.outcome.as_ref().is_some_and(Outcome::is_done);
    let done = history.iter().filter(is_done).count() as u64;
    let first = history.iter().find(|entry| !is_done(entry)).map(|entry| entry.invoked_at);
    let ppm = (done * 1_000_000).checked_div(history.len() as u64).unwrap_or(1_000_000);
    (ppm as u32, first.unwrap_or_default())
}

/// The longest time in which a shard's writers waited in vain.
pub fn longest_write_gap(evidence: &Evidence) -> Option<Gap> {
    let mut by_shard: BTreeMap<ShardId, Vec<&Entry>> = BTreeMap::new();
    for entry in &evidence.history {
        if let Request::Set { key, .. } = &entry.request {
            let shard = evidence.shard_of_slot(key_slot(key.as_bytes()));
            by_shard.entry(shard).or_default().push(entry);
        }
    }
    let gaps = by_shard.into_iter().filter_map(|(shard, writes)| {
        let (from, length) = longest_wait(&writes, evidence.ended_at)?;
        Some(Gap { shard, from, length })
    });
    gaps.max_by_key(|gap| gap.length)
}

/// When the longest wait of a shard's writers began, and how long it was.
fn longest_wait(writes: &[&Entry], ended_at: SimTime) -> Option<(SimTime, SimDuration)> {
    let end = |entry: &Entry| entry.completed_at.unwrap_or(ended_at);
    let mut by_end = writes.iter().map(|entry| (end(entry), entry.invoked_at)).collect::<Vec<_>>();
    by_end.sort_unstable();
    // The earliest invocation of those that end at or after each.
    let mut earliest = SimTime::NEVER;
    let mut waiting = by_end.iter().rev().map(|(end, invoked)| {
        earliest = earliest.min(*invoked);
        (*end, earliest)
    });
    let mut waiting = waiting.by_ref().collect::<Vec<_>>();
    waiting.reverse();
    let acknowledged = writes.iter().filter(|entry| matches!(entry.outcome, Some(Outcome::Ok(_))));
    let mut moments =
        acknowledged.map(|entry| end(entry)).chain(by_end.last().map(|(end, _)| *end)).collect::<Vec<_>>();
    moments.sort_unstable();
    let mut last = SimTime::ZERO;
    let waits = moments.into_iter().filter_map(|moment| {
        let next = waiting.partition_point(|(end, _)| *end <= last);
        let from = waiting.get(next).map(|(_, invoked)| (*invoked).max(last));
        last = moment;
        from.filter(|from| *from <= moment).map(|from| (from, moment.since(from)))
    });
    waits.max_by_key(|(_, length)| *length)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy, info, ok, refused};
    use super::*;

    /// Keys of shard 1 and of shard 2.
    const KEYS: [&str; 2] = ["k27", "k1"];

    fn gap(history: Vec<Entry>) -> Option<(u16, SimTime, u64)> {
        let mut evidence = healthy();
        evidence.history = history;
        let gap = longest_write_gap(&evidence)?;
        Some((gap.shard.0, gap.from, gap.length.as_ms() / 1000))
    }

    #[test]
    fn a_silence_lasts_from_the_first_write_that_waits_to_the_next_that_is_acknowledged() {
        let key = KEYS[0];
        assert_eq!(gap(vec![]), None);
        assert_eq!(gap(vec![ok(key, "a", 1, 2), ok(key, "b", 50, 51)]), Some((1, at(50), 1)), "nobody asked");
        let refusals = vec![
            ok(key, "a", 1, 2),
            refused(key, "b", 10, 11),
            refused(key, "c", 15, 16),
            ok(key, "d", 18, 19),
        ];
        assert_eq!(gap(refusals), Some((1, at(10), 9)));
        assert_eq!(gap(vec![ok(key, "a", 1, 2), info(key, "b", 10)]), Some((1, at(10), 1)), "to its end");
        let across = vec![ok(key, "a", 1, 2), ok(key, "b", 2, 9), ok(key, "c", 4, 5)];
        assert_eq!(gap(across), Some((1, at(5), 4)), "it waited all the time");
    }

    #[test]
    fn a_shard_that_is_served_does_not_hide_another_one_that_is_not() {
        let mut history: Vec<Entry> = (1..20).map(|s| ok("other", "x", s, s + 1)).collect();
        history.push(refused(KEYS[0], "a", 3, 4));
        history.push(ok(KEYS[0], "b", 12, 13));
        let (shard, from, length) = gap(history).expect("a gap");
        assert_eq!((shard, from, length), (1, at(3), 10));
    }

    #[test]
    fn each_limit_is_judged_where_it_is_set() {
        let mut evidence = healthy();
        let key = KEYS[0];
        evidence.history =
            vec![ok(key, "a", 1, 2), refused(key, "b", 3, 4), ok(key, "c", 8, 9), ok(key, "d", 9, 10)];
        let limits = [
            (Some(5), None, None, "violated"),
            (Some(6), None, None, "holds"),
            (None, Some(750_000), None, "holds"),
            (None, Some(750_001), None, "violated"),
            (None, None, Some(0), "violated"),
            (None, None, Some(3), "holds"),
        ];
        for (gap_s, ppm, lost, verdict) in limits {
            let of_plan = &mut evidence.plan.limits;
            of_plan.max_write_gap_ns = gap_s.map(SimDuration::from_secs);
            (of_plan.min_success_ppm, of_plan.max_lost_writes) = (ppm, lost);
            assert!((INVARIANT.asked)(&evidence.plan.limits));
            assert_eq!(check(&Case::of(&evidence)).name(), verdict, "{gap_s:?} {ppm:?} {lost:?}");
        }
        assert!(!(INVARIANT.asked)(&healthy().plan.limits));
    }
}
