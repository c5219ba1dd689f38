//! Holds a run that goes on against the log of an earlier one, event by event.
//!
//! Lines are compared as bytes, which costs next to nothing; where they differ, as events, so that a log that somebody
//! re-formatted is still the same log.

use std::fmt;
use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::diff::Difference;
use super::error::ReadError;
use super::format::Format;
use super::lines::Lines;
use crate::event::Event;

/// The recorded log, and how far the run has gone along with it.
pub struct Comparison {
    format: Format,
    recorded: Lines<Box<dyn BufRead + Send>>,
    parted: Arc<AtomicBool>,
    /// The recorded log has no further event.
    ended: bool,
    difference: Option<Difference>,
    error: Option<ReadError>,
}

/// What came of a comparison.
#[derive(Debug)]
pub struct Compared {
    /// The first difference.
    pub difference: Option<Difference>,
    /// The run ended, and this is what the recorded log has next.
    pub left_over: Option<Event>,
}

impl Comparison {
    /// A comparison with the log in `recorded`, from its beginning; of the headers only the formats count.
    pub fn new(recorded: Box<dyn BufRead + Send>) -> Result<Self, ReadError> {
        let mut recorded = Lines::new(recorded);
        recorded.advance()?;
        let format = Format::of_header(&recorded.text)?;
        Ok(Comparison {
            format,
            recorded,
            parted: Arc::default(),
            ended: false,
            difference: None,
            error: None,
        })
    }

    /// Set once the two have parted, or the recorded log cannot be read any further.
    pub fn parted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.parted)
    }

    /// Takes the run's next event and its line (without a newline). What comes after the recorded log's end is not
    /// compared.
    pub fn see(&mut self, event: &Event, line: &[u8]) {
        if self.ended || self.parted.load(Ordering::Relaxed) {
            return;
        }
        match self.next(Some(line)) {
            Ok(Next::Same) => {}
            Ok(Next::Ended) => self.ended = true,
            Ok(Next::Event(recorded)) if self.format.is_same(&recorded, event) => {}
            Ok(Next::Event(recorded)) => {
                let (left, right) = (Some(*recorded), Some(event.clone()));
                self.difference = Some(Difference { index: event.i, left, right });
                self.parted.store(true, Ordering::Relaxed);
            }
            Err(error) => {
                self.error = Some(error);
                self.parted.store(true, Ordering::Relaxed);
            }
        }
    }

    /// The run has no further event.
    pub fn finish(mut self) -> Result<Compared, ReadError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let goes_on = !self.ended && self.difference.is_none();
        let left_over = match goes_on.then(|| self.next(None)).transpose()? {
            Some(Next::Event(event)) => Some(*event),
            _ => None,
        };
        Ok(Compared { difference: self.difference, left_over })
    }

    fn next(&mut self, line: Option<&[u8]>) -> Result<Next, ReadError> {
        if !self.recorded.advance()? {
            return Ok(Next::Ended);
        }
        if Some(self.recorded.text.as_slice()) == line {
            return Ok(Next::Same);
        }
        match self.format.parse_event(&self.recorded.text, self.recorded.number) {
            Ok(event) => Ok(Next::Event(Box::new(event))),
            // A crash cut the line off: the recorded run is known up to here.
            Err(_) if !self.recorded.terminated => Ok(Next::Ended),
            Err(error) => Err(error),
        }
    }
}

/// The next line of the recorded log.
enum Next {
    /// The very bytes that were expected.
    Same,
    /// Something else, or the same written in another way.
    Event(Box<Event>),
    /// There is none.
    Ended,
}

impl fmt::Debug for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comparison").field("difference", &self.difference).finish_non_exhaustive()
    }
}
