//! The entries of a scenario's lists of single things: commands of clients, delays of chunks.

use serde::{Deserialize, Serialize};

use crate::id::Host;

/// One entry of `workload.commands`: what a client asks, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of a command")]
pub struct Command {
    /// The client's number, from 1.
    pub client: u64,
    /// Seconds after the workload began; later if the client's command before it is still open.
    pub at: f64,
    /// The key that is written.
    pub set: Option<String>,
    /// The key that is read.
    pub get: Option<String>,
    /// What is written; `c2:5` for the fifth command of client 2 if absent.
    pub value: Option<String>,
}

/// One entry of `network.delays`: how long one chunk takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of a delay")]
pub struct Delay {
    /// The host that sends: `node-1`, or `client-1`.
    pub from: Host,
    /// The host that receives.
    pub to: Host,
    /// The how manieth time something goes this way, from 1.
    pub nth: u64,
    /// Milliseconds.
    pub ms: f64,
}
