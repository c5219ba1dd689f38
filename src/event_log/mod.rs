//! The event log: JSON Lines, the header first, then one event a line. `replay/FORMAT.md` describes it for people.
//!
//! The log is the run: it is written while the run happens, and a replay, a diff and every report read nothing else.
//! The same run gives the same bytes, so keys have a fixed order and nothing of the host stands in it.

pub mod compare;
pub mod decisions;
pub mod diff;
pub mod digest;
mod error;
pub mod explain;
pub mod filter;
mod format;
mod format_1;
mod glance;
mod index;
pub mod indexed;
mod lines;
mod marks;
pub mod open;
pub mod read;
mod text;
pub mod trace;
pub mod write;

pub use decisions::{ClientDecisions, Decisions};
pub use diff::{DiffError, Difference, chain, first_difference, first_difference_of_lines};
pub use digest::Digest;
pub use error::ReadError;
pub use filter::Filter;
pub use index::{Indexed, KEPT_FROM_BYTES, Keep, Kept};
pub use indexed::{Chain, IndexedLog};
pub use open::{COMPRESSED_LOG_FILE, LOG_FILE, OpenError, open, open_lines};
pub use read::{Events, LogReader};
pub use trace::Trace;
pub use write::{LogWriter, Summary, event_line};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// The version of the format that this tool writes; it reads all from 1 on.
pub const FORMAT: u64 = 2;

/// This tool and its version, as it signs what it writes.
pub const TOOL: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

/// The first line of a log: everything that the run depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub format: u64,
    /// The tool's name and version.
    pub tool: String,
    /// The plan's seed once more, where people look for it.
    pub seed: u64,
    /// The plan.
    pub plan: Plan,
    /// The server that ran.
    pub server: ServerIdentity,
    /// The servers that the plan gives to nodes beside it, by the names that it has for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub servers: BTreeMap<String, ServerIdentity>,
    /// The build id of the shim.
    pub shim: String,
}

/// Which server ran; two with the same digest are the same program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerIdentity {
    /// What it calls itself (`valkey`, `redis`).
    pub name: String,
    /// Its version (`8.1.1`).
    pub version: String,
    /// The build id it reports.
    pub build_id: String,
    /// The SHA-256 of its binary, hexadecimal.
    pub sha256: String,
}

impl Header {
    /// The header of a run by this version of the tool.
    pub fn new(plan: Plan, server: ServerIdentity, shim: String) -> Self {
        let (tool, servers) = (TOOL.to_owned(), BTreeMap::new());
        Header { format: FORMAT, tool, seed: plan.seed, plan, server, servers, shim }
    }
}

#[cfg(test)]
mod tests;
