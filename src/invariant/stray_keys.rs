//! No node keeps keys of slots that its shard does not own, and keys expire at the same instant on all members.
//!
//! Keys that stay behind come back to life when the slot does (`delKeysInSlot` deletes them when a slot is lost, and a
//! replica gets the deletions). A copy that expires later than its primary's outlives it when the replica takes over.

use std::collections::{BTreeMap, BTreeSet};

use super::account::{Heard, heard};
use super::evidence::{Content, Evidence, NodeEvidence};
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict};
use crate::wire::Role;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "stray_keys",
    title: "Stray Keys",
    statement: "no node has keys of slots that its shard does not own, and copies of a key expire when it does",
    applies: Applies::OnceHealed,
    asked: |limits| limits.data_consistency,
    check,
};

/// How many keys are named.
const NAMED: usize = 3;

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let mut findings = Findings::default();
    let all = heard(evidence).collect::<Vec<_>>();
    for what in
        evidence.seen().filter_map(strays).chain(all.iter().filter_map(|one| expiries(evidence, one, &all)))
    {
        findings.wrong(evidence.broken_since(), what);
    }
    let unread = evidence.seen().filter(|node| node.keys.is_none()).count();
    if unread > 0 {
        findings.missing(format!("the keys of {unread} nodes are not known"));
    }
    findings.verdict(|| "no key is where it does not belong".to_owned())
}

/// Keys that the node itself sends clients elsewhere for: whoever owns the slot, it is not this node's shard.
fn strays(node: &NodeEvidence) -> Option<String> {
    let is_stray = |content: &Content| matches!(content, Content::Other { kind, .. } if kind == "MOVED");
    let keys =
        node.keys.iter().flatten().filter(|(_, content)| is_stray(content)).map(|(key, _)| key.as_str());
    let keys = keys.collect::<Vec<_>>();
    (!keys.is_empty())
        .then(|| format!("{} has {} keys of slots of others ({})", node.node, keys.len(), first(&keys)))
}

fn first(keys: &[&str]) -> String {
    keys[..keys.len().min(NAMED)].join(", ")
}

/// A live replica whose copies expire at other instants than its live primary's keys do, or of which only one expires.
fn expiries(evidence: &Evidence, one: &Heard, all: &[Heard]) -> Option<String> {
    let id = one.own.primary.as_ref().filter(|_| one.own.role() == Some(Role::Replica))?;
    let primary = all.iter().find(|other| other.own.id == *id)?;
    let differ = differing(evidence, one, primary);
    (!differ.is_empty()).then(|| {
        let count = differ.len();
        format!("{count} keys expire otherwise on {} than on {} ({})", one.node, primary.node, first(&differ))
    })
}

/// Keys that both have with different instants, or that only one says an instant of. Of the latter only those count that cannot
/// have expired between the looks: their instant is behind the end, by clocks that nothing made wrong.
fn differing<'e>(evidence: &'e Evidence, one: &Heard<'e>, other: &Heard<'e>) -> Vec<&'e str> {
    let ends_ms = (evidence.plan.epoch_us + evidence.ended_at.as_ns() / 1_000) / 1_000;
    let lasts = |at: i64| evidence.first_wrong_clock().is_none() && at > ends_ms as i64;
    // Who has no key that expires is not asked.
    let instant =
        |of: &Heard<'e>, key: &str| of.account.expiries.as_ref().and_then(|all| all.get(key)).copied();
    let has = |of: &Heard, key: &str| {
        evidence.node(of.node).and_then(|node| node.keys.as_ref()).is_some_and(|keys| keys.contains_key(key))
    };
    let differs = |key: &&str| match (instant(one, key), instant(other, key)) {
        (Some(one), Some(other)) => one != other,
        (Some(at), None) => lasts(at) && has(other, key),
        (None, Some(at)) => lasts(at) && has(one, key),
        (None, None) => false,
    };
    let keys =
        [one, other].into_iter().filter_map(|of| of.account.expiries.as_ref()).flat_map(BTreeMap::keys);
    keys.map(String::as_str).collect::<BTreeSet<_>>().into_iter().filter(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::healthy;
    use super::*;
    use crate::id::NodeId;

    fn expiring(evidence: &mut Evidence, node: u16, at: i64) {
        let account = evidence.accounts.get_mut(&NodeId(node)).expect("an account");
        account.expiries = Some([("k".to_owned(), at)].into());
    }

    #[test]
    fn a_healthy_cluster_has_no_stray_keys() {
        let mut evidence = healthy();
        expiring(&mut evidence, 1, 7);
        expiring(&mut evidence, 2, 7);
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("no key is where it does not belong"));
    }

    #[test]
    fn a_key_that_its_node_sends_clients_elsewhere_for_is_a_violation() {
        let mut evidence = healthy();
        let stray = Content::Other { kind: "MOVED".to_owned(), digest: String::new() };
        evidence.nodes[0].keys.get_or_insert_default().insert("k".to_owned(), stray);
        assert_eq!(check(&Case::of(&evidence)).detail(), "node-1 has 1 keys of slots of others (k)");
    }

    #[test]
    fn a_copy_that_expires_otherwise_is_a_violation() {
        let mut evidence = healthy();
        expiring(&mut evidence, 1, 7);
        expiring(&mut evidence, 2, 8);
        assert_eq!(
            check(&Case::of(&evidence)).detail(),
            "1 keys expire otherwise on node-2 than on node-1 (k)"
        );
    }

    #[test]
    fn a_copy_that_never_expires_though_its_key_does_is_a_violation() {
        // `k` expires long after the end of the run, or might have by then.
        let mut late = healthy();
        let ends_ms = (late.plan.epoch_us + late.ended_at.as_ns() / 1_000) as i64 / 1_000;
        for node in 0..2 {
            late.nodes[node]
                .keys
                .get_or_insert_default()
                .insert("k".to_owned(), Content::Text("v".to_owned()));
        }
        let mut early = late.clone();
        expiring(&mut late, 1, ends_ms + 1_000);
        expiring(&mut early, 1, ends_ms - 1_000);
        let told = "1 keys expire otherwise on node-2 than on node-1 (k)";
        assert_eq!(check(&Case::of(&late)).detail(), told);
        assert!(!check(&Case::of(&early)).is_violated());
        late.nodes[1].keys.get_or_insert_default().remove("k");
        assert!(!check(&Case::of(&late)).is_violated(), "that is judged with what it holds");
    }

    #[test]
    fn keys_that_were_not_read_are_unknown() {
        let mut evidence = healthy();
        evidence.nodes[0].keys = None;
        assert!(check(&Case::of(&evidence)).is_unknown());
    }
}
