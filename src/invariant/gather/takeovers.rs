//! Who became the primary of a shard, and how: told by the servers' own logs, and whom a node had followed by then by what it says on
//! the cluster bus too, since whoever was told to follow somebody else logs nothing of it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::evidence::PrimaryChange;
use crate::event::{Body, BusSummary};
use crate::id::NodeId;
use crate::leaders::Leaders;
use crate::plan::ClusterPlan;
use crate::time::SimTime;
use crate::wire::server_log::{self, Said};

/// What the logs told so far.
#[derive(Debug, Default)]
pub(super) struct Takeovers {
    told: Vec<Told>,
    /// Nodes that were asked to take over, and have all that their stopped primary has.
    handing_over: BTreeSet<NodeId>,
}

#[derive(Debug)]
struct Told {
    at: SimTime,
    node: NodeId,
    what: What,
}

#[derive(Debug)]
enum What {
    Promoted { coordinated: bool },
    Follows { id: String },
}

impl Takeovers {
    /// Takes what an event says of a node.
    pub fn see(&mut self, node: NodeId, at: SimTime, body: &Body) {
        match body {
            Body::Start { .. } => drop(self.handing_over.remove(&node)),
            Body::Log { line } => {
                let what = self.read(node, line);
                self.told.extend(what.map(|what| Told { at, node, what }));
            }
            _ => {}
        }
    }

    /// A node says of itself whom it follows.
    pub fn claimed(&mut self, node: NodeId, at: SimTime, bus: &BusSummary) {
        let Some(id) = bus.claim.as_ref().and_then(|claim| claim.of.as_ref()) else { return };
        let last = self.told.iter().rfind(|told| told.node == node);
        // It says so to everybody.
        if !last.is_some_and(|told| matches!(&told.what, What::Follows { id: before } if before == id)) {
            self.told.push(Told { at, node, what: What::Follows { id: id.clone() } });
        }
    }

    fn read(&mut self, node: NodeId, line: &str) -> Option<What> {
        match server_log::read(line)? {
            Said::Follows(id) => Some(What::Follows { id: id.to_owned() }),
            Said::Elected => Some(What::Promoted { coordinated: self.handing_over.remove(&node) }),
            Said::TookOver => {
                self.handing_over.remove(&node);
                Some(What::Promoted { coordinated: false })
            }
            Said::HandoverReady => {
                self.handing_over.insert(node);
                None
            }
            Said::HandoverAnew => {
                self.handing_over.remove(&node);
                None
            }
            _ => None,
        }
    }

    /// The changes of primaries; `ids` are the nodes by their cluster ids.
    pub fn changes(&self, cluster: &ClusterPlan, ids: &BTreeMap<String, NodeId>) -> Vec<PrimaryChange> {
        let mut layout = Layout { leaders: Leaders::new(cluster), changes: Vec::new() };
        for told in &self.told {
            match &told.what {
                What::Promoted { coordinated } => layout.promote(told, *coordinated),
                What::Follows { id } => layout.follow(told, ids.get(id).copied()),
            }
        }
        layout.changes
    }
}

/// Whether a line says that its node takes a shard over.
pub(super) fn is_takeover(line: &str) -> bool {
    matches!(server_log::read(line), Some(Said::Elected | Said::TookOver))
}

/// The changes so far, and who leads meanwhile.
struct Layout {
    leaders: Leaders,
    changes: Vec<PrimaryChange>,
}

impl Layout {
    fn promote(&mut self, told: &Told, coordinated: bool) {
        let (shard, from) = self.leaders.promote(told.node);
        if from != told.node {
            let (at, to) = (told.at, told.node);
            let change = PrimaryChange { at, shard, from, to, coordinated, stepped_down_at: None };
            self.changes.push(change);
        }
    }

    fn follow(&mut self, told: &Told, primary: Option<NodeId>) {
        if let Some(primary) = primary {
            self.leaders.follow(told.node, primary);
        }
        let last = self.changes.iter_mut().rev().find(|change| change.from == told.node);
        if let Some(change) = last.filter(|_| !self.leaders.is_leader(told.node)) {
            change.stepped_down_at.get_or_insert(told.at);
        }
    }
}
