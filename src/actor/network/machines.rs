//! Machines that are gone: nobody hears of it.
//!
//! What a lost machine's links still held is lost with it, and what is sent to it waits for TCP's attempts, as does what was
//! under way to it. A machine that is back knows nothing of earlier connections, and says so to whoever tries again. The
//! management's own links are no part of the network under test: there a lost machine looks like a process that ended.

use super::Network;
use super::connection::{ENDS, Held};
use super::links::is_managed;
use crate::actor::Out;
use crate::id::{Host, NodeId};
use crate::time::SimTime;

impl Network {
    /// A node's machine is gone.
    pub(super) fn lose(&mut self, now: SimTime, node: NodeId, out: &mut Out) {
        self.lost.insert(node);
        self.mind_silence(out);
        for connection in self.connections.values_mut() {
            let [a, b] = connection.hosts;
            for side in 0..ENDS {
                if connection.hosts[side] == Host::Node(node) && !is_managed(a, b) {
                    connection.held[side].clear();
                    // A request that nobody answered yet finds out by itself.
                    connection.lost[side] = connection.ends[side].is_some();
                    let other = ENDS - 1 - side;
                    if connection.lost[side] && connection.is_under_way(other, now) {
                        connection.hold(now, other, Held::Unanswered);
                    }
                }
            }
        }
    }

    /// A node's machine is back: whoever waits for it tries again, by and by.
    pub(super) fn find_again(&mut self, now: SimTime, node: NodeId, out: &mut Out) {
        self.lost.remove(&node);
        self.release(now, None, out);
    }

    /// Whether the machine at one side of a connection is gone.
    pub(super) fn is_lost(&self, conn: u64, side: usize) -> bool {
        let connection = &self.connections[&conn];
        let [a, b] = connection.hosts;
        !is_managed(a, b) && connection.hosts[side].node().is_some_and(|node| self.lost.contains(&node))
    }
}
