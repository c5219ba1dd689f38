//! Where the plans of a campaign come from: generated from each seed, or scenarios in which only the seed varies.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::plan::{Overrides, Plan, ResolveError, generate_for, resolve};
use crate::scenario::Scenario;
use crate::servers::Server;

/// What is run with every seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Another scenario for every seed.
    Generated(Overrides),
    /// These scenarios, at least one, with seeds in turn.
    Scenarios(Vec<Scenario>),
}

impl Source {
    /// The scenario of a seed on a server, with the seed in it.
    pub fn scenario(&self, seed: u64, on: &Server) -> Scenario {
        let mut scenario = match self {
            Source::Generated(overrides) => generate_for(seed, overrides, on.has_databases()),
            Source::Scenarios(scenarios) => scenarios[(seed % scenarios.len() as u64) as usize].clone(),
        };
        scenario.head.seed = Some(seed);
        scenario
    }

    /// The plan of a seed on a server.
    pub fn plan(&self, seed: u64, on: &Server) -> Result<Plan, ResolveError> {
        resolve(&self.scenario(seed, on), Some(seed))
    }

    /// The other servers that its plans may ask for; `seed` is any, for scenarios that have none.
    pub fn other_servers(&self, seed: u64) -> Result<BTreeSet<String>, ResolveError> {
        match self {
            Source::Generated(overrides) => Ok(overrides.upgrade_to.iter().cloned().collect()),
            Source::Scenarios(scenarios) => {
                let plans = scenarios.iter().map(|scenario| resolve(scenario, Some(seed)));
                let others = plans.map(|plan| Ok(plan?.other_servers()));
                Ok(others.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
            }
        }
    }

    /// Whether all runs are of one scenario.
    pub fn is_one_scenario(&self) -> bool {
        matches!(self, Source::Scenarios(scenarios) if scenarios.len() == 1)
    }

    /// What it is, in a word or two.
    pub fn name(&self) -> String {
        match self {
            Source::Generated(_) => "generated".to_owned(),
            Source::Scenarios(scenarios) => match scenarios.as_slice() {
                [one] => one.head.name.clone(),
                [first, rest @ ..] => format!("{} and {} more", first.head.name, rest.len()),
                [] => String::new(),
            },
        }
    }
}
