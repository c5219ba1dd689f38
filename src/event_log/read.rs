//! Reads a log line by line and believes nothing: logs are kept for years, cut off by crashes and edited by hand.
//!
//! Memory is bounded by one line. Each error names the line; only a last line without its end, as a crash leaves it,
//! is not an error.

use std::io::{self, BufRead};

use serde::Deserialize;

use super::lines::{LINE_BYTES_MAX, Lines};
use super::{FORMAT, Header};
use crate::event::Event;
use crate::time::SimTime;

/// Why a log cannot be read (further). Lines count from 1, the header's.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The source failed.
    #[error("line {line} of the event log cannot be read: {source}")]
    Io { line: u64, source: io::Error },
    /// The file is empty.
    #[error("the event log is empty")]
    Empty,
    /// The first line is no header.
    #[error("the first line is no header of an event log: {0}")]
    BadHeader(String),
    /// The log was written by a version that does it in another way.
    #[error("event log format {found} is not known to this version (knows {FORMAT})")]
    UnknownFormat { found: u64 },
    /// The line is too long to be believed.
    #[error("line {line} of the event log is longer than {LINE_BYTES_MAX} bytes")]
    TooLong { line: u64 },
    /// The line is no text.
    #[error("line {line} of the event log is not UTF-8")]
    NotUtf8 { line: u64 },
    /// The line is text, but no event.
    #[error("line {line} of the event log is no event: {reason}")]
    BadEvent { line: u64, reason: String },
    /// An event is missing, doubled or out of place.
    #[error("line {line} of the event log has event {found} where {expected} should be")]
    WrongIndex { line: u64, expected: u64, found: u64 },
    /// The event happened before the one above it.
    #[error("line {line} of the event log: time goes back from {before_ns} ns to {at_ns} ns")]
    TimeGoesBack { line: u64, before_ns: u64, at_ns: u64 },
    /// The event was caused by itself or a later one.
    #[error("line {line} of the event log: event {i} names event {cause} as its cause")]
    CauseNotBefore { line: u64, i: u64, cause: u64 },
    /// The event's kind is not the one of what happened.
    #[error("line {line} of the event log: the kind of event {i} does not fit what happened")]
    WrongKind { line: u64, i: u64 },
}

/// Reads a log from its beginning; an iterator over its events, which ends after the first error.
#[derive(Debug)]
pub struct LogReader<R> {
    header: Header,
    events: Events<R>,
}

/// Reads the events of a log from anywhere in it, as [`LogReader`] does.
#[derive(Debug)]
pub struct Events<R> {
    lines: Lines<R>,
    next: u64,
    now: SimTime,
    truncated: bool,
    ended: bool,
}

/// The one key that every version of the format has.
#[derive(Deserialize)]
struct Version {
    format: u64,
}

impl<R: BufRead> LogReader<R> {
    /// Reads the header.
    pub fn new(input: R) -> Result<Self, ReadError> {
        let mut lines = Lines::new(input);
        if !lines.advance()? {
            return Err(ReadError::Empty);
        }
        let header = parse_header(&lines.text)?;
        let events = Events { lines, next: 0, now: SimTime::ZERO, truncated: false, ended: false };
        Ok(LogReader { header, events })
    }

    /// What the run depended on.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the last line was cut off and left out. Known once the iterator has ended.
    pub fn truncated(&self) -> bool {
        self.events.truncated
    }

    /// The header, and the reader of what follows it.
    pub fn into_parts(self) -> (Header, Events<R>) {
        (self.header, self.events)
    }
}

impl<R: BufRead> Events<R> {
    /// Goes on with `input`, which begins with the line of event `next`; the event before it happened at `now` or earlier.
    pub(super) fn resume(input: R, next: u64, now: SimTime) -> Self {
        // Before event 0 is the header, which is line 1.
        Events { lines: Lines::after(next + 1, input), next, now, truncated: false, ended: false }
    }

    /// The number of the event that comes next, if there is one more.
    pub(super) fn next_index(&self) -> u64 {
        self.next
    }

    /// The line of the event just read, without its newline.
    pub fn line(&self) -> &[u8] {
        &self.lines.text
    }

    /// Where the line of the event just read begins, in bytes from where reading began.
    pub(super) fn line_start(&self) -> u64 {
        self.lines.start
    }

    /// Whether the last line was cut off and left out. Known once the iterator has ended.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Goes over the next event without a look at it.
    pub(super) fn skip_line(&mut self) -> Result<(), ReadError> {
        self.next += u64::from(self.lines.advance()?);
        Ok(())
    }

    fn read_event(&mut self) -> Result<Option<Event>, ReadError> {
        if !self.lines.advance()? {
            self.truncated = self.lines.cut;
            return Ok(None);
        }
        match parse_event(&self.lines.text, self.lines.number) {
            Ok(event) => self.check(event).map(Some),
            Err(_) if !self.lines.terminated => {
                self.truncated = true;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Holds the event against those above it.
    fn check(&mut self, event: Event) -> Result<Event, ReadError> {
        let (line, i) = (self.lines.number, event.i);
        if i != self.next {
            return Err(ReadError::WrongIndex { line, expected: self.next, found: i });
        }
        if event.at < self.now {
            return Err(ReadError::TimeGoesBack {
                line,
                before_ns: self.now.as_ns(),
                at_ns: event.at.as_ns(),
            });
        }
        if let Some(cause) = event.cause.filter(|cause| *cause >= i) {
            return Err(ReadError::CauseNotBefore { line, i, cause });
        }
        if event.kind != event.body.kind() {
            return Err(ReadError::WrongKind { line, i });
        }
        self.next += 1;
        self.now = event.at;
        Ok(event)
    }
}

impl<R: BufRead> Iterator for LogReader<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.events.next()
    }
}

impl<R: BufRead> Iterator for Events<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let event = self.read_event().transpose();
        self.ended = !matches!(event, Some(Ok(_)));
        event
    }
}

pub(super) fn parse_header(line: &[u8]) -> Result<Header, ReadError> {
    let bad = |error| ReadError::BadHeader(reason(&error));
    let Version { format: found } = serde_json::from_slice(line).map_err(bad)?;
    if found != FORMAT {
        return Err(ReadError::UnknownFormat { found });
    }
    let header: Header = serde_json::from_slice(line).map_err(bad)?;
    match header.seed == header.plan.seed {
        true => Ok(header),
        false => Err(ReadError::BadHeader("its seed is not its plan's".to_owned())),
    }
}

pub(super) fn parse_event(line: &[u8], number: u64) -> Result<Event, ReadError> {
    let text = str::from_utf8(line).map_err(|_| ReadError::NotUtf8 { line: number })?;
    serde_json::from_str(text).map_err(|error| ReadError::BadEvent { line: number, reason: reason(&error) })
}

/// What the parser says. It sees one line, so its own count of lines would mislead.
fn reason(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}
