//! Messages of the cluster bus: whole again as they were sent, and who heard which of them when.
//!
//! The log tells of a sender only what is new, so what a process said before is kept here. The bytes of a connection never
//! overtake each other, so what is delivered is the oldest that is under way; the event that caused the delivery says
//! which, unless a cut held it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::event::{Body, BusSummary, Claim, Event, Gossiped, MessageType, Published};
use crate::fault::Channel;
use crate::id::{ActorId, Host, NodeId};
use crate::op::share_slots;
use crate::time::{SimDuration, SimTime};

/// One message of the cluster bus, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The event that tells of it.
    pub event: u64,
    /// When it was sent.
    pub at: SimTime,
    /// Who sent it.
    pub from: NodeId,
    /// Whom to.
    pub to: NodeId,
    /// The connection that it went through.
    pub conn: u64,
    /// It was made when it was sent: the connection had carried something of its sender's at an earlier instant. What waits for a
    /// connection goes out with its first word.
    pub prompt: bool,
    /// How long what it answers had waited to be read; nothing if it answers nothing.
    pub waited: SimDuration,
    /// Its type.
    pub r#type: MessageType,
    /// What its sender said of itself; absent if the header is a light one, or the log is too old to tell.
    pub header: Option<Header>,
    /// The cluster id that a FAIL or UPDATE is about.
    pub about: Option<String>,
    /// What it says of nodes that its sender doubts, or has doubted.
    pub gossip: Vec<Gossiped>,
    /// The message of a channel that it carries.
    pub published: Option<Published>,
}

/// What a full header says of its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who it is: role, primary, slots and state.
    pub claim: Arc<Claim>,
    /// The highest epoch that it knows.
    pub current_epoch: u64,
    /// The epoch of its slots, or of its primary's.
    pub config_epoch: u64,
    /// Its replication offset.
    pub offset: u64,
    /// It has stopped its clients for a hand-over.
    pub paused: bool,
    /// It asks for a vote although its primary may be well.
    pub forced: bool,
}

impl Header {
    /// Whether its sender claims any of these slots in an epoch above this one.
    pub fn outranks(&self, config_epoch: u64, slots: &[(u16, u16)]) -> bool {
        self.config_epoch > config_epoch && self.claim.owns_slots() && share_slots(&self.claim.slots, slots)
    }
}

impl Message {
    /// Whether who hears it takes slots for its sender: an UPDATE by the owner itself raises its epoch, and no more
    /// (`clusterProcessPacket` calls it nothing new then).
    pub fn tells_slots(&self) -> bool {
        matches!(self.r#type, MessageType::PING | MessageType::PONG | MessageType::MEET)
    }
}

/// A message that reached the node it was sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The event that delivered it.
    pub event: u64,
    /// When it was delivered. A process that is stopped reads it later.
    pub at: SimTime,
    /// The message.
    pub message: Arc<Message>,
}

/// What is under way, and what processes said last.
#[derive(Clone, Debug, Default)]
pub(super) struct Bus {
    /// Connections, by number.
    ends: BTreeMap<u64, Ends>,
    said: BTreeMap<NodeId, Said>,
}

/// The ends of a connection that are not closed, and have sent or got something.
#[derive(Clone, Debug, Default)]
struct Ends(Vec<(NodeId, End)>);

/// A node's end of a connection.
#[derive(Clone, Debug, Default)]
struct End {
    /// What is under way to it.
    under_way: VecDeque<UnderWay>,
    /// When it sent something for the first time.
    opened_at: Option<SimTime>,
    /// What was delivered to it last: the event, and when.
    delivered: Option<(u64, SimTime)>,
}

#[derive(Clone, Debug)]
struct UnderWay {
    event: u64,
    /// How many of its bytes have not arrived; the network may deliver it in pieces.
    left: u64,
    /// Nothing if the bytes are no message.
    message: Option<Arc<Message>>,
}

/// What a process said of itself last.
#[derive(Clone, Debug, Default)]
struct Said {
    claim: Option<Arc<Claim>>,
    offset: u64,
}

impl Ends {
    fn find(&mut self, node: NodeId) -> Option<&mut End> {
        self.0.iter_mut().find(|(of, _)| *of == node).map(|(_, end)| end)
    }

    fn of(&mut self, node: NodeId) -> &mut End {
        let place = self.0.iter().position(|(of, _)| *of == node).unwrap_or_else(|| {
            self.0.push((node, End::default()));
            self.0.len() - 1
        });
        &mut self.0[place].1
    }
}

impl Bus {
    /// The message that an event says was sent.
    pub fn sent(&mut self, event: &Event) -> Option<Arc<Message>> {
        match &event.body {
            Body::Sent { from: ActorId::Node(from), conn, channel: Channel::Bus, to, len, bus, .. } => {
                let Host::Node(to) = *to else { return None };
                let ends = self.ends.entry(*conn).or_default();
                let said = &mut self.said;
                let way = (*from, to, *conn);
                let message =
                    bus.as_ref().map(|bus| Arc::new(message(said, event, (way, ends.of(*from)), bus)));
                let under_way = UnderWay { event: event.i, left: *len, message: message.clone() };
                ends.of(to).under_way.push_back(under_way);
                message
            }
            Body::Ruled { conn, to, act, .. } if act.loses() => {
                self.lost((*conn, *to), event.cause);
                None
            }
            Body::Closed { from: ActorId::Node(node), conn, .. } => {
                // What was on its way to whoever is gone arrives nowhere.
                if let Some(ends) = self.ends.get_mut(conn) {
                    ends.0.retain(|(of, _)| of != node);
                    if ends.0.is_empty() {
                        self.ends.remove(conn);
                    }
                }
                None
            }
            Body::Start { .. } => {
                self.said.extend(event.actor.node().map(|node| (node, Said::default())));
                None
            }
            _ => None,
        }
    }

    /// A rule made away with the message that an event says was sent.
    fn lost(&mut self, (conn, to): (u64, NodeId), event: Option<u64>) {
        if let Some(end) = self.ends.get_mut(&conn).and_then(|ends| ends.find(to)) {
            end.under_way.retain(|under_way| Some(under_way.event) != event);
        }
    }

    /// The message that an event says was delivered.
    pub fn delivered(&mut self, event: &Event) -> Option<Heard> {
        let (Body::Deliver { conn, len }, ActorId::Node(node)) = (&event.body, event.actor) else {
            return None;
        };
        let end = self.ends.get_mut(conn)?.find(node)?;
        let queue = &mut end.under_way;
        let caused = queue.iter().position(|under_way| Some(under_way.event) == event.cause);
        // What a cut held is caused by the attempt that got through. What a dead process had not got out is gone.
        let found = caused.or_else(|| queue.iter().position(|under_way| under_way.left >= *len))?;
        queue.drain(..found);
        let front = queue.front_mut()?;
        front.left = front.left.saturating_sub(*len);
        let whole = front.left == 0;
        let message = whole.then(|| queue.pop_front()).flatten()?.message?;
        end.delivered = Some((event.i, event.at));
        Some(Heard { event: event.i, at: event.at, message })
    }
}

/// The message that an end of a connection sends to the other one.
fn message(
    said: &mut BTreeMap<NodeId, Said>,
    event: &Event,
    ((from, to, conn), end): ((NodeId, NodeId, u64), &mut End),
    bus: &BusSummary,
) -> Message {
    let asked = end.delivered.filter(|(asked, _)| Some(*asked) == event.cause);
    Message {
        event: event.i,
        at: event.at,
        from,
        to,
        conn,
        prompt: *end.opened_at.get_or_insert(event.at) < event.at,
        waited: asked.map_or(SimDuration::ZERO, |(_, asked_at)| event.at.since(asked_at)),
        r#type: bus.r#type,
        header: said.entry(from).or_default().header(bus),
        about: bus.about.clone(),
        gossip: bus.gossip.clone(),
        published: bus.published.as_deref().cloned(),
    }
}

impl Said {
    /// The header of the next message.
    fn header(&mut self, bus: &BusSummary) -> Option<Header> {
        let (current_epoch, config_epoch) = (bus.current_epoch?, bus.config_epoch?);
        if let Some(claim) = &bus.claim {
            self.claim = Some(Arc::new((**claim).clone()));
        }
        self.offset = bus.offset.unwrap_or(self.offset);
        Some(Header {
            claim: self.claim.clone()?,
            current_epoch,
            config_epoch,
            offset: self.offset,
            paused: bus.paused == Some(true),
            forced: bus.forced == Some(true),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);

    fn event(i: u64, actor: ActorId, cause: Option<u64>, body: Body) -> Event {
        Event { i, at: SimTime::from_ns(i), actor, kind: Kind::Observation, cause, body }
    }

    fn ping(claim: Option<Claim>, offset: Option<u64>) -> BusSummary {
        let claim = claim.map(Box::new);
        BusSummary {
            current_epoch: Some(3),
            config_epoch: Some(2),
            claim,
            offset,
            ..BusSummary::of_type(MessageType::PING)
        }
    }

    fn sent(i: u64, bus: Option<BusSummary>) -> Event {
        let (from, to, channel) = (ActorId::Node(A), Host::Node(B), Channel::Bus);
        let digest = String::new();
        event(
            i,
            ActorId::Network,
            None,
            Body::Sent { from, conn: 7, channel, to, len: i, digest, bus: bus.map(Box::new), repl: None },
        )
    }

    fn delivered(i: u64, cause: u64, len: u64) -> Event {
        event(i, ActorId::Node(B), Some(cause), Body::Deliver { conn: 7, len })
    }

    fn claim() -> Claim {
        Claim { id: "a".repeat(40), flags: 1, of: None, slots: vec![(0, 9)], ok: true }
    }

    #[test]
    fn what_was_said_once_holds_until_something_else_is_said() {
        let mut bus = Bus::default();
        let first = bus.sent(&sent(1, Some(ping(Some(claim()), Some(5))))).expect("a message");
        let again = bus.sent(&sent(2, Some(ping(None, None)))).expect("a message");
        assert_eq!((first.prompt, again.prompt), (false, true));
        let waited = Event { at: first.at, ..sent(2, Some(ping(None, None))) };
        let (mut fresh, open) = (Bus::default(), sent(1, Some(ping(Some(claim()), None))));
        let waited = fresh.sent(&open).and_then(|_| fresh.sent(&waited)).expect("a message");
        assert!(!waited.prompt, "it went out with the first");
        assert_eq!((&again.header, again.header.as_ref().map(|h| h.offset)), (&first.header, Some(5)));
        bus.sent(&event(3, ActorId::Node(A), None, Body::Start { incarnation: 2 }));
        let fresh = bus.sent(&sent(4, Some(ping(None, None)))).expect("a message");
        assert_eq!(fresh.header, None);
    }

    #[test]
    fn what_is_delivered_is_what_caused_it_or_the_oldest_of_its_length() {
        let mut bus = Bus::default();
        (1..=4).for_each(|i| drop(bus.sent(&sent(i, Some(ping(Some(claim()), None))))));
        let mut heard =
            |cause, len| bus.delivered(&delivered(9, cause, len)).map(|heard| heard.message.event);
        assert_eq!(heard(1, 1), Some(1));
        assert_eq!((heard(8, 3), heard(2, 2)), (Some(3), None));
        assert_eq!((heard(4, 1), heard(4, 3)), (None, Some(4)), "it comes in two pieces");
    }

    #[test]
    fn an_answer_tells_how_long_what_it_answers_had_waited() {
        let mut bus = Bus::default();
        bus.sent(&sent(1, Some(ping(Some(claim()), None))));
        bus.delivered(&delivered(9, 1, 1)).expect("a message");
        let answer = |i, cause| {
            let Event { body: Body::Sent { len, digest, bus, .. }, .. } =
                sent(i, Some(ping(Some(claim()), None)))
            else {
                panic!("something is sent");
            };
            let (from, to, channel) = (ActorId::Node(B), Host::Node(A), Channel::Bus);
            let body = Body::Sent { from, conn: 7, channel, to, len, digest, bus, repl: None };
            event(i, ActorId::Network, cause, body)
        };
        let mut waited = |i, cause| bus.sent(&answer(i, cause)).expect("a message").waited.as_ns();
        assert_eq!((waited(19, Some(9)), waited(20, Some(8)), waited(21, None)), (10, 0, 0));
    }
}
