//! Keys that a server drew: each is one that somebody wrote.

use std::collections::BTreeSet;

use super::Evidence;
use crate::history::{Entry, Outcome, Reply, Request, words_of_calls};
use crate::invariant::verdict::Findings;
use crate::model::key_at;

/// Judges what `RANDOMKEY` told; nothing where others than clients may have written keys.
pub(super) fn judge(evidence: &Evidence, findings: &mut Findings) {
    let types = |op: &crate::op::Op| !op.action.typed().is_empty();
    if !evidence.plan.guests.is_empty() || evidence.plan.operations.iter().any(types) {
        return;
    }
    let plain = evidence.history.iter().filter_map(|entry| match &entry.request {
        Request::Set { key, .. } => Some(key_at(key)),
        Request::Get { .. } | Request::Call { .. } => None,
    });
    let known = words_of_calls(&evidence.history).into_iter().chain(plain).collect::<BTreeSet<_>>();
    for entry in &evidence.history {
        if let Some(key) = drawn(entry).filter(|key| !known.contains(key)) {
            let by = entry.node.map_or(String::new(), |node| format!(" by {node}"));
            let at = entry.completed_at.unwrap_or(entry.invoked_at);
            let who = format!("{} #{}", entry.client, entry.sequence);
            findings.wrong(at, format!("{who} was told{by} of the key {key:?} that nobody wrote"));
        }
    }
}

/// The key that an operation was told of that asked for any.
fn drawn(entry: &Entry) -> Option<&str> {
    let (Request::Call { commands, .. }, Some(Outcome::Replied(replies))) = (&entry.request, &entry.outcome)
    else {
        return None;
    };
    match (&commands[..], &replies[..]) {
        ([command], [Reply::Text(key)]) if command[0].eq_ignore_ascii_case("RANDOMKEY") => Some(key),
        _ => None,
    }
}
