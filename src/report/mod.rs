//! What a run came to: the evidence, the verdicts and the meters in one value, from which text and JSON are made.
//!
//! Everything in it was measured or follows from the plan; nothing is estimated. Rendering yields strings and
//! prints nothing, so that a command decides where they go.

pub mod json;
pub mod log;
pub mod paint;
pub mod text;
mod workload;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::id::NodeId;
use crate::invariant::evidence::{
    FaultReport, GuestReport, LogLine, NodeEvidence, OperationReport, Resyncs, Role,
};
use crate::invariant::layout::shard_served;
use crate::invariant::{Evidence, Invariant, Judged, Verdict, data_consistency, operations};
use crate::op::{Ending, Op};
use crate::time::SimTime;
pub use workload::{Workload, WriteGap};

/// How many lines of the nodes' logs are shown.
const LOG_LINES: usize = 20;

/// What a whole run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Every invariant that was asked for holds.
    Passed,
    /// At least one is violated.
    Failed,
    /// None is violated, but at least one could not be judged.
    Unknown,
}

/// What was counted while a run went on; filled by whoever ran it.
#[derive(Clone, Debug, Serialize)]
pub struct Meters {
    /// The name of the run in reports.
    pub scenario_id: String,
    /// What the servers call themselves (`valkey`, `redis`).
    pub server_name: String,
    /// The version they report.
    pub server_version: String,
    /// How long the run took in virtual time.
    pub virtual_s: f64,
    /// How long it took in real time.
    pub wall_s: f64,
    /// How many events were logged.
    pub events: u64,
    /// How many turns servers were given.
    pub turns: u64,
    /// The SHA-256 of the event log, in hexadecimal.
    pub log_sha256: String,
}

/// A verdict as it is reported.
#[derive(Clone, Debug, Serialize)]
pub struct Validation {
    /// The invariant's key.
    #[serde(skip)]
    pub name: &'static str,
    /// The invariant's name for people.
    pub title: &'static str,
    /// What it says.
    pub statement: &'static str,
    /// The answer.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The first event at or after the violation's hint, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_event: Option<u64>,
}

/// An operation or a fault as it is reported.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Action {
    /// In words.
    pub text: String,
    /// What became of it.
    pub outcome: ActionOutcome,
    /// When it began in virtual time, if it did.
    pub began_s: Option<f64>,
    /// How long it took or lasted, if it came to an end.
    pub duration_s: Option<f64>,
    /// What else there is to say.
    pub detail: String,
}

/// What became of an operation or a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionOutcome {
    /// It was done, or it fired.
    Done,
    /// It was not done.
    NotDone,
    /// Its moment never came, or there was nobody left for it to hit.
    Missed,
    /// It was not done, and what was seen of the nodes that it needed excuses that.
    Excused,
}

/// The cluster a run was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// How many shards.
    pub shards: u16,
    /// How many replicas each has.
    pub replicas: u16,
    /// How many nodes that makes.
    pub nodes: u16,
}

/// Everything a report says.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// What the run came to.
    pub status: Status,
    /// The seed.
    pub seed: u64,
    /// What was counted.
    #[serde(flatten)]
    pub meters: Meters,
    /// The cluster.
    pub cluster: Shape,
    /// The verdicts by name, in the order of the catalogue.
    #[serde(serialize_with = "by_name")]
    pub validations: Vec<Validation>,
    /// The operations, in the plan's order.
    pub operations: Vec<Action>,
    /// The faults, in the plan's order.
    pub faults: Vec<Action>,
    /// What clients saw; absent if there were none.
    pub workload: Option<Workload>,
    /// How often replicas had to synchronise again, by node.
    pub replication: BTreeMap<NodeId, Resyncs>,
    /// How many acknowledged writes were lost as asynchronous replication allows.
    pub excused_losses: u64,
    /// Every node at the end, in words.
    pub cluster_state: Vec<String>,
    /// What servers logged around the first violation, warnings before all, by virtual time.
    pub error_log: Vec<String>,
    /// What became of guests; their verdict says it in words.
    #[serde(skip)]
    pub guests: Vec<GuestReport>,
    /// What to type to repeat the run.
    pub reproduction: String,
}

impl RunReport {
    /// Builds the report of a run. `event_at` finds the first event at or after an instant in the log.
    pub fn new(
        evidence: &Evidence,
        judged: &[Judged],
        meters: Meters,
        reproduction: String,
        event_at: impl Fn(SimTime) -> Option<u64>,
    ) -> Self {
        let cluster = &evidence.plan.cluster;
        let event_at = |at| evidence.notable.get(&at).copied().or_else(|| event_at(at));
        RunReport {
            status: Status::of(judged),
            seed: evidence.plan.seed,
            meters,
            cluster: Shape {
                shards: cluster.shards,
                replicas: cluster.replicas,
                nodes: cluster.node_count(),
            },
            validations: judged.iter().map(|j| Validation::of(j, event_at)).collect(),
            operations: actions(evidence),
            faults: evidence.faults.iter().map(fault).collect(),
            workload: Workload::of(evidence),
            replication: evidence.resyncs.clone(),
            excused_losses: data_consistency::excused_writes(evidence),
            cluster_state: cluster_state(evidence),
            error_log: error_log(evidence, judged),
            guests: evidence.guests.clone(),
            reproduction,
        }
    }

    /// The violation that was first, by the instant to look at.
    pub fn first_violation(&self) -> Option<(&Validation, SimTime)> {
        let violated = self.validations.iter().filter_map(|v| match v.verdict {
            Verdict::Violated { first_event_hint, .. } => Some((v, first_event_hint)),
            _ => None,
        });
        violated.min_by_key(|(_, at)| *at)
    }
}

impl Status {
    /// What verdicts come to.
    pub fn of(judged: &[Judged]) -> Self {
        if judged.iter().any(|j| j.verdict.is_violated()) {
            return Status::Failed;
        }
        if judged.iter().any(|j| j.verdict.is_unknown()) { Status::Unknown } else { Status::Passed }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Passed => "PASSED",
            Status::Failed => "FAILED",
            Status::Unknown => "UNKNOWN",
        })
    }
}

impl Validation {
    fn of(judged: &Judged, event_at: impl Fn(SimTime) -> Option<u64>) -> Self {
        let first_event = match judged.verdict {
            Verdict::Violated { event: Some(event), .. } => Some(event),
            Verdict::Violated { first_event_hint, .. } => event_at(first_event_hint),
            _ => None,
        };
        let Invariant { name, title, statement, .. } = *judged.invariant;
        Validation { name, title, statement, verdict: judged.verdict.clone(), first_event }
    }
}

fn by_name<S: Serializer>(validations: &[Validation], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(validations.iter().map(|v| (v.name, v)))
}

fn actions(evidence: &Evidence) -> Vec<Action> {
    let all = evidence.plan.operations.iter().zip(&evidence.operations);
    all.map(|(op, report)| operation(evidence, op, report)).collect()
}

fn operation(evidence: &Evidence, op: &Op, report: &OperationReport) -> Action {
    let excuse = || operations::excuse(evidence, op, report);
    let (outcome, why) = match report.ending {
        Some(Ending::Missed) => (ActionOutcome::Missed, None),
        _ if report.done => (ActionOutcome::Done, None),
        _ => excuse().map_or((ActionOutcome::NotDone, None), |why| (ActionOutcome::Excused, Some(why))),
    };
    let unsent = report.sent_at.is_none() && report.detail.is_empty();
    let detail = if unsent { "never sent".to_owned() } else { report.detail.clone() };
    let detail = match why {
        Some(why) => format!("{detail} ({why})"),
        None => detail,
    };
    action(&report.text, outcome, (report.sent_at, report.ended_at), detail)
}

fn fault(report: &FaultReport) -> Action {
    let fired = report.fired_at.is_some();
    let outcome = if fired { ActionOutcome::Done } else { ActionOutcome::Missed };
    let unfired = !fired && report.note.is_empty();
    let detail = if unfired { "its moment never came".to_owned() } else { report.note.clone() };
    action(&report.text, outcome, (report.fired_at, report.healed_at), detail)
}

fn action(
    text: &str,
    outcome: ActionOutcome,
    (began, ended): (Option<SimTime>, Option<SimTime>),
    detail: String,
) -> Action {
    let duration_s = began.zip(ended).map(|(began, ended)| ended.since(began).as_secs_f64());
    Action { text: text.to_owned(), outcome, began_s: began.map(SimTime::as_secs_f64), duration_s, detail }
}

fn cluster_state(evidence: &Evidence) -> Vec<String> {
    let nodes = evidence.nodes.iter().map(|node| {
        let role = match node.role {
            Some(Role::Primary) => "primary, ",
            Some(Role::Replica) => "replica, ",
            None => "",
        };
        format!("{} ({role}{}): {}", node.node, shard_served(evidence, node), condition(node))
    });
    let open = evidence.nodes.iter().flat_map(|n| n.view.iter().map(move |row| (n.node, &row.open_slots)));
    let open = open.filter(|(_, slots)| !slots.is_empty());
    let open = open.map(|(node, slots)| format!("Slot migration in progress on {node}: {}", slots.join(" ")));
    nodes.chain(open).collect()
}

fn condition(node: &NodeEvidence) -> String {
    if !node.alive {
        return "DEAD".to_owned();
    }
    if node.paused {
        return "PAUSED".to_owned();
    }
    if !node.reachable {
        return "NO ANSWER".to_owned();
    }
    let state = match node.cluster_state_ok {
        Some(true) => "CONNECTED",
        Some(false) => "CLUSTER DOWN",
        None => "STATE NOT READ",
    };
    let link = if node.link_up == Some(false) { ", LINK DOWN" } else { "" };
    let offset = node.offset.map_or(String::new(), |offset| format!(", offset {offset}"));
    let keys = node.keys.as_ref().map_or(String::new(), |keys| format!(", {} keys", keys.len()));
    format!("{state}{link}{offset}{keys}")
}

/// Everything suspicious; then what was logged nearest to the first violation, half of it warnings if there are so many;
/// by virtual time. Without a violation it is the end that counts.
fn error_log(evidence: &Evidence, judged: &[Judged]) -> Vec<String> {
    let first = judged.iter().filter_map(|j| match j.verdict {
        Verdict::Violated { first_event_hint, .. } => Some(first_event_hint),
        _ => None,
    });
    let around = first.min().unwrap_or(SimTime::NEVER);
    let mut shown: Vec<&LogLine> = evidence.suspicious_log_lines.iter().take(LOG_LINES).collect();
    let mut others: Vec<&LogLine> = evidence.log_tail.iter().filter(|line| !shown.contains(line)).collect();
    others.sort_by_key(|line| (line.at.max(around).since(line.at.min(around)), line.at, line.node));
    let room = LOG_LINES - shown.len();
    let (warnings, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(|line| is_warning(&line.line));
    let kept = warnings.len().min(room.div_ceil(2).max(room.saturating_sub(rest.len())));
    shown.extend(warnings.into_iter().take(kept));
    shown.extend(rest.into_iter().take(room - kept));
    shown.sort_by_key(|line| (line.at, line.node));
    let told = |line: &&LogLine| format!("[{}] {}: {}", line.at, line.node, line.line.trim());
    shown.iter().map(told).collect()
}

/// Whether a server wrote a line as a warning: `4711:M 03 Feb 2024 12:39:25.000 # text` (`serverLogRaw` in server.c).
fn is_warning(line: &str) -> bool {
    line.split_whitespace().nth(5) == Some("#")
}

#[cfg(test)]
mod tests;
