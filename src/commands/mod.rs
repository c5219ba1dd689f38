//! The subcommands, one a file, and what they have in common: exit codes and the environment they were given.

pub mod bench;
pub mod bisect;
pub mod fuzz;
mod progress;
pub mod replay;
pub mod run;
pub mod servers;
pub mod show;
pub mod validate;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::Result;

use crate::benchmark::plot::PlotError;
use crate::benchmark::{BadConfig, BaselineError};
use crate::plan::resolve::ResolveError;
use crate::scenario::ScenarioError;
use crate::simulation::SimulationError;
use crate::world::WorldError;

/// What the environment says, read once.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Where fetched servers are kept.
    pub cache_dir: PathBuf,
    /// `PATH`.
    pub path_dirs: Option<OsString>,
    /// `VALKEY_SERVER`.
    pub server: Option<String>,
    /// Whether standard output takes colours.
    pub colour: bool,
    /// Whether standard error takes a progress line.
    pub progress: bool,
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything holds.
    AllHold = 0,
    /// An invariant is violated.
    Violated = 1,
    /// The usage or a scenario is bad.
    BadInput = 2,
    /// A replay parted from its recording, or two logs differ.
    Diverged = 3,
    /// The world failed, or the run could not be judged.
    NotJudged = 4,
    /// Somebody asked for the end.
    Interrupted = 130,
}

/// Says why a command failed, and which exit that is.
pub fn report_failure(error: &anyhow::Error) -> Exit {
    say_to_stderr(&format!("error: {}", said_once(error)));
    let is_config =
        matches!(error.downcast_ref(), Some(SimulationError::World(WorldError::BadConfig { .. })));
    let bad_input = is_config
        || error.is::<ScenarioError>()
        || error.is::<ResolveError>()
        || error.is::<BaselineError>()
        || error.is::<BadConfig>()
        || matches!(error.downcast_ref(), Some(PlotError::Kind(_)));
    if bad_input { Exit::BadInput } else { Exit::NotJudged }
}

/// An error and its causes in one line, without the causes that it already quotes.
fn said_once(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match () {
        () if said.is_empty() => cause,
        () if said.contains(&cause) => said,
        () => format!("{said}: {cause}"),
    })
}

const CANNOT_PRINT: &str = "cannot write to standard output";

/// Why something that was said did not arrive, if that is so.
static UNSAID: OnceLock<String> = OnceLock::new();

/// Prints to standard output; a reader that went away is nobody's error.
pub fn say(text: &str) {
    let said = writeln!(io::stdout().lock(), "{}", text.trim_end_matches('\n'));
    match said {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => _ = UNSAID.set(error.to_string()),
        _ => {}
    }
}

/// Fails if something that was said did not arrive.
pub fn check_said() -> Result<()> {
    match UNSAID.get() {
        Some(error) => anyhow::bail!("{CANNOT_PRINT}: {error}"),
        None => Ok(()),
    }
}

/// Prints to standard error.
pub fn say_to_stderr(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end_matches('\n'));
}
