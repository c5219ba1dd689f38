//! A client that tracks what it reads is told of a change before it is told anything that was executed behind it, and of nothing else.
//!
//! A node remembers the keys that a tracking connection read (`trackingRememberKeys`), or the prefix that it wants to hear of, and writes
//! to it when one changes: in the turn of the change, so that nothing executed in a later turn comes before it over that connection
//! (`trackingInvalidateKey`, `trackingBroadcastInvalidationMessages`). When the read, the change and a later read over the connection
//! were executed is known turn by turn; only what surely came one after the other is judged, and only changes that clients asked of the
//! same node. A node that empties itself says so without a key (`trackingInvalidateKeysOnFlush`), and one that tells of a key forgets who
//! read it. It may tell of one that it evicts, gives away with its slot or finds its table too full for, but of none before
//! anybody asked for a change of it: there was none until then. A key is the same one in all databases.

use std::collections::BTreeMap;

use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict};
use crate::chronicle::{Execution, Moment};
use crate::history::{Entry, Outcome, Reply, Request};
use crate::id::NodeId;
use crate::model;
use crate::time::SimTime;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "tracking",
    title: "Tracking",
    statement: "a client that tracks what it reads is told of a change before anything that came after it, and of nothing else",
    applies: Applies::Always,
    asked: |limits| limits.tracking,
    check,
};

/// A read over a connection that tracks.
#[derive(Clone, Copy)]
struct Read<'e> {
    entry: &'e Entry,
    key: &'e str,
    node: NodeId,
    from: Moment,
    to: Moment,
    /// With which event its answer reached the client.
    answered: u64,
}

/// A change of a key: by whom, and between which turns.
struct Change<'e> {
    entry: &'e Entry,
    from: Moment,
    to: Moment,
}

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let (reads, mut findings) = (reads(evidence), Findings::default());
    let count = judge_order(&reads, evidence, &mut findings);
    judge_words(evidence, &mut findings);
    findings.verdict(|| match reads.is_empty() {
        true => "nobody tracked what it read".to_owned(),
        false => format!(
            "{count} changes were told before what came after them, and nothing else of {} words",
            evidence.chronicle.caches.invalidations().len()
        ),
    })
}

/// Whether each change was told before what came after it; how many had to be.
fn judge_order(reads: &BTreeMap<u64, Vec<Read>>, evidence: &Evidence, findings: &mut Findings) -> u64 {
    let (changes, told, mut count) = (changes(evidence), told(evidence), 0);
    for (conn, reads) in reads {
        for (place, read) in reads.iter().enumerate() {
            let of_key = changes.get(&(read.node, read.key)).into_iter().flatten();
            let later = of_key.filter(|change| change.from.event > read.to.event);
            let Some(change) = later.min_by_key(|change| change.to.event) else { continue };
            let behind = reads[place + 1..].iter().find(|next| next.from.event > change.to.event);
            let Some(next) = behind else { continue };
            count += 1;
            let between = |event: &u64| (read.answered..=next.answered).contains(event);
            let is_told = |key| told.get(&(*conn, key)).into_iter().flatten().any(between);
            if !is_told(Some(read.key)) && !is_told(None) {
                let at = next.entry.completed_at.unwrap_or(next.entry.invoked_at);
                findings.broken_by((at, next.answered), in_words(read, change, next));
            }
        }
    }
    count
}

/// Whether clients were told only what they had read, and what can have changed.
fn judge_words(evidence: &Evidence, findings: &mut Findings) {
    let asked = asked_to_change(evidence);
    let is_all_known = evidence.is_all_asked_by_clients();
    for word in evidence.chronicle.caches.invalidations() {
        let Some(key) = word.key.as_deref() else { continue };
        let (client, when) = (word.client, (word.at, word.event));
        if is_all_known && asked.get(key).is_none_or(|first| word.at < *first) {
            findings
                .broken_by(when, format!("{client} was told that {key} changed before anybody asked for it"));
        } else if word.is_unread && !model::hears_of_all(client) {
            findings.broken_by(
                when,
                format!(
                    "{client} was told that {key} changed, and had not read it since it was told so last"
                ),
            );
        }
    }
}

/// When somebody first asked for something about each tracked key that may change it.
fn asked_to_change(evidence: &Evidence) -> BTreeMap<&str, SimTime> {
    let mut first: BTreeMap<&str, SimTime> = BTreeMap::new();
    let changes = evidence.history.iter().filter(|entry| model::tracked(&entry.request).is_none());
    for entry in changes {
        let words = match &entry.request {
            Request::Call { commands, .. } => commands.iter().flatten().map(String::as_str).collect(),
            Request::Set { key, .. } | Request::Get { key } => vec![key.as_str()],
        };
        for key in words.into_iter().filter(|word| word.starts_with(model::TRACKED)) {
            let first = first.entry(key).or_insert(entry.invoked_at);
            *first = entry.invoked_at.min(*first);
        }
    }
    first
}

fn in_words(read: &Read, change: &Change, next: &Read) -> String {
    let who = |entry: &Entry| format!("{} #{}", entry.client, entry.sequence);
    let (reader, writer, next) = (who(read.entry), who(change.entry), next.entry.sequence);
    let (key, node) = (read.key, read.node);
    format!(
        "{reader} read {key} at {node}, {writer} changed it, and #{next} was answered before a word of that"
    )
}

/// The tracked reads that were answered, by connection, in the order in which they were asked.
fn reads(evidence: &Evidence) -> BTreeMap<u64, Vec<Read<'_>>> {
    let mut reads: BTreeMap<u64, Vec<Read>> = BTreeMap::new();
    for entry in &evidence.history {
        let Some(key) = model::tracked(&entry.request).filter(|_| is_done(entry)) else { continue };
        let chronicle = &evidence.chronicle;
        let Some(answered) = chronicle.caches.answered(entry.client, entry.sequence) else { continue };
        if let Some((Execution { node, conn, .. }, from, to)) = executed(evidence, entry) {
            reads.entry(conn).or_default().push(Read { entry, key, node, from, to, answered });
        }
    }
    reads
}

fn executed(evidence: &Evidence, entry: &Entry) -> Option<(Execution, Moment, Moment)> {
    let execution = evidence.chronicle.executions.of(entry.client, entry.sequence)?;
    Some((execution, execution.from?, execution.to?))
}

/// Whether it was answered, with no error.
fn is_done(entry: &Entry) -> bool {
    matches!(&entry.outcome, Some(Outcome::Replied(replies)) if replies.iter().all(|reply| reply.error_code().is_none()))
}

/// The changes of tracked keys that were acknowledged, by node and key.
fn changes(evidence: &Evidence) -> BTreeMap<(NodeId, &str), Vec<Change<'_>>> {
    let mut changes: BTreeMap<(NodeId, &str), Vec<Change>> = BTreeMap::new();
    for entry in &evidence.history {
        let Some(key) = changed(entry) else { continue };
        if let Some((Execution { node, .. }, from, to)) = executed(evidence, entry) {
            changes.entry((node, key)).or_default().push(Change { entry, from, to });
        }
    }
    changes
}

/// The key that an operation surely changed: one command, and its reply says so.
fn changed(entry: &Entry) -> Option<&str> {
    let (Request::Call { commands, .. }, Some(Outcome::Replied(replies))) = (&entry.request, &entry.outcome)
    else {
        return None;
    };
    let ([command], [reply]) = (&commands[..], &replies[..]) else { return None };
    let [name, key, ..] = &command[..] else { return None };
    let is_change = match (name.as_str(), reply) {
        ("SET", Reply::Status(_)) => command.len() == 3,
        ("SETRANGE" | "DEL", Reply::Int(count)) => *count > 0,
        _ => false,
    };
    (is_change && key.starts_with(model::TRACKED)).then_some(key)
}

/// With which events each connection was told of each key, or of all.
fn told(evidence: &Evidence) -> BTreeMap<(u64, Option<&str>), Vec<u64>> {
    let mut told: BTreeMap<(u64, Option<&str>), Vec<u64>> = BTreeMap::new();
    for word in evidence.chronicle.caches.invalidations() {
        told.entry((word.conn, word.key.as_deref())).or_default().push(word.event);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy, ok};
    use super::*;
    use crate::chronicle::Invalidation;
    use crate::id::ClientId;

    fn entry(client: u16, sequence: u64, command: &str, reply: Reply) -> Entry {
        let command = command.split(' ').map(str::to_owned).collect::<Vec<String>>();
        let request = Request::Call { key: command[1].clone(), commands: vec![command] };
        let outcome = Some(Outcome::Replied(vec![reply]));
        Entry { client: ClientId(client), sequence, request, outcome, ..ok("k", "v", 1, 2) }
    }

    fn moment(event: u64) -> Option<Moment> {
        Some(Moment { event, at: at(1) })
    }

    /// What client 1 is told over connection 5.
    fn word(key: Option<&str>, event: u64) -> Invalidation {
        let key = key.map(str::to_owned);
        Invalidation { client: ClientId(1), conn: 5, event, at: at(1), key, is_unread: false }
    }

    /// Client 1 reads twice over connection 5, client 2 writes between, and what client 1 is told.
    fn judged(write: &str, told: Option<Invalidation>) -> Verdict {
        let mut evidence = healthy();
        let history = [
            entry(1, 1, "GET tracked:1", Reply::Nil),
            entry(2, 1, write, Reply::Int(1)),
            entry(1, 2, "GET tracked:2", Reply::Nil),
        ];
        for ((entry, event), conn) in history.iter().zip([10, 20, 30]).zip([5, 6, 5]) {
            let (from, to) = (moment(event), moment(event + 1));
            let execution = Execution { node: NodeId(1), conn, from, to, again: false, data: None };
            evidence.chronicle.executions.insert_for_test(entry.client, entry.sequence, execution);
            evidence.chronicle.caches.answer_for_test((entry.client, entry.sequence), event + 2);
        }
        told.into_iter().for_each(|word| evidence.chronicle.caches.tell_for_test(word));
        evidence.history = history.into();
        check(&Case::of(&evidence))
    }

    #[test]
    fn a_change_is_told_before_what_came_after_it() {
        for key in [Some("tracked:1"), None] {
            let told = judged("DEL tracked:1", Some(word(key, 25)));
            let text = "1 changes were told before what came after them, and nothing else of 1 words";
            assert_eq!(told, Verdict::holds(text));
        }
        let text = "client-1 #1 read tracked:1 at node-1, client-2 #1 changed it, and #2 was answered before a word of that";
        for told in [None, Some(word(Some("tracked:1"), 9)), Some(word(None, 99))] {
            let verdict = judged("DEL tracked:1", told.clone());
            assert!(verdict.is_violated() && verdict.detail() == text, "{told:?}: {verdict:?}");
        }
        for other in ["DEL tracked:3", "EXPIRE tracked:1", "DEL other:1"] {
            assert_eq!(judged(other, None).name(), "holds");
        }
    }

    #[test]
    fn nothing_is_told_that_did_not_change_or_was_not_read() {
        let unasked = judged("DEL tracked:3", Some(word(Some("tracked:2"), 25)));
        assert_eq!(unasked.detail(), "client-1 was told that tracked:2 changed before anybody asked for it");
        let early = Invalidation { at: SimTime::ZERO, ..word(Some("tracked:3"), 25) };
        assert!(judged("DEL tracked:3", Some(early)).is_violated());
        let twice = Invalidation { is_unread: true, ..word(Some("tracked:3"), 25) };
        assert_eq!(
            judged("DEL tracked:3", Some(twice.clone())).detail(),
            "client-1 was told that tracked:3 changed, and had not read it since it was told so last"
        );
        let hears_all = Invalidation { client: ClientId(2), ..twice };
        assert_eq!(judged("DEL tracked:3", Some(hears_all)).name(), "holds");
    }
}
