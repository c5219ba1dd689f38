//! Who is who: which node a name or an address belongs to, who is alive, and who plays which part in a shard.
//!
//! Views of several nodes are weighed here: of two owners of a shard the one under the higher epoch counts, as it does
//! to the servers themselves, and whom a node follows is what it says itself.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::fault::Target;
use crate::id::{Host, NodeId, ShardId};
use crate::plan::ClusterPlan;
use crate::wire::Role;
use crate::wire::cluster_nodes::{ClusterNodes, Health, NodeEntry, NodeFlag};

/// What the operator knows of the cluster between two looks at it.
#[derive(Debug)]
pub(super) struct Roll {
    pub cluster: ClusterPlan,
    /// Every name that a node has given itself since the cluster was formed.
    pub names: BTreeMap<String, NodeId>,
    /// What each node calls itself now.
    pub current: BTreeMap<NodeId, String>,
    /// The shard that each node belongs to: where it was laid out, or was last seen to follow a primary.
    homes: BTreeMap<NodeId, ShardId>,
    /// Nodes without a process.
    pub dead: BTreeSet<NodeId>,
    /// What each node said when it last answered.
    pub last: Views,
}

/// What several nodes say of the cluster, by who says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Views(pub BTreeMap<NodeId, ClusterNodes>);

/// Who plays which part in a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// Who owns the shard's slots.
    pub primary: NodeId,
    /// The epoch of its slots.
    pub epoch: u64,
    /// Its replicas: those that live first, and of these those that answered.
    pub replicas: Vec<NodeId>,
    /// How many of the replicas live.
    pub healthy: usize,
}

impl Roll {
    pub fn new(cluster: ClusterPlan) -> Self {
        let (names, current, last) = Default::default();
        let dead = cluster.hosts().filter(|node| cluster.layout().is_spare(*node)).collect();
        let homes = cluster.hosts().map(|node| (node, cluster.shard_of(node))).collect();
        Roll { cluster, names, current, homes, dead, last }
    }

    /// A command's argument with `{node-3}` replaced by what node 3 calls itself: nobody knows that when writing.
    pub fn fill_in(&self, argument: &str) -> String {
        self.current
            .iter()
            .fold(argument.to_owned(), |text, (node, name)| text.replace(&format!("{{{node}}}"), name))
    }

    /// Takes note of what a node calls itself: after a reset it is another name.
    pub fn hear(&mut self, node: NodeId, view: &ClusterNodes) {
        if let Some(own) = view.myself() {
            self.names.insert(own.id.clone(), node);
            self.current.insert(node, own.id.clone());
        }
    }

    /// Nodes with a process, in order.
    pub fn living(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.cluster.hosts().filter(|node| !self.dead.contains(node))
    }

    /// The nodes laid out in a shard, and those that were last seen in it.
    pub fn members(&self, shard: ShardId) -> BTreeSet<NodeId> {
        let laid_out = self.cluster.hosts().filter(|node| self.cluster.shard_of(*node) == shard);
        let parts = self.parts(&self.last, shard);
        let seen = parts.into_iter().flat_map(|parts| parts.replicas.into_iter().chain([parts.primary]));
        laid_out.chain(seen).collect()
    }

    /// Which node an entry of a view is about.
    pub fn node_of(&self, entry: &NodeEntry) -> Option<NodeId> {
        let by_address = || match Host::from_address(entry.address.ip.parse::<Ipv4Addr>().ok()?) {
            Some(Host::Node(node)) => Some(node),
            _ => None,
        };
        self.names.get(&entry.id).copied().or_else(by_address)
    }

    /// Who owns the shard in a view: the primary that belongs to it and has slots, most of its own if there are several; if
    /// there is none, who has most of the slots that it was given, and in a shard that has got none yet, who founded it.
    pub fn owner<'a>(&self, view: &'a ClusterNodes, shard: ShardId) -> Option<(NodeId, &'a NodeEntry)> {
        let (first, last) = self.cluster.slots_of(shard);
        let share = |entry: &NodeEntry| -> u32 {
            let common = entry.slots.iter().map(|range| (range.first.max(first), range.last.min(last)));
            common.filter(|(a, b)| a <= b).map(|(a, b)| u32::from(b - a) + 1).sum()
        };
        let is_home =
            |entry: &NodeEntry| self.node_of(entry).is_some_and(|node| self.homes.get(&node) == Some(&shard));
        let with_slots = || view.nodes.iter().filter(|entry| !entry.slots.is_empty());
        let at_home = with_slots().filter(|entry| is_home(entry)).max_by_key(|entry| share(entry));
        let by_share = || with_slots().max_by_key(|entry| share(entry)).filter(|entry| share(entry) > 0);
        let founder = || {
            let founder =
                Some(self.cluster.first_primary(shard)).filter(|node| self.cluster.layout().is_spare(*node));
            let is_it =
                |entry: &&NodeEntry| entry.role() == Some(Role::Primary) && self.node_of(entry) == founder;
            view.nodes.iter().filter(|_| founder.is_some()).find(is_it)
        };
        let entry = at_home.or_else(by_share).or_else(founder)?;
        Some((self.node_of(entry)?, entry))
    }

    /// Takes note of whose replicas nodes are: by their own word, and by that of others for those who say nothing.
    pub fn learn(&mut self, views: &Views) {
        for (node, view) in &views.0 {
            self.hear(*node, view);
        }
        let rows = |is_own: bool| {
            views.0.iter().flat_map(move |(by, view)| view.nodes.iter().map(move |row| (*by, row, is_own)))
        };
        let follows = |(by, row, is_own): (NodeId, &NodeEntry, bool)| {
            let node = self
                .node_of(row)
                .filter(|node| (*node == by) == is_own && row.role() == Some(Role::Replica))?;
            Some((node, *self.names.get(row.primary.as_ref()?)?))
        };
        let follows: Vec<(NodeId, NodeId)> = rows(false).chain(rows(true)).filter_map(follows).collect();
        for (node, primary) in follows {
            if let Some(home) = self.homes.get(&primary).copied() {
                self.homes.insert(node, home);
            }
        }
        self.last.0.extend(views.0.clone());
    }

    /// Who says that it knows a node, by any of its names, and is not the node itself.
    pub fn known_by<'r>(&'r self, views: &'r Views, node: NodeId) -> impl Iterator<Item = NodeId> + 'r {
        let knows = move |view: &ClusterNodes| {
            let current = self.current.get(&node);
            view.nodes.iter().any(|entry| Some(&entry.id) == current && !entry.has(&NodeFlag::Handshake))
        };
        views.0.iter().filter(move |(by, view)| **by != node && knows(view)).map(|(by, _)| *by)
    }

    /// Whether a node says that it replicates another one.
    pub fn follows(&self, views: &Views, node: NodeId, primary: NodeId) -> bool {
        let own = views.0.get(&node).and_then(|view| view.myself());
        own.and_then(|own| self.names.get(own.primary.as_ref()?)) == Some(&primary)
    }

    /// The most slots that any view gives a node.
    pub fn slots_of(&self, views: &Views, node: NodeId) -> usize {
        let entries = views.0.values().flat_map(|view| &view.nodes);
        let of_it = entries.filter(|entry| self.node_of(entry) == Some(node));
        let count = |entry: &NodeEntry| -> usize {
            entry.slots.iter().map(|range| usize::from(range.last - range.first) + 1).sum()
        };
        of_it.map(count).max().unwrap_or(0)
    }

    /// Of several views the one whose owner of the shard is the newest, if it can be its own.
    fn newest<'a>(&self, views: &'a Views, shard: ShardId) -> Option<&'a ClusterNodes> {
        let age = |(viewer, view): &(&NodeId, &ClusterNodes)| {
            let owner = self.owner(view, shard);
            (owner.map(|(owner, entry)| (entry.config_epoch, owner == **viewer)), Reverse(**viewer))
        };
        views.0.iter().max_by_key(age).map(|(_, view)| view)
    }

    /// Who plays which part in the shard; nothing if nobody owns its slots.
    pub fn parts(&self, views: &Views, shard: ShardId) -> Option<Parts> {
        let view = self.newest(views, shard)?;
        let (primary, owner) = self.owner(view, shard)?;
        let mut replicas: Vec<(bool, bool, NodeId)> = self
            .followers(views, view, &owner.id)
            .into_iter()
            .map(|node| (self.is_lost(node, views, view), !views.0.contains_key(&node), node))
            .collect();
        replicas.sort_unstable();
        let healthy = replicas.iter().filter(|(lost, ..)| !lost).count();
        let replicas = replicas.into_iter().map(|(.., node)| node).collect();
        Some(Parts { primary, epoch: owner.config_epoch, replicas, healthy })
    }

    /// Who follows the node with the id: by its own word, and by `view` for those who say nothing.
    fn followers(&self, views: &Views, view: &ClusterNodes, id: &str) -> BTreeSet<NodeId> {
        let follows =
            |entry: &NodeEntry| entry.role() == Some(Role::Replica) && entry.primary.as_deref() == Some(id);
        let own =
            views.0.iter().filter(|(_, view)| view.myself().is_some_and(follows)).map(|(node, _)| *node);
        let others = view.nodes.iter().filter(|entry| follows(entry)).filter_map(|entry| self.node_of(entry));
        own.chain(others.filter(|node| !views.0.contains_key(node))).collect()
    }

    /// Whether a node has no process, or is held for failed and says nothing to the contrary.
    fn is_lost(&self, node: NodeId, views: &Views, view: &ClusterNodes) -> bool {
        let entry = view.nodes.iter().find(|entry| self.node_of(entry) == Some(node));
        let failed = entry.is_some_and(|entry| entry.health() == Health::Failed);
        self.dead.contains(&node) || failed && !views.0.contains_key(&node)
    }

    /// The shard whose primary a node follows by its own word.
    pub fn shard_followed(&self, views: &Views, node: NodeId) -> Option<ShardId> {
        let view = views.0.get(&node)?;
        let primary = view.myself()?.primary.as_ref()?;
        let leads = |shard: &ShardId| self.owner(view, *shard).is_some_and(|(_, owner)| owner.id == *primary);
        self.cluster.possible_shards().find(leads)
    }

    /// Whom a target means; nothing for a part that nobody plays, and for clients.
    pub fn target(&self, views: &Views, target: Target) -> Option<NodeId> {
        match target {
            Target::Node(node) => Some(node),
            Target::Clients => None,
            Target::Primary(shard) => Some(self.parts(views, shard)?.primary),
            Target::Replica(shard, n) => {
                let replicas = self.parts(views, shard)?.replicas;
                let index = usize::from(n).checked_rem(replicas.len())?;
                Some(replicas[index])
            }
        }
    }
}
