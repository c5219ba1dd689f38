//! Where two runs part, and why an event happened.

use std::fmt;

use super::event_line;
use crate::event::Event;

/// The first place where two logs differ. Equal up to there, they are two histories from there on, so later
/// differences say nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How many events were equal, which is the number of the first one that is not.
    pub index: u64,
    /// The event of the first log; nothing if it ended.
    pub left: Option<Event>,
    /// The event of the second log; nothing if it ended.
    pub right: Option<Event>,
}

impl Difference {
    /// In which of `i`, `at`, `actor`, `kind`, `cause` and `what` (with all that belongs to it) the two events differ;
    /// empty if one of them is missing.
    pub fn fields(&self) -> Vec<&'static str> {
        let (Some(left), Some(right)) = (&self.left, &self.right) else { return Vec::new() };
        let differs = [
            ("i", left.i != right.i),
            ("at", left.at != right.at),
            ("actor", left.actor != right.actor),
            ("kind", left.kind != right.kind),
            ("cause", left.cause != right.cause),
            ("what", left.body != right.body),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

impl fmt::Display for Difference {
    /// Three lines: where and in what, the first log's event, the second's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |event: &Option<Event>| event.as_ref().map_or("(the log ends)".to_owned(), event_line);
        match self.fields() {
            fields if fields.is_empty() => writeln!(f, "one log ends before event {}", self.index)?,
            fields => writeln!(f, "event {} differs in {}", self.index, fields.join(", "))?,
        }
        write!(f, "  first:  {}\n  second: {}", line(&self.left), line(&self.right))
    }
}

/// The first difference of two streams of events, as readers give them; nothing if they are equal. Both are read only
/// as far as they are equal.
pub fn first_difference<E>(
    left: impl IntoIterator<Item = Result<Event, E>>,
    right: impl IntoIterator<Item = Result<Event, E>>,
) -> Result<Option<Difference>, E> {
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    for index in 0.. {
        match (left.next().transpose()?, right.next().transpose()?) {
            (None, None) => break,
            (left, right) if left != right => return Ok(Some(Difference { index, left, right })),
            _ => {}
        }
    }
    Ok(None)
}

/// The event with number `i` and what led to it, the event first, its cause next, and so on to one without a cause.
///
/// `events` are in order of their numbers; if they are a part of a log, the chain ends where it leaves the part.
pub fn chain(events: &[Event], i: u64) -> Vec<&Event> {
    let find = |i: u64| events.binary_search_by_key(&i, |event| event.i).ok().map(|at| &events[at]);
    // A cause is always earlier, and the filter makes sure that even a log that says otherwise has an end.
    let cause = |event: &&Event| event.cause.filter(|cause| *cause < event.i).and_then(find);
    std::iter::successors(find(i), cause).collect()
}
