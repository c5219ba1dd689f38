//! What a reply says: as text for the operator's own eyes, and as `valkey-cli` prints it for the log.

use redis::Value;

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

/// A reply as `valkey-cli` prints it, cut off after some hundred characters.
pub(super) fn render(reply: &Value) -> String {
    shorten(&lines(reply).join("\n"))
}

/// The beginning of a text, if it is long.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn lines(reply: &Value) -> Vec<String> {
    match reply {
        Value::Nil => vec!["(nil)".to_owned()],
        Value::Int(n) => vec![format!("(integer) {n}")],
        Value::BulkString(bytes) => vec![format!("\"{}\"", bytes.escape_ascii())],
        Value::SimpleString(text) => vec![text.clone()],
        Value::Okay => vec!["OK".to_owned()],
        Value::ServerError(error) => vec![format!("(error) {error}")],
        Value::Array(items) if items.is_empty() => vec!["(empty array)".to_owned()],
        Value::Array(items) => items.iter().enumerate().flat_map(numbered).collect(),
        other => vec![format!("{other:?}")],
    }
}

/// The lines of an element of an array: its number, and what follows moved below its beginning.
fn numbered((index, item): (usize, &Value)) -> Vec<String> {
    let number = format!("{}) ", index + 1);
    let blank = " ".repeat(number.len());
    lines(item)
        .into_iter()
        .enumerate()
        .map(|(n, line)| format!("{}{line}", if n == 0 { &number } else { &blank }))
        .collect()
}
