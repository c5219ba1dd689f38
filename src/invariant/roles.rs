//! A node has one role, whoever is asked: itself in `CLUSTER NODES`, `ROLE` and `INFO`, and every other live node.
//!
//! A replica replicates the node that its own line names, by an address that is that node's, and that node is known, and
//! is a primary: a replica of a replica gets nothing when the shard fails over. The server sets all of it in one call
//! (`clusterSetPrimary`, `replicationSetPrimary`), and after a start within the first `clusterCron`.

use super::account::{Heard, heard, name_of, note_unheard};
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict};
use crate::wire::Role;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "roles",
    title: "Roles",
    statement: "a node has one role and one primary, whoever is asked, and its primary is a primary",
    applies: Applies::OnceHealed,
    asked: |limits| limits.roles,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    note_unheard(case.evidence, &mut findings);
    let all = heard(case.evidence).collect::<Vec<_>>();
    for one in &all {
        let others = all.iter().filter(|other| other.node != one.node);
        let wrong = of_itself(case.evidence, one).into_iter().chain(of_primary(case.evidence, one));
        for what in wrong.chain(others.filter_map(|other| of_others(case.evidence, one, other))) {
            findings.wrong(case.evidence.broken_since(), format!("{} {what}", one.node));
        }
    }
    findings.verdict(|| format!("{} nodes have one role each", all.len()))
}

/// A role and whom it replicates, in words.
fn told(evidence: &Evidence, role: Option<Role>, primary: Option<&str>) -> String {
    match (role, primary) {
        (Some(Role::Replica), Some(id)) => format!("a replica of {}", name_of(evidence, id)),
        (Some(role), _) => format!("a {role}"),
        (None, _) => "nothing".to_owned(),
    }
}

/// What `ROLE` and `INFO` say against the node's own line.
fn of_itself(evidence: &Evidence, heard: &Heard) -> Vec<String> {
    let own = heard.own;
    let role = heard.account.role.as_ref().map(|said| ("ROLE", said.role, said.primary.as_ref()));
    let replication = heard.account.replication.as_ref();
    let info = replication
        .map(|said| ("INFO", said.role, said.primary.as_ref().filter(|_| said.role == Role::Replica)));
    let primary = own.primary.as_ref().and_then(|id| heard.view.node(id));
    let at = primary.map(|primary| (&primary.address.ip, primary.address.port));
    let mut found = Vec::new();
    for (word, says, follows) in role.into_iter().chain(info) {
        if own.role() != Some(says) {
            let is = told(evidence, own.role(), own.primary.as_deref());
            found.push(format!("is a {says} by {word} and {is} by CLUSTER NODES"));
        } else if let (Some((ip, port)), Some(at)) = (follows, at)
            && at != (ip, *port)
        {
            found.push(format!("follows {ip}:{port} by {word}, and its primary is at {}:{}", at.0, at.1));
        }
    }
    found
}

/// A replica's primary is known and is a primary, in the replica's own view.
fn of_primary(evidence: &Evidence, heard: &Heard) -> Option<String> {
    if heard.own.role() != Some(Role::Replica) {
        return heard.own.role().is_none().then(|| "has no role".to_owned());
    }
    let Some(id) = &heard.own.primary else {
        return Some("is a replica of nobody".to_owned());
    };
    let name = name_of(evidence, id);
    match heard.view.node(id) {
        None => Some(format!("is a replica of {name}, which it does not know")),
        Some(primary) if primary.role() != Some(Role::Primary) => {
            Some(format!("is a replica of {name}, which is no primary"))
        }
        Some(_) => None,
    }
}

/// What another live node says of it; whether it is known at all is not asked here.
fn of_others(evidence: &Evidence, heard: &Heard, other: &Heard) -> Option<String> {
    let row = other.view.node(&heard.own.id)?;
    let says = told(evidence, row.role(), row.primary.as_deref());
    let is = told(evidence, heard.own.role(), heard.own.primary.as_deref());
    (says != is).then(|| format!("is {is} by its own line and {says} to {}", other.node))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{healthy, promote, replicate, tell};
    use super::*;
    use crate::id::NodeId;

    fn violation(change: impl FnOnce(&mut Evidence)) -> String {
        super::super::sample::violation(check, change)
    }

    fn role_of(evidence: &mut Evidence, node: u16) -> &mut super::super::account::RoleSaid {
        evidence.accounts.get_mut(&NodeId(node)).expect("an account").role.as_mut().expect("a role")
    }

    #[test]
    fn a_healthy_cluster_and_one_that_failed_over_have_one_role_each() {
        let mut evidence = healthy();
        promote(&mut evidence, NodeId(2), 20, false);
        tell(&mut evidence);
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("6 nodes have one role each"));
    }

    #[test]
    fn two_roles_of_one_node_are_a_violation() {
        let text = violation(|evidence| role_of(evidence, 2).role = Role::Primary);
        assert_eq!(text, "node-2 is a primary by ROLE and a replica of node-1 by CLUSTER NODES");
        let text = violation(|evidence| role_of(evidence, 2).primary = Some(("10.0.0.9".to_owned(), 6379)));
        assert_eq!(text, "node-2 follows 10.0.0.9:6379 by ROLE, and its primary is at 10.0.0.1:6379");
    }

    #[test]
    fn a_replica_of_a_replica_is_a_violation() {
        let text = violation(|evidence| {
            replicate(evidence, NodeId(2), NodeId(4));
            tell(evidence);
        });
        assert_eq!(text, "node-2 is a replica of node-4, which is no primary");
    }

    #[test]
    fn a_role_that_another_node_does_not_know_is_a_violation() {
        let text = violation(|evidence| {
            let row =
                evidence.nodes[4].view.iter_mut().find(|row| row.node == Some(NodeId(2))).expect("node-2");
            (row.is_primary, row.primary_id) = (true, None);
            tell(evidence);
        });
        assert_eq!(text, "node-2 is a replica of node-1 by its own line and a primary to node-5");
    }
}
