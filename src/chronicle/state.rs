//! What nodes say of the cluster as a whole, against what they say of others in the same breath.
//!
//! A message that did not wait for its connection was made when it was sent, so its state and its gossip are of one
//! instant. A state follows what it is computed from within one turn or one cron (`clusterUpdateState`); `SETTLES` is
//! more than both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bus::{Header, Heard, Message};
use super::members::Members;
use super::minority::Minorities;
use super::suspicion::Suspicions;
use super::views::Views;
use crate::event::{Body, Event, Gossiped, MessageType};
use crate::id::NodeId;
use crate::op::share_slots;
use crate::time::{SimDuration, SimTime};
use crate::wire::server_log::{self, Said};

/// A node that says `ok`, and why it must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The message that says so.
    pub event: u64,
    /// When it was sent.
    pub at: SimTime,
    /// Who says so.
    pub node: NodeId,
    /// Why not.
    pub why: Why,
}

/// Why a node must not say that the cluster is ok.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its process is a primary since its start, and so young.
    Young { age: SimDuration },
    /// It calls an owner of slots failing, since then.
    FailedOwner { owner: NodeId, since: SimTime },
    /// It doubts so many of so many owners of slots, since then.
    Minority { doubted: usize, owners: usize, since: SimTime },
    /// It saw no majority of the owners of slots so shortly before, and must wait for so long.
    Back { after: SimDuration, delay: SimDuration },
}

/// How long a primary waits after its start before it serves (`CLUSTER_WRITABLE_DELAY`).
pub(super) const WRITABLE_DELAY: SimDuration = SimDuration::from_ms(2_000);
/// What is said in another turn than what it follows from.
const SETTLES: SimDuration = SimDuration::from_ms(200);
/// After an UPDATE headers may say for so long less than a node knows.
const UPDATED: SimDuration = SimDuration::from_ms(2_000);
/// How long a primary waits after it saw no majority (`CLUSTER_MIN_REJOIN_DELAY`, `CLUSTER_MAX_REJOIN_DELAY`).
const REJOIN_DELAY: (SimDuration, SimDuration) = (SimDuration::from_ms(500), SimDuration::from_ms(5_000));
/// Clocks of servers show milliseconds.
const TICK: SimDuration = SimDuration::from_ms(2);
/// How many contradictions are kept: more tell nothing new.
const KEPT: usize = 64;

/// Every contradiction.
#[derive(Clone, Debug, Default)]
pub struct States {
    contradictions: Vec<Contradiction>,
    /// Processes that were nothing but primaries since their start.
    always_primary: BTreeSet<NodeId>,
    /// Since when a node calls an owner failing.
    failed_since: BTreeMap<(NodeId, NodeId), SimTime>,
    /// Since when a node doubts too many.
    minority_since: BTreeMap<NodeId, SimTime>,
    /// Who says that it sees no majority.
    minorities: Minorities,
    /// Since when a node hears of another one that it owns slots.
    owners_since: BTreeMap<(NodeId, NodeId), SimTime>,
    /// When an UPDATE reached a node last.
    updated_at: BTreeMap<NodeId, SimTime>,
    /// How long a primary waits that is back among the majority.
    rejoin_delay: SimDuration,
    /// The shortest node timeout that counted so far.
    node_timeout: SimDuration,
}

impl States {
    pub(super) fn new(node_timeout: SimDuration) -> Self {
        let mut states = States::default();
        states.retimed(node_timeout);
        states
    }

    /// The shortest node timeout that counted so far.
    pub(super) fn retimed(&mut self, node_timeout: SimDuration) {
        self.node_timeout = node_timeout;
        self.rejoin_delay = node_timeout.clamp(REJOIN_DELAY.0, REJOIN_DELAY.1);
    }

    pub(super) fn see(&mut self, event: &Event) {
        match (&event.body, event.actor.node()) {
            (Body::Start { .. }, Some(node)) => {
                self.always_primary.insert(node);
                self.forget(node);
            }
            (Body::Pause { .. }, Some(node)) => self.forget(node),
            _ => {}
        }
    }

    pub(super) fn logged(
        &mut self,
        event: &Event,
        (node, said): (NodeId, Said),
        known: (&Members, &Views, &Suspicions),
    ) {
        match said {
            Said::ClusterOk => {
                self.back(event, node, known);
                self.minorities.forget(node);
            }
            Said::Minority => {
                let (members, views, _) = known;
                let last = members.get(node).and_then(|member| member.last.as_ref());
                let owners = views.owners(node, last);
                self.minorities.begins((node, event.at), &owners, views, self.node_timeout);
            }
            _ => {}
        }
    }

    /// A node serves again: a primary that had seen no majority must have waited.
    fn back(
        &mut self,
        event: &Event,
        node: NodeId,
        (members, views, suspicions): (&Members, &Views, &Suspicions),
    ) {
        let member = members.get(node);
        let started_at = member.and_then(|member| member.started_at);
        let owners = views.owners(node, member.and_then(|member| member.last.as_ref()));
        // Its last header may say what it was before this very turn.
        let is_replica = matches!(&event.body, Body::Log { line } if server_log::is_of_replica(line));
        let is_primary = owners.contains(node) && !is_replica;
        let suspected = owners.nodes().filter_map(|owner| {
            let until = suspicions.suspected_until(node, owner)?;
            // Whoever owned nothing then was not counted.
            self.owners_since.get(&(node, owner)).is_some_and(|since| *since < until).then_some(until)
        });
        let mut until: Vec<SimTime> =
            suspected.filter(|until| started_at.is_some_and(|at| at < *until)).collect();
        until.sort_unstable_by_key(|until| std::cmp::Reverse(*until));
        // As long as so many were suspected, the others were no majority.
        let too_many = owners.count() - owners.quorum().min(owners.count());
        let until = until.get(too_many).copied().max(self.minorities.until(node, &owners));
        let after = until.map(|until| event.at.since(until));
        let delay = self.rejoin_delay;
        if let Some(after) = after.filter(|after| is_primary && *after + TICK < delay) {
            self.note((event.i, event.at, node), Why::Back { after, delay });
        }
    }

    fn forget(&mut self, node: NodeId) {
        self.minorities.forget(node);
        self.doubts_nobody(node);
    }

    /// A node may serve as soon as it has waited for what it saw before.
    fn doubts_nobody(&mut self, node: NodeId) {
        self.minority_since.remove(&node);
        self.failed_since.retain(|(viewer, _), _| *viewer != node);
    }

    /// Headers say who owns slots. So does an UPDATE, and no header need have said the same.
    pub(super) fn heard(&mut self, heard: &Heard) {
        self.minorities.heard(heard);
        if let Some(header) = &heard.message.header {
            let pair = (heard.message.to, heard.message.from);
            match header.claim.owns_slots() {
                true => drop(self.owners_since.entry(pair).or_insert(heard.at)),
                false => drop(self.owners_since.remove(&pair)),
            }
        }
        if heard.message.r#type == MessageType::UPDATE {
            self.forget(heard.message.to);
            self.updated_at.insert(heard.message.to, heard.at);
        }
    }

    pub(super) fn said(&mut self, message: &Arc<Message>, members: &Members, views: &Views) {
        let Some(header) = &message.header else {
            return;
        };
        if !header.claim.is_primary() {
            self.always_primary.remove(&message.from);
        }
        self.young(message, header, members);
        if message.prompt && matches!(message.r#type, MessageType::PING | MessageType::PONG) {
            self.doubts(message, header, (members, views));
        }
    }

    fn young(&mut self, message: &Message, header: &Header, members: &Members) {
        let started_at = members.get(message.from).and_then(|member| member.started_at);
        let age = started_at.map(|started_at| message.at.since(started_at));
        let is_judged = header.claim.ok && self.always_primary.contains(&message.from);
        if let Some(age) = age.filter(|age| is_judged && *age < WRITABLE_DELAY) {
            self.note((message.event, message.at, message.from), Why::Young { age });
        }
    }

    fn doubts(&mut self, message: &Arc<Message>, header: &Header, (members, views): (&Members, &Views)) {
        let (node, at) = (message.from, message.at);
        let flagged = |flag: u16| {
            let with = message.gossip.iter().filter(move |gossiped| gossiped.1 & flag != 0);
            with.filter_map(|gossiped| members.current(&gossiped.0)).collect::<BTreeSet<NodeId>>()
        };
        let (doubted, failed) = (flagged(Gossiped::PFAIL | Gossiped::FAIL), flagged(Gossiped::FAIL));
        if doubted.is_empty() {
            return self.doubts_nobody(node);
        }
        if self.updated_at.get(&node).is_some_and(|updated_at| at.since(*updated_at) < UPDATED) {
            return;
        }
        let owners = views.owners(node, Some(message));
        let mut unchallenged = owners.unchallenged();
        // A replica's header says what its primary owns, as the replica sees it, whatever the primary says of itself.
        if let Some(primary) = header.claim.of.as_ref().and_then(|id| members.current(id)) {
            let disowned = |owner: NodeId| match owner == primary {
                true => header.claim.slots.is_empty(),
                false => views
                    .last(node, owner)
                    .and_then(|last| last.message.header.as_ref())
                    .is_some_and(|last| share_slots(&last.claim.slots, &header.claim.slots)),
            };
            unchallenged.retain(|owner| !disowned(owner));
        }
        self.failed_since.retain(|(viewer, owner), _| *viewer != node || unchallenged.contains(*owner));
        for owner in failed.into_iter().filter(|owner| unchallenged.contains(*owner)) {
            let since = *self.failed_since.entry((node, owner)).or_insert(at);
            if header.claim.ok && at.since(since) > SETTLES {
                self.note((message.event, at, node), Why::FailedOwner { owner, since });
            }
        }
        let lost = owners.nodes().filter(|owner| doubted.contains(owner)).count();
        // From 9.1 on a replica's header tells of its primary, which need not have been heard itself.
        let is_minority = [&owners, &unchallenged, &members.owners()].iter().all(|owners| {
            let lost = owners.nodes().filter(|owner| doubted.contains(owner)).count();
            owners.count() - lost < owners.quorum()
        });
        if !is_minority {
            self.minority_since.remove(&node);
            return;
        }
        let since = *self.minority_since.entry(node).or_insert(at);
        if header.claim.ok && at.since(since) > SETTLES {
            self.note(
                (message.event, at, node),
                Why::Minority { doubted: lost, owners: owners.count(), since },
            );
        }
    }

    fn note(&mut self, (event, at, node): (u64, SimTime, NodeId), why: Why) {
        if self.contradictions.len() < KEPT {
            self.contradictions.push(Contradiction { event, at, node, why });
        }
    }

    /// Every contradiction, in order.
    pub fn contradictions(&self) -> &[Contradiction] {
        &self.contradictions
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Says, at, event, message};
    use super::*;
    use crate::id::ActorId;

    /// Three primaries; the first says so much.
    fn says(words: &[(Says, u64)]) -> Vec<Why> {
        let (mut members, mut views, mut states) = (Members::empty(), Views::default(), States::default());
        let start = event(1, ActorId::Node(NodeId(1)), Body::Start { incarnation: 1 });
        members.see(&start);
        states.see(&start);
        for node in 2..=3 {
            let message = Arc::new(message(owner(node), 1, 1));
            members.said(&message);
            views.heard(&Heard { event: 1, at: at(1), message });
        }
        for (says, s) in words {
            states.said(&Arc::new(message(says.clone(), 2, *s)), &members, &views);
        }
        states.contradictions().iter().map(|found| found.why.clone()).collect()
    }

    fn owner(node: u16) -> Says {
        Says::primary(node, u64::from(node), (node * 10, node * 10 + 9))
    }

    fn doubting(gossip: &[(u16, u16)]) -> Says {
        Says { gossip: gossip.to_vec(), ..owner(1) }
    }

    #[test]
    fn a_primary_that_serves_at_once_after_its_start_is_seen() {
        assert_eq!(says(&[(owner(1), 2)]), [Why::Young { age: SimDuration::from_secs(1) }]);
        assert_eq!(says(&[(owner(1), 3)]), []);
        assert_eq!(says(&[(Says { ok: false, ..owner(1) }, 2), (Says::replica(1, 2), 2), (owner(1), 2)]), []);
    }

    #[test]
    fn a_failed_owner_forbids_ok_once_the_state_had_its_time() {
        let failed = doubting(&[(2, 9)]);
        let words = [(owner(1), 5), (failed.clone(), 6), (failed.clone(), 9)];
        assert_eq!(says(&words), [Why::FailedOwner { owner: NodeId(2), since: at(6) }]);
        let fails = Says { ok: false, ..failed.clone() };
        assert_eq!(says(&[(owner(1), 5), (failed, 6), (fails, 9)]), []);
        let suspects = doubting(&[(2, 5)]);
        assert_eq!(says(&[(owner(1), 5), (suspects.clone(), 6), (suspects, 9)]), []);
    }

    #[test]
    fn a_replica_knows_whether_its_primary_owns_anything() {
        let failed = |slots: &[(u16, u16)]| Says {
            slots: slots.to_vec(),
            gossip: vec![(2, 9)],
            ..Says::replica(1, 2)
        };
        let words = |slots| [(owner(1), 5), (failed(slots), 6), (failed(slots), 9)];
        assert!(says(&words(&[(20, 29)])).contains(&Why::FailedOwner { owner: NodeId(2), since: at(6) }));
        assert_eq!(says(&words(&[])), []);
    }

    #[test]
    fn a_replica_knows_what_its_primary_took_of_others() {
        let failed =
            |first| Says { slots: vec![(first, first + 9)], gossip: vec![(2, 9)], ..Says::replica(1, 3) };
        let words = |first| [(owner(1), 5), (failed(first), 6), (failed(first), 9)];
        assert!(says(&words(30)).contains(&Why::FailedOwner { owner: NodeId(2), since: at(6) }));
        // It was told so by another one's UPDATE.
        assert_eq!(says(&words(20)), []);
    }

    #[test]
    fn a_majority_in_doubt_forbids_ok() {
        let alone = doubting(&[(2, 5), (3, 5)]);
        let since = at(6);
        let words = [(owner(1), 5), (alone.clone(), 6), (alone.clone(), 9)];
        assert_eq!(says(&words), [Why::Minority { doubted: 2, owners: 3, since }]);
        assert_eq!(says(&[(owner(1), 5), (alone.clone(), 6), (owner(1), 7), (alone, 9)]), []);
    }

    #[test]
    fn a_primary_that_said_that_it_sees_no_majority_waits_from_the_first_word_of_the_others() {
        let plan = crate::invariant::sample::healthy().plan;
        let back_as = |role: &str, silent_until: u64, s: u64| {
            let mut chronicle = super::super::Chronicle::new(&plan);
            let logs = |chronicle: &mut super::super::Chronicle, s: u64, line: &str| {
                let line = format!("1:{role} # {line}");
                chronicle.see(&event(s, ActorId::Node(NodeId(1)), Body::Log { line }));
            };
            chronicle.see(&event(0, ActorId::Node(NodeId(1)), Body::Start { incarnation: 1 }));
            chronicle.take(message(owner(1), 2, 5));
            [owner(2), owner(3)].into_iter().for_each(|says| chronicle.take(message(says, 1, 6)));
            chronicle.take(message(owner(2), 1, silent_until));
            logs(&mut chronicle, 9, "Cluster is currently down: I am part of a minority partition.");
            [owner(2), owner(3)].into_iter().for_each(|says| chronicle.take(message(says, 1, 10)));
            chronicle.take(message(Says { ok: false, ..owner(1) }, 2, 10));
            logs(&mut chronicle, s, "Cluster state changed: ok");
            chronicle.states.contradictions().iter().map(|found| found.why.clone()).collect::<Vec<_>>()
        };
        let back = |silent_until, s| back_as("M", silent_until, s);
        let (after, delay) = (SimDuration::from_secs(1), SimDuration::from_secs(2));
        assert_eq!(back(7, 11), [Why::Back { after, delay }]);
        assert_eq!(back_as("S", 7, 11), [], "a replica need not wait, whatever it was before");
        assert_eq!((back(7, 12), back(8, 11)), (vec![], vec![]), "of the second it cannot be certain then");
    }

    #[test]
    fn a_primary_that_saw_no_majority_waits_before_it_serves() {
        let plan = crate::invariant::sample::healthy().plan;
        let back = |s: u64, third: Says| {
            let mut chronicle = super::super::Chronicle::new(&plan);
            chronicle.see(&event(0, ActorId::Node(NodeId(1)), Body::Start { incarnation: 1 }));
            chronicle.take(message(owner(1), 2, 5));
            for (heard_at, third) in [(5, third), (100, owner(3))] {
                [owner(2), third].into_iter().for_each(|says| chronicle.take(message(says, 1, heard_at)));
            }
            let line = "1:M # Cluster state changed: ok".to_owned();
            chronicle.see(&event(s, ActorId::Node(NodeId(1)), Body::Log { line }));
            chronicle.states.contradictions().iter().map(|found| found.why.clone()).collect::<Vec<_>>()
        };
        let (after, delay) = (SimDuration::from_secs(1), SimDuration::from_secs(2));
        assert_eq!(back(101, owner(3)), [Why::Back { after, delay }]);
        assert_eq!(back(102, owner(3)), []);
        let replica = Says { epochs: (3, 2), ..Says::replica(3, 2) };
        assert_eq!(back(101, replica), [], "the third owned nothing while it was doubted");
    }
}
