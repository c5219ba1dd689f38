//! The chronicle: what was seen of a run, as timelines, whoever judges, draws or explains it.
//!
//! One pass over the events builds it, beside a run as well as over its log: what decides anything stands in the events, and
//! nothing else is asked. It is pure, does no I/O, and what it keeps grows with nodes, elections and changes of roles,
//! never with messages. It says what happened; what of it is lawful is `invariant`'s to say.
//!
//! The way of a message: [`bus`] turns an event into what a node *said* when it was sent, and into what another one *heard*
//! when it was delivered; every timeline takes both.

mod answers;
mod bus;
mod caches;
mod candidates;
mod channels;
mod copies;
pub mod cues;
mod durable;
mod duties;
mod elections;
mod epochs;
mod executions;
mod foreign;
mod good_replicas;
mod handover;
mod holdings;
mod members;
mod minority;
mod moves;
mod operator;
mod pairs;
mod pardon;
mod raises;
mod replica_links;
pub mod replication;
#[cfg(test)]
pub(crate) mod sample;
mod service;
mod state;
mod suspicion;
mod views;

pub use answers::{Answers, OutOfStep, Redirection};
pub use bus::{Header, Heard, Message};
pub use caches::{Caches, Invalidation};
pub use candidates::{Candidacy, Candidates};
pub use channels::{Carried, Channels, Ended, Push};
pub use copies::{Copies, PutBack};
pub use durable::{Durable, Pledge, Unsaved};
pub use duties::{Duties, Duty, Neglect};
pub use elections::{Elections, Request, Takeover, Vote};
pub use epochs::{Epochs, Setback, Wrong};
pub use executions::{Execution, Executions, Moment, Unanswered};
pub use foreign::{Foreign, NoRight, Served};
pub use handover::{HAND_OVER_TIMEOUT, Handovers, Moved};
pub use holdings::{Holdings, Look, Numbers};
pub use members::{Member, Members};
pub use moves::{Move, Moves};
pub use operator::Asks;
pub use pardon::{Pardon, Pardons};
pub use raises::{Raise, Raises};
pub use service::{Accepted, Refusal, Service, notices_within};
pub use state::{Contradiction, States, Why};
pub use suspicion::{FailCall, Suspicions, Unfounded};
pub use views::{Owners, Views};

use std::sync::Arc;

use self::bus::Bus;
use self::cues::Cues;
use self::elections::Known;
use self::replica_links::ReplicaLinks;
use self::replication::Replication;
use crate::event::{Body, Event};
use crate::plan::Plan;
use crate::time::SimTime;
use crate::wire::server_log;

/// Everything that was seen so far.
#[derive(Clone, Debug)]
pub struct Chronicle {
    bus: Bus,
    /// What faults wait for.
    pub cues: Cues,
    /// Whether bus messages tell what their senders claim; a log of an older program says nothing of it.
    tells_claims: bool,
    /// Nodes that were set back to what they were.
    pub copies: Copies,
    /// Every node, as it lived and as it spoke of itself last.
    pub members: Members,
    /// What the operator asked of whom.
    pub asks: Asks,
    /// What each node was told of the others.
    pub views: Views,
    /// Reports of failure, and who was called failing.
    pub suspicions: Suspicions,
    /// Calls of failure that were taken back too early.
    pub pardons: Pardons,
    /// Replicas that changed their shards by themselves.
    pub moves: Moves,
    links: ReplicaLinks,
    /// Manual hand-overs.
    pub handovers: Handovers,
    /// Replicas that stood for election.
    pub candidates: Candidates,
    /// Requests, votes and takeovers.
    pub elections: Elections,
    /// Epochs that went wrong.
    pub epochs: Epochs,
    /// Config epochs that nothing gave.
    pub raises: Raises,
    /// Words that were not on disk when they were given.
    pub durable: Durable,
    /// What nodes said of the cluster as a whole.
    pub states: States,
    /// Writes that had to be refused.
    pub service: Service,
    /// What nodes owed each other and did not do.
    pub duties: Duties,
    /// Which node had executed which command when.
    pub replication: Replication,
    /// Between which turns clients' operations were executed.
    pub executions: Executions,
    /// Redirections, and replies to nothing.
    pub answers: Answers,
    /// Answers of nodes that had no right to give them.
    pub foreign: Foreign,
    /// What was said on channels.
    pub channels: Channels,
    /// What clients were told of what they had read.
    pub caches: Caches,
    /// What processes hold.
    pub holdings: Holdings,
}

impl Chronicle {
    /// Nothing was seen yet of a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let asks = Asks::new(plan);
        let (node_timeout, shortest) = asks.node_timeouts();
        Chronicle {
            bus: Bus::default(),
            cues: Cues::new(plan),
            tells_claims: false,
            copies: Copies::default(),
            members: Members::new(plan),
            asks,
            views: Views::default(),
            suspicions: Suspicions::new((node_timeout, shortest)),
            pardons: Pardons::default(),
            moves: Moves::default(),
            links: ReplicaLinks::default(),
            handovers: Handovers::default(),
            candidates: Candidates::default(),
            elections: Elections::default(),
            epochs: Epochs::default(),
            raises: Raises::default(),
            durable: Durable::new(plan),
            states: States::new(shortest),
            service: Service::new(plan, node_timeout),
            duties: Duties::default(),
            replication: Replication::new(node_timeout),
            executions: Executions::default(),
            answers: Answers::default(),
            foreign: Foreign::new(plan),
            channels: Channels::default(),
            caches: Caches::default(),
            holdings: Holdings::default(),
        }
    }

    /// Takes the next event.
    pub fn see(&mut self, event: &Event) {
        if !is_traffic(&event.body) {
            self.happened(event);
        }
        if let Some(fed) = self.links.see(event) {
            self.candidates.fed(fed, event.at, &self.members);
        }
        let (members, views, asks, links) = (&self.members, &self.views, &self.asks, &self.links);
        let handovers = &self.handovers;
        self.service.see(event, service::Known { members, views, asks, links, handovers });
        let (service, candidates) = (&self.service, &self.candidates);
        self.duties.served(event, &duties::Known { members, views, asks, service, candidates });
        self.replication.see(event);
        self.executions.see(event, &self.replication);
        self.answers.see(event);
        let (members, executions) = (&self.members, &self.executions);
        self.foreign.see(event, &foreign::Known { members, executions });
        self.channels.see(event);
        self.caches.see(event, &self.executions);
        if let Some(message) = self.bus.sent(event) {
            self.said(&message);
        } else if let Some(heard) = self.bus.delivered(event) {
            self.heard(&heard);
        }
        self.cues.see(event, &self.members);
    }

    /// Something became of a process, a connection or the harness: nobody asked, sent or got anything by it.
    fn happened(&mut self, event: &Event) {
        self.resumed(event);
        self.members.see(event);
        self.asked(event);
        self.copied(event);
        self.elections.see(event, &self.members);
        self.epochs.see(event);
        self.raises.see(event);
        self.durable.see(event);
        self.moves.see(event);
        self.candidates.see(event);
        self.handovers.see(event);
        self.duties.see(event);
        self.suspicions.see(event);
        self.pardons.see(event);
        self.states.see(event);
        self.holdings.see(event);
        self.logged(event);
    }

    /// The run is over.
    pub fn end(&mut self, at: SimTime) {
        self.replication.end(at);
    }

    /// Whether there is anything to judge the cluster bus by.
    pub fn tells_claims(&self) -> bool {
        self.tells_claims
    }

    fn asked(&mut self, event: &Event) {
        if self.asks.see(event) {
            let timeouts = self.asks.node_timeouts();
            self.suspicions.retimed(timeouts);
            self.service.retimed(timeouts.0);
            self.states.retimed(timeouts.1);
        }
    }

    /// A line of a server's log that says something is read once, for all.
    fn logged(&mut self, event: &Event) {
        if let (Body::Log { line }, Some(node)) = (&event.body, event.actor.node())
            && let Some(said) = server_log::read(line)
        {
            self.members.logged(node, said);
            self.candidates.logged(event, (node, said), (&self.members, &self.views));
            self.states.logged(event, (node, said), (&self.members, &self.views, &self.suspicions));
            self.service.logged(event.at, (node, said));
            self.duties.logged(event.at, (node, said));
            self.foreign.logged(event.at, (node, said));
        }
    }

    /// A node that is set back knows no more than it did.
    fn copied(&mut self, event: &Event) {
        let before = self.copies.put_back().len();
        self.copies.see(event, &self.asks);
        if let Some(back) = self.copies.put_back().get(before).filter(|back| back.of_another_cluster) {
            self.views.forget(back.node);
        }
    }

    fn resumed(&mut self, event: &Event) {
        let node = event.actor.node().filter(|_| matches!(event.body, Body::Pause { paused: false }));
        let paused_at = node.and_then(|node| self.members.get(node)?.paused_at);
        if let (Some(node), Some(paused_at)) = (node, paused_at) {
            self.suspicions.resumed(node, paused_at, event.at);
        }
    }

    fn said(&mut self, message: &Arc<Message>) {
        self.tells_claims |= message.header.is_some();
        self.service.said(message);
        let known = Known {
            members: &self.members,
            views: &self.views,
            suspicions: &self.suspicions,
            handovers: &self.handovers,
            asks: &self.asks,
            candidates: &self.candidates,
        };
        self.elections.said(message, &known);
        self.copies.said(message);
        self.epochs.said(message);
        self.raises.said(message, &self.asks);
        self.durable.said(message);
        self.handovers.said(message);
        let steady_since = self.service.steady_since(message.from);
        self.suspicions.said(message, (&self.members, &self.views), steady_since);
        self.states.said(message, &self.members, &self.views);
        self.answers.said(message);
        self.foreign.said(message);
        self.channels.said(message);
        let known = duties::Known {
            members: &self.members,
            views: &self.views,
            asks: &self.asks,
            service: &self.service,
            candidates: &self.candidates,
        };
        self.duties.said(message, &known);
        self.pardons.said(message, &known);
        let (members, views, suspicions, asks) = (&self.members, &self.views, &self.suspicions, &self.asks);
        self.moves.said(message, moves::Known { members, views, suspicions, asks });
        self.members.said(message);
        if let Some(header) = &message.header {
            self.replication.said(message.from, message.at, header.offset, header.claim.is_primary());
        }
    }

    fn heard(&mut self, heard: &Heard) {
        self.elections.heard(heard, &self.members, &self.views);
        self.handovers.heard(heard);
        self.raises.heard(heard, &self.members);
        self.suspicions.heard(heard, &self.members);
        self.states.heard(heard);
        let known = duties::Known {
            members: &self.members,
            views: &self.views,
            asks: &self.asks,
            service: &self.service,
            candidates: &self.candidates,
        };
        self.duties.heard(heard, &known);
        self.pardons.heard(heard, &known);
        self.moves.heard(heard, &self.members);
        self.views.heard(heard);
        self.channels.heard(heard);
        let message = &heard.message;
        let claim = message.header.as_ref().map(|header| &header.claim);
        // A replica's header has its primary's slots.
        let slots = claim.map(|claim| if claim.is_primary() { claim.slots.as_slice() } else { &[] });
        self.replication.heard(
            (message.to, message.from),
            [message.at, heard.at],
            slots,
            self.yields(message),
        );
    }

    /// Whether who hears a message must give way to its sender: of two primaries of one epoch neither does
    /// (`clusterUpdateSlotsConfigWith`).
    fn yields(&self, message: &Message) -> bool {
        let own = self.members.get(message.to).and_then(|member| member.last.as_ref()?.header.as_ref());
        let own = own.filter(|own| own.claim.owns_slots());
        let outranks =
            |header: &Header| own.is_none_or(|own| header.outranks(own.config_epoch, &own.claim.slots));
        message.header.as_ref().filter(|_| message.tells_slots()).is_some_and(outranks)
    }

    /// Takes something that was said and heard at once.
    #[cfg(test)]
    pub(crate) fn take(&mut self, message: Message) {
        let (event, at, message) = (message.event, message.at, Arc::new(message));
        self.said(&message);
        self.heard(&Heard { event, at, message });
    }
}

/// Whether an event only tells what clients and nodes ask and send each other, as nine in ten do.
fn is_traffic(body: &Body) -> bool {
    matches!(body, Body::Invoke { .. } | Body::Complete { .. } | Body::Sent { .. } | Body::Deliver { .. })
}
