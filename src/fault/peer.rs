//! A target and, perhaps, the one node at the other end of its links.

use crate::id::NodeId;
use crate::language::Reader;
use crate::language::target::Target;

/// Reads the key `peer`, which is not to be the node that is aimed at.
pub(super) fn read(reader: &mut Reader) -> Option<NodeId> {
    let peer = reader.node("peer");
    if peer.is_some() && peer == reader.node("node") {
        reader.wrong_at("peer", "a node has no link to itself", "name another node");
    }
    peer
}

/// Both.
pub(super) fn targets(target: Target, peer: Option<Target>) -> Vec<Target> {
    [target].into_iter().chain(peer).collect()
}

/// The same, to be changed.
pub(super) fn targets_mut<'t>(target: &'t mut Target, peer: &'t mut Option<Target>) -> Vec<&'t mut Target> {
    [target].into_iter().chain(peer).collect()
}

/// Whether a scenario has words for them.
pub(super) fn can_be_said(target: Target, peer: Option<Target>) -> bool {
    target != Target::Clients && peer.is_none_or(|peer| matches!(peer, Target::Node(_)))
}
