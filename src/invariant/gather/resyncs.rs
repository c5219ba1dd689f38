//! How often replicas had to synchronise again, and lost the link to their primaries: told by their own logs.
//!
//! The lines are those of `replication.c` in Valkey 8.0 to 9.1 and Redis 7. The first synchronisation, while the cluster
//! is formed, is nobody's loss and is not counted, but when each last had what its primary has is known.

use std::collections::BTreeMap;

use super::super::evidence::Resyncs;
use crate::event::Body;
use crate::id::NodeId;
use crate::time::SimTime;

/// What the logs told so far.
#[derive(Debug, Default)]
pub(super) struct Synchronisations {
    pub counts: BTreeMap<NodeId, Resyncs>,
    /// When each replica last had all.
    pub ended_at: BTreeMap<NodeId, SimTime>,
}

impl Synchronisations {
    /// Takes what an event says of a node.
    pub fn see(&mut self, node: NodeId, at: SimTime, body: &Body) {
        let Body::Log { line } = body else {
            return;
        };
        let says = |texts: &[&str]| texts.iter().any(|text| line.contains(text));
        let (full, partial, links_lost) = (
            says(&["Full resync from primary", "Full resync from master"]),
            says(&["Successful partial resynchronization with "]),
            says(&["Connection with primary lost", "Connection with master lost"]),
        );
        if partial || says(&["REPLICA sync: Finished with success"]) {
            self.ended_at.insert(node, at);
        }
        if full || partial || links_lost {
            let count = self.counts.entry(node).or_default();
            count.full += u32::from(full);
            count.partial += u32::from(partial);
            count.links_lost += u32::from(links_lost);
        }
    }
}
