//! Replicas that stand for election: as what they see themselves among the other replicas of their primary, and how fresh their
//! data is.
//!
//! A replica's rank is how many of the others it knows with a larger offset (`clusterGetReplicaRank`); equal offsets count from
//! 9.0 on, by cluster id. What reached it within `READ_WITHIN` may not have been read, so its rank is known within bounds.

use std::collections::BTreeMap;

use super::bus::Heard;
use super::members::Members;
use super::replica_links::Fed;
use super::views::{READ_WITHIN, Views};
use crate::event::{Body, Claim, Event};
use crate::id::{ActorId, NodeId};
use crate::time::{SimDuration, SimTime};
use crate::wire::server_log::Said;

/// A replica said that it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidacy {
    /// The line that says so.
    pub event: u64,
    /// When.
    pub at: SimTime,
    /// Who.
    pub node: NodeId,
    /// The rank that it gives itself.
    pub rank: u64,
    /// The lowest and the highest rank that it can have by what it was told.
    pub possible: (u64, u64),
    /// How long it says it waits before it asks.
    pub delay: SimDuration,
}

/// Every candidacy, and since when replicas are without word of their primary.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    candidacies: Vec<Candidacy>,
    /// When whoever stands may ask, each with since when it says so.
    due: BTreeMap<NodeId, Vec<(SimTime, SimTime)>>,
    /// When a replica was last on good terms with its primary, at the latest.
    fresh_at: BTreeMap<NodeId, SimTime>,
    /// When replicas said that their data is too old to stand.
    too_old: Vec<SimTime>,
}

impl Candidates {
    pub(super) fn see(&mut self, event: &Event) {
        match (event.actor, &event.body) {
            (ActorId::Node(node), Body::Start { .. }) => {
                self.fresh_at.remove(&node);
                self.due.remove(&node);
            }
            // What arrived meanwhile is read now.
            (ActorId::Node(node), Body::Pause { paused: false }) => {
                self.fresh_at.entry(node).and_modify(|at| *at = event.at);
            }
            _ => {}
        }
    }

    /// A replica had something of its primary, or lost a link that had carried something; one of an earlier process says nothing.
    pub(super) fn fed(&mut self, fed: Fed, at: SimTime, members: &Members) {
        let started_at = members.get(fed.replica).and_then(|member| member.started_at);
        if started_at.is_none_or(|started_at| fed.asked_at >= started_at) {
            self.fresh_at.insert(fed.replica, at);
        }
    }

    pub(super) fn logged(
        &mut self,
        event: &Event,
        (node, said): (NodeId, Said),
        (members, views): (&Members, &Views),
    ) {
        let at = event.at;
        match said {
            Said::Stands { delay_ms, rank, offset } => {
                let possible = possible((node, offset, at), members, views);
                let delay = SimDuration::from_ms(delay_ms);
                self.says_due(node, at, at + delay);
                self.candidacies.push(Candidacy { event: event.i, at, node, rank, possible, delay });
            }
            Said::AsksLater(ms) => {
                let by = SimDuration::from_ms(ms.unsigned_abs());
                if let Some(due) = self.due(node, at) {
                    let due = if ms > 0 { due + by } else { due.before(by) };
                    self.says_due(node, at, due);
                }
            }
            Said::AsksNow => self.says_due(node, at, at),
            Said::TooOld => self.too_old.push(at),
            _ => {}
        }
    }

    fn says_due(&mut self, node: NodeId, at: SimTime, due: SimTime) {
        self.due.entry(node).or_default().push((at, due));
    }

    /// When a replica that stood at an instant might ask for votes, by its own words until then. What it logs and what it sends in
    /// one turn are of one instant.
    pub fn due(&self, node: NodeId, at: SimTime) -> Option<SimTime> {
        let said = self.due.get(&node)?;
        said.iter().rev().find(|(since, _)| *since <= at).map(|(_, due)| *due)
    }

    /// When a replica said last between two instants that its data is too old to stand.
    pub fn too_old_between(&self, [from, until]: [SimTime; 2]) -> Option<SimTime> {
        self.too_old.iter().rev().copied().find(|at| (from..=until).contains(at))
    }

    /// When a process was last on good terms with its primary, at the latest; nothing if it never was.
    pub fn fresh_at(&self, node: NodeId) -> Option<SimTime> {
        self.fresh_at.get(&node).copied()
    }

    /// Lets a process be on good terms with its primary.
    #[cfg(test)]
    pub(crate) fn fresh(&mut self, node: NodeId, at: SimTime) {
        self.fresh_at.insert(node, at);
    }

    /// Every candidacy, in order.
    pub fn candidacies(&self) -> &[Candidacy] {
        &self.candidacies
    }
}

/// The ranks that a replica with this offset can have by what it was told.
fn possible((node, offset, now): (NodeId, u64, SimTime), members: &Members, views: &Views) -> (u64, u64) {
    let Some((primary, started_at)) =
        members.get(node).and_then(|member| Some((member.header()?.claim.of.as_ref()?, member.started_at?)))
    else {
        return (0, u64::MAX);
    };
    // Offsets that it was told are not on its disk.
    let told: Vec<&Heard> = views.of(node).filter(|heard| heard.at >= started_at).collect();
    let told_at = |heard: &Heard| views.offset(node, heard.message.from);
    let is_read = |heard: &&&Heard| told_at(heard).is_some_and(|(at, _)| now.since(at) > READ_WITHIN);
    let sibling = |heard: &Heard| {
        let claim = &heard.message.header.as_ref()?.claim;
        let stands = claim.of.as_ref() == Some(primary) && claim.flags & Claim::NO_FAILOVER == 0;
        told_at(heard).filter(|_| stands).map(|(_, offset)| offset)
    };
    let better =
        told.iter().filter(is_read).filter(|heard| sibling(heard).is_some_and(|other| other > offset));
    // Of those that were only gossiped about, and of those that said something newer, nothing is known for certain.
    let not_worse = views
        .of(node)
        .filter(|heard| !is_read(&heard) || sibling(heard).is_some_and(|other| other >= offset));
    (better.count() as u64, if offset == 0 { u64::MAX } else { not_worse.count() as u64 })
}

#[cfg(test)]
mod tests {
    use super::super::Chronicle;
    use super::super::replica_links::ReplicaLinks;
    use super::super::sample::{Says, at, event, message, of_type};
    use super::*;
    use crate::event::{Closing, MessageType};
    use crate::invariant::sample::healthy;

    /// Node 4, with offset 50, and two others follow node 1; it has heard the offsets of those, and stands at 10 s.
    fn stands(others: [u64; 2], said_at: u64) -> Candidacy {
        stands_after(others, said_at, None)
    }

    /// The same, and node 5 asked it for a vote later, with this offset.
    fn stands_after(others: [u64; 2], said_at: u64, asked: Option<(u64, u64)>) -> Candidacy {
        let mut chronicle = Chronicle::new(&healthy().plan);
        chronicle.see(&event(1, ActorId::Node(NodeId(4)), Body::Start { incarnation: 1 }));
        chronicle.take(message(Says { offset: 50, ..Says::replica(4, 1) }, 1, 2));
        for (node, offset) in (5..).zip(others) {
            chronicle.take(message(Says { offset, ..Says::replica(node, 1) }, 4, said_at));
        }
        if let Some((offset, asked_at)) = asked {
            let asks = Says { offset, ..Says::replica(5, 1) };
            chronicle.take(of_type(MessageType::FAILOVER_AUTH_REQUEST, asks, 4, asked_at));
        }
        let line = "Start of election delayed for 612 milliseconds (rank #1, offset 50).".to_owned();
        chronicle.see(&event(10, ActorId::Node(NodeId(4)), Body::Log { line }));
        chronicle.candidates.candidacies()[0].clone()
    }

    #[test]
    fn a_rank_is_the_number_of_those_with_more() {
        let candidacy = stands([60, 40], 5);
        assert_eq!((candidacy.rank, candidacy.possible), (1, (1, 1)));
        assert_eq!(candidacy.delay, SimDuration::from_ms(612));
        assert_eq!(stands([60, 50], 5).possible, (1, 2));
        assert_eq!(stands([10, 40], 5).possible, (0, 0));
    }

    #[test]
    fn whoever_asks_for_a_vote_tells_its_offset_too() {
        assert_eq!(stands_after([60, 40], 5, Some((20, 9))).possible, (0, 0));
        assert_eq!(stands_after([20, 40], 5, Some((60, 9))).possible, (1, 1));
        assert_eq!(stands_after([60, 40], 5, Some((20, 10))).possible, (0, 1));
    }

    #[test]
    fn what_was_just_delivered_may_count_or_not() {
        assert_eq!(stands([60, 40], 10).possible, (0, 2));
    }

    #[test]
    fn a_replica_is_fresh_until_its_link_ends() {
        assert_eq!(stands([0, 0], 5).node, NodeId(4));
        let mut candidates = Candidates::default();
        let (mut links, members) = (ReplicaLinks::default(), Members::empty());
        links.asked(7, NodeId(4), at(2));
        for (s, conn) in [(3, 7), (4, 8)] {
            let fed = links.see(&event(s, ActorId::Node(NodeId(4)), Body::Deliver { conn, len: 10 }));
            fed.into_iter().for_each(|fed| candidates.fed(fed, at(s), &members));
        }
        assert_eq!(candidates.fresh_at(NodeId(4)), Some(at(3)));
        candidates.see(&event(9, ActorId::Node(NodeId(4)), Body::Start { incarnation: 2 }));
        assert_eq!(candidates.fresh_at(NodeId(4)), None);
    }

    #[test]
    fn an_end_of_which_a_replica_cannot_hear_makes_it_no_fresher() {
        let mut links = ReplicaLinks::default();
        links.asked(7, NodeId(4), at(2));
        let mut see = |s, who: u16, body| links.see(&event(s, ActorId::Node(NodeId(who)), body)).is_some();
        assert!(see(3, 4, Body::Deliver { conn: 7, len: 10 }));
        let how = Closing::Closed;
        let closed = |who: u16| Body::Closed { from: ActorId::Node(NodeId(who)), conn: 7, how };
        assert!(!see(5, 1, closed(1)), "the primary is gone");
        assert!(see(90, 4, closed(4)), "it gives its own end up");
    }
}
