//! What a campaign remembers of one run: a line of its ledger.

use serde::{Deserialize, Serialize};

use super::signature::Signature;
use crate::invariant::evidence::GuestReport;
use crate::plan::Plan;
use crate::report::{RunReport, Status};

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Every invariant holds.
    Passed,
    /// At least one is violated.
    Failed,
    /// None is violated, but something could not be judged.
    Unknown,
    /// There was no run: the world failed. It is tried again when the campaign goes on.
    Error,
}

/// One run of one seed on one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLine {
    /// The seed.
    pub seed: u64,
    /// The server's label.
    pub server: String,
    /// What became of it.
    pub status: RunStatus,
    /// The invariants that are violated.
    pub violated: Vec<String>,
    /// How each guest ended, in their order: `exit 0`, the name of a signal, `time-out`, `unfinished`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub guests: Vec<String>,
    /// What the failure has in common with others; nothing if it did not fail.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signature: Option<Signature>,
    /// Why it is unknown, or an error.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// How many operations and faults the plan has.
    pub injected: u64,
    /// How many nodes it has.
    pub nodes: u16,
    /// How many events were logged.
    pub events: u64,
    /// The SHA-256 of the log.
    pub log_sha256: String,
    /// How long it took in virtual time, in milliseconds.
    pub virtual_ms: u64,
    /// How long it took in real time, in milliseconds; the only value here that differs when it is run again.
    pub wall_ms: u64,
    /// How many acknowledged writes were lost lawfully.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub excused_losses: u64,
    /// Whether it was run twice and both logs were equal.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub doublechecked: bool,
}

fn how_ended(guest: &GuestReport) -> String {
    match &guest.ended {
        _ if guest.timed_out => "time-out".to_owned(),
        Some((_, status)) => status.clone(),
        None => "unfinished".to_owned(),
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl RunLine {
    /// Whether the run need not be run again; one that failed for a reason of the world must.
    pub fn counts(&self) -> bool {
        self.status != RunStatus::Error
    }

    /// What a run came to.
    pub fn of(plan: &Plan, server: &str, report: &RunReport, unfinished: Option<&str>) -> Self {
        let is_named = |(judged, name): (bool, &'static str)| judged.then(|| name.to_owned());
        let violated = report.validations.iter().map(|v| (v.verdict.is_violated(), v.name));
        let unknown = report.validations.iter().find(|v| v.verdict.is_unknown());
        let status = match report.status {
            Status::Failed => RunStatus::Failed,
            Status::Passed if unfinished.is_none() => RunStatus::Passed,
            Status::Passed | Status::Unknown => RunStatus::Unknown,
        };
        let doubt = || unknown.map(|v| format!("{}: {}", v.name, v.verdict.detail()));
        let reason = unfinished.map(str::to_owned).or_else(doubt);
        RunLine {
            status,
            violated: violated.filter_map(is_named).collect(),
            guests: report.guests.iter().map(how_ended).collect(),
            signature: Signature::of(plan, report),
            reason: reason.filter(|_| status == RunStatus::Unknown),
            events: report.meters.events,
            log_sha256: report.meters.log_sha256.clone(),
            virtual_ms: (report.meters.virtual_s * 1e3).round() as u64,
            wall_ms: (report.meters.wall_s * 1e3).round() as u64,
            excused_losses: report.excused_losses,
            ..RunLine::without_run(plan, server)
        }
    }

    /// A run that the world did not let happen.
    pub fn error(plan: &Plan, server: &str, reason: String) -> Self {
        RunLine { reason: Some(reason), ..RunLine::without_run(plan, server) }
    }

    fn without_run(plan: &Plan, server: &str) -> Self {
        RunLine {
            seed: plan.seed,
            server: server.to_owned(),
            status: RunStatus::Error,
            violated: Vec::new(),
            guests: Vec::new(),
            signature: None,
            reason: None,
            injected: (plan.operations.len() + plan.faults.len()) as u64,
            nodes: plan.cluster.node_count(),
            events: 0,
            log_sha256: String::new(),
            virtual_ms: 0,
            wall_ms: 0,
            excused_losses: 0,
            doublechecked: false,
        }
    }

    /// What makes it one of the campaign's runs.
    pub fn key(&self) -> (u64, &str) {
        (self.seed, &self.server)
    }

    /// The name of its folder among the failures.
    pub fn folder_name(&self) -> String {
        run_name(self.seed, &self.server)
    }
}

/// What the folders of a run are called.
pub(super) fn run_name(seed: u64, server: &str) -> String {
    format!("seed-{seed}-{server}")
}
