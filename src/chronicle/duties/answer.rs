//! A server that clients write to answers them, unless it has stopped them for something that it may stop them for
//! (`pauseActions`): a hand-over, the end of an atomic slot migration, `CLIENT PAUSE`, or its own end.
//!
//! Clients give an attempt up after a while and try again, so that silence is a node's, not a connection's: writes keep arriving, and
//! none is answered.

use std::collections::BTreeMap;

use super::{Duty, Known, Neglect};
use crate::chronicle::bus::Heard;
use crate::chronicle::handover::HAND_OVER_TIMEOUT;
use crate::chronicle::service::only_reads;
use crate::event::{Body, Event, MessageType};
use crate::history::{OpenOperations, Request};
use crate::id::{ActorId, ClientId, NodeId};
use crate::model;
use crate::time::{SimDuration, SimTime};
use crate::wire::server_log::Said;

/// How long nobody may be answered without a reason: more than a turn of any work that is not a pause.
const PATIENCE: SimDuration = SimDuration::from_secs(4);
/// Whoever is not asked for so long is silent no more.
const LULL: SimDuration = SimDuration::from_ms(2_500);

/// Who writes where, and who is silent.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// Clients whose operation is a write that does not wait by itself.
    writing: OpenOperations<()>,
    clients: BTreeMap<u64, ClientId>,
    /// Connections over which a write has reached a node and no answer has left it.
    open: BTreeMap<u64, NodeId>,
    silences: BTreeMap<NodeId, Silence>,
    pauses: BTreeMap<NodeId, Pauses>,
    /// A client said what the model does not know, which may stop all the others.
    is_strange: bool,
}

#[derive(Clone, Copy, Debug)]
struct Silence {
    since: SimTime,
    asked_at: SimTime,
    is_noted: bool,
}

/// Why a process may have stopped its clients.
#[derive(Clone, Copy, Debug, Default)]
struct Pauses {
    /// Jobs of atomic slot migration at whose end it has stopped them.
    jobs: u32,
    /// It has stopped them until then at most.
    until: SimTime,
    is_ending: bool,
}

impl Answer {
    /// Takes an event, after `service` did.
    pub fn see(&mut self, event: &Event, known: &Known) -> Option<Neglect> {
        match (event.actor, &event.body) {
            (ActorId::Client(client), Body::Invoke { sequence, request }) => {
                self.is_strange |= is_strange(request);
                if only_reads(request) == Some(false) && !waits(request) {
                    self.writing.begin((client, *sequence), ());
                }
            }
            (ActorId::Client(client), Body::Complete { sequence, .. }) => {
                self.writing.end((client, *sequence));
            }
            (_, Body::Sent { from: ActorId::Client(client), conn, .. }) => {
                self.clients.insert(*conn, *client);
            }
            (_, Body::Sent { from: ActorId::Node(node), conn, .. }) if self.open.contains_key(conn) => {
                self.open.remove(conn);
                self.silences.remove(node);
            }
            (_, Body::Closed { conn, .. }) => {
                self.open.remove(conn);
                self.clients.remove(conn);
            }
            (ActorId::Node(node), Body::Deliver { conn, .. }) => {
                let client = self.clients.get(conn)?;
                if self.writing.of(*client).is_some() {
                    self.open.insert(*conn, node);
                    return self.asked(event, node, known);
                }
            }
            (ActorId::Node(node), Body::Signal { .. }) => {
                self.pauses.entry(node).or_default().is_ending = true;
            }
            (ActorId::Node(node), Body::Start { .. }) => {
                self.pauses.remove(&node);
                self.silences.remove(&node);
            }
            _ => {}
        }
        None
    }

    /// A primary that is asked to hand over stops its clients.
    pub fn heard(&mut self, heard: &Heard, known: &Known) {
        if heard.message.r#type == MessageType::MFSTART {
            let timeout = known.asks.hand_over_timeout().max(HAND_OVER_TIMEOUT);
            self.stopped(heard.message.to, heard.at + timeout);
        }
    }

    pub fn logged(&mut self, at: SimTime, (node, said): (NodeId, Said)) {
        let Said::MigrationState(state) = said else { return };
        let pauses = self.pauses.entry(node).or_default();
        match state {
            "failover-paused" => pauses.jobs += 1,
            "success" | "failed" | "cancelled" => {
                pauses.jobs = pauses.jobs.saturating_sub(1);
                self.stopped(node, at);
            }
            _ => {}
        }
    }

    fn stopped(&mut self, node: NodeId, until: SimTime) {
        let pauses = self.pauses.entry(node).or_default();
        pauses.until = pauses.until.max(until);
    }

    /// A write reaches a node.
    fn asked(&mut self, event: &Event, node: NodeId, known: &Known) -> Option<Neglect> {
        let at = event.at;
        let fresh = Silence { since: at, asked_at: at, is_noted: false };
        let silence = self.silences.entry(node).or_insert(fresh);
        if at.since(silence.asked_at) > LULL {
            *silence = fresh;
        }
        silence.asked_at = at;
        let pauses = self.pauses.get(&node).copied().unwrap_or_default();
        let stopped_until = known.asks.stops_clients_until(node, at).max(pauses.until);
        let since = silence.since.max(stopped_until);
        let may_stop = self.is_strange || pauses.jobs > 0 || pauses.is_ending || since > at;
        if silence.is_noted || may_stop || at.since(since) <= PATIENCE || !known.is_steady(node, since) {
            return None;
        }
        silence.is_noted = true;
        Some(Neglect { event: event.i, at, node, since, duty: Duty::Answer })
    }
}

fn is_strange(request: &Request) -> bool {
    let is_known = |command: &Vec<String>| command.first().is_some_and(|name| model::rule(name).is_some());
    matches!(request, Request::Call { commands, .. } if !commands.iter().all(is_known))
}

fn waits(request: &Request) -> bool {
    matches!(request, Request::Call { commands, .. } if commands.iter().any(|command| model::waits(command)))
}
