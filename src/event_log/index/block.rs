//! The record of an index: where 64 events in a row stand in the log, when, what they are about, and their causes.
//!
//! All records have the same length, so that an index is written in one pass and any event is found by arithmetic.

use super::super::marks::Marks;
use crate::event::Event;
use crate::time::SimTime;

/// How many events a record covers.
pub const BLOCK_EVENTS: usize = 64;
/// How many bytes a record has.
pub const BLOCK_BYTES: usize = CAUSES + 4 * BLOCK_EVENTS;
/// Stands for no cause, and for the events that the last record lacks.
pub const NO_CAUSE: u32 = u32::MAX;

const AT: usize = 8;
const MARKS: usize = 16;
const WHATS: usize = MARKS + Marks::BYTES;
const CAUSES: usize = WHATS + BLOCK_EVENTS;

/// A record in the making.
pub struct BlockBuilder {
    bytes: [u8; BLOCK_BYTES],
    marks: Marks,
    events: usize,
}

impl BlockBuilder {
    /// A record without an event.
    pub fn new() -> Self {
        let mut bytes = [0; BLOCK_BYTES];
        bytes[WHATS..].fill(u8::MAX);
        BlockBuilder { bytes, marks: Marks::default(), events: 0 }
    }

    /// Whether there is no event in it.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// Adds the next event, whose line begins at `offset`; true if the record is full now.
    pub fn push(&mut self, event: &Event, offset: u64) -> bool {
        if self.is_empty() {
            self.bytes[..AT].copy_from_slice(&offset.to_le_bytes());
            self.bytes[AT..MARKS].copy_from_slice(&event.at.as_ns().to_le_bytes());
        }
        self.marks = self.marks.and(Marks::of(event));
        self.bytes[WHATS + self.events] = event.body.what().code();
        // A cause is less than the event's own number, which is less than `NO_CAUSE`.
        let cause = event.cause.map_or(NO_CAUSE, |cause| cause as u32);
        let at = CAUSES + 4 * self.events;
        self.bytes[at..at + 4].copy_from_slice(&cause.to_le_bytes());
        self.events += 1;
        self.events == BLOCK_EVENTS
    }

    /// The record's bytes.
    pub fn finish(mut self) -> [u8; BLOCK_BYTES] {
        self.bytes[MARKS..MARKS + Marks::BYTES].copy_from_slice(&self.marks.to_bytes());
        self.bytes
    }
}

/// A record that is read.
#[derive(Clone, Copy)]
pub struct Block<'a>(pub &'a [u8; BLOCK_BYTES]);

impl<'a> Block<'a> {
    /// Where the line of its first event begins.
    pub fn offset(self) -> u64 {
        self.long(0)
    }

    /// When its first event happened.
    pub fn at(self) -> SimTime {
        SimTime::from_ns(self.long(AT))
    }

    /// What its events are about.
    pub fn marks(self) -> Marks {
        let bytes = &self.0[MARKS..MARKS + Marks::BYTES];
        Marks::from_bytes(bytes.try_into().expect("a slice of this length"))
    }

    /// The code of the statement of each of its events; 255 where it lacks one.
    pub fn whats(self) -> &'a [u8] {
        &self.0[WHATS..CAUSES]
    }

    /// The cause of each of its events, or [`NO_CAUSE`].
    pub fn causes(self) -> impl Iterator<Item = u32> {
        self.0[CAUSES..].chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().expect("four bytes")))
    }

    /// The cause of one of its events.
    pub fn cause(self, place: usize) -> Option<u64> {
        let at = CAUSES + 4 * place;
        let cause = u32::from_le_bytes(self.0[at..at + 4].try_into().expect("four bytes"));
        Some(u64::from(cause)).filter(|_| cause != NO_CAUSE)
    }

    /// Whether one of its events names this one as its cause: quick, since most answers are no.
    pub fn has_cause(self, cause: u32) -> bool {
        self.causes().fold(false, |found, one| found | (one == cause))
    }

    fn long(self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().expect("eight bytes"))
    }
}
