//! No read returns a value that neither a client nor the plan wrote, that was refused, or that was written only later; and
//! none is older than what its node surely had (`fresh.rs`).
//!
//! This holds at every moment, faults or not: asynchronous replication may lose a write and bring an older one back,
//! but it makes nothing up, and a node that has a write shows it.

mod fresh;

use std::cell::LazyCell;

use self::fresh::Fresh;
use super::evidence::Content;
use super::verdict::Findings;
use super::writers::Writers;
use super::{Applies, Case, Invariant, Verdict};
use crate::history::{Entry, Outcome, Request, words_of_calls, write_digest};
use crate::model::key_at;
use crate::time::SimTime;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "reads",
    title: "Reads",
    statement: "no read returns a value that nobody wrote, that was refused, or that is older than what its node has",
    applies: Applies::Always,
    asked: |limits| limits.data_consistency,
    check,
};

fn check(case: &Case) -> Verdict {
    let writes = LazyCell::new(|| Writes::of(&case.evidence.history));
    let writers = LazyCell::new(|| Writers::of(case.evidence));
    let mut findings = Findings::default();
    let fresh = Fresh::of(case);
    let mut count = 0_u64;
    // Keys that other commands write are followed command by command (`replies`).
    let called = words_of_calls(&case.evidence.history);
    for entry in case.evidence.history.iter().filter(|entry| !called.contains(key_at(entry.request.key()))) {
        if fresh.shows_the_last_write(entry) {
            count += 1;
            continue;
        }
        fresh.judge(entry, &writes, &writers, &mut findings);
        let (Request::Get { key }, Some(Outcome::Ok(Some(value)))) = (&entry.request, &entry.outcome) else {
            continue;
        };
        count += 1;
        let until = entry.completed_at.unwrap_or(SimTime::NEVER);
        let by_guest = case.evidence.guest_keys.holds(key_at(key));
        let by_plan = || by_guest || writers.wrote_by(key, &Content::Text(value.clone()), until);
        if let Err(what) = writes.origin(key, value, until)
            && !by_plan()
        {
            let who = format!("{} #{} at {until}", entry.client, entry.sequence);
            findings.wrong(until, format!("{who} read \"{value}\" from {key}, {what}"));
        }
    }
    findings.verdict(|| format!("{count} values read, all of them written before"))
}

/// All writes of a history by key and value, as a sorted list of digests: a run has a million of them.
struct Writes<'a>(Vec<(u64, &'a Entry)>);

impl<'a> Writes<'a> {
    fn of(history: &'a [Entry]) -> Self {
        let digests = history.iter().filter_map(|entry| match &entry.request {
            Request::Set { key, value } => Some((digest(key, value), entry)),
            Request::Get { .. } | Request::Call { .. } => None,
        });
        let mut all = digests.collect::<Vec<_>>();
        all.sort_by_key(|(digest, _)| *digest);
        Writes(all)
    }

    /// When a value was written to a key at the latest; nothing if nobody knows.
    fn written_until(&self, key: &str, value: &str) -> Option<SimTime> {
        let digest = digest(key, value);
        let begin = self.0.partition_point(|(d, _)| *d < digest);
        let alike = self.0[begin..].iter().take_while(|(d, _)| *d == digest).map(|(_, entry)| entry);
        let until =
            |write: &&Entry| write.completed_at.filter(|_| matches!(write.outcome, Some(Outcome::Ok(_))));
        let all: Option<Vec<SimTime>> = alike.map(until).collect();
        all?.into_iter().max()
    }

    /// Whether a value seen in a key until an instant can come from a write, or why not.
    fn origin(&self, key: &str, value: &str, until: SimTime) -> Result<(), &'static str> {
        let digest = digest(key, value);
        let begin = self.0.partition_point(|(d, _)| *d < digest);
        let alike = self.0[begin..].iter().take_while(|(d, _)| *d == digest).map(|(_, entry)| entry);
        let wrote =
            |e: &&&Entry| matches!(&e.request, Request::Set { key: k, value: v } if k == key && v == value);
        let mut why = "which nobody wrote";
        for entry in alike.filter(wrote) {
            why = match &entry.outcome {
                Some(Outcome::Fail(_)) => "which was refused",
                _ if entry.invoked_at > until => "which was written only later",
                _ => return Ok(()),
            };
        }
        Err(why)
    }
}

fn digest(key: &str, value: &str) -> u64 {
    write_digest(key.as_bytes(), value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::Evidence;
    use super::super::sample::{at, healthy, info, ok, operation, read, refused};
    use super::*;
    use crate::chronicle::replication::{Begin, Reign};
    use crate::id::NodeId;
    use crate::op::{Command, Ending, OpAction};

    fn judged(history: Vec<Entry>) -> Verdict {
        let mut evidence = healthy();
        evidence.history = history;
        check(&Case::of(&evidence))
    }

    /// Node-1 writes from the beginning on.
    fn reigned(history: Vec<Entry>) -> Evidence {
        let mut evidence = healthy();
        evidence.history = history;
        let reign = Reign::new(NodeId(1), at(0), Begin::Start { before: None });
        evidence.chronicle.replication.begin_for_test(reign);
        evidence
    }

    fn read_at(key: &str, value: Option<&str>, s: u64) -> Entry {
        Entry { node: Some(NodeId(1)), ..read(key, value, s) }
    }

    #[test]
    fn a_read_shows_the_last_write_that_was_acknowledged_before_it() {
        for (saw, holds) in [(Some("b"), true), (Some("a"), false), (None, false), (Some("c"), true)] {
            let history =
                vec![ok("k", "a", 1, 2), ok("k", "b", 3, 4), info("k", "c", 3), read_at("k", saw, 5)];
            let verdict = check(&Case::of(&reigned(history)));
            assert_eq!(!verdict.is_violated(), holds, "{saw:?}: {verdict:?}");
        }
        let stale = reigned(vec![ok("k", "a", 1, 2), ok("k", "b", 3, 4), read_at("k", Some("a"), 5)]);
        let detail = check(&Case::of(&stale)).detail().to_owned();
        let end = "read \"a\" from k, older than client-1 #1, which was acknowledged at 4.000000s";
        assert!(detail.ends_with(end), "{detail}");
    }

    #[test]
    fn a_write_that_was_not_over_when_the_read_began_need_not_show() {
        let history = vec![ok("k", "a", 1, 2), ok("k", "b", 3, 9), read_at("k", Some("a"), 5)];
        assert_eq!(check(&Case::of(&reigned(history))).name(), "holds");
    }

    #[test]
    fn a_restart_or_a_command_of_the_plans_may_lie_between() {
        let history = || vec![ok("k27", "a", 1, 2), ok("k27", "b", 3, 4), read_at("k27", Some("a"), 7)];
        assert!(check(&Case::of(&reigned(history()))).is_violated());
        let mut restarted = reigned(history());
        let before = Begin::Start { before: None };
        restarted.chronicle.replication.begin_for_test(Reign::new(NodeId(1), at(5), before));
        assert_eq!(check(&Case::of(&restarted)).name(), "holds");
        let mut flushed = reigned(history());
        let args = vec!["FLUSHALL".to_owned()];
        let action = OpAction::Command(Command { node: NodeId(1), args });
        operation(&mut flushed, action, (5, 6), Ending::Done);
        assert_eq!(check(&Case::of(&flushed)).name(), "holds");
    }

    #[test]
    fn values_that_were_written_or_may_have_been_are_fine() {
        let verdict =
            judged(vec![ok("k", "a", 1, 2), info("k", "b", 3), read("k", Some("b"), 90), read("x", None, 9)]);
        assert_eq!(verdict, Verdict::holds("1 values read, all of them written before"));
    }

    #[test]
    fn a_value_that_nobody_wrote_to_this_key_is_a_violation() {
        let verdict = judged(vec![ok("k", "a", 1, 2), read("other", Some("a"), 5)]);
        assert!(verdict.is_violated() && verdict.detail().ends_with("which nobody wrote"), "{verdict:?}");
    }

    #[test]
    fn a_refused_write_must_not_be_seen() {
        let verdict = judged(vec![refused("k", "a", 1, 2), read("k", Some("a"), 5)]);
        let text = "client-1 #1 at 5.000000s read \"a\" from k, which was refused";
        assert_eq!(verdict, Verdict::violated(at(5), text));
    }

    #[test]
    fn a_value_from_the_future_is_a_violation() {
        let verdict = judged(vec![read("k", Some("a"), 5), ok("k", "a", 6, 7)]);
        assert!(verdict.is_violated() && verdict.detail().ends_with("only later"), "{verdict:?}");
    }
}
