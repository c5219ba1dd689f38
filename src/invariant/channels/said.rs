//! What clients asked about channels, and what they were told unasked.

use std::collections::BTreeMap;

use super::Evidence;
use crate::chronicle::{Execution, Moment, Push};
use crate::history::{Entry, Outcome, Reply, Request};
use crate::id::{ClientId, NodeId};

/// A message that a client published.
#[derive(Clone, Debug)]
pub(super) struct Publication<'e> {
    pub entry: &'e Entry,
    pub is_of_shard: bool,
    pub channel: &'e str,
    pub text: &'e str,
    /// Where and when it was executed, and how many were told there; nothing if its publisher got no reply.
    pub done: Option<Done>,
}

/// What is known of a publication that was replied to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub node: NodeId,
    pub conn: u64,
    pub from: Moment,
    pub to: Moment,
    /// How many subscribers its node said that it told.
    pub count: i64,
}

/// What a client asked to be told.
#[derive(Clone, Debug)]
pub(super) struct Subscription<'e> {
    pub client: ClientId,
    pub is_of_shard: bool,
    pub channel: &'e str,
    pub node: NodeId,
    pub conn: u64,
    /// Since when it may be subscribed.
    pub from: Moment,
    /// Since when it is; nothing if it got no reply.
    pub to: Option<Moment>,
    /// The event that told it that it is one no more.
    pub until: Option<u64>,
}

/// The one command of an operation about a channel, with its execution.
fn command<'e>(
    evidence: &'e Evidence,
    entry: &'e Entry,
) -> Option<(String, &'e [String], Option<Execution>)> {
    let Request::Call { commands, .. } = &entry.request else { return None };
    let [command] = &commands[..] else { return None };
    let execution = evidence.chronicle.executions.of(entry.client, entry.sequence);
    Some((command.first()?.to_ascii_uppercase(), &command[1..], execution))
}

fn reply(entry: &Entry) -> Option<&Reply> {
    match &entry.outcome {
        Some(Outcome::Replied(replies)) => replies.first().filter(|reply| reply.error_code().is_none()),
        _ => None,
    }
}

/// Every message that clients published, or tried to.
pub(super) fn publications(evidence: &Evidence) -> Vec<Publication<'_>> {
    let publication = |entry| {
        let (name, args, execution) = command(evidence, entry)?;
        let is_of_shard = match name.as_str() {
            "PUBLISH" => false,
            "SPUBLISH" => true,
            _ => return None,
        };
        let [channel, text] = args else { return None };
        let done = match (execution, reply(entry)) {
            (Some(Execution { node, conn, from: Some(from), to: Some(to), .. }), Some(Reply::Int(count))) => {
                Some(Done { node, conn, from, to, count: *count })
            }
            _ => None,
        };
        Some(Publication { entry, is_of_shard, channel, text, done })
    };
    evidence.history.iter().filter_map(publication).collect()
}

/// Every subscription that reached a node.
pub(super) fn subscriptions(evidence: &Evidence) -> Vec<Subscription<'_>> {
    let mut ends: BTreeMap<(u64, &str), Vec<u64>> = BTreeMap::new();
    for push in evidence.chronicle.channels.pushes() {
        if let Some(channel) = unsubscribed(push) {
            ends.entry((push.conn, channel)).or_default().push(push.event);
        }
    }
    let subscription = |entry| {
        let (name, args, execution) = command(evidence, entry)?;
        let is_of_shard = match name.as_str() {
            "SUBSCRIBE" => false,
            "SSUBSCRIBE" => true,
            _ => return None,
        };
        let ([channel], Execution { node, conn, from, to, .. }) = (args, execution?) else { return None };
        let is_refused = matches!(&entry.outcome, Some(Outcome::Fail(_)));
        let to = to.filter(|_| reply(entry).is_some());
        let from = from.filter(|_| !is_refused)?;
        let ended = ends.get(&(conn, channel.as_str())).filter(|_| is_of_shard);
        let until = ended.and_then(|ended| ended.iter().copied().find(|event| *event > from.event));
        Some(Subscription { client: entry.client, is_of_shard, channel, node, conn, from, to, until })
    };
    evidence.history.iter().filter_map(subscription).collect()
}

/// The channel and the text of a message that a client was told, and whether it is one of a shard.
pub(super) fn message(push: &Push) -> Option<(bool, &str, &str)> {
    match &push.words[..] {
        [word, channel, text] if word == "message" => Some((false, channel, text)),
        [word, channel, text] if word == "smessage" => Some((true, channel, text)),
        _ => None,
    }
}

/// The channel that a client was told to be subscribed to no more.
pub(super) fn unsubscribed(push: &Push) -> Option<&str> {
    match &push.words[..] {
        [word, channel, ..] if word == "sunsubscribe" => Some(channel),
        _ => None,
    }
}
