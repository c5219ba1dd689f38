//! `CLUSTER NODES`, `SLOTS`, `SHARDS`, `INFO`, `LINKS` and `MYID` of one node tell one story.
//!
//! All of it was answered in one go, so that nothing can have happened between two answers. What clients route by
//! (`SLOTS`, which the server caches, `SHARDS`) and what operators look at (`NODES`, `INFO`) are made by different code
//! of the server from the same state: `clusterGenNodesDescription`, `generateClusterSlotResponse`,
//! `clusterCommandShards`, `genClusterInfoString`.

use std::collections::{BTreeMap, BTreeSet};

use super::account::{Heard, heard, name_of, note_unheard};
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict};
use crate::wire::cluster_nodes::{Health, NodeEntry, NodeFlag};
use crate::wire::cluster_shards::{Shard, ShardMember};
use crate::wire::cluster_slots::{Endpoint, SlotGroup};
use crate::wire::info::ClusterInfo;
use crate::wire::{Role, SlotMap, SlotRange};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "one_story",
    title: "One Story",
    statement: "what a node says in CLUSTER NODES, SLOTS, SHARDS, INFO and LINKS, and on the bus, fits together",
    applies: Applies::OnceHealed,
    asked: |limits| limits.membership,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    note_unheard(case.evidence, &mut findings);
    let mut count = 0;
    for heard in heard(case.evidence) {
        count += 1;
        for what in contradictions(case.evidence, heard) {
            findings.wrong(heard.account.at, format!("{}: {what}", heard.node));
        }
    }
    findings.verdict(|| format!("{count} nodes say the same in all their words"))
}

/// Everything in which a node's answers contradict its `CLUSTER NODES`.
fn contradictions(evidence: &Evidence, heard: Heard) -> Vec<String> {
    let account = heard.account;
    let mut found: Vec<String> = account.garbled.iter().map(|what| format!("no answer is {what}")).collect();
    if account.id.as_ref().is_some_and(|id| *id != heard.own.id) {
        found.push("MYID is not the id of its own line".to_owned());
    }
    found.extend(account.info.iter().flat_map(|info| of_info(heard, info)));
    found.extend(account.slots.iter().flat_map(|slots| of_slots(evidence, heard, slots)));
    found.extend(account.shards.iter().flat_map(|shards| of_shards(evidence, heard, shards)));
    found.extend(of_links(evidence, heard));
    found.extend(of_bus(evidence, heard));
    found
}

/// Counts and epochs of `CLUSTER INFO`.
fn of_info(heard: Heard, info: &ClusterInfo) -> Vec<String> {
    let rows = &heard.view.nodes;
    let slots = |health: Option<Health>| -> u32 {
        let owners = rows.iter().filter(|row| health.is_none_or(|health| row.health() == health));
        owners.map(NodeEntry::slot_count).sum()
    };
    let voters = rows.iter().filter(|row| row.role() == Some(Role::Primary) && !row.slots.is_empty());
    let counts = [
        ("known_nodes", u64::from(info.known_nodes), rows.len() as u64),
        ("size", u64::from(info.size), voters.count() as u64),
        ("slots_assigned", u64::from(info.slots_assigned), u64::from(slots(None))),
        ("slots_ok", u64::from(info.slots_ok), u64::from(slots(Some(Health::Alive)))),
        ("slots_pfail", u64::from(info.slots_pfail), u64::from(slots(Some(Health::Suspected)))),
        ("slots_fail", u64::from(info.slots_fail), u64::from(slots(Some(Health::Failed)))),
        ("my_epoch", info.my_epoch, heard.own.config_epoch),
    ];
    let wrong = counts.into_iter().filter(|(_, says, is)| says != is);
    let mut found: Vec<String> =
        wrong.map(|(name, says, is)| format!("INFO has {name} {says}, NODES {is}")).collect();
    let highest = rows.iter().map(|row| row.config_epoch).max().unwrap_or(0);
    if info.current_epoch < highest {
        found.push(format!("INFO has current_epoch {}, and NODES an epoch {highest}", info.current_epoch));
    }
    found
}

/// Who serves which slots: `CLUSTER SLOTS` names replicas that are not held for dead and have data, by what `SHARDS` says
/// of them.
fn of_slots(evidence: &Evidence, heard: Heard, groups: &[SlotGroup]) -> Vec<String> {
    let told: BTreeMap<SlotRange, &SlotGroup> = groups.iter().map(|group| (group.slots, group)).collect();
    let owners = heard.view.owners();
    let mut found = Vec::new();
    let listed = told.keys().copied().collect::<BTreeSet<_>>();
    if listed != owners.iter().map(|(range, _)| *range).collect() || listed.len() != groups.len() {
        found.push("SLOTS and NODES have different ranges".to_owned());
    }
    for (range, owner) in owners {
        let Some(group) = told.get(&range) else { continue };
        if group.owner != endpoint(owner) {
            let owner = name_of(evidence, &owner.id);
            found.push(format!(
                "SLOTS gives {range} to {}, NODES to {owner}",
                name_of(evidence, &group.owner.id)
            ));
        }
        let available = available(heard, owner);
        if available.as_ref().is_some_and(|available| *available != group.replicas) {
            found.push(format!("SLOTS and SHARDS have different replicas for {range}"));
        }
    }
    found
}

fn endpoint(row: &NodeEntry) -> Endpoint {
    Endpoint { id: row.id.clone(), ip: row.address.ip.clone(), port: row.address.port }
}

/// An owner's replicas that a client may read from (`isNodeAvailable`); nothing if `SHARDS` was not heard.
fn available(heard: Heard, owner: &NodeEntry) -> Option<BTreeSet<Endpoint>> {
    let shards = heard.account.shards.as_ref()?;
    let online = |row: &&NodeEntry| {
        let member = shards.iter().flat_map(|shard| &shard.members).find(|member| member.id == row.id);
        member.is_some_and(|member| member.health == "online")
    };
    let replicas = heard.view.nodes.iter().filter(|row| row.primary.as_ref() == Some(&owner.id));
    Some(replicas.filter(online).map(endpoint).collect())
}

/// Members, their roles and their slots in `CLUSTER SHARDS`.
fn of_shards(evidence: &Evidence, heard: Heard, shards: &[Shard]) -> Vec<String> {
    let members = || shards.iter().flat_map(|shard| &shard.members);
    let mut found = Vec::new();
    let told = members().map(|member| &member.id).collect::<BTreeSet<_>>();
    // Who was met and has not answered yet has no shard.
    let known = heard.view.nodes.iter().filter(|row| !row.has(&NodeFlag::Handshake));
    let known = known.map(|row| &row.id).collect::<BTreeSet<_>>();
    if told != known || told.len() != members().count() {
        found.push("SHARDS and NODES have different members".to_owned());
    }
    for member in members() {
        let row = heard.view.node(&member.id);
        let wrong = row.and_then(|row| of_member(row, member));
        found.extend(wrong.map(|wrong| format!("SHARDS says {wrong} of {}", name_of(evidence, &member.id))));
    }
    found.extend(shards.iter().filter_map(|shard| of_shard_slots(evidence, heard, shard)));
    found
}

/// What `SHARDS` says of a member that `NODES` does not.
fn of_member(row: &NodeEntry, member: &ShardMember) -> Option<String> {
    let health = match (row.health(), member.role, member.offset) {
        (Health::Failed, ..) => "fail",
        (_, Role::Replica, 0) => "loading",
        _ => "online",
    };
    let checks = [
        (row.role() == Some(member.role), format!("{}", member.role)),
        (
            row.address.ip == member.ip && row.address.port == member.port,
            format!("{}:{}", member.ip, member.port),
        ),
        (health == member.health, format!("`{}` instead of `{health}`", member.health)),
    ];
    checks.into_iter().find(|(is_so, _)| !is_so).map(|(_, says)| says)
}

/// A shard has the slots of its one member with slots; with two of them nobody can say whose are told.
fn of_shard_slots(evidence: &Evidence, heard: Heard, shard: &Shard) -> Option<String> {
    let rows = shard.members.iter().filter_map(|member| heard.view.node(&member.id));
    let owners = rows.filter(|row| !row.slots.is_empty()).collect::<Vec<_>>();
    let is: SlotMap = match owners.as_slice() {
        [] => SlotMap::EMPTY,
        [owner] => owner.slots.iter().copied().collect(),
        _ => return None,
    };
    let told: SlotMap = shard.slots.iter().copied().collect();
    let name = shard.members.first().map(|member| name_of(evidence, &member.id)).unwrap_or_default();
    (told != is).then(|| format!("SHARDS and NODES have different slots for the shard of {name}"))
}

/// A line is `connected` exactly if `CLUSTER LINKS` has a link to that node.
fn of_links(evidence: &Evidence, heard: Heard) -> Option<String> {
    let links = heard.account.links.as_ref()?;
    let others = heard.view.nodes.iter().filter(|row| !row.is_myself());
    let wrong = others.filter(|row| row.connected != links.to.contains(&row.id));
    let names = wrong.map(|row| name_of(evidence, &row.id)).collect::<Vec<_>>();
    (!names.is_empty()).then(|| format!("LINKS and NODES differ on the link to {}", names.join(", ")))
}

/// What a node said of itself on the bus last, against its own line. Only a cluster that agrees in the end is asked: in any other
/// one a role may change between two words, and what was said before they agreed may be from before the last slot moved.
fn of_bus(evidence: &Evidence, heard: Heard) -> Option<String> {
    let member = evidence.chronicle.members.get(heard.node)?;
    let settled_at = evidence.converged_at()?.max(evidence.last_disturbance_ended_at().unwrap_or_default());
    let last = member.last.as_ref().filter(|last| last.prompt && last.at >= settled_at)?;
    let claim = &last.header.as_ref()?.claim;
    let is_primary = heard.own.role() == Some(Role::Primary);
    if claim.is_primary() != is_primary {
        return Some("NODES has another role than the bus".to_owned());
    }
    let said: SlotMap =
        claim.slots.iter().map(|(first, last)| SlotRange { first: *first, last: *last }).collect();
    let own: SlotMap = heard.own.slots.iter().copied().collect();
    (is_primary && said != own).then(|| "NODES has other slots than the bus".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::account::Account;
    use super::super::sample::healthy;
    use super::*;
    use crate::id::NodeId;

    fn verdict(change: impl FnOnce(&mut Account)) -> Verdict {
        let mut evidence = healthy();
        change(evidence.accounts.get_mut(&NodeId(1)).expect("an account"));
        check(&Case::of(&evidence))
    }

    fn info(change: impl FnOnce(&mut ClusterInfo)) -> Verdict {
        verdict(|account| change(account.info.as_mut().expect("counts")))
    }

    #[test]
    fn a_healthy_cluster_tells_one_story() {
        assert_eq!(verdict(|_| ()), Verdict::holds("6 nodes say the same in all their words"));
    }

    #[test]
    fn wrong_counts_are_a_violation() {
        assert_eq!(info(|info| info.known_nodes = 7).detail(), "node-1: INFO has known_nodes 7, NODES 6");
        assert_eq!(info(|info| info.size = 2).detail(), "node-1: INFO has size 2, NODES 3");
        assert_eq!(info(|info| info.slots_pfail = 9).detail(), "node-1: INFO has slots_pfail 9, NODES 0");
        let text = "node-1: INFO has current_epoch 1, and NODES an epoch 3";
        assert_eq!(info(|info| info.current_epoch = 1).detail(), text);
    }

    #[test]
    fn slots_as_they_were_before_are_a_violation() {
        let old = verdict(|account| {
            let groups = account.slots.as_mut().expect("slots");
            groups[0].owner = groups[1].owner.clone();
        });
        assert_eq!(old.detail(), "node-1: SLOTS gives 0-5460 to node-3, NODES to node-1");
        let lost = verdict(|account| account.slots.as_mut().expect("slots")[2].replicas.clear());
        assert_eq!(lost.detail(), "node-1: SLOTS and SHARDS have different replicas for 10922-16383");
        let short = verdict(|account| drop(account.slots.as_mut().expect("slots").pop()));
        assert_eq!(short.detail(), "node-1: SLOTS and NODES have different ranges");
    }

    #[test]
    fn a_shard_with_a_wrong_member_is_a_violation() {
        let role =
            verdict(|account| account.shards.as_mut().expect("shards")[0].members[1].role = Role::Primary);
        assert_eq!(role.detail(), "node-1: SHARDS says primary of node-2");
        let lost = verdict(|account| drop(account.shards.as_mut().expect("shards")[0].members.pop()));
        assert!(lost.detail().contains("SHARDS and NODES have different members"), "{lost:?}");
        let slots = verdict(|account| account.shards.as_mut().expect("shards")[0].slots.clear());
        assert_eq!(slots.detail(), "node-1: SHARDS and NODES have different slots for the shard of node-1");
    }

    #[test]
    fn a_link_that_only_one_of_two_tells_of_is_a_violation() {
        let verdict = verdict(|account| account.links.as_mut().expect("links").to.clear());
        assert!(verdict.detail().starts_with("node-1: LINKS and NODES differ on the link to node-2"));
    }

    #[test]
    fn an_answer_that_is_none_is_a_violation_and_one_not_heard_is_unknown() {
        let garbled = verdict(|account| account.garbled.push("Slots: 7".to_owned()));
        assert_eq!(garbled.detail(), "node-1: no answer is Slots: 7");
        assert_eq!(verdict(|account| account.nodes = None), Verdict::unknown("no account of node-1"));
    }
}
