//! Client-side caching: reads that a client wants to hear of when they are old, and the writes that make them so (`tracking.c`).
//!
//! Such reads go over connections of their own, on which the client has said `CLIENT TRACKING ON`, half of the clients with
//! `BCAST`; whether they are told is judged by `invariant::tracking`.

use crate::history::Request;
use crate::id::ClientId;
use crate::model::{Go, Kind, Pick, words};

pub(in crate::model) const KIND: Kind = Kind {
    name: TRACKING,
    about: "client-side caching: reads over connections with `CLIENT TRACKING`, and the writes that clients must be told of",
    draw: |pick| vec![draw(pick)],
    rules: &[],
};

/// Its name.
pub const TRACKING: &str = "tracking";
/// How the keys begin that are read so.
pub const TRACKED: &str = "tracked:";

fn draw(pick: &mut Pick) -> Go {
    let key = pick.key(TRACKED.trim_end_matches(':'));
    vec![match pick.choice(8) {
        0 => words(&["SET", &key, pick.token]),
        1 => words(&["SETRANGE", &key, "2", pick.token]),
        2 => words(&["DEL", &key]),
        _ => words(&["GET", &key]),
    }]
}

/// Whether a client hears of all tracked keys, not of those that it has read.
pub fn hears_of_all(client: ClientId) -> bool {
    client.0.is_multiple_of(2)
}

/// The key of a read that a client keeps.
pub fn tracked(request: &Request) -> Option<&str> {
    let Request::Call { commands, .. } = request else { return None };
    let [command] = &commands[..] else { return None };
    match &command[..] {
        [name, key] if name == "GET" && key.starts_with(TRACKED) => Some(key),
        _ => None,
    }
}
