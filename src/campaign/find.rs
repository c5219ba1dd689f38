//! A find: the smallest failure of a group, bisected, reduced to its minimal cause, and confirmed by running it again.
//!
//! Two groups whose minimal causes have one signature are one find: what else was done to their clusters was noise.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::attempt::{create, remove};
use super::signature::Signature;
use super::tally::Group;
use super::{Campaign, CampaignError, Contestant};
use crate::bisect::Progress;
use crate::event_log::{COMPRESSED_LOG_FILE, LOG_FILE};
use crate::replay::Recording;
use crate::replay::bisect::{Bisection, Minimum, ProbeError, Turn};
use crate::replay::corpus::{self, Effort, README_FILE, REPORT_FILE, Readme, Recorded, SCENARIO_FILE};
use crate::simulation::{Outcome, Simulation};

/// How often a minimal cause is run again before it is believed.
pub const CONFIRMATIONS: u32 = 3;
/// The name of a find's own file in its folder.
const FIND_FILE: &str = "find.json";
/// The name of the folder of its minimal cause.
const RECORDING: &str = "recording";

/// What was found out about a group of failures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Find {
    /// The seed of the failure that was looked into.
    pub seed: u64,
    /// Its server.
    pub server: String,
    /// The signature of its minimal cause; nothing if there is none.
    pub cause: Option<Signature>,
    /// The event at which the failing run turns, as it stands in its log.
    pub turning_point: Option<String>,
    /// How many injected events its minimal cause has.
    pub injected: u64,
    /// What is left, in which order, and what is violated: three lines.
    pub explanation: String,
    /// How many runs it took.
    pub probes: u64,
    /// How many of three further runs failed in the same way, with one and the same log.
    pub confirmed: u32,
    /// Why there is no minimal cause, if there is none.
    pub problem: Option<String>,
}

impl Campaign<'_> {
    /// Looks into a group of failures, or takes what was found out about it before.
    pub fn find(
        &self,
        signature: &Signature,
        group: &Group,
        progress: &mut dyn FnMut(&'static str, Progress),
    ) -> Result<Find, CampaignError> {
        let line = &group.smallest;
        let folder = self.bisections().join(signature.slug());
        let known =
            fs::read(folder.join(FIND_FILE)).ok().and_then(|text| serde_json::from_slice::<Find>(&text).ok());
        if let Some(known) = known.filter(|find| (find.seed, find.server.as_str()) == line.key()) {
            return Ok(known);
        }
        create(&folder)?;
        let on = self.contestants.iter().find(|on| on.label == line.server);
        let on = on.expect("the ledger has only runs of servers that take part");
        let find = match self.reduce(signature, line.folder_name(), on, &folder, progress) {
            Ok((turn, minimum)) => self.confirm(signature, line.key(), on, (&turn, &minimum), &folder)?,
            Err(error @ (ProbeError::Interrupted | ProbeError::Io { .. })) => return Err(error.into()),
            Err(error) => Find::without_cause(line.key(), error.to_string()),
        };
        let text = serde_json::to_vec_pretty(&find).expect("a find is plain data");
        write(&folder.join(FIND_FILE), &text)?;
        Ok(find)
    }

    fn reduce(
        &self,
        signature: &Signature,
        failure: String,
        on: &Contestant,
        out: &Path,
        progress: &mut dyn FnMut(&'static str, Progress),
    ) -> Result<(Turn, Minimum), ProbeError> {
        let recording = Recording::open(&self.failures().join(failure))?;
        let bisection = Bisection {
            recording: &recording,
            server: &on.server,
            invariant: signature.invariant.clone(),
            jobs: self.jobs.get(),
            out: out.to_owned(),
            stop: self.stop,
        };
        let turn = bisection.turn(&mut |at| progress("turning point", at))?;
        let minimum = bisection.minimum(&turn, &mut |at| progress("minimal cause", at))?;
        Ok((turn, minimum))
    }

    /// Runs a minimal cause again, and says what came of it.
    fn confirm(
        &self,
        signature: &Signature,
        key: (u64, &str),
        on: &Contestant,
        (turn, minimum): (&Turn, &Minimum),
        out: &Path,
    ) -> Result<Find, CampaignError> {
        let (scratch, recording) = (out.join("confirmation"), out.join(RECORDING));
        let mut runs = Vec::new();
        for number in 0..CONFIRMATIONS {
            remove(&scratch)?;
            let run = Simulation::new(&minimum.plan, &on.server, &scratch).run(self.stop, &mut |_| {});
            let run = run.map_err(ProbeError::from)?;
            if number == 0 {
                remove(&recording)?;
                keep(&recording, signature, on, minimum, &run, &scratch)?;
            }
            runs.push(run);
        }
        remove(&scratch)?;
        if self.is_stopped() {
            return Err(ProbeError::Interrupted.into());
        }
        let cause = |run: &Outcome| Signature::of_invariant(&signature.invariant, &minimum.plan, &run.report);
        let first = &runs[0].report.meters.log_sha256;
        let confirmed =
            runs.iter().filter(|run| cause(run).is_some() && run.report.meters.log_sha256 == *first);
        let commands = minimum.plan.workload.as_ref().map_or(0, |workload| workload.commands.len());
        Ok(Find {
            cause: runs.iter().find_map(cause),
            turning_point: turn.event.as_ref().map(|event| event.line.clone()),
            injected: (minimum.plan.operations.len() + minimum.plan.faults.len() + commands) as u64,
            explanation: minimum.explanation.clone(),
            probes: (turn.point.probes + minimum.probes) as u64,
            confirmed: confirmed.count() as u32,
            ..Find::without_cause(key, String::new())
        }
        .believed())
    }

    /// Writes a folder for each cause, ready to be kept among the recordings; says where each is.
    pub fn publish(
        &self,
        finds: &BTreeMap<Signature, Find>,
    ) -> Result<BTreeMap<Signature, PathBuf>, CampaignError> {
        let mut best: BTreeMap<&Signature, (&Signature, &Find)> = BTreeMap::new();
        for (signature, find) in finds {
            let Some(cause) = &find.cause else { continue };
            let entry = best.entry(cause).or_insert((signature, find));
            if find.size() < entry.1.size() {
                *entry = (signature, find);
            }
        }
        remove(&self.finds())?;
        let publish = |(cause, (signature, _)): (&Signature, (&Signature, &Find))| {
            let folder = self.finds().join(cause.slug());
            create(&folder)?;
            copy_files(&self.bisections().join(signature.slug()).join(RECORDING), &folder)?;
            Ok((cause.clone(), folder))
        };
        best.into_iter().map(publish).collect()
    }

    /// Where groups of failures are looked into.
    fn bisections(&self) -> PathBuf {
        self.out.join("bisect")
    }

    /// Where minimal causes are kept.
    fn finds(&self) -> PathBuf {
        self.out.join("finds")
    }
}

impl Find {
    fn without_cause((seed, server): (u64, &str), problem: String) -> Self {
        Find {
            seed,
            server: server.to_owned(),
            cause: None,
            turning_point: None,
            injected: 0,
            explanation: String::new(),
            probes: 0,
            confirmed: 0,
            problem: Some(problem),
        }
    }

    /// The same, with a problem only if the cause was not confirmed.
    fn believed(self) -> Self {
        let problem = (self.confirmed < CONFIRMATIONS).then(|| {
            format!("only {} of {CONFIRMATIONS} further runs failed in the same way", self.confirmed)
        });
        Find { problem, ..self }
    }

    /// What makes one find of a cause better to look at than another: few injections, then the lower seed and server.
    pub fn size(&self) -> (u64, u64, &str) {
        (self.injected, self.seed, &self.server)
    }
}

/// Keeps a minimal cause as a recording.
fn keep(
    folder: &Path,
    signature: &Signature,
    on: &Contestant,
    minimum: &Minimum,
    run: &Outcome,
    results: &Path,
) -> Result<(), CampaignError> {
    let (scenario, server, log) = (minimum.plan.to_scenario(), on.server.identity(), results.join(LOG_FILE));
    let (report, effort) = (&run.report, Effort::Much);
    let recorded = Recorded { scenario: &scenario, server: &server, report, log: &log, effort };
    let cause = Signature::of_invariant(&signature.invariant, &minimum.plan, report);
    let shows = cause.as_ref().unwrap_or(signature).to_string();
    Ok(corpus::keep(folder, &recorded, &Readme { shows, ..Readme::of_run(&recorded) })?)
}

/// Copies the files of a recording.
fn copy_files(from: &Path, to: &Path) -> Result<(), CampaignError> {
    for name in [SCENARIO_FILE, REPORT_FILE, README_FILE, COMPRESSED_LOG_FILE] {
        fs::copy(from.join(name), to.join(name))
            .map_err(|source| CampaignError::Io { path: to.join(name), source })?;
    }
    Ok(())
}

fn write(path: &Path, text: &[u8]) -> Result<(), CampaignError> {
    fs::write(path, text).map_err(|source| CampaignError::Io { path: path.to_owned(), source })
}
