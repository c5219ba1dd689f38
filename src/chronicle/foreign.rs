//! Clients that were served about a slot by a node that neither had it nor followed who had, or that was giving it away.
//!
//! A node's headers on the bus say which slots it has, or its primary. Who served a slot that its last header before the question
//! lacks, and the next header too, had no right to, unless the client had been sent to it with `ASK`. Who has opened a slot to give
//! it away, as its log says, sends a client with `ASK` after each key that it does not have, and never says that there is none
//! (`getNodeByQuery`).

use std::collections::BTreeMap;

use super::bus::Message;
use super::members::Members;
use crate::event::{Body, Claim, Event};
use crate::history::{Outcome, Reply, Request};
use crate::id::{ActorId, ClientId, NodeId};
use crate::model;
use crate::time::SimTime;
use crate::wire::resp::key_slot;
use crate::wire::server_log::Said;

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
    /// It had the slot, and was giving it away: the client was told that there is no such key.
    pub gives_away: bool,
}

impl Served {
    /// Whether who says this of itself may not answer so.
    fn is_wrong(&self, claim: &Claim) -> bool {
        let has = has(claim, self.slot);
        if self.gives_away { claim.is_primary() && has } else { !has }
    }
}

/// Such answers of a run.
#[derive(Clone, Debug, Default)]
pub struct Foreign {
    open: BTreeMap<ClientId, Open>,
    /// Answers of nodes whose last header lacks the slot; their next one decides.
    doubtful: BTreeMap<NodeId, Vec<Served>>,
    served: Vec<Served>,
    /// Slots that nodes have opened to give them away, and when.
    opened: BTreeMap<(NodeId, u16), SimTime>,
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
    /// Takes what a server's log says.
    pub(super) fn logged(&mut self, at: SimTime, (node, said): (NodeId, Said)) {
        match said {
            Said::Migrates(slot) => {
                self.opened.insert((node, slot), at);
            }
            Said::Imports(slot) | Said::Assigned(slot) => {
                self.opened.remove(&(node, slot));
            }
            _ => {}
        }
    }

    pub(super) fn see(&mut self, event: &Event, members: &Members) {
        if let (ActorId::Node(node), Body::Start { .. }) = (event.actor, &event.body) {
            self.opened.retain(|(opened, _), _| *opened != node);
        }
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
                    let gives_away = is_missing(&open.request, outcome)
                        && self.opened.get(&(node, open.slot)).is_some_and(|since| *since < open.at);
                    let served =
                        Served { at: event.at, event: event.i, client, node, slot: open.slot, gives_away };
                    self.serve(served, &open, members);
                }
            }
            _ => {}
        }
    }

    fn serve(&mut self, served: Served, open: &Open, members: &Members) {
        let last = members.get(served.node).and_then(|member| member.last.as_ref());
        let known = last.filter(|last| last.at < open.at).and_then(|last| last.header.as_ref());
        let is_wrong = known.is_some_and(|header| served.is_wrong(&header.claim));
        let doubtful = self.doubtful.entry(served.node).or_default();
        if is_wrong && open.sent_to != Some(served.node) && doubtful.len() < KEPT {
            doubtful.push(served);
        }
    }

    pub(super) fn said(&mut self, message: &Message) {
        let Some(header) = &message.header else { return };
        let doubtful = self.doubtful.get_mut(&message.from).map(std::mem::take).unwrap_or_default();
        let wrong = doubtful.into_iter().filter(|served| served.is_wrong(&header.claim));
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

/// Whether an operation about one key was answered with that there is none.
fn is_missing(request: &Request, outcome: &Outcome) -> bool {
    match (request, outcome) {
        (Request::Get { .. }, Outcome::Ok(None)) => true,
        (Request::Call { commands, .. }, Outcome::Replied(replies)) => match (&commands[..], &replies[..]) {
            ([command], [reply]) => match (command[0].to_ascii_uppercase().as_str(), command.len()) {
                ("GET", 2) => *reply == Reply::Nil,
                ("EXISTS", 2) => *reply == Reply::Int(0),
                ("TYPE", 2) => *reply == Reply::Status("none".to_owned()),
                _ => false,
            },
            _ => false,
        },
        _ => false,
    }
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

    /// Node 1 has the slot of `k`, opens it to give it away or does not, and says that there is no `k`.
    fn denied(said: &[Said], after: &Says) -> Vec<bool> {
        let mut chronicle = Chronicle::new(&healthy().plan);
        chronicle.take(message(Says::primary(1, 1, (0, 16_383)), 2, 1));
        let node = NodeId(1);
        said.iter().for_each(|said| chronicle.foreign.logged(crate::chronicle::sample::at(1), (node, *said)));
        let ask = Body::Invoke { sequence: 1, request: Request::Get { key: "k".to_owned() } };
        chronicle.see(&event(2, CLIENT, ask));
        let told = Body::Complete { sequence: 1, outcome: Outcome::Ok(None), node: Some(node) };
        chronicle.see(&event(3, CLIENT, told));
        chronicle.take(message(after.clone(), 2, 4));
        chronicle.foreign.served().iter().map(|served| served.gives_away).collect()
    }

    #[test]
    fn who_gives_a_slot_away_never_says_that_a_key_is_not_there() {
        let (leads, follows) = (Says::primary(1, 1, (0, 16_383)), Says::replica(1, 2));
        let opens = Said::Migrates(slot());
        assert_eq!(denied(&[opens], &leads), [true]);
        assert_eq!(denied(&[], &leads), [false; 0]);
        assert_eq!(denied(&[opens, Said::Assigned(slot())], &leads), [false; 0]);
        assert_eq!(denied(&[opens], &follows), [false; 0]);
        assert!(!is_missing(&Request::Get { key: "k".to_owned() }, &Outcome::Ok(Some("v".to_owned()))));
    }
}
