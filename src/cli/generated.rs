//! What of generated scenarios is not left to their seeds.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::plan::Overrides;

#[derive(Args)]
pub(super) struct GeneratedArguments {
    /// Generate clusters of so many shards.
    #[arg(long, conflicts_with = "scenario", value_parser = clap::value_parser!(u16).range(3..=16))]
    shards: Option<u16>,
    /// Generate clusters with so many replicas a shard.
    #[arg(long, conflicts_with = "scenario", value_parser = clap::value_parser!(u16).range(0..=5))]
    replicas: Option<u16>,
    /// Generate rolling upgrades, of all nodes or of some, to this server in a third of the seeds.
    #[arg(long, value_name = "PATH|VERSION", conflicts_with = "scenario", value_parser = NonEmptyStringValueParser::new())]
    upgrade_to: Option<String>,
}

impl GeneratedArguments {
    pub(super) fn resolve(self) -> Overrides {
        Overrides { shards: self.shards, replicas: self.replicas, upgrade_to: self.upgrade_to }
    }
}
