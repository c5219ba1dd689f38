//! Nodes come, go, and change their shards: what the operator does for it once it has seen the cluster.

use super::deferred::Deferred;
use super::roll::{Roll, Views};
use crate::id::{NodeId, ShardId};
use crate::op::{
    AddReplica, Forget, Meet, MoveReplica, OpAction, RemoveReplica, Replicate, RestartEmpty, RollingUpgrade,
    ScaleIn, ScaleOut, Shutdown, ShutdownOption,
};

impl Deferred for AddReplica {
    fn parts_now(&self, views: &Views, roll: &Roll) -> Result<Vec<OpAction>, String> {
        let of = primary(views, roll, self.shard)?;
        let mut parts = taken_in(self.node, of, views, roll)?;
        parts.push(Replicate { node: self.node, of }.into());
        Ok(parts)
    }
}

impl Deferred for MoveReplica {
    fn parts_now(&self, views: &Views, roll: &Roll) -> Result<Vec<OpAction>, String> {
        Ok(vec![Replicate { node: self.node, of: primary(views, roll, self.to)? }.into()])
    }
}

impl Deferred for RemoveReplica {
    fn parts_now(&self, views: &Views, roll: &Roll) -> Result<Vec<OpAction>, String> {
        let count = roll.slots_of(views, self.node);
        if count > 0 {
            return Err(format!("{} owns {count} slots", self.node));
        }
        Ok(removal(self.node, views, roll))
    }
}

impl Deferred for ScaleIn {
    fn parts_now(&self, views: &Views, roll: &Roll) -> Result<Vec<OpAction>, String> {
        let parts = roll.parts(views, self.shard).ok_or_else(|| nobody(self.shard))?;
        let of = primary(views, roll, self.to)?;
        let layout = roll.cluster.layout();
        let is_own = |node: &NodeId| layout.shard_of(*node) == self.shard || layout.is_spare(*node);
        let (own, guests): (Vec<NodeId>, Vec<NodeId>) = parts.replicas.into_iter().partition(is_own);
        let leave = own.into_iter().chain(Some(parts.primary).filter(is_own));
        let drain = crate::op::OpKind::parts(self);
        let follow = guests.into_iter().map(|node| Replicate { node, of }.into());
        Ok(drain.into_iter().chain(follow).chain(leave.map(|node| RemoveReplica { node }.into())).collect())
    }
}

impl Deferred for ScaleOut {
    fn parts_now(&self, views: &Views, roll: &Roll) -> Result<Vec<OpAction>, String> {
        let mut known = roll.cluster.shards().filter_map(|shard| Some(roll.parts(views, shard)?.primary));
        let member = known.next().ok_or("no shard has a primary that answers")?;
        let mut nodes = self.nodes.iter().copied();
        let founder = nodes.next().ok_or("there is nobody")?;
        let mut parts = taken_in(founder, member, views, roll)?;
        for node in nodes {
            parts.extend(taken_in(node, founder, views, roll)?);
            parts.push(Replicate { node, of: founder }.into());
        }
        parts.extend(self.moves());
        Ok(parts)
    }
}

/// Each node by itself: who leads a shard is looked up again when its turn comes.
impl Deferred for RollingUpgrade {
    fn parts_now(&self, views: &Views, roll: &Roll) -> Result<Vec<OpAction>, String> {
        let [node] = self.nodes.as_slice() else {
            let alone = |node: &NodeId| RollingUpgrade { nodes: vec![*node], ..self.clone() }.into();
            return Ok(self.nodes.iter().map(alone).collect());
        };
        let led = |shard: &ShardId| {
            roll.parts(views, *shard).is_some_and(|parts| parts.primary == *node && parts.healthy > 0)
        };
        let led = self.shards.iter().copied().find(led).filter(|_| self.hand_over);
        Ok(led.map(|shard| self.failover(shard)).into_iter().chain([self.restart(*node)]).collect())
    }
}

/// A node starts with nothing and meets a member, unless it is one itself.
fn taken_in(node: NodeId, member: NodeId, views: &Views, roll: &Roll) -> Result<Vec<OpAction>, String> {
    let is_member = roll.known_by(views, node).next().is_some();
    if is_member && !roll.dead.contains(&node) {
        return Err(format!("{node} is a member already"));
    }
    Ok(vec![RestartEmpty { node, kill: false }.into(), Meet { node, with: member }.into()])
}

/// A node is forgotten by all who can forget it, and ends if it lives.
fn removal(node: NodeId, views: &Views, roll: &Roll) -> Vec<OpAction> {
    let forgets: Vec<NodeId> =
        roll.known_by(views, node).filter(|by| !roll.follows(views, *by, node)).collect();
    let forget = (!forgets.is_empty()).then(|| Forget { nodes: forgets, whom: node }.into());
    let options = vec![ShutdownOption::Nosave, ShutdownOption::Now];
    let end = (!roll.dead.contains(&node)).then(|| Shutdown { node, options }.into());
    forget.into_iter().chain(end).collect()
}

fn primary(views: &Views, roll: &Roll, shard: ShardId) -> Result<NodeId, String> {
    roll.parts(views, shard).map(|parts| parts.primary).ok_or_else(|| nobody(shard))
}

fn nobody(shard: ShardId) -> String {
    format!("{shard} has no primary that is known")
}
