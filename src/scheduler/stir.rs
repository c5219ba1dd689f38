//! Which nodes did something that goes with another view of the cluster, since somebody asked for that last.
//!
//! A server that changes its mind about the cluster writes it down, says it in its log, or tells others: a claim that
//! differs from the one before, or other doubts. Who did none of that most probably sees the cluster as before.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{BusSummary, Gossiped};
use crate::id::{Host, NodeId};
use crate::world::Seen;

/// Who stirred, and what tells that from going on as before.
#[derive(Debug, Default)]
pub(super) struct Stir {
    stirred: BTreeSet<NodeId>,
    /// What each said last of nodes that it doubts or doubted.
    doubts: BTreeMap<NodeId, BTreeMap<String, u16>>,
}

impl Stir {
    /// A process of this host was seen to do this.
    pub fn see(&mut self, host: Host, seen: &Seen) {
        let Host::Node(node) = host else {
            return;
        };
        let stirs = match seen {
            Seen::Log { .. } | Seen::Saved { .. } => true,
            Seen::Sent { chunk, .. } => chunk.bus.as_ref().is_some_and(|bus| self.is_news(node, bus)),
            _ => false,
        };
        if stirs {
            self.stirred.insert(node);
        }
    }

    /// Who stirred since this was asked last.
    pub fn take(&mut self) -> BTreeSet<NodeId> {
        std::mem::take(&mut self.stirred)
    }

    /// Whether a node says what it has not said before.
    fn is_news(&mut self, node: NodeId, bus: &BusSummary) -> bool {
        let mut is_news = bus.claim.is_some() || bus.about.is_some();
        if bus.gossip.is_empty() {
            return is_news;
        }
        let said = self.doubts.entry(node).or_default();
        for Gossiped(id, flags) in &bus.gossip {
            if said.get(id) != Some(flags) {
                said.insert(id.clone(), *flags);
                is_news = true;
            }
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::message::Chunk;
    use crate::event::{Claim, MessageType};

    const NODE: Host = Host::Node(NodeId(1));

    fn sent(bus: BusSummary) -> Seen {
        Seen::Sent { handle: 1, chunk: Chunk { bus: Some(Box::new(bus)), ..Chunk::plain(Vec::new()) } }
    }

    fn ping() -> BusSummary {
        BusSummary::of_type(MessageType::PING)
    }

    fn gossip(flags: u16) -> Seen {
        sent(BusSummary { gossip: vec![Gossiped("a".to_owned(), flags)], ..ping() })
    }

    /// Whether node 1 stirs with each of them in turn.
    fn stirs(seen: &[Seen]) -> Vec<bool> {
        let mut stir = Stir::default();
        let mut stirs = |seen| {
            stir.see(NODE, seen);
            !stir.take().is_empty()
        };
        seen.iter().map(&mut stirs).collect()
    }

    #[test]
    fn who_says_something_new_stirs_and_who_repeats_himself_does_not() {
        let claim = Claim { id: "a".to_owned(), flags: 1, of: None, slots: Vec::new(), ok: true };
        let claim = sent(BusSummary { claim: Some(Box::new(claim)), ..ping() });
        let about = sent(BusSummary { about: Some("b".to_owned()), ..ping() });
        let (doubts, trusts) = (gossip(Gossiped::PFAIL), gossip(0));
        let seen = [sent(ping()), claim, about, doubts.clone(), doubts, trusts.clone(), trusts];
        assert_eq!(stirs(&seen), [false, true, true, true, false, true, false]);
    }

    #[test]
    fn a_line_of_the_log_and_a_saved_file_stir_and_what_clients_get_does_not() {
        let line = Seen::Log { line: "* FAIL message received".to_owned() };
        let reply = Seen::Sent { handle: 1, chunk: Chunk::plain(b"+OK\r\n".to_vec()) };
        assert_eq!(stirs(&[line, Seen::Saved { epochs: Default::default() }, reply]), [true, true, false]);
    }

    #[test]
    fn what_stirred_is_told_once_and_of_nodes_alone() {
        let line = Seen::Log { line: String::new() };
        let mut stir = Stir::default();
        for host in [Host::Node(NodeId(3)), NODE, Host::Operator] {
            stir.see(host, &line);
        }
        assert_eq!((stir.take(), stir.take()), (BTreeSet::from([NodeId(1), NodeId(3)]), BTreeSet::new()));
    }
}
