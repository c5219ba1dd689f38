//! How fast a cluster recovers: figures of every disruption, read from the events of a run as they happen.
//!
//! A disruption is a fault that strikes the primary of a shard (its process is killed or paused, or it is on the side
//! `a` of a partition), or a failover that an operator asks for. [`Metric`] says what is measured and by which sign.
//! All signs are instants of virtual time in the event log; nothing is asked of a server for it. This knows neither
//! servers nor the simulation, so it works beside a run as well as over its log.

mod clients;
mod disruption;
mod episode;
mod metric;
mod outage;
mod resync;
mod scene;
mod streams;
mod views;

use std::collections::{BTreeMap, BTreeSet};

use self::clients::{Clients, What, Who};
use self::disruption::Disruptions;
use self::episode::Episode;
pub use self::metric::{Figures, Metric};
use self::scene::Scene;
use self::streams::Streams;
use crate::event::{Body, Event, Phase, ViewRow};
use crate::history::Outcome;
use crate::id::{ActorId, NodeId, ShardId};
use crate::leaders::Leaders;
use crate::plan::Plan;
use crate::time::SimTime;
use crate::wire::server_log::{self, Said};

/// What was seen so far of a run.
#[derive(Debug)]
pub struct Convergence {
    plan: Plan,
    /// The run is over; what processes do now is the harness's doing.
    done: bool,
    /// The nodes by their cluster ids, as they logged them.
    ids: BTreeMap<String, NodeId>,
    /// The nodes whose process exists and runs.
    alive: BTreeSet<NodeId>,
    /// The nodes that call the cluster down.
    down: BTreeSet<NodeId>,
    leaders: Leaders,
    last_written: BTreeMap<ShardId, SimTime>,
    disruptions: Disruptions,
    clients: Clients,
    streams: Streams,
    episodes: Vec<Episode>,
}

impl Convergence {
    /// Nothing was seen yet of a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let cluster = &plan.cluster;
        Convergence {
            plan: plan.clone(),
            done: false,
            ids: BTreeMap::new(),
            alive: BTreeSet::new(),
            down: BTreeSet::new(),
            leaders: Leaders::new(cluster),
            last_written: BTreeMap::new(),
            disruptions: Disruptions::default(),
            clients: Clients::new(cluster),
            streams: Streams::default(),
            episodes: Vec::new(),
        }
    }

    /// Takes the next event.
    pub fn see(&mut self, event: &Event) {
        if self.done {
            return;
        }
        let at = event.at;
        match (event.actor, &event.body) {
            (_, Body::Phase { phase }) => self.done = *phase == Phase::Done,
            (ActorId::Node(node), body) => self.node(node, at, body),
            (ActorId::Client(client), Body::Invoke { sequence, request }) => {
                self.clients.invoke((client, *sequence), request, at);
            }
            (ActorId::Client(client), Body::Complete { sequence, outcome, node }) => {
                self.completed((client, *sequence), outcome, *node, at);
            }
            (_, Body::Probe { node, rows, .. }) => self.probed(*node, at, rows),
            (_, Body::Fault { .. } | Body::Operation { .. }) => self.disrupted(at, &event.body),
            (_, body) => self.streams.see(at, body),
        }
    }

    /// The figures of every disruption, in the order in which they happened.
    pub fn finish(self) -> Vec<Figures> {
        self.episodes.iter().map(Episode::figures).collect()
    }

    fn disrupted(&mut self, at: SimTime, body: &Body) {
        for shard in self.disruptions.struck(&self.plan, &self.leaders, body) {
            let victim = self.leaders.of(shard);
            for earlier in self.episodes.iter_mut().filter(|episode| episode.shard == shard) {
                earlier.close();
            }
            let written = self.last_written.get(&shard).copied();
            self.episodes.push(Episode::begin(shard, victim, at, written));
        }
    }

    fn node(&mut self, node: NodeId, at: SimTime, body: &Body) {
        match body {
            Body::Start { .. } | Body::Pause { paused: false } => drop(self.alive.insert(node)),
            Body::Exited { .. }
            | Body::Livelock { .. }
            | Body::Deadlock { .. }
            | Body::Pause { paused: true } => {
                self.alive.remove(&node);
            }
            Body::Log { line } => return self.logged(node, at, line),
            Body::Deliver { conn, .. } => return self.delivered(node, at, *conn),
            _ => return,
        }
        let started = matches!(body, Body::Start { .. });
        if started {
            // A server begins in that state, and logs only that it leaves it.
            self.down.insert(node);
        }
        self.tell(node, |episode, scene| episode.lives(node, started, at, scene));
    }

    fn logged(&mut self, node: NodeId, at: SimTime, line: &str) {
        match server_log::read(line) {
            Some(Said::Identity(id)) => drop(self.ids.insert(id.to_owned(), node)),
            Some(Said::Follows(id)) => {
                if let Some(primary) = self.ids.get(id) {
                    self.leaders.follow(node, *primary);
                }
            }
            Some(Said::Elected | Said::TookOver) => {
                self.leaders.promote(node);
                self.tell(node, |episode, scene| episode.won(node, at, scene));
            }
            Some(Said::Suspects(id)) => self.doubted(id, at, false),
            Some(Said::Fails(id)) => self.doubted(id, at, true),
            Some(Said::ClusterDown) => drop(self.down.insert(node)),
            Some(Said::ClusterOk) => {
                self.down.remove(&node);
                self.tell(node, |episode, scene| episode.covered(node, at, scene));
            }
            Some(Said::Synced) => self.tell(node, |episode, scene| episode.synced(node, at, scene)),
            _ => {}
        }
    }

    fn doubted(&mut self, id: &str, at: SimTime, failed: bool) {
        if let Some(about) = self.ids.get(id).copied() {
            self.tell(about, |episode, _| episode.doubted(about, at, failed));
        }
    }

    fn probed(&mut self, node: NodeId, at: SimTime, rows: &[ViewRow]) {
        self.tell(node, |episode, scene| episode.probed((node, rows), at, scene));
    }

    fn delivered(&mut self, node: NodeId, at: SimTime, conn: u64) {
        if let Some(sent_at) = self.streams.delivered(node, conn) {
            let shard = self.leaders.shard_of(node);
            for episode in self.episodes.iter_mut().filter(|episode| episode.shard == shard) {
                episode.copied(sent_at, at);
            }
        }
    }

    fn completed(&mut self, who: Who, outcome: &Outcome, node: Option<NodeId>, at: SimTime) {
        let Some(done) = self.clients.complete(who, outcome, at) else {
            return;
        };
        for episode in self.episodes.iter_mut().filter(|episode| episode.shard == done.shard) {
            episode.served(&done.what, node, at);
        }
        if done.what == What::Written {
            self.last_written.insert(done.shard, at);
        }
    }

    /// Tells every episode what was seen of a node.
    fn tell(&mut self, node: NodeId, what: impl Fn(&mut Episode, &Scene)) {
        let scene = Scene {
            alive: &self.alive,
            down: &self.down,
            shard: self.leaders.shard_of(node),
            leaders: &self.leaders,
        };
        for episode in &mut self.episodes {
            what(episode, &scene);
        }
    }
}

#[cfg(test)]
mod tests;
