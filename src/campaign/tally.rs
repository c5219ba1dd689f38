//! What a campaign has found so far: counts, and failures grouped by their signature.
//!
//! Everything here follows from the ledger's lines in any order, real times aside; so a campaign that was interrupted
//! ends with the same table as one that was not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::line::{RunLine, RunStatus};
use super::signature::Signature;
use crate::bisect::{Rate, Tally as Judged};

/// The counts and groups of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many runs came to what.
    pub counts: BTreeMap<RunStatus, u64>,
    /// Virtual time of all runs, in milliseconds.
    pub virtual_ms: u64,
    /// Events of all runs.
    pub events: u64,
    /// Real time that all runs took, in milliseconds.
    pub wall_ms: u64,
    /// How many runs were run twice.
    pub doublechecked: u64,
    /// How many acknowledged writes were lost lawfully, in all runs.
    pub excused_losses: u64,
    /// In how many runs any were.
    pub runs_with_losses: u64,
    /// Failures that have a signature in common.
    pub groups: BTreeMap<Signature, Group>,
}

/// Failures with one signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// How many there are.
    pub count: u64,
    /// On which servers.
    pub servers: BTreeSet<String>,
    /// The run with the smallest plan: the least to look at.
    pub smallest: RunLine,
}

impl Tally {
    /// Adds one run.
    pub fn add(&mut self, line: &RunLine) {
        *self.counts.entry(line.status).or_default() += 1;
        self.virtual_ms += line.virtual_ms;
        self.events += line.events;
        self.wall_ms += line.wall_ms;
        self.doublechecked += u64::from(line.doublechecked);
        self.excused_losses += line.excused_losses;
        self.runs_with_losses += u64::from(line.excused_losses > 0);
        if let Some(signature) = &line.signature {
            let group = self.groups.entry(signature.clone()).or_insert_with(|| Group::new(line));
            group.join(&Group::new(line));
            group.count += 1;
        }
    }

    /// How many runs came to `status`.
    pub fn count(&self, status: RunStatus) -> u64 {
        self.counts.get(&status).copied().unwrap_or_default()
    }

    /// How often runs fail, and how certain that is.
    pub fn failure_rate(&self) -> Rate {
        let [fails, passes] = [RunStatus::Failed, RunStatus::Passed].map(|status| self.count(status));
        Rate::from(Judged { fails, passes, unknown: self.runs() - fails - passes })
    }

    /// How many runs there are.
    pub fn runs(&self) -> u64 {
        self.counts.values().sum()
    }
}

impl<'a> FromIterator<&'a RunLine> for Tally {
    fn from_iter<I: IntoIterator<Item = &'a RunLine>>(lines: I) -> Self {
        lines.into_iter().fold(Tally::default(), |mut tally, line| {
            tally.add(line);
            tally
        })
    }
}

impl Group {
    fn new(line: &RunLine) -> Self {
        Group { count: 0, servers: BTreeSet::from([line.server.clone()]), smallest: line.clone() }
    }

    /// Takes the failures of another group, which have the same cause.
    pub fn join(&mut self, other: &Group) {
        self.count += other.count;
        self.servers.extend(other.servers.iter().cloned());
        if size(&other.smallest) < size(&self.smallest) {
            self.smallest = other.smallest.clone();
        }
    }
}

/// What makes a run small: few injections, few nodes, few events; then the lower seed and server.
fn size(line: &RunLine) -> (u64, u16, u64, u64, &str) {
    (line.injected, line.nodes, line.events, line.seed, &line.server)
}

/// One number for a whole campaign: the SHA-256 over seeds, servers and log hashes in order. The same campaign has the
/// same one on any machine.
pub fn fingerprint<'a>(lines: impl Iterator<Item = &'a RunLine>) -> String {
    let mut hash = Sha256::new();
    for line in lines {
        hash.update(format!("{} {} {}\n", line.seed, line.server, line.log_sha256));
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, generate, resolve};

    fn failed(seed: u64, injected: u64, kind: &str) -> RunLine {
        let plan = resolve(&generate(seed, &Overrides::default()), None).expect("a generated plan");
        let signature = Signature {
            invariant: "reads".to_owned(),
            message: "stale".to_owned(),
            kinds: BTreeSet::from([kind.to_owned()]),
        };
        RunLine {
            status: RunStatus::Failed,
            signature: Some(signature),
            injected,
            ..RunLine::error(&plan, "9.1.2", String::new())
        }
    }

    #[test]
    fn the_order_of_runs_changes_nothing() {
        let lines = [failed(1, 3, "a"), failed(2, 1, "a"), failed(3, 2, "b"), failed(4, 2, "a")];
        let forth: Tally = lines.iter().collect();
        let back: Tally = lines.iter().rev().collect();
        assert_eq!(forth, back);
        let counts: Vec<u64> = forth.groups.values().map(|group| group.count).collect();
        assert_eq!(counts, [3, 1]);
        let smallest: Vec<u64> = forth.groups.values().map(|group| group.smallest.seed).collect();
        assert_eq!(smallest, [2, 3]);
    }
}
