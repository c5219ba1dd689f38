//! No slot is left half moved, and replicas own and move none.
//!
//! A slot that stays `migrating` answers `ASK` for every key that is not there, and one that stays `importing` takes
//! writes that nobody else sees. Only primaries move slots (`CLUSTER SETSLOT` is refused at a replica), and a node that
//! becomes a replica closes its open ones (`clusterSetNodeAsPrimary`, `clusterCloseAllSlots`); 8.0 and later hand them
//! on to replicas, so that a promoted one goes on with the move.

use super::account::{Heard, heard, note_unheard};
use super::layout::is_given_up;
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict};
use crate::wire::Role;
use crate::wire::cluster_nodes::{NodeEntry, OpenDirection};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "open_slots",
    title: "Open Slots",
    statement: "no slot is half moved, no slot migration is under way, and no replica owns slots",
    applies: Applies::OnceHealed,
    asked: |limits| limits.slot_coverage,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    note_unheard(case.evidence, &mut findings);
    let is_given_up = is_given_up(case.evidence);
    for one in heard(case.evidence) {
        let open = open(&one).filter(|_| !is_given_up);
        for what in open.into_iter().chain(owned_by_replicas(&one)).chain(moves(&one)) {
            findings.wrong(case.evidence.broken_since(), format!("{} {what}", one.node));
        }
    }
    findings.verdict(|| "no slot is half moved".to_owned())
}

fn open(one: &Heard) -> Option<String> {
    let open = one.own.open_slots.iter().map(|open| match open.direction {
        OpenDirection::Importing => format!("importing {}", open.slot),
        OpenDirection::Migrating => format!("migrating {}", open.slot),
    });
    let open = open.collect::<Vec<_>>().join(", ");
    let role = one.own.role().map_or(String::new(), |role| format!(" as a {role}"));
    (!open.is_empty()).then(|| format!("is{role} still {open}"))
}

fn owned_by_replicas(one: &Heard) -> Option<String> {
    let is_owner = |row: &&NodeEntry| row.role() == Some(Role::Replica) && !row.slots.is_empty();
    let owners = one.view.nodes.iter().filter(is_owner).count();
    (owners > 0).then(|| format!("gives slots to {owners} replicas"))
}

/// Slot migrations that did not end (`cluster_migrateslots.c`).
fn moves(one: &Heard) -> Option<String> {
    let is_over = |state: &&String| ["success", "failed", "cancelled"].contains(&state.as_str());
    let under_way =
        one.account.slot_migrations.iter().filter(|state| !is_over(state)).cloned().collect::<Vec<_>>();
    (!under_way.is_empty()).then(|| format!("has slot migrations under way ({})", under_way.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::Evidence;
    use super::super::account::Account;
    use super::super::sample::{healthy, operation};
    use super::*;
    use crate::id::{NodeId, ShardId};
    use crate::op::{Ending, Method, OpAction, Reshard, Which};
    use crate::wire::SlotRange;
    use crate::wire::cluster_nodes::OpenSlot;

    fn verdict(node: u16, change: impl FnOnce(&mut Account)) -> Verdict {
        let mut evidence: Evidence = healthy();
        change(evidence.accounts.get_mut(&NodeId(node)).expect("an account"));
        check(&Case::of(&evidence))
    }

    fn own(account: &mut Account) -> &mut NodeEntry {
        let view = account.nodes.as_mut().expect("a view");
        view.nodes.iter_mut().find(|row| row.is_myself()).expect("its own line")
    }

    #[test]
    fn a_healthy_cluster_has_no_slot_half_moved() {
        assert_eq!(verdict(1, |_| ()), Verdict::holds("no slot is half moved"));
        let ended = verdict(1, |account| account.slot_migrations = vec!["success".to_owned()]);
        assert_eq!(ended.name(), "holds");
    }

    #[test]
    fn a_replica_with_an_open_slot_or_one_of_its_own_is_a_violation() {
        let open = OpenSlot { slot: 5, direction: OpenDirection::Importing, peer: "x".to_owned() };
        let replica = verdict(2, |account| own(account).open_slots.push(open));
        assert_eq!(replica.detail(), "node-2 is as a replica still importing 5");
        let owner = verdict(2, |account| own(account).slots.push(SlotRange { first: 5, last: 5 }));
        assert_eq!(owner.detail(), "node-2 gives slots to 1 replicas");
    }

    #[test]
    fn a_slot_of_a_reshard_that_was_given_up_is_nobodys_fault() {
        let reshard = Reshard::plain(ShardId(2), ShardId(1), Which::Count(1), Method::Legacy);
        let judged = |ending| {
            let mut evidence = healthy();
            operation(&mut evidence, OpAction::Reshard(reshard.clone()), (5, 6), ending);
            let open = OpenSlot { slot: 5, direction: OpenDirection::Importing, peer: "x".to_owned() };
            own(evidence.accounts.get_mut(&NodeId(1)).expect("an account")).open_slots.push(open);
            check(&Case::of(&evidence)).name()
        };
        assert_eq!((judged(Ending::TimedOut), judged(Ending::Done)), ("holds", "violated"));
    }

    #[test]
    fn a_slot_migration_that_does_not_end_is_a_violation() {
        let moves = verdict(1, |account| account.slot_migrations = vec!["streaming".to_owned()]);
        assert_eq!(moves.detail(), "node-1 has slot migrations under way (streaming)");
    }
}
