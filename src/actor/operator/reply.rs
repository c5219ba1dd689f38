//! What a reply says: as text for the operator's own eyes, and as `valkey-cli` prints it for the log.

use redis::Value;

use crate::wire::resp;

/// The longest rendering of a reply, in characters.
const CHARS_MAX: usize = 500;

/// The text of a reply that is one; otherwise what came instead.
pub(super) fn text(reply: &Value) -> Result<String, String> {
    match reply {
        Value::Okay => Ok("OK".to_owned()),
        Value::SimpleString(text) => Ok(text.clone()),
        Value::BulkString(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        other => Err(format!("answered {}", render(other))),
    }
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
