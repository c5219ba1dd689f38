//! What `run` takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::generated::GeneratedArguments;
use crate::commands::run::Request;

#[derive(Args)]
pub(super) struct RunArguments {
    /// The scenario; without it one is generated from the seed.
    scenario: Option<PathBuf>,
    /// The seed; without it the scenario's own, or a fresh one.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    generated: GeneratedArguments,
    /// The server: a path, or a version to take from the store or fetch.
    #[arg(long, value_name = "PATH|VERSION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    server: Option<String>,
    /// Where the results go; without it runs/<scenario id>/, with the scenario's name if it has one.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Also write the scenario as YAML that runs to the same event log.
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Also make a recording of the run, as in replay/: scenario, compressed log, report and README.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// End the run if a server's call goes round the shim.
    #[arg(long)]
    check_interposition: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    /// The summary for people.
    Text,
    /// The whole report as JSON.
    Json,
}

impl RunArguments {
    pub(super) fn resolve(self) -> Request {
        Request {
            scenario: self.scenario,
            seed: self.seed,
            overrides: self.generated.resolve(),
            server: self.server,
            out: self.out,
            json: self.format == Format::Json,
            export: self.export,
            record: self.record,
            check_interposition: self.check_interposition,
        }
    }
}
