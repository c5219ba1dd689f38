//! What is published on a channel is told once to each subscriber whom it can reach, in its publisher's order.
//!
//! Who executed a publication, what of it the bus carried and what subscribers were told is known event by event
//! ([`Channels`](crate::chronicle::Channels)). A node tells a publisher how many of its own subscribers it told, and sends the message
//! over each connection of its own that stands: to all members (`clusterPropagatePublish`), or to those of its shard. What a node got
//! it tells its subscribers at once. A connection to a subscriber keeps the order, so a message is known to be lost once something
//! that its node said later has arrived; nothing is said of what was under way when a connection ended. A node that loses a slot
//! tells those who have subscribed in it (`removeChannelsInSlot`).
//!
//! Not judged: messages of publishers who got no reply, or of which two are alike; whether the bus carries a message while nodes join
//! or leave.

mod order;
mod reach;
mod said;
mod slots;

use std::collections::BTreeMap;

use self::said::{Publication, Subscription};
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict, always_asked};
use crate::chronicle::{Carried, Channels, Push};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "channels",
    title: "Channels",
    statement: "what is published is told once, and in order, to each subscriber that it can reach",
    applies: Applies::Always,
    asked: always_asked,
    check,
};

/// A run, as far as it is about channels.
struct Talk<'e> {
    evidence: &'e Evidence,
    channels: &'e Channels,
    publications: Vec<Publication<'e>>,
    subscriptions: Vec<Subscription<'e>>,
    /// Messages by their texts: places in the list of publications.
    by_text: BTreeMap<&'e str, Vec<usize>>,
    /// Messages that clients were told, by connection and text.
    told: BTreeMap<(u64, &'e str), Vec<&'e Push>>,
    /// Messages on the bus, by their texts.
    carried_by_text: BTreeMap<&'e str, Vec<&'e Carried>>,
}

fn check(case: &Case) -> Verdict {
    let talk = Talk::of(case.evidence);
    if talk.publications.is_empty() && talk.subscriptions.is_empty() {
        return Verdict::holds("nobody used a channel");
    }
    let mut findings = Findings::default();
    order::judge(&talk, &mut findings);
    slots::judge(&talk, &mut findings);
    let looked = reach::judge(&talk, &mut findings);
    findings.verdict(|| {
        let told = talk.told.values().map(Vec::len).sum::<usize>();
        format!(
            "{} messages published and {told} told to subscribers; {looked} could be missed and were not",
            talk.publications.len()
        )
    })
}

impl<'e> Talk<'e> {
    fn of(evidence: &'e Evidence) -> Self {
        let channels = &evidence.chronicle.channels;
        let publications = said::publications(evidence);
        let mut by_text: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, publication) in publications.iter().enumerate() {
            by_text.entry(publication.text).or_default().push(place);
        }
        let mut told: BTreeMap<(u64, &str), Vec<&Push>> = BTreeMap::new();
        for push in channels.pushes() {
            if let Some((_, _, text)) = said::message(push) {
                told.entry((push.conn, text)).or_default().push(push);
            }
        }
        let mut carried_by_text: BTreeMap<&str, Vec<&Carried>> = BTreeMap::new();
        for carried in channels.carried() {
            carried_by_text.entry(&carried.published.1).or_default().push(carried);
        }
        let subscriptions = said::subscriptions(evidence);
        Talk { evidence, channels, publications, subscriptions, by_text, told, carried_by_text }
    }

    /// The one publication with this text on a channel; nothing if there are several, or none.
    fn the_one(&self, text: &str) -> Option<&Publication<'e>> {
        match self.by_text.get(text).map(Vec::as_slice) {
            Some([place]) => self.publications.get(*place),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
