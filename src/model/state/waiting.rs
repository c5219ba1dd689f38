//! Who has to do with a cell beside what it holds: clients that wait for it to change, connections that watch it, and those
//! of users who may only read.

use std::collections::{BTreeSet, VecDeque};

use super::{Broken, State, Waiting};
use crate::history::Reply;
use crate::model::Stop;
use crate::model::database::{database_at, key_at, place};

/// Who waits for a cell to change.
impl State {
    /// The cell on another node: whoever waits or watches does so where it was.
    pub fn elsewhere(&self) -> State {
        State { items: self.items.clone(), ..State::default() }
    }

    /// A client begins to wait at one end of a list, behind all others; what it pops may go to an end of another list.
    pub fn wait(&mut self, who: u64, (key, back): (&str, bool), to: Option<(&str, bool)>) {
        let to = to.map(|(key, back)| (key.to_owned(), back));
        self.waiting.push_back(Waiting { who, database: self.selected, key: key.to_owned(), back, to });
    }

    /// A client is given something.
    pub fn serve(&mut self, who: u64, reply: Reply) {
        self.served.insert(who, reply);
    }

    /// Gives what lists hold to those who wait for it, whoever waits longest first.
    pub fn serve_waiting(&mut self) {
        let list = |state: &State, one: &Waiting| {
            state.items.get(&place(one.database, &one.key)).map(|item| item.value.kind())
        };
        while let Some(place) = self.waiting.iter().position(|one| list(self, one) == Some("list")) {
            let Some(one) = self.waiting.remove(place) else { return };
            let selected = self.select(one.database);
            self.serve_one(one);
            self.select(selected);
        }
    }

    fn serve_one(&mut self, one: Waiting) {
        let Waiting { who, key, back, to, .. } = one;
        // It is told so, and the list is left as it is.
        if let Some(Err(Stop::Error(code))) = to.as_ref().map(|(to, _)| self.list(to)) {
            return self.serve(who, Reply::Error(code.to_owned()));
        }
        let take = |list: &mut VecDeque<String>| if back { list.pop_back() } else { list.pop_front() };
        let Ok(Some(element)) = self.change_list(&key, take) else { return };
        self.touch(&self.place(&key), Broken::Yes);
        let [key, text] = [&key, &element].map(|text| Reply::text(text.as_bytes()));
        let Some((to, to_back)) = to else { return self.serve(who, Reply::List(vec![key, text])) };
        let put = |list: &mut VecDeque<String>| {
            if to_back { list.push_back(element) } else { list.push_front(element) }
        };
        if self.change_list(&to, put).is_ok() {
            self.touch(&self.place(&to), Broken::Yes);
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
        let places = keys.map(|key| self.place(&key).into_owned()).collect::<Vec<_>>();
        self.watches.entry(conn).or_default().keys.extend(places);
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
    pub fn changed_from(&mut self, before: &State, words: &[&str], writes: bool) {
        let keys =
            self.watches.values().flat_map(|watch| watch.keys.iter().cloned()).collect::<BTreeSet<_>>();
        for key in keys {
            if self.items.get(&key) != before.items.get(&key) {
                self.touch(&key, Broken::Yes);
            } else if writes && self.may_write(&key, words) {
                self.touch(&key, Broken::Maybe);
            }
        }
    }

    /// Whether a command of these words may write what is at a place: only a copy goes to another database.
    fn may_write(&self, place: &str, words: &[&str]) -> bool {
        let is_copy = words.first().is_some_and(|name| name.eq_ignore_ascii_case("COPY"));
        let names = words.iter().any(|word| *word == key_at(place));
        names && (is_copy || database_at(place) == self.selected)
    }

    pub(super) fn touch(&mut self, place: &str, broken: Broken) {
        let watches = self.watches.values_mut().filter(|watch| watch.keys.contains(place));
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
