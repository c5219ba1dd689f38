//! While the run goes on, each node's `cluster_state` is what its own view says it must be.
//!
//! The rule is the server's (`clusterUpdateState`): `fail` if slots have no owner that is not held for failed and all
//! slots are required, or if most primaries with slots are suspected or failed; else `ok`. It takes effect before the
//! server sleeps, and only the way back to `ok` takes time: at a primary two seconds after a start, and as long as a node
//! timeout, five seconds at most, after it was in a minority.

use super::evidence::ViewSpan;
use super::settings::Settings;
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict};
use crate::time::{SimDuration, SimTime};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "cluster_state",
    title: "Cluster State",
    statement: "at every moment a node says ok or fail as its own view of slots and primaries demands",
    applies: Applies::Always,
    asked: |limits| limits.slot_coverage,
    check,
};

/// How long a node may say `fail` after its view allows `ok`: the delays above, and the seldom look at a settled cluster.
const BACK_MAX: SimDuration = SimDuration::from_secs(12);

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    let spans = &case.evidence.spans;
    for (span, what) in spans.iter().filter_map(|span| Some((span, contradiction(case, span)?))) {
        let lasted = span.until.since(span.from).as_secs_f64();
        findings.wrong(span.from, format!("{} said {what} for {lasted:.1}s", span.node));
    }
    findings.verdict(|| format!("{} long views fit their states", spans.len()))
}

/// What is wrong with a state that lasted.
fn contradiction(case: &Case, span: &ViewSpan) -> Option<&'static str> {
    let needs_all = |at: SimTime| Settings::at(case.evidence, span.node, at).needs_all_slots();
    // A setting that changes is not looked at before something else changes.
    let needs_all = [SimTime::ZERO, span.from, span.until].into_iter().all(needs_all);
    let is_misled = case.evidence.clock_misled(span.node, span.until);
    let is_long = span.until.since(span.from) >= BACK_MAX && !is_misled;
    match (span.ok?, span.has_majority, span.has_all_slots || !needs_all) {
        (true, false, _) => Some("ok without a majority of primaries"),
        (true, _, false) => Some("ok without all slots"),
        (false, true, true) if is_long => Some("fail with all slots and a majority"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy};
    use super::*;
    use crate::id::NodeId;

    fn verdict(ok: bool, (has_majority, has_all_slots): (bool, bool), seconds: u64) -> Verdict {
        let mut evidence = healthy();
        let span = ViewSpan {
            node: NodeId(1),
            from: at(10),
            until: at(10 + seconds),
            ok: Some(ok),
            has_majority,
            has_all_slots,
        };
        evidence.spans.push(span);
        check(&Case::of(&evidence))
    }

    #[test]
    fn a_state_that_its_view_demands_holds() {
        assert_eq!(verdict(true, (true, true), 30), Verdict::holds("1 long views fit their states"));
        assert_eq!(verdict(false, (false, true), 30).name(), "holds");
        assert_eq!(verdict(false, (true, true), 8).name(), "holds");
    }

    #[test]
    fn a_state_against_its_own_view_is_a_violation() {
        let text = "node-1 said ok without a majority of primaries for 4.0s";
        assert_eq!(verdict(true, (false, true), 4).detail(), text);
        assert_eq!(verdict(true, (true, false), 4).detail(), "node-1 said ok without all slots for 4.0s");
        let text = "node-1 said fail with all slots and a majority for 13.0s";
        assert_eq!(verdict(false, (true, true), 13).detail(), text);
    }

    #[test]
    fn slots_that_are_not_required_may_be_missing() {
        let mut evidence = healthy();
        evidence.plan.cluster.config.insert("cluster-require-full-coverage".to_owned(), "no".to_owned());
        let span = ViewSpan {
            node: NodeId(1),
            from: at(10),
            until: at(20),
            ok: Some(true),
            has_majority: true,
            has_all_slots: false,
        };
        evidence.spans.push(span);
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
    }
}
