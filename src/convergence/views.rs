//! What a survey's note says of a node.

use crate::event::{Doubt, Member, ViewRole, ViewRow};
use crate::id::NodeId;

/// How much the view doubts that the node is alive; nothing if it does not, or does not say.
pub(super) fn doubt(rows: &[ViewRow], node: NodeId) -> Option<Doubt> {
    row(rows, node).and_then(|row| row.doubt)
}

/// Whether the view has the node as a primary with slots.
pub(super) fn owns_slots(rows: &[ViewRow], node: NodeId) -> bool {
    let owns = |row: &ViewRow| matches!(row.role, ViewRole::Primary { .. }) && !row.slots.is_empty();
    row(rows, node).is_some_and(owns)
}

fn row(rows: &[ViewRow], node: NodeId) -> Option<&ViewRow> {
    rows.iter().find(|row| row.member == Member::Node(node))
}
