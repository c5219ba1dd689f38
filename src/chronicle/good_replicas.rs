//! How many replicas a primary can count as good for a write: those that it heard from lately.
//!
//! Source: `refreshGoodReplicasCount`. A replica acknowledges once a second; a primary counts once a second.

use super::replica_links::ReplicaLinks;
use crate::id::NodeId;
use crate::op::OpAction;
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};

/// An acknowledgement every second, a count every second, and whole seconds.
const ROOM: SimDuration = SimDuration::from_secs(4);

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
}

impl GoodReplicas {
    pub fn new(plan: &Plan) -> Self {
        let number = |names: [&str; 2]| plan.cluster.directive(&names)?.trim().parse::<u64>().ok();
        let needed = number(["min-replicas-to-write", "min-slaves-to-write"]).unwrap_or(0);
        let lag = number(["min-replicas-max-lag", "min-slaves-max-lag"]).unwrap_or(10);
        let is_set = plan.operations.iter().any(|op| changes_it(&op.action));
        let counts = needed > 0 && lag > 0 && !is_set;
        let needed = counts.then(|| (needed as usize, SimDuration::from_secs(lag) + ROOM));
        GoodReplicas { needed }
    }

    /// Whether a primary that is asked for a write at an instant can have too few.
    pub fn few(&self, links: &ReplicaLinks, primary: NodeId, asked_at: SimTime) -> Option<Few> {
        let (needed, for_) = self.needed?;
        let heard = links.heard_since(primary, asked_at.before(for_), asked_at);
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
    use crate::event::{Body, Closing};
    use crate::id::ActorId;
    use crate::invariant::sample::healthy;

    const FEW: Few = Few { heard: 0, needed: 1, for_: SimDuration::from_secs(6) };

    /// What a primary has at an instant whose replica was heard at 10, and whose connection an end closed at 12.
    fn few(asked_at: u64, closed_by: Option<NodeId>) -> Option<Few> {
        let mut plan = healthy().plan;
        plan.cluster.config.insert("min-replicas-to-write".to_owned(), "1".to_owned());
        plan.cluster.config.insert("min-replicas-max-lag".to_owned(), "2".to_owned());
        let mut links = ReplicaLinks::default();
        links.asked(7, NodeId(4), at(1));
        links.see(&event(10, ActorId::Node(NodeId(1)), Body::Deliver { conn: 7, len: 20 }));
        links.see(&event(15, ActorId::Node(NodeId(4)), Body::Deliver { conn: 7, len: 20 }));
        if let Some(node) = closed_by {
            let closed = Body::Closed { from: ActorId::Node(node), conn: 7, how: Closing::Closed };
            links.see(&event(12, ActorId::Network, closed));
        }
        GoodReplicas::new(&plan).few(&links, NodeId(1), at(asked_at))
    }

    #[test]
    fn a_replica_counts_until_its_last_word_is_too_old() {
        assert_eq!(few(16, None), None);
        assert_eq!(few(17, None), Some(FEW));
    }

    #[test]
    fn a_replica_that_is_gone_counts_while_its_primary_cannot_know() {
        assert_eq!(few(16, Some(NodeId(4))), None);
        assert_eq!(few(12, Some(NodeId(1))), None);
        assert_eq!(few(13, Some(NodeId(1))), Some(FEW));
    }

    #[test]
    fn a_cluster_that_needs_none_has_never_too_few() {
        assert_eq!(GoodReplicas::new(&healthy().plan).few(&ReplicaLinks::default(), NodeId(1), at(99)), None);
    }
}
