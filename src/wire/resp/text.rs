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
        Value::Double(number) => vec![format!("(double) {number}")],
        Value::Boolean(is_true) => vec![format!("({is_true})")],
        Value::BigNumber(number) => {
            vec![format!("(big number) {}", str::from_utf8(number).unwrap_or_default())]
        }
        Value::VerbatimString { text, .. } => vec![text.clone()],
        Value::Array(items) => list(items, ")", "array"),
        Value::Set(items) => list(items, "~", "set"),
        Value::Push { kind, data } => under(&format!("(push {kind}) "), list(data, ")", "array")),
        Value::Map(pairs) if pairs.is_empty() => vec!["(empty hash)".to_owned()],
        Value::Map(pairs) => pairs.iter().enumerate().flat_map(pair).collect(),
        Value::Attribute { data, .. } => lines(data),
        other => vec![format!("{other:?}")],
    }
}

/// The lines of a collection: a number and a mark before each element.
fn list(items: &[Value], mark: &str, name: &str) -> Vec<String> {
    if items.is_empty() {
        return vec![format!("(empty {name})")];
    }
    let numbered = items.iter().zip(1..).map(|(item, n)| under(&format!("{n}{mark} "), lines(item)));
    numbered.flatten().collect()
}

/// The lines of an entry of a map: its number, its key, and its value below the key's end.
fn pair((index, (key, value)): (usize, &(Value, Value))) -> Vec<String> {
    let key = lines(key).join(" ");
    under(&format!("{}# {key} => ", index + 1), lines(value))
}

/// Lines with a text before the first, and the others moved below its end.
fn under(head: &str, lines: Vec<String>) -> Vec<String> {
    let blank = " ".repeat(head.chars().count());
    let indented = |(n, line): (usize, String)| format!("{}{line}", if n == 0 { head } else { &blank });
    lines.into_iter().enumerate().map(indented).collect()
}
