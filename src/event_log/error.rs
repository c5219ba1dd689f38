//! What can be wrong with a log.

use std::io;

use super::FORMAT;

/// The longest line that is read.
pub(super) const LINE_BYTES_MAX: usize = 16 << 20;

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
    #[error("event log format {found} is not known to this version (knows 1 to {FORMAT})")]
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
