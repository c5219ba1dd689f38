//! No server uses the CPU without end.

use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "no_livelock",
    title: "No Livelock",
    statement: "every server blocks again after every turn it is given",
    applies: Applies::Always,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    for found in &case.evidence.livelocks {
        findings.wrong(
            found.at,
            format!("{} never blocked again after {}: {}", found.node, found.at, found.detail),
        );
    }
    findings.verdict(|| "No server spun".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::evidence::StallReport;
    use super::super::sample::{at, healthy};
    use super::*;
    use crate::id::NodeId;

    #[test]
    fn a_server_that_spins_is_a_violation() {
        let mut evidence = healthy();
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("No server spun"));
        evidence.livelocks = vec![StallReport { node: NodeId(4), at: at(7), detail: "in aeMain".to_owned() }];
        let verdict = check(&Case::of(&evidence));
        assert_eq!(
            verdict,
            Verdict::violated(at(7), "node-4 never blocked again after 7.000000s: in aeMain")
        );
    }
}
