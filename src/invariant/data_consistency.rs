//! Replicas hold what their primaries hold, and the final data is what clients were told (`kept.rs`).
//!
//! Compared are keys, their types and values, and function libraries with their code; not how long a key has to live, and nothing
//! that expires just then (`fleeting.rs`).

mod fleeting;
mod kept;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Content, Functions, NodeEvidence, Role};
use super::layout::shard_served;
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict};

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
    Verdict::all([replicas(case), kept::writes(case)])
}

/// How many acknowledged writes are lost, excused or not.
pub(super) fn lost_writes(case: &Case) -> u64 {
    kept::lost_writes(case)
}

/// How many acknowledged writes a run lost lawfully.
pub fn excused_writes(evidence: &Evidence) -> u64 {
    kept::excused_writes(&Case::of(evidence))
}

type Keys = BTreeMap<String, Content>;

/// Every replica against its primary, key by key.
fn replicas(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    case.note_unseen(&mut findings);
    let (mut pairs, mut compared, mut libraries) = (0, 0, 0);
    let fleeting = fleeting::places(case.evidence);
    for (replica, primary) in pairs_of(case) {
        let (Some(has), Some(wants)) = (&replica.keys, &primary.keys) else {
            findings.missing(format!("the keys of {} or {} were not read", replica.node, primary.node));
            continue;
        };
        pairs += 1;
        compared += wants.len();
        libraries += primary.functions.as_ref().map_or(0, BTreeMap::len);
        if let Some(text) = library_difference(replica.functions.as_ref(), primary.functions.as_ref()) {
            let text = format!("{text} on {} (replica of {})", replica.node, primary.node);
            findings.wrong(case.evidence.ended_at, text);
        }
        if let Some(difference) = difference(has, wants, &fleeting) {
            let shard = shard_served(case.evidence, replica);
            let text = format!("{difference} on {} (replica of {}, {shard})", replica.node, primary.node);
            findings.wrong(case.evidence.ended_at, text);
        }
    }
    findings.verdict(|| match pairs {
        0 => "no replica to compare".to_owned(),
        _ => {
            let libraries =
                if libraries > 0 { format!(", {libraries} function libraries") } else { String::new() };
            let what = format!("{compared} keys compared by type and value{libraries}");
            format!("100% match across {pairs} replicas ({what})")
        }
    })
}

/// Live replicas with their live primaries, except in shards that have none by the plan's doing.
fn pairs_of<'a>(case: &'a Case) -> impl Iterator<Item = (&'a NodeEvidence, &'a NodeEvidence)> {
    let replicas = case.evidence.live().filter(|n| n.role == Some(Role::Replica));
    let primary = |n: &NodeEvidence| case.evidence.node(n.primary?).filter(|p| p.is_live());
    replicas.filter_map(move |n| primary(n).map(|p| (n, p)))
}

/// Which function libraries a replica lacks, has too much or has with other code.
fn library_difference(has: Option<&Functions>, wants: Option<&Functions>) -> Option<String> {
    let (has, wants) = has.zip(wants)?;
    let missing = wants.keys().filter(|name| !has.contains_key(*name)).map(|name| (name, "missing"));
    let extra = has.keys().filter(|name| !wants.contains_key(*name)).map(|name| (name, "not on the primary"));
    let other = wants.iter().filter(|(name, code)| has.get(*name).is_some_and(|h| h != *code));
    let other = other.map(|(name, _)| (name, "different"));
    let all = missing.chain(extra).chain(other).map(|(name, what)| format!("function library {name} {what}"));
    let all = all.collect::<Vec<_>>();
    (!all.is_empty()).then(|| all.join(", "))
}

/// What a replica's keys lack, have too much or have otherwise, with the first keys by name.
fn difference(has: &Keys, wants: &Keys, fleeting: &BTreeSet<Cow<str>>) -> Option<String> {
    let lasts = |key: &&String| !fleeting.contains(key.as_str());
    let missing = wants.keys().filter(|k| !has.contains_key(*k)).filter(lasts).collect::<Vec<_>>();
    let extra = has.keys().filter(|k| !wants.contains_key(*k)).filter(lasts).collect::<Vec<_>>();
    let other = wants.iter().filter(|(k, v)| has.get(*k).is_some_and(|h| h != *v)).map(|(k, _)| k);
    let other = other.filter(lasts).collect();
    let kinds = [("missing", missing), ("not on the primary", extra), ("different", other)];
    let told = kinds.iter().filter(|(_, keys)| !keys.is_empty()).map(|(what, keys)| {
        let first = keys.iter().take(3).map(|k| k.as_str()).collect::<Vec<_>>().join(", ");
        format!("{} keys {what} ({first}{})", keys.len(), if keys.len() > 3 { ", …" } else { "" })
    });
    let told = told.collect::<Vec<_>>();
    (!told.is_empty()).then(|| told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::sample::operation;
    use super::super::sample::{at, fill, healthy, info, kill_both, lag, ok, ok_at, promote, refused};
    use super::*;
    use crate::history::Entry;
    use crate::id::NodeId;
    use crate::op::{Command, Ending, OpAction};

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
            Verdict::holds(
                "100% match across 3 replicas (1 keys compared by type and value); 2 of 2 acknowledged writes kept"
            )
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
    fn function_libraries_are_compared_too() {
        let library = |code: &str| Some(Functions::from([("lib".to_owned(), code.to_owned())]));
        let mut evidence = healthy();
        (evidence.nodes[0].functions, evidence.nodes[1].functions) = (library("a"), library("a"));
        let detail = check(&Case::of(&evidence)).detail().to_owned();
        assert!(detail.contains("(0 keys compared by type and value, 1 function libraries)"), "{detail}");
        for (functions, what) in [(library("b"), "different"), (Some(Functions::new()), "missing")] {
            evidence.nodes[1].functions = functions;
            let text = format!("function library lib {what} on node-2 (replica of node-1)");
            assert_eq!(check(&Case::of(&evidence)).detail(), text);
        }
        (evidence.nodes[0].functions, evidence.nodes[1].functions) = (Some(Functions::new()), library("a"));
        assert!(check(&Case::of(&evidence)).detail().contains("not on the primary"));
    }

    fn typed(evidence: &mut Evidence, node: u16, (from, to): (u64, u64), text: &str) {
        let args = text.split(' ').map(str::to_owned).collect();
        operation(
            evidence,
            OpAction::Command(Command { node: NodeId(node), args }),
            (from, to),
            Ending::Done,
        );
    }

    #[test]
    fn the_plans_own_commands_are_writers() {
        for (text, key, value) in [
            ("SET k27 seed", KEY, "seed"),
            ("EVAL script 0", "{k27}tmp:7", "x"),
            ("DEBUG POPULATE 5 {k27}", "{k27}:3", "v"),
        ] {
            let mut evidence = healthy();
            fill(&mut evidence, key, value);
            assert!(check(&Case::of(&evidence)).is_violated(), "nobody wrote {key}");
            typed(&mut evidence, 1, (5, 6), text);
            assert_eq!(check(&Case::of(&evidence)).name(), "holds", "{text}");
        }
    }

    #[test]
    fn a_value_of_the_plans_overwrites_what_came_before_it_and_nothing_later() {
        let mut evidence = ended(vec![ok(KEY, "a", 1, 2)], Some("seed"));
        typed(&mut evidence, 1, (5, 6), "SET k27 seed");
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
        evidence.history.push(ok(KEY, "b", 7, 8));
        assert!(check(&Case::of(&evidence)).is_violated());
    }

    #[test]
    fn what_a_command_of_the_plans_destroys_is_lost_and_the_command_is_where_to_look() {
        for (text, value) in [("FLUSHALL", None), ("DEL k27", None), ("UNLINK k27", None)] {
            let mut evidence = ended(vec![ok(KEY, "a", 1, 2)], value);
            typed(&mut evidence, 1, (5, 6), text);
            let end = format!("and {text} to node-1 destroyed it at 5.000000s");
            match check(&Case::of(&evidence)) {
                Verdict::Violated { detail, first_event_hint, .. } => {
                    assert!(first_event_hint == at(5) && detail.ends_with(&end), "{detail}");
                }
                other => panic!("{other:?}"),
            }
        }
        let mut evidence = ended(vec![ok(KEY, "a", 1, 2)], Some("x"));
        typed(&mut evidence, 1, (5, 6), "DEL k27");
        typed(&mut evidence, 1, (7, 8), "SET k27 x");
        assert!(check(&Case::of(&evidence)).is_violated(), "writing it again does not bring it back");
    }

    #[test]
    fn a_flush_is_no_excuse_of_a_restart_after_it() {
        let mut evidence = ended(vec![ok(KEY, "a", 1, 2)], None);
        typed(&mut evidence, 1, (5, 6), "FLUSHALL");
        super::super::sample::kill(&mut evidence, NodeId(6), 20);
        (evidence.exits[0].node, evidence.exits[0].restarted_at) = (NodeId(1), Some(at(21)));
        assert!(check(&Case::of(&evidence)).is_violated());
        evidence.operations.clear();
        evidence.plan.operations.clear();
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
    }

    #[test]
    fn a_lost_write_is_looked_for_where_its_shard_changed_hands() {
        let mut evidence = ended(vec![ok(KEY, "a", 1, 2), ok(KEY, "b", 8, 9)], Some("a"));
        evidence.lag_samples = vec![lag(2, 1, 10, 0)];
        promote(&mut evidence, NodeId(2), 20, false);
        let Verdict::Violated { first_event_hint, .. } = check(&Case::of(&evidence)) else {
            panic!("it is lost")
        };
        assert_eq!(first_event_hint, at(20));
    }

    #[test]
    fn a_cache_may_lack_as_many_keys_as_it_evicted() {
        let history = || vec![ok(KEY, "a", 1, 2), ok("{k27}b", "b", 3, 4)];
        let mut evidence = ended(history(), None);
        let config = [("maxmemory", "3mb"), ("maxmemory-policy", "allkeys-lru")];
        evidence.plan.cluster.config.extend(config.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(check(&Case::of(&evidence)).is_violated(), "nothing was evicted");
        evidence.nodes[0].evicted_keys = Some(2);
        let detail = check(&Case::of(&evidence)).detail().to_owned();
        assert!(detail.ends_with("0 of 2 acknowledged writes kept, 2 evicted"), "{detail}");
        evidence.nodes[0].evicted_keys = Some(1);
        assert!(check(&Case::of(&evidence)).is_violated());
        evidence.nodes[0].evicted_keys = Some(2);
        evidence.plan.cluster.config.insert("maxmemory-policy".to_owned(), "volatile-lru".to_owned());
        assert!(check(&Case::of(&evidence)).is_violated(), "these keys never expire");
    }

    #[test]
    fn a_key_that_no_live_node_holds_is_lost_whoever_owns_its_slot() {
        let mut evidence = ended(vec![ok(KEY, "a", 1, 2)], None);
        for row in
            evidence.nodes.iter_mut().flat_map(|n| &mut n.view).filter(|row| row.node == Some(NodeId(1)))
        {
            row.slots.clear();
        }
        assert!(check(&Case::of(&evidence)).is_violated());
        fill(&mut evidence, KEY, "a");
        assert!(check(&Case::of(&evidence)).is_unknown(), "it is there, and nobody serves it");
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
