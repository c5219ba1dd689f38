//! Where the plans of a campaign come from: generated from each seed, or scenarios in which only the seed varies.

use serde::{Deserialize, Serialize};

use crate::plan::{Overrides, Plan, ResolveError, generate, resolve};
use crate::scenario::Scenario;

/// What is run with every seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Another scenario for every seed.
    Generated {
        /// The number of shards, if it is fixed.
        shards: Option<u16>,
        /// The number of replicas a shard, if it is fixed.
        replicas: Option<u16>,
    },
    /// These scenarios, at least one, with seeds in turn.
    Scenarios(Vec<Scenario>),
}

impl Source {
    /// The scenario of a seed, with the seed in it.
    pub fn scenario(&self, seed: u64) -> Scenario {
        let mut scenario = match self {
            Source::Generated { shards, replicas } => {
                generate(seed, Overrides { shards: *shards, replicas: *replicas })
            }
            Source::Scenarios(scenarios) => scenarios[(seed % scenarios.len() as u64) as usize].clone(),
        };
        scenario.head.seed = Some(seed);
        scenario
    }

    /// The plan of a seed.
    pub fn plan(&self, seed: u64) -> Result<Plan, ResolveError> {
        resolve(&self.scenario(seed), Some(seed))
    }

    /// What it is, in a word or two.
    pub fn name(&self) -> String {
        match self {
            Source::Generated { .. } => "generated".to_owned(),
            Source::Scenarios(scenarios) => match scenarios.as_slice() {
                [one] => one.head.name.clone(),
                [first, rest @ ..] => format!("{} and {} more", first.head.name, rest.len()),
                [] => String::new(),
            },
        }
    }
}
