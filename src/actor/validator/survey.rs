//! One look at all live nodes: what each says of the cluster, as evidence, and whether they agree.
//!
//! It may leave out those who most probably have not changed their minds: of them holds what they said last.

use std::collections::{BTreeMap, BTreeSet};

use redis::Value;

use super::super::session::{Answer, SessionError};
use super::line::{Members, Scene};
use crate::id::NodeId;
use crate::invariant::evidence::{NodeEvidence, ViewEntry};
use crate::invariant::{standing, views_agree};
use crate::time::{SimDuration, SimTime};
use crate::wire::cluster_nodes::{ClusterNodes, Health, NodeEntry, NodeFlag, OpenDirection, OpenSlot};
use crate::wire::info::ClusterInfo;

/// A look under way.
#[derive(Debug)]
pub(super) struct Survey {
    /// When the nodes were asked.
    pub asked_at: SimTime,
    open: BTreeMap<u64, (NodeId, Question)>,
    looks: BTreeMap<NodeId, Look>,
}

#[derive(Clone, Copy, Debug)]
enum Question {
    Nodes,
    Info,
}

/// What one node said.
#[derive(Clone, Debug)]
struct Look {
    asked_at: SimTime,
    replied: bool,
    nodes: Option<ClusterNodes>,
    ok: Option<bool>,
}

impl Look {
    fn begin(asked_at: SimTime) -> Self {
        Look { asked_at, replied: false, nodes: None, ok: None }
    }

    /// Whether every question was answered.
    fn is_whole(&self) -> bool {
        self.nodes.is_some() && self.ok.is_some()
    }
}

impl Survey {
    /// Asks all live nodes.
    pub fn ask(scene: &mut Scene) -> Self {
        Survey::of(scene.members.live(), BTreeMap::new(), scene)
    }

    /// The next look: asks the live nodes that stirred since this one, and who was not heard for so long. For all others
    /// holds what they said before.
    pub fn ask_again(self, stirred: &BTreeSet<NodeId>, within: SimDuration, scene: &mut Scene) -> Self {
        let holds = |node: &NodeId| {
            let look = self.looks.get(node).filter(|look| look.is_whole());
            look.is_some_and(|look| scene.now < look.asked_at + within) && !stirred.contains(node)
        };
        let asked = scene.members.live().into_iter().filter(|node| !holds(node)).collect();
        Survey::of(asked, self.looks, scene)
    }

    /// What a node said holds no more.
    pub fn forget(&mut self, node: NodeId) {
        self.looks.remove(&node);
    }

    fn of(asked: BTreeSet<NodeId>, looks: BTreeMap<NodeId, Look>, scene: &mut Scene) -> Self {
        let mut survey = Survey { asked_at: scene.now, open: BTreeMap::new(), looks };
        for node in asked {
            // In one go, so that a state and the view that it follows from are of one moment.
            let asks = ["NODES", "INFO"].map(|what| [b"CLUSTER".to_vec(), what.into()].to_vec());
            let tags = scene.ask_all(node, asks.to_vec());
            survey.open.extend(tags.into_iter().zip([(node, Question::Nodes), (node, Question::Info)]));
            survey.looks.insert(node, Look::begin(scene.now));
        }
        survey
    }

    /// Takes an answer to one of its questions; others are passed over.
    pub fn answered(&mut self, answer: &Answer, members: &mut Members) {
        let Some((_, question)) = self.open.remove(&answer.tag) else {
            return;
        };
        let Some(look) = self.looks.get_mut(&answer.node) else {
            return;
        };
        look.replied |= answer.is_reply();
        let Some(text) = text_of(&answer.result) else {
            return;
        };
        match question {
            Question::Info => look.ok = ClusterInfo::is_ok(&text),
            Question::Nodes => look.nodes = ClusterNodes::parse(&text).ok(),
        }
        if let Some(myself) = look.nodes.as_ref().and_then(ClusterNodes::myself) {
            members.learn_id(answer.node, &myself.id);
        }
    }

    /// Whether nothing is left to wait for.
    pub fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    /// Who was asked and did not answer everything yet.
    pub fn unanswered(&self) -> BTreeSet<NodeId> {
        self.open.values().map(|(node, _)| *node).collect()
    }

    /// Every node of the plan as this look found it.
    pub fn evidence(&self, members: &Members) -> Vec<NodeEvidence> {
        let mut nodes = members.nodes().map(|node| self.of_node(node, members)).collect::<Vec<_>>();
        standing::mark_outsiders(&mut nodes, members.outsiders());
        nodes
    }

    fn of_node(&self, node: NodeId, members: &Members) -> NodeEvidence {
        let unseen = unseen(node, members);
        match self.looks.get(&node).filter(|_| unseen.is_live()) {
            None => unseen,
            Some(look) => NodeEvidence {
                reachable: look.replied,
                cluster_state_ok: look.ok,
                view: look.nodes.iter().flat_map(|view| &view.nodes).map(|row| entry(row, members)).collect(),
                ..unseen
            },
        }
    }
}

/// Evidence of a node of which nothing was read.
pub(super) fn unseen(node: NodeId, members: &Members) -> NodeEvidence {
    let (alive, paused) = members.state(node);
    NodeEvidence { paused, node_id: members.id(node).map(str::to_owned), ..NodeEvidence::unread(node, alive) }
}

/// Whether all live nodes agree, and not merely because nobody noticed yet that the owner of slots is gone.
pub(super) fn agreed(nodes: &[NodeEvidence]) -> bool {
    nodes.iter().any(NodeEvidence::is_live) && views_agree::agree(nodes) && !awaits_failover(nodes)
}

/// Whether nothing in the views of live nodes is about to change by itself: nobody is in handshake, and live nodes are
/// linked and unsuspected. What is judged at the end waits for that, and convergence does not.
pub(super) fn is_calm(nodes: &[NodeEvidence]) -> bool {
    let live: BTreeSet<NodeId> = nodes.iter().filter(|n| n.is_live()).map(|n| n.node).collect();
    let calm = |row: &ViewEntry| match row.node.filter(|node| live.contains(node)) {
        Some(_) => !row.pfail && !row.fail && row.link_up,
        None => !row.is_stranger(),
    };
    nodes.iter().filter(|n| n.is_live()).all(|n| n.view.iter().all(calm))
}

/// Whether a view gives slots to a node that does not run and either does not know that it failed, or knows a live
/// replica that could take over and may. Both pass.
fn awaits_failover(nodes: &[NodeEvidence]) -> bool {
    let gone: BTreeSet<NodeId> = nodes.iter().filter(|n| !n.is_live()).map(|n| n.node).collect();
    let lives = |row: &ViewEntry| row.node.is_some_and(|node| !gone.contains(&node));
    let may = |row: &ViewEntry| !row.flags.iter().any(|flag| flag == flag_text(&NodeFlag::Nofailover));
    let views = nodes.iter().filter(|n| n.is_live()).map(|n| &n.view);
    views.into_iter().any(|view| {
        let owners = view.iter().filter(|r| !r.slots.is_empty() && r.node.is_some_and(|n| gone.contains(&n)));
        owners.into_iter().any(|owner| {
            !owner.fail
                || view.iter().any(|r| lives(r) && may(r) && r.primary_id.as_deref() == Some(&owner.id))
        })
    })
}

/// The text of a reply; nothing for an error, or if it is no text.
pub(super) fn text_of(result: &Result<Value, SessionError>) -> Option<String> {
    match result.as_ref().ok()? {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    }
}

fn entry(row: &NodeEntry, members: &Members) -> ViewEntry {
    ViewEntry {
        id: row.id.clone(),
        node: members.node_of(&row.id),
        is_primary: row.has(&NodeFlag::Primary),
        primary_id: row.primary.clone(),
        flags: row.flags.iter().map(|flag| flag_text(flag).to_owned()).collect(),
        config_epoch: row.config_epoch,
        slots: row.slots.iter().map(|range| (range.first, range.last)).collect(),
        open_slots: row.open_slots.iter().map(open_slot_text).collect(),
        fail: row.health() == Health::Failed,
        pfail: row.health() == Health::Suspected,
        link_up: row.connected,
    }
}

fn flag_text(flag: &NodeFlag) -> &str {
    match flag {
        NodeFlag::Myself => "myself",
        NodeFlag::Primary => "master",
        NodeFlag::Replica => "slave",
        NodeFlag::Pfail => "fail?",
        NodeFlag::Fail => "fail",
        NodeFlag::Handshake => "handshake",
        NodeFlag::Noaddr => "noaddr",
        NodeFlag::Nofailover => "nofailover",
        NodeFlag::Other(text) => text,
    }
}

fn open_slot_text(open: &OpenSlot) -> String {
    let arrow = match open.direction {
        OpenDirection::Importing => "<",
        OpenDirection::Migrating => ">",
    };
    format!("[{}-{arrow}-{}]", open.slot, open.peer)
}
