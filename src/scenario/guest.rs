//! The entries of `guests`: programs of the user's that run inside the simulation, each on a host of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Workload;
use super::text::{text_map, texts};

/// One entry of `guests`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of a guest")]
pub struct Guest {
    /// What it is called; its folder among the results has this name.
    pub name: String,
    /// The program and its arguments.
    #[serde(deserialize_with = "texts")]
    pub run: Vec<String>,
    /// Seconds after the workload began.
    pub at: Option<f64>,
    /// Seconds that it may take.
    pub timeout: Option<f64>,
    /// Seconds after which it is killed on purpose, as an operator who loses patience does.
    pub kill_after: Option<f64>,
    /// What it reads from its standard input.
    pub stdin: Option<String>,
    /// A folder whose content is copied into its own before it starts.
    pub folder: Option<String>,
    /// What stands in its folder when it starts, by name.
    #[serde(default, deserialize_with = "text_map", skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// What is in its environment besides what every guest has.
    #[serde(default, deserialize_with = "text_map", skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// What it is to come to.
    pub expect: Option<GuestExpect>,
}

/// What a guest is to come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys `exit` and `output`")]
pub struct GuestExpect {
    /// Its exit status.
    pub exit: Option<u8>,
    /// Texts, each of which is part of a line that it writes.
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
}

impl Workload {
    /// The guest that a tool is, told where the cluster is unless its arguments say it.
    pub fn as_guest(&self) -> Option<Guest> {
        /// The first node, as every guest knows it.
        const CLUSTER: [&str; 4] = ["-h", "10.0.0.1", "-p", "6379"];
        let tool = self.tool.as_ref()?;
        let says_host = self.args.iter().any(|arg| arg == "-h" || arg == "-u");
        let host = CLUSTER.iter().filter(|_| !says_host).map(|word| (*word).to_owned());
        let run = std::iter::once(tool.clone()).chain(host).chain(self.args.iter().cloned()).collect();
        Some(Guest { name: "workload".to_owned(), run, timeout: self.timeout, ..Guest::default() })
    }
}
