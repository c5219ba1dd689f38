//! A liar at a node's sockets: what the node sends is altered before anybody sees it, and what clients ask before it does.
//!
//! To the log, and so to the judge, the server itself says what the liar makes of it.

mod bus;
mod client;
mod data;
mod process;
mod settings;
mod stream;

use std::collections::{BTreeMap, BTreeSet};

use crate::fault::Lie;
use crate::id::{Host, NodeId};
use crate::wire::cluster_bus::NodeName;

/// A connection of the node's.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The node's name for it.
    pub handle: u64,
    /// Who is at the other end.
    pub peer: Option<Host>,
}

/// One lie of a node, and what it needs to know for it.
#[derive(Debug)]
pub struct Liar {
    lie: Lie,
    about: Option<NodeId>,
    /// The cluster ids that the node told of, by address.
    ids: BTreeMap<NodeId, NodeName>,
    /// Connections on which it was told.
    told: BTreeSet<u64>,
    /// How often a growing lie was told, or a first number that it needs.
    count: u64,
    /// The first and the last value of each key that clients wrote.
    values: BTreeMap<Vec<u8>, [Vec<u8>; 2]>,
    state: State,
}

/// Whether anybody was lied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Honest,
    Lied,
    Reported,
}

impl Liar {
    /// Somebody who will lie.
    pub fn new(lie: Lie, about: Option<NodeId>) -> Self {
        Liar {
            lie,
            about,
            ids: BTreeMap::new(),
            told: BTreeSet::new(),
            count: 0,
            values: BTreeMap::new(),
            state: State::Honest,
        }
    }

    /// The lie, once it was told for the first time.
    pub fn news(&mut self) -> Option<Lie> {
        let is_new = self.state == State::Lied;
        if is_new {
            self.state = State::Reported;
        }
        is_new.then_some(self.lie)
    }

    /// It lied with this.
    fn lied<T>(&mut self, with: T) -> T {
        if self.state == State::Honest {
            self.state = State::Lied;
        }
        with
    }

    /// What goes out in the place of a message of the bus; nothing if the liar lets it be.
    pub fn message(&mut self, place: Place, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        let out = self.on_bus(place, bytes)?;
        Some(self.lied(out))
    }

    /// What goes out in the place of other bytes; nothing if the liar lets them be.
    pub fn sent(&mut self, place: Place, bytes: &[u8]) -> Option<Vec<u8>> {
        let out = match place.peer {
            Some(Host::Node(_)) => self.tells_node(bytes),
            Some(Host::Validator) => {
                self.tells_validator(bytes).or_else(|| self.keeps_done(place.handle, bytes))
            }
            Some(Host::Client(_)) => self.tells_client(bytes),
            _ => None,
        }?;
        Some(self.lied(out))
    }

    /// What reaches the server in the place of what was sent to it; nothing if the liar lets it be.
    pub fn arrives(&mut self, place: Place, bytes: &[u8]) -> Option<Vec<u8>> {
        let out = match place.peer? {
            Host::Client(_) => self.asked(bytes),
            Host::Validator => self.sets(place.handle, bytes),
            _ => None,
        }?;
        Some(self.lied(out))
    }
}

#[cfg(test)]
mod tests;
