//! What a client is promised by `WAIT` and `WAITAOF` is true: so many replicas have what it wrote.
//!
//! A write stands in its primary's stream at an offset, and what of the stream has reached whom is known byte by byte. A replica
//! that the write had not reached when the client was told cannot be one of those. A write that replicas got with a data set
//! stands in no stream, and is not judged. What a promise is worth in a failover follows from who takes over with
//! what, which is `data_consistency`.

use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict, always_asked};
use crate::history::{Entry, Outcome, Reply, Request, write_digest};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "promises",
    title: "Promises",
    statement: "a client is told of no more replicas that have its write than the write had reached",
    applies: Applies::Always,
    asked: always_asked,
    check,
};

/// What a client was promised of its write.
struct Promise<'e> {
    key: &'e str,
    value: &'e str,
    replicas: i64,
}

fn check(case: &Case) -> Verdict {
    let (evidence, mut findings, mut counts) = (case.evidence, Findings::default(), [0_u64; 2]);
    for entry in &evidence.history {
        let Some(promise) = promise(entry) else { continue };
        let Some(had) = had(evidence, entry, &promise) else { continue };
        counts[usize::from(promise.replicas > 0)] += 1;
        if promise.replicas > had {
            findings.wrong(entry.completed_at.unwrap_or(entry.invoked_at), in_words(entry, &promise, had));
        }
    }
    let [in_vain, kept] = counts;
    findings.verdict(|| match kept + in_vain {
        0 => "nobody waited for replicas".to_owned(),
        _ => format!("{kept} promises of replicas kept, {in_vain} times nothing was promised"),
    })
}

fn promise(entry: &Entry) -> Option<Promise<'_>> {
    let (Request::Call { commands, .. }, Some(Outcome::Replied(replies))) = (&entry.request, &entry.outcome)
    else {
        return None;
    };
    let ([set, wait], [Reply::Status(_), told]) = (&commands[..], &replies[..]) else { return None };
    let [name, key, value] = &set[..] else { return None };
    let replicas = match (wait[0].to_ascii_uppercase().as_str(), told) {
        ("WAIT", Reply::Int(replicas)) => *replicas,
        _ => synchronised(wait, told)?[1],
    };
    name.eq_ignore_ascii_case("SET").then_some(Promise { key, value, replicas })
}

/// What `WAITAOF` tells: how many of its own disks, and of its replicas', have what was written before; nothing if it is another
/// command, or was refused.
pub(super) fn synchronised<S: AsRef<str>>(command: &[S], told: &Reply) -> Option<[i64; 2]> {
    match told {
        Reply::List(both) if command[0].as_ref().eq_ignore_ascii_case("WAITAOF") => match both[..] {
            [Reply::Int(own), Reply::Int(replicas)] => Some([own, replicas]),
            _ => None,
        },
        _ => None,
    }
}

/// How many replicas a write had reached when its client was told; nothing if it is not known where it stands.
fn had(evidence: &Evidence, entry: &Entry, promise: &Promise) -> Option<i64> {
    let node = evidence.chronicle.executions.of(entry.client, entry.sequence)?.node;
    let reached = evidence.chronicle.executions.promised(entry.client, entry.sequence, node)?;
    let digest = write_digest(promise.key.as_bytes(), promise.value.as_bytes());
    let reigns = evidence.chronicle.replication.reigns().filter(|(_, reign)| reign.node == node);
    let commands = reigns.flat_map(|(_, reign)| reign.commands());
    let end = commands.filter(|command| command.digest == digest).map(|command| command.end).min()?;
    i64::try_from(reached.iter().filter(|offset| **offset >= end).count()).ok()
}

fn in_words(entry: &Entry, promise: &Promise, had: i64) -> String {
    let by = entry.node.map_or(String::new(), |node| format!(" by {node}"));
    let Promise { replicas, .. } = promise;
    format!(
        "{} #{} was told{by} that {replicas} replicas have {}, which had reached {had}",
        entry.client, entry.sequence, entry.request
    )
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy};
    use super::*;
    use crate::chronicle::replication::{Begin, Executed, Reign};
    use crate::chronicle::{Execution, Moment};
    use crate::id::{ClientId, NodeId};

    /// A client's write at offset 100 of node 1's stream, with what had reached its replicas, and what was told.
    fn told(reached: &[u64], replicas: i64) -> Verdict {
        let mut evidence = healthy();
        let mut reign = Reign::new(NodeId(1), at(0), Begin::Start { before: None });
        let executed = Executed { end: 100, len: 10, digest: write_digest(b"k", b"v") };
        reign.execute(executed).expect("it is the first");
        evidence.chronicle.replication.begin_for_test(reign);
        let moment = Some(Moment { event: 1, at: at(1) });
        let execution =
            Execution { node: NodeId(1), conn: 1, from: moment, to: moment, again: false, data: None };
        let executions = &mut evidence.chronicle.executions;
        executions.insert_for_test(ClientId(1), 1, execution);
        executions.promise_for_test((ClientId(1), 1), NodeId(1), reached.to_vec());
        let commands = ["SET k v", "WAIT 1 100"].map(|text| text.split(' ').map(str::to_owned).collect());
        let replies = vec![Reply::Status("OK".to_owned()), Reply::Int(replicas)];
        evidence.history = vec![Entry {
            client: ClientId(1),
            sequence: 1,
            request: Request::Call { key: "k".to_owned(), commands: commands.to_vec() },
            database: 0,
            invoked_at: at(1),
            completed_at: Some(at(2)),
            outcome: Some(Outcome::Replied(replies)),
            node: Some(NodeId(1)),
        }];
        check(&Case::of(&evidence))
    }

    #[test]
    fn a_promise_is_of_replicas_that_the_write_had_reached() {
        assert_eq!(told(&[100, 90], 1).name(), "holds");
        assert_eq!(told(&[99], 0).detail(), "0 promises of replicas kept, 1 times nothing was promised");
        let lie = told(&[99, 90], 1);
        assert!(lie.is_violated() && lie.detail().contains("which had reached 0"), "{lie:?}");
        assert!(told(&[100], 2).is_violated());
    }
}
