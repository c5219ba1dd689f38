//! What servers say, as typed values: replies, the cluster bus, `CLUSTER NODES`, `INFO`.
//!
//! Bytes and texts come from processes that faults have been at, and some of them were altered on purpose. So nothing
//! here panics on any input, memory is bounded by what was given, and what is not understood is kept or named.
//! Nothing here knows connections or actors.

pub mod asked;
pub mod branches;
pub mod cluster_bus;
pub mod cluster_file;
pub mod cluster_links;
pub mod cluster_nodes;
pub mod cluster_shards;
pub mod cluster_slots;
pub mod info;
pub mod nodes_conf;
pub mod replication;
pub mod resp;
pub mod server_log;
pub mod slots;

use std::fmt;
use std::str::FromStr;

pub use slots::{SLOT_COUNT, SlotMap, SlotRange};

/// What a server is to its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows a primary.
    Replica,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Primary => "primary",
            Role::Replica => "replica",
        })
    }
}

/// A text that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    /// Reads the server's words, the old ones as well.
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        match text {
            "master" | "primary" => Ok(Role::Primary),
            "slave" | "replica" => Ok(Role::Replica),
            _ => Err(UnknownRole),
        }
    }
}

#[cfg(test)]
mod tests;
