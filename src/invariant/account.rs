//! What one node said of itself and of the cluster in one go at the end, typed.
//!
//! An answer that the server refused, or that the log does not have, is `None`: nobody is judged by what was not heard.

use std::collections::{BTreeMap, BTreeSet};

use super::Evidence;
use super::verdict::Findings;
use crate::event::{Said, Topic};
use crate::id::NodeId;
use crate::time::SimTime;
use crate::wire::cluster_links::{self, Links};
use crate::wire::cluster_nodes::{ClusterNodes, NodeEntry};
use crate::wire::cluster_shards::{self, Shard};
use crate::wire::cluster_slots::{self, SlotGroup};
use crate::wire::info::{ClusterInfo, Info, Replication};
use crate::wire::{Role, cluster_file::NodesConf};

/// One node's account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// When its last answer was heard.
    pub at: SimTime,
    /// `CLUSTER NODES`.
    pub nodes: Option<ClusterNodes>,
    /// `CLUSTER SLOTS`.
    pub slots: Option<Vec<SlotGroup>>,
    /// `CLUSTER SHARDS`.
    pub shards: Option<Vec<Shard>>,
    /// `CLUSTER INFO`.
    pub info: Option<ClusterInfo>,
    /// `CLUSTER LINKS`.
    pub links: Option<Links>,
    /// `CLUSTER MYID`.
    pub id: Option<String>,
    /// `CLUSTER MYSHARDID`.
    pub shard_id: Option<String>,
    /// `ROLE`: what it is, and as a replica the address it replicates.
    pub role: Option<RoleSaid>,
    /// `INFO replication`.
    pub replication: Option<Replication>,
    /// `slave_read_only` of a replica.
    pub read_only: Option<bool>,
    /// States of slot migrations, as printed; none where the server has no such thing.
    pub slot_migrations: Vec<String>,
    /// When keys expire, in milliseconds since 1970.
    pub expiries: Option<BTreeMap<String, i64>>,
    /// Its `nodes.conf`, if that was the same before and after it answered: the text, or why it is none.
    pub nodes_conf: Option<Result<NodesConf, String>>,
    /// Answers that are none: the topic, and the beginning of what came.
    pub garbled: Vec<String>,
}

/// The answer of `ROLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSaid {
    /// What it is.
    pub role: Role,
    /// Whom a replica replicates, by address.
    pub primary: Option<(String, u16)>,
    /// How a replica's link is: `connected` when it follows the stream.
    pub link: Option<String>,
}

impl Account {
    /// Takes an answer.
    pub fn take(&mut self, at: SimTime, topic: Topic, said: &Said) {
        self.at = at;
        if !said.is_error() && self.read(topic, said).is_none() {
            let text = serde_json::to_string(said).unwrap_or_default();
            self.garbled.push(format!("{topic:?}: {}", text.chars().take(80).collect::<String>()));
        }
    }

    /// Nothing if the answer is none.
    fn read(&mut self, topic: Topic, said: &Said) -> Option<()> {
        match topic {
            Topic::Nodes => self.nodes = Some(ClusterNodes::parse(said.text()?).ok()?),
            Topic::Slots => self.slots = Some(cluster_slots::parse(said)?),
            Topic::Shards => self.shards = Some(cluster_shards::parse(said)?),
            Topic::Info => self.info = Some(ClusterInfo::parse(said.text()?).ok()?),
            Topic::Links => self.links = Some(cluster_links::parse(said)?),
            Topic::Id => self.id = Some(said.text()?.to_owned()),
            Topic::ShardId => self.shard_id = Some(said.text()?.to_owned()),
            Topic::Role => self.role = Some(role_said(said)?),
            Topic::Replication => {
                let info = Info::parse(said.text()?);
                self.replication = Some(info.replication().ok()?);
                self.read_only = info.get("slave_read_only").map(|flag| flag == "1");
            }
            Topic::SlotMigrations => self.slot_migrations = migrations(said)?,
            // See `crate::chronicle::Holdings`.
            Topic::Resources => {}
            Topic::Expiries => self.expiries = Some(expiries(said)?),
        }
        Some(())
    }

    /// Its own entry.
    pub fn myself(&self) -> Option<&NodeEntry> {
        self.nodes.as_ref()?.myself()
    }

    /// The members that stand in one shard with a node, by id.
    pub fn shard_of(&self, id: &str) -> Option<&Shard> {
        self.shards.as_ref()?.iter().find(|shard| shard.members.iter().any(|member| member.id == id))
    }
}

fn role_said(said: &Said) -> Option<RoleSaid> {
    let [word, rest @ ..] = said.list()? else { return None };
    let role = word.text()?.parse().ok()?;
    if role == Role::Primary {
        return Some(RoleSaid { role, primary: None, link: None });
    }
    let [ip, port, link, ..] = rest else { return None };
    let primary = Some((ip.text()?.to_owned(), u16::try_from(port.number()?).ok()?));
    Some(RoleSaid { role, primary, link: Some(link.text()?.to_owned()) })
}

fn migrations(said: &Said) -> Option<Vec<String>> {
    let state = |one: &Said| Some(one.field("state")?.text()?.to_owned());
    said.list()?.iter().map(state).collect()
}

fn expiries(said: &Said) -> Option<BTreeMap<String, i64>> {
    let pairs = said.list()?.chunks(2);
    pairs.map(|pair| Some((pair[0].text()?.to_owned(), pair.get(1)?.number()?))).collect()
}

/// What one live node said, with its view.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard<'e> {
    /// Who.
    pub node: NodeId,
    /// All that it said.
    pub account: &'e Account,
    /// Its `CLUSTER NODES`.
    pub view: &'e ClusterNodes,
    /// Its own entry there.
    pub own: &'e NodeEntry,
}

/// Every live node that gave an account with its view, in order.
pub(super) fn heard(evidence: &Evidence) -> impl Iterator<Item = Heard<'_>> {
    evidence.live().filter_map(|seen| {
        let account = evidence.accounts.get(&seen.node)?;
        let view = account.nodes.as_ref()?;
        Some(Heard { node: seen.node, account, view, own: view.myself()? })
    })
}

/// Notes live nodes that gave no account.
pub(super) fn note_unheard(evidence: &Evidence, findings: &mut Findings) {
    let heard = heard(evidence).map(|heard| heard.node).collect::<BTreeSet<_>>();
    let unheard = evidence.live().filter(|node| !heard.contains(&node.node));
    let names = unheard.map(|node| node.node.to_string()).collect::<Vec<_>>().join(", ");
    if !names.is_empty() {
        findings.missing(format!("no account of {names}"));
    }
}

/// The node of the plan with an id, by what the nodes themselves say.
pub(super) fn node_of(evidence: &Evidence, id: &str) -> Option<NodeId> {
    let by_account = evidence.accounts.iter().find(|(_, account)| account.id.as_deref() == Some(id));
    let by_view = || evidence.nodes.iter().find(|node| node.node_id.as_deref() == Some(id));
    by_account.map(|(node, _)| *node).or_else(|| by_view().map(|node| node.node))
}

/// How a node with an id is called: `node-3`, or the beginning of the id.
pub(super) fn name_of(evidence: &Evidence, id: &str) -> String {
    node_of(evidence, id).map_or_else(|| id.chars().take(8).collect(), |node| node.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        serde_json::from_str(text).expect("an answer")
    }

    #[test]
    fn a_role_is_read_with_its_primary() {
        let mut account = Account::default();
        let answer = said(r#"["slave","10.0.0.1",6379,"connected",17]"#);
        account.take(SimTime::ZERO, Topic::Role, &answer);
        let role = account.role.clone().expect("a role");
        assert_eq!((role.role, role.primary), (Role::Replica, Some(("10.0.0.1".to_owned(), 6379))));
        account.take(SimTime::ZERO, Topic::Role, &said(r#"["master",17,[]]"#));
        assert_eq!(account.role.expect("a role").role, Role::Primary);
    }

    #[test]
    fn an_answer_that_is_none_is_told_and_a_refusal_is_not() {
        let mut account = Account::default();
        account.take(SimTime::ZERO, Topic::SlotMigrations, &said(r#"{"error":"ERR unknown"}"#));
        assert!(account.garbled.is_empty());
        account.take(SimTime::ZERO, Topic::Slots, &said("7"));
        assert_eq!(account.garbled, ["Slots: 7"]);
    }
}
