//! Elections: who asked for votes in which epoch, who granted one, and who took a shard over with how many.
//!
//! A winner shows itself by its first header as a primary with slots. Its votes are those that had reached it by then and
//! were given in the epoch that it asked for (`clusterProcessPacket`, `FAILOVER_AUTH_ACK`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bus::{Header, Heard, Message};
use super::candidates::Candidates;
use super::handover::Handovers;
use super::members::Members;
use super::operator::Asks;
use super::pairs::Pairs;
use super::state::WRITABLE_DELAY;
use super::suspicion::Suspicions;
use super::views::{Owners, READ_WITHIN, Views};
use crate::event::{Body, Claim, Event, MessageType, Told};
use crate::id::NodeId;
use crate::op::{FailoverMode, OpId};
use crate::time::{SimDuration, SimTime};

/// A replica asked for votes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The first message that asks.
    pub event: u64,
    /// When it was sent.
    pub at: SimTime,
    /// Who asks.
    pub node: NodeId,
    /// The epoch of the election.
    pub epoch: u64,
    /// What it says of itself; the slots are those that it wants.
    pub claim: Arc<Claim>,
    /// The epoch that it knows those slots in.
    pub config_epoch: u64,
    /// Its replication offset.
    pub offset: u64,
    /// It asks although its primary may be well.
    pub forced: bool,
    /// Its primary.
    pub primary: Option<NodeId>,
    /// When it knew last, as far as was seen, that its primary is called failing.
    pub knew_failed: Option<SimTime>,
    /// The failover that the operator asked of it last.
    pub asked: Option<(SimTime, FailoverMode)>,
    /// When it was last on good terms with its primary, at the latest; nothing if its process never was.
    pub fresh_at: Option<SimTime>,
    /// The offset at which its primary stopped its clients for this hand-over, if it was told.
    pub announced: Option<u64>,
    /// When its primary told it last that it has stopped its clients, for this hand-over or another one.
    pub told_at: Option<SimTime>,
}

/// Somebody voted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The message that says so.
    pub event: u64,
    /// When it was sent.
    pub at: SimTime,
    /// Who voted.
    pub voter: NodeId,
    /// For whom.
    pub candidate: NodeId,
    /// In which epoch.
    pub epoch: u64,
    /// The voter says that it is a primary with slots.
    pub owns_slots: bool,
    /// Whom it had voted for in this epoch before.
    pub before: Option<NodeId>,
    /// The request it answers, by its place in [`Elections::requests`]; `None` if none had reached it.
    pub request: Option<usize>,
    /// When the voter knew last, as far as was seen, that the candidate's primary is called failing.
    pub knew_failed: Option<SimTime>,
    /// How long the voter's process runs, if that is too short a time for one that owns slots and sees the cluster down
    /// (`clusterUpdateState`).
    pub too_young: Option<SimDuration>,
    /// An owner of a slot that was asked for, and its config epoch, above the requested one and known to the voter.
    pub newer_owner: Option<(NodeId, u64)>,
}

/// A node that was a replica is a primary with slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takeover {
    /// The first message that says so.
    pub event: u64,
    /// When it was sent.
    pub at: SimTime,
    /// Who.
    pub node: NodeId,
    /// Whom it followed until then.
    pub from: Option<NodeId>,
    /// The config epoch that it claims.
    pub epoch: u64,
    /// Its last request for votes since it was a primary, by its place in [`Elections::requests`].
    pub request: Option<usize>,
    /// Whose votes of that request's epoch had reached it.
    pub voters: Vec<NodeId>,
    /// How many a majority is of the primaries with slots that it knows.
    pub quorum: usize,
}

/// All elections, in order.
#[derive(Clone, Debug, Default)]
pub struct Elections {
    requests: Vec<Request>,
    votes: Vec<Vote>,
    takeovers: Vec<Takeover>,
    /// Requests that reached a voter, by who reads, who asks, and the epoch: a vote that waits for its link goes out after
    /// later requests were read.
    read: BTreeMap<(NodeId, NodeId, u64), Read>,
    /// Whom a cluster id voted for, by epoch.
    voted: BTreeMap<(String, u64), NodeId>,
    /// What copies of data directories have of that.
    copied: BTreeMap<OpId, Vec<(String, u64)>>,
    /// Whose votes reached a candidate, by epoch.
    counted: BTreeMap<(NodeId, u64), BTreeSet<NodeId>>,
    /// The config epoch in the last header of another node that reached a node, and since when it stands there.
    claimed: Pairs<(u64, SimTime)>,
    /// The last word of each node on its role, and whom it followed: `None` for a primary with slots.
    roles: BTreeMap<NodeId, Role>,
}

#[derive(Clone, Debug, Default)]
struct Role {
    follows: Option<String>,
    /// The config epoch of its last header, its own or its primary's, and when that was sent.
    newest: u64,
    newest_at: SimTime,
    request: Option<usize>,
}

/// A request as it reached a voter.
#[derive(Clone, Copy, Debug)]
struct Read {
    request: usize,
    /// An owner of a slot in a newer epoch, of which the voter had been told before.
    newer_owner: Option<(NodeId, u64)>,
}

/// What the other timelines know when something is said.
pub(super) struct Known<'c> {
    pub members: &'c Members,
    pub views: &'c Views,
    pub suspicions: &'c Suspicions,
    pub handovers: &'c Handovers,
    pub asks: &'c Asks,
    pub candidates: &'c Candidates,
}

impl Elections {
    /// A copy that is put back has the votes of when it was made.
    pub(super) fn see(&mut self, event: &Event, members: &Members) {
        let Body::Tell { message } = &event.body else { return };
        let id = event.actor.node().and_then(|node| Some(&members.get(node)?.header()?.claim.id));
        match (message, id) {
            (Told::KeepCopy { op }, Some(id)) => {
                let votes = self.voted.keys().filter(|(of, _)| of == id).cloned().collect();
                self.copied.insert(*op, votes);
            }
            (Told::PutBack { op }, Some(id)) => {
                let kept = self.copied.get(op);
                let has = |vote: &(String, u64)| kept.is_some_and(|votes| votes.contains(vote));
                self.voted.retain(|vote, _| vote.0 != *id || has(vote));
            }
            _ => {}
        }
    }

    pub(super) fn said(&mut self, message: &Arc<Message>, known: &Known) {
        let Some(header) = &message.header else {
            return;
        };
        match message.r#type {
            MessageType::FAILOVER_AUTH_REQUEST => self.request(message, header, known),
            MessageType::FAILOVER_AUTH_ACK => self.vote(message, header, known),
            _ => {}
        }
        self.role(message, header, known);
    }

    pub(super) fn heard(&mut self, heard: &Heard, members: &Members, views: &Views) {
        let Message { from, to, header, r#type, .. } = &*heard.message;
        let Some(header) = header else {
            return;
        };
        let epoch = header.config_epoch;
        let (claimed, since) = self.claimed.get_or_insert((*to, *from), (epoch, heard.at));
        if *claimed != epoch {
            (*claimed, *since) = (epoch, heard.at);
        }
        match *r#type {
            MessageType::FAILOVER_AUTH_REQUEST => {
                if let Some(request) = self.find(*from, header.current_epoch) {
                    // A process that is stopped reads what arrived meanwhile in whatever order.
                    let runs = members.get(*to).is_some_and(|member| member.paused_at.is_none());
                    let read_by = runs.then(|| before(heard.at, READ_WITHIN)).flatten();
                    let newer_owner =
                        read_by.and_then(|by| newer_owner(&self.requests[request], *to, by, views));
                    self.read.insert((*to, *from, header.current_epoch), Read { request, newer_owner });
                }
            }
            MessageType::FAILOVER_AUTH_ACK if self.has_a_voice(heard, members, views) => {
                self.counted.entry((*to, header.current_epoch)).or_default().insert(*from);
            }
            _ => {}
        }
    }

    /// Whether a candidate may count a vote: not if it had read that others own all slots of the voter in newer epochs.
    fn has_a_voice(&self, heard: &Heard, members: &Members, views: &Views) -> bool {
        let Message { from, to, header, .. } = &*heard.message;
        let claims_slots = header.as_ref().is_some_and(|header| header.claim.owns_slots());
        let runs = members.get(*to).is_some_and(|member| member.paused_at.is_none());
        let Some(by) = before(heard.at, READ_WITHIN).filter(|_| claims_slots && runs) else {
            return true;
        };
        let is_read = |of: NodeId| self.claimed.get((*to, of)).is_some_and(|(_, since)| *since <= by);
        let others = views.of(*to).map(|other| &other.message);
        let others = others.filter(|other| other.from != *from && is_read(other.from));
        // Of two who claim the same slots in one epoch either may have them: the voter comes first.
        Owners::of([&heard.message].into_iter().chain(others)).contains(*from)
    }

    fn find(&self, node: NodeId, epoch: u64) -> Option<usize> {
        self.requests.iter().rposition(|request| request.node == node && request.epoch == epoch)
    }

    fn request(&mut self, message: &Message, header: &Header, known: &Known) {
        let (node, epoch) = (message.from, header.current_epoch);
        if self.find(node, epoch).is_some() {
            return;
        }
        let primary = header.claim.of.as_deref().and_then(|id| known.members.named(id));
        let request = Request {
            event: message.event,
            at: message.at,
            node,
            epoch,
            claim: Arc::clone(&header.claim),
            config_epoch: header.config_epoch,
            offset: header.offset,
            forced: header.forced,
            primary,
            knew_failed: primary.and_then(|primary| known.suspicions.known_failed(node, primary)),
            asked: known.asks.failover_of(node),
            fresh_at: known.candidates.fresh_at(node),
            announced: primary.and_then(|primary| known.handovers.announced(node, primary, message.at)),
            told_at: primary.and_then(|primary| known.handovers.told_at(node, primary)),
        };
        self.roles.entry(node).or_default().request = Some(self.requests.len());
        self.requests.push(request);
    }

    fn vote(&mut self, message: &Message, header: &Header, known: &Known) {
        let (voter, candidate, epoch) = (message.from, message.to, header.current_epoch);
        let read = self.read.get(&(voter, candidate, epoch)).copied();
        let asked = read.map(|read| &self.requests[read.request]);
        let primary = asked.and_then(|asked| asked.primary);
        let vote = Vote {
            event: message.event,
            at: message.at,
            voter,
            candidate,
            epoch,
            owns_slots: header.claim.owns_slots(),
            before: self.voted.insert((header.claim.id.clone(), epoch), candidate),
            request: read.map(|read| read.request),
            knew_failed: primary.and_then(|primary| known.suspicions.known_failed(voter, primary)),
            too_young: too_young(message, header, known.members),
            newer_owner: asked
                .filter(|asked| header.outranks(asked.config_epoch, &asked.claim.slots))
                .map(|_| (voter, header.config_epoch))
                .or(read.and_then(|read| read.newer_owner)),
        };
        self.votes.push(vote);
    }

    /// Takes what a header says of its sender's role. One that was made before another, and sent after it, waited for its
    /// link or is of the same turn.
    fn role(&mut self, message: &Arc<Message>, header: &Header, known: &Known) {
        let node = message.from;
        let role = self.roles.entry(node).or_default();
        let may_be_old = !message.prompt || message.at == role.newest_at;
        if may_be_old && header.config_epoch < role.newest {
            return;
        }
        (role.newest, role.newest_at) = (header.config_epoch, message.at);
        if let Some(of) = &header.claim.of {
            if role.follows.as_ref() != Some(of) {
                role.follows = Some(of.clone());
            }
        } else if header.claim.owns_slots() {
            let (followed, request) = (role.follows.take(), role.request.take());
            if let Some(followed) = followed {
                self.takeover(message, header, (followed, request), known);
            }
        }
    }

    fn takeover(
        &mut self,
        message: &Arc<Message>,
        header: &Header,
        (followed, request): (String, Option<usize>),
        known: &Known,
    ) {
        let node = message.from;
        let votes = request.and_then(|request| self.counted.get(&(node, self.requests[request].epoch)));
        let voters = votes.into_iter().flatten().copied().collect();
        // It counts those that it knew before it took the slots itself.
        let quorum = known.members.least_quorum(&known.views.owners(node, None));
        self.takeovers.push(Takeover {
            event: message.event,
            at: message.at,
            node,
            from: known.members.named(&followed),
            epoch: header.config_epoch,
            request,
            voters,
            quorum,
        });
    }

    /// Every request for votes.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Every vote.
    pub fn votes(&self) -> &[Vote] {
        &self.votes
    }

    /// Whether a node that leads since an instant was handed its shard: the operator asked it to take over from its primary, and
    /// that had stopped its clients at an offset which it had.
    pub fn was_handed_over(&self, node: NodeId, since: SimTime) -> bool {
        let takeover = self.takeovers.iter().find(|takeover| takeover.node == node && takeover.at >= since);
        let request = takeover.and_then(|takeover| takeover.request).map(|request| &self.requests[request]);
        request.is_some_and(|request| {
            let asked = request.asked.is_some_and(|(_, mode)| mode == FailoverMode::Default);
            request.forced && asked && request.announced.is_some_and(|announced| request.offset >= announced)
        })
    }

    /// Every takeover, by votes or without.
    pub fn takeovers(&self) -> &[Takeover] {
        &self.takeovers
    }
}

/// From which version on a primary that starts does not vote while it waits to serve.
const JOINS_LATE_FROM: (u64, u64) = (9, 1);

/// How long a process runs that votes too soon after its start.
fn too_young(message: &Message, header: &Header, members: &Members) -> Option<SimDuration> {
    let voter = members.get(message.from)?;
    let age = message.at.since(voter.started_at?);
    let must_wait = voter.version? >= JOINS_LATE_FROM && !header.claim.ok;
    (must_wait && age < WRITABLE_DELAY).then_some(age)
}

/// A primary that a voter knows, by a header that it had read by an instant, to own a slot that is asked for in an epoch
/// above the requested one.
fn newer_owner(asked: &Request, voter: NodeId, by: SimTime, views: &Views) -> Option<(NodeId, u64)> {
    let read = views.of(voter).filter(|heard| heard.at <= by);
    let claims = read.filter_map(|heard| Some((heard.message.from, heard.message.header.as_ref()?)));
    let mut newer = claims.filter(|(_, header)| header.outranks(asked.config_epoch, &asked.claim.slots));
    newer.next().map(|(node, header)| (node, header.config_epoch))
}

/// The instant `by` before `at`, if there is one.
fn before(at: SimTime, by: SimDuration) -> Option<SimTime> {
    at.as_ns().checked_sub(by.as_ns()).map(SimTime::from_ns)
}

#[cfg(test)]
mod tests {
    use super::super::Chronicle;
    use super::super::sample::{Says, id, message, of_type};
    use super::*;
    use crate::invariant::sample::healthy;

    /// Three primaries; node 4 follows the first, which is called failing.
    fn failed() -> Chronicle {
        let mut chronicle = Chronicle::new(&healthy().plan);
        for node in 1..=3 {
            for to in 1..=4 {
                chronicle.take(message(owner(node), to, 1));
            }
        }
        chronicle.take(message(replica(), 2, 1));
        for to in 3..=4 {
            let about = Some(id(1));
            chronicle.take(Message { about, ..of_type(MessageType::FAIL, owner(2), to, 5) });
        }
        chronicle
    }

    fn owner(node: u16) -> Says {
        Says { epochs: (3, u64::from(node)), ..Says::primary(node, 0, (node * 10, node * 10 + 9)) }
    }

    fn replica() -> Says {
        Says { slots: vec![(10, 19)], epochs: (4, 1), ..Says::replica(4, 1) }
    }

    fn asks(chronicle: &mut Chronicle, s: u64) {
        for to in 2..=3 {
            chronicle.take(of_type(MessageType::FAILOVER_AUTH_REQUEST, replica(), to, s));
        }
    }

    fn votes(chronicle: &mut Chronicle, node: u16, s: u64) {
        let says = Says { epochs: (4, u64::from(node)), ..owner(node) };
        chronicle.take(of_type(MessageType::FAILOVER_AUTH_ACK, says, 4, s));
    }

    #[test]
    fn an_election_is_told_from_the_request_to_the_takeover() {
        let mut chronicle = failed();
        asks(&mut chronicle, 6);
        votes(&mut chronicle, 2, 7);
        votes(&mut chronicle, 3, 7);
        chronicle.take(message(Says { epochs: (4, 4), ..Says::primary(4, 4, (10, 19)) }, 2, 8));
        let elections = &chronicle.elections;
        let request = &elections.requests()[0];
        assert_eq!((request.epoch, request.primary, request.forced), (4, Some(NodeId(1)), false));
        assert_eq!(request.knew_failed, Some(super::super::sample::at(5)));
        let vote = &elections.votes()[1];
        assert_eq!(
            (vote.voter, vote.request, vote.before, vote.newer_owner),
            (NodeId(3), Some(0), None, None)
        );
        assert!(vote.owns_slots && vote.knew_failed.is_some());
        let takeover = &elections.takeovers()[0];
        assert_eq!((takeover.from, takeover.epoch, takeover.request), (Some(NodeId(1)), 4, Some(0)));
        assert_eq!((&takeover.voters[..], takeover.quorum), (&[NodeId(2), NodeId(3)][..], 2));
    }

    #[test]
    fn a_second_vote_and_one_that_nobody_asked_for_are_told() {
        let mut chronicle = failed();
        votes(&mut chronicle, 2, 6);
        asks(&mut chronicle, 7);
        votes(&mut chronicle, 2, 8);
        let votes = chronicle.elections.votes();
        assert_eq!((votes[0].request, votes[0].before), (None, None));
        assert_eq!((votes[1].request, votes[1].before), (Some(0), Some(NodeId(4))));
    }

    #[test]
    fn a_vote_that_waited_for_its_link_answers_the_request_of_its_epoch() {
        let mut chronicle = failed();
        asks(&mut chronicle, 6);
        let again = Says { epochs: (5, 1), ..replica() };
        chronicle.take(of_type(MessageType::FAILOVER_AUTH_REQUEST, again, 2, 7));
        votes(&mut chronicle, 2, 8);
        assert_eq!(chronicle.elections.votes()[0].request, Some(0));
    }

    #[test]
    fn an_owner_in_a_newer_epoch_is_told_and_an_old_word_of_a_role_is_none() {
        let mut chronicle = failed();
        chronicle.take(message(Says { epochs: (4, 4), ..Says::primary(3, 4, (15, 15)) }, 2, 5));
        asks(&mut chronicle, 6);
        votes(&mut chronicle, 2, 7);
        assert_eq!(chronicle.elections.votes()[0].newer_owner, Some((NodeId(3), 4)));
        chronicle.take(message(Says { epochs: (4, 4), ..Says::primary(4, 4, (10, 19)) }, 2, 8));
        chronicle.take(Message { prompt: false, ..message(replica(), 3, 9) });
        chronicle.take(message(Says { epochs: (4, 4), ..Says::primary(4, 4, (10, 19)) }, 3, 10));
        assert_eq!(chronicle.elections.takeovers().len(), 1);
    }
}
