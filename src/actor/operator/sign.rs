//! Whether a node's own view shows what a command was typed for.

use super::roll::Roll;
use crate::id::NodeId;
use crate::op::Sign;
use crate::wire::Role;
use crate::wire::cluster_nodes::{ClusterNodes, NodeEntry, NodeFlag};

/// Whether a node's own view shows the sign.
pub(super) fn shows(sign: &Sign, view: &ClusterNodes, roll: &Roll) -> bool {
    let Some(own) = view.myself() else { return false };
    let is = |entry: &NodeEntry, node: NodeId| roll.node_of(entry) == Some(node);
    let knows =
        |node: NodeId| view.nodes.iter().any(|entry| is(entry, node) && !entry.has(&NodeFlag::Handshake));
    let named = |id: &str, node: NodeId| roll.names.get(id) == Some(&node);
    match sign {
        Sign::Knows(node) => knows(*node),
        Sign::Forgot(node) => !knows(*node),
        Sign::Follows(node) => {
            own.role() == Some(Role::Replica) && own.primary.as_deref().is_some_and(|id| named(id, *node))
        }
        Sign::Alone => view.nodes.len() == 1 && own.slots.is_empty(),
        Sign::Owns(slots) => each(slots).all(|slot| own.owns(slot)),
        Sign::Lacks(slots) => !each(slots).any(|slot| own.owns(slot)),
        Sign::GivesTo(slot, node) => view.owner_of(*slot).is_some_and(|entry| is(entry, *node)),
        Sign::Open(slot, node) => {
            own.open_slots.iter().any(|open| open.slot == *slot && named(&open.peer, *node))
        }
        Sign::Closed(slot) => own.open_slots.iter().all(|open| open.slot != *slot),
        Sign::Epoch(epoch) => own.config_epoch == *epoch,
    }
}

fn each(slots: &[(u16, u16)]) -> impl Iterator<Item = u16> {
    slots.iter().flat_map(|(first, last)| *first..=*last)
}

/// What shows, said of the node: `knows node-3`.
pub(super) fn in_words(sign: &Sign) -> String {
    match sign {
        Sign::Knows(node) => format!("knows {node}"),
        Sign::Forgot(node) => format!("does not know {node}"),
        Sign::Follows(node) => format!("is a replica of {node}"),
        Sign::Alone => "knows nobody".to_owned(),
        Sign::Owns(slots) => format!("owns {} slots", each(slots).count()),
        Sign::Lacks(slots) => format!("owns none of {} slots", each(slots).count()),
        Sign::GivesTo(slot, node) => format!("gives slot {slot} to {node}"),
        Sign::Open(slot, node) => format!("holds slot {slot} open with {node}"),
        Sign::Closed(slot) => format!("does not hold slot {slot} open"),
        Sign::Epoch(epoch) => format!("has the config epoch {epoch}"),
    }
}
