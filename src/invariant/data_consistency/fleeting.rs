//! Keys that may have expired while nodes were read out, one after the other, and hashes of which a field may have.
//!
//! When a key expires its node is asked; of a field only the commands that gave it a deadline are known.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::super::evidence::Evidence;
use crate::history::{Entry, Request};
use crate::model::place;
use crate::time::{SimDuration, SimTime};

/// How long before the end a field may have expired that one node has deleted and another one not yet.
const LATE: SimDuration = SimDuration::from_secs(5);

/// When something expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deadline {
    /// So long after the command is executed.
    In(SimDuration),
    /// At this millisecond since 1970.
    At(u64),
}

/// The places of all of them.
pub(super) fn places(evidence: &Evidence) -> BTreeSet<Cow<'_, str>> {
    let fleeting = |entry: &&Entry| deadlines(&entry.request).iter().any(|at| is_late(evidence, entry, *at));
    let hashes = evidence.history.iter().filter(fleeting);
    let hashes = hashes.map(|entry| place(entry.database, entry.request.key()));
    let told = evidence.accounts.values().filter_map(|account| account.expiries.as_ref()).flatten();
    let is_over = |ms: i64| u64::try_from(ms).is_ok_and(|ms| is_due(evidence, ms));
    let keys = told.filter(|(_, ms)| is_over(**ms)).map(|(place, _)| Cow::Borrowed(place.as_str()));
    hashes.chain(keys).collect()
}

fn is_late(evidence: &Evidence, entry: &Entry, deadline: Deadline) -> bool {
    match deadline {
        Deadline::In(after) => {
            let completed_at = entry.completed_at.unwrap_or(evidence.ended_at);
            is_about_the_end(evidence, (entry.invoked_at + after, completed_at + after))
        }
        Deadline::At(ms) => is_due(evidence, ms),
    }
}

/// Whether what expires so many milliseconds after the beginning of 1970 is what nodes may differ in.
fn is_due(evidence: &Evidence, ms: u64) -> bool {
    let at = SimTime::from_ns((ms * 1_000).saturating_sub(evidence.plan.epoch_us) * 1_000);
    is_about_the_end(evidence, (at, at))
}

/// The same of something that is over at one of these two or between them.
fn is_about_the_end(evidence: &Evidence, (first, last): (SimTime, SimTime)) -> bool {
    first <= evidence.ended_at && last + LATE >= evidence.ended_at
}

/// What a request says of when fields of a hash expire.
fn deadlines(request: &Request) -> Vec<Deadline> {
    let Request::Call { commands, .. } = request else { return Vec::new() };
    commands.iter().filter_map(|command| deadline(command)).collect()
}

fn deadline(command: &[String]) -> Option<Deadline> {
    let words: Vec<String> = command.iter().map(|word| word.to_ascii_uppercase()).collect();
    let number = |at: usize| words.get(at)?.parse::<u64>().ok();
    let option = |name: &str| number(words.iter().position(|word| word == name)? + 1);
    let (seconds, ms) =
        (|n| Deadline::In(SimDuration::from_secs(n)), |n| Deadline::In(SimDuration::from_ms(n)));
    match words.first()?.as_str() {
        "HEXPIRE" => number(2).map(seconds),
        "HPEXPIRE" => number(2).map(ms),
        "HEXPIREAT" => number(2).map(|at| Deadline::At(at * 1_000)),
        "HPEXPIREAT" => number(2).map(Deadline::At),
        "HGETEX" | "HSETEX" => {
            let after = option("EX").map(seconds).or_else(|| option("PX").map(ms));
            let at = || {
                option("EXAT").map(|at| Deadline::At(at * 1_000)).or_else(|| option("PXAT").map(Deadline::At))
            };
            after.or_else(at)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::{at, healthy, ok_at};
    use super::*;
    use crate::id::NodeId;

    #[test]
    fn a_field_that_expires_about_the_end_makes_its_hash_fleeting() {
        let is_fleeting = |words: &str, invoked: u64| {
            let mut evidence = healthy();
            evidence.ended_at = at(30);
            let command: Vec<String> = words.split(' ').map(str::to_owned).collect();
            let request = Request::Call { key: "h".to_owned(), commands: vec![command] };
            evidence.history = vec![Entry { request, ..ok_at("h", "v", 1, invoked, invoked + 1) }];
            places(&evidence).contains("h")
        };
        assert!(is_fleeting("HGETEX h PX 457 FIELDS 1 m5", 28));
        assert!(is_fleeting("HPEXPIRE h 2000 FIELDS 1 m5", 27));
        assert!(!is_fleeting("HPEXPIRE h 2000 FIELDS 1 m5", 10), "it was long gone");
        assert!(!is_fleeting("HEXPIRE h 100 FIELDS 1 m5", 28), "it is there for long");
        assert!(!is_fleeting("HSET h m5 v", 28));
        let epoch_ms = healthy().plan.epoch_us / 1_000;
        assert!(is_fleeting(&format!("HPEXPIREAT h {} FIELDS 1 m5", epoch_ms + 29_000), 5));
    }

    #[test]
    fn a_key_whose_node_says_that_it_expires_about_the_end_is_fleeting() {
        let is_fleeting = |expires_s: u64| {
            let mut evidence = healthy();
            evidence.ended_at = at(30);
            let ms = (evidence.plan.epoch_us / 1_000 + expires_s * 1_000) as i64;
            let account = evidence.accounts.entry(NodeId(1)).or_default();
            account.expiries = Some([("k".to_owned(), ms)].into());
            places(&evidence).contains("k")
        };
        assert!(is_fleeting(29), "one node may have read it, and another one not");
        assert!(!is_fleeting(20) && !is_fleeting(40));
    }
}
