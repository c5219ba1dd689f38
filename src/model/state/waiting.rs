//! Who has to do with a cell beside what it holds: clients that wait for it to change, connections that watch it, and those
//! of users who may only read.

use std::collections::{BTreeSet, VecDeque};

use super::{Broken, State, Waiting};
use crate::history::Reply;
use crate::model::Stop;

/// Who waits for a cell to change.
impl State {
    /// The cell on another node: whoever waits or watches does so where it was.
    pub fn elsewhere(&self) -> State {
        State { items: self.items.clone(), ..State::default() }
    }

    /// A client begins to wait at one end of a list, behind all others; what it pops may go to an end of another list.
    pub fn wait(&mut self, who: u64, (key, back): (&str, bool), to: Option<(&str, bool)>) {
        let to = to.map(|(key, back)| (key.to_owned(), back));
        self.waiting.push_back(Waiting { who, key: key.to_owned(), back, to });
    }

    /// A client is given something.
    pub fn serve(&mut self, who: u64, reply: Reply) {
        self.served.insert(who, reply);
    }

    /// Gives what lists hold to those who wait for it, whoever waits longest first.
    pub fn serve_waiting(&mut self) {
        let is_due = |state: &State, one: &Waiting| matches!(state.list(&one.key), Ok(Some(_)));
        while let Some(place) = self.waiting.iter().position(|one| is_due(self, one)) {
            let Some(one) = self.waiting.remove(place) else { return };
            self.serve_one(one);
        }
    }

    fn serve_one(&mut self, one: Waiting) {
        let Waiting { who, key, back, to } = one;
        // It is told so, and the list is left as it is.
        if let Some(Err(Stop::Error(code))) = to.as_ref().map(|(to, _)| self.list(to)) {
            return self.serve(who, Reply::Error(code.to_owned()));
        }
        let take = |list: &mut VecDeque<String>| if back { list.pop_back() } else { list.pop_front() };
        let Ok(Some(element)) = self.change_list(&key, take) else { return };
        self.touch(&key, Broken::Yes);
        let [key, text] = [&key, &element].map(|text| Reply::text(text.as_bytes()));
        let Some((to, to_back)) = to else { return self.serve(who, Reply::List(vec![key, text])) };
        let put = |list: &mut VecDeque<String>| {
            if to_back { list.push_back(element) } else { list.push_front(element) }
        };
        if self.change_list(&to, put).is_ok() {
            self.touch(&to, Broken::Yes);
            self.serve(who, text);
        }
    }

    /// A client waits no more; what it was given, if it was.
    pub fn stop_waiting(&mut self, who: u64) -> Option<Reply> {
        self.waiting.retain(|one| one.who != who);
        self.served.remove(&who)
    }

    /// A connection watches keys too.
    pub fn watch(&mut self, conn: u64, keys: impl Iterator<Item = String>) {
        self.watches.entry(conn).or_default().keys.extend(keys);
    }

    /// A connection watches nothing any more; whether what it watched changed.
    pub fn unwatch(&mut self, conn: u64) -> Broken {
        self.watches.remove(&conn).unwrap_or_default().broken
    }

    /// Whether anybody watches.
    pub fn is_watched(&self) -> bool {
        !self.watches.is_empty()
    }

    /// A command was executed that names these words; `before` is what there was. A write that changed nothing to be seen may
    /// have changed its key all the same.
    pub fn changed_from(&mut self, before: &State, words: &[String], writes: bool) {
        let keys =
            self.watches.values().flat_map(|watch| watch.keys.iter().cloned()).collect::<BTreeSet<_>>();
        for key in keys {
            if self.items.get(&key) != before.items.get(&key) {
                self.touch(&key, Broken::Yes);
            } else if writes && words.contains(&key) {
                self.touch(&key, Broken::Maybe);
            }
        }
    }

    pub(super) fn touch(&mut self, key: &str, broken: Broken) {
        let watches = self.watches.values_mut().filter(|watch| watch.keys.contains(key));
        watches.for_each(|watch| watch.broken = watch.broken.max(broken));
    }

    /// A connection's user may only read from now on, or may do everything again.
    pub fn restrict(&mut self, conn: u64, only_reads: bool) {
        if only_reads {
            self.restricted.insert(conn)
        } else {
            self.restricted.remove(&conn)
        };
    }

    /// Whether a connection's user may only read.
    pub fn is_restricted(&self, conn: u64) -> bool {
        self.restricted.contains(&conn)
    }
}
