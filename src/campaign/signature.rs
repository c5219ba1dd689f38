//! What makes two failures the same one: the invariant, the shape of its message, and the kinds of what was done.
//!
//! A shape is a message without its numbers, names and lists, so that the same bug at another node, key or instant has
//! the same one. Kinds are what was really done to the cluster; a minimal cause has few, and then they say most.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::plan::Plan;
use crate::report::{Action, ActionOutcome, RunReport, Validation};

/// The invariants, the most telling first: those below are often no more than consequences of those above.
const MOST_TELLING: &[&str] = &[
    "no_crash",
    "formation",
    "no_livelock",
    "no_deadlock",
    "security",
    "replication_stream",
    "votes",
    "elections",
    "duties",
    "candidates",
    "epochs",
    "persisted_epochs",
    "failure_calls",
    "failover_time",
    "replica_migration",
    "orphans",
    "hand_over",
    "isolation",
    "guests",
    "reads",
    "replies",
    "promises",
    "channels",
    "tracking",
    "answers",
    "data_consistency",
    "single_owner",
    "operations",
    "replica_sync",
    "slot_coverage",
    "persistence",
    "stray_keys",
    "config_epochs",
    "open_slots",
    "roles",
    "shard_ids",
    "membership",
    "attached_replicas",
    "links",
    "fail_undone",
    "cluster_state",
    "one_story",
    "views_agree",
    "convergence_time",
    "replication_lag",
    "resources",
    "availability",
];

/// What failures have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Signature {
    /// The most telling invariant that is violated.
    pub invariant: String,
    /// The shape of its message.
    pub message: String,
    /// The kinds of operations and faults that took place, in order of the alphabet.
    pub kinds: BTreeSet<String>,
}

impl Signature {
    /// The signature of a run that failed; nothing if it did not.
    pub fn of(plan: &Plan, report: &RunReport) -> Option<Self> {
        let violated = report.validations.iter().filter(|validation| validation.verdict.is_violated());
        violated.min_by_key(|validation| rank(validation)).map(|found| Signature::by(found, plan, report))
    }

    /// The signature of a run that violates `invariant`; nothing if it does not.
    pub fn of_invariant(invariant: &str, plan: &Plan, report: &RunReport) -> Option<Self> {
        let found = report.validations.iter().find(|validation| validation.name == invariant);
        found.filter(|found| found.verdict.is_violated()).map(|found| Signature::by(found, plan, report))
    }

    fn by(violated: &Validation, plan: &Plan, report: &RunReport) -> Self {
        let operations = plan.operations.iter().map(|op| op.action.kind()).zip(&report.operations);
        let faults = plan.faults.iter().map(|fault| fault.action.kind().to_owned()).zip(&report.faults);
        let took_place = |(_, action): &(String, &Action)| action.outcome != ActionOutcome::Missed;
        let kinds = operations.chain(faults).filter(took_place).map(|(kind, _)| kind).collect();
        let message = shape(violated.verdict.detail());
        Signature { invariant: violated.name.to_owned(), message, kinds }
    }

    /// A name for files: the invariant and a digest of the rest.
    pub fn slug(&self) -> String {
        format!("{}-{:08x}", self.invariant.replace('_', "-"), xxh3_64(self.to_string().as_bytes()) as u32)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<&str> = self.kinds.iter().map(String::as_str).collect();
        let kinds = if kinds.is_empty() { "nothing done".to_owned() } else { kinds.join(", ") };
        write!(f, "{}: {} [{kinds}]", self.invariant, self.message)
    }
}

fn rank(validation: &Validation) -> usize {
    MOST_TELLING.iter().position(|name| *name == validation.name).unwrap_or(MOST_TELLING.len())
}

/// A message without what differs from run to run; of a list of findings only the first, which is the earliest kind.
pub fn shape(message: &str) -> String {
    /// A place in the server's source, and what varies: quoted texts, identifiers, and numbers.
    static VARYING: LazyLock<Regex> = LazyLock::new(|| {
        let text = r#"(?<place>\b\w+\.[ch]:\d+)|"[^"]*"|[0-9a-fA-F]{8,}|\d+(?:\.\d+)?"#;
        Regex::new(text).expect("the expression is well-formed")
    });
    let first = message.split("; ").next().unwrap_or(message);
    let text = VARYING.replace_all(first, |found: &Captures| {
        found.name("place").map_or("#", |place| place.as_str()).to_owned()
    });
    let mut words: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        // A list of the same kind of thing is as long as the run made it.
        let listed = words
            .last_mut()
            .filter(|last| last.contains('#') && last.trim_end_matches(',') == word.trim_end_matches(','));
        match listed {
            Some(last) => *last = word,
            None => words.push(word),
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::CATALOGUE;

    #[test]
    fn every_invariant_has_its_rank() {
        let ranked: BTreeSet<&str> = MOST_TELLING.iter().copied().collect();
        assert_eq!(ranked, CATALOGUE.iter().map(|invariant| invariant.name).collect());
    }

    #[test]
    fn the_same_finding_elsewhere_has_the_same_shape() {
        let here = "acknowledged write lost: key:105 is absent, client-4 #41 was acknowledged at 4.981834s by node-1; x";
        let there =
            "acknowledged write lost: key:7 is absent, client-2 #9 was acknowledged at 12.1s by node-5";
        assert_eq!(shape(here), shape(there));
        assert_eq!(
            shape("cluster_state is fail on node-1, node-2, node-11 (quorum)"),
            shape("cluster_state is fail on node-3, node-4 (quorum)")
        );
        assert_eq!(shape("Slots 0-5460, 6000-6001 not served"), shape("Slots 10922-16383 not served"));
        assert_eq!(shape("holds \"a b\", which"), "holds #, which");
        assert_ne!(shape("a link is down"), shape("a link is up"));
        let crash = |node: u16, line: u16| {
            shape(&format!("node-{node} ended at 3.5s with SIGABRT (cluster.c:{line} 'x > 0' is not true)"))
        };
        assert_eq!(crash(1, 12), "node-# ended at #s with SIGABRT (cluster.c:12 'x > #' is not true)");
        assert_ne!(crash(1, 12), crash(1, 13));
        assert_eq!(crash(1, 12), crash(2, 12));
    }
}
