//! Hosts any actor inside actix: the only place with actix's traits.
//!
//! Inside actix, order is nobody's choice for spawned futures, timers, `notify` and sends between actors. So none of
//! those is used: the scheduler is the only sender, and it awaits each answer before it sends again.

use std::cell::RefCell;
use std::rc::Rc;

use super::message::Message;
use super::{Actor, Out};
use crate::event::Body;
use crate::id::ActorId;
use crate::time::SimTime;

/// Takes every line of the log, in order, and gives it its number.
pub trait Record {
    /// Writes one line; its number.
    fn record(&mut self, at: SimTime, actor: ActorId, cause: Option<u64>, body: Body) -> u64;
}

/// One message on its way to one actor.
pub struct Delivery {
    /// Now.
    pub at: SimTime,
    /// The event that queued it.
    pub cause: Option<u64>,
    /// What is delivered.
    pub message: Message,
}

impl actix::Message for Delivery {
    type Result = Result<Handled, std::convert::Infallible>;
}

/// What came of a delivery.
pub struct Handled {
    /// The delivery's number in the log.
    pub event: u64,
    /// What the actor wants.
    pub out: Out,
}

/// An actor with its place in the log.
pub struct Host {
    id: ActorId,
    actor: Box<dyn Actor>,
    log: Rc<RefCell<dyn Record>>,
}

impl Host {
    /// Hosts `actor` under the name `id`.
    pub fn new(id: ActorId, actor: Box<dyn Actor>, log: Rc<RefCell<dyn Record>>) -> Self {
        Host { id, actor, log }
    }
}

impl actix::Actor for Host {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Delivery> for Host {
    type Result = Result<Handled, std::convert::Infallible>;

    fn handle(&mut self, delivery: Delivery, _context: &mut Self::Context) -> Self::Result {
        let body = self.actor.describe(&delivery.message);
        let event = self.log.borrow_mut().record(delivery.at, self.id, delivery.cause, body);
        let mut out = Out::default();
        self.actor.handle(delivery.at, delivery.message, &mut out);
        for note in std::mem::take(&mut out.notes) {
            self.log.borrow_mut().record(delivery.at, self.id, Some(event), note);
        }
        Ok(Handled { event, out })
    }
}
