//! Elections: who leads a shard anew was entitled to, and had a majority, or the operator's word.
//!
//! Source: `clusterHandleReplicaFailover`, `clusterProcessPacket` (`FAILOVER_AUTH_ACK`), `clusterCommandSpecial`
//! (`FAILOVER TAKEOVER`). Votes count that had reached the winner before it showed itself. The primaries with slots are
//! those that it had been told of.

use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};
use crate::chronicle::{Chronicle, Request, Takeover};
use crate::event::Claim;
use crate::invariant::Evidence;
use crate::op::FailoverMode;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "elections",
    title: "Elections",
    statement: "a replica asks for votes only when its primary is called failing or the operator wants it to take over, and leads \
                only with the votes of a majority in the epoch it asked for, or by the operator's own word; no two win in an epoch",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let chronicle = &case.evidence.chronicle;
    let mut findings = Findings::default();
    let elections = &chronicle.elections;
    for request in elections.requests() {
        if let Some(why) = wrong_request(request, case.evidence) {
            let what = format!("{} asked for votes in epoch {} {why}", request.node, request.epoch);
            findings.broken_by((request.at, request.event), what);
        }
    }
    for (index, takeover) in elections.takeovers().iter().enumerate() {
        let why = wrong_takeover(takeover, chronicle).or_else(|| second(index, chronicle));
        if let Some(why) = why {
            let what = format!("{} leads in epoch {} {why}", takeover.node, takeover.epoch);
            findings.broken_by((takeover.at, takeover.event), what);
        }
    }
    let counts = (elections.requests().len(), elections.takeovers().len());
    findings.verdict(|| format!("{} elections and {} takeovers", counts.0, counts.1))
}

fn wrong_request(request: &Request, evidence: &Evidence) -> Option<String> {
    let Some(primary) = request.primary else {
        return Some("and follows nobody".to_owned());
    };
    let asked = request.forced
        && (request.asked.is_some() || evidence.chronicle.asks.hands_over_at_the_end(request.at));
    if asked {
        return None;
    }
    // From 9.1 the best of all replicas asks by force as well, if all of them see their primary failed.
    if request.knew_failed.is_none() {
        let how = if request.forced { "by force, which nobody had asked of it, " } else { "" };
        return Some(format!("{how}though nobody had called its primary {primary} failing"));
    }
    (request.claim.flags & Claim::NO_FAILOVER != 0).then(|| "though it is not to take over".to_owned())
}

fn wrong_takeover(takeover: &Takeover, chronicle: &Chronicle) -> Option<String> {
    if chronicle.asks.takeover_of(takeover.node) || chronicle.asks.changed_node(takeover.node, takeover.at) {
        return None;
    }
    let Some(request) = takeover.request.map(|request| &chronicle.elections.requests()[request]) else {
        return Some("without having asked for a vote".to_owned());
    };
    if takeover.epoch < request.epoch {
        return Some(format!("though it was elected in epoch {}", request.epoch));
    }
    let (votes, quorum) = (takeover.voters.len(), takeover.quorum);
    let by_hand = chronicle.asks.changed_table(takeover.node, takeover.at);
    (votes < quorum && !by_hand).then(|| format!("with {votes} of {quorum} votes"))
}

/// Whether another node was elected in the same epoch before.
fn second(index: usize, chronicle: &Chronicle) -> Option<String> {
    let elections = &chronicle.elections;
    let elected = |takeover: &Takeover| takeover.request.map(|request| elections.requests()[request].epoch);
    let takeover = &elections.takeovers()[index];
    let epoch = elected(takeover)?;
    let by_hand = |takeover: &Takeover| chronicle.asks.failover_of(takeover.node).map(|(_, mode)| mode);
    let mut before = elections.takeovers()[..index].iter().filter(|before| {
        before.node != takeover.node
            && elected(before) == Some(epoch)
            && by_hand(before) != Some(FailoverMode::Takeover)
            && by_hand(takeover) != Some(FailoverMode::Takeover)
    });
    before.next().map(|before| format!("though {} was elected in it", before.node))
}

#[cfg(test)]
mod tests {
    use super::super::sample::healthy;
    use super::*;
    use crate::chronicle::Message;
    use crate::chronicle::sample::{Says, at, id, message, of_type};
    use crate::event::MessageType;

    /// Three primaries; nodes 4 and 5 follow the first two. Returns what is wrong in the end.
    fn wrong(messages: Vec<Message>) -> Option<String> {
        let mut evidence = healthy();
        evidence.chronicle = Chronicle::new(&evidence.plan);
        for (node, to) in (1..=3).flat_map(|node| (1..=5).map(move |to| (node, to))) {
            evidence.chronicle.take(message(owner(node), to, 1));
        }
        for node in 4..=5 {
            evidence.chronicle.take(message(candidate(node, 3), 3, 1));
        }
        messages.into_iter().for_each(|message| evidence.chronicle.take(message));
        match check(&Case::of(&evidence)) {
            Verdict::Violated { detail, first_event_hint, event } => {
                assert_eq!(event.map(at), Some(first_event_hint));
                Some(detail)
            }
            _ => None,
        }
    }

    fn owner(node: u16) -> Says {
        Says { epochs: (3, u64::from(node)), ..Says::primary(node, 0, (node * 10, node * 10 + 9)) }
    }

    fn candidate(node: u16, epoch: u64) -> Says {
        let of = node - 3;
        Says {
            slots: vec![(of * 10, of * 10 + 9)],
            epochs: (epoch, u64::from(of)),
            ..Says::replica(node, of)
        }
    }

    fn fail(about: u16, to: u16, s: u64) -> Message {
        Message { about: Some(id(about)), ..of_type(MessageType::FAIL, owner(3), to, s) }
    }

    fn asks(node: u16, epoch: u64, s: u64) -> Message {
        of_type(MessageType::FAILOVER_AUTH_REQUEST, candidate(node, epoch), 3, s)
    }

    fn votes(voter: u16, to: u16, epoch: u64, s: u64) -> Message {
        let says = Says { epochs: (epoch, u64::from(voter)), ..owner(voter) };
        of_type(MessageType::FAILOVER_AUTH_ACK, says, to, s)
    }

    fn leads(node: u16, epoch: u64, s: u64) -> Message {
        let slots = candidate(node, epoch).slots;
        message(Says { epochs: (epoch, epoch), slots, ..Says::primary(node, 0, (0, 0)) }, 3, s)
    }

    #[test]
    fn a_winner_with_a_majority_is_lawful() {
        let told = vec![fail(1, 4, 5), asks(4, 4, 6), votes(2, 4, 4, 7), votes(3, 4, 4, 7), leads(4, 4, 8)];
        assert_eq!(wrong(told), None);
    }

    #[test]
    fn a_winner_without_a_majority_in_its_epoch_is_a_violation() {
        let told = vec![fail(1, 4, 5), asks(4, 4, 6), votes(2, 4, 4, 7), leads(4, 4, 8)];
        assert_eq!(wrong(told).as_deref(), Some("node-4 leads in epoch 4 with 1 of 2 votes"));
        let told = vec![
            fail(1, 4, 5),
            asks(4, 4, 6),
            votes(2, 4, 4, 7),
            asks(4, 5, 8),
            votes(3, 4, 5, 9),
            leads(4, 5, 10),
        ];
        assert_eq!(wrong(told).as_deref(), Some("node-4 leads in epoch 5 with 1 of 2 votes"));
        let told = vec![leads(4, 4, 8)];
        assert_eq!(wrong(told).as_deref(), Some("node-4 leads in epoch 4 without having asked for a vote"));
    }

    #[test]
    fn a_voter_whose_slots_are_somebody_elses_by_then_does_not_count() {
        let lost = |epoch| {
            let heir = Says { epochs: (6, epoch), ..Says::primary(6, 0, (20, 29)) };
            let told =
                [message(heir, 4, 5), fail(1, 4, 5), asks(4, 7, 6), votes(2, 4, 7, 7), votes(3, 4, 7, 7)];
            wrong(told.into_iter().chain([leads(4, 7, 8)]).collect())
        };
        assert_eq!(lost(6).as_deref(), Some("node-4 leads in epoch 7 with 1 of 2 votes"));
        assert_eq!(lost(1), None, "that claim is older than the voter's");
        assert_eq!(lost(2), None, "that claim is as new as the voter's, who may have been heard first");
    }

    #[test]
    fn a_winner_that_claims_an_old_epoch_is_a_violation() {
        let told = vec![fail(1, 4, 5), asks(4, 4, 6), votes(2, 4, 4, 7), votes(3, 4, 4, 7), leads(4, 3, 8)];
        assert_eq!(wrong(told).as_deref(), Some("node-4 leads in epoch 3 though it was elected in epoch 4"));
    }

    #[test]
    fn two_winners_in_an_epoch_are_a_violation() {
        let told = vec![
            fail(1, 4, 5),
            fail(2, 5, 5),
            asks(4, 4, 6),
            asks(5, 4, 6),
            votes(2, 4, 4, 7),
            votes(3, 4, 4, 7),
            votes(1, 5, 4, 7),
            votes(3, 5, 4, 7),
            leads(4, 4, 8),
            leads(5, 4, 9),
        ];
        assert_eq!(wrong(told).as_deref(), Some("node-5 leads in epoch 4 though node-4 was elected in it"));
    }

    #[test]
    fn who_may_not_stand_and_asks_is_a_violation() {
        let told = vec![asks(4, 4, 6)];
        let why = "node-4 asked for votes in epoch 4 though nobody had called its primary node-1 failing";
        assert_eq!(wrong(told).as_deref(), Some(why));
        let mut forced = asks(4, 4, 6);
        forced.header.as_mut().expect("a full header").forced = true;
        let why = "node-4 asked for votes in epoch 4 by force, which nobody had asked of it, though nobody had called its primary node-1 failing";
        assert_eq!(wrong(vec![forced]).as_deref(), Some(why));
    }
}
