//! Whom a message must have reached: the subscribers of its own node, the other nodes, and theirs.

use std::collections::{BTreeMap, BTreeSet};

use super::said::{Done, Publication, Subscription, message, unsubscribed};
use super::{Findings, Talk};
use crate::chronicle::{Carried, Push};
use crate::id::NodeId;
use crate::op::{Op, OpAction};
use crate::wire::cluster_bus::PUBLISHED_BYTES_MAX;

/// Judges every message that was replied to; how many times one could have been missed.
pub(super) fn judge(talk: &Talk, findings: &mut Findings) -> u64 {
    let (proofs, members) = (proofs(talk), may_change_members(talk));
    let known =
        talk.subscriptions.iter().filter_map(|own| Some((own, proof(&proofs, own)?))).collect::<Vec<_>>();
    let mut looked = 0;
    for one in &talk.publications {
        let Some(done) = one.done.filter(|_| talk.the_one(one.text).is_some()) else { continue };
        counted(talk, (one, done), findings);
        if !members {
            looked += carried_to_all(talk, (one, done), findings);
        }
        for (own, proof) in known.iter().filter(|(own, _)| own.hears(one)) {
            let got = got(talk, (one, done), own);
            if got.is_some_and(|got| talk.channels.has_turned(own.node, got, *proof)) {
                looked += 1;
                if !talk.told.contains_key(&(own.conn, one.text)) {
                    findings.wrong(done.to.at, lost(one, own, *proof));
                }
            }
        }
    }
    looked
}

impl Subscription<'_> {
    fn hears(&self, one: &Publication) -> bool {
        (self.is_of_shard, self.channel) == (one.is_of_shard, one.channel)
    }
}

impl Talk<'_> {
    /// The message of the bus with which a node passed a publication on to another one.
    pub(super) fn carried(&self, one: &Publication, from: NodeId, to: NodeId) -> Option<&Carried> {
        let is_it = |carried: &&Carried| {
            (carried.from, carried.to, carried.is_of_shard) == (from, to, one.is_of_shard)
                && (carried.published.0.as_str(), carried.published.1.as_str()) == (one.channel, one.text)
        };
        self.carried_by_text.get(one.text)?.iter().copied().find(is_it)
    }
}

/// The event with which a subscriber's node had a message, if the subscriber was subscribed by then.
fn got(talk: &Talk, (one, done): (&Publication, Done), own: &Subscription) -> Option<u64> {
    let since = own.to?.event;
    let (before, got) = match own.node == done.node {
        true => (done.from.event, done.to.event),
        false => talk.carried(one, done.node, own.node)?.heard.map(|heard| (heard, heard))?,
    };
    (since < before).then_some(got)
}

/// What a connection carried that shows how far its node was: the event that told the client, and the one with which its node got what it
/// then told.
type Proofs = BTreeMap<u64, Vec<(u64, u64)>>;

fn proofs(talk: &Talk) -> Proofs {
    let mut proofs = Proofs::new();
    for push in talk.channels.pushes() {
        let got = match message(push) {
            Some((_, _, text)) => generated(talk, push, text),
            None if unsubscribed(push).is_none() => push.asked,
            None => None,
        };
        proofs.entry(push.conn).or_default().extend(got.map(|got| (push.event, got)));
    }
    proofs
}

/// The event with which a node got a message that it told.
fn generated(talk: &Talk, push: &Push, text: &str) -> Option<u64> {
    let one = talk.the_one(text)?;
    let done = one.done?;
    match done.node == push.node {
        true => Some(done.from.event),
        false => talk.carried(one, done.node, push.node)?.heard,
    }
}

/// The latest event with which the node of a subscriber got anything that it told while it was subscribed.
fn proof(proofs: &Proofs, own: &Subscription) -> Option<u64> {
    let until = own.until.unwrap_or(u64::MAX);
    let on = proofs.get(&own.conn)?;
    on.iter().filter(|(told, _)| *told < until).map(|(_, got)| *got).max()
}

fn lost(one: &Publication, own: &Subscription, proof: u64) -> String {
    let entry = one.entry;
    format!(
        "{} was never told {:?} by {}, which {} had published as #{} on {} and which it had before it told event {proof}",
        own.client, one.text, own.node, entry.client, entry.sequence, one.channel
    )
}

/// The reply to a publisher is the number of its node's subscribers.
fn counted(talk: &Talk, (one, done): (&Publication, Done), findings: &mut Findings) {
    let own = || talk.subscriptions.iter().filter(|own| own.hears(one) && own.node == done.node);
    let least =
        own().filter(|own| is_surely(talk, own, (one, done))).map(|own| own.conn).collect::<BTreeSet<_>>();
    let most = own().filter(|own| is_perhaps(talk, own, done)).map(|own| own.conn).collect::<BTreeSet<_>>();
    let bounds = least.len() as i64..=most.len() as i64;
    if talk.evidence.is_all_asked_by_clients() && !bounds.contains(&done.count) {
        let (entry, (least, most)) = (one.entry, (bounds.start(), bounds.end()));
        let what = format!(
            "{} told {} that #{} had {} subscribers there, who were {least} to {most}",
            done.node, entry.client, entry.sequence, done.count
        );
        findings.wrong(done.to.at, what);
    }
}

fn is_surely(talk: &Talk, own: &Subscription, (one, done): (&Publication, Done)) -> bool {
    let is_there = own.to.is_some_and(|to| to.event < done.from.event);
    let is_left = talk.channels.ended(own.conn).is_some_and(|ended| ended.first <= done.to.event)
        || talk.channels.exited(own.node, own.from.event, done.to.event);
    let was_told = || talk.told.contains_key(&(own.conn, one.text));
    is_there && !is_left && (own.until.is_none() || was_told())
}

fn is_perhaps(talk: &Talk, own: &Subscription, done: Done) -> bool {
    let is_over =
        talk.channels.ended(own.conn).and_then(|ended| ended.node).is_some_and(|over| over < done.from.event)
            || talk.channels.exited(own.node, own.from.event, done.from.event);
    own.from.event <= done.to.event && !is_over && own.until.is_none_or(|told| told > done.from.event)
}

/// A message goes over every connection of its node that stands; how many there were.
fn carried_to_all(talk: &Talk, (one, done): (&Publication, Done), findings: &mut Findings) -> u64 {
    let mut looked = 0;
    for to in talk.evidence.plan.cluster.hosts().filter(|to| *to != done.node) {
        let is_meant = !one.is_of_shard || is_replica_of(talk, to, done.node);
        if !is_meant || !talk.channels.stood((done.node, to), (done.from.event, done.to.event)) {
            continue;
        }
        looked += 1;
        if talk.carried(one, done.node, to).is_none() && is_short(one) {
            let entry = one.entry;
            let what = format!(
                "{} never sent {to} {:?}, which {} had published there as #{} on {}",
                done.node, one.text, entry.client, entry.sequence, one.channel
            );
            findings.wrong(done.to.at, what);
        }
    }
    looked
}

/// Whether the log tells of the message on the bus.
fn is_short(one: &Publication) -> bool {
    one.channel.len() + one.text.len() <= PUBLISHED_BYTES_MAX
}

/// Whether a node never said anything else than that it follows another one, which never said anything else than that it leads.
fn is_replica_of(talk: &Talk, node: NodeId, primary: NodeId) -> bool {
    let (own, leads) = (talk.channels.claims(node), talk.channels.claims(primary));
    let ids = leads.iter().map(|(_, claim)| claim.id.as_str()).collect::<BTreeSet<_>>();
    let follows = |id: &Option<String>| id.as_deref().is_some_and(|id| ids.contains(id));
    !own.is_empty()
        && own.iter().all(|(_, claim)| follows(&claim.of))
        && leads.iter().all(|(_, claim)| claim.is_primary())
}

/// Whether nodes may join or leave: one that is not known is passed over.
fn may_change_members(talk: &Talk) -> bool {
    let typed =
        |op: &Op| op.action.types(|typed| typed.args.iter().any(|word| word.eq_ignore_ascii_case("cluster")));
    !talk.evidence.plan.guests.is_empty()
        || talk.evidence.plan.operations.iter().any(|op| typed(op) || changes_members(&op.action))
}

fn changes_members(action: &OpAction) -> bool {
    use OpAction::{AddReplica, Forget, Meet, RemoveReplica, Reset, RestartEmpty, ScaleIn, ScaleOut};
    matches!(
        action,
        AddReplica(_)
            | Forget(_)
            | Meet(_)
            | RemoveReplica(_)
            | Reset(_)
            | RestartEmpty(_)
            | ScaleIn(_)
            | ScaleOut(_)
    )
}
