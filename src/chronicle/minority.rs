//! Nodes that say that they are part of a minority, and from whom they then heard nothing until when.
//!
//! A node that says so suspects so many owners of slots that the others are no majority (`clusterUpdateState`). It can take none of
//! that back before it hears of one of those who had been silent for a node timeout by then.

use std::collections::{BTreeMap, BTreeSet};

use super::bus::Heard;
use super::views::{Owners, Views};
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};

/// Every node that said so last, until it says that it serves.
#[derive(Clone, Debug, Default)]
pub(super) struct Minorities(BTreeMap<NodeId, Minority>);

#[derive(Clone, Debug)]
struct Minority {
    /// Who owned slots by its knowledge.
    owners: BTreeSet<NodeId>,
    /// Those of whom it had heard nothing for long enough.
    silent: BTreeSet<NodeId>,
    /// When it heard of the first of these again.
    until: Option<SimTime>,
}

impl Minorities {
    /// A node says that it is part of a minority.
    pub fn begins(
        &mut self,
        (node, at): (NodeId, SimTime),
        owners: &Owners,
        views: &Views,
        timeout: SimDuration,
    ) {
        let owners: BTreeSet<_> = owners.nodes().collect();
        let is_silent =
            |owner: &NodeId| views.heard_at(node, *owner).is_some_and(|heard| at.since(heard) >= timeout);
        let silent = owners.iter().copied().filter(|owner| *owner != node && is_silent(owner)).collect();
        self.0.insert(node, Minority { owners, silent, until: None });
    }

    /// What is known of a node ends.
    pub fn forget(&mut self, node: NodeId) {
        self.0.remove(&node);
    }

    pub fn heard(&mut self, heard: &Heard) {
        let (from, to) = (heard.message.from, heard.message.to);
        if let Some(minority) = self.0.get_mut(&to).filter(|minority| minority.silent.contains(&from)) {
            minority.until.get_or_insert(heard.at);
        }
    }

    /// Until when a node that knows these owners saw no majority at least, since it said so last.
    pub fn until(&self, node: NodeId, owners: &Owners) -> Option<SimTime> {
        let minority = self.0.get(&node)?;
        let is_same = owners.nodes().eq(minority.owners.iter().copied());
        let is_certain = owners.count() < owners.quorum() + minority.silent.len();
        minority.until.filter(|_| is_same && is_certain)
    }
}
