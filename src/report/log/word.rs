//! Single words and texts of a log as they may stand on a terminal.

use serde::Serialize;

/// A word of the log's vocabulary as it stands there.
pub(super) fn word(of: &impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A text without anything that would move a terminal's cursor.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() {
            true => cleaned.extend(letter.escape_default()),
            false => cleaned.push(letter),
        }
    }
    cleaned
}
