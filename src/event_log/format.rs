//! The versions of the format behind one interface: whoever reads a log gets the events of the newest one.

use serde::Deserialize;

use super::error::ReadError;
use super::format_1;
use super::{FORMAT, Header};
use crate::event::Event;

/// How the lines of a log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Messages between actors and views stand as prose, and clients' gaps follow from the moments of their operations.
    One,
    /// As this version writes.
    Two,
}

/// The one key that every version of the format has.
#[derive(Deserialize)]
struct Version {
    format: u64,
}

impl Format {
    /// That of the log with this header.
    pub fn of_header(line: &[u8]) -> Result<Format, ReadError> {
        let Version { format: found } =
            serde_json::from_slice(line).map_err(|error| ReadError::BadHeader(reason(&error)))?;
        Format::of_number(found)
    }

    /// That with this number.
    pub fn of_number(found: u64) -> Result<Format, ReadError> {
        match found {
            1 => Ok(Format::One),
            FORMAT => Ok(Format::Two),
            found => Err(ReadError::UnknownFormat { found }),
        }
    }

    /// Reads the line with this number.
    pub fn parse_event(self, line: &[u8], number: u64) -> Result<Event, ReadError> {
        let text = str::from_utf8(line).map_err(|_| ReadError::NotUtf8 { line: number })?;
        let parsed = serde_json::from_str(text).or_else(|error| match self {
            Format::One => format_1::parse_event(text).ok_or(error),
            Format::Two => Err(error),
        });
        parsed.map_err(|error| ReadError::BadEvent { line: number, reason: reason(&error) })
    }

    /// Whether an event of a run is the one that the log has, as far as the log's format can tell.
    pub fn is_same(self, recorded: &Event, event: &Event) -> bool {
        recorded == event || self == Format::One && format_1::is_same(recorded, event)
    }
}

/// Reads the header.
pub(super) fn parse_header(line: &[u8]) -> Result<(Format, Header), ReadError> {
    let format = Format::of_header(line)?;
    let header: Header =
        serde_json::from_slice(line).map_err(|error| ReadError::BadHeader(reason(&error)))?;
    match header.seed == header.plan.seed {
        true => Ok((format, header)),
        false => Err(ReadError::BadHeader("its seed is not its plan's".to_owned())),
    }
}

/// What the parser says. It sees one line, so its own count of lines would mislead.
fn reason(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}
