//! In which turns a server's multiplexers report what is ready in another order than usual.
//!
//! Linux reports in the order of readiness, which is anybody's guess. The usual order here is that of the descriptors; in
//! a share of turns it is shuffled, by a seed that the log keeps where it made a difference.

use std::collections::BTreeMap;

use crate::id::NodeId;
use crate::rng::Stream;

/// One turn in so many has an order of its own; in few of them more than one thing is ready.
const ONE_IN: u64 = 8;

/// The orders of a node's turns.
pub struct Orders {
    /// Turns so far.
    turns: u64,
    source: Source,
}

enum Source {
    Drawn(Stream),
    /// The seed of each turn that is known to have had one.
    Recorded(BTreeMap<u64, u64>),
}

/// The order of one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which turn of the node it is, from 1.
    pub turn: u64,
    /// What it is shuffled by; 0 for the usual order.
    pub seed: u64,
}

impl Orders {
    /// Drawn under the run's seed.
    pub fn drawn(seed: u64, node: NodeId) -> Self {
        Orders { turns: 0, source: Source::Drawn(Stream::new(seed, &node.to_string(), "order")) }
    }

    /// As an earlier run had them, by the number of the turn.
    pub fn recorded(orders: BTreeMap<u64, u64>) -> Self {
        Orders { turns: 0, source: Source::Recorded(orders) }
    }

    /// From now on every turn has the usual order.
    pub fn cease(&mut self) {
        self.source = Source::Recorded(BTreeMap::new());
    }

    /// The order of the next turn.
    pub fn next_turn(&mut self) -> Order {
        self.turns += 1;
        let seed = match &mut self.source {
            Source::Drawn(stream) => match stream.chance(1, ONE_IN) {
                true => stream.bits() | 1,
                false => 0,
            },
            Source::Recorded(orders) => orders.remove(&self.turns).unwrap_or(0),
        };
        Order { turn: self.turns, seed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next_turns(orders: &mut Orders) -> Vec<Order> {
        (0..640).map(|_| orders.next_turn()).filter(|order| order.seed != 0).collect()
    }

    #[test]
    fn a_share_of_turns_has_an_order_and_the_log_gives_back_the_same_ones() {
        let drawn = next_turns(&mut Orders::drawn(7, NodeId(2)));
        assert!((55..=110).contains(&drawn.len()), "{} of 640", drawn.len());
        let log = drawn.iter().map(|order| (order.turn, order.seed)).collect();
        assert_eq!(next_turns(&mut Orders::recorded(log)), drawn);
    }

    #[test]
    fn an_order_that_the_log_does_not_have_is_the_usual_one() {
        assert_eq!(next_turns(&mut Orders::recorded(BTreeMap::new())), []);
        let mut ceased = Orders::drawn(7, NodeId(2));
        ceased.cease();
        assert_eq!(next_turns(&mut ceased), []);
    }
}
