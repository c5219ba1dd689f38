//! `nodes.conf` is what the node has in memory, and a node that comes back is who it was.
//!
//! The server writes the file before it sleeps after anything of it changed (`clusterBeforeSleep`, `clusterSaveConfig`), a vote before the vote
//! leaves (`clusterSendFailoverAuthIfNeeded`): a node that forgets its vote gives it away twice, and then two replicas
//! win one epoch. Suspicions and the current epoch alone are not worth a save to it, so the file may be behind in those.

use std::collections::BTreeMap;

use super::account::{Heard, heard, name_of, note_unheard};
use super::evidence::{FileReport, Vote};
use super::settings::typed;
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict};
use crate::id::NodeId;
use crate::time::SimTime;
use crate::wire::cluster_file::NodesConf;
use crate::wire::cluster_nodes::{Health, NodeEntry, NodeFlag};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "persistence",
    title: "Persistence",
    statement: "nodes.conf is what the node has in memory, votes are in it, and a restart keeps who the node is",
    applies: Applies::Always,
    asked: |limits| limits.persistence,
    check,
};

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let mut findings = Findings::default();
    note_unheard(evidence, &mut findings);
    let mut count = 0;
    for one in heard(evidence) {
        count += usize::from(one.account.nodes_conf.is_some());
        for what in of_live(evidence, &one) {
            findings.wrong(one.account.at, format!("{} {what}", one.node));
        }
    }
    for left in &evidence.files {
        for what in of_left(evidence, left) {
            findings.wrong(left.at, format!("{} {what}", left.node));
        }
    }
    for (at, what) in changed_identities(evidence) {
        findings.wrong(at, what);
    }
    findings.verdict(|| {
        let left = evidence.files.iter().filter(|left| left.file.is_some()).count();
        format!("{count} files as in memory, {left} left whole by processes that ended")
    })
}

/// The file of a live node against its memory.
fn of_live(evidence: &Evidence, one: &Heard) -> Vec<String> {
    let conf = match &one.account.nodes_conf {
        None => return Vec::new(),
        Some(Err(why)) => return vec![format!("has a nodes.conf that it cannot start with: {why}")],
        Some(Ok(conf)) => conf,
    };
    let mut found = of_itself(conf);
    found.extend(forgotten_vote(evidence, one.node, one.account.at, conf));
    let told = one.account.info.as_ref().map(|info| info.current_epoch);
    if told.is_some_and(|told| told < conf.current_epoch) {
        found.push("has a lower current epoch than its nodes.conf".to_owned());
    }
    found.extend(different_rows(evidence, one, conf));
    let shard = (one.account.shard_id.as_deref(), conf.nodes.myself().and_then(NodeEntry::shard_id));
    if let (Some(told), Some(written)) = shard
        && told != written
    {
        found.push("has another shard id than its nodes.conf".to_owned());
    }
    found
}

/// Lines that say something else than memory does.
fn different_rows(evidence: &Evidence, one: &Heard, conf: &NodesConf) -> Vec<String> {
    let known = one.view.nodes.iter().filter(|row| !row.has(&NodeFlag::Handshake));
    let memory: BTreeMap<&str, String> = known.map(|row| (row.id.as_str(), lasting(row))).collect();
    let disk: BTreeMap<&str, String> =
        conf.nodes.nodes.iter().map(|row| (row.id.as_str(), lasting(row))).collect();
    let mut ids = memory.keys().chain(disk.keys()).copied().collect::<Vec<_>>();
    ids.sort_unstable();
    ids.dedup();
    let differ = ids.into_iter().filter(|id| memory.get(id) != disk.get(id));
    let told = |said: Option<&String>| said.cloned().unwrap_or_else(|| "nothing".to_owned());
    differ
        .map(|id| {
            let (memory, disk) = (told(memory.get(id)), told(disk.get(id)));
            format!("has {} in memory as {memory}, in nodes.conf as {disk}", name_of(evidence, id))
        })
        .collect()
}

/// What a line says that lasts.
fn lasting(row: &NodeEntry) -> String {
    let role = row.role().map_or("nothing".to_owned(), |role| role.to_string());
    let of = row.primary.as_deref().map_or(String::new(), |id| format!(" of {}", &id[..id.len().min(8)]));
    let health = if row.health() == Health::Failed { ", fail" } else { "" };
    let slots = row.slots.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let open = row.open_slots.iter().map(|open| open.slot.to_string()).collect::<Vec<_>>().join(",");
    format!(
        "{role}{of} at epoch {}{health}, {}, slots [{slots}] open [{open}]",
        row.config_epoch, row.address.ip
    )
}

/// What a file says against itself.
fn of_itself(conf: &NodesConf) -> Vec<String> {
    let highest = conf.nodes.nodes.iter().map(|row| row.config_epoch).max().unwrap_or(0);
    let checks = [
        (conf.current_epoch < highest, format!("a config epoch {highest}")),
        (conf.current_epoch < conf.last_vote_epoch, format!("a vote in epoch {}", conf.last_vote_epoch)),
    ];
    let wrong = checks.into_iter().filter(|(is_wrong, _)| *is_wrong);
    wrong
        .map(|(_, what)| format!("has in nodes.conf current epoch {} and {what}", conf.current_epoch))
        .collect()
}

/// A vote that was sent and is not in the file.
fn forgotten_vote(evidence: &Evidence, node: NodeId, until: SimTime, conf: &NodesConf) -> Option<String> {
    let copies = &evidence.chronicle.copies;
    let knows = |vote: &&Vote| !copies.has_forgotten(node, vote.at, until);
    let votes = evidence.votes.iter().filter(|vote| vote.node == node && vote.at <= until).filter(knows);
    let last = votes.map(|vote| vote.epoch).max().filter(|last| *last > conf.last_vote_epoch)?;
    let is_reset = typed(evidence).any(|typed| typed.node == node && typed.is(&["cluster", "reset"]));
    (!is_reset).then(|| {
        format!("voted in epoch {last}, and has in nodes.conf its last vote in {}", conf.last_vote_epoch)
    })
}

fn of_left(evidence: &Evidence, left: &FileReport) -> Vec<String> {
    match &left.file {
        None => Vec::new(),
        Some(Err(why)) => vec![format!("left a nodes.conf that it cannot start with: {why}")],
        Some(Ok(conf)) => {
            let vote = forgotten_vote(evidence, left.node, left.at, conf);
            of_itself(conf).into_iter().chain(vote).collect()
        }
    }
}

/// Nodes that came back with another id than their file had, or have another one at the end.
fn changed_identities(evidence: &Evidence) -> Vec<(SimTime, String)> {
    let ended = evidence.files.iter().filter_map(|left| {
        let id = left.file.as_ref()?.as_ref().ok()?.nodes.myself()?.id.clone();
        Some((left.node, left.at, id))
    });
    let last = heard(evidence).map(|one| (one.node, one.account.at, one.own.id.clone()));
    let mut known: BTreeMap<NodeId, String> = BTreeMap::new();
    let mut found = Vec::new();
    for (node, at, id) in ended.chain(last) {
        let before = known.insert(node, id.clone());
        if before.is_some_and(|before| before != id) && !may_be_another(evidence, node) {
            found.push((at, format!("{node} was another node before its restart")));
        }
    }
    found
}

/// Whether the plan had the node take a new identity.
fn may_be_another(evidence: &Evidence, node: NodeId) -> bool {
    let is_reset = typed(evidence).any(|typed| typed.node == node && typed.is(&["cluster", "reset", "hard"]));
    is_reset || evidence.plan.operations.iter().any(|op| op.action.wipes().contains(&node))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy};
    use super::*;

    fn conf(evidence: &mut Evidence, node: u16) -> &mut NodesConf {
        let account = evidence.accounts.get_mut(&NodeId(node)).expect("an account");
        account.nodes_conf.as_mut().expect("it was read").as_mut().expect("a file")
    }

    fn violation(change: impl FnOnce(&mut Evidence)) -> String {
        super::super::sample::violation(check, change)
    }

    fn leave(evidence: &mut Evidence, node: u16, change: impl FnOnce(&mut NodesConf)) {
        let mut file = conf(evidence, node).clone();
        change(&mut file);
        evidence.files.push(FileReport { node: NodeId(node), at: at(20), file: Some(Ok(file)) });
    }

    #[test]
    fn a_healthy_cluster_is_on_disk_as_in_memory() {
        let mut evidence = healthy();
        leave(&mut evidence, 2, |_| ());
        let verdict = check(&Case::of(&evidence));
        assert_eq!(verdict, Verdict::holds("6 files as in memory, 1 left whole by processes that ended"));
    }

    #[test]
    fn a_line_that_was_not_saved_is_a_violation() {
        let text = violation(|evidence| conf(evidence, 1).nodes.nodes[2].config_epoch = 9);
        assert!(text.starts_with("node-1 has node-3 in memory as primary at epoch 2,"), "{text}");
        let text = violation(|evidence| drop(conf(evidence, 1).nodes.nodes.pop()));
        assert!(text.ends_with("in nodes.conf as nothing"), "{text}");
    }

    #[test]
    fn a_vote_that_was_not_saved_is_a_violation() {
        let vote = Vote { node: NodeId(1), at: at(10), epoch: 8 };
        let text = violation(|evidence| evidence.votes.push(vote));
        assert_eq!(text, "node-1 voted in epoch 8, and has in nodes.conf its last vote in 0");
        let text = violation(|evidence| {
            conf(evidence, 1).last_vote_epoch = 8;
            leave(evidence, 1, |file| file.last_vote_epoch = 7);
            evidence.votes.push(vote);
        });
        assert_eq!(text, "node-1 voted in epoch 8, and has in nodes.conf its last vote in 7");
    }

    #[test]
    fn a_file_that_is_none_is_a_violation() {
        let text = violation(|evidence| {
            let file = Some(Err("no whole `vars` line".to_owned()));
            evidence.files.push(FileReport { node: NodeId(3), at: at(20), file });
        });
        assert_eq!(text, "node-3 left a nodes.conf that it cannot start with: no whole `vars` line");
    }

    #[test]
    fn a_node_that_comes_back_as_another_is_a_violation() {
        let text = violation(|evidence| {
            leave(evidence, 2, |file| {
                let own = file.nodes.nodes.iter_mut().find(|row| row.is_myself()).expect("its own line");
                own.id = "beef".to_owned();
            });
        });
        assert!(text.contains("node-2 was another node before its restart"), "{text}");
    }
}
