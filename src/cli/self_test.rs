//! What `self-test` takes.

use clap::Args;

use crate::commands::self_test::Request;

#[derive(Args)]
pub(super) struct SelfTestArguments {
    /// Saboteurs by name; all of them if none is named.
    only: Vec<String>,
    /// The server: a path, or a version to take from the store or fetch.
    #[arg(long, value_name = "PATH|VERSION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    server: Option<String>,
}

impl SelfTestArguments {
    pub(super) fn resolve(self) -> Request {
        Request { server: self.server, only: self.only }
    }
}
