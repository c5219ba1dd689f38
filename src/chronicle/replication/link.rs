//! What is under way from a primary to its replica on one connection, and what of it has arrived.
//!
//! A connection gives up its bytes in order, in pieces as the network likes; so what arrived is counted in bytes, and
//! what that means for the replica stands at the byte at which it is whole.

use std::collections::VecDeque;

use super::reign::ReignId;
use crate::event::Replicated;
use crate::id::NodeId;
use crate::time::SimTime;

/// A connection between a replica and its primary.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub replica: NodeId,
    pub primary: NodeId,
    /// The offset of the first byte that the replica lacks, as it asked for it last.
    pub asked: Option<i64>,
    /// The last offset that the replica acknowledged on this connection.
    pub acked: u64,
    /// The data set takes another connection, so that what the replica may go on with here is that one.
    pub is_beside_data: bool,
    /// That data set is not there; what arrives here meanwhile waits for it.
    pub waits_for_data: bool,
    /// The position of the data set that is being sent.
    pub data_set: Option<(ReignId, u64, SimTime)>,
    sent: u64,
    arrived: u64,
    under_way: VecDeque<(u64, Step)>,
    waiting: Option<Step>,
}

/// What a replica has once a certain byte has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The whole data set.
    Whole { reign: ReignId, offset: u64, since: SimTime },
    /// Leave to go on where it was.
    Continues { reign: ReignId, offset: u64 },
    /// The stream up to an offset.
    Stream { reign: ReignId, offset: u64 },
}

impl Link {
    pub fn new(replica: NodeId, primary: NodeId) -> Self {
        Link {
            replica,
            primary,
            asked: None,
            acked: 0,
            is_beside_data: false,
            waits_for_data: false,
            data_set: None,
            sent: 0,
            arrived: 0,
            under_way: VecDeque::new(),
            waiting: None,
        }
    }

    /// The data set is to take another connection.
    pub fn expect_data(&mut self) {
        (self.is_beside_data, self.waits_for_data) = (true, true);
    }

    /// The primary sends so many bytes.
    pub fn send(&mut self, len: u64) {
        self.sent += len;
    }

    /// Something is whole with the last byte sent but `before_end`.
    pub fn mark(&mut self, before_end: u64, step: Step) {
        self.under_way.push_back((self.sent - before_end, step));
    }

    /// So many bytes reach the replica; what it has with them.
    pub fn arrive(&mut self, len: u64) -> Vec<Step> {
        self.arrived += len;
        let mut steps = Vec::new();
        while self.under_way.front().is_some_and(|(at, _)| *at <= self.arrived) {
            steps.extend(self.under_way.pop_front().map(|(_, step)| step));
        }
        if !self.waits_for_data {
            return steps;
        }
        self.waiting = steps.pop().or(self.waiting);
        Vec::new()
    }

    /// The data set is there: what arrived here meanwhile counts.
    pub fn data_is_there(&mut self) -> Option<Step> {
        self.waits_for_data = false;
        self.waiting.take()
    }
}

/// Each command of a chunk: how many bytes of the chunk follow it, its offset, length and digest.
pub(super) fn commands(said: &Replicated) -> impl Iterator<Item = (u64, super::Executed)> {
    let to = said.to.unwrap_or(0);
    said.commands.ending_at(to).map(move |(end, command)| {
        let executed = super::Executed { end, len: command.len, digest: command.digest };
        (to - end + said.rest, executed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(offset: u64) -> Step {
        Step::Stream { reign: ReignId(0), offset }
    }

    #[test]
    fn what_arrived_in_pieces_counts_once_it_is_whole() {
        let mut link = Link::new(NodeId(2), NodeId(1));
        link.send(30);
        link.mark(20, stream(10));
        link.mark(5, stream(25));
        assert_eq!(link.arrive(9), []);
        assert_eq!(link.arrive(1), [stream(10)]);
        assert_eq!(link.arrive(20), [stream(25)]);
    }

    #[test]
    fn a_stream_waits_for_the_data_set_of_another_connection() {
        let mut link = Link::new(NodeId(2), NodeId(1));
        link.expect_data();
        link.send(30);
        link.mark(20, stream(10));
        link.mark(0, stream(30));
        assert_eq!(link.arrive(30), []);
        assert_eq!(link.data_is_there(), Some(stream(30)));
        link.send(5);
        link.mark(0, stream(35));
        assert_eq!(link.arrive(5), [stream(35)]);
    }
}
