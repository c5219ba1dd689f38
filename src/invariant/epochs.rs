//! Epochs never go back: not on a connection, not from one to the next, and not with a restart.
//!
//! Source: `clusterHandleConfigEpochCollision`, `clusterBumpConfigEpochWithoutConsensus`, `clusterLoadConfig`; only `CLUSTER RESET`
//! lowers one, and a hard reset gives the node another id. Nor do they rise for nothing: of two primaries with the same one only the
//! one with the smaller id takes another.

use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};
use crate::chronicle::{Setback, Wrong};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "epochs",
    title: "Epochs",
    statement: "the epochs that a node claims never go back, restarts included, no config epoch is above the current one, and no primary \
                takes another one unless it is told to or has to",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let chronicle = &case.evidence.chronicle;
    let mut findings = Findings::default();
    for setback in chronicle.epochs.setbacks() {
        // A soft reset makes a replica a primary of its own old epoch.
        let is_lawful = matches!(setback.what, Wrong::Config { .. })
            && chronicle.asks.changed_node(setback.node, setback.at);
        if !is_lawful {
            findings.broken_by((setback.at, setback.event), words(setback));
        }
    }
    let by_hand = !case.evidence.plan.guests.is_empty();
    for raise in chronicle.raises.unfounded().iter().filter(|_| !by_hand) {
        let (node, from, to) = (raise.node, raise.from, raise.to);
        let what =
            format!("{node} took config epoch {to} instead of {from}, which nobody with a greater id has");
        findings.broken_by((raise.at, raise.event), what);
    }
    findings.verdict(|| "No epoch went back".to_owned())
}

fn words(setback: &Setback) -> String {
    let node = setback.node;
    match setback.what {
        Wrong::Current { from, to } => format!("{node} went back from current epoch {from} to {to}"),
        Wrong::Config { from, to } => format!("{node} went back from config epoch {from} to {to}"),
        Wrong::Above { config, current } => {
            format!("{node} claims config epoch {config} in current epoch {current}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::healthy;
    use super::*;
    use crate::chronicle::Message;
    use crate::chronicle::sample::{Says, at, event, message};
    use crate::event::{Body, Told};
    use crate::id::{ActorId, NodeId};
    use crate::op::OpId;

    #[test]
    fn an_epoch_that_goes_back_is_a_violation() {
        let says = |epoch| Says::primary(1, epoch, (0, 9));
        let mut evidence = healthy();
        evidence.chronicle.take(message(says(7), 2, 3));
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
        evidence.chronicle.take(message(says(6), 2, 4));
        let broken = Verdict::broken_by((at(4), 4), "node-1 went back from current epoch 7 to 6");
        assert_eq!(check(&Case::of(&evidence)), broken);
    }

    #[test]
    fn a_node_that_was_set_back_has_the_epochs_of_its_copy_and_no_older_ones() {
        let says = |epoch| Says::primary(1, epoch, (0, 9));
        let judged = |epoch_then| {
            let mut evidence = healthy();
            let chronicle = &mut evidence.chronicle;
            let told = |s, message| event(s, ActorId::Node(NodeId(1)), Body::Tell { message });
            chronicle.take(message(says(7), 2, 1));
            chronicle.see(&told(2, Told::KeepCopy { op: OpId(1) }));
            chronicle.take(message(says(9), 2, 3));
            chronicle.see(&told(4, Told::PutBack { op: OpId(1) }));
            chronicle.see(&event(5, ActorId::Node(NodeId(1)), Body::Start { incarnation: 2 }));
            chronicle.take(Message { conn: 70, ..message(says(epoch_then), 2, 6) });
            check(&Case::of(&evidence)).name()
        };
        assert_eq!([7, 6].map(judged), ["holds", "violated"]);
    }
}
