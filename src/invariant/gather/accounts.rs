//! What nodes said of themselves when they were read out, and what stood in their files when their processes ended.

use std::collections::BTreeMap;

use crate::event::{Body, BusSummary, MessageType, Told, Topic};
use crate::id::NodeId;
use crate::invariant::account::Account;
use crate::invariant::evidence::{FileReport, Vote};
use crate::time::SimTime;
use crate::wire::cluster_file::NodesConf;

/// What was heard so far.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    pub heard: BTreeMap<NodeId, Account>,
    /// The last look into a node's file, until its answers are followed by another one.
    files: BTreeMap<NodeId, Option<String>>,
    /// Nodes whose answers came after the last look into their files.
    answered: BTreeMap<NodeId, ()>,
    exited: BTreeMap<NodeId, SimTime>,
    /// Files of nodes whose processes had ended.
    pub left: Vec<FileReport>,
    /// Votes that were given.
    pub votes: Vec<Vote>,
}

impl Accounts {
    /// Takes what the validator was told or noted.
    pub fn see(&mut self, at: SimTime, body: &Body) {
        match body {
            // What it holds is asked while the run goes on as well; the chronicle has it.
            Body::Account { topic: Topic::Resources, .. } => {}
            Body::Account { node, topic, said } => {
                self.heard.entry(*node).or_default().take(at, *topic, said);
                self.answered.insert(*node, ());
            }
            Body::Tell { message: Told::NodeExited { node, .. } } => drop(self.exited.insert(*node, at)),
            Body::Tell { message: Told::NodeStarted { node } } => drop(self.exited.remove(node)),
            Body::Tell { message: Told::NodesConf { node, text } } => self.file(at, *node, text.as_ref()),
            _ => {}
        }
    }

    /// Takes a message of the bus that a node sent.
    pub fn sent(&mut self, node: NodeId, at: SimTime, bus: &BusSummary) {
        if let Some(epoch) = bus.current_epoch.filter(|_| bus.r#type == MessageType::FAILOVER_AUTH_ACK) {
            self.votes.push(Vote { node, at, epoch });
        }
    }

    fn file(&mut self, at: SimTime, node: NodeId, text: Option<&String>) {
        if self.exited.get(&node) == Some(&at) {
            let file = text.map(|text| parsed(text));
            self.left.push(FileReport { node, at, file });
        }
        let before = self.files.insert(node, text.cloned());
        if self.answered.remove(&node).is_some() {
            let account = self.heard.entry(node).or_default();
            account.nodes_conf =
                text.filter(|_| before.as_ref() == Some(&text.cloned())).map(|text| parsed(text));
        }
    }
}

fn parsed(text: &str) -> Result<NodesConf, String> {
    NodesConf::parse(text).map_err(|error| error.to_string())
}
