//! What clients were told is done, against what the node that said so was, and whom it could hear.
//!
//! Only what is wrong on its face is kept: a replica that executed a write, a primary that took one though it and whoever it
//! could hear had been cut off from most owners of slots for longer than it takes to notice, one that took a write with too few
//! replicas, and whoever served while it said itself that the cluster is down.

use std::collections::BTreeMap;

use super::bus::Message;
use super::good_replicas::{Few, GoodReplicas};
use super::handover::Handovers;
use super::members::Members;
use super::operator::Asks;
use super::replica_links::ReplicaLinks;
use super::views::Views;
use crate::event::{Body, Event};
use crate::history::{OpenOperations, Outcome, Reply, Request};
use crate::id::{ActorId, NodeId};
use crate::model::{Sent, is_of_channel, rule};
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};
use crate::wire::server_log::Said;

/// Something that its node had to refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The event that tells the client.
    pub event: u64,
    /// When it was told.
    pub at: SimTime,
    /// Who took it.
    pub node: NodeId,
    /// When the client asked.
    pub asked_at: SimTime,
    /// Why it had to be refused.
    pub why: Refusal,
}

/// Why a write had to be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The node was a replica before the client asked, and still is after it was told.
    Replica,
    /// Nothing of most owners of slots had reached it for so long before the client asked.
    CutOff { for_: SimDuration, heard: usize, owners: usize },
    /// The node had said that the cluster is down, and had not taken it back.
    Down { since: SimTime, is_read: bool },
    /// So few replicas had acknowledged anything for so long, and so many are needed (`min-replicas-to-write`).
    FewReplicas { heard: usize, needed: usize, for_: SimDuration },
    /// The node had stopped its clients for a hand-over.
    HandingOver { since: SimTime },
}

/// How long after the last word of a majority a primary may take writes: a ping is out half a node timeout after the last
/// answer, and unanswered for a node timeout it makes a suspect (`clusterCron`).
pub fn notices_within(node_timeout: SimDuration) -> SimDuration {
    // A cron at one hertz, once for the ping and once for the verdict.
    const CRONS: SimDuration = SimDuration::from_secs(2);
    node_timeout + node_timeout.half() + CRONS
}

/// A process that writes nothing at all for so long may be busy, and notices later.
const BUSY: SimDuration = SimDuration::from_secs(1);
/// How many are kept: more tell nothing new.
const KEPT: usize = 64;

/// A process that leaves a message unread for longer than a quarter of its node timeout is busy, whatever it says meanwhile: what
/// reached it may be unknown to it.
fn reads_within(node_timeout: SimDuration) -> SimDuration {
    BUSY.min(SimDuration::from_ns(node_timeout.as_ns() / 4))
}

/// What the other timelines know when something is done.
#[derive(Clone, Copy)]
pub(super) struct Known<'c> {
    pub members: &'c Members,
    pub views: &'c Views,
    pub asks: &'c Asks,
    pub links: &'c ReplicaLinks,
    pub handovers: &'c Handovers,
}

/// Every such write.
#[derive(Clone, Debug)]
pub struct Service {
    notices_within: SimDuration,
    reads_within: SimDuration,
    accepted: Vec<Accepted>,
    /// What clients wait for: when they asked, and whether they only read.
    open: OpenOperations<(SimTime, bool)>,
    /// Who says that the cluster is down, since when.
    down_since: BTreeMap<NodeId, SimTime>,
    good_replicas: GoodReplicas,
    /// Writes of nodes that said before that they are replicas; their next word decides.
    doubtful: BTreeMap<NodeId, Accepted>,
    activity: BTreeMap<NodeId, Activity>,
}

/// When a process was seen to do anything.
#[derive(Clone, Copy, Debug)]
struct Activity {
    last: SimTime,
    /// Since when it was never busy or stopped for long.
    steady_since: SimTime,
}

impl Service {
    pub(super) fn new(plan: &Plan, node_timeout: SimDuration) -> Self {
        Service {
            notices_within: notices_within(node_timeout),
            reads_within: reads_within(node_timeout),
            accepted: Vec::new(),
            open: OpenOperations::default(),
            down_since: BTreeMap::new(),
            good_replicas: GoodReplicas::new(plan),
            doubtful: BTreeMap::new(),
            activity: BTreeMap::new(),
        }
    }

    /// The longest node timeout that counted so far.
    pub(super) fn retimed(&mut self, node_timeout: SimDuration) {
        self.notices_within = notices_within(node_timeout);
        self.reads_within = reads_within(node_timeout);
    }

    pub(super) fn see(&mut self, event: &Event, known: Known) {
        match (event.actor, &event.body) {
            (ActorId::Client(client), Body::Invoke { sequence, request }) => {
                if let Some(is_read) = only_reads(request) {
                    self.open.begin((client, *sequence), (event.at, is_read));
                }
            }
            (ActorId::Client(client), Body::Complete { sequence, outcome, node }) => {
                let asked_at = self.open.end((client, *sequence));
                if let (Some((asked_at, is_read)), true, Some(node)) = (asked_at, did_all(outcome), node) {
                    let accepted =
                        |why| Accepted { event: event.i, at: event.at, node: *node, asked_at, why };
                    let write = || self.refusal(*node, [asked_at, event.at], known);
                    let down = self.down((*node, asked_at), is_read);
                    let why = down.or_else(|| if is_read { None } else { write() });
                    self.keep(why.map(accepted));
                }
            }
            (_, Body::Sent { from: ActorId::Node(node), .. }) => self.acts(*node, event.at),
            (ActorId::Node(node), Body::Start { .. } | Body::Pause { .. }) => {
                self.activity.insert(node, Activity { last: event.at, steady_since: event.at });
                if matches!(event.body, Body::Start { .. }) {
                    self.down_since.remove(&node);
                }
            }
            _ => {}
        }
    }

    pub(super) fn logged(&mut self, at: SimTime, (node, said): (NodeId, Said)) {
        match said {
            Said::ClusterDown => {
                self.down_since.insert(node, at);
            }
            Said::ClusterOk => {
                self.down_since.remove(&node);
            }
            _ => {}
        }
    }

    fn acts(&mut self, node: NodeId, at: SimTime) {
        let fresh = Activity { last: at, steady_since: at };
        let activity = self.activity.entry(node).or_insert(fresh);
        if at.since(activity.last) > BUSY {
            activity.steady_since = at;
        }
        activity.last = at;
    }

    /// A node that said before it was asked that the cluster is down, and says so still when the answer is there, had said so when
    /// it answered.
    fn down(&self, (node, asked_at): (NodeId, SimTime), is_read: bool) -> Option<Refusal> {
        let since = *self.down_since.get(&node)?;
        (since < asked_at).then_some(Refusal::Down { since, is_read })
    }

    fn refusal(
        &self,
        node: NodeId,
        [asked_at, told_at]: [SimTime; 2],
        Known { members, views, asks, links, handovers }: Known,
    ) -> Option<Refusal> {
        let last = members.get(node)?.last.as_ref()?;
        let header = last.header.as_ref()?;
        if !header.claim.is_primary() {
            let said_before = last.at < asked_at && !asks.takeover_of(node);
            return said_before.then_some(Refusal::Replica);
        }
        let stopped = handovers.stopped_since(node, told_at, asks.hand_over_timeout());
        if let Some(since) = stopped.filter(|since| *since < asked_at) {
            return Some(Refusal::HandingOver { since });
        }
        if let Some(few) = self.few_replicas(links, node, asked_at) {
            return Some(few);
        }
        let since = SimTime::from_ns(asked_at.as_ns().checked_sub(self.notices_within.as_ns())?);
        let is_steady = self.activity.get(&node).is_some_and(|activity| activity.steady_since <= since);
        // Mostly all are heard, and which of them own slots need not be asked.
        if !is_steady || asks.changed_table(node, asked_at) || views.hears_all(node, since) {
            return None;
        }
        let owners = views.owners(node, Some(last));
        let reached = views.within_reach(node, since);
        let heard = owners.nodes().filter(|owner| reached.contains(owner)).count();
        let (for_, owners_count) = (self.notices_within, owners.count());
        // Mostly enough are heard, and nobody else need be asked.
        (heard < owners.quorum() && heard < members.least_quorum(&owners)).then_some(Refusal::CutOff {
            for_,
            heard,
            owners: owners_count,
        })
    }

    fn few_replicas(&self, links: &ReplicaLinks, node: NodeId, asked_at: SimTime) -> Option<Refusal> {
        let Few { heard, needed, for_ } = self.good_replicas.few(links, node, asked_at)?;
        let steady_since = self.activity.get(&node).map(|activity| activity.steady_since);
        let is_steady = steady_since.is_some_and(|since| asked_at.since(since) > for_);
        is_steady.then_some(Refusal::FewReplicas { heard, needed, for_ })
    }

    fn keep(&mut self, accepted: Option<Accepted>) {
        match accepted {
            Some(accepted) if accepted.why == Refusal::Replica => {
                self.doubtful.entry(accepted.node).or_insert(accepted);
            }
            Some(accepted) if self.accepted.len() < KEPT => self.accepted.push(accepted),
            _ => {}
        }
    }

    /// A node says what it is: a replica that had taken a write before was none, or had no right to.
    pub(super) fn said(&mut self, message: &Message) {
        if message.waited > self.reads_within
            && let Some(activity) = self.activity.get_mut(&message.from)
        {
            activity.steady_since = message.at;
        }
        let Some(header) = &message.header else {
            return;
        };
        let Some(doubtful) = self.doubtful.remove(&message.from) else {
            return;
        };
        if !header.claim.is_primary() && self.accepted.len() < KEPT {
            self.accepted.push(doubtful);
        }
    }

    /// Since when a process was never busy or stopped for long.
    pub(super) fn steady_since(&self, node: NodeId) -> Option<SimTime> {
        self.activity.get(&node).map(|activity| activity.steady_since)
    }

    /// Every write that had to be refused, in order.
    pub fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }
}

/// Whether an operation that can be told to be a read or a write is a read.
pub(super) fn only_reads(request: &Request) -> Option<bool> {
    match request {
        Request::Get { .. } => Some(true),
        Request::Set { .. } => Some(false),
        // What is within a transaction may come to nothing.
        Request::Call { commands, .. } => {
            let [command] = commands.as_slice() else { return None };
            let sent = rule(command.first()?)?.sent;
            // Whoever publishes writes nothing.
            (sent != Sent::Nothing && !is_of_channel(command)).then_some(false)
        }
    }
}

/// Whether a server did all that it was asked.
fn did_all(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Ok(_) => true,
        Outcome::Replied(replies) => {
            replies.iter().all(|reply| !matches!(reply, Reply::Error(_) | Reply::Nil))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Chronicle;
    use super::super::sample::{Says, event, message, of_type, works};
    use super::*;
    use crate::event::MessageType;
    use crate::invariant::sample::healthy;

    const CLIENT: ActorId = ActorId::Client(crate::id::ClientId(1));

    /// Three primaries hear each other until `heard` of the first; it sends something every second until 40.
    fn chronicle(heard: u64, first: &Says) -> Chronicle {
        let mut chronicle = Chronicle::new(&healthy().plan);
        let owner = |node: u16| Says::primary(node, u64::from(node), (node * 10, node * 10 + 9));
        chronicle.see(&event(1, ActorId::Node(NodeId(1)), Body::Start { incarnation: 1 }));
        for s in 2..40 {
            chronicle.see(&works(1, s));
            chronicle.take(message(first.clone(), 2, s));
            for node in (2..=3).filter(|_| s <= heard) {
                chronicle.take(message(owner(node), 1, s));
            }
        }
        chronicle
    }

    fn write(chronicle: &mut Chronicle) -> Vec<Refusal> {
        let (key, value) = ("k".to_owned(), "v".to_owned());
        chronicle.see(&event(40, CLIENT, Body::Invoke { sequence: 1, request: Request::Set { key, value } }));
        let told = Body::Complete { sequence: 1, outcome: Outcome::Ok(None), node: Some(NodeId(1)) };
        chronicle.see(&event(40, CLIENT, told));
        chronicle.service.accepted().iter().map(|accepted| accepted.why.clone()).collect()
    }

    #[test]
    fn a_primary_that_was_cut_off_for_long_must_refuse() {
        let primary = Says::primary(1, 1, (10, 19));
        // 1.5 · 2 s and two crons.
        let for_ = SimDuration::from_secs(5);
        let cut_off = Refusal::CutOff { for_, heard: 1, owners: 3 };
        assert_eq!(write(&mut chronicle(34, &primary)), [cut_off]);
        let mut slow = chronicle(34, &primary);
        let waited = SimDuration::from_ms(600);
        slow.take(Message { waited, ..message(primary.clone(), 2, 39) });
        assert_eq!(write(&mut slow), [], "it reads so late that it may not know");
        assert_eq!(write(&mut chronicle(35, &primary)), []);
    }

    #[test]
    fn who_says_that_the_cluster_is_down_must_refuse() {
        let says = |chronicle: &mut Chronicle, s, word: &str| {
            let line = format!("1:M # Cluster state changed: {word}");
            chronicle.see(&event(s, ActorId::Node(NodeId(1)), Body::Log { line }));
        };
        let primary = Says::primary(1, 1, (10, 19));
        let mut seen = chronicle(39, &primary);
        says(&mut seen, 38, "fail");
        let since = SimTime::from_ns(38_000_000_000);
        assert_eq!(write(&mut seen), [Refusal::Down { since, is_read: false }]);
        let mut seen = chronicle(39, &primary);
        says(&mut seen, 38, "fail");
        says(&mut seen, 39, "ok");
        assert_eq!(write(&mut seen), []);
    }

    /// What of a write was wrong that was asked after a hand-over had been asked for and announced.
    fn handing_over(asked_s: u64, unflagged: bool) -> Vec<Refusal> {
        let primary = Says::primary(1, 1, (10, 19));
        let mut seen = chronicle(39, &primary);
        let conn = 1002;
        seen.take(Message { conn, ..of_type(MessageType::MFSTART, Says::replica(2, 1), 1, asked_s) });
        seen.take(Message { conn, ..message(Says { paused: true, ..primary.clone() }, 2, 39) });
        if unflagged {
            seen.take(Message { conn, ..of_type(MessageType::MFSTART, Says::replica(2, 1), 1, 39) });
        }
        write(&mut seen)
    }

    #[test]
    fn who_hands_over_executes_no_write() {
        let since = SimTime::from_ns(39_000_000_000);
        assert_eq!(handing_over(36, false), [Refusal::HandingOver { since }]);
        assert_eq!((handing_over(35, false), handing_over(36, true)), (vec![], vec![]));
    }

    #[test]
    fn a_write_is_told_by_the_command_and_a_transaction_by_nothing() {
        let call = |commands: &[&[&str]]| {
            let words = |command: &&[&str]| command.iter().map(|word| (*word).to_owned()).collect();
            let commands = commands.iter().map(words).collect();
            only_reads(&Request::Call { key: "k".to_owned(), commands })
        };
        assert_eq!((call(&[&["INCR", "k"]]), call(&[&["LLEN", "k"]])), (Some(false), None));
        assert_eq!(call(&[&["PUBLISH", "k", "x"]]), None);
        assert_eq!(call(&[&["MULTI"], &["INCR", "k"], &["EXEC"]]), None);
    }

    #[test]
    fn a_replica_must_refuse_and_is_known_by_its_word_before_and_after() {
        let replica = Says::replica(1, 2);
        let mut seen = chronicle(39, &replica);
        assert_eq!(write(&mut seen), []);
        seen.take(message(replica.clone(), 2, 41));
        assert_eq!(seen.service.accepted()[0].why, Refusal::Replica);
        let mut seen = chronicle(39, &replica);
        write(&mut seen);
        seen.take(message(Says::primary(1, 9, (10, 19)), 2, 41));
        assert_eq!(seen.service.accepted(), []);
    }
}
