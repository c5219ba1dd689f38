//! Epochs of nodes as their headers tell them: whether one ever goes back, or a config epoch is above the current one.
//!
//! A connection carries headers in the order in which they were made, and none that was made before it was dialled. So a
//! header is held against what its sender had said when the connection was dialled, and what it said there since. What a
//! process only heard of is not on disk: a restart is held against what it stood, voted or owned slots with
//! (`clusterLoadConfig`, `CLUSTER_TODO_SAVE_CONFIG`).

use std::collections::BTreeMap;

use super::bus::{Header, Message};
use crate::event::{Body, Event, MessageType, Told};
use crate::id::{ActorId, BUS_PORT, NodeId};
use crate::op::OpId;
use crate::time::SimTime;

/// Something that an epoch must not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// The event that shows it.
    pub event: u64,
    /// When.
    pub at: SimTime,
    /// Whose epoch.
    pub node: NodeId,
    /// What it did.
    pub what: Wrong,
}

/// What is wrong with an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The current epoch went back.
    Current { from: u64, to: u64 },
    /// The config epoch of a primary with slots went back.
    Config { from: u64, to: u64 },
    /// A node claims a config epoch above the highest epoch that it says it knows.
    Above { config: u64, current: u64 },
}

/// How many setbacks are kept: more tell nothing new.
const KEPT: usize = 64;

/// Every setback.
#[derive(Clone, Debug, Default)]
pub struct Epochs {
    setbacks: Vec<Setback>,
    said: BTreeMap<NodeId, Said>,
    /// What copies of data directories have of that.
    copied: BTreeMap<OpId, Option<Said>>,
    /// What a sender had said at least when a header on this connection was made.
    floors: BTreeMap<(u64, NodeId), Known>,
}

/// What a node said under its cluster id.
#[derive(Clone, Debug, Default)]
struct Said {
    id: String,
    /// The highest of this process.
    known: Known,
    /// What a restart must not forget.
    saved: Known,
    /// When it asked for votes last, and in which epoch.
    asked: (SimTime, u64),
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    current: u64,
    /// As a primary with slots.
    config: u64,
}

impl Known {
    fn max(self, other: Known) -> Known {
        Known { current: self.current.max(other.current), config: self.config.max(other.config) }
    }
}

impl Epochs {
    pub(super) fn see(&mut self, event: &Event) {
        match &event.body {
            Body::Start { .. } => {
                if let Some(said) = event.actor.node().and_then(|node| self.said.get_mut(&node)) {
                    said.known = said.saved;
                }
            }
            Body::Tell { message: Told::KeepCopy { op } } => {
                let said = event.actor.node().and_then(|node| self.said.get(&node).cloned());
                self.copied.insert(*op, said);
            }
            Body::Tell { message: Told::PutBack { op } } => self.put_back(event.actor.node(), *op),
            Body::Dial { from, conn, to, port: BUS_PORT } => {
                let ends = [from.node(), to.node()].into_iter().flatten();
                let known = ends.filter_map(|node| Some(((*conn, node), self.said.get(&node)?.known)));
                self.floors.extend(known);
            }
            // The other end may write to it until it knows.
            Body::Closed { from: ActorId::Node(node), conn, .. } => {
                self.floors.remove(&(*conn, *node));
            }
            _ => {}
        }
    }

    /// A node's disk has what it had when a copy was made.
    fn put_back(&mut self, node: Option<NodeId>, op: OpId) {
        let Some(node) = node else { return };
        match self.copied.get(&op).cloned().flatten() {
            Some(said) => drop(self.said.insert(node, said)),
            None => drop(self.said.remove(&node)),
        }
    }

    pub(super) fn said(&mut self, message: &Message) {
        let Some(header) = &message.header else {
            return;
        };
        let said = self.said.entry(message.from).or_default();
        if said.id != header.claim.id {
            // A node that was reset is another one.
            *said = Said { id: header.claim.id.clone(), ..Said::default() };
            self.floors.retain(|(_, node), _| *node != message.from);
        }
        // What it asks with is saved after it was asked, before it does anything else (`clusterBeforeSleep`).
        let (asked_at, epoch) = said.asked;
        if message.at > asked_at {
            said.saved.current = said.saved.current.max(epoch);
        }
        if message.r#type == MessageType::FAILOVER_AUTH_REQUEST {
            said.asked = (message.at, header.current_epoch);
        }
        let floor = self.floors.entry((message.conn, message.from)).or_insert(said.saved);
        let now = known(header);
        let wrong = wrong(*floor, header);
        *floor = floor.max(now);
        said.known = said.known.max(now);
        said.saved = said.saved.max(saved(message.r#type, header));
        if let Some(what) = wrong.filter(|_| self.setbacks.len() < KEPT) {
            self.setbacks.push(Setback { event: message.event, at: message.at, node: message.from, what });
        }
    }

    /// Every setback, in order.
    pub fn setbacks(&self) -> &[Setback] {
        &self.setbacks
    }
}

fn known(header: &Header) -> Known {
    let config = if header.claim.owns_slots() { header.config_epoch } else { 0 };
    Known { current: header.current_epoch, config }
}

/// What is on disk before the header is sent.
fn saved(r#type: MessageType, header: &Header) -> Known {
    let own = known(header).config;
    let votes = r#type == MessageType::FAILOVER_AUTH_ACK;
    Known { current: if votes { header.current_epoch } else { own }, config: own }
}

fn wrong(floor: Known, header: &Header) -> Option<Wrong> {
    let (current, config) = (header.current_epoch, header.config_epoch);
    if config > current {
        return Some(Wrong::Above { config, current });
    }
    if current < floor.current {
        return Some(Wrong::Current { from: floor.current, to: current });
    }
    let back = header.claim.owns_slots() && config < floor.config;
    back.then_some(Wrong::Config { from: floor.config, to: config })
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Says, at, event, message, of_type};
    use super::*;
    use crate::id::Host;

    fn epochs(events: &[(Says, u64)]) -> Vec<Wrong> {
        let mut epochs = Epochs::default();
        events.iter().for_each(|(says, s)| epochs.said(&message(says.clone(), 9, *s)));
        epochs.setbacks().iter().map(|setback| setback.what).collect()
    }

    fn primary(config: u64, current: u64) -> Says {
        Says { epochs: (current, config), ..Says::primary(1, config, (0, 9)) }
    }

    #[test]
    fn an_epoch_that_goes_back_on_a_connection_is_seen() {
        assert_eq!(epochs(&[(primary(2, 5), 1), (primary(2, 5), 2), (primary(6, 6), 3)]), []);
        assert_eq!(epochs(&[(primary(2, 5), 1), (primary(2, 4), 2)]), [Wrong::Current { from: 5, to: 4 }]);
        assert_eq!(epochs(&[(primary(3, 5), 1), (primary(2, 5), 2)]), [Wrong::Config { from: 3, to: 2 }]);
        assert_eq!(epochs(&[(primary(6, 5), 1)]), [Wrong::Above { config: 6, current: 5 }]);
    }

    #[test]
    fn a_replica_tells_its_primarys_epoch_and_another_id_is_another_node() {
        let replica = Says { epochs: (5, 1), ..Says::replica(1, 2) };
        assert_eq!(epochs(&[(primary(3, 5), 1), (replica, 2)]), []);
        let reset = Says { id: "f".repeat(40), ..primary(0, 0) };
        assert_eq!(epochs(&[(primary(3, 5), 1), (reset, 2)]), []);
    }

    /// A restart after a last word, then a first word on a new connection.
    fn restarted(last: &Message, first: Says) -> usize {
        let mut epochs = Epochs::default();
        epochs.said(last);
        epochs.see(&event(5, ActorId::Node(NodeId(1)), Body::Start { incarnation: 2 }));
        let to = Host::Node(NodeId(9));
        epochs.see(&event(
            6,
            ActorId::Network,
            Body::Dial { from: ActorId::Node(NodeId(1)), conn: 70, to, port: BUS_PORT },
        ));
        epochs.said(&Message { conn: 70, at: at(7), ..message(first, 9, 7) });
        epochs.setbacks().len()
    }

    #[test]
    fn a_restart_forgets_what_was_only_heard_and_nothing_that_was_voted() {
        let heard = message(primary(2, 8), 9, 1);
        assert_eq!(restarted(&heard, primary(2, 7)), 0);
        let voted = of_type(MessageType::FAILOVER_AUTH_ACK, primary(2, 8), 9, 1);
        assert_eq!(restarted(&voted, primary(2, 7)), 1);
        assert_eq!(restarted(&heard, primary(1, 8)), 1);
    }
}
