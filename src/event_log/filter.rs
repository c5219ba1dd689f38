//! Which events of a log somebody wants to see.

use super::marks::{self, Marks};
use crate::event::{Body, Event, Kind, MessageType, What};
use crate::fault::Channel;
use crate::id::{ActorId, NodeId};
use crate::time::SimTime;

/// What an event must be, all of it at once; a list that is empty asks for nothing, one with several entries for one of
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The event is about one of these nodes ([`Event::each_node`]).
    pub nodes: Vec<NodeId>,
    /// It was delivered to one of these, or one of these spoke.
    pub actors: Vec<ActorId>,
    /// Its kind.
    pub kinds: Vec<Kind>,
    /// Its statement.
    pub whats: Vec<What>,
    /// It was sent on one of these channels.
    pub channels: Vec<Channel>,
    /// It is a message of the cluster bus of one of these types.
    pub messages: Vec<MessageType>,
    /// It happened then or later.
    pub from: SimTime,
    /// It happened before that, or then if that is the end of time.
    pub to: SimTime,
}

impl Default for Filter {
    /// Wants every event.
    fn default() -> Self {
        Filter {
            nodes: Vec::new(),
            actors: Vec::new(),
            kinds: Vec::new(),
            whats: Vec::new(),
            channels: Vec::new(),
            messages: Vec::new(),
            from: SimTime::ZERO,
            to: SimTime::NEVER,
        }
    }
}

impl Filter {
    /// Whether the event is wanted.
    pub fn wants(&self, event: &Event) -> bool {
        let (channel, message) = match &event.body {
            Body::Sent { channel, bus, .. } => (Some(*channel), bus.as_ref().map(|bus| bus.r#type)),
            _ => (None, None),
        };
        event.at >= self.from
            && !self.is_past(event.at)
            && asked(&self.actors, |actor| *actor == event.actor)
            && asked(&self.kinds, |kind| *kind == event.kind)
            && asked(&self.whats, |what| *what == event.body.what())
            && asked(&self.channels, |wanted| Some(*wanted) == channel)
            && asked(&self.messages, |wanted| Some(*wanted) == message)
            && asked(&self.nodes, |node| event.is_about(*node))
    }

    /// Whether nothing at this instant or later is wanted.
    pub fn is_past(&self, at: SimTime) -> bool {
        at >= self.to && self.to != SimTime::NEVER
    }

    /// What events must speak of to be wanted.
    pub(super) fn marks(&self) -> Marks {
        Marks {
            whats: self.statements(),
            actors: bits(&self.actors, |actor| marks::actor(*actor)),
            nodes: bits(&self.nodes, |node| marks::node(*node)),
            channels: bits(&self.channels, |channel| marks::channel(*channel).into()) as u32,
            messages: bits(&self.messages, |message| marks::message(*message).into()) as u32,
        }
    }

    /// The statements whose events can be wanted; no bit if every event can.
    fn statements(&self) -> u64 {
        let sent = !(self.channels.is_empty() && self.messages.is_empty());
        let can = |what: &What| {
            asked(&self.whats, |wanted| wanted == what)
                && asked(&self.kinds, |wanted| *wanted == what.kind())
                && (!sent || *what == What::Sent)
        };
        match What::ALL.iter().all(can) {
            true => 0,
            false => What::ALL.into_iter().filter(can).fold(0, |bits, what| bits | marks::what(what)),
        }
    }
}

fn asked<T>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is)
}

fn bits<T>(wanted: &[T], bit: impl Fn(&T) -> u64) -> u64 {
    wanted.iter().fold(0, |bits, one| bits | bit(one))
}
