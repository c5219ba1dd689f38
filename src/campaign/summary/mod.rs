//! What a campaign came to, for people and machines: one value, rendered as text, Markdown, JUnit XML or JSON.
//!
//! No real time stands in it: the same campaign has the same summary, however often it was interrupted and on
//! whatever machine.

pub mod junit;
pub mod markdown;
pub mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use super::find::{CONFIRMATIONS, Find};
use super::line::{RunLine, RunStatus};
use super::signature::Signature;
use super::tally::{Group, Tally, fingerprint};
use super::{Campaign, Ledger};
use crate::event_log::TOOL;
use crate::report::paint::grouped;

/// How many runs without a verdict are listed.
const LISTED: usize = 20;

/// What a campaign came to.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The tool's name and version.
    pub tool: &'static str,
    /// What was run.
    pub source: String,
    /// The labels of the servers, each with the SHA-256 of its binary.
    pub servers: BTreeMap<String, String>,
    /// The lowest and the highest seed; nothing if there was no run.
    pub seeds: Option<(u64, u64)>,
    /// How many runs there were.
    pub runs: u64,
    /// How many passed.
    pub passed: u64,
    /// How many violated an invariant.
    pub failed: u64,
    /// How often runs of the scenario fail, with an interval; nothing where every seed has a scenario of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_rate: Option<String>,
    /// How many could not be judged.
    pub unknown: u64,
    /// How many did not take place.
    pub errors: u64,
    /// How many were run twice and were equal.
    pub doublechecked: u64,
    /// How many acknowledged writes were lost as asynchronous replication allows.
    pub excused_losses: u64,
    /// In how many runs.
    pub runs_with_losses: u64,
    /// Virtual time of all runs, in milliseconds.
    pub virtual_ms: u64,
    /// Events of all runs.
    pub events: u64,
    /// The SHA-256 over seeds, servers and log hashes, in their order.
    pub fingerprint: String,
    /// The failures by their causes, the most frequent first.
    pub causes: Vec<Cause>,
    /// The first runs without a verdict, and why they have none.
    pub without_verdict: Vec<WithoutVerdict>,
}

/// Failures that have one cause, as far as is known.
#[derive(Clone, Debug, Serialize)]
pub struct Cause {
    /// What they have in common.
    pub signature: Signature,
    /// How many there are.
    pub count: u64,
    /// On which servers.
    pub servers: BTreeSet<String>,
    /// The smallest of them.
    pub seed: u64,
    /// Its server.
    pub server: String,
    /// What to type to see it again.
    pub reproduction: String,
    /// The minimal cause, in three lines; nothing if it was not looked for or not found.
    pub explanation: Option<String>,
    /// How many of the runs that were to confirm it did.
    pub confirmed: Option<String>,
    /// The folder of the minimal cause.
    pub folder: Option<PathBuf>,
    /// What is doubtful about it.
    pub problem: Option<String>,
}

/// A run without a verdict.
#[derive(Clone, Debug, Serialize)]
pub struct WithoutVerdict {
    /// Its seed.
    pub seed: u64,
    /// Its server.
    pub server: String,
    /// Why there is none.
    pub reason: String,
}

impl Summary {
    /// Sums up a campaign. `finds` are by the signatures of their groups, `folders` by those of their causes.
    pub fn new(
        campaign: &Campaign,
        ledger: &Ledger,
        finds: &BTreeMap<Signature, Find>,
        folders: &BTreeMap<Signature, PathBuf>,
    ) -> Self {
        let tally: Tally = ledger.runs().collect();
        let seeds: BTreeSet<u64> = ledger.runs().map(|line| line.seed).collect();
        let mut causes: Vec<Cause> = merged(&tally, finds)
            .into_iter()
            .map(|(signature, (group, find))| Cause::new(campaign, signature, &group, find, folders))
            .collect();
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.count));
        let is_without = |line: &&RunLine| matches!(line.status, RunStatus::Unknown | RunStatus::Error);
        Summary {
            tool: TOOL,
            source: campaign.source.name(),
            servers: campaign
                .contestants
                .iter()
                .map(|on| (on.label.clone(), on.server.sha256.clone()))
                .collect(),
            seeds: seeds.first().copied().zip(seeds.last().copied()),
            runs: tally.runs(),
            passed: tally.count(RunStatus::Passed),
            failed: tally.count(RunStatus::Failed),
            failure_rate: campaign.source.is_one_scenario().then(|| tally.failure_rate().to_string()),
            unknown: tally.count(RunStatus::Unknown),
            errors: tally.count(RunStatus::Error),
            doublechecked: tally.doublechecked,
            excused_losses: tally.excused_losses,
            runs_with_losses: tally.runs_with_losses,
            virtual_ms: tally.virtual_ms,
            events: tally.events,
            fingerprint: fingerprint(ledger.runs()),
            causes,
            without_verdict: ledger.runs().filter(is_without).take(LISTED).map(WithoutVerdict::of).collect(),
        }
    }

    /// As JSON, indented, with a newline at its end.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a summary is plain data") + "\n"
    }
}

impl WithoutVerdict {
    fn of(line: &RunLine) -> Self {
        let reason = line.reason.clone().unwrap_or_default();
        WithoutVerdict { seed: line.seed, server: line.server.clone(), reason }
    }
}

/// The groups, those with one minimal cause as one.
fn merged<'a>(
    tally: &Tally,
    finds: &'a BTreeMap<Signature, Find>,
) -> BTreeMap<Signature, (Group, Option<&'a Find>)> {
    let mut causes: BTreeMap<Signature, (Group, Option<&Find>)> = BTreeMap::new();
    for (signature, group) in &tally.groups {
        let find = finds.get(signature);
        let cause = find.and_then(|find| find.cause.clone()).unwrap_or_else(|| signature.clone());
        match causes.get_mut(&cause) {
            None => drop(causes.insert(cause, (group.clone(), find))),
            Some((merged, best)) => {
                merged.join(group);
                *best = [*best, find].into_iter().flatten().min_by_key(|find| find.size());
            }
        }
    }
    causes
}

impl Cause {
    fn new(
        campaign: &Campaign,
        signature: Signature,
        group: &Group,
        find: Option<&Find>,
        folders: &BTreeMap<Signature, PathBuf>,
    ) -> Self {
        let line = &group.smallest;
        let (seed, label) = find.map_or(line.key(), |find| (find.seed, &find.server));
        let on = campaign.contestants.iter().find(|on| on.label == label);
        let caused = find.filter(|find| find.cause.is_some());
        Cause {
            count: group.count,
            servers: group.servers.clone(),
            seed,
            server: label.to_owned(),
            reproduction: on.map(|on| campaign.reproduction(seed, on)).unwrap_or_default(),
            explanation: caused.map(|find| find.explanation.clone()),
            confirmed: caused.map(|find| format!("{} of {CONFIRMATIONS}", find.confirmed)),
            folder: folders.get(&signature).cloned(),
            problem: find.and_then(|find| find.problem.clone()),
            signature,
        }
    }
}

/// Milliseconds as hours, or as minutes where they are few.
fn duration(ms: u64) -> String {
    match ms as f64 / 3_600_000.0 {
        hours if hours < 1.0 => format!("{:.1} min", hours * 60.0),
        hours => format!("{hours:.1} h"),
    }
}

/// The counts in words.
fn counts(summary: &Summary) -> String {
    let mut text = format!("{} passed, {} failed", grouped(summary.passed), grouped(summary.failed));
    for (count, word) in [(summary.unknown, "not judged"), (summary.errors, "not run")] {
        if count > 0 {
            text.push_str(&format!(", {} {word}", grouped(count)));
        }
    }
    text
}
