//! Servers that are told to form a cluster, and are left alone, form it.
//!
//! Nothing of a plan begins before that. The operator looks again and again for two minutes of virtual time, which is some
//! twenty times what formation takes; a setting of the plan that keeps the nodes apart shows here, too.

use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "formation",
    title: "Formation",
    statement: "servers that are told to form a cluster, and are left alone, form it within two minutes",
    applies: Applies::Always,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    if let Some((at, why)) = &case.evidence.unformed {
        findings.wrong(*at, format!("the cluster was not formed: {why}"));
    }
    findings.verdict(|| "The cluster was formed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy};
    use super::*;

    #[test]
    fn a_cluster_that_does_not_form_is_a_violation() {
        let mut evidence = healthy();
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("The cluster was formed"));
        evidence.unformed = Some((at(120), "node-2 does not answer".to_owned()));
        let what = "the cluster was not formed: node-2 does not answer";
        assert_eq!(check(&Case::of(&evidence)), Verdict::violated(at(120), what));
    }
}
