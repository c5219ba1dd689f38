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

pub use bus::{Header, Heard, Message};
pub use members::{Member, Members};

use std::sync::Arc;

use self::bus::Bus;
use crate::event::Event;
use crate::plan::Plan;

/// Everything that was seen so far.
#[derive(Clone, Debug)]
pub struct Chronicle {
    bus: Bus,
    /// Whether bus messages tell what their senders claim; a log of an older program says nothing of it.
    tells_claims: bool,
    /// Every node, as it lived and as it spoke of itself last.
    pub members: Members,
}

impl Chronicle {
    /// Nothing was seen yet of a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        Chronicle { bus: Bus::default(), tells_claims: false, members: Members::new(plan) }
    }

    /// Takes the next event.
    pub fn see(&mut self, event: &Event) {
        self.members.see(event);
        if let Some(message) = self.bus.sent(event) {
            self.said(&message);
        } else if let Some(heard) = self.bus.delivered(event) {
            self.heard(&heard);
        }
    }

    /// Whether there is anything to judge the cluster bus by.
    pub fn tells_claims(&self) -> bool {
        self.tells_claims
    }

    fn said(&mut self, message: &Arc<Message>) {
        self.tells_claims |= message.header.is_some();
        self.members.said(message);
    }

    fn heard(&mut self, _heard: &Heard) {}
}
