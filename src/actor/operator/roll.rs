//! Who is who: which node a name or an address belongs to, who is alive, and who plays which part in a view.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::fault::Target;
use crate::id::{Host, NodeId, ShardId};
use crate::plan::ClusterPlan;
use crate::wire::Role;
use crate::wire::cluster_nodes::{ClusterNodes, Health, NodeEntry};

/// What the operator knows of the cluster between two looks at it.
#[derive(Debug)]
pub(super) struct Roll {
    pub cluster: ClusterPlan,
    /// The names that nodes gave themselves when the cluster was formed.
    pub names: BTreeMap<String, NodeId>,
    /// Nodes without a process.
    pub dead: BTreeSet<NodeId>,
    /// The view that was seen last.
    pub last: Option<ClusterNodes>,
}

/// Who plays which part in a shard, in one view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// Who owns the shard's first slot.
    pub primary: NodeId,
    /// The epoch of its slots.
    pub epoch: u64,
    /// Its replicas, those that live first.
    pub replicas: Vec<NodeId>,
    /// How many of the replicas live.
    pub healthy: usize,
}

impl Roll {
    pub fn new(cluster: ClusterPlan) -> Self {
        let (names, dead) = Default::default();
        Roll { cluster, names, dead, last: None }
    }

    /// A command's argument with `{node-3}` replaced by what node 3 calls itself: nobody knows that when writing.
    pub fn fill_in(&self, argument: &str) -> String {
        self.names
            .iter()
            .fold(argument.to_owned(), |text, (name, node)| text.replace(&format!("{{{node}}}"), name))
    }

    /// Nodes with a process, in order.
    pub fn living(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.cluster.nodes().filter(|node| !self.dead.contains(node))
    }

    /// Which node an entry of a view is about.
    pub fn node_of(&self, entry: &NodeEntry) -> Option<NodeId> {
        let by_address = || match Host::from_address(entry.address.ip.parse::<Ipv4Addr>().ok()?) {
            Some(Host::Node(node)) => Some(node),
            _ => None,
        };
        self.names.get(&entry.id).copied().or_else(by_address)
    }

    /// Who owns the shard's first slot in a view.
    pub fn owner<'a>(&self, view: &'a ClusterNodes, shard: ShardId) -> Option<(NodeId, &'a NodeEntry)> {
        let entry = view.owner_of(self.cluster.slots_of(shard).0)?;
        Some((self.node_of(entry)?, entry))
    }

    /// Who plays which part in the shard in a view; nothing if nobody owns its first slot.
    pub fn parts(&self, view: &ClusterNodes, shard: ShardId) -> Option<Parts> {
        let (primary, owner) = self.owner(view, shard)?;
        let follows = |entry: &&NodeEntry| {
            entry.role() == Some(Role::Replica) && entry.primary.as_ref() == Some(&owner.id)
        };
        let followers = view.nodes.iter().filter(follows);
        let mut replicas: Vec<(bool, NodeId)> =
            followers.filter_map(|entry| Some((self.is_lost(entry), self.node_of(entry)?))).collect();
        replicas.sort_unstable();
        let healthy = replicas.iter().filter(|(lost, _)| !lost).count();
        let replicas = replicas.into_iter().map(|(_, node)| node).collect();
        Some(Parts { primary, epoch: owner.config_epoch, replicas, healthy })
    }

    fn is_lost(&self, entry: &NodeEntry) -> bool {
        entry.health() == Health::Failed || self.node_of(entry).is_none_or(|node| self.dead.contains(&node))
    }

    /// Whom a target means in a view; nothing for a part that nobody plays, and for clients.
    pub fn target(&self, view: Option<&ClusterNodes>, target: Target) -> Option<NodeId> {
        match target {
            Target::Node(node) => Some(node),
            Target::Clients => None,
            Target::Primary(shard) => Some(self.owner(view?, shard)?.0),
            Target::Replica(shard, n) => {
                let replicas = self.parts(view?, shard)?.replicas;
                let index = usize::from(n).checked_rem(replicas.len())?;
                Some(replicas[index])
            }
        }
    }
}
