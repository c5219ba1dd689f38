//! The versions of the format behind one interface: whoever reads a log gets the events of the newest one.

use serde::Deserialize;

use super::error::ReadError;
use super::format_1;
use super::{FORMAT, Header};
use crate::event::{Body, Event};

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
        recorded == event
            || tells_less(recorded, event)
            || self == Format::One && format_1::is_same(recorded, event)
    }
}

/// Whether the log tells of a message of the cluster bus no more than an older program did. That the message is the same
/// is told by the digest of its bytes.
fn tells_less(recorded: &Event, event: &Event) -> bool {
    let Body::Sent { bus: Some(told), .. } = &event.body else {
        return false;
    };
    let mut brief = event.clone();
    if let Body::Sent { bus, .. } = &mut brief.body {
        *bus = Some(Box::new(told.brief()));
    }
    brief == *recorded
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ping(told: &str) -> Event {
        let line = format!(
            r#"{{"i":1,"at":2,"actor":"network","kind":"observation","cause":0,"what":"sent","from":"node-1","conn":1,"channel":"bus","to":"node-2","len":2256,"digest":"0","bus":{{"type":"ping","current_epoch":1,"config_epoch":1{told}}}}}"#
        );
        Format::Two.parse_event(line.as_bytes(), 1).expect("a line of the log")
    }

    #[test]
    fn a_log_that_tells_less_of_a_message_is_the_same_and_one_that_tells_otherwise_is_not() {
        let (brief, full, other) = (ping(""), ping(r#","offset":7"#), ping(r#","offset":8"#));
        assert!(Format::Two.is_same(&brief, &full) && Format::One.is_same(&brief, &full));
        assert!(!Format::Two.is_same(&full, &brief) && !Format::Two.is_same(&other, &full));
        assert!(!Format::Two.is_same(&brief, &ping(r#","paused":true"#)));
    }
}
