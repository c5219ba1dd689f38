//! The command line and the environment: read here, decided elsewhere. What a subcommand takes is in a file of its own.

mod bench;
mod bisect;
mod fuzz;
mod generated;
mod guest;
mod reach;
mod replay;
mod run;
mod self_test;
mod show;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{Uid, User};

use crate::commands::{self, Environment, Exit};
use crate::scheduler;
use crate::time::SimTime;
use crate::words::CommandLine;

/// Tests Valkey clusters of real servers under virtual time: one seed is one history, byte for byte.
#[derive(Parser)]
#[command(name = "valkey-fuzzer", version, about, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Say more about what the tool itself does; twice for every detail. RUST_LOG overrides it.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Subcommand)]
enum Command {
    /// Run one scenario, from a file or generated from a seed, and judge it.
    Run(run::RunArguments),
    /// Run a program of your own inside the simulation, in virtual time, with whatever it starts.
    Guest(guest::GuestArguments),
    /// Run seeds until told to stop, and group, reduce and keep what fails.
    Fuzz(fuzz::FuzzArguments),
    /// Run a recorded log again, compare every event, or stop anywhere and look around.
    Replay(replay::ReplayArguments),
    /// Find the injected event that makes a recorded run fail, and the smallest scenario that still does.
    Bisect(bisect::BisectArguments),
    /// Look into a recorded log without running it: summary, events with causes and effects, filters, differences.
    Show(show::ShowArguments),
    /// Measure how fast clusters converge, over many seeds, and compare servers or configurations.
    Bench(bench::BenchArguments),
    /// Prove that the judge sees misbehaviour: saboteurs break a real cluster, and each must be caught.
    SelfTest(self_test::SelfTestArguments),
    /// Count how often generated runs come to the branches of the server that its log tells of.
    Reach(reach::ReachArguments),
    /// Check scenario files without running them.
    Validate {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// List the servers that can be had, or fetch some.
    Servers {
        #[command(subcommand)]
        action: Option<ServersAction>,
    },
}

#[derive(Subcommand)]
enum ServersAction {
    /// Fetch servers into the managed store.
    Install {
        /// Versions such as 8.0, 8.1.1, 9.1 or redis-7.0.
        #[arg(required = true)]
        versions: Vec<String>,
    },
}

/// A virtual time such as `12.5s`, `12500ms` or `12.5`.
fn virtual_time(text: &str) -> Result<SimTime, String> {
    let (number, unit_ns) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e6),
        None => (text.strip_suffix('s').unwrap_or(text), 1e9),
    };
    let value: f64 =
        number.trim().parse().map_err(|_| format!("{text} is no time; write 12.5s or 12500ms"))?;
    match value.is_finite() && value >= 0.0 {
        true => Ok(SimTime::from_ns((value * unit_ns).round() as u64)),
        false => Err(format!("{text} is no time of a run")),
    }
}

/// How many processors this program may use.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(cli.verbose);
    heed_children();
    let environment = Environment { words: words(), typed: typed(), ..environment() };
    let exit = match cli.command {
        Command::Run(arguments) => commands::run::run(&arguments.resolve(), &environment),
        Command::Guest(arguments) => commands::guest::guest(&arguments.resolve(), &environment),
        Command::Fuzz(arguments) => commands::fuzz::fuzz(&arguments.resolve(), &environment),
        Command::Replay(arguments) => commands::replay::replay(&arguments.resolve(), &environment),
        Command::Bisect(arguments) => commands::bisect::bisect(&arguments.resolve(), &environment),
        Command::Show(arguments) => commands::show::show(&arguments.resolve(), &environment),
        Command::Bench(arguments) => commands::bench::bench(&arguments.resolve(), &environment),
        Command::SelfTest(arguments) => commands::self_test::self_test(&arguments.resolve(), &environment),
        Command::Reach(arguments) => commands::reach::reach(&arguments.resolve(), &environment),
        Command::Validate { files } => commands::validate::validate(&files, &environment),
        Command::Servers { action: None } => commands::servers::list(&environment),
        Command::Servers { action: Some(ServersAction::Install { versions }) } => {
            commands::servers::install(&versions, &environment)
        }
    };
    commands::end(exit, &environment).into()
}

/// The words that the program was started with, without its name.
fn words() -> Vec<OsString> {
    std::env::args_os().skip(1).collect()
}

/// The command as it was typed, with the server that the environment names where that is the one it takes.
fn typed() -> CommandLine {
    /// Commands that take the environment's server if none is named.
    const TAKE_SERVERS: [&str; 5] = ["run", "guest", "fuzz", "bench", "self-test"];
    let words = words();
    let line = CommandLine::typed(words.iter().map(OsString::as_os_str));
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let names_one = words.iter().any(|word| word == "--server" || word.starts_with("--server="));
    let takes_one = words.iter().any(|word| TAKE_SERVERS.contains(&word.as_ref()));
    let server = variable("VALKEY_SERVER").filter(|_| takes_one && !names_one);
    line.maybe("--server", server.map(|server| server.to_string_lossy().into_owned()))
}

/// Whoever starts the program may ignore the end of children, and so would the program: it could wait for none of its own.
fn heed_children() {
    // SAFETY: no handler is installed, and none was.
    let set = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
    set.expect("the default for SIGCHLD can always be set");
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// What the environment says of this program: also for tests and benches, which take servers from where it does.
pub fn environment() -> Environment {
    let cache = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    // Without a word in the environment the account knows: a folder that anybody can write to is no place for servers.
    let account = || User::from_uid(Uid::effective()).ok().flatten().map(|user| user.dir);
    let home = variable("HOME").map(PathBuf::from).or_else(account).map(|home| home.join(".cache"));
    Environment {
        cache_dir: cache.or(home).unwrap_or_else(std::env::temp_dir).join("valkey-fuzzer"),
        path_dirs: variable("PATH"),
        server: variable("VALKEY_SERVER").and_then(|value| value.into_string().ok()),
        colour: io::stdout().is_terminal() && variable("NO_COLOR").is_none(),
        progress: io::stderr().is_terminal(),
        dialogue: io::stdin().is_terminal(),
        ..Environment::default()
    }
}

/// Stamps the tool's own diagnostics with virtual time: real time would say nothing.
struct VirtualTime;

impl FormatTime for VirtualTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", scheduler::virtual_now())
    }
}

fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_timer(VirtualTime)
        .init();
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
