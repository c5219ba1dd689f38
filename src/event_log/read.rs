//! Reads a log line by line and believes nothing: logs are kept for years, cut off by crashes and edited by hand.
//!
//! Memory is bounded by one line. Each error names the line; only a last line without its end, as a crash leaves it,
//! is not an error.

use std::io::BufRead;

use super::Header;
use super::error::ReadError;
use super::format::{Format, parse_header};
use super::lines::Lines;
use crate::event::Event;
use crate::time::SimTime;

/// Reads a log from its beginning; an iterator over its events, which ends after the first error.
#[derive(Debug)]
pub struct LogReader<R> {
    header: Header,
    events: Events<R>,
}

/// Reads the events of a log from anywhere in it, as [`LogReader`] does.
#[derive(Debug)]
pub struct Events<R> {
    format: Format,
    lines: Lines<R>,
    next: u64,
    now: SimTime,
    truncated: bool,
    ended: bool,
}

impl<R: BufRead> LogReader<R> {
    /// Reads the header.
    pub fn new(input: R) -> Result<Self, ReadError> {
        let mut lines = Lines::new(input);
        if !lines.advance()? {
            return Err(ReadError::Empty);
        }
        let (format, header) = parse_header(&lines.text)?;
        let events = Events { format, lines, next: 0, now: SimTime::ZERO, truncated: false, ended: false };
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
    pub(super) fn resume(format: Format, input: R, next: u64, now: SimTime) -> Self {
        // Before event 0 is the header, which is line 1.
        Events { format, lines: Lines::after(next + 1, input), next, now, truncated: false, ended: false }
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
        match self.format.parse_event(&self.lines.text, self.lines.number) {
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
