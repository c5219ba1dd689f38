//! Tells chaos whom the targets of a fault are right now.

use super::Desk;
use super::lookup::{Found, Lookup};
use crate::actor::message::{ChaosMessage, Message};
use crate::actor::session::Answer;
use crate::fault::{FaultId, Target};
use crate::id::ActorId;

/// A question of chaos that is being answered.
#[derive(Debug)]
pub(super) struct Resolve {
    fault: FaultId,
    targets: Vec<Target>,
    lookup: Lookup,
}

impl Resolve {
    /// Begins; nothing if it could be answered at once.
    pub fn start(fault: FaultId, targets: Vec<Target>, desk: &mut Desk) -> Option<Self> {
        let plain = |target: &Target| matches!(target, Target::Node(_) | Target::Clients);
        if targets.iter().all(plain) {
            answer(fault, &targets, desk);
            return None;
        }
        let (lookup, found) = Lookup::start(desk);
        let mut resolve = Resolve { fault, targets, lookup };
        (!resolve.found(found, desk)).then_some(resolve)
    }

    /// Takes an answer, if it is one of its own; says whether chaos was told.
    pub fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> bool {
        let found = self.lookup.answered(answer, desk);
        self.found(found, desk)
    }

    /// Takes a timer that is due, if it is one of its own; says whether chaos was told.
    pub fn ticked(&mut self, token: u64, desk: &mut Desk) -> bool {
        let found = self.lookup.ticked(token, desk);
        self.found(found, desk)
    }

    fn found(&mut self, found: Found, desk: &mut Desk) -> bool {
        match found {
            Found::NotYet => return false,
            Found::Seen(_) => answer(self.fault, &self.targets, desk),
        }
        true
    }
}

/// Answers from the view that was seen last: just now, or long ago if nobody answers any more.
fn answer(fault: FaultId, targets: &[Target], desk: &mut Desk) {
    let view = desk.roll.last.as_ref();
    let nodes = targets.iter().map(|target| desk.roll.target(view, *target)).collect();
    desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::Resolved { fault, nodes }));
}
