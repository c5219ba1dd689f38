//! One look at the cluster: what those whom it concerns say of it, asked all at once.
//!
//! While a change spreads, views differ, and who changed knows first. So the members of the shards in question are
//! asked, and `roll.rs` takes the newest of what they say; everybody else is asked only if none of them answers. A
//! node that does not answer soon is passed over, as it may be paused.

use std::collections::BTreeMap;
use std::mem;

use super::Desk;
use super::reply;
use super::roll::Views;
use crate::actor::session::Answer;
use crate::id::{NodeId, ShardId};
use crate::time::SimDuration;
use crate::wire::cluster_nodes::ClusterNodes;

/// How long a node may take to answer.
const ANSWER_WITHIN: SimDuration = SimDuration::from_ms(500);

/// A look that is being taken.
#[derive(Debug)]
pub(super) struct Lookup {
    /// Who can still be asked.
    others: Vec<NodeId>,
    /// Who was asked and has not answered, by the number of the ask.
    open: BTreeMap<u64, NodeId>,
    timer: u64,
    views: Views,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It goes on.
    NotYet,
    /// What was answered; nothing if nobody did.
    Seen(Views),
}

impl Lookup {
    /// Begins with the members of `shards`. It may be over at once, if nobody lives.
    pub fn start(shards: &[ShardId], desk: &mut Desk) -> (Self, Found) {
        let members: Vec<NodeId> = shards.iter().flat_map(|shard| desk.roll.members(*shard)).collect();
        let (first, others) = desk.roll.living().partition(|node| members.contains(node));
        let mut lookup = Lookup { others, open: BTreeMap::new(), timer: 0, views: Views::default() };
        let found = lookup.ask(first, desk);
        (lookup, found)
    }

    /// Takes an answer, if it is one of its own.
    pub fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> Found {
        let Some(node) = self.open.remove(&answer.tag) else {
            return Found::NotYet;
        };
        let text = answer.result.as_ref().ok().and_then(|value| reply::text(value).ok());
        self.views.0.extend(text.and_then(|text| ClusterNodes::parse(&text).ok()).map(|view| (node, view)));
        if self.open.is_empty() { self.conclude(desk) } else { Found::NotYet }
    }

    /// Takes a timer that is due, if it is its own.
    pub fn ticked(&mut self, token: u64, desk: &mut Desk) -> Found {
        if token == self.timer && !self.open.is_empty() { self.conclude(desk) } else { Found::NotYet }
    }

    fn ask(&mut self, nodes: Vec<NodeId>, desk: &mut Desk) -> Found {
        if nodes.is_empty() {
            return self.conclude(desk);
        }
        self.timer = desk.terminal.set_timer(ANSWER_WITHIN, "lookup: wait no longer", desk.out);
        for node in nodes {
            self.open.insert(desk.terminal.ask(node, &["CLUSTER", "NODES"], desk.out), node);
        }
        Found::NotYet
    }

    fn conclude(&mut self, desk: &mut Desk) -> Found {
        self.open.clear();
        if self.views.0.is_empty() && !self.others.is_empty() {
            let others = mem::take(&mut self.others);
            return self.ask(others, desk);
        }
        let views = mem::take(&mut self.views);
        desk.roll.learn(&views);
        Found::Seen(views)
    }
}
