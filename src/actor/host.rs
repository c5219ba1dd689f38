//! Hosts any actor inside actix: the only place with actix's traits.
//!
//! Inside actix, order is nobody's choice for spawned futures, timers, `notify` and sends between actors. So none of
//! those is used: the scheduler is the only sender, and it has each answer before it sends again. Nor is there a
//! runtime whose reactor would have to be asked: whoever delivers polls the actor's own context, once, and reads no clock.

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{self, Poll, Waker};

use actix::dev::ContextFut;
use actix::{Addr, AsyncContext as _, Context};

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
    type Result = Result<Handled, Infallible>;
}

/// What came of a delivery.
pub struct Handled {
    /// The delivery's number in the log.
    pub event: u64,
    /// What the actor wants.
    pub out: Out,
}

/// An actor at home in its context, and the only way to it.
pub struct Host {
    address: Addr<Hosted>,
    life: Pin<Box<ContextFut<Hosted, Context<Hosted>>>>,
}

impl Host {
    /// Hosts `actor` under the name `id`.
    pub fn new(id: ActorId, actor: Box<dyn Actor>, log: Rc<RefCell<dyn Record>>) -> Self {
        let context = Context::new();
        let address = context.address();
        Host { address, life: Box::pin(context.into_future(Hosted { id, actor, log })) }
    }

    /// Has the actor handle one message.
    pub fn deliver(&mut self, delivery: Delivery) -> Handled {
        let mut nobody = task::Context::from_waker(Waker::noop());
        let mut answer = pin!(self.address.send(delivery));
        // The first poll puts the message into the mailbox, the context's empties it, the last finds the answer.
        let sent = answer.as_mut().poll(&mut nobody);
        let lives = self.life.as_mut().poll(&mut nobody);
        assert!(sent.is_pending() && lives.is_pending(), "an actor lives as long as the run");
        match answer.poll(&mut nobody) {
            Poll::Ready(Ok(Ok(handled))) => handled,
            Poll::Ready(Err(_)) | Poll::Pending => unreachable!("an actor answers at once"),
        }
    }
}

/// An actor with its place in the log.
struct Hosted {
    id: ActorId,
    actor: Box<dyn Actor>,
    log: Rc<RefCell<dyn Record>>,
}

impl actix::Actor for Hosted {
    type Context = Context<Self>;
}

impl actix::Handler<Delivery> for Hosted {
    type Result = Result<Handled, Infallible>;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::message::DirectorMessage;
    use crate::event::Phase;
    use crate::time::SimDuration;

    /// Says what it did of each message, and sends itself another.
    struct Chatterbox;

    impl Actor for Chatterbox {
        fn handle(&mut self, _now: SimTime, message: Message, out: &mut Out) {
            out.note(Body::Phase { phase: Phase::Form });
            out.note(Body::Phase { phase: Phase::Run });
            out.send_after(SimDuration::from_ms(1), ActorId::Director, message);
        }
    }

    #[derive(Default)]
    struct Lines(Vec<(SimTime, Option<u64>, Body)>);

    impl Record for Lines {
        fn record(&mut self, at: SimTime, _actor: ActorId, cause: Option<u64>, body: Body) -> u64 {
            self.0.push((at, cause, body));
            self.0.len() as u64 - 1
        }
    }

    #[test]
    fn a_message_is_logged_before_it_is_handled_and_causes_what_is_noted() {
        let lines = Rc::new(RefCell::new(Lines::default()));
        let log = Rc::clone(&lines) as Rc<RefCell<dyn Record>>;
        let message = Message::Director(DirectorMessage::Formed);
        let (at, body) = (SimTime::from_ns(7), message.body());
        let mut host = Host::new(ActorId::Director, Box::new(Chatterbox), log);
        let handled = host.deliver(Delivery { at, cause: Some(3), message });
        assert_eq!((handled.event, handled.out.sends.len(), handled.out.notes.len()), (0, 1, 0));
        let noted = |phase| (at, Some(0), Body::Phase { phase });
        assert_eq!(lines.borrow().0, [(at, Some(3), body), noted(Phase::Form), noted(Phase::Run)]);
    }
}
