//! The connections of a client: those over which it asks, those with which it listens, and those over which it reads what it keeps.
//!
//! The last speak the third version of the protocol, whatever the others do, and say first that they want to be told of what changes:
//! half of the clients of all keys that begin as tracked ones do, the others of those that they read. On one that is new nothing is
//! tracked, so nothing that was read over another one is kept; and one that a node refuses to track is given up.

use super::ears::{self, Ears};
use crate::actor::Out;
use crate::actor::session::Sessions;
use crate::id::{ActorId, ClientId};
use crate::model::{self, TRACKED};

/// Handles above this are of connections over which a client reads what it keeps; those with which it listens are below.
const HANDLES: u64 = ears::HANDLES << 1;

/// Which of its connections to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voice {
    /// It asks what it is answered once.
    Asks,
    /// It listens to what it has subscribed to.
    Listens,
    /// It reads what it keeps.
    Keeps,
}

/// All of them, at most one of each voice to each node.
#[derive(Debug)]
pub struct Voices {
    asks: Sessions,
    keeps: Sessions,
    /// Those with which it listens.
    pub ears: Ears,
}

impl Voices {
    /// No connections yet, for `owner`, where nodes may want a password.
    pub fn new(owner: ActorId, password: Option<&str>) -> Self {
        Voices {
            asks: Sessions::new(owner).with_password(password),
            keeps: Sessions::numbered_from(owner, HANDLES).with_password(password).listening(),
            ears: Ears::new(owner, password),
        }
    }

    /// Those of one voice.
    pub fn of(&mut self, voice: Voice) -> &mut Sessions {
        match voice {
            Voice::Asks => &mut self.asks,
            Voice::Listens => &mut self.ears.sessions,
            Voice::Keeps => &mut self.keeps,
        }
    }

    /// Closes all in good order but those with which it listens.
    pub fn fall_silent(&mut self, out: &mut Out) {
        self.asks.close_all(out);
        self.keeps.close_all(out);
    }
}

impl Voice {
    /// The voice of the connection with this handle.
    pub fn with_handle(handle: u64) -> Voice {
        match handle {
            handle if handle > HANDLES => Voice::Keeps,
            handle if handle > ears::HANDLES => Voice::Listens,
            _ => Voice::Asks,
        }
    }
}

/// What a client says first on a connection over which it reads what it keeps.
pub fn introduction(client: ClientId) -> [&'static [&'static str]; 2] {
    let tracking: &[&str] = if model::hears_of_all(client) {
        &["CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", TRACKED]
    } else {
        &["CLIENT", "TRACKING", "ON"]
    };
    [&["HELLO", "3"], tracking]
}
