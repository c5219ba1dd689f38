//! A node is called failing only by a majority of the primaries with slots, and doubted only after a node timeout without a
//! word of it. One whose wall clock is wrong goes by that.
//!
//! Source: `markNodeAsFailingIfNeeded`, `clusterNodeCleanupFailureReports`. A report counts for twice the node timeout after it was
//! read; it may have been read up to six seconds after it was delivered, so that much room is given.

use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};
use crate::chronicle::FailCall;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "failure_calls",
    title: "Failure Calls",
    statement: "a node is doubted only after a node timeout without a word of it, and called failing only by one that has the young \
                reports of a majority of the primaries with slots",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let chronicle = &case.evidence.chronicle;
    let mut findings = Findings::default();
    let calls = chronicle.suspicions.calls();
    let was_misled = |node, at| case.evidence.clock_misled(node, at);
    for doubt in chronicle.suspicions.unfounded().iter().filter(|doubt| !was_misled(doubt.by, doubt.at)) {
        let (by, about, silent) = (doubt.by, doubt.about, doubt.at.since(doubt.heard_at));
        let what = format!("{by} doubts {about}, of which it heard {silent} before");
        findings.broken_by((doubt.at, doubt.event), what);
    }
    let by_hand = |call: &FailCall| chronicle.asks.changed_table(call.by, call.at);
    let calls_of_few = calls.iter().filter(|call| call.reports.len() < call.quorum && !by_hand(call));
    for call in calls_of_few.filter(|call| !was_misled(call.by, call.at)) {
        let (by, about, had, needs) = (call.by, call.about, call.reports.len(), call.quorum);
        let what = format!(
            "{by} called {about} failing with the reports of {had} primaries, and {needs} are a majority"
        );
        findings.broken_by((call.at, call.event), what);
    }
    findings.verdict(|| format!("{} calls", calls.len()))
}

#[cfg(test)]
mod tests {
    use super::super::sample::healthy;
    use super::*;
    use crate::chronicle::Message;
    use crate::chronicle::sample::{Says, at, id, message, of_type};
    use crate::event::MessageType;

    /// Three primaries; the first calls the third failing after it heard that the second doubts it, or not.
    fn judged(reported_at: Option<u64>) -> Verdict {
        let owner = |node: u16| Says::primary(node, u64::from(node), (node * 10, node * 10 + 9));
        let mut evidence = healthy();
        (1..=3).for_each(|node| evidence.chronicle.take(message(owner(node), 1, 1)));
        if let Some(s) = reported_at {
            evidence.chronicle.take(message(Says { gossip: vec![(3, 5)], ..owner(2) }, 1, s));
        }
        let about = Some(id(3));
        evidence.chronicle.take(Message { about, ..of_type(MessageType::FAIL, owner(1), 2, 40) });
        check(&Case::of(&evidence))
    }

    #[test]
    fn a_call_without_a_majority_of_young_reports_is_a_violation() {
        assert_eq!(judged(Some(38)), Verdict::holds("1 calls"));
        let what = "node-1 called node-3 failing with the reports of 1 primaries, and 2 are a majority";
        assert_eq!(judged(None), Verdict::broken_by((at(40), 40), what));
        assert_eq!(judged(Some(20)), Verdict::broken_by((at(40), 40), what));
    }
}
