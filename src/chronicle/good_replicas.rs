//! How many replicas a primary can count as good for a write: those that it heard from lately.
//!
//! Source: `refreshGoodReplicasCount`. A replica acknowledges once a second; a primary counts once a second.

use std::collections::BTreeMap;

use crate::event::{Body, Event};
use crate::id::{ActorId, NodeId};
use crate::op::OpAction;
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};

/// An acknowledgement every second, a count every second, and whole seconds.
const ROOM: SimDuration = SimDuration::from_secs(4);

/// A connection that a replica asked for replication on.
#[derive(Clone, Copy, Debug)]
struct Link {
    replica: NodeId,
    /// Who had last read something of it, and when.
    heard: Option<(NodeId, SimTime)>,
}

/// A primary that can have too few: how many it heard within which time, and how many it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Few {
    pub heard: usize,
    pub needed: usize,
    pub for_: SimDuration,
}

/// Replicas as their primaries hear them.
#[derive(Clone, Debug, Default)]
pub(super) struct GoodReplicas {
    /// How many there must be, and how old their last word may be; nothing if writes need none, or nobody knows how many.
    needed: Option<(usize, SimDuration)>,
    links: BTreeMap<u64, Link>,
}

impl GoodReplicas {
    pub fn new(plan: &Plan) -> Self {
        let number = |names: [&str; 2]| {
            let of_it =
                |(name, _): &(&String, &String)| names.iter().any(|known| known.eq_ignore_ascii_case(name));
            plan.cluster.config.iter().find(of_it).and_then(|(_, value)| value.trim().parse::<u64>().ok())
        };
        let needed = number(["min-replicas-to-write", "min-slaves-to-write"]).unwrap_or(0);
        let lag = number(["min-replicas-max-lag", "min-slaves-max-lag"]).unwrap_or(10);
        let is_set = plan.operations.iter().any(|op| changes_it(&op.action));
        let counts = needed > 0 && lag > 0 && !is_set;
        let needed = counts.then(|| (needed as usize, SimDuration::from_secs(lag) + ROOM));
        GoodReplicas { needed, links: BTreeMap::new() }
    }

    pub fn see(&mut self, event: &Event) {
        match (event.actor, &event.body) {
            (_, Body::Sent { from: ActorId::Node(replica), conn, repl: Some(repl), .. })
                if repl.asks.is_some() =>
            {
                self.links.insert(*conn, Link { replica: *replica, heard: None });
            }
            (ActorId::Node(node), Body::Deliver { conn, .. }) => {
                if let Some(link) = self.links.get_mut(conn).filter(|link| link.replica != node) {
                    link.heard = Some((node, event.at));
                }
            }
            (_, Body::Closed { conn, .. }) => {
                self.links.remove(conn);
            }
            _ => {}
        }
    }

    /// Whether a primary that is asked for a write at an instant can have too few.
    pub fn few(&self, primary: NodeId, asked_at: SimTime) -> Option<Few> {
        let (needed, for_) = self.needed?;
        let good =
            |link: &&Link| link.heard.is_some_and(|(by, at)| by == primary && asked_at.since(at) <= for_);
        let heard = self.links.values().filter(good).count();
        (heard < needed).then_some(Few { heard, needed, for_ })
    }
}

fn changes_it(action: &OpAction) -> bool {
    action.types(|typed| typed.args.iter().any(|word| word.to_ascii_lowercase().starts_with("min-")))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, event};
    use super::*;
    use crate::invariant::sample::healthy;

    fn few(asked_at: u64) -> Option<Few> {
        let mut plan = healthy().plan;
        plan.cluster.config.insert("min-replicas-to-write".to_owned(), "1".to_owned());
        plan.cluster.config.insert("min-replicas-max-lag".to_owned(), "2".to_owned());
        let mut replicas = GoodReplicas::new(&plan);
        replicas.links.insert(7, Link { replica: NodeId(4), heard: None });
        replicas.see(&event(10, ActorId::Node(NodeId(1)), Body::Deliver { conn: 7, len: 20 }));
        replicas.see(&event(15, ActorId::Node(NodeId(4)), Body::Deliver { conn: 7, len: 20 }));
        replicas.few(NodeId(1), at(asked_at))
    }

    #[test]
    fn a_replica_counts_until_its_last_word_is_too_old() {
        assert_eq!(few(16), None);
        let for_ = SimDuration::from_secs(6);
        assert_eq!(few(17), Some(Few { heard: 0, needed: 1, for_ }));
    }

    #[test]
    fn a_cluster_that_needs_none_has_never_too_few() {
        assert_eq!(GoodReplicas::new(&healthy().plan).few(NodeId(1), at(99)), None);
    }
}
