//! The minimal cause: a scenario that runs by itself and fails, in which everything matters.
//!
//! Operations go first, then faults, then client commands; then all links take the middle of their latency, then the
//! cluster shrinks. What a later step changed may make an earlier item needless, so items are tried once more.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Bisection, ProbeError, Turn, write};
use crate::bisect::{Answer, BisectError, Journalled, Prober, Progress, ddmin_by_stage};
use crate::event::{Body, Event};
use crate::event_log::{self, LOG_FILE};
use crate::fault::{FaultId, LatencyRange};
use crate::op::OpId;
use crate::plan::{ClientCommand, Plan, Timeline};
use crate::replay::{Recording, ReplayError};
use crate::report;
use crate::scheduler::Guide;
use crate::scratch::ScratchFolder;
use crate::simulation::Simulation;
use crate::time::SimDuration;
use crate::words::CommandLine;

/// How many sets of items are asked about at most, each time.
const BUDGET: usize = 400;
/// How often items are tried again after the network and the cluster changed.
const ROUNDS: usize = 3;
/// How many commands of clients are told of one by one.
const COMMANDS_TOLD: usize = 8;

/// One thing that can be left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Operation(OpId),
    Fault(FaultId),
    Command(usize),
}

impl Item {
    fn stage(&self) -> u8 {
        match self {
            Item::Operation(_) => 0,
            Item::Fault(_) => 1,
            Item::Command(_) => 2,
        }
    }
}

/// A smallest failing run.
#[derive(Clone, Debug)]
pub struct Minimum {
    /// Its plan.
    pub plan: Plan,
    /// The folder with its scenario, log and report.
    pub folder: PathBuf,
    /// Whether each single thing that is left was tried without.
    pub complete: bool,
    /// All latencies could be made equal.
    pub neutral_latency: bool,
    /// How many runs it took.
    pub probes: usize,
    /// What it says, in three lines: what is left, in which order, what is violated.
    pub explanation: String,
}

/// A plan that fails, and what happened in it.
struct Subject {
    plan: Plan,
    timeline: Timeline,
}

impl Subject {
    fn items(&self) -> Vec<Item> {
        let operations = self.plan.operations.iter().map(|op| Item::Operation(op.id));
        let faults = self.plan.faults.iter().map(|fault| Item::Fault(fault.id));
        operations.chain(faults).chain((0..self.timeline.commands.len()).map(Item::Command)).collect()
    }

    /// The plan with just these items.
    fn with(&self, items: &[Item]) -> Plan {
        let operations: BTreeSet<OpId> = items
            .iter()
            .filter_map(|item| match item {
                Item::Operation(op) => Some(*op),
                _ => None,
            })
            .collect();
        let faults: BTreeSet<FaultId> = items
            .iter()
            .filter_map(|item| match item {
                Item::Fault(fault) => Some(*fault),
                _ => None,
            })
            .collect();
        let commands: Vec<ClientCommand> = items
            .iter()
            .filter_map(|item| match item {
                Item::Command(n) => Some(self.timeline.commands[*n].clone()),
                _ => None,
            })
            .collect();
        self.plan.keeping(&self.timeline, &operations, &faults).plan.with_commands(&commands)
    }
}

/// Answers for sets of items.
struct Subsets<'a> {
    bisection: &'a Bisection<'a>,
    subject: &'a Subject,
}

impl Prober<Vec<Item>> for Subsets<'_> {
    type Error = ProbeError;

    fn probe(&mut self, candidates: &[Vec<Item>]) -> Result<Vec<Answer>, ProbeError> {
        self.bisection
            .side_by_side(candidates, |items| self.bisection.ask(&self.subject.with(items), Guide::default()))
    }

    fn jobs(&self) -> usize {
        self.bisection.jobs
    }
}

fn key(items: &[Item]) -> String {
    let name = |item: &Item| match item {
        Item::Operation(op) => format!("o{}", op.0),
        Item::Fault(fault) => format!("f{}", fault.0),
        Item::Command(n) => format!("c{n}"),
    };
    items.iter().map(name).collect::<Vec<_>>().join(" ")
}

impl Bisection<'_> {
    /// Reduces the recorded run to what is enough, starting with what came before its turning point.
    pub fn minimum(&self, turn: &Turn, progress: &mut dyn FnMut(Progress)) -> Result<Minimum, ProbeError> {
        let whole =
            Subject { plan: self.recording.plan().clone(), timeline: timeline(self.recording, u64::MAX)? };
        let before = turn.event.as_ref().map_or(0, |last| last.end);
        let mut subject = Subject { plan: whole.plan.clone(), timeline: timeline(self.recording, before)? };
        let mut kept: Vec<Item> = subject.items();
        kept.retain(|item| match item {
            Item::Operation(op) => subject.timeline.operations.contains_key(op),
            Item::Fault(fault) => subject.timeline.faults.contains_key(fault),
            Item::Command(_) => true,
        });
        // What is known of the rest of the run keeps an operation's own time right.
        subject.timeline.operations = whole.timeline.operations.clone();
        let (mut probes, mut complete, mut neutral_latency) = (0, true, false);
        for round in 0..ROUNDS {
            let prober = Subsets { bisection: self, subject: &subject };
            let journal = self.journal(&format!("minimal-cause-{round}.jsonl"), &question(&subject))?;
            let prober = Journalled::new(prober, journal, |items: &Vec<Item>| key(items));
            let found = ddmin_by_stage(&kept, Item::stage, prober, BUDGET, progress)?;
            probes += found.probes;
            complete = found.complete;
            let plan = subject.with(&found.items);
            let (smaller, asked, neutral) = self.simplify(&plan)?;
            probes += asked;
            neutral_latency |= neutral;
            let changed = smaller != plan;
            subject = self.observed(smaller)?;
            kept = subject.items();
            if !changed {
                break;
            }
        }
        self.finish(subject.plan, complete, neutral_latency, probes)
    }

    /// Makes all latencies equal and the cluster smaller, as far as it still fails; says how many runs that took and
    /// whether latencies are equal.
    fn simplify(&self, plan: &Plan) -> Result<(Plan, usize, bool), ProbeError> {
        let mut probes = 0;
        let mut fails = |plan: &Plan| {
            probes += 1;
            Ok::<bool, ProbeError>(self.ask(plan, Guide::default())?.fails())
        };
        let mut best = plan.clone();
        let LatencyRange { min_ns, max_ns } = plan.network.latency;
        let middle = SimDuration::from_ns(min_ns.as_ns().midpoint(max_ns.as_ns()));
        let mut neutral = min_ns == max_ns;
        if !neutral {
            let candidate = plan.with_latency(LatencyRange { min_ns: middle, max_ns: middle });
            if fails(&candidate)? {
                (best, neutral) = (candidate, true);
            }
        }
        for candidate in best.smaller_clusters() {
            if fails(&candidate)? {
                best = candidate;
                break;
            }
        }
        Ok((best, probes, neutral))
    }

    /// Runs a plan with its log, to see what happens when.
    fn observed(&self, plan: Plan) -> Result<Subject, ProbeError> {
        let folder = ScratchFolder::new().map_err(|source| ProbeError::io(&std::env::temp_dir(), source))?;
        Simulation::new(&plan, self.server, folder.path()).run(self.stop, &mut |_| {})?;
        let recording = Recording::open(folder.path())?;
        Ok(Subject { timeline: timeline(&recording, u64::MAX)?, plan })
    }

    /// Writes the scenario, runs it once more from its text, and says what it shows.
    fn finish(
        &self,
        plan: Plan,
        complete: bool,
        neutral_latency: bool,
        probes: usize,
    ) -> Result<Minimum, ProbeError> {
        let folder = self.folder("minimal")?;
        let scenario = plan.to_scenario();
        let run = CommandLine::of("run").file(&folder.join("scenario.yaml"));
        let simulation = Simulation {
            reproduction: run.option("--server", &self.server.spec).to_string(),
            ..Simulation::new(&plan, self.server, &folder)
        };
        let outcome = simulation.run(self.stop, &mut |_| {})?;
        let answer = self.answer(&outcome)?;
        if !answer.fails() {
            return Err(BisectError::NotReproduced(answer).into());
        }
        write(&folder.join("scenario.yaml"), &scenario.to_yaml())?;
        write(&folder.join("report.txt"), &report::text::render(&outcome.report, false))?;
        let explanation = self.explain(&folder.join(LOG_FILE), &outcome.report)?;
        write(&folder.join("explanation.txt"), &explanation)?;
        Ok(Minimum { plan, folder, complete, neutral_latency, probes: probes + 1, explanation })
    }

    fn explain(&self, log: &std::path::Path, report: &report::RunReport) -> Result<String, ProbeError> {
        let mut steps = Vec::new();
        for event in event_log::open(log).map_err(ReplayError::from)? {
            let event = event.map_err(|source| ReplayError::Read { path: log.to_owned(), source })?;
            steps.extend(step(&event));
        }
        let violated = report.validations.iter().find(|validation| validation.name == self.invariant);
        let detail = violated.map(|validation| validation.verdict.detail()).unwrap_or_default();
        let enough = if steps.len() == 1 { "event is" } else { "events are" };
        let (count, steps) = (steps.len(), told(steps));
        Ok(format!("{count} injected {enough} enough:\n{steps}\nviolate {}: {detail}\n", self.invariant))
    }
}

/// An injected event in words, and whether it is a client's command.
struct Step {
    text: String,
    is_command: bool,
}

fn step(event: &Event) -> Option<Step> {
    let text = match &event.body {
        Body::Fault { hit, .. } if hit.is_empty() => return None,
        Body::Fault { text, .. } => format!("fault: {text}"),
        Body::Operation { text, .. } => format!("operation: {text}"),
        Body::Invoke { request, .. } => format!("{}: {request}", event.actor),
        _ => return None,
    };
    let is_command = matches!(event.body, Body::Invoke { .. });
    Some(Step { text: format!("event {} at {} {text}", event.i, event.at), is_command })
}

/// All steps in a row, but of many commands the last ones only.
fn told(steps: Vec<Step>) -> String {
    let commands = steps.iter().filter(|step| step.is_command).count();
    let mut unsaid = commands.saturating_sub(COMMANDS_TOLD);
    let more = (unsaid > 0).then(|| format!("{unsaid} commands of clients, as scenario.yaml has them"));
    let said = steps.into_iter().filter(|step| {
        let is_unsaid = step.is_command && unsaid > 0;
        unsaid -= usize::from(is_unsaid);
        !is_unsaid
    });
    let texts: Vec<String> = more.into_iter().chain(said.map(|step| step.text)).collect();
    if texts.is_empty() { "nothing at all".to_owned() } else { texts.join("; then ") }
}

fn question(subject: &Subject) -> String {
    let plan = serde_json::to_string(&subject.plan).expect("a plan is plain data");
    format!("subsets of {} commands, {plan}", subject.timeline.commands.len())
}

/// What happened in the first `events` events.
fn timeline(recording: &Recording, events: u64) -> Result<Timeline, ProbeError> {
    let log = event_log::open(&recording.path).map_err(ReplayError::from)?;
    let mut timeline = Timeline::default();
    for event in log.take(recording.decisions.events.min(events) as usize) {
        timeline.see(&event.map_err(|source| recording.unreadable(source))?);
    }
    Ok(timeline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_commands_the_last_are_told_beside_all_faults() {
        let step = |i: usize, is_command: bool| Step { text: format!("step {i}"), is_command };
        assert_eq!(told(vec![]), "nothing at all");
        assert_eq!(told(vec![step(0, true), step(1, false)]), "step 0; then step 1");
        let many: Vec<Step> = (0..COMMANDS_TOLD + 4).map(|i| step(i, i != 1)).collect();
        let text = told(many);
        assert!(
            text.starts_with("3 commands of clients, as scenario.yaml has them; then step 1; then step 4; "),
            "{text}"
        );
        assert!(text.ends_with(&format!("; then step {}", COMMANDS_TOLD + 3)), "{text}");
    }
}
