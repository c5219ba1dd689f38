//! The `nodes.conf` that a node of a formed cluster would have, to start it with.
//!
//! Source of the lines: `clusterSaveConfig`, `clusterGenNodeDescription` and `clusterLoadConfig` in `cluster_legacy.c`.
//! A config epoch is a primary's number, as the operator gives them when he forms a cluster; a replica shows its
//! primary's.

use std::fmt::Write;

use crate::id::{BUS_PORT, CLIENT_PORT, Host, NodeId, ShardId};
use crate::plan::ClusterPlan;
use crate::rng::Stream;

/// The configuration of a formed cluster: one for all its nodes, but for which of them is told.
pub struct Preset {
    /// Each node with its line, in two parts: a node's own line has a flag between them.
    lines: Vec<(NodeId, [String; 2])>,
}

impl Preset {
    /// That of the cluster that the seed names.
    pub fn of(cluster: &ClusterPlan, seed: u64) -> Self {
        Preset { lines: cluster.nodes().map(|node| (node, line(cluster, seed, node))).collect() }
    }

    /// The file of `node`; none if it is no member yet.
    pub fn file(&self, node: NodeId) -> Option<String> {
        self.lines.iter().find(|(member, _)| *member == node)?;
        let mut text = String::new();
        for (other, [who, what]) in &self.lines {
            let flag = if node == *other { "myself," } else { "" };
            let _ = writeln!(text, "{who} {flag}{what}");
        }
        let _ = writeln!(text, "vars currentEpoch {} lastVoteEpoch 0", self.lines.len());
        Some(text)
    }
}

fn line(cluster: &ClusterPlan, seed: u64, node: NodeId) -> [String; 2] {
    let shard = cluster.shard_of(node);
    let primary = cluster.first_primary(shard);
    let (name, address) = (node_name(seed, node), Host::Node(node).address());
    let who = format!("{name} {address}:{CLIENT_PORT}@{BUS_PORT},,shard-id={}", shard_name(seed, shard));
    let epoch = primary.0;
    let what = if node == primary {
        let (first, last) = cluster.slots_of(shard);
        format!("master - 0 0 {epoch} connected {first}-{last}")
    } else {
        format!("slave {} 0 0 {epoch} connected", node_name(seed, primary))
    };
    [who, what]
}

fn node_name(seed: u64, node: NodeId) -> String {
    name(&mut Stream::new(seed, &node.to_string(), "name"))
}

fn shard_name(seed: u64, shard: ShardId) -> String {
    name(&mut Stream::new(seed, &shard.to_string(), "name"))
}

/// 40 hexadecimal digits.
fn name(stream: &mut Stream) -> String {
    const DIGITS: usize = 40;
    let mut digits: String = (0..3).map(|_| format!("{:016x}", stream.bits())).collect();
    digits.truncate(DIGITS);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cluster_nodes::ClusterNodes;

    #[test]
    fn every_node_starts_with_the_same_cluster_and_knows_which_one_it_is() {
        let cluster = ClusterPlan::of(3, 1);
        let preset = Preset::of(&cluster, 7);
        let text = preset.file(NodeId(2)).expect("it is a member");
        expect_test::expect![[r#"
            46e88058b9412b4e13416edca9559b68b02a08c9 10.0.0.1:6379@16379,,shard-id=759d754e2d012cb561bdf427d702f0fce6f3f83c master - 0 0 1 connected 0-5460
            923d3e74a3c80a0ea913ce8077d2f1fd55ba72d3 10.0.0.2:6379@16379,,shard-id=759d754e2d012cb561bdf427d702f0fce6f3f83c myself,slave 46e88058b9412b4e13416edca9559b68b02a08c9 0 0 1 connected
            a2084b34fda9d84995c8800cb6db9bc5a8715aa9 10.0.0.3:6379@16379,,shard-id=3e6202b7764acd26a11c98d6e409194222e9c62d master - 0 0 3 connected 5461-10921
            6e0b2f59794def178a0d6f34a108baa8f1ffc38b 10.0.0.4:6379@16379,,shard-id=3e6202b7764acd26a11c98d6e409194222e9c62d slave a2084b34fda9d84995c8800cb6db9bc5a8715aa9 0 0 3 connected
            b8e20a292caed8c29af405b91362df856824d017 10.0.0.5:6379@16379,,shard-id=f0888698a773dbd6fbf679f06e0c62a0d69c79f3 master - 0 0 5 connected 10922-16383
            3f902b7ea0d7ddf5fb3d83b40b0cd749ebef38e5 10.0.0.6:6379@16379,,shard-id=f0888698a773dbd6fbf679f06e0c62a0d69c79f3 slave b8e20a292caed8c29af405b91362df856824d017 0 0 5 connected
            vars currentEpoch 6 lastVoteEpoch 0
        "#]].assert_eq(&text);
        let rows = ClusterNodes::parse(&text).expect("a server could have written it");
        assert_eq!(rows.nodes.len(), 6);
        let others = preset.file(NodeId(1)).expect("it is a member");
        assert_eq!(preset.file(NodeId(7)), None);
        assert_eq!(text.replace("myself,", ""), others.replace("myself,", ""));
    }

    #[test]
    fn another_seed_names_other_nodes() {
        let cluster = ClusterPlan::of(3, 0);
        let file = |seed| Preset::of(&cluster, seed).file(NodeId(1));
        assert_ne!(file(7), file(8));
    }
}
