//! What `reach` takes.

use clap::Args;

use crate::commands::reach::Request;

#[derive(Args)]
pub(super) struct ReachArguments {
    /// How many generated seeds are run.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    runs: u64,
    /// The first seed; the next ones follow it.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed_start: u64,
    /// The server: a path, or a version to take from the store or fetch.
    #[arg(long, value_name = "PATH|VERSION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    server: Option<String>,
}

impl ReachArguments {
    pub(super) fn resolve(self) -> Request {
        Request { server: self.server, runs: self.runs, seed_start: self.seed_start }
    }
}
