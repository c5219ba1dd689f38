//! What shows that a command took effect: something that a node's own view of the cluster says from then on.

use crate::id::NodeId;

/// Ranges of slots, first and last of each.
pub type Slots = Vec<(u16, u16)>;

/// Whether two lists of ranges have a slot in common.
pub fn share_slots(one: &[(u16, u16)], other: &[(u16, u16)]) -> bool {
    one.iter().any(|a| other.iter().any(|b| a.0 <= b.1 && b.0 <= a.1))
}

/// Something to be seen in a node's own view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It knows the node as a member.
    Knows(NodeId),
    /// It does not know the node.
    Forgot(NodeId),
    /// It is a replica of the node.
    Follows(NodeId),
    /// It knows nobody but itself, and has no slots.
    Alone,
    /// It owns all of these slots.
    Owns(Slots),
    /// It gives none of these slots to itself.
    Lacks(Slots),
    /// It gives the slot to the node.
    GivesTo(u16, NodeId),
    /// It holds the slot open, to or from the node.
    Open(u16, NodeId),
    /// It holds the slot open no more.
    Closed(u16),
    /// It has this config epoch.
    Epoch(u64),
}
