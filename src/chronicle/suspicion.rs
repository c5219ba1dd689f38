//! Who doubts whom: reports of failure as gossip carries them, and who called whom failing on which of them.
//!
//! A report counts for twice the node timeout from when it was read (`clusterNodeCleanupFailureReports`). What is known
//! here is when it was delivered, which is earlier for a process that is stopped or busy; whoever judges gives room.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bus::{Header, Heard, Message};
use super::members::Members;
use super::pairs::Pairs;
use super::service::notices_within;
use super::views::Views;
use crate::event::{Body, Event, Gossiped, MessageType};
use crate::id::{ActorId, NodeId};
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

/// A node began to doubt another one that it had heard of within the node timeout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfounded {
    /// The message that says so.
    pub event: u64,
    /// When it was sent.
    pub at: SimTime,
    /// Who doubts.
    pub by: NodeId,
    /// Whom.
    pub about: NodeId,
    /// When anything of it had arrived last.
    pub heard_at: SimTime,
}

/// How one node hears another.
#[derive(Clone, Copy, Debug)]
struct Hearing {
    last: SimTime,
    /// When the last silence of a node timeout or more ended.
    silent_until: Option<SimTime>,
    /// When the last silence ended that was long enough to make a suspect for certain.
    suspected_until: Option<SimTime>,
}

/// One primary's report of another node, as it reached somebody.
#[derive(Clone, Copy, Debug, Default)]
struct Report {
    doubted_at: Option<SimTime>,
    taken_back_at: Option<SimTime>,
    /// When it was taken back first so long after the last doubt that this had been read.
    withdrawn_at: Option<SimTime>,
}

/// All reports and calls.
#[derive(Clone, Debug, Default)]
pub struct Suspicions {
    /// The shortest that counted so far.
    node_timeout: SimDuration,
    /// After how long a silence makes a suspect for certain.
    suspects_within: SimDuration,
    /// How long a report counts after it was read.
    lasts: SimDuration,
    hearing: Pairs<Hearing>,
    /// Who says that it suspects whom.
    doubting: BTreeSet<(NodeId, NodeId)>,
    unfounded: Vec<Unfounded>,
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

/// How long a process that was never busy for long leaves unread what was delivered.
const STEADY: SimDuration = SimDuration::from_secs(2);

/// Servers count in milliseconds.
const ROUNDING: SimDuration = SimDuration::from_ms(2);

impl Suspicions {
    /// Nobody suspects anybody; these are the longest and the shortest node timeout.
    pub(super) fn new(node_timeouts: (SimDuration, SimDuration)) -> Self {
        let mut suspicions = Suspicions::default();
        suspicions.retimed(node_timeouts);
        suspicions
    }

    /// Other node timeouts counted by now; this is the longest and the shortest of all.
    pub(super) fn retimed(&mut self, (longest, shortest): (SimDuration, SimDuration)) {
        (self.lasts, self.node_timeout) = (longest + longest, shortest);
        self.suspects_within = notices_within(longest);
    }

    pub(super) fn see(&mut self, event: &Event) {
        if let (ActorId::Node(node), Body::Start { .. }) = (event.actor, &event.body) {
            self.doubting.retain(|(by, _)| *by != node);
            // What no process was there to hear made no suspect.
            self.hearing.forget(node);
        }
    }

    /// How long a report counts, with the room that a busy process needs.
    fn valid(&self) -> SimDuration {
        self.lasts + BUSY
    }

    /// `steady_since` is since when the sender was never busy for long.
    pub(super) fn said(
        &mut self,
        message: &Arc<Message>,
        (members, views): (&Members, &Views),
        steady_since: Option<SimTime>,
    ) {
        for (node, gossiped) in named(&message.gossip, members) {
            if gossiped.1 & Gossiped::FAIL != 0 {
                self.known_failed.insert((message.from, node), message.at);
            }
            self.doubts(message, (node, gossiped.1), steady_since);
        }
        if message.r#type == MessageType::FAIL
            && let Some(about) = message.about.as_deref().and_then(|id| members.current(id))
        {
            self.call(message, about, (members, views), steady_since);
            self.known_failed.insert((message.from, about), message.at);
        }
    }

    /// A node says whether it suspects another one.
    fn doubts(&mut self, message: &Message, (about, flags): (NodeId, u16), steady_since: Option<SimTime>) {
        let (by, at) = (message.from, message.at);
        if flags & Gossiped::PFAIL == 0 {
            self.doubting.remove(&(by, about));
            return;
        }
        let begins = self.doubting.insert((by, about));
        let Some(hearing) = self.hearing.get((by, about)).filter(|_| begins && message.prompt) else {
            return;
        };
        // A suspicion is told within seconds of its silence, and ends with the next answer.
        let window = self.valid() + self.node_timeout;
        let is_steady = steady_since.is_some_and(|since| at.since(since) >= window);
        let was_silent = at.since(hearing.last) >= self.node_timeout
            || hearing.silent_until.is_some_and(|until| at.since(until) < window);
        if is_steady && !was_silent {
            self.unfounded.push(Unfounded { event: message.event, at, by, about, heard_at: hearing.last });
        }
    }

    fn hears(&mut self, heard: &Heard) {
        let Message { from, to, .. } = &*heard.message;
        let fresh = Hearing { last: heard.at, silent_until: Some(heard.at), suspected_until: None };
        let hearing = self.hearing.get_or_insert((*to, *from), fresh);
        if heard.at.since(hearing.last) + ROUNDING >= self.node_timeout {
            hearing.silent_until = Some(heard.at);
        }
        if heard.at.since(hearing.last) > self.suspects_within {
            hearing.suspected_until = Some(heard.at);
        }
        hearing.last = heard.at;
    }

    pub(super) fn heard(&mut self, heard: &Heard, members: &Members) {
        self.hears(heard);
        let Message { from, to, header, about, gossip, r#type, .. } = &*heard.message;
        for (node, gossiped) in named(gossip, members) {
            let report = self.reports.entry((*to, node, *from)).or_default();
            match gossiped.is_doubt() {
                true if header.as_ref().is_some_and(votes) => report.doubts(heard.at),
                true => {}
                false => report.takes_back(heard.at),
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
            let Report { doubted_at, taken_back_at, withdrawn_at } = report;
            for at in [doubted_at, taken_back_at, withdrawn_at] {
                *at = at.map(|at| if at >= paused_at { now } else { at });
            }
        }
    }

    fn call(
        &mut self,
        message: &Arc<Message>,
        about: NodeId,
        (members, views): (&Members, &Views),
        steady_since: Option<SimTime>,
    ) {
        let (by, at) = (message.from, message.at);
        // What waited for its connection was called with what its sender knew then.
        if !message.prompt {
            return;
        }
        let last = self.last.insert((by, about), at);
        // A link that is still being made carries its copy later.
        if last.is_some_and(|last| at.since(last) < self.valid()) {
            return;
        }
        let owners = views.owners(by, Some(message));
        let all = (by, about, NodeId(u16::MIN))..=(by, about, NodeId(u16::MAX));
        let is_steady = steady_since.is_some_and(|since| at.since(since) >= self.valid());
        let counted = self.reports.range(all).filter(|(_, report)| report.counts(at, self.lasts, is_steady));
        let mut reports: Vec<NodeId> = counted.map(|((_, _, reporter), _)| *reporter).collect();
        if owners.contains(by) && !reports.contains(&by) {
            reports.push(by);
        }
        let quorum = members.least_quorum(&owners);
        self.calls.push(FailCall { event: message.event, at, by, about, reports, quorum });
    }

    /// When a node knew last, by its own words or somebody's, that another one was called failing.
    pub fn known_failed(&self, viewer: NodeId, about: NodeId) -> Option<SimTime> {
        self.known_failed.get(&(viewer, about)).copied()
    }

    /// Until when a node had suspected another one for certain, of which it has heard again: a ping had been due for half a node
    /// timeout and unanswered for one.
    pub(super) fn suspected_until(&self, viewer: NodeId, about: NodeId) -> Option<SimTime> {
        self.hearing.get((viewer, about))?.suspected_until
    }

    /// Every doubt without a reason, in order.
    pub fn unfounded(&self) -> &[Unfounded] {
        &self.unfounded
    }

    /// Every call, in order.
    pub fn calls(&self) -> &[FailCall] {
        &self.calls
    }
}

impl Report {
    fn doubts(&mut self, at: SimTime) {
        (self.doubted_at, self.withdrawn_at) = (Some(at), None);
    }

    /// The two connections of a pair may be read in either order.
    fn takes_back(&mut self, at: SimTime) {
        self.taken_back_at = Some(at);
        let was_read = self.doubted_at.is_some_and(|doubted| at.since(doubted) >= STEADY);
        self.withdrawn_at = self.withdrawn_at.or(was_read.then_some(at));
    }

    /// Whether it may count for a process that is steady, or for one that may leave unread for long what was delivered.
    fn counts(&self, now: SimTime, lasts: SimDuration, is_steady: bool) -> bool {
        let busy = if is_steady { STEADY } else { BUSY };
        let last = self.taken_back_at.filter(|at| self.doubted_at.is_some_and(|doubted| doubted < *at));
        let taken_back = self.withdrawn_at.filter(|_| is_steady).or(last);
        let stands = taken_back.is_none_or(|at| now.since(at) < busy);
        stands && self.doubted_at.is_some_and(|at| now.since(at) <= lasts + busy)
    }
}

/// Whether whoever says so of itself has a voice.
fn votes(header: &Header) -> bool {
    header.claim.is_primary()
}

fn named<'g>(gossip: &'g [Gossiped], members: &'g Members) -> impl Iterator<Item = (NodeId, &'g Gossiped)> {
    gossip.iter().filter_map(|gossiped| Some((members.named(&gossiped.0)?, gossiped)))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Says, at, id, message, of_type};
    use super::*;

    /// The node timeout.
    const T: SimDuration = SimDuration::from_secs(2);

    /// A cluster of three primaries; the first two suspect the third, then the first calls it failing.
    fn calls(reported: &[(u16, u64, bool)], called: u64, steady_since: Option<SimTime>) -> Vec<FailCall> {
        let (mut members, mut views) = (Members::empty(), Views::default());
        let mut suspicions = Suspicions::new((T, T));
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
        suspicions.said(&Arc::new(fail), (&members, &views), steady_since);
        suspicions.calls().to_vec()
    }

    /// Node 1 hears node 2 until 20 and from 30 on, and doubts it then.
    fn unfounded(doubts_at: u64, steady_since: u64) -> usize {
        let (mut members, views) = (Members::empty(), Views::default());
        let mut suspicions = Suspicions::new((T, T));
        let second = || Says::primary(2, 2, (20, 29));
        members.said(&Arc::new(message(second(), 1, 1)));
        for s in (1..=20).chain(30..doubts_at) {
            let message = Arc::new(message(second(), 1, s));
            suspicions.heard(&Heard { event: s, at: at(s), message }, &members);
        }
        let doubts = Says { gossip: vec![(2, 5)], ..Says::primary(1, 1, (10, 19)) };
        let said = Arc::new(message(doubts, 2, doubts_at));
        suspicions.said(&said, (&members, &views), Some(at(steady_since)));
        suspicions.unfounded().len()
    }

    #[test]
    fn a_doubt_needs_a_silence_of_a_node_timeout() {
        assert_eq!((unfounded(22, 0), unfounded(32, 0)), (0, 0));
        assert_eq!((unfounded(50, 0), unfounded(50, 45)), (1, 0));
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
            let found = calls(reported, called, None);
            let expected: Vec<NodeId> = reports.iter().map(|node| NodeId(*node)).collect();
            assert_eq!((found.len(), found[0].quorum, &found[0].reports), (1, 2, &expected), "{reported:?}");
        }
    }

    #[test]
    fn one_that_is_never_busy_reads_at_once_what_takes_a_report_back() {
        let reported = [(2, 20, true), (2, 21, false)];
        let by = |steady_since| calls(&reported, 24, steady_since)[0].reports.len();
        assert_eq!((by(None), by(Some(at(0)))), (2, 1));
        // What is said again and again counts from the first time.
        let reported = [(2, 20, true), (2, 22, false), (2, 24, false)];
        let by = |steady_since| calls(&reported, 25, steady_since)[0].reports.len();
        assert_eq!((by(None), by(Some(at(0)))), (2, 1));
    }
}
