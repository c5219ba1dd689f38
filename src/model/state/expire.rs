//! What expires: keys and fields of hashes, at an instant of a server's clock that is known within bounds.

use super::{Broken, Deadline, State, Value};
use crate::model::Clock;

/// How far a server's own clock may be from the instant of its turn, in milliseconds: a command takes the time that was read
/// when its event loop woke up, and work of the loop costs time.
const CLOCK_SLACK_MS: i64 = 20;

/// What expires by itself.
#[derive(Clone, Debug)]
enum Perishable {
    Key(String),
    Field(String, String),
    /// A hash whose fields have all expired is there until somebody looks for expired fields.
    Husk(String),
}

impl State {
    /// What the cell may hold at an instant, by what has expired until then: one state, or several if the instant is near
    /// a deadline.
    pub fn at(mut self, now: Clock) -> Vec<State> {
        if self.lasts() {
            return vec![self];
        }
        let is_due = |until: &Deadline| until.from <= now.1 + CLOCK_SLACK_MS;
        let due = self.perishable().filter(|(_, until)| is_due(until)).collect::<Vec<_>>();
        let is_over = |until: &Deadline| until.to < now.0 - CLOCK_SLACK_MS;
        let (gone, open): (Vec<_>, Vec<_>) = due.into_iter().partition(|(_, until)| is_over(until));
        gone.iter().for_each(|(one, _)| self.expire(one));
        let mut states = vec![self];
        for (one, _) in &open {
            or_else(&mut states, one);
        }
        let husks = states.iter().flat_map(State::husks).collect::<Vec<_>>();
        husks.iter().for_each(|husk| or_else(&mut states, husk));
        states
    }

    /// The same, but keys may expire so many milliseconds later than they would.
    pub fn later(&self, ms: i64) -> State {
        let mut state = self.clone();
        let deadlines = state.items.values_mut().filter_map(|item| item.until.as_mut());
        deadlines.for_each(|until| until.to = until.to.saturating_add(ms));
        state
    }

    /// Whether nothing in it expires by itself.
    pub fn lasts(&self) -> bool {
        self.perishable().next().is_none() && self.husks().is_empty()
    }

    fn perishable(&self) -> impl Iterator<Item = (Perishable, Deadline)> {
        self.items.iter().flat_map(|(key, item)| {
            let own = item.until.map(|until| (Perishable::Key(key.clone()), until));
            let hash = if let Value::Hash(hash) = &item.value { Some(hash) } else { None };
            let fields = hash.into_iter().flatten().filter_map(|(field, held)| {
                Some((Perishable::Field(key.clone(), field.clone()), held.until?))
            });
            own.into_iter().chain(fields)
        })
    }

    fn husks(&self) -> Vec<Perishable> {
        let is_empty = |value: &Value| matches!(value, Value::Hash(hash) if hash.is_empty());
        let husks = self.items.iter().filter(|(_, item)| is_empty(&item.value));
        husks.map(|(key, _)| Perishable::Husk(key.clone())).collect()
    }

    /// Of a hash whose fields expire nobody can say whether that breaks a watch.
    fn expire(&mut self, one: &Perishable) {
        let (Perishable::Key(key) | Perishable::Field(key, _) | Perishable::Husk(key)) = one;
        match (one, self.items.get_mut(key).map(|item| &mut item.value)) {
            (Perishable::Field(_, field), Some(Value::Hash(hash))) => drop(hash.remove(field)),
            (Perishable::Field(..), _) => {}
            (Perishable::Key(_) | Perishable::Husk(_), _) => drop(self.items.remove(key)),
        }
        let is_key = matches!(one, Perishable::Key(_));
        self.touch(key, if is_key { Broken::Yes } else { Broken::Maybe });
    }
}

/// Each state may also be the one in which something has expired.
fn or_else(states: &mut Vec<State>, one: &Perishable) {
    let without = states.iter().cloned().map(|mut state| {
        state.expire(one);
        state
    });
    states.extend(without.collect::<Vec<_>>());
}

impl Deadline {
    /// So many milliseconds after an instant that is known as well as a clock is.
    pub fn after(now: Clock, ms: i64) -> Deadline {
        Deadline {
            from: now.0.saturating_add(ms).saturating_sub(CLOCK_SLACK_MS),
            to: now.1.saturating_add(ms).saturating_add(CLOCK_SLACK_MS),
        }
    }

    /// This very instant.
    pub fn exactly(ms: i64) -> Deadline {
        Deadline { from: ms, to: ms }
    }

    /// How many milliseconds are left, at the least and at the most.
    pub fn left(self, now: Clock) -> (i64, i64) {
        let left = |deadline: i64, now: i64| deadline.saturating_sub(now).max(0);
        (left(self.from, now.1 + CLOCK_SLACK_MS), left(self.to, now.0 - CLOCK_SLACK_MS))
    }
}
