//! What a survey's note says of a node, in the words of the validator's journal.

use crate::id::NodeId;

/// What one view says of a node: `node-2 primary at epoch 7 0-5460`.
fn row(text: &str, node: NodeId) -> Option<&str> {
    let name = format!("{node} ");
    text.split("; ").find_map(|part| part.strip_prefix(&name))
}

/// Whether the view suspects the node, or has it as failed.
pub(super) fn doubts(text: &str, node: NodeId) -> bool {
    row(text, node).is_some_and(|row| row.ends_with(" fail?") || fails_row(row))
}

/// Whether the view has the node as failed.
pub(super) fn fails(text: &str, node: NodeId) -> bool {
    row(text, node).is_some_and(fails_row)
}

fn fails_row(row: &str) -> bool {
    row.ends_with(" fail")
}

/// Whether the view has the node as a primary with slots.
pub(super) fn owns_slots(text: &str, node: NodeId) -> bool {
    let is_range = |word: &str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('-');
    row(text, node)
        .and_then(|row| row.strip_prefix("primary at epoch "))
        .is_some_and(|rest| rest.split(' ').any(is_range))
}
