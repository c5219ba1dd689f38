//! No read returns a value that neither a client nor the plan wrote, that was refused, or that was written only later.
//!
//! This holds at every moment, faults or not: asynchronous replication may lose a write and bring an older one back,
//! but it makes nothing up. How old a value may be is not judged.

use super::evidence::Content;
use super::verdict::Findings;
use super::writers::Writers;
use super::{Applies, Case, Invariant, Verdict};
use crate::history::{Entry, Outcome, Request, write_digest};
use crate::time::SimTime;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "reads",
    title: "Reads",
    statement: "no read returns a value that nobody wrote, or that was refused",
    applies: Applies::Always,
    asked: |limits| limits.data_consistency,
    check,
};

fn check(case: &Case) -> Verdict {
    let (writes, writers) = (Writes::of(&case.evidence.history), Writers::of(case.evidence));
    let mut findings = Findings::default();
    let mut count = 0_u64;
    for entry in &case.evidence.history {
        let (Request::Get { key }, Some(Outcome::Ok(Some(value)))) = (&entry.request, &entry.outcome) else {
            continue;
        };
        count += 1;
        let until = entry.completed_at.unwrap_or(SimTime::NEVER);
        let by_plan = || writers.wrote_by(key, &Content::Text(value.clone()), until);
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
            Request::Get { .. } => None,
        });
        let mut all = digests.collect::<Vec<_>>();
        all.sort_by_key(|(digest, _)| *digest);
        Writes(all)
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
    use super::super::sample::{at, healthy, info, ok, read, refused};
    use super::*;

    fn judged(history: Vec<Entry>) -> Verdict {
        let mut evidence = healthy();
        evidence.history = history;
        check(&Case::of(&evidence))
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
