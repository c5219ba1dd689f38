//! Who gives its word has it on its disk: a vote that a loss of power can undo is given twice.
//!
//! Source: `clusterBeforeSleep` (`CLUSTER_TODO_SAVE_CONFIG`, `CLUSTER_TODO_FSYNC_CONFIG`), `clusterSaveConfig`. A disk that a
//! fault makes refuse or lie is excused until the file is synchronised again, and so is what was set by hand. A node that was set
//! back to another cluster hears its own later epochs from the others, and has nothing to promise.

use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};
use crate::chronicle::{Pledge, PutBack, Unsaved};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "persisted_epochs",
    title: "Persisted Epochs",
    statement: "a vote and a primary's new config epoch leave a node only after its nodes.conf was synchronised with them, and the epochs of \
                that file never go back and are none above its current one",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let chronicle = &case.evidence.chronicle;
    let mut findings = Findings::default();
    let by_hand = |unsaved: &&Unsaved| {
        matches!(unsaved.what, Pledge::ConfigEpoch | Pledge::File)
            && chronicle.asks.changed_node(unsaved.node, unsaved.at)
    };
    let copies = chronicle.copies.put_back();
    let has_forgotten = |unsaved: &&Unsaved| {
        let is_its =
            |back: &PutBack| back.node == unsaved.node && back.at <= unsaved.at && back.of_another_cluster;
        unsaved.what == Pledge::ConfigEpoch && copies.iter().any(is_its)
    };
    let unsaved = chronicle.durable.unsaved().iter().filter(|unsaved| !by_hand(unsaved));
    for unsaved in unsaved.filter(|unsaved| !has_forgotten(unsaved)) {
        findings.broken_by((unsaved.at, unsaved.event), words(unsaved));
    }
    findings.verdict(|| "Every word was on disk before it was given".to_owned())
}

fn words(unsaved: &Unsaved) -> String {
    let Unsaved { node, epoch, saved, .. } = unsaved;
    let did = match unsaved.what {
        Pledge::Vote => "voted",
        Pledge::ConfigEpoch => "claimed its slots",
        Pledge::File => return format!("{node} saved epoch {epoch} over {saved} in its nodes.conf"),
        Pledge::Above => {
            return format!(
                "{node} has epoch {epoch} in its nodes.conf, and none above {saved} has it heard of"
            );
        }
    };
    format!("{node} {did} in epoch {epoch} with no more than {saved} synchronised in its nodes.conf")
}

#[cfg(test)]
mod tests {
    use super::super::sample::healthy;
    use super::*;
    use crate::chronicle::Message;
    use crate::chronicle::sample::{Says, at, event, message, of_type};
    use crate::event::{Body, MessageType, Phase, SavedEpochs};
    use crate::id::{ActorId, NodeId};

    /// The first node, whose file was synchronised with epoch 9, says something.
    fn judged(says: Message) -> Verdict {
        let mut evidence = healthy();
        let node = ActorId::Node(NodeId(1));
        let epochs = SavedEpochs { current_epoch: 9, last_vote_epoch: 9, config_epoch: 9 };
        evidence.chronicle.see(&event(1, ActorId::Director, Body::Phase { phase: Phase::Run }));
        evidence.chronicle.see(&event(2, node, Body::Saved { epochs }));
        evidence.chronicle.take(message(Says::primary(1, 8, (0, 9)), 2, 3));
        evidence.chronicle.take(says);
        check(&Case::of(&evidence))
    }

    #[test]
    fn a_word_that_is_not_on_disk_is_a_violation() {
        let says = |epoch| Says::primary(1, epoch, (0, 9));
        for (r#type, did) in
            [(MessageType::FAILOVER_AUTH_ACK, "voted"), (MessageType::PING, "claimed its slots")]
        {
            assert_eq!(judged(of_type(r#type, says(9), 2, 4)).name(), "holds", "{did}");
            let what = format!("node-1 {did} in epoch 10 with no more than 9 synchronised in its nodes.conf");
            let verdict = judged(of_type(r#type, says(10), 2, 4));
            assert!(verdict.detail().starts_with(&what), "{}", verdict.detail());
        }
    }

    #[test]
    fn a_file_that_goes_back_is_a_violation() {
        let mut evidence = healthy();
        let node = ActorId::Node(NodeId(1));
        for (s, last_vote_epoch) in [(1, 4), (2, 4), (3, 0)] {
            let epochs = SavedEpochs { current_epoch: 9, last_vote_epoch, config_epoch: 9 };
            evidence.chronicle.see(&event(s, node, Body::Saved { epochs }));
        }
        let broken = Verdict::broken_by((at(3), 3), "node-1 saved epoch 0 over 4 in its nodes.conf");
        assert_eq!(check(&Case::of(&evidence)), broken);
    }

    #[test]
    fn a_file_whose_own_epochs_are_above_its_current_one_is_a_violation() {
        for (last_vote_epoch, config_epoch) in [(5, 0), (0, 5)] {
            let mut evidence = healthy();
            let epochs = SavedEpochs { current_epoch: 4, last_vote_epoch, config_epoch };
            evidence.chronicle.see(&event(1, ActorId::Node(NodeId(1)), Body::Saved { epochs }));
            let what = "node-1 has epoch 5 in its nodes.conf, and none above 4 has it heard of";
            assert_eq!(check(&Case::of(&evidence)), Verdict::broken_by((at(1), 1), what));
        }
    }
}
