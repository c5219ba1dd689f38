//! What is to happen, ordered by (instant, order of queueing): total, and never backwards.
//!
//! Only keys are put in order; the messages themselves, of which a large cluster has hundreds of thousands on their way,
//! stay where they are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use slab::Slab;

use crate::actor::message::Message;
use crate::id::ActorId;
use crate::time::SimTime;

/// A message that waits for its instant.
#[derive(Debug)]
pub struct Queued {
    /// When it is delivered.
    pub at: SimTime,
    /// To whom.
    pub to: ActorId,
    /// The event that queued it.
    pub cause: Option<u64>,
    /// A timer is only delivered while it is the receiver's latest: the number it must have.
    pub timer: Option<u64>,
    /// What.
    pub message: Message,
}

/// The queue.
#[derive(Default)]
pub struct Queue {
    /// When, whether others go first, the how manieth, and its place in `waiting`.
    keys: BinaryHeap<Reverse<(SimTime, bool, u64, usize)>>,
    waiting: Slab<Queued>,
    sequence: u64,
    now: SimTime,
}

impl Queue {
    /// Queues a message; it must not be earlier than the last one taken.
    pub fn push(&mut self, queued: Queued) {
        assert!(queued.at >= self.now, "{queued:?} is earlier than {}, the last event", self.now);
        self.insert(queued, true);
    }

    /// Queues a message for the instant of the last one taken, before everything else that waits for it.
    pub fn push_first(&mut self, queued: Queued) {
        assert!(queued.at == self.now, "{queued:?} is not of {}, the last event's instant", self.now);
        self.insert(queued, false);
    }

    fn insert(&mut self, queued: Queued, after_others: bool) {
        let at = queued.at;
        self.keys.push(Reverse((at, after_others, self.sequence, self.waiting.insert(queued))));
        self.sequence += 1;
    }

    /// Takes the first message.
    pub fn pop(&mut self) -> Option<Queued> {
        let Reverse((_, _, _, place)) = self.keys.pop()?;
        let queued = self.waiting.remove(place);
        assert!(queued.at >= self.now, "time goes back to {}", queued.at);
        self.now = queued.at;
        Some(queued)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Queue, Queued};
    use crate::actor::message::{DirectorMessage, Message};
    use crate::id::ActorId;
    use crate::time::SimTime;

    fn at(ns: u64, cause: u64) -> Queued {
        let message = Message::Director(DirectorMessage::Begin);
        Queued { at: SimTime::from_ns(ns), to: ActorId::Director, cause: Some(cause), timer: None, message }
    }

    proptest! {
        #[test]
        fn messages_come_in_order_of_time_then_of_queueing(times in prop::collection::vec(0u64..50, 0..200)) {
            let mut queue = Queue::default();
            for (i, ns) in times.iter().enumerate() {
                queue.push(at(*ns, i as u64));
            }
            let mut expected: Vec<(u64, u64)> = times.iter().copied().zip(0..).collect();
            expected.sort_unstable();
            let mut taken = Vec::new();
            while let Some(queued) = queue.pop() {
                taken.push((queued.at.as_ns(), queued.cause.unwrap_or_default()));
            }
            prop_assert_eq!(taken, expected);
        }
    }

    #[test]
    fn what_comes_first_comes_before_what_waits_for_the_same_instant() {
        let mut queue = Queue::default();
        (0..3).for_each(|cause| queue.push(at(10, cause)));
        queue.pop();
        queue.push_first(at(10, 7));
        queue.push_first(at(10, 8));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|queued| queued.cause).collect();
        assert_eq!(order, [Some(7), Some(8), Some(1), Some(2)]);
    }

    #[test]
    #[should_panic(expected = "is earlier than")]
    fn a_message_earlier_than_the_last_one_is_refused() {
        let mut queue = Queue::default();
        queue.push(at(10, 0));
        queue.pop();
        queue.push(at(9, 1));
    }
}
