//! Votes: nobody has two in an epoch, and each goes to who may ask for it.
//!
//! Source: `clusterSendFailoverAuthIfNeeded`. Judged is what the voter had been told by then: a call of failure that reached
//! it at any time before counts, because when it took that back is nowhere on the wire.

use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};
use crate::chronicle::{Chronicle, Request, Vote};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "votes",
    title: "Votes",
    statement: "a primary with slots votes once in an epoch, for a replica that asked, whose primary is called failing or \
                who asks by force, and whose slots it knows in no newer epoch; from 9.1 not before it had time to hear of the cluster",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let chronicle = &case.evidence.chronicle;
    let votes = chronicle.elections.votes();
    let mut findings = Findings::default();
    for vote in votes {
        let is_early = vote.too_young.filter(|_| !case.evidence.clock_misled(vote.voter, vote.at));
        let too_early = is_early.map(|age| format!("{age} after it was started"));
        if let Some(why) = wrong(vote, chronicle).or(too_early) {
            let Vote { voter, candidate, epoch, .. } = vote;
            let what = format!("{voter} voted for {candidate} in epoch {epoch} {why}");
            findings.broken_by((vote.at, vote.event), what);
        }
    }
    findings
        .verdict(|| format!("{} votes in {} elections", votes.len(), chronicle.elections.requests().len()))
}

fn wrong(vote: &Vote, chronicle: &Chronicle) -> Option<String> {
    if let Some(before) = vote.before {
        return Some(format!("after it had voted for {before}"));
    }
    if !vote.owns_slots {
        return Some("without owning a slot".to_owned());
    }
    let Some(request) = vote.request.map(|request| &chronicle.elections.requests()[request]) else {
        return Some("and was not asked".to_owned());
    };
    wrong_candidate(vote, request, chronicle)
}

fn wrong_candidate(vote: &Vote, request: &Request, chronicle: &Chronicle) -> Option<String> {
    let Some(primary) = request.primary else {
        return Some("which follows nobody".to_owned());
    };
    if !request.forced && vote.knew_failed.is_none() {
        return Some(format!("though nobody had called its primary {primary} failing"));
    }
    let by_hand = chronicle.asks.changed_slots(&request.claim.slots, vote.at);
    let newer = vote.newer_owner.filter(|_| !by_hand);
    newer.map(|(owner, epoch)| {
        let asked = request.config_epoch;
        format!("though {owner} owns some of its slots in epoch {epoch}, and it knows them in epoch {asked}")
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::healthy;
    use super::*;
    use crate::chronicle::sample::{Says, at, event, id, message, of_type};
    use crate::chronicle::{Message, sample};
    use crate::event::{Body, MessageType, Told as OnTheLine};
    use crate::id::{ActorId, NodeId};
    use crate::op::OpId;

    /// Three primaries that know each other, and node 4, which follows the first.
    struct Told(Chronicle);

    impl Told {
        fn new() -> Self {
            let mut chronicle = Chronicle::new(&healthy().plan);
            for (node, to) in (1..=3).flat_map(|node| (1..=4).map(move |to| (node, to))) {
                chronicle.take(message(owner(node), to, 1));
            }
            chronicle.take(message(candidate(), 2, 1));
            Told(chronicle)
        }

        fn failed(mut self) -> Self {
            let about = Some(id(1));
            self.0.take(Message { about, ..of_type(MessageType::FAIL, owner(3), 2, 5) });
            self
        }

        fn asked(mut self, says: Says) -> Self {
            self.0.take(of_type(MessageType::FAILOVER_AUTH_REQUEST, says, 2, 6));
            self
        }

        fn voted(mut self, says: Says, s: u64) -> Self {
            let says = Says { epochs: (4, says.epochs.1), ..says };
            self.0.take(of_type(MessageType::FAILOVER_AUTH_ACK, says, 4, s));
            self
        }

        fn wrong(self) -> Option<String> {
            let mut evidence = healthy();
            evidence.chronicle = self.0;
            match check(&Case::of(&evidence)) {
                Verdict::Violated { detail, first_event_hint, event } => {
                    let s = event.expect("the event is known exactly");
                    assert_eq!(first_event_hint, at(s));
                    Some(detail)
                }
                _ => None,
            }
        }
    }

    fn owner(node: u16) -> Says {
        Says { epochs: (3, u64::from(node)), ..Says::primary(node, 0, (node * 10, node * 10 + 9)) }
    }

    fn candidate() -> Says {
        Says { slots: vec![(10, 19)], epochs: (4, 1), ..Says::replica(4, 1) }
    }

    fn is_wrong(told: Told, how: &str) {
        assert_eq!(told.wrong().as_deref(), Some(how));
    }

    #[test]
    fn a_vote_for_a_replica_of_a_failed_primary_or_by_force_is_lawful() {
        assert_eq!(Told::new().failed().asked(candidate()).voted(owner(2), 7).wrong(), None);
        let forced = Says { forced: true, ..candidate() };
        assert_eq!(Told::new().asked(forced).voted(owner(2), 7).wrong(), None);
    }

    #[test]
    fn a_second_vote_in_an_epoch_is_a_violation() {
        let told = Told::new().failed().asked(candidate()).voted(owner(2), 7).voted(owner(2), 8);
        is_wrong(told, "node-2 voted for node-4 in epoch 4 after it had voted for node-4");
    }

    #[test]
    fn a_vote_that_nobody_may_have_is_a_violation() {
        let without = Says { slots: vec![], ..owner(2) };
        let told = Told::new().failed().asked(candidate()).voted(without, 7);
        is_wrong(told, "node-2 voted for node-4 in epoch 4 without owning a slot");
        is_wrong(
            Told::new().failed().voted(owner(2), 7),
            "node-2 voted for node-4 in epoch 4 and was not asked",
        );
        is_wrong(
            Told::new().asked(candidate()).voted(owner(2), 7),
            "node-2 voted for node-4 in epoch 4 though nobody had called its primary node-1 failing",
        );
    }

    #[test]
    fn a_vote_for_slots_in_an_old_epoch_is_a_violation() {
        let mut told = Told::new().failed();
        let newer = Says { epochs: (3, 3), slots: vec![(15, 15), (30, 39)], ..owner(3) };
        told.0.take(sample::message(newer, 2, 5));
        is_wrong(
            told.asked(candidate()).voted(owner(2), 7),
            "node-2 voted for node-4 in epoch 4 though node-3 owns some of its slots in epoch 3, and it knows them \
             in epoch 1",
        );
    }

    #[test]
    fn a_voter_that_was_set_back_forgets_the_votes_since_its_copy_and_no_others() {
        let judged = |copied_at, put_back_at| {
            let mut told = Told::new().failed().asked(candidate());
            let tell = |mut told: Told, message| {
                told.0.see(&event(5, ActorId::Node(NodeId(2)), Body::Tell { message }));
                told
            };
            for s in 7..=10 {
                if s == copied_at {
                    told = tell(told, OnTheLine::KeepCopy { op: OpId(1) });
                }
                if s == put_back_at {
                    told = tell(told, OnTheLine::PutBack { op: OpId(1) });
                }
                if s == 8 || s == 10 {
                    told = told.voted(owner(2), s);
                }
            }
            told.wrong().is_some()
        };
        assert!(!judged(7, 9), "the copy was made before the first vote");
        assert!(judged(9, 10), "the copy has the first vote");
        assert!(judged(7, 7), "nothing was put back since");
    }
}
