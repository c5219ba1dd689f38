//! Who has not logged in gets nothing but errors, whatever goes on in the cluster.
//!
//! Asked for where the plan sets `requirepass`. `authRequired` and `processCommand` (`server.c`, `acl.c`): until a connection
//! has given the password, every command but `AUTH`, `HELLO`, `QUIT` and `RESET` is answered with an error, and strangers say
//! none of these but `HELLO` without a password. What the bus answers is no data.

use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict};
use crate::words;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "security",
    title: "Security",
    statement: "with a password set, whoever has not given it is answered with errors alone",
    applies: Applies::Always,
    asked: |limits| limits.security,
    check,
};

fn check(case: &Case) -> Verdict {
    let mut findings = Findings::default();
    let answers = case.evidence.strangers.iter().filter(|answer| !answer.bus);
    let mut count = 0;
    for answer in answers {
        count += 1;
        if !answer.text.starts_with('-') {
            let text = format!("{} told a stranger at {}: {}", answer.node, answer.at, answer.text);
            findings.wrong(answer.at, text);
        }
    }
    findings.verdict(|| match count {
        0 => "No stranger was answered".to_owned(),
        count => format!("{} to strangers, all of them errors", words::counted(count, "answer")),
    })
}

#[cfg(test)]
mod tests {
    use super::super::evidence::StrangerReport;
    use super::super::sample::{at, healthy};
    use super::*;
    use crate::id::NodeId;

    fn told(text: &str, bus: bool) -> Verdict {
        let mut evidence = healthy();
        let report = StrangerReport { at: at(3), node: NodeId(2), bus, text: text.to_owned() };
        evidence.strangers.push(report);
        check(&Case::of(&evidence))
    }

    #[test]
    fn an_error_is_all_that_a_stranger_may_be_told() {
        let error = told("-NOAUTH Authentication required.", false);
        assert_eq!(error, Verdict::holds("1 answer to strangers, all of them errors"));
        let data = told("\"hello\"", false);
        assert_eq!(data, Verdict::violated(at(3), "node-2 told a stranger at 3.000000s: \"hello\""));
    }

    #[test]
    fn what_the_bus_says_is_no_data() {
        assert_eq!(told("RCmb", true), Verdict::holds("No stranger was answered"));
    }
}
