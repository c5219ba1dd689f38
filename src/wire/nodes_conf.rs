//! The `nodes.conf` that a node of a formed cluster would have, to start it with.
//!
//! Source of the lines: `clusterSaveConfig`, `clusterGenNodeDescription` and `clusterLoadConfig` in `cluster_legacy.c`.
//! A config epoch is a primary's number, as the operator gives them when he forms a cluster; a replica shows its
//! primary's.

use std::fmt::Write;

use crate::id::{BUS_PORT, CLIENT_PORT, Host, NodeId, ShardId};
use crate::plan::ClusterPlan;
use crate::rng::Stream;

/// The file of `node`, in the cluster that the seed names.
pub fn preset(cluster: &ClusterPlan, seed: u64, node: NodeId) -> String {
    let mut text = String::new();
    for other in cluster.nodes() {
        let _ = writeln!(text, "{}", line(cluster, seed, other, node == other));
    }
    let _ = writeln!(text, "vars currentEpoch {} lastVoteEpoch 0", cluster.node_count());
    text
}

fn line(cluster: &ClusterPlan, seed: u64, node: NodeId, is_self: bool) -> String {
    let shard = cluster.shard_of(node);
    let primary = cluster.first_primary(shard);
    let (role, of, slots) = match node == primary {
        true => {
            let (first, last) = cluster.slots_of(shard);
            ("master", "-".to_owned(), format!(" {first}-{last}"))
        }
        false => ("slave", node_name(seed, primary), String::new()),
    };
    let (name, address, shard_name) =
        (node_name(seed, node), Host::Node(node).address(), shard_name(seed, shard));
    let (flags, epoch) = (if is_self { "myself," } else { "" }, primary.0);
    format!(
        "{name} {address}:{CLIENT_PORT}@{BUS_PORT},,shard-id={shard_name} {flags}{role} {of} 0 0 {epoch} \
         connected{slots}"
    )
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
        let text = preset(&cluster, 7, NodeId(2));
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
        let others = preset(&cluster, 7, NodeId(1));
        assert_eq!(text.replace("myself,", ""), others.replace("myself,", ""));
    }

    #[test]
    fn another_seed_names_other_nodes() {
        let cluster = ClusterPlan::of(3, 0);
        assert_ne!(preset(&cluster, 7, NodeId(1)), preset(&cluster, 8, NodeId(1)));
    }
}
