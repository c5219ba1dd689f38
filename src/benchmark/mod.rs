//! Convergence as a benchmark: many runs of one scenario, each variant with the same seeds, and what differs.
//!
//! Data flow: a [`Bench`] runs each [`Variant`] of a scenario under many seeds and takes the figures of every
//! disruption; [`Results`] keeps them as samples and HDR histograms, and is what `bench.json` holds; `compare` says
//! which differences are more than chance and which are regressions; `table`, `hdr` and `plot` show them. All of it is
//! virtual time, so the same benchmark gives the same bytes on any machine.

mod baseline;
mod compare;
mod hdr;
pub mod plot;
mod results;
mod runs;
mod table;
mod variant;

pub use baseline::{BaselineError, counterpart, read};
pub use compare::{ALPHA, Difference, Verdict, differences, regressions};
pub use hdr::{interval_log, percentile_distribution};
pub use results::{MetricResults, Results, Scale, ScenarioIdentity, Seeds, VariantResults};
pub use runs::{Bench, BenchError, Counted, Run};
pub use table::render;
pub use variant::{BadConfig, Config, Variant, file_name, parse_config, scenario};

/// The scenario of a benchmark that names none: a primary of a small cluster is killed under a workload.
pub const DEFAULT_SCENARIO: &str = include_str!("../../scenarios/bench-primary-kill.yaml");
