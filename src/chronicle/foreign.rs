//! Clients that were served about a slot by a node that neither had it nor followed who had.
//!
//! A node's headers on the bus say which slots it has, or its primary. Who served a slot that its last header before the question
//! lacks, and the next header too, had no right to, unless the client had been sent to it with `ASK`.

use std::collections::BTreeMap;

use super::bus::Message;
use super::members::Members;
use crate::event::{Body, Claim, Event};
use crate::history::{Outcome, Reply, Request};
use crate::id::{ActorId, ClientId, NodeId};
use crate::model;
use crate::time::SimTime;
use crate::wire::resp::key_slot;

/// How many are kept: more tell nothing new.
const KEPT: usize = 64;

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
}

/// Such answers of a run.
#[derive(Clone, Debug, Default)]
pub struct Foreign {
    open: BTreeMap<ClientId, Open>,
    /// Answers of nodes whose last header lacks the slot; their next one decides.
    doubtful: BTreeMap<NodeId, Vec<Served>>,
    served: Vec<Served>,
}

/// What a client waits for.
#[derive(Clone, Debug)]
struct Open {
    at: SimTime,
    slot: u16,
    request: Request,
    /// Whom it was sent to this once.
    sent_to: Option<NodeId>,
}

impl Foreign {
    pub(super) fn see(&mut self, event: &Event, members: &Members) {
        let ActorId::Client(client) = event.actor else { return };
        match &event.body {
            Body::Invoke { request, .. } if !request.key().is_empty() => {
                let (at, slot, request) = (event.at, key_slot(request.key().as_bytes()), request.clone());
                self.open.insert(client, Open { at, slot, request, sent_to: None });
            }
            Body::Redirect { to, ask, .. } => {
                let sent_to = ask.then_some(*to);
                self.open.get_mut(&client).into_iter().for_each(|open| open.sent_to = sent_to);
            }
            Body::Complete { outcome, node, .. } => {
                let open = self.open.remove(&client);
                if let Some((open, node)) =
                    open.zip(*node).filter(|(open, _)| is_served(&open.request, outcome))
                {
                    let served = Served { at: event.at, event: event.i, client, node, slot: open.slot };
                    self.serve(served, &open, members);
                }
            }
            _ => {}
        }
    }

    fn serve(&mut self, served: Served, open: &Open, members: &Members) {
        let last = members.get(served.node).and_then(|member| member.last.as_ref());
        let lacked = last.filter(|last| last.at < open.at).and_then(|last| last.header.as_ref());
        let lacks = lacked.is_some_and(|header| !has(&header.claim, served.slot));
        let doubtful = self.doubtful.entry(served.node).or_default();
        if lacks && open.sent_to != Some(served.node) && doubtful.len() < KEPT {
            doubtful.push(served);
        }
    }

    pub(super) fn said(&mut self, message: &Message) {
        let Some(header) = &message.header else { return };
        let doubtful = self.doubtful.get_mut(&message.from).map(std::mem::take).unwrap_or_default();
        let wrong = doubtful.into_iter().filter(|served| !has(&header.claim, served.slot));
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

/// Whether an operation was answered with what a key holds, or with a write of it.
fn is_served(request: &Request, outcome: &Outcome) -> bool {
    match (request, outcome) {
        (_, Outcome::Ok(_)) => true,
        (Request::Call { commands, .. }, Outcome::Replied(replies)) => {
            let serves = |(command, reply): (&Vec<String>, &Reply)| match reply {
                Reply::Error(_) => false,
                Reply::Status(status) if status == "QUEUED" => false,
                Reply::List(_) if command[0].eq_ignore_ascii_case("EXEC") => true,
                _ => model::is_of_key(command),
            };
            commands.iter().zip(replies).any(serves)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Chronicle;
    use super::super::sample::{Says, event, message};
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
}
