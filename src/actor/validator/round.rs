//! One look at the replication offsets of all live nodes, in two waves: primaries first, then replicas.
//!
//! The pause between the waves is longer than what a primary sent takes to its replica. So a replica that lacks
//! nothing is never seen behind, and what it is seen to lack, it lacked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::super::session::Answer;
use super::line::{Scene, Timer};
use super::survey::text_of;
use super::watch::PATIENCE;
use crate::id::{Host, NodeId};
use crate::time::{SimDuration, SimTime};
use crate::wire::Role;
use crate::wire::info::{Info, Replication};

/// A look under way.
#[derive(Debug)]
pub(super) struct Round {
    /// When the first wave was asked.
    pub asked_at: SimTime,
    second_wave: BTreeSet<NodeId>,
    second_asked: bool,
    open: BTreeMap<u64, NodeId>,
    said: BTreeMap<NodeId, Replication>,
}

/// A replica and the primary it replicates, both as they said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub replica: NodeId,
    pub primary: NodeId,
    pub of_replica: &'a Replication,
    pub of_primary: &'a Replication,
}

impl Round {
    /// Asks all live nodes but `replicas`, who are asked later.
    pub fn ask(replicas: &BTreeSet<NodeId>, scene: &mut Scene) -> Self {
        let live = scene.members.live();
        let mut round = Round {
            asked_at: scene.now,
            second_wave: live.intersection(replicas).copied().collect(),
            second_asked: false,
            open: BTreeMap::new(),
            said: BTreeMap::new(),
        };
        round.ask_wave(live.difference(replicas).copied().collect(), scene);
        round
    }

    fn ask_wave(&mut self, nodes: BTreeSet<NodeId>, scene: &mut Scene) {
        for node in nodes {
            self.open.insert(scene.ask(node, &["INFO", "replication"]), node);
        }
        scene.set(Timer::OffsetsOverdue, PATIENCE);
    }

    /// Asks the replicas: those known, and those found to be some.
    pub fn ask_replicas(&mut self, scene: &mut Scene) {
        let found = self.said.iter().filter(|(_, said)| said.role == Role::Replica).map(|(node, _)| *node);
        let live = scene.members.live();
        let wave = self.second_wave.iter().copied().chain(found).filter(|node| live.contains(node)).collect();
        self.second_wave = wave;
        self.second_asked = true;
        self.ask_wave(self.second_wave.clone(), scene);
    }

    /// Takes an answer to one of its questions, and says whether it was one.
    pub fn answered(&mut self, answer: &Answer) -> bool {
        let asked = self.open.remove(&answer.tag).is_some();
        if asked {
            self.said.remove(&answer.node);
            let said = text_of(&answer.result).and_then(|text| Info::parse(&text).replication().ok());
            self.said.extend(said.map(|said| (answer.node, said)));
        }
        asked
    }

    /// Whether the wave under way has nothing left to wait for.
    pub fn is_wave_done(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether both waves were asked.
    pub fn is_second(&self) -> bool {
        self.second_asked
    }

    /// Who was asked and did not answer yet.
    pub fn unanswered(&self) -> BTreeSet<NodeId> {
        self.open.values().copied().collect()
    }

    /// Who is a replica, by what was said.
    pub fn replicas(&self) -> BTreeSet<NodeId> {
        self.said.iter().filter(|(_, said)| said.role == Role::Replica).map(|(node, _)| *node).collect()
    }

    /// Primaries, as they said when the first wave was asked.
    pub fn primaries(&self) -> impl Iterator<Item = (NodeId, &Replication)> {
        let first = |node: &NodeId| !self.second_wave.contains(node);
        let said = self.said.iter().filter(move |(node, said)| first(node) && said.role == Role::Primary);
        said.map(|(node, said)| (*node, said))
    }

    /// Replicas whose primary was asked before them.
    pub fn pairs(&self) -> impl Iterator<Item = Pair<'_>> {
        self.said.iter().filter_map(|(replica, of_replica)| {
            let primary = primary_of(of_replica)?;
            let (_, of_primary) = self.primaries().find(|(node, _)| *node == primary)?;
            Some(Pair { replica: *replica, primary, of_replica, of_primary })
        })
    }

    /// What a node said.
    pub fn said(&self, node: NodeId) -> Option<&Replication> {
        self.said.get(&node)
    }

    /// Its offset, if it was asked in the order that makes offsets comparable.
    pub fn offset(&self, node: NodeId) -> Option<u64> {
        let said = self.said(node)?;
        match said.role {
            Role::Primary if self.second_wave.contains(&node) => None,
            Role::Primary => Some(said.primary_repl_offset),
            Role::Replica => said.replica_repl_offset,
        }
    }

    /// Whether every one of `live` answered and every replica among them has all that its primary has.
    pub fn is_quiet(&self, live: &BTreeSet<NodeId>) -> bool {
        let quiet: BTreeSet<NodeId> =
            self.pairs().filter(Pair::is_in_sync).map(|pair| pair.replica).collect();
        let first: BTreeSet<NodeId> = self.primaries().map(|(node, _)| node).collect();
        live.iter().all(|node| quiet.contains(node) || first.contains(node))
    }
}

impl Pair<'_> {
    /// Whether both count the bytes of the same history.
    pub fn is_comparable(&self) -> bool {
        self.of_replica.replid == self.of_primary.replid
    }

    /// How many bytes the replica lacks.
    pub fn behind(&self) -> Option<u64> {
        let has = self.of_replica.replica_repl_offset?;
        Some(self.of_primary.primary_repl_offset.saturating_sub(has))
    }

    fn is_in_sync(&self) -> bool {
        self.is_comparable() && self.behind() == Some(0) && self.of_replica.primary_link_up == Some(true)
    }
}

/// Whom a node replicates, by the address it names.
pub(super) fn primary_of(said: &Replication) -> Option<NodeId> {
    let (host, _) = said.primary.as_ref().filter(|_| said.role == Role::Replica)?;
    match Host::from_address(host.parse::<Ipv4Addr>().ok()?)? {
        Host::Node(node) => Some(node),
        _ => None,
    }
}

/// The pause between the waves.
pub(super) fn pause(latency_max: SimDuration) -> SimDuration {
    SimDuration::from_ms(50) + SimDuration::from_ns(latency_max.as_ns().saturating_mul(4))
}
