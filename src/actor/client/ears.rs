//! What a client listens with: connections of their own, as one that has subscribed answers little else.
//!
//! When a client has done its work it waits a moment for what is under way and asks once more: as nothing overtakes anything on
//! a connection, the answer says that all that was said before has arrived. It does not know what it should have been told.

use std::collections::BTreeSet;

use crate::actor::Out;
use crate::actor::session::Sessions;
use crate::id::ActorId;
use crate::time::SimDuration;

/// Handles above this are of connections with which a client listens.
pub const HANDLES: u64 = 1 << 32;
/// How long it waits before it asks, and for the answer.
const WAITS: SimDuration = SimDuration::from_ms(1_500);
/// What stands in the log for the last answer.
pub const HEARD_OUT: &str = "pong";

/// The connections with which a client listens.
#[derive(Debug)]
pub struct Ears {
    /// At most one to each node.
    pub sessions: Sessions,
    stage: Stage,
    /// The tags of its last questions.
    asked: BTreeSet<u64>,
}

/// How far it is with hearing out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Waiting,
    Asked,
}

impl Ears {
    /// No connections yet, for `owner`, where nodes may want a password.
    pub fn new(owner: ActorId, password: Option<&str>) -> Self {
        let sessions = Sessions::numbered_from(owner, HANDLES).with_password(password).listening();
        Ears { sessions, stage: Stage::Open, asked: BTreeSet::new() }
    }

    /// Goes on with hearing out, and says for how long; nothing once it is over. Tags are those after `tags`.
    pub fn hear_out(&mut self, tags: &mut u64, out: &mut Out) -> Option<SimDuration> {
        let nodes = self.sessions.nodes();
        self.stage = match self.stage {
            _ if nodes.is_empty() => return None,
            Stage::Open => Stage::Waiting,
            Stage::Waiting => {
                for node in nodes {
                    *tags += 1;
                    self.asked.insert(*tags);
                    self.sessions.ask(node, &["PING"], *tags, out);
                }
                Stage::Asked
            }
            Stage::Asked => return None,
        };
        Some(WAITS)
    }

    /// Whether this tag is that of one of its last questions.
    pub fn has_asked(&self, tag: u64) -> bool {
        self.asked.contains(&tag)
    }
}
