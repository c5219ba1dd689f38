//! The chronicle: what was seen of a run, as timelines, whoever judges, draws or explains it.
//!
//! One pass over the events builds it, beside a run as well as over its log: what decides anything stands in the events, and
//! nothing else is asked. It is pure, does no I/O, and what it keeps grows with nodes, elections and changes of roles,
//! never with messages. It says what happened; what of it is lawful is `invariant`'s to say.
//!
//! The way of a message: [`bus`] turns an event into what a node *said* when it was sent, and into what another one *heard*
//! when it was delivered; every timeline takes both.

mod bus;
mod members;
pub mod replication;

pub use bus::{Header, Heard, Message};
pub use members::{Member, Members};

use std::sync::Arc;

use self::bus::Bus;
use self::replication::Replication;
use crate::event::Event;
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};

/// Everything that was seen so far.
#[derive(Clone, Debug)]
pub struct Chronicle {
    bus: Bus,
    /// Whether bus messages tell what their senders claim; a log of an older program says nothing of it.
    tells_claims: bool,
    /// Every node, as it lived and as it spoke of itself last.
    pub members: Members,
    /// Which node had executed which command when.
    pub replication: Replication,
}

impl Chronicle {
    /// Nothing was seen yet of a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let node_timeout = SimDuration::from_ms(plan.cluster.node_timeout_ms);
        Chronicle {
            bus: Bus::default(),
            tells_claims: false,
            members: Members::new(plan),
            replication: Replication::new(node_timeout),
        }
    }

    /// Takes the next event.
    pub fn see(&mut self, event: &Event) {
        self.members.see(event);
        self.replication.see(event);
        if let Some(message) = self.bus.sent(event) {
            self.said(&message);
        } else if let Some(heard) = self.bus.delivered(event) {
            self.heard(&heard);
        }
    }

    /// The run is over.
    pub fn end(&mut self, at: SimTime) {
        self.replication.end(at);
    }

    /// Whether there is anything to judge the cluster bus by.
    pub fn tells_claims(&self) -> bool {
        self.tells_claims
    }

    fn said(&mut self, message: &Arc<Message>) {
        self.tells_claims |= message.header.is_some();
        self.members.said(message);
        if let Some(header) = &message.header {
            self.replication.said(message.from, message.at, header.offset, header.claim.is_primary());
        }
    }

    fn heard(&mut self, heard: &Heard) {
        let message = &heard.message;
        let claim = message.header.as_ref().map(|header| &header.claim);
        // A replica's header has its primary's slots.
        let slots = claim.map(|claim| if claim.is_primary() { claim.slots.as_slice() } else { &[] });
        self.replication.heard((message.to, message.from), [message.at, heard.at], slots);
    }
}
