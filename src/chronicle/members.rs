//! Every node of the plan: its process, and what it said of itself last.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bus::{Header, Message};
use super::views::Owners;
use crate::event::{Body, Event};
use crate::id::NodeId;
use crate::plan::Plan;
use crate::time::SimTime;
use crate::wire::server_log::Said;

/// A node as it lived and spoke until now.
#[derive(Clone, Debug, Default)]
pub struct Member {
    /// When the process that it runs now was started; `None` if it runs none.
    pub started_at: Option<SimTime>,
    /// Its process is stopped, since then.
    pub paused_at: Option<SimTime>,
    /// The last message with a full header; kept when the process ends.
    pub last: Option<Arc<Message>>,
    /// The first two numbers of its server's version, as it said when it started last.
    pub version: Option<(u64, u64)>,
}

/// All nodes, and whose cluster ids are whose.
#[derive(Clone, Debug)]
pub struct Members {
    nodes: BTreeMap<NodeId, Member>,
    ids: BTreeMap<String, NodeId>,
}

impl Members {
    pub(super) fn new(plan: &Plan) -> Self {
        let nodes = plan.cluster.hosts().map(|node| (node, Member::default())).collect();
        Members { nodes, ids: BTreeMap::new() }
    }

    /// Nobody.
    #[cfg(test)]
    pub(super) fn empty() -> Self {
        Members { nodes: BTreeMap::new(), ids: BTreeMap::new() }
    }

    pub(super) fn see(&mut self, event: &Event) {
        let Some(node) = event.actor.node() else {
            return;
        };
        let member = self.nodes.entry(node).or_default();
        match &event.body {
            Body::Start { .. } => (member.started_at, member.paused_at) = (Some(event.at), None),
            Body::Exited { .. } | Body::Livelock { .. } => member.started_at = None,
            Body::Pause { paused } => member.paused_at = paused.then_some(event.at),
            _ => {}
        }
    }

    /// Takes what a server's log says.
    pub(super) fn logged(&mut self, node: NodeId, said: Said) {
        if let Said::Version(major, minor) = said {
            self.nodes.entry(node).or_default().version = Some((major, minor));
        }
    }

    pub(super) fn said(&mut self, message: &Arc<Message>) {
        let Some(header) = &message.header else {
            return;
        };
        if !self.ids.contains_key(&header.claim.id) {
            self.ids.insert(header.claim.id.clone(), message.from);
        }
        self.nodes.entry(message.from).or_default().last = Some(Arc::clone(message));
    }

    /// The node that once said this cluster id was its own.
    pub fn named(&self, id: &str) -> Option<NodeId> {
        self.ids.get(id).copied()
    }

    /// The node whose cluster id this is now, as it said last.
    pub fn current(&self, id: &str) -> Option<NodeId> {
        let is_it = |node: &NodeId| {
            self.get(*node).and_then(Member::header).is_some_and(|header| header.claim.id == id)
        };
        self.named(id).filter(is_it)
    }

    /// A node as it is now.
    pub fn get(&self, node: NodeId) -> Option<&Member> {
        self.nodes.get(&node)
    }

    /// The primaries that own slots, by what each node said of itself last.
    pub fn owners(&self) -> Owners {
        Owners::of(self.nodes.values().filter_map(|member| member.last.as_ref()))
    }

    /// How many are a majority, to a node that knows these owners, or by what each node said of itself if they are fewer: slots that
    /// moved are known to their owners first.
    pub(super) fn least_quorum(&self, known: &Owners) -> usize {
        known.quorum().min(self.owners().quorum())
    }

    /// Every node as it is now.
    pub fn all(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.nodes.iter().map(|(node, member)| (*node, member))
    }
}

impl Member {
    /// What it said of itself last.
    pub fn header(&self) -> Option<&Header> {
        self.last.as_ref()?.header.as_ref()
    }
}
