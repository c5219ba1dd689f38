//! Connections on which replicas asked for replication: what each end last had of the other.

use std::collections::BTreeMap;

use crate::event::{Body, Event};
use crate::id::{ActorId, NodeId};
use crate::time::SimTime;

/// All that are open.
#[derive(Clone, Debug, Default)]
pub(super) struct ReplicaLinks(BTreeMap<u64, Link>);

#[derive(Clone, Copy, Debug)]
struct Link {
    replica: NodeId,
    asked_at: SimTime,
    /// Something of the primary's has reached the replica.
    is_fed: bool,
    /// Who had last read something of the replica's, and when.
    heard: Option<(NodeId, SimTime)>,
}

/// A replica that has just had something of its primary, or lost a connection that had carried something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fed {
    pub replica: NodeId,
    /// When it had asked on that connection.
    pub asked_at: SimTime,
}

impl ReplicaLinks {
    pub fn see(&mut self, event: &Event) -> Option<Fed> {
        match (event.actor, &event.body) {
            (_, Body::Sent { from: ActorId::Node(replica), conn, repl: Some(repl), .. })
                if repl.asks.is_some() =>
            {
                self.asked(*conn, *replica, event.at);
                None
            }
            (ActorId::Node(node), Body::Deliver { conn, .. }) => {
                let link = self.0.get_mut(conn)?;
                if link.replica != node {
                    link.heard = Some((node, event.at));
                    return None;
                }
                link.is_fed = true;
                Some(link.fed())
            }
            (_, Body::Closed { conn, .. }) => {
                self.0.remove(conn).filter(|link| link.is_fed).map(|link| link.fed())
            }
            _ => None,
        }
    }

    /// A replica asks for replication on a connection.
    pub fn asked(&mut self, conn: u64, replica: NodeId, asked_at: SimTime) {
        self.0.insert(conn, Link { replica, asked_at, is_fed: false, heard: None });
    }

    /// How many replicas a primary has read something of since an instant.
    pub fn heard_since(&self, primary: NodeId, since: SimTime) -> usize {
        let heard = |link: &&Link| link.heard.is_some_and(|(by, at)| by == primary && at >= since);
        self.0.values().filter(heard).count()
    }
}

impl Link {
    fn fed(&self) -> Fed {
        Fed { replica: self.replica, asked_at: self.asked_at }
    }
}
