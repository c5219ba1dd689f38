//! Smaller clusters for a plan: nodes and shards that nothing in it names are left out, and the rest moves up.

use std::collections::{BTreeMap, BTreeSet};

use crate::fault::{Cue, Target};
use crate::id::{Host, NodeId, ShardId};
use crate::language::{Layout, Renumber};
use crate::plan::{ClusterPlan, Plan};
use crate::scenario::check::check;

/// The fewest shards a cluster can have.
const LEAST_SHARDS: u16 = 3;

impl Plan {
    /// The plan with each smaller cluster that still has everything the plan names; the smallest cluster first.
    pub fn smaller_clusters(&self) -> Vec<Plan> {
        let named = Named::of(self);
        let all = &self.cluster;
        let sizes =
            (LEAST_SHARDS..=all.shards).flat_map(|shards| (0..=all.replicas).map(move |n| (shards, n)));
        let smaller = sizes.filter(|size| *size != (all.shards, all.replicas));
        let mut plans: Vec<Plan> = smaller
            .filter_map(|(shards, replicas)| Some(named.fit(all, shards, replicas)?.apply(self)))
            .filter(|plan| plan.faults.iter().all(|fault| fault.action.can_be_said()))
            .filter(|plan| check(&plan.to_scenario()).is_empty())
            .collect();
        plans.sort_by_key(|plan| (plan.cluster.node_count(), plan.cluster.shards));
        plans
    }
}

/// What a plan names of its cluster.
#[derive(Default)]
struct Named {
    /// The shards, with the places of nodes in them, from 0 for the first primary.
    places: BTreeMap<ShardId, BTreeSet<u16>>,
    /// Whether any replica is.
    replicas: bool,
}

impl Named {
    fn of(plan: &Plan) -> Self {
        let mut named = Named::default();
        for op in &plan.operations {
            op.action.targets().into_iter().for_each(|target| named.target(&plan.cluster, target));
        }
        for target in plan.faults.iter().flat_map(|fault| fault.action.targets()) {
            named.target(&plan.cluster, target);
        }
        for node in plan.cues().flat_map(Cue::nodes) {
            named.node(&plan.cluster, node);
        }
        for host in plan.network.delays.iter().flat_map(|delay| [delay.from, delay.to]) {
            if let Host::Node(node) = host {
                named.node(&plan.cluster, node);
            }
        }
        named
    }

    fn target(&mut self, cluster: &ClusterPlan, target: Target) {
        match target {
            Target::Node(node) => self.node(cluster, node),
            Target::Primary(shard) | Target::Replica(shard, _) => {
                if shard.0 <= cluster.shards {
                    self.places.entry(shard).or_default();
                }
                self.replicas |= matches!(target, Target::Replica(..));
            }
            Target::Clients => {}
        }
    }

    /// Spare nodes stand beside a cluster of any size.
    fn node(&mut self, cluster: &ClusterPlan, node: NodeId) {
        if cluster.layout().is_spare(node) {
            return;
        }
        let place = (node.0 - 1) % (1 + cluster.replicas);
        self.places.entry(cluster.shard_of(node)).or_default().insert(place);
    }

    /// How everything that is named finds room in a cluster of this size, if it does.
    fn fit(&self, cluster: &ClusterPlan, shards: u16, replicas: u16) -> Option<Renumbering> {
        let spare = cluster.shards().filter(|shard| !self.places.contains_key(shard));
        let spare = spare.take(usize::from(shards).checked_sub(self.places.len())?);
        let kept: BTreeSet<ShardId> = self.places.keys().copied().chain(spare).collect();
        let smaller = ClusterPlan { shards, replicas, ..cluster.clone() };
        let mut nodes = BTreeMap::new();
        let shards: BTreeMap<ShardId, ShardId> = kept.into_iter().zip(smaller.shards()).collect();
        for (old, new) in &shards {
            let places = self.places_kept(cluster, *old, replicas)?;
            let first = (cluster.first_primary(*old).0, smaller.first_primary(*new).0);
            nodes.extend((0..).zip(places).map(|(new, old)| (NodeId(first.0 + old), NodeId(first.1 + new))));
        }
        let old = cluster.layout();
        (replicas > 0 || !self.replicas).then_some(Renumbering { old, cluster: smaller, shards, nodes })
    }

    /// Which nodes of a shard stay, by their places: the primary, those that are named, and others to fill up.
    fn places_kept(&self, cluster: &ClusterPlan, shard: ShardId, replicas: u16) -> Option<BTreeSet<u16>> {
        let mut kept: BTreeSet<u16> = self.places.get(&shard).cloned().unwrap_or_default();
        kept.insert(0);
        let spare: Vec<u16> = (1..=cluster.replicas).filter(|place| !kept.contains(place)).collect();
        kept.extend(spare.into_iter().take(usize::from(1 + replicas).checked_sub(kept.len())?));
        Some(kept)
    }
}

/// Where everything that stays is in the smaller cluster.
struct Renumbering {
    old: Layout,
    cluster: ClusterPlan,
    shards: BTreeMap<ShardId, ShardId>,
    nodes: BTreeMap<NodeId, NodeId>,
}

impl Renumbering {
    fn apply(&self, plan: &Plan) -> Plan {
        let mut plan = Plan { cluster: self.cluster.clone(), ..plan.clone() };
        let kept = |(node, server): (&NodeId, &String)| {
            let stays = self.old.is_spare(*node) || self.nodes.contains_key(node);
            stays.then(|| (self.node(*node), server.clone()))
        };
        plan.cluster.servers = self.cluster.servers.iter().filter_map(kept).collect();
        for op in &mut plan.operations {
            op.action.renumber(self);
        }
        for target in plan.faults.iter_mut().flat_map(|fault| fault.action.targets_mut()) {
            *target = target.renumbered(self);
        }
        for cue in plan.cues_mut() {
            cue.renumber(self);
        }
        for delay in &mut plan.network.delays {
            (delay.from, delay.to) = (self.host(delay.from), self.host(delay.to));
        }
        plan
    }

    fn host(&self, host: Host) -> Host {
        match host {
            Host::Node(node) => Host::Node(self.node(node)),
            other => other,
        }
    }
}

impl Renumber for Renumbering {
    fn shard(&self, shard: ShardId) -> ShardId {
        let founded = shard.0.checked_sub(self.old.shards).filter(|nth| *nth > 0);
        founded.map_or_else(|| self.shards[&shard], |nth| ShardId(self.cluster.shards + nth))
    }

    fn node(&self, node: NodeId) -> NodeId {
        let spare = node.0.checked_sub(self.old.node_count()).filter(|nth| *nth > 0);
        spare.map_or_else(|| self.nodes[&node], |nth| NodeId(self.cluster.node_count() + nth))
    }

    /// A number beyond the last replica counts on from the first.
    fn replica(&self, nth: u16) -> u16 {
        nth % self.cluster.replicas
    }
}
