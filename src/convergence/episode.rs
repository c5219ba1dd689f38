//! One disruption, and how far the cluster has come since.

use std::collections::{BTreeMap, BTreeSet};

use super::clients::What;
use super::metric::{Figures, Metric};
use super::outage::Outage;
use super::resync::Resync;
use super::scene::Scene;
use super::views;
use crate::event::{Doubt, ViewRow};
use crate::id::{NodeId, ShardId};
use crate::time::{SimDuration, SimTime};

/// One disruption.
#[derive(Debug)]
pub(super) struct Episode {
    pub shard: ShardId,
    victim: NodeId,
    began_at: SimTime,
    /// The shard was disrupted again; what comes now is of the next episode.
    closed: bool,
    reached: BTreeMap<Metric, SimTime>,
    new_primary: Option<NodeId>,
    /// Since when the new primary does what clients ask.
    serves_since: Option<SimTime>,
    /// Who knows that the slots have a new owner.
    knowing: BTreeSet<NodeId>,
    resync: Resync,
    outage: Outage,
    has_read: bool,
    stale_at: Option<SimTime>,
    lag: Option<SimDuration>,
}

impl Episode {
    /// A disruption of `shard`, whose primary is `victim`; its last acknowledged write was at `written`.
    pub fn begin(shard: ShardId, victim: NodeId, at: SimTime, written: Option<SimTime>) -> Self {
        Episode {
            shard,
            victim,
            began_at: at,
            closed: false,
            reached: BTreeMap::new(),
            new_primary: None,
            serves_since: None,
            knowing: BTreeSet::new(),
            resync: Resync::begin(shard, at),
            outage: Outage::begin(written.unwrap_or(at)),
            has_read: false,
            stale_at: None,
            lag: None,
        }
    }

    /// The shard is disrupted anew.
    pub fn close(&mut self) {
        self.closed = true;
    }

    fn reach(&mut self, metric: Metric, at: SimTime) {
        if !self.closed {
            self.reached.entry(metric).or_insert(at);
        }
    }

    /// Some node suspects a node, or has it as failed.
    pub fn doubted(&mut self, about: NodeId, at: SimTime, failed: bool) {
        if about == self.victim {
            self.reach(Metric::Pfail, at);
            if failed {
                self.reach(Metric::Fail, at);
            }
        }
    }

    /// A node became a primary.
    pub fn won(&mut self, node: NodeId, at: SimTime, scene: &Scene) {
        if scene.shard == self.shard && node != self.victim && !self.closed {
            self.reach(Metric::VoteWon, at);
            self.new_primary = Some(node);
            self.serves_since = (!scene.down.contains(&node)).then_some(at);
            self.resync.led_anew();
        }
    }

    /// Every slot has an owner again, as a node sees it.
    pub fn covered(&mut self, node: NodeId, at: SimTime, scene: &Scene) {
        if self.new_primary == Some(node) {
            self.serves_since.get_or_insert(at);
        }
        if self.new_primary.is_some() {
            self.knows(node, at, scene);
        }
    }

    /// A survey shows what a node thinks.
    pub fn probed(&mut self, (node, rows): (NodeId, &[ViewRow]), at: SimTime, scene: &Scene) {
        if let Some(doubt) = views::doubt(rows, self.victim) {
            self.doubted(self.victim, at, doubt == Doubt::Fail);
        }
        if self.new_primary.is_some_and(|primary| views::owns_slots(rows, primary)) {
            self.knows(node, at, scene);
        }
    }

    fn knows(&mut self, node: NodeId, at: SimTime, scene: &Scene) {
        self.knowing.insert(node);
        if scene.alive.is_subset(&self.knowing) {
            self.reach(Metric::ViewsAgree, at);
        }
    }

    /// A node's process runs from now on, or does not.
    pub fn lives(&mut self, node: NodeId, started: bool, at: SimTime, scene: &Scene) {
        if started && scene.shard == self.shard && !self.closed {
            self.resync.started(node, at);
        }
        // Who is started anew, or goes on, knows nothing of what happened meanwhile.
        self.knowing.remove(&node);
    }

    /// A replica has what its primary has.
    pub fn synced(&mut self, node: NodeId, at: SimTime, scene: &Scene) {
        if scene.shard == self.shard && !self.closed {
            self.resync.synced(node, at, scene);
        }
    }

    /// A chunk of the replication stream reached a replica of the shard.
    pub fn copied(&mut self, sent_at: SimTime, at: SimTime) {
        if sent_at >= self.began_at && !self.closed {
            self.lag = self.lag.max(Some(at.since(sent_at)));
        }
    }

    /// A client's operation on the shard is complete; `node` answered last.
    pub fn served(&mut self, what: &What, node: Option<NodeId>, at: SimTime) {
        if self.closed {
            return;
        }
        match what {
            What::Written => {
                self.outage.written(at);
                if self.new_primary.is_some() && node == self.new_primary {
                    self.reach(Metric::Writable, self.serves_since.unwrap_or(at));
                }
            }
            What::NotWritten => self.outage.not_written(),
            What::Read { stale } => {
                self.has_read = true;
                self.stale_at = self.stale_at.max(stale.then_some(at));
            }
            What::NotRead => {}
        }
    }

    /// What came of it.
    pub fn figures(&self) -> Figures {
        let since_began = |at: &SimTime| at.since(self.began_at);
        let mut figures: Figures =
            self.reached.iter().map(|(metric, at)| (*metric, since_began(at))).collect();
        let stale = self.stale_at.as_ref().map_or(SimDuration::ZERO, since_began);
        let reached = |metric| self.reached.get(&metric).copied();
        let election = reached(Metric::Fail).zip(reached(Metric::VoteWon)).map(|(fail, won)| won.since(fail));
        let more = [
            (Metric::Election, election),
            (Metric::InSync, self.resync.took()),
            (Metric::Unwritable, self.outage.longest()),
            (Metric::StaleReads, self.has_read.then_some(stale)),
            (Metric::Lag, self.lag),
        ];
        figures.extend(more.into_iter().filter_map(|(metric, took)| Some((metric, took?))));
        figures
    }
}
