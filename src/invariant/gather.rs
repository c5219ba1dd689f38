//! Gathers evidence from the events of a run, as they happen; what the validator found is added in the end.
//!
//! It needs the events once and in order, and keeps no more than the evidence does, so that it works beside a run as
//! well as over its log. It judges nothing.

mod accounts;
mod actions;
mod disk;
mod guests;
mod processes;
mod resyncs;
mod takeovers;
mod views;

use std::collections::BTreeMap;

use self::accounts::Accounts;
use self::actions::Actions;
use self::disk::Disk;
use self::guests::Guests;
use self::processes::Processes;
use self::resyncs::Synchronisations;
use self::takeovers::Takeovers;
use self::views::Views;
use super::Evidence;
use super::evidence::{Findings, NodeEvidence, PrimaryChange, StrangerReport};
use super::layout;
use super::standing;
use crate::chronicle::Chronicle;
use crate::chronicle::cues::Met;
use crate::event::{Body, Event, Phase, Told};
use crate::history::{Entry, OpenOperations, Outcome, Request};
use crate::id::{ActorId, ClientId, NodeId};
use crate::model;
use crate::plan::Plan;
use crate::time::SimTime;

/// What was seen so far.
#[derive(Debug)]
pub struct Gatherer {
    plan: Plan,
    last_at: SimTime,
    /// The run is over; what processes do now is the harness's doing.
    done: bool,
    history: History,
    accounts: Accounts,
    views: Views,
    actions: Actions,
    processes: Processes,
    disk: Disk,
    guests: Guests,
    strangers: Vec<StrangerReport>,
    takeovers: Takeovers,
    chronicle: Chronicle,
    synchronisations: Synchronisations,
    notable: BTreeMap<SimTime, u64>,
    unformed: Option<(SimTime, String)>,
}

/// Operations of clients, and which of them are open.
#[derive(Debug, Default)]
struct History {
    entries: Vec<Entry>,
    open: OpenOperations<usize>,
    /// What each client has selected, if not the first.
    databases: BTreeMap<ClientId, u16>,
}

impl Gatherer {
    /// Nothing was seen yet of a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        Gatherer {
            plan: plan.clone(),
            last_at: SimTime::ZERO,
            done: false,
            history: History::default(),
            accounts: Accounts::default(),
            views: Views::default(),
            actions: Actions::default(),
            processes: Processes::default(),
            disk: Disk::default(),
            guests: Guests::of(plan),
            strangers: Vec::new(),
            takeovers: Takeovers::default(),
            chronicle: Chronicle::new(plan),
            synchronisations: Synchronisations::default(),
            notable: BTreeMap::new(),
            unformed: None,
        }
    }

    /// Takes the next event.
    pub fn see(&mut self, event: &Event) {
        self.last_at = event.at;
        if !self.done {
            self.chronicle.see(event);
        }
        if is_notable(&event.body) && !self.done {
            self.notable.entry(event.at).or_insert(event.i);
        }
        match (event.actor, &event.body) {
            (_, Body::Phase { phase }) => {
                self.done = *phase == Phase::Done;
                self.views.phase(*phase, event.at);
                if *phase == Phase::Run {
                    self.synchronisations.counts.clear();
                }
            }
            (ActorId::Client(client), Body::Invoke { sequence, request }) => {
                self.processes.asked((client, *sequence), request);
                self.history.invoke((client, *sequence), request, event.at);
            }
            (ActorId::Client(client), Body::Complete { sequence, outcome, node }) => {
                self.processes.answered((client, *sequence));
                self.history.complete((client, *sequence), outcome, (event.at, *node));
            }
            (_, Body::StrangerGot { node, bus, text, .. }) => {
                let (at, node, bus, text) = (event.at, *node, *bus, text.clone());
                self.strangers.push(StrangerReport { at, node, bus, text });
            }
            (_, Body::GuestWrote { commands, partial, .. }) => self.guests.wrote(commands, *partial),
            (ActorId::Guest(guest), body) => self.guests.see(guest, event.at, body),
            (_, Body::Sent { from: ActorId::Node(node), bus: Some(bus), .. }) => {
                self.accounts.sent(*node, event.at, bus);
                if !self.done {
                    self.takeovers.claimed(*node, event.at, bus);
                }
            }
            (ActorId::Validator, body) => {
                self.accounts.see(event.at, body);
                self.views.see(event.at, body);
            }
            (_, Body::Tell { message: Told::FormationFailed { why } }) => {
                self.unformed = Some((event.at, why.clone()));
            }
            (ActorId::Operator, Body::Picked { node, .. }) => self.actions.picked(*node),
            (ActorId::Node(node), body) if !self.done => {
                self.processes.see(node, event.at, body);
                self.disk.see(node, event.at, body);
                self.takeovers.see(node, event.at, body);
                self.synchronisations.see(node, event.at, body);
            }
            (_, body) => {
                self.shut_down(body);
                self.actions.see(event.at, body);
            }
        }
    }

    /// Whether a fault or an operation waits for something to be seen.
    pub fn is_waited_for(&self) -> bool {
        self.chronicle.cues.are_waited_for()
    }

    /// The next fault that waits no longer, as what it waits for was seen.
    pub fn met(&mut self) -> Option<Met> {
        self.chronicle.cues.take()
    }

    /// A command of the plan's that tells a node to end is as good as a signal.
    fn shut_down(&mut self, body: &Body) {
        if let Body::Operation { op, .. } = body
            && let Some(op) = self.plan.operations.iter().find(|planned| planned.id == *op)
        {
            for node in op.action.shuts_down(self.plan.cluster.layout()) {
                self.processes.shut_down(node);
            }
        }
    }

    /// Everything that is known of the run. Without findings nothing is known of how the cluster was in the end.
    pub fn finish(mut self, findings: Option<Findings>) -> Evidence {
        let findings = findings.unwrap_or_else(|| self.no_findings());
        self.chronicle.end(findings.ended_at);
        let ids = findings.nodes.iter().filter_map(|n| Some((n.node_id.clone()?, n.node))).collect();
        let primary_changes = self.primary_changes(&ids);
        let starts = self.processes.starts();
        let Accounts { heard: accounts, left: files, votes, .. } = self.accounts;
        let mut evidence = Evidence {
            ended_at: findings.ended_at,
            settle_began_at: findings.settle_began_at,
            nodes: findings.nodes,
            accounts,
            files,
            votes,
            spans: self.views.spans,
            moved: BTreeMap::new(),
            agreement: findings.agreement,
            lag_samples: findings.lag_samples,
            history: self.history.entries,
            disturbances: self.actions.disturbances(&self.plan, starts),
            faults: self.actions.faults(&self.plan, starts),
            operations: self.actions.operations(&self.plan),
            primary_changes,
            log_tail: self.processes.log_tail(),
            chronicle: self.chronicle,
            resyncs: self.synchronisations.counts,
            synchronised_at: self.synchronisations.ended_at,
            notable: self.notable,
            unformed: self.unformed,
            guests: self.guests.reports,
            guest_keys: self.guests.keys,
            strangers: self.strangers,
            exits: self.processes.exits,
            disk: self.disk.reports,
            livelocks: self.processes.livelocks,
            deadlocks: self.processes.deadlocks,
            suspicious_log_lines: self.processes.suspicious,
            plan: self.plan,
        };
        standing::take_back(&mut evidence);
        evidence.moved = layout::moved(&evidence);
        // Clients are stopped for a hand-over until a time of day.
        let misled = |change: &PrimaryChange| evidence.clock_misled(change.from, change.at);
        let misled: Vec<bool> = evidence.primary_changes.iter().map(misled).collect();
        for (change, misled) in evidence.primary_changes.iter_mut().zip(misled) {
            change.coordinated &= !misled;
        }
        evidence
    }

    /// Who became the primary of a shard. Whether that was a hand-over is what the bus shows; only a log that tells nothing of
    /// it is believed the servers' own words.
    fn primary_changes(&self, ids: &BTreeMap<String, NodeId>) -> Vec<PrimaryChange> {
        let mut changes = self.takeovers.changes(&self.plan.cluster, ids);
        if self.chronicle.tells_claims() {
            for change in &mut changes {
                change.coordinated = self.chronicle.elections.was_handed_over(change.to, change.at);
            }
        }
        changes
    }

    fn no_findings(&self) -> Findings {
        Findings {
            ended_at: self.last_at,
            settle_began_at: None,
            nodes: self.plan.cluster.hosts().map(|node| self.unknown(node)).collect(),
            agreement: Vec::new(),
            lag_samples: Vec::new(),
        }
    }

    /// A node that nobody looked at.
    fn unknown(&self, node: NodeId) -> NodeEvidence {
        NodeEvidence::unread(node, self.processes.is_alive(node))
    }
}

/// Whether an event can be what broke something.
fn is_notable(body: &Body) -> bool {
    match body {
        Body::Operation { .. } | Body::Fault { .. } | Body::Exited { .. } => true,
        Body::Log { line } => takeovers::is_takeover(line),
        _ => false,
    }
}

impl History {
    fn invoke(&mut self, (client, sequence): (ClientId, u64), request: &Request, at: SimTime) {
        self.open.begin((client, sequence), self.entries.len());
        let database = self.databases.get(&client).copied().unwrap_or_default();
        self.entries.push(Entry {
            client,
            sequence,
            request: placed(database, request),
            database,
            invoked_at: at,
            completed_at: None,
            outcome: None,
            node: None,
        });
    }

    fn complete(&mut self, who: (ClientId, u64), outcome: &Outcome, (at, node): (SimTime, Option<NodeId>)) {
        if let Some(index) = self.open.end(who) {
            let entry = &mut self.entries[index];
            (entry.completed_at, entry.outcome, entry.node) = (Some(at), Some(outcome.clone()), node);
            if let Outcome::Replied(replies) = outcome {
                let database = model::database_after(entry.database, &entry.request, replies);
                self.databases.insert(entry.client, database);
            }
        }
    }
}

/// A request in a database: a plain one is of the place of its key.
fn placed(database: u16, request: &Request) -> Request {
    let place = |key| model::place(database, key).into_owned();
    match request {
        Request::Set { key, value } => Request::Set { key: place(key), value: value.clone() },
        Request::Get { key } => Request::Get { key: place(key) },
        call @ Request::Call { .. } => call.clone(),
    }
}

#[cfg(test)]
mod tests;
