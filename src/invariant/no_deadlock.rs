//! No server waits for itself.
//!
//! Under the shim this is decidable: nothing of the process can run, no thread has a deadline or waits for anything from
//! outside, and each waits for a lock, a condition or another thread's end.

use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "no_deadlock",
    title: "No Deadlock",
    statement: "no server's threads all wait for what only they themselves could give",
    applies: Applies::Always,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    for found in &case.evidence.deadlocks {
        findings.wrong(
            found.at,
            format!("{} could never go on after {}: {}", found.node, found.at, found.detail),
        );
    }
    findings.verdict(|| "No server waited for itself".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::evidence::StallReport;
    use super::super::sample::{at, healthy};
    use super::*;
    use crate::id::NodeId;

    #[test]
    fn a_server_that_waits_for_itself_is_a_violation() {
        let mut evidence = healthy();
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("No server waited for itself"));
        let detail = "thread 1 waits for a mutex of thread 1".to_owned();
        evidence.deadlocks = vec![StallReport { node: NodeId(4), at: at(7), detail }];
        assert_eq!(
            check(&Case::of(&evidence)),
            Verdict::violated(
                at(7),
                "node-4 could never go on after 7.000000s: thread 1 waits for a mutex of thread 1"
            )
        );
    }
}
