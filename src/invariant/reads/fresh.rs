//! No read is older than what its node surely had: whoever was told that a write is done reads it, or a later one.
//!
//! A node serves what it has executed. So a read must show the last write to its key that was acknowledged before the read
//! began, if the node that answered had it: wrote it itself in the reign under way, or took it along when it took over (`lineage`).
//! A takeover or a restart that left it out lies between otherwise, and that is judged by the data in the end; what a replica
//! tells may be older, and `replies` knows how old. Keys that the
//! plan's own commands can have written or destroyed, that moved, or that a cache may evict, are not asked for.

use std::collections::BTreeMap;

use super::super::Case;
use super::super::evidence::Content;
use super::super::loss::Lineage;
use super::super::settings::Settings;
use super::super::verdict::Findings;
use super::super::writers::Writers;
use super::Writes;
use crate::chronicle::Executions;
use crate::chronicle::replication::Extent;
use crate::history::{Entry, Outcome, Request, by_name};
use crate::time::SimTime;

/// What reads are held against.
pub(super) struct Fresh<'e> {
    executions: &'e Executions,
    lineage: Lineage<'e>,
    /// The acknowledged writes of each key, in order of their completion.
    acknowledged: BTreeMap<&'e str, Vec<&'e Entry>>,
    /// Whether any node may evict any key.
    evicts: bool,
}

impl<'e> Fresh<'e> {
    /// That of a run.
    pub fn of(case: &Case<'e>) -> Self {
        let evidence = case.evidence;
        let writes = evidence.history.iter().filter(|entry| is_acknowledged_write(entry));
        let mut acknowledged = by_name(writes.map(|write| (write.request.key(), write)));
        acknowledged.values_mut().for_each(|writes| writes.sort_by_key(|write| write.completed_at));
        let evicts = |node| Settings::at(evidence, node, evidence.ended_at).has_evicted_keys();
        let evicts = evidence.plan.cluster.hosts().any(evicts);
        Fresh {
            executions: &evidence.chronicle.executions,
            lineage: Lineage::of(evidence),
            acknowledged,
            evicts,
        }
    }

    /// Whether a read saw what the last write that was acknowledged before it wrote, as reads mostly do: nothing can be wrong with it.
    pub fn shows_the_last_write(&self, read: &Entry) -> bool {
        let (Request::Get { key }, Some(Outcome::Ok(Some(saw)))) = (&read.request, &read.outcome) else {
            return false;
        };
        let last = self.acknowledged.get(key.as_str()).and_then(|writes| before(writes, read).last());
        last.is_some_and(|last| matches!(&last.request, Request::Set { value, .. } if value == saw))
    }

    /// Holds one read against the writes before it.
    pub fn judge(&self, read: &Entry, writes: &Writes, writers: &Writers, findings: &mut Findings) {
        let (Request::Get { key }, Some(Outcome::Ok(value))) = (&read.request, &read.outcome) else {
            return;
        };
        let Some(until) = written_until(writes, key, value.as_deref()).filter(|_| !self.evicts) else {
            return;
        };
        let newer = self.newer(read, until);
        let Some(write) = newer.filter(|_| !is_touched(writers, key, value.as_deref())) else {
            return;
        };
        let at = read.completed_at.unwrap_or(read.invoked_at);
        let saw = value.as_ref().map_or("nothing".to_owned(), |value| format!("\"{value}\""));
        let told = write.completed_at.unwrap_or(write.invoked_at);
        findings.wrong(
            at,
            format!(
                "{} #{} at {at} read {saw} from {key}, older than {} #{}, which was acknowledged at {told}",
                read.client, read.sequence, write.client, write.sequence
            ),
        );
    }

    /// A write that was acknowledged before the read began, came after what the read saw, and that its node surely had.
    fn newer(&self, read: &Entry, until: SimTime) -> Option<&'e Entry> {
        let (node, completed) = (read.node?, read.completed_at?);
        let data = self.executions.of(read.client, read.sequence).and_then(|execution| execution.data);
        if data.is_some_and(|data| matches!(data.extent, Extent::Copied(_))) {
            return None;
        }
        let writes = before(self.acknowledged.get(read.request.key())?, read);
        let after = writes.iter().rev().take_while(|write| write.completed_at > Some(until));
        let mut after = after.filter(|write| write.invoked_at > until);
        after.find(|write| self.lineage.surely_had(write, node, [read.invoked_at, completed])).copied()
    }
}

/// Those of writes, in order of their completion, that were acknowledged before a read began.
fn before<'w, 'e>(writes: &'w [&'e Entry], read: &Entry) -> &'w [&'e Entry] {
    &writes[..writes.partition_point(|write| write.completed_at <= Some(read.invoked_at))]
}

fn is_acknowledged_write(entry: &Entry) -> bool {
    matches!((&entry.request, &entry.outcome), (Request::Set { .. }, Some(Outcome::Ok(_))))
}

/// When what a read saw was written at the latest; nothing if nobody knows.
fn written_until(writes: &Writes, key: &str, value: Option<&str>) -> Option<SimTime> {
    match value {
        None => Some(SimTime::ZERO),
        Some(value) => writes.written_until(key, value),
    }
}

/// Whether the plan's own commands can have written the value or destroyed the key.
fn is_touched(writers: &Writers, key: &str, value: Option<&str>) -> bool {
    let wrote = |value: &str| writers.wrote(key, &Content::Text(value.to_owned())).is_some();
    writers.destroyed(key).is_some() || value.is_some_and(wrote)
}
