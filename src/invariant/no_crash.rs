//! No server process ends unless it is told to, and none writes that it found itself broken.

use super::evidence::{ExitReport, FaultReport, LogLine};
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict, always_asked};
use crate::fault::{Affliction, Effect};
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};
use crate::wire::server_log::{self, Said};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "no_crash",
    title: "No Crash",
    statement: "no server ends unless it is told to, asserts, reports a bug or trips a sanitizer",
    applies: Applies::Always,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    let evidence = case.evidence;
    let unexpected = evidence.exits.iter().filter(|exit| !exit.expected);
    let unexpected = unexpected.filter(|exit| !could_not_write(evidence, exit.node, exit.at));
    for exit in unexpected.filter(|exit| !ended_by_its_own_rule(evidence, exit)) {
        let reason = exit.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
        findings.wrong(exit.at, format!("{} ended at {} with {}{reason}", exit.node, exit.at, exit.status));
    }
    let lines = evidence.suspicious_log_lines.iter();
    let lines = lines.filter(|line| !could_not_write(evidence, line.node, line.at));
    for line in lines.filter(|line| !are_last_words(evidence, line)) {
        findings.wrong(line.at, format!("{} wrote at {}: {}", line.node, line.at, line.line.trim()));
    }
    let told = case.evidence.exits.len();
    findings.verdict(|| format!("No unexpected exit ({told} expected)"))
}

/// Whether a replica gave up at an instant because its disk, or its children that write to it, had failed by a fault
/// (`processCommand`, unless `replica-ignore-disk-write-errors`).
fn could_not_write(evidence: &Evidence, node: NodeId, at: SimTime) -> bool {
    const GIVES_UP: &str = "Replica was unable to write command to disk";
    const AT_ONCE: SimDuration = SimDuration::from_secs(1);
    let says = |line: &LogLine| line.node == node && line.line.contains(GIVES_UP);
    let is_then = |line: &LogLine| line.at <= at + AT_ONCE && at <= line.at + AT_ONCE;
    let spoils = |fault: &FaultReport| {
        let planned = evidence.plan.fault(fault.id);
        let effect = planned.map(|planned| planned.action.effect());
        let of_files = matches!(
            effect,
            Some(Effect::Afflict(
                Affliction::Files(_) | Affliction::Children(_) | Affliction::Descriptors(_)
            ))
        );
        of_files && fault.hit.contains(&node) && fault.fired_at.is_some_and(|fired| fired <= at)
    };
    evidence.suspicious_log_lines.iter().any(|line| says(line) && is_then(line))
        && evidence.faults.iter().any(spoils)
}

/// Whether a server ended in order, by a rule of its own, because of what a fault was doing to its machine just then.
fn ended_by_its_own_rule(evidence: &Evidence, exit: &ExitReport) -> bool {
    /// What a process that can do nothing takes to notice it at the most: it tries to accept each connection a thousand times.
    const LONG_TURN: SimDuration = SimDuration::from_secs(5);
    let words = exit.reason.as_deref().unwrap_or_default();
    let lasts = |fault: &FaultReport| {
        let over = fault.healed_at.map_or(SimTime::NEVER, |healed| healed + LONG_TURN);
        fault.hit.contains(&exit.node) && fault.fired_at.is_some_and(|at| at <= exit.at) && exit.at <= over
    };
    let excuses = |fault: &FaultReport| {
        let planned = evidence.plan.fault(fault.id);
        planned.is_some_and(|planned| planned.action.excuses_end(words))
    };
    ["exit 1", "SIGABRT"].contains(&exit.status.as_str())
        && evidence.faults.iter().any(|fault| lasts(fault) && excuses(fault))
}

/// Whether a line belongs to the report of a server that ended by a rule of its own.
fn are_last_words(evidence: &Evidence, line: &LogLine) -> bool {
    const A_REPORT: SimDuration = SimDuration::from_secs(1);
    let is_its =
        |exit: &&ExitReport| exit.node == line.node && line.at <= exit.at && exit.at <= line.at + A_REPORT;
    let mut its = evidence.exits.iter().filter(is_its);
    its.any(|exit| exit.status == "SIGABRT" && ended_by_its_own_rule(evidence, exit))
}

/// Whether a line of a server's log or standard error tells of an assertion, a crash or a sanitizer's find.
pub fn is_suspicious(line: &str) -> bool {
    server_log::read(line) == Some(Said::Broken)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy, hit, kill};
    use super::*;
    use crate::fault::{Descriptors, Fault, FaultId, Target, Trigger};

    #[test]
    fn an_end_that_was_asked_for_is_no_crash() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(2), 20);
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("No unexpected exit (1 expected)"));
    }

    #[test]
    fn an_end_that_nobody_asked_for_is_a_violation() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(2), 20);
        evidence.exits[0].expected = false;
        let verdict = check(&Case::of(&evidence));
        assert_eq!(verdict, Verdict::violated(at(20), "node-2 ended at 20.000000s with SIGKILL"));
    }

    #[test]
    fn an_end_is_told_with_its_reason() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(2), 20);
        evidence.exits[0].expected = false;
        evidence.exits[0].reason = Some("server.c:12 'x > 0' is not true".to_owned());
        let text = "node-2 ended at 20.000000s with SIGKILL (server.c:12 'x > 0' is not true)";
        assert_eq!(check(&Case::of(&evidence)), Verdict::violated(at(20), text));
    }

    #[test]
    fn an_assertion_in_a_log_is_a_violation() {
        let line = "1:M * === ASSERTION FAILED ===".to_owned();
        assert!(is_suspicious(&line) && !is_suspicious("1:M * Ready to accept connections tcp"));
        let mut evidence = healthy();
        evidence.suspicious_log_lines = vec![LogLine { node: NodeId(1), at: at(3), line }];
        assert!(check(&Case::of(&evidence)).is_violated());
    }

    #[test]
    fn a_server_that_can_open_no_file_ends_by_its_own_rule_and_may_notice_late() {
        let mut evidence = healthy();
        let (target, duration_ns) = (Target::Node(NodeId(2)), SimDuration::from_secs(2));
        evidence.plan.faults.push(Fault {
            id: FaultId(1),
            trigger: Trigger::At { delay_ns: SimDuration::ZERO },
            action: Descriptors { target, spare: 0, duration_ns }.into(),
        });
        hit(&mut evidence, NodeId(2), 10, Some(12));
        kill(&mut evidence, NodeId(2), 15);
        evidence.exits[0].expected = false;
        evidence.exits[0].status = "exit 1".to_owned();
        evidence.exits[0].reason = Some("Fatal: can't update cluster config file.".to_owned());
        assert!(!check(&Case::of(&evidence)).is_violated());
        evidence.exits[0].at = at(18);
        assert!(check(&Case::of(&evidence)).is_violated());
    }
}
