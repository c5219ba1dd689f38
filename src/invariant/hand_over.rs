//! A hand-over (`CLUSTER FAILOVER`) loses nothing: the old primary stands still at the offset that it announces, and the new
//! one has it before it stands for election.
//!
//! Source: `clusterProcessPacket` (`MFSTART`), `pauseActions`, `clusterHandleManualFailover`. Clients are stopped until a time of
//! day, so that a wall clock that jumps ends it early.

use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict, always_asked};
use crate::chronicle::{HAND_OVER_TIMEOUT, Request};
use crate::op::FailoverMode;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "hand_over",
    title: "Hand-Over",
    statement: "a primary that has stopped its clients for a hand-over executes nothing more, and who takes over was told where it stopped \
                and has all of it",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let chronicle = &case.evidence.chronicle;
    let mut findings = Findings::default();
    let moved = chronicle.handovers.moved().iter();
    for moved in moved.filter(|moved| !case.evidence.clock_misled(moved.node, moved.at)) {
        let (node, from, to) = (moved.node, moved.from, moved.to);
        let what = format!("{node} stopped its clients at offset {from} for a hand-over and went on to {to}");
        findings.broken_by((moved.at, moved.event), what);
    }
    let requests = chronicle.elections.requests().iter().filter(|request| is_hand_over(request));
    let requests: Vec<_> = requests.collect();
    for request in requests.iter().filter(|request| is_untold(request, case.evidence)) {
        let what =
            format!("{} stands for a hand-over before its primary told it where it stopped", request.node);
        findings.broken_by((request.at, request.event), what);
    }
    // Who knows that its primary is called failing stands for that, by force as long as the hand-over is not over.
    for request in requests.iter().filter(|request| request.knew_failed.is_none()) {
        if let Some(announced) = request.announced.filter(|announced| request.offset < *announced) {
            let (node, offset) = (request.node, request.offset);
            let what =
                format!("{node} stands at offset {offset} for a hand-over that was announced at {announced}");
            findings.broken_by((request.at, request.event), what);
        }
    }
    findings.verdict(|| format!("{} hand-overs", requests.len()))
}

/// Whether it cannot know that its primary has stopped its clients since it was asked to take over.
fn is_untold(request: &Request, evidence: &Evidence) -> bool {
    let Some((asked_at, _)) = request.asked.filter(|_| evidence.plan.guests.is_empty()) else {
        return false;
    };
    // From 9.1 the best replica of a primary that is called failing asks by force too.
    let by_itself = request.knew_failed.is_some()
        || request.at.since(asked_at) >= HAND_OVER_TIMEOUT
        || evidence.chronicle.asks.hands_over_at_the_end(request.at);
    !by_itself && request.told_at.is_none_or(|told_at| told_at < asked_at)
}

/// Whether votes are asked for because the primary hands over: by force, and not because the operator says so.
fn is_hand_over(request: &Request) -> bool {
    request.forced && request.asked.is_some_and(|(_, mode)| mode == FailoverMode::Default)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy, operation};
    use super::*;
    use crate::chronicle::sample::{Says, event, message, of_type};
    use crate::event::{Body, MessageType};
    use crate::id::{ActorId, NodeId};
    use crate::op::{Command, Ending, OpAction, OpId};

    /// Node 2 asks node 1 to hand over, which announces offset 100.
    fn announced(command: &str) -> Evidence {
        let mut evidence = healthy();
        let args = command.split(' ').map(str::to_owned).collect();
        operation(&mut evidence, OpAction::Command(Command { node: NodeId(2), args }), (2, 9), Ending::Done);
        evidence.chronicle = crate::chronicle::Chronicle::new(&evidence.plan);
        let asked = Body::Operation { op: OpId(1), text: String::new() };
        evidence.chronicle.see(&event(2, ActorId::Operator, asked));
        evidence.chronicle.take(message(Says::primary(1, 1, (0, 9)), 2, 1));
        let mut asks = of_type(MessageType::MFSTART, Says::replica(2, 1), 1, 3);
        asks.conn = 1002;
        evidence.chronicle.take(asks);
        evidence.chronicle.take(message(paused(100), 2, 4));
        evidence
    }

    fn paused(offset: u64) -> Says {
        Says { paused: true, offset, ..Says::primary(1, 1, (0, 9)) }
    }

    fn stands(evidence: &mut Evidence, offset: u64) {
        let says = Says { forced: true, offset, ..Says::replica(2, 1) };
        evidence.chronicle.take(of_type(MessageType::FAILOVER_AUTH_REQUEST, says, 3, 6));
    }

    #[test]
    fn a_primary_that_goes_on_after_it_stopped_is_a_violation() {
        let mut evidence = announced("CLUSTER FAILOVER");
        stands(&mut evidence, 100);
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("1 hand-overs"));
        evidence.chronicle.take(message(paused(101), 3, 7));
        let what = "node-1 stopped its clients at offset 100 for a hand-over and went on to 101";
        assert_eq!(check(&Case::of(&evidence)), Verdict::broken_by((at(7), 7), what));
    }

    #[test]
    fn a_successor_that_does_not_wait_for_its_primary_is_a_violation() {
        let mut evidence = announced("CLUSTER FAILOVER");
        evidence.chronicle = crate::chronicle::Chronicle::new(&evidence.plan);
        let asked = Body::Operation { op: OpId(1), text: String::new() };
        evidence.chronicle.take(message(paused(90), 2, 1));
        evidence.chronicle.see(&event(2, ActorId::Operator, asked));
        evidence.chronicle.take(message(Says::primary(1, 1, (0, 9)), 2, 3));
        stands(&mut evidence, 100);
        let what = "node-2 stands for a hand-over before its primary told it where it stopped";
        assert_eq!(check(&Case::of(&evidence)), Verdict::broken_by((at(6), 6), what));
    }

    #[test]
    fn a_successor_that_lacks_something_is_a_violation_unless_it_was_forced() {
        let mut evidence = announced("CLUSTER FAILOVER");
        stands(&mut evidence, 99);
        let what = "node-2 stands at offset 99 for a hand-over that was announced at 100";
        assert_eq!(check(&Case::of(&evidence)), Verdict::broken_by((at(6), 6), what));
        let mut evidence = announced("CLUSTER FAILOVER FORCE");
        stands(&mut evidence, 99);
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("0 hand-overs"));
    }
}
