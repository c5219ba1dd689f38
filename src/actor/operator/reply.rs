//! What a reply says: as text for the operator's own eyes, and as `valkey-cli` prints it for the log.

use redis::Value;

use crate::event::Body;
use crate::op::OpId;
use crate::wire::resp::{self, ServerError};

/// The longest rendering of a reply in the log, in bytes.
const BYTES_MAX: usize = 4096;
/// The longest rendering in a sentence, in characters.
const CHARS_MAX: usize = 500;

/// The text of a reply that is one; otherwise what came instead.
pub(super) fn text(reply: &Value) -> Result<String, String> {
    match reply {
        Value::Okay => Ok("OK".to_owned()),
        Value::SimpleString(text) => Ok(text.clone()),
        Value::BulkString(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        other => Err(format!("answered {}", shorten(&resp::lines(other).join("\n")))),
    }
}

/// A reply to an operation as the log has it: as `valkey-cli` prints it.
pub(super) fn note(op: OpId, reply: &Value) -> Body {
    whole(op, resp::lines(reply).join("\n"))
}

/// The same for an error that a server answered with.
pub(super) fn note_error(op: OpId, error: &ServerError) -> Body {
    whole(op, format!("(error) {error}"))
}

/// All of a text, or as much as the log takes, and how long it was.
fn whole(op: OpId, mut text: String) -> Body {
    let total = (text.len() > BYTES_MAX).then_some(text.len() as u64);
    let end = (0..=BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or_default());
    Body::Reply { op: Some(op), text, total }
}

/// A reply as what it says alone: a text without its quotes, anything else as `valkey-cli` prints it.
pub(super) fn plain(reply: &Value) -> String {
    match reply {
        Value::Int(number) => number.to_string(),
        other => text(other).unwrap_or_else(|_| resp::lines(other).join("\n")),
    }
}

/// A reply as `valkey-cli` prints it, cut off after some hundred characters.
pub(super) fn render(reply: &Value) -> String {
    shorten(&resp::lines(reply).join("\n"))
}

/// The beginning of a text, if it is long.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reply_is_cut_at_a_letter_and_says_how_long_it_was() {
        let noted = |length: usize| match note(OpId(1), &Value::SimpleString("é".repeat(length))) {
            Body::Reply { text, total, .. } => (text.len(), total),
            other => unreachable!("a reply is noted as one, not as {other:?}"),
        };
        assert_eq!(noted(2048), (4096, None));
        assert_eq!(noted(2049), (4096, Some(4098)));
        let (odd, total) = match note(OpId(1), &Value::SimpleString(format!("a{}", "é".repeat(2048)))) {
            Body::Reply { text, total, .. } => (text.len(), total),
            other => unreachable!("a reply is noted as one, not as {other:?}"),
        };
        assert_eq!((odd, total), (4095, Some(4097)));
    }
}
