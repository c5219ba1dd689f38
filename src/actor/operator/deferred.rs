//! An operation whose parts depend on who is who when its time comes: the cluster is looked at first.

use super::Desk;
use super::job::Job;
use super::lookup::{Found, Lookup};
use super::progress::Progress;
use super::roll::{Roll, Views};
use super::sequence::{self, Begin};
use crate::actor::session::Answer;
use crate::event::BusSummary;
use crate::id::{NodeId, ShardId};
use crate::op::{Ending, Op, OpAction};

/// A kind of which the operator makes parts once it has seen the cluster.
pub(super) trait Deferred {
    /// What is done one after the other, or why nothing is.
    fn parts_now(&self, views: &Views, roll: &Roll) -> Result<Vec<OpAction>, String>;
}

#[derive(Debug)]
enum Stage {
    Looking(Lookup),
    Doing(Box<dyn Job>),
}

/// Such an operation under way.
#[derive(Debug)]
struct Deferring<K> {
    kind: K,
    op: Op,
    /// How each part begins.
    begin: Begin,
    stage: Stage,
}

/// Looks at the whole cluster, and begins with the parts that follow from it.
pub(super) fn start<K>(kind: &K, op: &Op, begin: Begin, desk: &mut Desk) -> (Box<dyn Job>, Progress)
where
    K: Deferred + Clone + std::fmt::Debug + 'static,
{
    let shards: Vec<ShardId> = desk.roll.cluster.possible_shards().collect();
    let (lookup, found) = Lookup::start(&shards, desk);
    let mut deferring =
        Deferring { kind: kind.clone(), op: op.clone(), begin, stage: Stage::Looking(lookup) };
    let progress = deferring.found(found, desk);
    (Box::new(deferring), progress)
}

impl<K: Deferred> Deferring<K> {
    fn found(&mut self, found: Found, desk: &mut Desk) -> Progress {
        let Found::Seen(views) = found else { return Progress::Working };
        match self.kind.parts_now(&views, desk.roll) {
            Ok(parts) if !parts.is_empty() => {
                let (job, progress) = sequence::start(&self.op, parts, self.begin, desk);
                self.stage = Stage::Doing(job);
                progress
            }
            Ok(_) => Progress::Ended { ending: Ending::NotSent, text: "there is nothing to do".to_owned() },
            Err(why) => Progress::Ended { ending: Ending::NotSent, text: why },
        }
    }
}

impl<K: Deferred + std::fmt::Debug> Job for Deferring<K> {
    fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> Progress {
        match &mut self.stage {
            Stage::Looking(lookup) => {
                let found = lookup.answered(answer, desk);
                self.found(found, desk)
            }
            Stage::Doing(job) => job.answered(answer, desk),
        }
    }

    fn ticked(&mut self, token: u64, desk: &mut Desk) -> Progress {
        match &mut self.stage {
            Stage::Looking(lookup) => {
                let found = lookup.ticked(token, desk);
                self.found(found, desk)
            }
            Stage::Doing(job) => job.ticked(token, desk),
        }
    }

    fn node_ended(&mut self, node: NodeId, desk: &mut Desk) -> Progress {
        match &mut self.stage {
            Stage::Looking(_) => Progress::Working,
            Stage::Doing(job) => job.node_ended(node, desk),
        }
    }

    fn bus_seen(&mut self, node: NodeId, to: NodeId, summary: &BusSummary, desk: &mut Desk) {
        if let Stage::Doing(job) = &mut self.stage {
            job.bus_seen(node, to, summary, desk);
        }
    }
}
