//! Candidates: who stands for election knows its rank, waits its turn, and has data that is young enough.
//!
//! Source: `clusterHandleReplicaFailover`, `clusterGetReplicaRank`. Ranks are held against the offsets that the replica had been
//! told, its data's age against the last bytes of its primary that reached it. Both it and its turn go by its wall clock: what
//! a wrong one makes of them is no violation.

use super::settings::Settings;
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict, always_asked};
use crate::chronicle::{Candidacy, Request};
use crate::time::SimDuration;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "candidates",
    title: "Candidates",
    statement: "a replica that stands for election knows its rank by the offsets it was told, waits as long as that says, and was \
                not without its primary for longer than its validity factor allows",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

/// Ages are counted in whole seconds, once when the link ends and once when it is asked for.
const ROUNDING: SimDuration = SimDuration::from_secs(2);
/// Clocks of servers show milliseconds.
const TICK: SimDuration = SimDuration::from_ms(2);
/// How long after the operator asked for a failover a request for votes may still be due to that.
const BY_HAND: SimDuration = SimDuration::from_secs(60);

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let chronicle = &evidence.chronicle;
    let mut findings = Findings::default();
    let candidacies = chronicle.candidates.candidacies();
    for candidacy in candidacies {
        if let Some(why) = wrong_rank(candidacy, evidence).or_else(|| wrong_delay(candidacy, evidence)) {
            findings.broken_by((candidacy.at, candidacy.event), format!("{} {why}", candidacy.node));
        }
    }
    let goes_right = |request: &&Request| !evidence.clock_misled(request.node, request.at);
    for request in chronicle.elections.requests().iter().filter(goes_right) {
        if let Some(why) = too_soon(request, evidence).or_else(|| too_old(request, evidence)) {
            let what = format!("{} asked for votes in epoch {} {why}", request.node, request.epoch);
            findings.broken_by((request.at, request.event), what);
        }
    }
    findings.verdict(|| format!("{} candidacies", candidacies.len()))
}

fn by_hand(candidacy: &Candidacy, evidence: &Evidence) -> bool {
    let asks = &evidence.chronicle.asks;
    asks.failover_of(candidacy.node).is_some() && candidacy.delay == SimDuration::ZERO
}

fn wrong_rank(candidacy: &Candidacy, evidence: &Evidence) -> Option<String> {
    let Candidacy { rank, possible: (lowest, highest), .. } = candidacy;
    let wrong = !(lowest..=highest).contains(&rank) && !by_hand(candidacy, evidence);
    wrong.then(|| match lowest {
        lowest if rank < lowest => {
            format!("stands with rank {rank}, and was told of {lowest} with more data")
        }
        _ => format!("stands with rank {rank}, and was told of no more than {highest} with as much data"),
    })
}

/// A delay that its rank does not explain. Versions add to it: 8.0 half a second, twice, and one for each rank; later ones as much
/// again for each other primary that failed; from 9.0 on a thirtieth of the node timeout where that is less.
fn wrong_delay(candidacy: &Candidacy, evidence: &Evidence) -> Option<String> {
    const STEP: SimDuration = SimDuration::from_ms(500);
    let (_, node_timeout) = evidence.chronicle.asks.node_timeouts();
    let step = SimDuration::from_ns(node_timeout.as_ns() / 30).min(STEP);
    let (rank, delay) = (candidacy.rank, candidacy.delay);
    if delay < step.times(2 * rank) {
        return Some(format!("waits {delay} with rank {rank} before it asks for votes"));
    }
    let shards = evidence.plan.cluster.nodes().count() as u64;
    let longest = STEP.times(3 + 2 * rank + shards);
    (delay > longest).then(|| format!("waits {delay} with rank {rank}, and {longest} is the most"))
}

fn too_soon(request: &Request, evidence: &Evidence) -> Option<String> {
    let due = evidence.chronicle.candidates.due(request.node, request.at);
    let due = due.filter(|due| request.at + TICK < *due)?;
    Some(format!("{} before its own time", due.since(request.at)))
}

fn too_old(request: &Request, evidence: &Evidence) -> Option<String> {
    let (node_timeout, _) = evidence.chronicle.asks.node_timeouts();
    let by_hand = request.asked.is_some_and(|(at, _)| request.at.since(at) < BY_HAND);
    let told = evidence.chronicle.replication.is_told();
    let longest = Settings::at(evidence, request.node, request.at).longest_data_age(node_timeout)?;
    if by_hand || !told {
        return None;
    }
    let Some(fresh_at) = request.fresh_at else {
        return Some("and its process never had word of its primary".to_owned());
    };
    let age = request.at.since(fresh_at);
    (age > longest + ROUNDING)
        .then(|| format!("{age} after the last word of its primary, and {longest} is the most"))
}

#[cfg(test)]
mod tests {
    use super::super::sample::healthy;
    use super::*;
    use crate::chronicle::Chronicle;
    use crate::chronicle::sample::{Says, at, event, message, of_type};
    use crate::event::{Body, MessageType};
    use crate::fault::clock::{Way, Wrong};
    use crate::fault::{Clock, Fault, FaultAction, FaultId, Target, Trigger};
    use crate::id::{ActorId, NodeId};

    const NODE: ActorId = ActorId::Node(NodeId(4));

    /// Node 4 and another replica of node 1, which has more; the last word of the primary was at 5 s. It says so much at 10 s, and
    /// asks for votes at `asked_at`.
    fn judged(line: &str, asked_at: u64) -> Verdict {
        judged_with(healthy(), line, asked_at)
    }

    fn judged_with(mut evidence: Evidence, line: &str, asked_at: u64) -> Verdict {
        evidence.chronicle = Chronicle::new(&evidence.plan);
        let chronicle = &mut evidence.chronicle;
        chronicle.see(&event(1, NODE, Body::Start { incarnation: 1 }));
        let candidate = Says { offset: 50, epochs: (3, 1), ..Says::replica(4, 1) };
        chronicle.take(message(Says::primary(1, 1, (0, 9)), 4, 2));
        chronicle.take(message(candidate.clone(), 1, 2));
        chronicle.take(message(Says { offset: 60, ..Says::replica(5, 1) }, 4, 3));
        chronicle.candidates.fresh(NodeId(4), at(5));
        chronicle.see(&event(10, NODE, Body::Log { line: line.to_owned() }));
        chronicle.take(of_type(MessageType::FAILOVER_AUTH_REQUEST, candidate, 2, asked_at));
        check(&Case::of(&evidence))
    }

    fn detail(verdict: Verdict) -> String {
        match verdict {
            Verdict::Violated { detail, .. } => detail,
            other => panic!("{other:?}"),
        }
    }

    const SECOND: &str = "Start of election delayed for 1612 milliseconds (rank #1, offset 50).";

    #[test]
    fn the_second_best_waits_and_asks() {
        assert!(matches!(judged(SECOND, 12), Verdict::Holds { .. }));
    }

    #[test]
    fn a_rank_better_or_worse_than_what_it_was_told_is_wrong() {
        let first = SECOND.replace("#1", "#0");
        assert!(detail(judged(&first, 12)).contains("was told of 1 with more data"));
        let third = SECOND.replace("#1", "#2").replace("1612", "2612");
        assert!(detail(judged(&third, 13)).contains("no more than 1 with as much data"));
    }

    #[test]
    fn a_delay_follows_from_the_rank() {
        let short = SECOND.replace("1612", "12");
        assert!(detail(judged(&short, 12)).contains("with rank 1 before it asks"));
        let long = SECOND.replace("1612", "99000");
        assert!(detail(judged(&long, 120)).contains("is the most"));
    }

    #[test]
    fn who_asks_before_its_time_is_seen() {
        assert!(detail(judged(SECOND, 11)).contains("before its own time"));
    }

    #[test]
    fn a_clock_that_was_wrong_makes_its_own_node_no_liar() {
        for (hit, is_excused) in [(4, true), (5, false)] {
            let mut evidence = healthy();
            let action = FaultAction::Clock(Clock {
                target: Target::Node(NodeId(hit)),
                how: Wrong::Jump,
                way: Way::Back,
                by_ns: SimDuration::from_secs(1),
                every_ns: SimDuration::ZERO,
                speed_percent: 100,
                duration_ns: SimDuration::from_secs(2),
            });
            let trigger = Trigger::At { delay_ns: SimDuration::ZERO };
            evidence.plan.faults = vec![Fault { id: FaultId(1), trigger, action }];
            super::super::sample::hit(&mut evidence, NodeId(hit), 9, Some(11));
            let holds = matches!(judged_with(evidence, SECOND, 11), Verdict::Holds { .. });
            assert_eq!(holds, is_excused, "node-{hit}");
        }
    }

    #[test]
    fn data_too_old_may_not_stand() {
        assert!(detail(judged(SECOND, 50)).contains("after the last word of its primary"));
    }
}
