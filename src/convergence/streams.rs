//! Chunks of replication streams on their way.

use std::collections::{BTreeMap, VecDeque};

use crate::event::Body;
use crate::fault::Channel;
use crate::id::{ActorId, CLIENT_PORT, NodeId};
use crate::time::SimTime;

/// The connections between nodes' client ports.
#[derive(Debug, Default)]
pub(super) struct Streams(BTreeMap<u64, Stream>);

#[derive(Debug)]
struct Stream {
    /// Who dialled: the replica.
    replica: NodeId,
    /// When each chunk was sent that has not arrived; chunks do not overtake each other.
    under_way: VecDeque<SimTime>,
}

impl Streams {
    /// Takes what the network saw.
    pub fn see(&mut self, at: SimTime, body: &Body) {
        match body {
            Body::Dial { from: ActorId::Node(replica), conn, port: CLIENT_PORT, .. } => {
                self.0.insert(*conn, Stream { replica: *replica, under_way: VecDeque::new() });
            }
            Body::Sent { from: ActorId::Node(from), conn, channel: Channel::Replication, .. } => {
                if let Some(stream) = self.0.get_mut(conn).filter(|stream| stream.replica != *from) {
                    stream.under_way.push_back(at);
                }
            }
            Body::Closed { from: ActorId::Node(from), conn, .. } if self.is_of(*conn, *from) => {
                self.0.remove(conn);
            }
            _ => {}
        }
    }

    fn is_of(&self, conn: u64, replica: NodeId) -> bool {
        self.0.get(&conn).is_some_and(|stream| stream.replica == replica)
    }

    /// When the chunk was sent that reached a replica just now; nothing if it is no chunk of a replication stream.
    pub fn delivered(&mut self, node: NodeId, conn: u64) -> Option<SimTime> {
        self.0.get_mut(&conn).filter(|stream| stream.replica == node)?.under_way.pop_front()
    }
}
