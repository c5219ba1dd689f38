//! Who doubts whom: reports of failure as gossip carries them, and who called whom failing on which of them.
//!
//! A report counts for twice the node timeout from when it was read (`clusterNodeCleanupFailureReports`). What is known
//! here is when it was delivered, which is earlier for a process that is stopped or busy; whoever judges gives room.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bus::{Header, Heard, Message};
use super::members::Members;
use super::views::Views;
use crate::event::{Gossiped, MessageType};
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};

/// A node called another one failing, for all to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailCall {
    /// The first message that says so.
    pub event: u64,
    /// When it was sent.
    pub at: SimTime,
    /// Who says so.
    pub by: NodeId,
    /// Of whom.
    pub about: NodeId,
    /// The primaries whose reports it had, and its own voice if it has one.
    pub reports: Vec<NodeId>,
    /// How many a majority is of the primaries with slots that it knows.
    pub quorum: usize,
}

/// One primary's report of another node, as it reached somebody.
#[derive(Clone, Copy, Debug, Default)]
struct Report {
    doubted_at: Option<SimTime>,
    taken_back_at: Option<SimTime>,
}

/// All reports and calls.
#[derive(Clone, Debug)]
pub struct Suspicions {
    /// How long a report counts, with the room that a busy process needs.
    valid: SimDuration,
    /// By who heard it, about whom, and whose it is.
    reports: BTreeMap<(NodeId, NodeId, NodeId), Report>,
    /// When somebody knew last that another one was called failing, by who knew and about whom.
    known_failed: BTreeMap<(NodeId, NodeId), SimTime>,
    /// The last calls, to tell one that is repeated to many.
    last: BTreeMap<(NodeId, NodeId), SimTime>,
    calls: Vec<FailCall>,
}

/// How long a process may be busy before it reads what was delivered: the longest synchronous wait of a replica is 5 s
/// (`repl_syncio_timeout`).
const BUSY: SimDuration = SimDuration::from_secs(6);

impl Suspicions {
    pub(super) fn new(node_timeout: SimDuration) -> Self {
        Suspicions {
            valid: node_timeout + node_timeout + BUSY,
            reports: BTreeMap::new(),
            known_failed: BTreeMap::new(),
            last: BTreeMap::new(),
            calls: Vec::new(),
        }
    }

    pub(super) fn said(&mut self, message: &Arc<Message>, members: &Members, views: &Views) {
        for (node, gossiped) in named(&message.gossip, members) {
            if gossiped.1 & Gossiped::FAIL != 0 {
                self.known_failed.insert((message.from, node), message.at);
            }
        }
        if message.r#type == MessageType::FAIL
            && let Some(about) = message.about.as_deref().and_then(|id| members.current(id))
        {
            self.call(message, about, views);
            self.known_failed.insert((message.from, about), message.at);
        }
    }

    pub(super) fn heard(&mut self, heard: &Heard, members: &Members) {
        let Message { from, to, header, about, gossip, r#type, .. } = &*heard.message;
        for (node, gossiped) in named(gossip, members) {
            let report = self.reports.entry((*to, node, *from)).or_default();
            match gossiped.is_doubt() {
                true if header.as_ref().is_some_and(votes) => report.doubted_at = Some(heard.at),
                true => {}
                false => report.taken_back_at = Some(heard.at),
            }
        }
        let failing = about.as_deref().filter(|_| *r#type == MessageType::FAIL);
        if let Some(node) = failing.and_then(|id| members.named(id)) {
            self.known_failed.insert((*to, node), heard.at);
        }
    }

    /// A process that was stopped runs again: what arrived meanwhile is read now.
    pub(super) fn resumed(&mut self, viewer: NodeId, paused_at: SimTime, now: SimTime) {
        let all = (viewer, NodeId(u16::MIN), NodeId(u16::MIN))..=(viewer, NodeId(u16::MAX), NodeId(u16::MAX));
        for (_, report) in self.reports.range_mut(all) {
            for at in [&mut report.doubted_at, &mut report.taken_back_at] {
                *at = at.map(|at| if at >= paused_at { now } else { at });
            }
        }
    }

    fn call(&mut self, message: &Arc<Message>, about: NodeId, views: &Views) {
        let (by, at) = (message.from, message.at);
        let last = self.last.insert((by, about), at);
        // A link that is still being made carries its copy later.
        if last.is_some_and(|last| at.since(last) < self.valid) {
            return;
        }
        let owners = views.owners(by, Some(message));
        let all = (by, about, NodeId(u16::MIN))..=(by, about, NodeId(u16::MAX));
        let counted = self.reports.range(all).filter(|(_, report)| report.counts(at, self.valid));
        let mut reports: Vec<NodeId> = counted.map(|((_, _, reporter), _)| *reporter).collect();
        if owners.contains(by) && !reports.contains(&by) {
            reports.push(by);
        }
        self.calls.push(FailCall { event: message.event, at, by, about, reports, quorum: owners.quorum() });
    }

    /// When a node knew last, by its own words or somebody's, that another one was called failing.
    pub fn known_failed(&self, viewer: NodeId, about: NodeId) -> Option<SimTime> {
        self.known_failed.get(&(viewer, about)).copied()
    }

    /// Every call, in order.
    pub fn calls(&self) -> &[FailCall] {
        &self.calls
    }
}

impl Report {
    fn counts(&self, now: SimTime, valid: SimDuration) -> bool {
        let taken_back = self.taken_back_at.filter(|at| self.doubted_at.is_some_and(|doubted| doubted < *at));
        // What takes it back may not have been read yet.
        let stands = taken_back.is_none_or(|at| now.since(at) < BUSY);
        stands && self.doubted_at.is_some_and(|at| now.since(at) <= valid)
    }
}

/// Whether whoever says so of itself has a voice.
fn votes(header: &Header) -> bool {
    header.claim.is_primary()
}

fn named<'g>(
    gossip: &'g [Gossiped],
    members: &'g Members,
) -> impl Iterator<Item = (NodeId, &'g Gossiped)> {
    gossip.iter().filter_map(|gossiped| Some((members.named(&gossiped.0)?, gossiped)))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Says, at, id, message, of_type};
    use super::*;

    /// A cluster of three primaries; the first two suspect the third, then the first calls it failing.
    fn calls(reported: &[(u16, u64, bool)], called: u64) -> Vec<FailCall> {
        let (mut members, mut views) = (Members::empty(), Views::default());
        let mut suspicions = Suspicions::new(SimDuration::from_secs(2));
        let says = |node: u16| Says::primary(node, u64::from(node), (node * 10, node * 10 + 9));
        for node in 1..=3 {
            let message = Arc::new(message(says(node), 1, 1));
            members.said(&message);
            views.heard(&Heard { event: 1, at: at(1), message });
        }
        for (node, s, doubts) in reported {
            let flags = if *doubts { 5 } else { 1 };
            let message = Arc::new(message(Says { gossip: vec![(3, flags)], ..says(*node) }, 1, *s));
            suspicions.heard(&Heard { event: *s, at: at(*s), message }, &members);
        }
        let about = Some(id(3));
        let fail = Message { about, ..of_type(MessageType::FAIL, says(1), 2, called) };
        suspicions.said(&Arc::new(fail), &members, &views);
        suspicions.calls().to_vec()
    }

    #[test]
    fn a_call_has_its_own_voice_and_the_young_reports() {
        for (reported, called, reports) in [
            (&[(2, 10, true)][..], 11, &[2, 1][..]),
            (&[], 11, &[1]),
            (&[(2, 10, true)], 30, &[1]),
            (&[(2, 10, true), (2, 11, false)], 18, &[1]),
            (&[(2, 10, true), (2, 11, false)], 12, &[2, 1]),
        ] {
            let found = calls(reported, called);
            let expected: Vec<NodeId> = reports.iter().map(|node| NodeId(*node)).collect();
            assert_eq!((found.len(), found[0].quorum, &found[0].reports), (1, 2, &expected), "{reported:?}");
        }
    }
}
