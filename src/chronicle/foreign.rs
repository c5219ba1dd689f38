//! Clients that were served about a slot by a node that neither had it nor followed who had, that was giving it away, or that only
//! copies it and was not told that this will do.
//!
//! A node's headers on the bus say which slots it has, or its primary. Who served a slot that its last header before the question
//! lacks, and the next header too, had no right to, unless the client had been sent to it with `ASK`. Who has opened a slot to give
//! it away, as its log says, sends a client with `ASK` after each key that it does not have, and never says that there is none
//! (`getNodeByQuery`). A client that waits at a node is sent after its slot once that has gone: it is looked after at least once a
//! second (`clusterRedirectBlockedClientIfNeeded`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bus::Message;
use super::executions::Executions;
use super::members::Members;
use crate::event::{Body, Claim, Event};
use crate::history::{OpenOperations, Outcome, Reply, Request};
use crate::id::{ActorId, ClientId, NodeId};
use crate::model;
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};
use crate::wire::resp::key_slot;
use crate::wire::server_log::Said;

/// How many are kept: more tell nothing new.
const KEPT: usize = 64;

/// So long after its slot has gone a client is kept waiting at the most: a second, and what a process that is not busy takes.
const KEPT_WAITING: SimDuration = SimDuration::from_secs(3);
/// A process that leaves a message of the cluster bus unread for so long is busy.
const BUSY: SimDuration = SimDuration::from_ms(500);

/// An answer that its node had no right to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// When the client was told.
    pub at: SimTime,
    /// With the event of this number.
    pub event: u64,
    /// Who.
    pub client: ClientId,
    /// By whom.
    pub node: NodeId,
    /// About which slot.
    pub slot: u16,
    /// Why it had none.
    pub wrong: NoRight,
}

/// Why a node had no right to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRight {
    /// It neither had the slot nor followed who had.
    HasNot,
    /// It had the slot, and was giving it away: the client was told that there is no such key.
    GivesAway,
    /// It followed who had the slot, and the client had not said `READONLY`.
    Follows,
}

impl NoRight {
    /// Whether it goes for who says this of itself.
    fn goes_for(self, claim: &Claim, slot: u16) -> bool {
        let has = has(claim, slot);
        match self {
            NoRight::HasNot => !has,
            NoRight::GivesAway => claim.is_primary() && has,
            NoRight::Follows => !claim.is_primary() && has,
        }
    }
}

/// Such answers of a run.
#[derive(Clone, Debug, Default)]
pub struct Foreign {
    open: OpenOperations<Open>,
    /// Answers of nodes whose last header lacks the slot; their next one decides.
    doubtful: BTreeMap<NodeId, Vec<Served>>,
    served: Vec<Served>,
    /// Slots that nodes have opened to give them away, and when.
    opened: BTreeMap<(NodeId, u16), SimTime>,
    /// What each node says of itself, and since when.
    standing: BTreeMap<NodeId, (SimTime, Arc<Claim>)>,
    /// When a process was last known to be stopped, or busy.
    hindered_at: BTreeMap<NodeId, SimTime>,
    /// Slots that nodes have ever opened to take them.
    imported: BTreeSet<(NodeId, u16)>,
    /// Every client says to every node that a replica may answer.
    all_read_copies: bool,
    /// Clients that said so by hand.
    read_copies: BTreeSet<ClientId>,
}

/// What else is known.
pub(super) struct Known<'c> {
    pub members: &'c Members,
    pub executions: &'c Executions,
}

/// What a client waits for.
#[derive(Clone, Debug)]
struct Open {
    at: SimTime,
    slot: u16,
    asked: Asked,
    /// Whom it was sent to this once.
    sent_to: Option<NodeId>,
}

/// What matters here of what a client asked: commands, without what they write.
#[derive(Clone, Debug)]
struct Asked(Cow<'static, [Word]>);

/// One command.
#[derive(Clone, Debug)]
struct Word {
    /// In capital letters.
    name: Cow<'static, str>,
    /// How many words it has.
    len: usize,
    of_key: bool,
    of_channel: bool,
}

impl Foreign {
    /// Those of a run of this plan.
    pub(super) fn new(plan: &Plan) -> Self {
        let all_read_copies = plan.workload.as_ref().is_some_and(|workload| workload.pinned);
        Foreign { all_read_copies, ..Foreign::default() }
    }

    /// Takes what a server's log says.
    pub(super) fn logged(&mut self, at: SimTime, (node, said): (NodeId, Said)) {
        match said {
            Said::Migrates(slot) => {
                self.opened.insert((node, slot), at);
            }
            Said::Imports(slot) => {
                self.opened.remove(&(node, slot));
                self.imported.insert((node, slot));
            }
            Said::Assigned(slot) => {
                self.opened.remove(&(node, slot));
            }
            _ => {}
        }
    }

    pub(super) fn see(&mut self, event: &Event, known: &Known) {
        match (event.actor, &event.body) {
            (ActorId::Node(node), Body::Start { .. }) => {
                self.opened.retain(|(opened, _), _| *opened != node);
                self.standing.remove(&node);
            }
            (ActorId::Node(node), Body::Pause { .. }) => {
                self.hindered_at.insert(node, event.at);
            }
            _ => {}
        }
        let ActorId::Client(client) = event.actor else { return };
        match &event.body {
            Body::Invoke { request: Request::Call { commands, .. }, .. }
                if commands.iter().any(|command| command[0].eq_ignore_ascii_case("READONLY")) =>
            {
                self.read_copies.insert(client);
            }
            Body::Invoke { sequence, request } if !request.key().is_empty() => {
                let (at, slot) = (event.at, key_slot(request.key().as_bytes()));
                let open = Open { at, slot, asked: Asked::by(request), sent_to: None };
                self.open.begin((client, *sequence), open);
            }
            Body::Redirect { to, ask, .. } => {
                let sent_to = ask.then_some(*to);
                self.open.of_mut(client).into_iter().for_each(|open| open.sent_to = sent_to);
            }
            Body::Complete { sequence, outcome, node } => {
                let open = self.open.end((client, *sequence));
                if let Some((open, node)) = open.zip(*node).filter(|(open, _)| open.asked.is_served(outcome))
                {
                    let gives_away = open.asked.is_missing(outcome)
                        && self.opened.get(&(node, open.slot)).is_some_and(|since| *since < open.at);
                    let served =
                        |wrong| Served { at: event.at, event: event.i, client, node, slot: open.slot, wrong };
                    let reads_copies = self.all_read_copies || self.read_copies.contains(&client);
                    let may_follow = reads_copies || open.asked.is_of_channel();
                    let follows = (!may_follow).then_some(NoRight::Follows);
                    let has = if gives_away { NoRight::GivesAway } else { NoRight::HasNot };
                    let served = [has].into_iter().chain(follows).map(served);
                    self.serve((node, served), *sequence, &open, known);
                }
            }
            _ => {}
        }
    }

    /// A node answered, which is wrong in one of these ways or in none.
    fn serve(
        &mut self,
        (node, served): (NodeId, impl Iterator<Item = Served>),
        sequence: u64,
        open: &Open,
        known: &Known,
    ) {
        let last = known.members.get(node).and_then(|member| member.last.as_ref());
        let before = last.filter(|last| last.at < open.at).and_then(|last| last.header.as_ref());
        let is_wrong = |served: &Served| {
            before.is_some_and(|header| served.wrong.goes_for(&header.claim, served.slot))
                || self.was_kept_waiting(served, sequence, known)
        };
        let wrong = served.filter(|_| open.sent_to != Some(node)).filter(is_wrong).collect::<Vec<_>>();
        let doubtful = self.doubtful.entry(node).or_default();
        let room = KEPT.saturating_sub(doubtful.len());
        doubtful.extend(wrong.into_iter().take(room));
    }

    /// Whether a client waited at a node long after that had no right to answer any more.
    fn was_kept_waiting(&self, served: &Served, sequence: u64, known: &Known) -> bool {
        let Some((since, claim)) = self.standing.get(&served.node) else { return false };
        let told = || known.executions.of(served.client, sequence).and_then(|execution| execution.to);
        served.wrong != NoRight::GivesAway
            && served.wrong.goes_for(claim, served.slot)
            && self.hindered_at.get(&served.node).is_none_or(|at| at < since)
            && !self.imported.contains(&(served.node, served.slot))
            && told().is_some_and(|told| told.at.since(*since) > KEPT_WAITING)
    }

    pub(super) fn said(&mut self, message: &Message) {
        if message.waited > BUSY {
            self.hindered_at.insert(message.from, message.at);
            self.doubtful.remove(&message.from);
        }
        let Some(header) = &message.header else { return };
        let stands = |claim: &Claim| (claim.flags, &claim.slots) == (header.claim.flags, &header.claim.slots);
        if self.standing.get(&message.from).is_none_or(|(_, claim)| !stands(claim)) {
            self.standing.insert(message.from, (message.at, Arc::clone(&header.claim)));
        }
        let doubtful = self.doubtful.get_mut(&message.from).map(std::mem::take).unwrap_or_default();
        let wrong = doubtful.into_iter().filter(|served| served.wrong.goes_for(&header.claim, served.slot));
        let room = KEPT.saturating_sub(self.served.len());
        self.served.extend(wrong.take(room));
    }

    /// Every one that is known to be one.
    pub fn served(&self) -> &[Served] {
        &self.served
    }
}

fn has(claim: &Claim, slot: u16) -> bool {
    claim.slots.iter().any(|(first, last)| (*first..=*last).contains(&slot))
}

impl Word {
    /// Of a plain read or write.
    const fn plain(name: &'static str, len: usize) -> Self {
        Word { name: Cow::Borrowed(name), len, of_key: true, of_channel: false }
    }
}

impl Asked {
    fn by(request: &Request) -> Self {
        const SET: &[Word] = &[Word::plain("SET", 3)];
        const GET: &[Word] = &[Word::plain("GET", 2)];
        let called = |command: &Vec<String>| Word {
            name: Cow::Owned(command[0].to_ascii_uppercase()),
            len: command.len(),
            of_key: model::is_of_key(command),
            of_channel: model::is_of_channel(command),
        };
        Asked(match request {
            Request::Set { .. } => Cow::Borrowed(SET),
            Request::Get { .. } => Cow::Borrowed(GET),
            Request::Call { commands, .. } => commands.iter().map(called).collect(),
        })
    }

    /// Whether one key was asked about, and the answer was that there is none.
    fn is_missing(&self, outcome: &Outcome) -> bool {
        let [Word { name, len, .. }] = &self.0[..] else { return false };
        match (&**name, len, outcome) {
            ("GET", 2, Outcome::Ok(None)) => true,
            ("GET", 2, Outcome::Replied(replies)) => replies[..] == [Reply::Nil],
            ("EXISTS", 2, Outcome::Replied(replies)) => replies[..] == [Reply::Int(0)],
            ("TYPE", 2, Outcome::Replied(replies)) => replies[..] == [Reply::Status("none".to_owned())],
            _ => false,
        }
    }

    /// Whether it is about channels, which any member of a shard serves (`getNodeByQuery`).
    fn is_of_channel(&self) -> bool {
        self.0.iter().any(|word| word.of_channel)
    }

    /// Whether it was answered with what a key holds, or with a write of it.
    fn is_served(&self, outcome: &Outcome) -> bool {
        let serves = |(word, reply): (&Word, &Reply)| match reply {
            Reply::Error(_) => false,
            Reply::Status(status) if status == "QUEUED" => false,
            Reply::List(_) if word.name == "EXEC" => true,
            _ => word.of_key,
        };
        match outcome {
            Outcome::Ok(_) => true,
            Outcome::Replied(replies) => self.0.iter().zip(replies).any(serves),
            Outcome::Fail(_) | Outcome::Info(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Says, at, event, message};
    use super::super::{Chronicle, Execution, Moment};
    use super::*;
    use crate::invariant::sample::healthy;

    const CLIENT: ActorId = ActorId::Client(ClientId(1));

    /// The slot of `k`.
    fn slot() -> u16 {
        key_slot(b"k")
    }

    /// Node 1 speaks, serves a read of `k`, and speaks again.
    fn served(before: &Says, redirect: Option<bool>, after: &Says) -> usize {
        let mut chronicle = Chronicle::new(&healthy().plan);
        chronicle.take(message(before.clone(), 2, 1));
        let ask = Body::Invoke { sequence: 1, request: Request::Get { key: "k".to_owned() } };
        chronicle.see(&event(2, CLIENT, ask));
        if let Some(ask) = redirect {
            let (node, to) = (NodeId(2), NodeId(1));
            chronicle.see(&event(2, CLIENT, Body::Redirect { node, slot: slot(), to, ask }));
        }
        let told = Body::Complete { sequence: 1, outcome: Outcome::Ok(None), node: Some(NodeId(1)) };
        chronicle.see(&event(3, CLIENT, told));
        chronicle.take(message(after.clone(), 2, 4));
        chronicle.foreign.served().len()
    }

    #[test]
    fn who_serves_has_the_slot_before_or_after() {
        let (with, without) = (Says::primary(1, 1, (0, 16_383)), Says::primary(1, 1, (0, 1)));
        assert_eq!(served(&without, None, &without), 1);
        assert_eq!(served(&with, None, &without) + served(&without, None, &with), 0);
        assert_eq!((served(&without, Some(true), &without), served(&without, Some(false), &without)), (0, 1));
    }

    /// Node 1 has the slot of `k`, opens it to give it away or does not, and says that there is no `k`.
    fn denied(said: &[Said], after: &Says) -> Vec<bool> {
        let mut chronicle = Chronicle::new(&healthy().plan);
        chronicle.take(message(Says::primary(1, 1, (0, 16_383)), 2, 1));
        let node = NodeId(1);
        said.iter().for_each(|said| chronicle.foreign.logged(at(1), (node, *said)));
        let ask = Body::Invoke { sequence: 1, request: Request::Get { key: "k".to_owned() } };
        chronicle.see(&event(2, CLIENT, ask));
        let told = Body::Complete { sequence: 1, outcome: Outcome::Ok(None), node: Some(node) };
        chronicle.see(&event(3, CLIENT, told));
        chronicle.take(message(after.clone(), 2, 4));
        chronicle.foreign.served().iter().map(|served| served.wrong == NoRight::GivesAway).collect()
    }

    #[test]
    fn who_gives_a_slot_away_never_says_that_a_key_is_not_there() {
        let (leads, follows) = (Says::primary(1, 1, (0, 16_383)), Says::replica(1, 2));
        let opens = Said::Migrates(slot());
        assert_eq!(denied(&[opens], &leads), [true]);
        assert_eq!(denied(&[], &leads), [false; 0]);
        assert_eq!(denied(&[opens, Said::Assigned(slot())], &leads), [false; 0]);
        assert_eq!(denied(&[opens], &follows), [false; 0]);
        assert!(
            !Asked::by(&Request::Get { key: "k".to_owned() }).is_missing(&Outcome::Ok(Some("v".to_owned())))
        );
    }

    #[test]
    fn a_replica_answers_only_who_said_that_a_copy_will_do() {
        let (leads, follows) =
            (Says::primary(1, 1, (0, 16_383)), Says { slots: vec![(0, 16_383)], ..Says::replica(1, 2) });
        assert_eq!((served(&follows, None, &follows), served(&leads, None, &follows)), (1, 0));
        assert_eq!(served(&follows, Some(true), &follows), 0);
        let mut chronicle = Chronicle::new(&healthy().plan);
        chronicle.take(message(follows.clone(), 2, 1));
        for (sequence, command) in [(1, vec!["READONLY"]), (2, vec!["GET", "k"])] {
            let commands = vec![command.into_iter().map(str::to_owned).collect()];
            let key = if sequence == 1 { String::new() } else { "k".to_owned() };
            let request = Request::Call { key, commands };
            chronicle.see(&event(2, CLIENT, Body::Invoke { sequence, request }));
            let outcome = Outcome::Replied(vec![Reply::Status("OK".to_owned())]);
            chronicle.see(&event(3, CLIENT, Body::Complete { sequence, outcome, node: Some(NodeId(1)) }));
        }
        chronicle.take(message(follows, 2, 4));
        assert_eq!(chronicle.foreign.served().len(), 0);
        let commands = vec!["SSUBSCRIBE k".split(' ').map(str::to_owned).collect()];
        assert!(Asked::by(&Request::Call { key: "k".to_owned(), commands }).is_of_channel());
    }

    /// A client waits from 2 s on for an element of `k` at node 1, which has its slot until 10 s, and is told at that second that
    /// there is none.
    fn kept_waiting(told_s: u64, between: &[Event]) -> usize {
        let mut chronicle = Chronicle::new(&healthy().plan);
        let (with, without) = (Says::primary(1, 1, (0, 16_383)), Says::primary(1, 1, (0, 1)));
        chronicle.take(message(with, 2, 1));
        let commands = vec!["BLPOP k 0".split(' ').map(str::to_owned).collect()];
        let request = Request::Call { key: "k".to_owned(), commands };
        chronicle.see(&event(2, CLIENT, Body::Invoke { sequence: 1, request }));
        chronicle.take(message(without.clone(), 2, 10));
        between.iter().for_each(|event| chronicle.see(event));
        let (node, moment) = (NodeId(1), |s| Some(Moment { event: s, at: at(s) }));
        let (from, to) = (moment(2), moment(told_s));
        let execution = Execution { node, conn: 1, from, to, again: false, data: None };
        chronicle.executions.insert_for_test(ClientId(1), 1, execution);
        let outcome = Outcome::Replied(vec![Reply::Nil]);
        chronicle.see(&event(told_s, CLIENT, Body::Complete { sequence: 1, outcome, node: Some(node) }));
        chronicle.take(message(without, 2, told_s + 1));
        chronicle.foreign.served().len()
    }

    #[test]
    fn who_waits_where_the_slot_is_no_more_is_sent_after_it() {
        assert_eq!([12, 14].map(|told_s| kept_waiting(told_s, &[])), [0, 1]);
        let stopped = event(11, ActorId::Node(NodeId(1)), Body::Pause { paused: true });
        assert_eq!(kept_waiting(14, &[stopped]), 0);
    }
}
