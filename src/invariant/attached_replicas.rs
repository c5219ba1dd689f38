//! A primary's `INFO replication` lists exactly its live replicas, each online once, and they have its history.
//!
//! A primary sends its stream to whom it lists, waits for them (`WAIT`, `min-replicas-to-write`), and hands over to one
//! of them; the cluster bus knows its replicas otherwise. A replica writes nothing of its own unless it is told that it
//! may (`replica-read-only`).

use std::collections::BTreeMap;

use super::account::{Heard, heard, note_unheard};
use super::settings::Settings;
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict};
use crate::fault::POWER_LOST;
use crate::id::{Host, NodeId};
use crate::op::OpAction;
use crate::time::SimDuration;
use crate::wire::Role;
use crate::wire::info::{AttachedReplica, Replication};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "attached_replicas",
    title: "Attached Replicas",
    statement: "a primary lists exactly its live replicas, online and with its history, and they are read-only",
    applies: Applies::OnceHealed,
    asked: |limits| limits.replica_sync,
    check,
};

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let mut findings = Findings::default();
    note_unheard(evidence, &mut findings);
    let all = heard(evidence).collect::<Vec<_>>();
    let mut count = 0;
    for (primary, said) in all.iter().filter_map(primary) {
        let replicas = all.iter().filter(|one| replicates(one, primary)).collect::<Vec<_>>();
        count += replicas.len();
        let wrong = replicas.iter().flat_map(|replica| of_replica(evidence, (primary, said), replica));
        for what in wrong.chain(foreign(evidence, &all, (primary, said))) {
            findings.wrong(evidence.broken_since(), what);
        }
    }
    for what in all.iter().filter_map(|one| writable(evidence, one)) {
        findings.wrong(evidence.broken_since(), what);
    }
    findings.verdict(|| format!("{count} replicas attached"))
}

fn primary<'h, 'e>(one: &'h Heard<'e>) -> Option<(&'h Heard<'e>, &'e Replication)> {
    let said = one.account.replication.as_ref().filter(|said| said.role == Role::Primary)?;
    Some((one, said))
}

fn replicates(one: &Heard, primary: &Heard) -> bool {
    one.own.role() == Some(Role::Replica) && one.own.primary.as_ref() == Some(&primary.own.id)
}

/// How a replica stands in its primary's list.
fn of_replica(evidence: &Evidence, (primary, said): (&Heard, &Replication), replica: &Heard) -> Vec<String> {
    let listed = said.replicas.iter().filter(|line| node_at(line) == Some(replica.node)).collect::<Vec<_>>();
    let mut found = Vec::new();
    match listed.as_slice() {
        [] => found.push(format!("{} does not list its replica {}", primary.node, replica.node)),
        [one] if one.state != "online" && !is_about_to_tell(evidence, replica.node) => {
            found.push(format!("{} has its replica {} in state {}", primary.node, replica.node, one.state));
        }
        [_] => {}
        more if more.len() <= 1 + half_open(evidence, replica.node) => {}
        more => {
            found.push(format!("{} lists its replica {} {} times", primary.node, replica.node, more.len()))
        }
    }
    let history = replica.account.replication.as_ref().map(|said| &said.replid);
    let renamed = renamed(evidence, primary.node) || renamed(evidence, replica.node);
    if history.is_some_and(|history| *history != said.replid) && !renamed {
        found.push(format!("{} has another replication id than its primary {}", replica.node, primary.node));
    }
    found
}

/// Whether a replica may have finished its synchronisation so shortly before that its primary does not know: it hears of that
/// once a second, and of the end of its own child then.
fn is_about_to_tell(evidence: &Evidence, replica: NodeId) -> bool {
    const TOLD_WITHIN: SimDuration = SimDuration::from_secs(3);
    let finished_at = evidence.synchronised_at.get(&replica);
    finished_at.is_some_and(|at| evidence.ended_at.since(*at) < TOLD_WITHIN)
}

/// Whether an operation gave a node another history, so that it synchronises whole when it next has to.
fn renamed(evidence: &Evidence, node: NodeId) -> bool {
    let mut actions = evidence.plan.operations.iter().map(|op| &op.action);
    actions.any(|action| matches!(action, OpAction::FullResync(resync) if resync.nodes.contains(&node)))
}

fn node_at(line: &AttachedReplica) -> Option<NodeId> {
    match Host::from_address(line.ip.parse().ok()?)? {
        Host::Node(node) => Some(node),
        _ => None,
    }
}

/// How many connections of a node's may stand that nobody is at the other end of: a machine that lost its power resets none, and a
/// primary waits for `repl-timeout` (60 s) or for the reset that its next word gets.
fn half_open(evidence: &Evidence, node: NodeId) -> usize {
    const REPL_TIMEOUT: SimDuration = SimDuration::from_secs(60);
    let is_recent = |at| evidence.ended_at.since(at) < REPL_TIMEOUT;
    evidence
        .exits
        .iter()
        .filter(|exit| exit.node == node && exit.status == POWER_LOST && is_recent(exit.at))
        .count()
}

/// Live nodes that it lists and that are not its replicas.
fn foreign(evidence: &Evidence, all: &[Heard], (primary, said): (&Heard, &Replication)) -> Vec<String> {
    let lives: BTreeMap<NodeId, &Heard> = all.iter().map(|one| (one.node, one)).collect();
    let listed = said.replicas.iter().filter_map(|line| lives.get(&node_at(line)?));
    let foreign = listed.filter(|one| !replicates(one, primary) && half_open(evidence, one.node) == 0);
    foreign.map(|one| format!("{} lists {}, which is no replica of its", primary.node, one.node)).collect()
}

/// A replica that takes writes and was not told to.
fn writable(evidence: &Evidence, one: &Heard) -> Option<String> {
    let is_replica = one.account.replication.as_ref().is_some_and(|said| said.role == Role::Replica);
    let asked = Settings::at(evidence, one.node, evidence.ended_at).is_read_only();
    let is_wrong = is_replica && asked && one.account.read_only == Some(false);
    is_wrong.then(|| format!("{} is a replica that takes writes", one.node))
}

#[cfg(test)]
mod tests {
    use super::super::account::Account;
    use super::super::evidence::ExitReport;
    use super::super::sample::{healthy, kill, tell};
    use super::*;

    fn verdict(node: u16, change: impl FnOnce(&mut Account)) -> Verdict {
        let mut evidence = healthy();
        change(evidence.accounts.get_mut(&NodeId(node)).expect("an account"));
        check(&Case::of(&evidence))
    }

    fn said(account: &mut Account) -> &mut Replication {
        account.replication.as_mut().expect("replication")
    }

    #[test]
    fn a_healthy_cluster_has_all_replicas_attached_and_the_dead_are_not_asked_for() {
        assert_eq!(verdict(1, |_| ()), Verdict::holds("3 replicas attached"));
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(2), 20);
        tell(&mut evidence);
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("2 replicas attached"));
    }

    #[test]
    fn a_replica_that_is_not_listed_or_not_online_is_a_violation() {
        assert_eq!(
            verdict(1, |account| said(account).replicas.clear()).detail(),
            "node-1 does not list its replica node-2"
        );
        let slow = verdict(1, |account| said(account).replicas[0].state = "wait_bgsave".to_owned());
        assert_eq!(slow.detail(), "node-1 has its replica node-2 in state wait_bgsave");
    }

    #[test]
    fn a_primary_need_not_know_yet_of_a_synchronisation_that_has_just_ended() {
        let ended = |before_s| {
            let mut evidence = healthy();
            let account = evidence.accounts.get_mut(&NodeId(1)).expect("an account");
            said(account).replicas[0].state = "bg_transfer".to_owned();
            let at = evidence.ended_at.before(SimDuration::from_secs(before_s));
            evidence.synchronised_at.insert(NodeId(2), at);
            check(&Case::of(&evidence)).name()
        };
        assert_eq!((ended(1), ended(4)), ("holds", "violated"));
    }

    #[test]
    fn a_list_with_a_node_of_another_shard_or_one_twice_is_a_violation() {
        let foreign =
            verdict(1, |account| said(account).replicas[0].ip = Host::Node(NodeId(4)).address().to_string());
        assert!(foreign.detail().contains("node-1 lists node-4, which is no replica of its"), "{foreign:?}");
        let twice = verdict(1, |account| {
            let line = said(account).replicas[0].clone();
            said(account).replicas.push(line);
        });
        assert_eq!(twice.detail(), "node-1 lists its replica node-2 2 times");
    }

    #[test]
    fn a_machine_without_power_leaves_a_line_behind() {
        let twice = |status: &str| {
            let mut evidence = healthy();
            let (node, status) = (NodeId(2), status.to_owned());
            let restarted_at = Some(evidence.ended_at);
            let exit = ExitReport {
                node,
                at: evidence.ended_at.before(SimDuration::from_secs(9)),
                status,
                expected: true,
                reason: None,
                restarted_at,
            };
            evidence.exits.push(exit);
            let replicas = &mut said(evidence.accounts.get_mut(&NodeId(1)).expect("an account")).replicas;
            replicas.push(replicas[0].clone());
            check(&Case::of(&evidence)).name()
        };
        assert_eq!((twice(POWER_LOST), twice("killed by SIGKILL")), ("holds", "violated"));
    }

    #[test]
    fn another_history_and_a_writable_replica_are_violations() {
        let other = verdict(2, |account| said(account).replid = "beef".to_owned());
        assert_eq!(other.detail(), "node-2 has another replication id than its primary node-1");
        let writable = verdict(2, |account| account.read_only = Some(false));
        assert_eq!(writable.detail(), "node-2 is a replica that takes writes");
    }
}
