//! What shows that a command took effect: something that a node's own view of the cluster says from then on.

use crate::id::NodeId;

/// Ranges of slots, first and last of each.
pub type Slots = Vec<(u16, u16)>;

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
