//! An operation that consists of others: they are done one after the other, until one is not done.

use std::collections::VecDeque;

use super::Desk;
use super::job::Job;
use super::progress::Progress;
use crate::actor::session::Answer;
use crate::event::BusSummary;
use crate::id::NodeId;
use crate::op::{Ending, Op, OpAction};
use crate::time::SimDuration;

/// How a part is begun.
pub(super) type Begin = fn(&Op, &mut Desk) -> (Box<dyn Job>, Progress);

/// Parts of an operation.
#[derive(Debug)]
struct Sequence {
    whole: Op,
    left: VecDeque<OpAction>,
    current: Box<dyn Job>,
    begin: Begin,
    /// How the parts that are over were done.
    done: Vec<String>,
}

/// Begins with the first part; there must be one.
pub(super) fn start(
    op: &Op,
    parts: Vec<OpAction>,
    begin: Begin,
    desk: &mut Desk,
) -> (Box<dyn Job>, Progress) {
    let mut left: VecDeque<OpAction> = parts.into();
    let first = left.pop_front().expect("an operation of parts has one");
    let (current, progress) = begin(&part(op, first), desk);
    let mut sequence = Sequence { whole: op.clone(), left, current, begin, done: Vec::new() };
    let progress = sequence.take(progress, desk);
    (Box::new(sequence), progress)
}

/// A part as an operation under the whole one's number.
fn part(whole: &Op, action: OpAction) -> Op {
    Op { action, delay_ns: SimDuration::ZERO, ..whole.clone() }
}

impl Sequence {
    /// Goes on with the next part once one is done.
    fn take(&mut self, mut progress: Progress, desk: &mut Desk) -> Progress {
        while let Progress::Ended { ending, text } = progress {
            self.done.push(text);
            let next = self.left.pop_front().filter(|_| ending == Ending::Done);
            let Some(next) = next else {
                return Progress::Ended { ending, text: self.done.join("; ") };
            };
            (self.current, progress) = (self.begin)(&part(&self.whole, next), desk);
        }
        progress
    }
}

impl Job for Sequence {
    fn answered(&mut self, answer: &Answer, desk: &mut Desk) -> Progress {
        let progress = self.current.answered(answer, desk);
        self.take(progress, desk)
    }

    fn ticked(&mut self, token: u64, desk: &mut Desk) -> Progress {
        let progress = self.current.ticked(token, desk);
        self.take(progress, desk)
    }

    fn node_ended(&mut self, node: NodeId, desk: &mut Desk) -> Progress {
        let progress = self.current.node_ended(node, desk);
        self.take(progress, desk)
    }

    fn bus_seen(&mut self, node: NodeId, to: NodeId, summary: &BusSummary, desk: &mut Desk) {
        self.current.bus_seen(node, to, summary, desk);
    }
}
