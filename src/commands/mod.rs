//! The subcommands, one a file, and what they have in common: exit codes and the environment they were given.

pub mod bench;
pub mod bisect;
pub mod fuzz;
pub mod guest;
mod output;
mod progress;
pub mod reach;
pub mod replay;
pub mod run;
pub mod self_test;
pub mod servers;
pub mod show;
pub mod validate;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::Result;

use crate::benchmark::plot::PlotError;
use crate::benchmark::{BadConfig, BaselineError, BenchError};
use crate::event_log::{OpenError, ReadError};
use crate::plan::resolve::ResolveError;
use crate::replay::ReplayError;
use crate::replay::bisect::ProbeError;
use crate::replay::inspect::MomentError;
use crate::scenario::ScenarioError;
use crate::servers::{Origin, Server};
use crate::simulation::SimulationError;
use crate::stop;
use crate::words::CommandLine;
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
    /// Whether standard input is somebody at a terminal.
    pub dialogue: bool,
    /// The words that the program was started with, without its name.
    pub words: Vec<OsString>,
    /// The command as it was typed.
    pub typed: CommandLine,
    /// What repeats it, if somebody knows better than what was typed.
    pub repeat: OnceLock<String>,
}

impl Environment {
    /// What is typed to do the same again is this, and not what was typed: a seed was drawn meanwhile, say.
    fn repeat_by(&self, command: &CommandLine) {
        let _ = self.repeat.set(command.to_string());
    }

    /// Names the server of what was typed, where only the environment did.
    fn repeat_on(&self, request: Option<&String>, server: &Server) {
        if request.is_none() && server.origin == Origin::File {
            self.repeat_by(&self.typed.clone().option("--server", &server.spec));
        }
    }

    /// What to type to do the same again.
    fn repetition(&self) -> String {
        self.repeat.get().cloned().unwrap_or_else(|| self.typed.to_string())
    }
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything holds.
    AllHold,
    /// An invariant is violated.
    Violated,
    /// The usage or a scenario is bad.
    BadInput,
    /// A replay parted from its recording, or two logs differ.
    Diverged,
    /// The world failed, or the run could not be judged.
    NotJudged,
    /// Somebody asked for the end.
    Interrupted,
    /// As a guest did.
    Guest(u8),
}

impl Exit {
    /// The status that this program exits with.
    pub fn code(self) -> u8 {
        match self {
            Exit::AllHold => 0,
            Exit::Violated => 1,
            Exit::BadInput => 2,
            Exit::Diverged => 3,
            Exit::NotJudged => 4,
            Exit::Interrupted => 130,
            Exit::Guest(status) => status,
        }
    }
}

/// Ends a command: says why it failed, and what to type to repeat whatever did not end well.
pub fn end(result: Result<Exit>, environment: &Environment) -> Exit {
    let exit = result.and_then(|exit| check_said().map(|()| exit));
    let exit = exit.unwrap_or_else(|error| report_failure(&error));
    if exit.code() != 0 {
        say_to_stderr(&format!("to run it again: {}", environment.repetition()));
    }
    exit
}

/// Says why a command failed, and which exit that is.
fn report_failure(error: &anyhow::Error) -> Exit {
    if stop::is_asked() {
        say_to_stderr(&format!("interrupted: {}", said_once(error)));
        return Exit::Interrupted;
    }
    say_to_stderr(&format!("error: {}", said_once(error)));
    if is_bad_input(error) { Exit::BadInput } else { Exit::NotJudged }
}

/// Whether what was given is bad: a file that is missing or spoilt, a directive that the server refuses.
fn is_bad_input(error: &anyhow::Error) -> bool {
    let is_config = |error: &SimulationError| {
        matches!(error, SimulationError::World(WorldError::BadConfig { .. }) | SimulationError::TooOld { .. })
    };
    let is_log = |error: &ReplayError| match error {
        ReplayError::Simulation(error) => is_config(error),
        ReplayError::NoRoom(_) => false,
        ReplayError::Open(_) | ReplayError::Read { .. } | ReplayError::Plan { .. } => true,
    };
    let is_probe = |error: &ProbeError| match error {
        ProbeError::Replay(error) => is_log(error),
        ProbeError::Simulation(error) => is_config(error),
        _ => false,
    };
    error.downcast_ref().is_some_and(is_config)
        || error.downcast_ref().is_some_and(is_log)
        || error.downcast_ref().is_some_and(is_probe)
        || error.is::<OpenError>()
        || error.is::<ReadError>()
        || error.is::<MomentError>()
        || error.is::<ScenarioError>()
        || error.is::<ResolveError>()
        || error.is::<BaselineError>()
        || error.is::<BenchError>()
        || error.is::<BadConfig>()
        || error.is::<BadInput>()
        || matches!(error.downcast_ref(), Some(PlotError::Kind(_)))
}

/// What was asked for cannot be, in words of its own.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct BadInput(String);

/// An error and its causes in one line, without the causes that it already quotes.
fn said_once(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match () {
        () if said.is_empty() => cause,
        () if said.contains(&cause) => said,
        () => format!("{said}: {cause}"),
    })
}

const CANNOT_LISTEN: &str = "cannot take signals";
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
fn check_said() -> Result<()> {
    match UNSAID.get() {
        Some(error) => anyhow::bail!("{CANNOT_PRINT}: {error}"),
        None => Ok(()),
    }
}

/// Prints to standard error.
pub fn say_to_stderr(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end_matches('\n'));
}
/// A name as a folder can have it.
fn folder_name(name: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+');
    name.chars().take(60).map(|c| if is_safe(c) { c } else { '-' }).collect()
}
