//! Whether a reply says what a task of the formation waits for; if not, why, in words for a person.

use std::collections::BTreeMap;

use redis::Value;

use crate::actor::operator::reply;
use crate::id::NodeId;
use crate::plan::ClusterPlan;
use crate::wire::Role;
use crate::wire::cluster_nodes::{ClusterNodes, Health, NodeEntry, NodeFlag};
use crate::wire::info::{ClusterInfo, Info};

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// `PONG`, and not that the server is still loading.
    Pong,
    /// The node's name.
    Name,
    /// `OK`.
    Done,
    /// `OK`, or that it was done already: its answer may have been lost.
    DoneOnce,
    /// A view with every node, and none in handshake.
    Members,
    /// A view with the roles and slots of the plan.
    Layout,
    /// `cluster_state:ok`.
    Healthy,
    /// A replica whose link to its primary is up.
    Linked,
}

impl Check {
    /// Judges an error: some are as good as success.
    pub fn forgive(self, error: &str) -> Result<(), String> {
        let before = error.contains("already non-zero") || error.contains("already busy");
        if self == Check::DoneOnce && before { Ok(()) } else { Err(error.to_owned()) }
    }

    /// Judges a reply.
    pub fn judge(
        self,
        reply: &Value,
        cluster: &ClusterPlan,
        ids: &BTreeMap<NodeId, String>,
    ) -> Result<(), String> {
        let text = reply::text(reply)?;
        match self {
            Check::Name => Ok(()),
            Check::Pong => expect(&text, "PONG"),
            Check::Done | Check::DoneOnce => expect(&text, "OK"),
            Check::Members => members(&view(&text)?, ids),
            Check::Layout => layout(&view(&text)?, cluster, ids),
            Check::Healthy => healthy(&text),
            Check::Linked => linked(&text),
        }
    }
}

fn expect(text: &str, wanted: &str) -> Result<(), String> {
    if text == wanted { Ok(()) } else { Err(format!("answered {}", reply::shorten(text))) }
}

fn view(text: &str) -> Result<ClusterNodes, String> {
    ClusterNodes::parse(text).map_err(|error| error.to_string())
}

fn members(view: &ClusterNodes, ids: &BTreeMap<NodeId, String>) -> Result<(), String> {
    ids.iter().try_for_each(|(node, id)| member(view, *node, id).map(|_| ()))?;
    let strangers = view.nodes.len().saturating_sub(ids.len());
    if strangers == 0 { Ok(()) } else { Err(format!("knows {strangers} nodes that nobody is")) }
}

fn member<'a>(view: &'a ClusterNodes, node: NodeId, id: &str) -> Result<&'a NodeEntry, String> {
    let entry = view.node(id).ok_or_else(|| format!("does not know {node}"))?;
    match (entry.has(&NodeFlag::Handshake), entry.health(), entry.connected) {
        (true, ..) => Err(format!("is in handshake with {node}")),
        (_, Health::Suspected | Health::Failed, _) => Err(format!("holds {node} for dead")),
        (.., false) => Err(format!("is not connected to {node}")),
        _ => Ok(entry),
    }
}

fn layout(view: &ClusterNodes, cluster: &ClusterPlan, ids: &BTreeMap<NodeId, String>) -> Result<(), String> {
    for (node, id) in ids {
        let entry = member(view, *node, id)?;
        let (shard, first) = (cluster.shard_of(*node), cluster.first_primary(cluster.shard_of(*node)));
        let fits = if first == *node {
            let (low, high) = cluster.slots_of(shard);
            let whole = entry.slot_count() == u32::from(high - low) + 1;
            entry.role() == Some(Role::Primary) && whole && entry.owns(low) && entry.owns(high)
        } else {
            entry.role() == Some(Role::Replica) && entry.primary.as_ref() == ids.get(&first)
        };
        if !fits {
            let part = if first == *node { "primary" } else { "replica" };
            return Err(format!("does not see {node} as {part} of {shard}"));
        }
    }
    Ok(())
}

fn healthy(text: &str) -> Result<(), String> {
    let info = ClusterInfo::parse(text).map_err(|error| error.to_string())?;
    let assigned = info.slots_assigned;
    if info.ok { Ok(()) } else { Err(format!("cluster_state is not ok, {assigned} slots assigned")) }
}

fn linked(text: &str) -> Result<(), String> {
    let replication = Info::parse(text).replication().map_err(|error| error.to_string())?;
    match (replication.role, replication.primary_link_up) {
        (Role::Replica, Some(true)) => Ok(()),
        (Role::Replica, _) => Err("the link to its primary is not up".to_owned()),
        (Role::Primary, _) => Err("it is no replica yet".to_owned()),
    }
}
