//! What servers wrote to disk and read from it again: told by their own logs.
//!
//! The lines are those of `rdb.c`, `aof.c` and `replication.c` in Valkey 8.0 to 9.1 and Redis 7.

use std::collections::BTreeMap;

use super::super::evidence::{DiskReport, DiskStep};
use crate::event::Body;
use crate::id::NodeId;
use crate::time::SimTime;

/// What the logs told so far.
#[derive(Debug, Default)]
pub(super) struct Disk {
    pub reports: Vec<DiskReport>,
    /// When the snapshot that is being written or received was begun.
    begun: BTreeMap<NodeId, SimTime>,
}

impl Disk {
    /// Takes what an event says of a node.
    pub fn see(&mut self, node: NodeId, at: SimTime, body: &Body) {
        let Body::Log { line } = body else {
            return;
        };
        // What goes from the wire into memory leaves no file.
        if line.contains(" to parser") {
            self.begun.remove(&node);
        } else if BEGINS.iter().any(|text| line.contains(text)) {
            self.begun.insert(node, at);
        } else if let Some(step) = self.step(node, at, line) {
            self.reports.push(DiskReport { node, at, step });
        }
    }

    fn step(&mut self, node: NodeId, at: SimTime, line: &str) -> Option<DiskStep> {
        if ENDS.iter().any(|text| line.contains(text)) {
            return Some(DiskStep::Saved { as_of: self.begun.remove(&node)? });
        }
        // A child writes the same line, and its snapshot counts only when its parent has heard of it.
        if line.contains("DB saved on disk") && !is_of_child(line) {
            return Some(DiskStep::Saved { as_of: at });
        }
        if line.contains("DB loaded from append only file") {
            return Some(DiskStep::LoadedAppendOnly);
        }
        if APPEND_FAILS.iter().any(|text| line.contains(text)) {
            return Some(DiskStep::AppendFailed);
        }
        if line.contains("AOF write error looks solved") {
            return Some(DiskStep::AppendSolved);
        }
        line.contains("DB loaded from disk").then_some(DiskStep::LoadedSnapshot)
    }
}

/// A snapshot begins to be written, or to be received from a primary.
const BEGINS: [&str; 3] =
    ["Background saving started", "Full resync from primary", "Full resync from master"];
/// It is whole.
const ENDS: [&str; 3] = [
    "Background saving terminated with success",
    "PRIMARY <-> REPLICA sync: Finished with success",
    "MASTER <-> REPLICA sync: Finished with success",
];

/// Nothing, or a part of it, could be appended (`flushAppendOnlyFile`).
const APPEND_FAILS: [&str; 2] =
    ["Error writing to the AOF file", "Short write while writing to the AOF file"];

/// Whether a line was written by a forked child: `17563:C 16 Nov …`.
fn is_of_child(line: &str) -> bool {
    line.split_ascii_whitespace().next().is_some_and(|who| who.ends_with(":C"))
}
