//! A guest as planned: a program of the user's, what it is given, when it starts, and what it is to come to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::GuestId;
use crate::time::SimDuration;

/// How long a guest may take if the scenario does not say it.
pub const DEFAULT_TIMEOUT: SimDuration = SimDuration::from_secs(300);

/// A program that runs on a host of its own inside the simulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestPlan {
    /// Which host it has, from 1 in the order of the plan.
    pub id: GuestId,
    /// What it is called in reports, and the name of its folder among the results.
    pub name: String,
    /// The program and its arguments. A bare name is looked for beside the server first, then on `PATH`.
    pub run: Vec<String>,
    /// When it starts, counted from the beginning of the workload.
    #[serde(default)]
    pub at_ns: SimDuration,
    /// How long it may take; then it is ended.
    pub timeout_ns: SimDuration,
    /// After how long it is killed on purpose, if it has not ended by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill_after_ns: Option<SimDuration>,
    /// What it reads from its standard input; nothing if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// A folder whose content is copied into its own before it starts; relative to where the run is started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// What stands in its folder when it starts, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// What is in its environment besides what every guest has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// What it is to come to.
    #[serde(default, skip_serializing_if = "GuestExpect::is_nothing")]
    pub expect: GuestExpect,
}

/// What a guest is to come to; what is absent is not judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestExpect {
    /// Its exit status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<u8>,
    /// Texts, each of which is part of a line that it writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
}

impl GuestExpect {
    /// Whether nothing is judged.
    pub fn is_nothing(&self) -> bool {
        self.exit.is_none() && self.output.is_empty()
    }
}

impl GuestPlan {
    /// How long it may go on, whatever that means when it is over.
    pub fn longest_ns(&self) -> SimDuration {
        self.kill_after_ns.map_or(self.timeout_ns, |after| after.min(self.timeout_ns))
    }

    /// A guest of which nothing but its program is said.
    pub fn of(id: GuestId, name: &str, run: &[&str]) -> Self {
        GuestPlan {
            id,
            name: name.to_owned(),
            run: run.iter().map(|word| (*word).to_owned()).collect(),
            at_ns: SimDuration::ZERO,
            timeout_ns: DEFAULT_TIMEOUT,
            kill_after_ns: None,
            stdin: None,
            folder: None,
            files: BTreeMap::new(),
            environment: BTreeMap::new(),
            expect: GuestExpect::default(),
        }
    }
}
