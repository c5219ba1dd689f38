//! What subscribers were told: only what was published on a channel of theirs, once, and in its publisher's order.

use std::collections::{BTreeMap, BTreeSet};

use super::said::{Done, Publication, message};
use super::{Findings, Talk};
use crate::chronicle::Push;
use crate::id::ClientId;

pub(super) fn judge(talk: &Talk, findings: &mut Findings) {
    let mut last: BTreeMap<Way, (u64, u64)> = BTreeMap::new();
    let own = talk
        .subscriptions
        .iter()
        .map(|own| (own.conn, own.is_of_shard, own.channel))
        .collect::<BTreeSet<_>>();
    for push in talk.channels.pushes() {
        let Some((is_of_shard, channel, text)) = message(push) else { continue };
        let known = talk.by_text.get(text).into_iter().flatten().map(|place| &talk.publications[*place]);
        let fits = |one: &&Publication| {
            (one.is_of_shard, one.channel) == (is_of_shard, channel) && one.entry.invoked_at <= push.at
        };
        if talk.evidence.is_all_asked_by_clients() && !known.clone().any(|one| fits(&one)) {
            findings
                .broken_by((push.at, push.event), format!("{}, which nobody had published", in_words(push)));
        }
        if !own.contains(&(push.conn, is_of_shard, channel)) {
            findings.broken_by((push.at, push.event), format!("{}, and had not subscribed", in_words(push)));
        }
        let Some(one) = talk.the_one(text) else { continue };
        if talk.told.get(&(push.conn, text)).is_some_and(|told| told.len() > 1 && told[0].event < push.event)
        {
            findings.broken_by((push.at, push.event), format!("{} twice", in_words(push)));
        }
        let Some((way, place)) = one.done.and_then(|done| way(talk, push, (one, done))) else { continue };
        match last.get(&way) {
            Some((newer, text)) if *newer > place => {
                let what = format!("{} after {}#{text}, published later", in_words(push), way.publisher);
                findings.broken_by((push.at, push.event), what);
            }
            _ => drop(last.insert(way, (place, one.entry.sequence))),
        }
    }
}

/// How a message came: nothing overtakes anything on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    publisher: ClientId,
    /// Over which connection it was published.
    conn: u64,
    /// Through which connection of the bus it came, if it did.
    bus: Option<u64>,
    /// Over which connection it was told.
    to: u64,
}

/// The way of a message, and its place on it.
fn way(talk: &Talk, push: &Push, (one, done): (&Publication, Done)) -> Option<(Way, u64)> {
    let bus = match done.node == push.node {
        true => None,
        false => Some(talk.carried(one, done.node, push.node)?.conn),
    };
    Some((Way { publisher: one.entry.client, conn: done.conn, bus, to: push.conn }, done.from.event))
}

fn in_words(push: &Push) -> String {
    format!("{} was told {} by {}", push.client, push.words.join(" "), push.node)
}
