//! Tells chaos whom the targets of a fault are right now.

use super::Desk;
use super::lookup::{Found, Lookup};
use super::roll::Views;
use crate::actor::message::{ChaosMessage, Message};
use crate::actor::session::Answer;
use crate::fault::{FaultId, Target};
use crate::id::{ActorId, ShardId};

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
            answer(fault, &targets, &Views::default(), desk);
            return None;
        }
        let shards: Vec<ShardId> = targets.iter().filter_map(shard_of).collect();
        let (lookup, found) = Lookup::start(&shards, desk);
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
            Found::Seen(views) => answer(self.fault, &self.targets, &views, desk),
        }
        true
    }
}

fn shard_of(target: &Target) -> Option<ShardId> {
    match target {
        Target::Primary(shard) | Target::Replica(shard, _) => Some(*shard),
        Target::Node(_) | Target::Clients => None,
    }
}

/// Answers from what was said just now, or long ago if nobody answers any more.
fn answer(fault: FaultId, targets: &[Target], views: &Views, desk: &mut Desk) {
    let views = if views.0.is_empty() { &desk.roll.last } else { views };
    let nodes = targets.iter().map(|target| desk.roll.target(views, *target)).collect();
    desk.out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::Resolved { fault, nodes }));
}
