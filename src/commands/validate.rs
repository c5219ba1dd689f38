//! `validate`: checks scenario files without running them.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Environment, Exit, say, say_to_stderr};
use crate::plan::Plan;
use crate::plan::resolve::resolve;
use crate::scenario;
use crate::words::counted;

/// Checks every file, and says of each what is wrong with it.
pub fn validate(files: &[PathBuf], _environment: &Environment) -> Result<Exit> {
    let mut exit = Exit::AllHold;
    for file in files {
        match plan_of(file) {
            Ok(plan) => say(&format!(
                "{}: ok: {}, {}, {}",
                file.display(),
                counted(plan.cluster.node_count().into(), "node"),
                counted(plan.operations.len() as u64, "operation"),
                counted(plan.faults.len() as u64, "fault")
            )),
            Err(error) => {
                say_to_stderr(&format!("{error:#}"));
                exit = Exit::BadInput;
            }
        }
    }
    Ok(exit)
}

fn plan_of(file: &Path) -> Result<Plan> {
    /// A plan can be made with any seed; this one stands in for a scenario that names none.
    const ANY_SEED: u64 = 0;
    let scenario = scenario::load(file)?;
    Ok(resolve(&scenario, scenario.head.seed.or(Some(ANY_SEED)))?)
}
