//! What clients were told of what they had read: keys that changed, connection by connection, as it reached them.

use std::collections::{BTreeMap, BTreeSet};

use super::executions::Executions;
use crate::event::{Body, Event};
use crate::history::OpenOperations;
use crate::id::{ActorId, ClientId};
use crate::model;
use crate::time::SimTime;

/// The word with which a client is told so (`tracking.c`).
const WORD: &str = "invalidate";

/// A client was told that what it had read is old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalidation {
    /// Who was told.
    pub client: ClientId,
    /// The connection.
    pub conn: u64,
    /// The event with which it reached the client.
    pub event: u64,
    /// When.
    pub at: SimTime,
    /// The key; nothing if it is all that there was.
    pub key: Option<String>,
    /// It had not read the key over this connection since it was told so last.
    pub is_unread: bool,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Caches {
    /// The key of the tracked read that each client waits for.
    open: OpenOperations<String>,
    /// With which event the answer to a tracked read reached its client.
    answered: BTreeMap<(ClientId, u64), u64>,
    /// What was read over which connection and not told of since then.
    kept: BTreeSet<(u64, String)>,
    invalidations: Vec<Invalidation>,
}

impl Caches {
    pub(super) fn see(&mut self, event: &Event, executions: &Executions) {
        let ActorId::Client(client) = event.actor else { return };
        match &event.body {
            Body::Invoke { sequence, request } => {
                if let Some(key) = model::tracked(request) {
                    self.open.begin((client, *sequence), key.to_owned());
                }
            }
            Body::Complete { sequence, .. } => {
                self.complete(client, *sequence, executions.reached_with(client, event.cause));
            }
            Body::Pushed { push, .. } => {
                if let Some((WORD, keys)) = push.split_first().map(|(word, keys)| (word.as_str(), keys)) {
                    let reached = executions.reached_with(client, event.cause);
                    self.told((client, event.at), keys, reached);
                }
            }
            _ => {}
        }
    }

    fn complete(&mut self, client: ClientId, sequence: u64, reached: Option<(u64, u64)>) {
        let Some(key) = self.open.end((client, sequence)) else { return };
        if let Some((deliver, conn)) = reached {
            self.answered.insert((client, sequence), deliver);
            self.kept.insert((conn, key));
        }
    }

    fn told(&mut self, (client, at): (ClientId, SimTime), keys: &[String], reached: Option<(u64, u64)>) {
        let Some((event, conn)) = reached else { return };
        let word = Invalidation { client, conn, event, at, key: None, is_unread: false };
        if keys.is_empty() {
            return self.invalidations.push(word);
        }
        for key in keys {
            let was_kept = self.kept.remove(&(conn, key.clone()));
            // What came together with the answer may stand behind it.
            let is_asked = self.open.of(client).is_some_and(|asked| asked == key);
            let word =
                Invalidation { key: Some(key.clone()), is_unread: !was_kept && !is_asked, ..word.clone() };
            self.invalidations.push(word);
        }
    }

    /// With which event the answer to a tracked read reached its client.
    pub fn answered(&self, client: ClientId, sequence: u64) -> Option<u64> {
        self.answered.get(&(client, sequence)).copied()
    }

    /// What clients were told, in order.
    pub fn invalidations(&self) -> &[Invalidation] {
        &self.invalidations
    }
}

#[cfg(test)]
impl Caches {
    /// Adds an answer that no event told of.
    pub fn answer_for_test(&mut self, who: (ClientId, u64), event: u64) {
        self.answered.insert(who, event);
    }

    /// Adds what a client was told.
    pub fn tell_for_test(&mut self, word: Invalidation) {
        self.invalidations.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Chronicle;
    use super::*;
    use crate::history::{Outcome, Reply, Request};
    use crate::id::NodeId;
    use crate::invariant::sample::healthy;

    const CLIENT: ClientId = ClientId(1);

    /// What a client notes of what reached it over connection 5 with event `deliver`.
    fn noted(chronicle: &mut Chronicle, deliver: u64, notes: Vec<Body>) {
        let bodies = [Body::Deliver { conn: 5, len: 9 }].into_iter().chain(notes);
        for (i, body) in (deliver..).zip(bodies) {
            let (at, actor, kind) = (SimTime::from_ns(i), ActorId::Client(CLIENT), body.kind());
            chronicle.see(&Event { i, at, actor, kind, cause: Some(deliver), body });
        }
    }

    fn asked(sequence: u64) -> Body {
        let commands = vec![["GET", "tracked:1"].map(str::to_owned).to_vec()];
        Body::Invoke { sequence, request: Request::Call { key: "tracked:1".to_owned(), commands } }
    }

    fn answer(sequence: u64) -> Body {
        let outcome = Outcome::Replied(vec![Reply::Nil]);
        Body::Complete { sequence, outcome, node: Some(NodeId(1)) }
    }

    fn told(words: &[&str]) -> Body {
        let push = words.iter().map(|word| (*word).to_owned()).collect();
        Body::Pushed { node: NodeId(1), push }
    }

    #[test]
    fn a_read_is_good_for_one_word_of_its_key() {
        let mut chronicle = Chronicle::new(&healthy().plan);
        let change = || told(&["invalidate", "tracked:1"]);
        noted(&mut chronicle, 10, vec![asked(1)]);
        noted(&mut chronicle, 20, vec![answer(1)]);
        noted(&mut chronicle, 30, vec![change(), change(), told(&["message", "news:1", "text"])]);
        noted(&mut chronicle, 40, vec![asked(2), change(), told(&["invalidate"])]);
        let caches = &chronicle.caches;
        assert_eq!(caches.answered(CLIENT, 1), Some(20));
        let words = caches.invalidations().iter();
        let words = words.map(|word| (word.event, word.key.as_deref(), word.is_unread)).collect::<Vec<_>>();
        let key = Some("tracked:1");
        assert_eq!(words, [(30, key, false), (30, key, true), (40, key, false), (40, None, false)]);
        assert!(caches.invalidations().iter().all(|word| (word.client, word.conn) == (CLIENT, 5)));
    }
}
