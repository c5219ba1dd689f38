//! Guests come to what the plan wants of them: their exit status, and what they were to write.
//!
//! A guest of which the plan wants nothing is told of and not judged, but for one thing: it must come to an end by itself.
//! What made it fail may be the cluster or the guest; the log of what it asked and was told says which.

use super::evidence::GuestReport;
use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict};
use crate::plan::GuestPlan;
use crate::time::SimTime;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "guests",
    title: "Guests",
    statement: "every guest ends by itself, with the exit status and the output that the plan wants",
    applies: Applies::Always,
    asked: |limits| limits.guests,
    check,
};

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let (mut findings, mut told) = (Findings::default(), Vec::new());
    for (plan, report) in evidence.plan.guests.iter().zip(&evidence.guests) {
        let Some((ended_at, status)) = &report.ended else {
            told.push(format!("{} did not come to its end", report.name));
            continue;
        };
        for wrong in wrongs(plan, report, status) {
            findings.wrong(*ended_at, format!("{} {wrong}", report.name));
        }
        told.push(format!("{} ended with {status}{}", report.name, after(report, *ended_at)));
    }
    findings.verdict(|| if told.is_empty() { "No guest".to_owned() } else { told.join("; ") })
}

/// What a guest did that the plan does not want.
fn wrongs(plan: &GuestPlan, report: &GuestReport, status: &str) -> Vec<String> {
    if report.timed_out {
        return vec![format!("did not end within {}", plan.timeout_ns)];
    }
    let wanted = plan.expect.exit.map(|code| format!("exit {code}"));
    let status =
        wanted.filter(|wanted| wanted != status).map(|wanted| format!("ended with {status}, not {wanted}"));
    let texts = report.missing.iter().map(|text| format!("never wrote {text:?}"));
    status.into_iter().chain(texts).collect()
}

fn after(report: &GuestReport, ended_at: SimTime) -> String {
    let length = report.started_at.map(|started| ended_at.since(started));
    length.map_or(String::new(), |length| format!(" after {length}"))
}

#[cfg(test)]
mod tests {
    use super::super::Evidence;
    use super::super::sample::{at, healthy};
    use super::*;
    use crate::id::GuestId;
    use crate::plan::GuestExpect;

    /// A guest that is to exit with 0 and say `OK`, and ended so at 20 s.
    fn guest(status: &str, change: impl FnOnce(&mut GuestReport)) -> Verdict {
        let mut evidence: Evidence = healthy();
        let mut plan = GuestPlan::of(GuestId(1), "script", &["sh"]);
        plan.expect = GuestExpect { exit: Some(0), output: vec!["OK".to_owned()] };
        evidence.plan.guests.push(plan);
        let mut report = GuestReport {
            name: "script".to_owned(),
            text: "sh".to_owned(),
            started_at: Some(at(10)),
            ended: Some((at(20), status.to_owned())),
            timed_out: false,
            kill_after: None,
            missing: Vec::new(),
            lines: 1,
        };
        change(&mut report);
        evidence.guests.push(report);
        check(&Case::of(&evidence))
    }

    #[test]
    fn a_guest_that_comes_to_what_is_wanted_is_told_of() {
        let verdict = guest("exit 0", |_| {});
        assert_eq!(verdict, Verdict::holds("script ended with exit 0 after 10.000s"));
    }

    #[test]
    fn another_status_a_missing_text_and_an_end_by_force_are_violations() {
        let status = guest("exit 1", |_| {});
        assert_eq!(status, Verdict::violated(at(20), "script ended with exit 1, not exit 0"));
        let text = guest("exit 0", |report| report.missing.push("OK".to_owned()));
        assert_eq!(text, Verdict::violated(at(20), "script never wrote \"OK\""));
        let time = guest("SIGKILL", |report| report.timed_out = true);
        assert!(time.detail().starts_with("script did not end within"), "{}", time.detail());
    }

    #[test]
    fn nothing_is_said_of_a_run_that_was_left() {
        let verdict = guest("", |report| report.ended = None);
        assert_eq!(verdict, Verdict::holds("script did not come to its end"));
    }
}
