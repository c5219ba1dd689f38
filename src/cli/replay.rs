//! What `replay` takes.

use std::path::PathBuf;

use clap::Args;

use super::virtual_time;
use crate::commands::replay::Request;
use crate::replay::inspect::Until;
use crate::time::SimTime;

#[derive(Args)]
pub(super) struct ReplayArguments {
    /// The log, plain or compressed, or the folder that holds it.
    log: PathBuf,
    /// Replay the decisions against another server: a path, or a version to take from the store or fetch.
    #[arg(long, value_name = "PATH|VERSION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    server: Option<String>,
    /// Stop before this event with all servers alive, show every node's view, and take commands.
    #[arg(long, value_name = "EVENT", conflicts_with = "until_time")]
    until: Option<u64>,
    /// Stop before the first event at or after this virtual time, such as 12.5s.
    #[arg(long, value_name = "TIME", value_parser = virtual_time)]
    until_time: Option<SimTime>,
    /// Where the replay's own results go; nowhere without it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl ReplayArguments {
    pub(super) fn resolve(self) -> Request {
        let until = self.until.map(Until::Event).or(self.until_time.map(Until::Time));
        Request { log: self.log, server: self.server, until, out: self.out }
    }
}
