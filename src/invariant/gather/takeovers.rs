//! Who became the primary of a shard, and how: told by the servers' own logs.
//!
//! The lines are those of `cluster_legacy.c` in Valkey 8.0 to 9.1 and of `cluster.c` in Redis 7, which says `master`.

use std::collections::{BTreeMap, BTreeSet};

use super::super::evidence::PrimaryChange;
use crate::event::Body;
use crate::id::{NodeId, ShardId};
use crate::plan::ClusterPlan;
use crate::time::SimTime;

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

    fn read(&mut self, node: NodeId, line: &str) -> Option<What> {
        if let Some(id) = followed(line) {
            return Some(What::Follows { id: id.to_owned() });
        }
        if is_election_won(line) {
            return Some(What::Promoted { coordinated: self.handing_over.remove(&node) });
        }
        if is_takeover(line) {
            self.handing_over.remove(&node);
            return Some(What::Promoted { coordinated: false });
        }
        if line.contains("replication stream processed, manual failover can start") {
            self.handing_over.insert(node);
        } else if MANUAL_ANEW.iter().any(|text| line.contains(text)) {
            self.handing_over.remove(&node);
        }
        None
    }

    /// The changes of primaries; `ids` are the nodes by their cluster ids.
    pub fn changes(&self, cluster: &ClusterPlan, ids: &BTreeMap<String, NodeId>) -> Vec<PrimaryChange> {
        let mut layout = Layout::new(cluster);
        for told in &self.told {
            match &told.what {
                What::Promoted { coordinated } => layout.promote(told, *coordinated),
                What::Follows { id } => layout.follow(told, ids.get(id).copied()),
            }
        }
        layout.changes
    }
}

fn is_election_won(line: &str) -> bool {
    line.contains("Failover election won: I'm the new ")
}

/// Whether a line says that its node takes a shard over.
pub(super) fn is_takeover(line: &str) -> bool {
    let taken = ["Taking over the primary (", "Taking over the master ("];
    is_election_won(line) || taken.iter().any(|text| line.contains(text))
}

/// Lines of a replica after which a handover, if one was under way, is none any more.
const MANUAL_ANEW: [&str; 3] =
    ["Manual failover user request accepted", "Forced failover ", "Manual failover timed out"];

/// The cluster id of the primary that a node says it follows from now on.
fn followed(line: &str) -> Option<&str> {
    let after = |text: &str| line.split_once(text).map(|(_, rest)| rest);
    let rest = after("Reconfiguring myself as a replica of ")
        .or_else(|| after("Migrating to orphaned primary "))
        .or_else(|| after("Migrating to orphaned master "))?;
    let is_id = |word: &&str| word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    rest.split_ascii_whitespace().take(2).find(is_id)
}

/// Who leads and who follows, beginning with the plan's layout.
struct Layout<'a> {
    cluster: &'a ClusterPlan,
    leads: BTreeMap<ShardId, NodeId>,
    follows: BTreeMap<NodeId, NodeId>,
    changes: Vec<PrimaryChange>,
}

impl<'a> Layout<'a> {
    fn new(cluster: &'a ClusterPlan) -> Self {
        let leads = cluster.shards().map(|shard| (shard, cluster.first_primary(shard))).collect();
        Layout { cluster, leads, follows: BTreeMap::new(), changes: Vec::new() }
    }

    fn promote(&mut self, told: &Told, coordinated: bool) {
        let shard = self.shard_of(told.node);
        let from = self.leads[&shard];
        self.follows.remove(&told.node);
        if from != told.node {
            self.leads.insert(shard, told.node);
            let (at, to) = (told.at, told.node);
            let change = PrimaryChange { at, shard, from, to, coordinated, stepped_down_at: None };
            self.changes.push(change);
        }
    }

    fn follow(&mut self, told: &Told, primary: Option<NodeId>) {
        self.follows.extend(primary.map(|primary| (told.node, primary)));
        let last = self.changes.iter_mut().rev().find(|change| change.from == told.node);
        let leads = self.leads.values().any(|node| *node == told.node);
        if let Some(change) = last.filter(|_| !leads) {
            change.stepped_down_at.get_or_insert(told.at);
        }
    }

    /// The shard whose primary a replica follows; where it was laid out if nothing else is known.
    fn shard_of(&self, node: NodeId) -> ShardId {
        let led =
            |by: &NodeId| self.leads.iter().find(|(_, primary)| *primary == by).map(|(shard, _)| *shard);
        self.follows.get(&node).and_then(led).unwrap_or_else(|| self.cluster.shard_of(node))
    }
}
