//! After a disturbance, all live nodes agree and are ok again within the plan's limit.
//!
//! Measured from the end of the last disturbance to the first look from which on all agreed, and after each earlier
//! disturbance that had the cluster to itself: one that is overtaken by the next before the limit is not judged alone. As long as
//! replicas say that their data is too old to stand, nobody can be waited for.

use super::evidence::{Disturbance, Evidence};
use super::expectation::State;
use super::layout::is_given_up;
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};
use crate::time::{SimDuration, SimTime};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "convergence_time",
    title: "Convergence Time",
    statement: "all live nodes agree and are ok within the limit after each disturbance",
    applies: Applies::OnceHealed,
    asked: always_asked,
    check,
};

/// How long the answers to a look may take.
const A_LOOK: SimDuration = SimDuration::from_secs(1);

/// How the cluster fared after one disturbance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recovery {
    /// It agreed again after so long, and kept agreeing.
    After(SimDuration),
    /// It did not while it was watched, which was so long.
    NotWithin(SimDuration),
}

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let limit = evidence.plan.limits.max_convergence_ns;
    if evidence.agreement.is_empty() {
        return Verdict::unknown("nobody looked whether the nodes agree");
    }
    match (case.expectation.state(), case.expectation.losses()) {
        (State::Fail, Some(losses)) => {
            return Verdict::holds(format!("{losses}; the cluster cannot be ok again"));
        }
        // Whoever is without a primary and may not stand is there, and looks as if a failover were still to come.
        (_, Some(losses)) if evidence.converged_at().is_none() => {
            return Verdict::holds(format!("{losses}; when the rest was ok again nobody can tell"));
        }
        _ => {}
    }
    let mut findings = Findings::default();
    let judged = evidence.disturbances.iter().map(|d| (judge_one(case, d, &mut findings), d));
    let slowest = judged.filter_map(|(took, d)| took.map(|took| (took, d))).max_by_key(|(took, _)| *took);
    if let (State::Open, Some(doubts)) = (case.expectation.state(), case.expectation.doubts()) {
        findings.missing(doubts);
    }
    undisturbed(evidence, &mut findings);
    let last = evidence.converged_at().zip(evidence.last_disturbance_ended_at());
    let took = |(converged, ended): (SimTime, SimTime)| counted(evidence, ended, converged.since(ended));
    let last = last.map_or(SimDuration::ZERO, took);
    findings.verdict(|| match slowest {
        Some((took, disturbance)) if took > last => {
            format!("{}; at most {} {}", told(last, limit), seconds(took), after(disturbance))
        }
        _ => told(last, limit),
    })
}

/// Judges the time after one disturbance, and tells it if it is within the limit.
fn judge_one(case: &Case, disturbance: &Disturbance, findings: &mut Findings) -> Option<SimDuration> {
    let evidence = case.evidence;
    let limit = evidence.plan.limits.max_convergence_ns;
    let (ended, next) = window(evidence, disturbance)?;
    match recovery(evidence, ended, next) {
        Recovery::After(took) => {
            let counted = counted(evidence, ended, took);
            if counted <= limit {
                return Some(counted);
            }
            findings.wrong(ended + limit, format!("{} {}", told(took, limit), after(disturbance)));
        }
        Recovery::NotWithin(watched) if watched >= limit => {
            let text = format!("no agreement within {} {}", seconds(watched), after(disturbance));
            // Where nobody knows whether a shard could get a primary, nobody knows whether all can be ok again.
            let is_open = case.expectation.state() == State::Open;
            match is_open || is_given_up(evidence) {
                true => findings.missing(text),
                false => findings.wrong(ended + limit, text),
            }
        }
        Recovery::NotWithin(watched) if next.is_none() => {
            let text =
                format!("no agreement when the run ended, {} {}", seconds(watched), after(disturbance));
            findings.missing(text);
        }
        Recovery::NotWithin(_) => {}
    }
    None
}

/// How long the cluster took to agree, without what was lost because replicas said that their data is too old to stand, if that
/// matters: they may stand once their link to a primary that is gone without a word is given up (`repl-timeout`), from where on its
/// age counts anew.
fn counted(evidence: &Evidence, ended: SimTime, took: SimDuration) -> SimDuration {
    let is_late = took > evidence.plan.limits.max_convergence_ns;
    let said = evidence.chronicle.candidates.too_old_between([ended, ended + took]).filter(|_| is_late);
    said.map_or(took, |said| took - said.since(ended))
}

/// Without any disturbance there is nothing to wait for.
fn undisturbed(evidence: &Evidence, findings: &mut Findings) {
    if evidence.disturbances.is_empty() && evidence.converged_at().is_none() {
        findings.wrong(evidence.broken_since(), "the nodes stopped agreeing though nothing was done to them");
    }
}

/// From the end of a disturbance to the beginning of the next one, or `None` as its end; `None` at all if another
/// one was under way when it ended.
fn window(evidence: &Evidence, disturbance: &Disturbance) -> Option<(SimTime, Option<SimTime>)> {
    let ended = disturbance.ended_at?;
    let others = || evidence.disturbances.iter().filter(|d| !std::ptr::eq(*d, disturbance));
    let overtaken = others().any(|d| d.at <= ended && d.ended_at.is_none_or(|e| e > ended));
    let next = others().map(|d| d.at).filter(|at| *at > ended).min();
    (!overtaken).then_some((ended, next))
}

fn recovery(evidence: &Evidence, ended: SimTime, next: Option<SimTime>) -> Recovery {
    let until = next.unwrap_or(evidence.ended_at);
    let looks = &evidence.agreement;
    // A look that was asked for right before the next disturbance may have been answered in it.
    let asked_by = next.map_or(until, |next| next.before(A_LOOK).max(ended));
    let end = looks.partition_point(|a| a.at <= asked_by);
    let begin = looks[..end].partition_point(|a| a.at <= ended).saturating_sub(1);
    // The look before the end of the disturbance tells what was so when it ended.
    match looks[begin..end].iter().rposition(|a| !a.agreed) {
        None if end > 0 => Recovery::After(SimDuration::ZERO),
        Some(last) if begin + last + 1 < end => Recovery::After(looks[begin + last + 1].at.since(ended)),
        _ => Recovery::NotWithin(until.since(ended)),
    }
}

fn told(took: SimDuration, limit: SimDuration) -> String {
    let word = if took <= limit { "within" } else { "beyond" };
    format!("{} ({word} {} limit)", seconds(took), seconds(limit))
}

fn seconds(duration: SimDuration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}

fn after(disturbance: &Disturbance) -> String {
    format!("after {} at {}", disturbance.what, disturbance.at)
}

#[cfg(test)]
mod tests {
    use super::super::evidence::ExitReport;
    use super::super::sample::{at, disturb, healthy, kill, kill_both, looks};
    use super::*;
    use crate::chronicle::sample::event;
    use crate::event::Body;
    use crate::id::{ActorId, NodeId};

    #[test]
    fn the_time_counts_from_the_end_of_the_last_disturbance() {
        let mut evidence = healthy();
        disturb(&mut evidence, 10, 20);
        looks(&mut evidence, &[(1, true), (12, false), (26, true)]);
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("6.0s (within 30.0s limit)"));
    }

    #[test]
    fn agreement_that_breaks_later_does_not_count() {
        let mut evidence = healthy();
        disturb(&mut evidence, 10, 20);
        looks(&mut evidence, &[(1, true), (12, false), (21, true), (40, false), (55, true)]);
        let verdict = check(&Case::of(&evidence));
        let text = "35.0s (beyond 30.0s limit) after disturbance at 10.000000s";
        assert_eq!(verdict, Verdict::violated(at(50), text));
    }

    #[test]
    fn nobody_is_waited_for_who_says_that_its_data_is_too_old() {
        let took = |said_s: u64| {
            let mut evidence = healthy();
            disturb(&mut evidence, 10, 20);
            looks(&mut evidence, &[(1, true), (12, false), (55, true)]);
            let line =
                "1:S * Currently unable to failover: Disconnected from primary for longer than allowed.";
            let says = Body::Log { line: line.to_owned() };
            evidence.chronicle.see(&event(said_s, ActorId::Node(NodeId(2)), says));
            check(&Case::of(&evidence)).detail().to_owned()
        };
        assert_eq!(took(45), "10.0s (within 30.0s limit)");
        assert_eq!(took(15), "35.0s (beyond 30.0s limit) after disturbance at 10.000000s");
    }

    #[test]
    fn a_cluster_that_never_agrees_again_is_a_violation_only_after_the_limit() {
        let mut evidence = healthy();
        disturb(&mut evidence, 10, 20);
        looks(&mut evidence, &[(1, true), (12, false)]);
        assert!(check(&Case::of(&evidence)).is_violated());
        evidence.ended_at = at(45);
        assert!(check(&Case::of(&evidence)).is_unknown());
    }

    #[test]
    fn an_earlier_disturbance_that_had_its_time_is_judged_too() {
        let mut evidence = healthy();
        disturb(&mut evidence, 10, 20);
        disturb(&mut evidence, 55, 56);
        looks(&mut evidence, &[(1, true), (12, false), (57, true)]);
        let verdict = check(&Case::of(&evidence));
        assert_eq!(verdict.detail(), "no agreement within 35.0s after disturbance at 10.000000s");
        evidence.disturbances[1].at = at(30);
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("1.0s (within 30.0s limit)"));
    }

    #[test]
    fn a_look_that_was_answered_in_the_next_disturbance_says_nothing_of_the_one_before() {
        let mut evidence = healthy();
        disturb(&mut evidence, 10, 20);
        disturb(&mut evidence, 56, 57);
        looks(&mut evidence, &[(1, true), (12, false), (26, true), (56, false), (58, true)]);
        assert_eq!(check(&Case::of(&evidence)).name(), "holds");
        looks(&mut evidence, &[(1, true), (12, false), (26, true), (54, false), (58, true)]);
        assert!(check(&Case::of(&evidence)).is_violated());
    }

    #[test]
    fn a_shard_that_may_have_had_nobody_to_promote_is_no_violation() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(3), 20);
        looks(&mut evidence, &[(1, true), (22, false)]);
        assert!(check(&Case::of(&evidence)).is_violated());
        let came_back = ExitReport { node: NodeId(4), at: at(15), ..evidence.exits[0].clone() };
        evidence.exits.push(ExitReport { restarted_at: Some(at(17)), ..came_back });
        assert!(check(&Case::of(&evidence)).is_unknown(), "it may not have had the time to copy");
    }

    #[test]
    fn a_lost_shard_cannot_converge_and_nobody_expects_it() {
        let mut evidence = healthy();
        kill_both(&mut evidence, NodeId(1), 20);
        looks(&mut evidence, &[(1, true), (22, false)]);
        let text = "expected: shard 1 lost all its members; the cluster cannot be ok again";
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds(text));
    }

    #[test]
    fn who_may_not_stand_is_not_waited_for() {
        let mut evidence = healthy();
        let settings = [("cluster-replica-no-failover", "yes"), ("cluster-require-full-coverage", "no")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        evidence.plan.cluster.config.extend(settings);
        kill(&mut evidence, NodeId(3), 20);
        looks(&mut evidence, &[(1, true), (22, false)]);
        let verdict = check(&Case::of(&evidence));
        assert!(verdict.detail().ends_with("when the rest was ok again nobody can tell"), "{verdict:?}");
        assert_eq!(verdict.name(), "holds");
    }

    #[test]
    fn without_a_look_it_is_unknown() {
        let mut evidence = healthy();
        evidence.agreement.clear();
        assert!(check(&Case::of(&evidence)).is_unknown());
    }
}
