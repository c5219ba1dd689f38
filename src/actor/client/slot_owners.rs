//! Whom a client takes for the owner of each slot. It may be wrong: the cluster says so when it is asked.

use std::net::SocketAddrV4;

use redis::Value;

use crate::id::{Host, NodeId};
use crate::plan::ClusterPlan;
use crate::wire::SLOT_COUNT;

/// The owner of every slot, as far as the client knows.
#[derive(Debug)]
pub struct SlotOwners(Vec<Option<NodeId>>);

impl SlotOwners {
    /// The owners that the plan lays out.
    pub fn laid_out(cluster: &ClusterPlan) -> Self {
        let mut owners = SlotOwners(vec![None; usize::from(SLOT_COUNT)]);
        for shard in cluster.shards() {
            let (first, last) = cluster.slots_of(shard);
            owners.set(first, last, cluster.first_primary(shard));
        }
        owners
    }

    /// Who is to be asked about a slot, if anybody is known.
    pub fn owner(&self, slot: u16) -> Option<NodeId> {
        self.0.get(usize::from(slot)).copied().flatten()
    }

    /// A slot is `node`'s now.
    pub fn moved(&mut self, slot: u16, node: NodeId) {
        self.set(slot, slot, node);
    }

    /// Nobody knows who has the slots of `node` now.
    pub fn forget(&mut self, node: NodeId) {
        for owner in self.0.iter_mut().filter(|owner| **owner == Some(node)) {
            *owner = None;
        }
    }

    /// Takes the reply to `CLUSTER SLOTS` of `asked` over. One that names no owner at all says nothing, and so does a
    /// line that is not understood.
    pub fn learn(&mut self, reply: &Value, asked: NodeId) {
        let Value::Array(lines) = reply else { return };
        let ranges: Vec<_> = lines.iter().filter_map(|line| range(line, asked)).collect();
        if ranges.is_empty() {
            return;
        }
        self.0.fill(None);
        for (first, last, node) in ranges {
            self.set(first, last, node);
        }
    }

    fn set(&mut self, first: u16, last: u16, node: NodeId) {
        if let Some(owners) = self.0.get_mut(usize::from(first)..=usize::from(last)) {
            owners.fill(Some(node));
        }
    }
}

/// The node at an address of the simulated network, if it is one.
pub fn node_at(address: SocketAddrV4) -> Option<NodeId> {
    match Host::from_address(*address.ip()) {
        Some(Host::Node(node)) => Some(node),
        _ => None,
    }
}

/// One line of `CLUSTER SLOTS`: first slot, last slot, primary, replicas.
fn range(line: &Value, asked: NodeId) -> Option<(u16, u16, NodeId)> {
    let Value::Array(parts) = line else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = parts.as_slice() else {
        return None;
    };
    let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
    if first > last {
        return None;
    }
    let Value::BulkString(ip) = primary.first()? else { return None };
    // A node that does not know its own address leaves it out: it means itself (`clusterReplyMultiBulkSlots`).
    let node = match ip.as_slice() {
        b"" => asked,
        ip => node_at(SocketAddrV4::new(str::from_utf8(ip).ok()?.parse().ok()?, 0))?,
    };
    Some((first, last, node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::resp::Decoder;

    fn owners() -> SlotOwners {
        let (shards, replicas) = (3, 1);
        let cluster = ClusterPlan::of(shards, replicas);
        SlotOwners::laid_out(&cluster)
    }

    fn learn(owners: &mut SlotOwners, reply: &str) {
        let mut decoder = Decoder::default();
        decoder.push(reply.as_bytes());
        let value = decoder.pop().expect("a reply").expect("a whole reply");
        owners.learn(&value, NodeId(6));
    }

    #[test]
    fn at_first_the_owners_are_those_of_the_plan() {
        let owners = owners();
        let of = [0, 5460, 5461, 10_922, 16_383, 16_384].map(|slot| owners.owner(slot));
        assert_eq!(of, [Some(1), Some(1), Some(3), Some(5), Some(5), None].map(|node| node.map(NodeId)));
    }

    #[test]
    fn a_moved_slot_leaves_its_neighbours_alone() {
        let mut owners = owners();
        owners.moved(7, NodeId(3));
        owners.forget(NodeId(1));
        assert_eq!([6, 7, 8].map(|slot| owners.owner(slot)), [None, Some(NodeId(3)), None]);
    }

    #[test]
    fn cluster_slots_replaces_all_and_nonsense_nothing() {
        let mut owners = owners();
        for nonsense in
            ["*0\r\n", "+OK\r\n", "*1\r\n*3\r\n:9\r\n:1\r\n*1\r\n$8\r\n10.0.0.2\r\n", "*1\r\n*0\r\n"]
        {
            learn(&mut owners, nonsense);
            assert_eq!(owners.owner(0), Some(NodeId(1)), "{nonsense:?}");
        }
        learn(
            &mut owners,
            "*2\r\n*3\r\n:0\r\n:99\r\n*3\r\n$8\r\n10.0.0.2\r\n:6379\r\n$2\r\nid\r\n\
             *3\r\n:100\r\n:199\r\n*2\r\n$0\r\n\r\n:6379\r\n",
        );
        let of = [0, 99, 100, 200].map(|slot| owners.owner(slot));
        assert_eq!(of, [Some(2), Some(2), Some(6), None].map(|node| node.map(NodeId)));
    }
}
