//! Who must not serve does not: a primary that was cut off or has just come back, a replica, and a node that says itself that slots
//! are lost or that it sees no majority.
//!
//! Source: `clusterUpdateState`, `getNodeByQuery`. Every bound is the server's own with the room of two crons at one hertz, and by the
//! node's own wall clock: what a wrong one makes of a bound is no violation.

use super::settings::Settings;
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict, always_asked};
use crate::chronicle::{Accepted, Contradiction, Refusal, Why};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "isolation",
    title: "Isolation",
    statement: "nobody serves that must not: cut off from the majority, just come back, as a replica, with slots it knows lost, or while \
                it hands over",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let chronicle = &evidence.chronicle;
    let mut findings = Findings::default();
    let was_misled = |node, at| evidence.clock_misled(node, at);
    let is_by_the_clock = |accepted: &&Accepted| {
        matches!(accepted.why, Refusal::CutOff { .. } | Refusal::HandingOver { .. })
            && was_misled(accepted.node, accepted.at)
    };
    let accepted = chronicle.service.accepted().iter().filter(|accepted| !is_allowed(accepted, evidence));
    for accepted in accepted.filter(|accepted| !is_by_the_clock(accepted)) {
        findings.broken_by((accepted.at, accepted.event), write(accepted));
    }
    for found in chronicle.states.contradictions().iter().filter(|found| !was_misled(found.node, found.at)) {
        if let Some(what) = contradiction(found, evidence) {
            findings.broken_by((found.at, found.event), what);
        }
    }
    findings.verdict(|| "Nobody served that must not".to_owned())
}

fn is_allowed(accepted: &Accepted, evidence: &Evidence) -> bool {
    let is_read = matches!(accepted.why, Refusal::Down { is_read: true, .. });
    is_read && Settings::at(evidence, accepted.node, accepted.at).reads_when_down()
}

fn write(accepted: &Accepted) -> String {
    let node = accepted.node;
    match &accepted.why {
        Refusal::Replica => format!("{node} took a write as a replica"),
        Refusal::Down { since, is_read } => {
            let what = if *is_read { "read" } else { "write" };
            format!("{node} served a {what} though it says since {since} that the cluster is down")
        }
        Refusal::FewReplicas { heard, needed, for_ } => {
            format!("{node} took a write with {heard} replicas heard within {for_}, and {needed} are needed")
        }
        Refusal::HandingOver { since } => {
            format!("{node} took a write though it had stopped its clients at {since} for a hand-over")
        }
        Refusal::CutOff { for_, heard, owners } => {
            format!(
                "{node} took a write that was asked for {for_} after it last heard more than {heard} of {owners} primaries"
            )
        }
    }
}

fn contradiction(found: &Contradiction, evidence: &Evidence) -> Option<String> {
    let node = found.node;
    let by_hand = evidence.chronicle.asks.changed_table(node, found.at);
    match &found.why {
        Why::Young { age } => Some(format!("{node} serves as a primary {age} after its start")),
        Why::FailedOwner { owner, since } => {
            let required = Settings::at(evidence, node, found.at).needs_all_slots();
            (required && !by_hand)
                .then(|| format!("{node} says ok and calls {owner}, which owns slots, failing since {since}"))
        }
        // The delay counts from the last look at a minority, which is a cron before somebody is heard at the most.
        Why::Back { after, delay } => {
            (!by_hand && *after + Settings::at(evidence, node, found.at).cron_period() < *delay).then(|| {
                format!("{node} serves as a primary {after} after it saw no majority, and must wait {delay}")
            })
        }
        Why::Minority { doubted, owners, since } => (!by_hand)
            .then(|| format!("{node} says ok and doubts {doubted} of {owners} primaries since {since}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::healthy;
    use super::*;
    use crate::chronicle::sample::{Says, at, event, message};
    use crate::event::Body;
    use crate::history::{Outcome, Request};
    use crate::id::{ActorId, ClientId, NodeId};

    fn owner(node: u16) -> Says {
        Says::primary(node, u64::from(node), (node * 10, node * 10 + 9))
    }

    /// Three primaries; the first says the rest.
    fn judged(evidence: &mut Evidence, words: &[(Says, u64)]) -> Verdict {
        (2..=3).for_each(|node| evidence.chronicle.take(message(owner(node), 1, 1)));
        for (says, s) in words {
            evidence.chronicle.take(message(says.clone(), 2, *s));
        }
        check(&Case::of(evidence))
    }

    #[test]
    fn a_primary_that_serves_at_once_after_its_start_is_a_violation() {
        let mut evidence = healthy();
        evidence.chronicle.see(&event(9, ActorId::Node(NodeId(1)), Body::Start { incarnation: 2 }));
        let what = "node-1 serves as a primary 1.000s after its start";
        assert_eq!(judged(&mut evidence, &[(owner(1), 10)]), Verdict::broken_by((at(10), 10), what));
    }

    #[test]
    fn a_node_that_says_ok_and_knows_better_is_a_violation() {
        let failed = Says { gossip: vec![(2, 9)], ..owner(1) };
        let words = [(owner(1), 5), (failed.clone(), 6), (failed.clone(), 9)];
        let what = "node-1 says ok and calls node-2, which owns slots, failing since 6.000000s";
        assert_eq!(judged(&mut healthy(), &words), Verdict::broken_by((at(9), 9), what));
        let mut partial = healthy();
        let setting = ("cluster-require-full-coverage".to_owned(), "no".to_owned());
        partial.plan.cluster.config.extend([setting]);
        assert_eq!(judged(&mut partial, &words).name(), "holds");
        let alone = Says { gossip: vec![(2, 5), (3, 5)], ..owner(1) };
        let words = [(owner(1), 5), (alone.clone(), 6), (alone, 9)];
        let what = "node-1 says ok and doubts 2 of 3 primaries since 6.000000s";
        assert_eq!(judged(&mut healthy(), &words), Verdict::broken_by((at(9), 9), what));
    }

    #[test]
    fn a_write_that_a_replica_took_is_a_violation() {
        let mut evidence = healthy();
        let replica = Says::replica(1, 2);
        judged(&mut evidence, &[(replica.clone(), 5)]);
        let client = ActorId::Client(ClientId(1));
        let request = Request::Set { key: "k".to_owned(), value: "v".to_owned() };
        evidence.chronicle.see(&event(6, client, Body::Invoke { sequence: 1, request }));
        let (outcome, node) = (Outcome::Ok(None), Some(NodeId(1)));
        evidence.chronicle.see(&event(7, client, Body::Complete { sequence: 1, outcome, node }));
        let broken = Verdict::broken_by((at(7), 7), "node-1 took a write as a replica");
        assert_eq!(judged(&mut evidence, &[(replica, 8)]), broken);
    }
}
