//! Whether the replicas of a shard have synchronised with its primary again.

use std::collections::BTreeSet;

use super::scene::Scene;
use crate::id::{NodeId, ShardId};
use crate::time::{SimDuration, SimTime};

/// The replicas of a shard since a disruption.
#[derive(Debug)]
pub(super) struct Resync {
    shard: ShardId,
    /// The disruption, or the last start of a process of the shard.
    since: SimTime,
    synced: BTreeSet<NodeId>,
    done_at: Option<SimTime>,
}

impl Resync {
    pub fn begin(shard: ShardId, at: SimTime) -> Self {
        Resync { shard, since: at, synced: BTreeSet::new(), done_at: None }
    }

    /// A process of the shard was started: it has nothing yet.
    pub fn started(&mut self, node: NodeId, at: SimTime) {
        self.synced.remove(&node);
        if self.done_at.is_none() {
            self.since = at;
        }
    }

    /// The shard has a new primary: what was copied from the old one does not count.
    pub fn led_anew(&mut self) {
        self.synced.clear();
    }

    /// A node of the shard has what its primary has.
    pub fn synced(&mut self, node: NodeId, at: SimTime, scene: &Scene) {
        let leader = scene.leaders.of(self.shard);
        if node == leader {
            return;
        }
        self.synced.insert(node);
        let mut replicas = scene.live_members(self.shard).filter(|member| *member != leader);
        if replicas.all(|replica| self.synced.contains(&replica)) {
            self.done_at.get_or_insert(at);
        }
    }

    /// How long it took; nothing if it was not reached.
    pub fn took(&self) -> Option<SimDuration> {
        self.done_at.map(|at| at.since(self.since))
    }
}
