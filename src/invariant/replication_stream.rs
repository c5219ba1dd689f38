//! Replication keeps its own promises, at every moment, faults or not: what is sent, acknowledged and gone on with.
//!
//! All of it was seen on the wire, command by command ([`Replication`](crate::chronicle::replication::Replication)). Two
//! replicas of one history are sent the same commands at the same offsets, and nothing else; a replica acknowledges nothing that has not
//! reached it, and never less than before; and a primary lets a replica go on (`+CONTINUE`) only behind what both have
//! (`primaryTryPartialResynchronization` of `replication.c`).

use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "replication_stream",
    title: "Replication Stream",
    statement: "replicas of one history get the same commands at the same offsets and nothing else, acknowledge only what reached them, \
                and go on only where their primary has what they have",
    applies: Applies::Always,
    asked: always_asked,
    check,
};

fn check(case: &Case) -> Verdict {
    let chronicle = &case.evidence.chronicle;
    let replication = &chronicle.replication;
    // A log that tells what the bus carried would tell of replication too, if there had been any.
    if !replication.is_told() && !chronicle.tells_claims() {
        return Verdict::unknown("the log does not tell of replication");
    }
    let mut findings = Findings::default();
    for breach in &replication.breaches {
        findings.wrong(breach.at, breach.to_string());
    }
    let reigns = replication.reigns().filter(|(_, reign)| !reign.commands().is_empty());
    let (count, commands) = reigns.fold((0, 0), |(n, sum), (_, reign)| (n + 1, sum + reign.commands().len()));
    findings.verdict(|| format!("{commands} commands of {count} histories"))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy};
    use super::*;
    use crate::chronicle::replication::{Breach, What};
    use crate::id::NodeId;

    #[test]
    fn a_broken_promise_is_a_violation_where_it_was_broken() {
        let mut evidence = healthy();
        assert_eq!(check(&Case::of(&evidence)), Verdict::holds("0 commands of 0 histories"));
        let what = What::AcksBeyond { acked: 9, arrived: 5 };
        let breach = Breach { at: at(7), replica: NodeId(2), primary: NodeId(1), what };
        evidence.chronicle.replication.breaches.push(breach);
        let text = "node-2 acknowledged offset 9 to node-1 at 7.000000s, and only 5 had reached it";
        assert_eq!(check(&Case::of(&evidence)), Verdict::violated(at(7), text));
    }
}
