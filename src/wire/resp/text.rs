//! A reply as `valkey-cli` prints it.

use redis::Value;

/// The lines of a reply.
pub fn lines(reply: &Value) -> Vec<String> {
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
