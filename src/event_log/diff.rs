//! Where two runs part, and why an event happened.

use std::fmt;
use std::io::BufRead;

use serde::{Deserialize, Serialize};

use super::error::ReadError;
use super::event_line;
use super::format::Format;
use super::lines::Lines;
use crate::event::Event;

/// The first place where two logs differ. Equal up to there, they are two histories from there on, so later
/// differences say nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Why two logs cannot be compared any further.
#[derive(Debug)]
pub struct DiffError {
    /// Whether it is the second log.
    pub is_second: bool,
    /// What is wrong with it.
    pub source: ReadError,
}

/// The same for the lines of two logs from their beginnings, in the memory of two lines; and how many events are equal.
/// Of the headers only the formats are read. Equal lines are not looked into; a last line that was cut off is left out.
pub fn first_difference_of_lines(
    left: impl BufRead,
    right: impl BufRead,
) -> Result<(u64, Option<Difference>), DiffError> {
    let (mut left, mut right) = (Side::new(left, false)?, Side::new(right, true)?);
    let formats = (left.format, right.format);
    for index in 0.. {
        let more = (left.advance()?, right.advance()?);
        if more == (false, false) {
            return Ok((index, None));
        }
        if more == (true, true) && left.lines.text == right.lines.text {
            continue;
        }
        let (left, right) = (left.event()?, right.event()?);
        match (&left, &right) {
            (None, None) => return Ok((index, None)),
            (Some(one), Some(other)) if is_same(formats, one, other) => {}
            _ => return Ok((index, Some(Difference { index, left, right }))),
        }
    }
    unreachable!("a log has an end before the numbers have")
}

/// Whether two events are the same, as far as both logs' formats can tell.
fn is_same((left, right): (Format, Format), one: &Event, other: &Event) -> bool {
    left.is_same(one, other) || right.is_same(other, one)
}

/// One of two logs that are compared.
struct Side<R> {
    format: Format,
    lines: Lines<R>,
    is_second: bool,
    has_more: bool,
}

impl<R: BufRead> Side<R> {
    fn new(input: R, is_second: bool) -> Result<Self, DiffError> {
        let error = |source| DiffError { is_second, source };
        let mut lines = Lines::new(input);
        lines.advance().map_err(error)?;
        let format = Format::of_header(&lines.text).map_err(error)?;
        Ok(Side { format, lines, is_second, has_more: true })
    }

    fn advance(&mut self) -> Result<bool, DiffError> {
        self.has_more = self.lines.advance().map_err(|source| self.error(source))?;
        Ok(self.has_more)
    }

    /// The event of this line; nothing at the end.
    fn event(&self) -> Result<Option<Event>, DiffError> {
        match self.format.parse_event(&self.lines.text, self.lines.number) {
            _ if !self.has_more => Ok(None),
            Err(_) if !self.lines.terminated => Ok(None),
            parsed => parsed.map(Some).map_err(|source| self.error(source)),
        }
    }

    fn error(&self, source: ReadError) -> DiffError {
        DiffError { is_second: self.is_second, source }
    }
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
