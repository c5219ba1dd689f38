//! Connections on which replicas asked for replication: what each end last had of the other.

use std::collections::BTreeMap;

use crate::event::{Body, Event};
use crate::id::{ActorId, NodeId};
use crate::time::{SimDuration, SimTime};

/// All that are open, or were lately.
#[derive(Clone, Debug, Default)]
pub(super) struct ReplicaLinks(BTreeMap<u64, Link>);

#[derive(Clone, Copy, Debug)]
struct Link {
    replica: NodeId,
    asked_at: SimTime,
    /// Something of the primary's has reached the replica, which has its end open.
    is_fed: bool,
    /// Who had last read something of the replica's, and when.
    heard: Option<(NodeId, SimTime)>,
    /// When the primary closed it.
    closed_at: Option<SimTime>,
}

/// So long after its end a connection is remembered: replies to what was asked before are that late at most.
const KEPT: SimDuration = SimDuration::from_secs(60);

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
            (_, Body::Closed { from, conn, .. }) => self.closed(*conn, *from, event.at),
            _ => None,
        }
    }

    /// A replica asks for replication on a connection.
    pub fn asked(&mut self, conn: u64, replica: NodeId, asked_at: SimTime) {
        let is_over =
            |link: &Link| !link.is_fed && link.closed_at.is_some_and(|at| at < asked_at.before(KEPT));
        self.0.retain(|_, link| !is_over(link));
        self.0.insert(conn, Link { replica, asked_at, is_fed: false, heard: None, closed_at: None });
    }

    /// One end closes a connection. The other may not know yet, or never hear of it: what it heard counts for it until it closes
    /// its own.
    fn closed(&mut self, conn: u64, by: ActorId, at: SimTime) -> Option<Fed> {
        let link = self.0.get_mut(&conn)?;
        if by != ActorId::Node(link.replica) {
            link.closed_at = Some(at);
            return None;
        }
        std::mem::take(&mut link.is_fed).then(|| link.fed())
    }

    /// How many replicas a primary has read something of since an instant, on connections that it held at another.
    pub fn heard_since(&self, primary: NodeId, since: SimTime, held_at: SimTime) -> usize {
        let heard = |link: &&Link| {
            link.heard.is_some_and(|(by, at)| by == primary && at >= since)
                && link.closed_at.is_none_or(|at| at >= held_at)
        };
        self.0.values().filter(heard).count()
    }
}

impl Link {
    fn fed(&self) -> Fed {
        Fed { replica: self.replica, asked_at: self.asked_at }
    }
}
