//! Seeds whose operator changes who is a member of the cluster, and of which shard.
//!
//! A small share of the seeds that tell no story, with few other faults: a node that comes or goes while everything else breaks
//! has an excuse for nearly anything.

use super::story::Story;
use super::{Shape, later, stream};
use crate::id::{NodeId, ShardId};
use crate::language::{Entry, Layout, Value};
use crate::op;
use crate::rng::Stream;
use crate::scenario::Network;

/// The share of such seeds, of those that tell no story: one of these many.
const ONE_IN: u64 = 5;
/// Slots of larger clusters take too long to move.
const MOST_SHARDS: u64 = 5;
/// Links above it are too slow for thousands of slots.
const SLOW_MS: f64 = 5.0;

/// What is done, and how often compared with the others.
const KINDS: &[(u64, &str)] =
    &[(3, "add_replica"), (3, "remove_replica"), (3, "move_replica"), (2, "scale_out"), (1, "scale_in")];

/// One or two such operations, if the seed has any; the cluster gets two spare nodes.
pub(super) fn draw(seed: u64, shape: &mut Shape, network: &Network) -> Option<Story> {
    let mut stream = stream(seed, "members");
    if shape.replicas == 0 || shape.shards > MOST_SHARDS || !stream.chance(1, ONE_IN) {
        return None;
    }
    shape.spares = Some(2);
    let layout = shape.layout();
    let (operations, chaos) = match stream.weighted(&[(4, 0), (1, 1), (1, 2)]) {
        1 => (renewed(&mut stream, layout), Vec::new()),
        2 => forgotten_one_by_one(&mut stream, layout),
        _ => {
            let count = stream.range(1..=2);
            let kinds = kinds(network);
            let operations = (0..count).map(|_| operation(&mut stream, &kinds, layout)).collect();
            (operations, fault(&mut stream, layout).into_iter().collect())
        }
    };
    let written = |entries: Vec<Entry>| entries.into_iter().map(Entry::written).collect();
    Some(Story { operations: written(operations), chaos: written(chaos), works_s: 25.0, ..Story::default() })
}

/// What can be done on a network: who drains a shard key by key over slow links has not done with it when the run is over.
fn kinds(network: &Network) -> Vec<(u64, &'static str)> {
    let is_slow = network.latency_ms.as_ref().is_some_and(|latency| latency.max > SLOW_MS);
    KINDS.iter().copied().filter(|(_, kind)| !is_slow || *kind != "scale_in").collect()
}

fn operation(stream: &mut Stream, kinds: &[(u64, &'static str)], layout: Layout) -> Entry {
    let kind = stream.weighted(kinds);
    let own = op::draw_kind(kind, stream, layout);
    later(own, stream.tenths(10..=50))
}

/// A replica of some shard, and the first node of that.
fn replica(stream: &mut Stream, layout: Layout) -> (NodeId, NodeId) {
    let first = layout.first_primary(ShardId(stream.range(1..=u64::from(layout.shards)) as u16));
    let nth = stream.range(1..=u64::from(layout.replicas)) as u16;
    (NodeId(first.0 + nth), first)
}

/// All nodes that are there from the beginning, but for some.
fn all_but(layout: Layout, some: &[NodeId]) -> Vec<Value> {
    let all = (1..=layout.shards * (layout.replicas + 1)).map(NodeId);
    all.filter(|node| !some.contains(node)).map(Value::from).collect()
}

/// A replica that may have voted is forgotten, gives up who it was, and comes back as somebody else, in half of the seeds as a replica.
fn renewed(stream: &mut Stream, layout: Layout) -> Vec<Entry> {
    let (node, primary) = replica(stream, layout);
    let take_over = |to| Entry::of("failover").with("node", to);
    let forget = Entry::of("forget").with("whom", node).with("nodes", all_but(layout, &[node]));
    let reset = Entry::of("reset").with("node", node).with("hard", true);
    let meet = Entry::of("meet").with("node", node).with("with", primary);
    let mut operations = vec![take_over(node), take_over(primary), forget, reset, meet];
    if stream.chance(1, 2) {
        operations.push(Entry::of("replicate").with("node", node).with("of", primary));
    }
    operations.into_iter().map(|operation| later(operation, stream.tenths(15..=35))).collect()
}

/// A replica that has ended is forgotten by one node first, which the others tell of it meanwhile.
fn forgotten_one_by_one(stream: &mut Stream, layout: Layout) -> (Vec<Entry>, Vec<Entry>) {
    let (node, first) = replica(stream, layout);
    let forget = |nodes: Vec<Value>| Entry::of("forget").with("whom", node).with("nodes", nodes);
    let ends = Entry::of("shutdown").with("node", node).with("options", vec![Value::from("now")]);
    let operations = [ends, forget(vec![Value::from(first)]), forget(all_but(layout, &[node, first]))];
    let operations = operations.map(|operation| later(operation, stream.tenths(30..=50)));
    // Its word that the node is forgotten reaches nobody.
    let cut = Entry::of("network_partition").with("a", vec![Value::from(first)]);
    let cut = cut.with("channels", vec![Value::from("bus")]).with("duration", stream.tenths(8..=15));
    let cut = cut.with("coordination", "before_operation").with("operation", 2_u64).with("delay", 0.3);
    (operations.to_vec(), vec![cut])
}

/// In half of the seeds a node dies or stands still meanwhile, for a while.
fn fault(stream: &mut Stream, layout: Layout) -> Option<Entry> {
    let name = stream.weighted(&[(2, None), (1, Some("process_kill")), (1, Some("process_pause"))])?;
    let node = stream.range(1..=u64::from(layout.node_count()));
    let fault = Entry::of(name).with("target", "node").with("node", node).with("at", stream.tenths(10..=80));
    Some(match name {
        "process_kill" => fault.with("restart_after", stream.tenths(5..=90)),
        _ => fault.with("duration", stream.tenths(2..=80)),
    })
}

#[cfg(test)]
mod tests {
    use crate::plan::resolve::resolve;
    use crate::plan::{Overrides, generate};

    #[test]
    fn a_few_seeds_change_who_is_a_member_and_every_way_is_among_them() {
        let mut kinds = std::collections::BTreeMap::new();
        for seed in 0..2_000 {
            let plan = resolve(&generate(seed, &Overrides::default()), None).expect("it can be run");
            let changes: Vec<String> = plan.operations.iter().map(|op| op.action.kind()).collect();
            let is_one =
                |kind: &String| super::KINDS.iter().any(|(_, name)| kind == name) || kind == "forget";
            let changes: Vec<String> = changes.into_iter().filter(is_one).collect();
            assert!(changes.is_empty() || plan.faults.len() <= 1);
            changes.into_iter().for_each(|kind| *kinds.entry(kind).or_insert(0) += 1);
        }
        assert_eq!(kinds.len(), super::KINDS.len() + 1, "{kinds:?}");
        assert!(kinds.values().all(|count| (2..80).contains(count)), "{kinds:?}");
    }
}
