//! While nothing is wrong, no replica is further behind its primary than the plan's limit.
//!
//! A replica that was cut off or restarted must first catch up, which is not lag: after a disturbance its samples
//! count from the first one on that shows it caught up, and at the latest when the limit of convergence has passed. It has
//! caught up when it lacks nothing, or little and no more than at the look before: while its lag grows, it has not.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, LagSample};
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};
use crate::id::NodeId;
use crate::time::SimDuration;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "replication_lag",
    title: "Replication Lag",
    statement: "while nothing is wrong, replicas are at most the limit behind their primaries",
    applies: Applies::Always,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let limit = case.evidence.plan.limits.max_replication_lag_ns;
    if case.evidence.plan.cluster.replicas == 0 {
        return Verdict::holds("No replicas configured");
    }
    let samples = calm_samples(case.evidence);
    let Some(worst) = samples.iter().map(|s| s.lag).max() else {
        return Verdict::unknown("no sample was taken while nothing was wrong");
    };
    let mut findings = Findings::default();
    let over = samples.iter().filter(|s| s.lag > limit).collect::<Vec<_>>();
    if let Some(first) = over.first() {
        let text =
            format!("{} was {} behind {} at {}", first.node, seconds(first.lag), first.primary, first.at);
        let count = format!("{} of {} samples beyond {} limit", over.len(), samples.len(), seconds(limit));
        findings.wrong(first.at, format!("{text}; {count}, {} max", seconds(worst)));
    }
    let sum: u128 = samples.iter().map(|s| u128::from(s.lag.as_ns())).sum();
    let average = SimDuration::from_ns((sum / samples.len() as u128) as u64);
    findings.verdict(|| {
        format!("{} average, {} max ({} samples)", seconds(average), seconds(worst), samples.len())
    })
}

fn calm_samples(evidence: &Evidence) -> Vec<&LagSample> {
    let mut caught_up = BTreeSet::new();
    let mut before: BTreeMap<NodeId, SimDuration> = BTreeMap::new();
    let mut disturbances_before = 0;
    let mut calm = Vec::new();
    for sample in &evidence.lag_samples {
        let begun = evidence.disturbances.iter().take_while(|d| d.at <= sample.at);
        let (count, last_end) = begun.fold((0, None), |(count, last), d| {
            (count + 1, last.max(Some(d.ended_at.unwrap_or(evidence.ended_at))))
        });
        if count != disturbances_before {
            (disturbances_before, caught_up) = (count, BTreeSet::new());
            before.clear();
        }
        if last_end.is_some_and(|end| sample.at < end) {
            caught_up.clear();
            before.clear();
            continue;
        }
        let settled = last_end.is_none_or(|end| sample.at >= end + evidence.plan.limits.max_convergence_ns);
        let grows = before.insert(sample.node, sample.lag).is_none_or(|before| sample.lag > before);
        let is_little = sample.lag <= evidence.plan.limits.max_replication_lag_ns;
        if sample.lag == SimDuration::ZERO || is_little && !grows {
            caught_up.insert(sample.node);
        }
        if settled || caught_up.contains(&sample.node) {
            calm.push(sample);
        }
    }
    calm
}

fn seconds(duration: SimDuration) -> String {
    format!("{:.3}s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, disturb, healthy, lag};
    use super::*;

    #[test]
    fn the_average_and_the_longest_are_told() {
        let mut evidence = healthy();
        evidence.lag_samples = vec![lag(2, 1, 10, 0), lag(2, 1, 11, 3000)];
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("1.500s average, 3.000s max (2 samples)"));
    }

    #[test]
    fn lag_beyond_the_limit_is_a_violation_unless_something_was_wrong() {
        let mut evidence = healthy();
        evidence.lag_samples =
            vec![lag(2, 1, 10, 0), lag(2, 1, 25, 9000), lag(2, 1, 31, 8000), lag(2, 1, 32, 0)];
        let verdict = check(&Case::of(&evidence));
        let text =
            "node-2 was 9.000s behind node-1 at 25.000000s; 2 of 4 samples beyond 5.000s limit, 9.000s max";
        assert_eq!(verdict, Verdict::violated(at(25), text));
        disturb(&mut evidence, 20, 30);
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
    }

    #[test]
    fn a_sample_within_the_limit_is_not_caught_up_while_the_lag_grows() {
        let after = |samples: &[(u64, u64)]| {
            let mut evidence = healthy();
            disturb(&mut evidence, 20, 30);
            evidence.lag_samples = vec![lag(2, 1, 10, 0)];
            evidence.lag_samples.extend(samples.iter().map(|(s, ms)| lag(2, 1, *s, *ms)));
            check(&Case::of(&evidence)).name()
        };
        assert_eq!(after(&[(31, 4000), (33, 6000), (35, 8000), (36, 0)]), "holds");
        assert_eq!(
            after(&[(31, 4000), (32, 3000), (35, 6000)]),
            "violated",
            "it had caught up and fell behind"
        );
        assert_eq!(after(&[(31, 0), (37, 6000)]), "violated");
    }

    #[test]
    fn a_replica_that_never_catches_up_is_a_violation() {
        let mut evidence = healthy();
        disturb(&mut evidence, 20, 30);
        evidence.lag_samples = vec![lag(2, 1, 10, 0), lag(2, 1, 40, 20_000), lag(2, 1, 61, 41_000)];
        assert!(check(&Case::of(&evidence)).is_violated());
    }

    #[test]
    fn without_a_calm_sample_it_is_unknown() {
        let mut evidence = healthy();
        evidence.lag_samples.clear();
        assert!(check(&Case::of(&evidence)).is_unknown());
        evidence.plan.cluster.replicas = 0;
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
    }
}
