//! What nodes owe each other after what they were told, and did not do.
//!
//! Each part knows one rule of the server's that says what a node does next: doubt who is silent, heed a call of failure, tell
//! everybody of a victory, correct a stale claim, give up slots to a newer one, and so on. A debt is noted only against a node
//! that is known to run without a break since before the debt arose, and by what it says itself when it is due.

mod announce;
mod answer;
mod claims;
mod collide;
mod correct;
mod doubt;
mod heed;
mod outbound;
mod pause;
mod reconnect;
mod retry;
#[cfg(test)]
mod tests;
mod update;

use std::sync::Arc;

use self::announce::Announce;
use self::answer::Answer;
use self::collide::Collide;
use self::correct::Correct;
use self::doubt::Doubt;
use self::heed::Heed;
use self::outbound::Outbounds;
use self::pause::Pause;
use self::reconnect::Reconnect;
use self::retry::Retry;
use self::update::Update;
use super::bus::{Heard, Message};
use super::candidates::Candidates;
use super::members::Members;
use super::operator::Asks;
use super::service::Service;
use super::views::Views;
use crate::event::{Body, Event, MessageType};
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};
use crate::wire::server_log::Said;

/// Something that a node owed and did not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neglect {
    /// The event that shows it.
    pub event: u64,
    /// When.
    pub at: SimTime,
    /// Who.
    pub node: NodeId,
    /// Since when it owed it.
    pub since: SimTime,
    /// What.
    pub duty: Duty,
}

/// What a node owes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// To say that it doubts a node of which nobody hears anything (`clusterCron`).
    Doubt(NodeId),
    /// To call a node failing that was called so to it (`clusterProcessPacket`, `FAIL`).
    Heed(NodeId),
    /// To tell another node at once that it has won (`clusterFailoverReplaceYourPrimary`).
    Announce(NodeId),
    /// To tell a node whose claim is stale who owns its slots (`clusterSendUpdate`).
    Correct(NodeId),
    /// To claim no slot that another node claims in a newer epoch (`clusterUpdateSlotsConfigWith`).
    GiveUp(NodeId),
    /// To take a new epoch where another primary with a greater id has the same (`clusterHandleConfigEpochCollision`).
    Part(NodeId),
    /// To let its clients go on after a hand-over that came to nothing (`manualFailoverCheckTimeout`).
    Resume {
        /// When it was asked last.
        asked_at: Option<SimTime>,
    },
    /// To answer clients that write, unless it has a reason to let them wait (`pauseActions`).
    Answer,
    /// To close a connection that brings no answer, and to make another (`clusterCron`).
    Reconnect(NodeId),
    /// To ask for votes again after an election that it did not win (`clusterHandleReplicaFailover`).
    Retry {
        /// In whose place.
        of: NodeId,
        /// When it was on good terms with its primary last.
        fresh_at: Option<SimTime>,
    },
}

/// How many are kept: more tell nothing new.
const KEPT: usize = 64;

/// What the other timelines know.
#[derive(Clone, Copy)]
pub(super) struct Known<'c> {
    pub members: &'c Members,
    pub views: &'c Views,
    pub asks: &'c Asks,
    pub service: &'c Service,
    pub candidates: &'c Candidates,
}

impl Known<'_> {
    /// Since when a process runs, if it does and is not stopped.
    fn runs_since(&self, node: NodeId) -> Option<SimTime> {
        self.members.get(node).filter(|member| member.paused_at.is_none())?.started_at
    }

    /// Whether a command may have changed by an instant what a node is, or what it believes of these slots.
    fn is_by_hand(&self, node: NodeId, slots: &[(u16, u16)], by: SimTime) -> bool {
        self.asks.changed_slots(slots, by)
            || self.asks.changed_table(node, by)
            || self.asks.changed_node(node, by)
            || self.asks.changed_members()
    }

    /// Whether a process runs, and was never busy or stopped for long since an instant.
    fn is_steady(&self, node: NodeId, since: SimTime) -> bool {
        let runs = self.runs_since(node).is_some_and(|at| at < since);
        runs && self.service.steady_since(node).is_some_and(|steady| steady <= since)
    }

    /// The longest node timeout that counted so far.
    fn node_timeout(&self) -> SimDuration {
        self.asks.node_timeouts().0
    }
}

/// Everything that was neglected.
#[derive(Clone, Debug, Default)]
pub struct Duties {
    neglected: Vec<Neglect>,
    outbounds: Outbounds,
    doubt: Doubt,
    heed: Heed,
    announce: Announce,
    answer: Answer,
    correct: Correct,
    collide: Collide,
    pause: Pause,
    reconnect: Reconnect,
    retry: Retry,
    update: Update,
}

impl Duties {
    pub(super) fn see(&mut self, event: &Event) {
        self.outbounds.see(event);
        let Some(node) = event.actor.node() else {
            return;
        };
        if matches!(event.body, Body::Start { .. } | Body::Exited { .. } | Body::Pause { .. }) {
            self.doubt.changed(node, event.at);
            self.heed.forget(node);
            self.announce.forget(node);
            self.correct.forget(node);
            self.collide.forget(node);
            self.retry.forget(node);
            self.update.forget(node);
        }
    }

    /// Takes what concerns clients, after `service` did.
    pub(super) fn served(&mut self, event: &Event, known: &Known) {
        let found = self.answer.see(event, known).filter(|_| self.neglected.len() < KEPT);
        self.neglected.extend(found);
    }

    pub(super) fn logged(&mut self, at: SimTime, said: (NodeId, Said)) {
        self.answer.logged(at, said);
    }

    pub(super) fn said(&mut self, message: &Arc<Message>, known: &Known) {
        self.outbounds.said(message);
        let is_made_now = message.prompt && matches!(message.r#type, MessageType::PING | MessageType::PONG);
        let outbounds = &self.outbounds;
        let mut found = self.announce.said(message, outbounds, known);
        found.extend(self.correct.said(message, outbounds, known));
        found.extend(self.retry.said(message, known));
        self.doubt.told(message, known);
        if is_made_now {
            found.extend(self.doubt.said(message, outbounds, known));
            found.extend(self.heed.said(message, known));
            found.extend(claims::said(message, outbounds, known));
            found.extend(self.collide.said(message, known));
            found.extend(self.update.said(message, known));
            found.extend(self.pause.said(message, known));
            found.extend(self.reconnect.said(message, outbounds, known));
        }
        let room = KEPT - self.neglected.len();
        self.neglected.extend(found.into_iter().take(room));
    }

    /// Takes what was heard, before `views` do.
    pub(super) fn heard(&mut self, heard: &Heard, known: &Known) {
        self.outbounds.heard(heard);
        self.answer.heard(heard, known);
        self.doubt.heard(heard, known);
        self.heed.heard(heard, known);
        self.correct.heard(heard, known);
        self.collide.heard(heard, known);
        self.update.heard(heard, known);
        self.pause.heard(heard, known);
    }

    /// Everything that was neglected, in order.
    pub fn neglected(&self) -> &[Neglect] {
        &self.neglected
    }
}

impl Neglect {
    /// What a message shows.
    fn shown_by(message: &Message, since: SimTime, duty: Duty) -> Self {
        Neglect { event: message.event, at: message.at, node: message.from, since, duty }
    }
}
