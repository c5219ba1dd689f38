//! Seeds whose operator changes who is a member of the cluster, and of which shard.
//!
//! A small share of the seeds that tell no story, with few other faults: a node that comes or goes while everything else breaks
//! has an excuse for nearly anything.

use super::story::Story;
use super::{Shape, stream};
use crate::language::{Entry, Layout, Value};
use crate::op;
use crate::rng::Stream;
use crate::scenario::Network;

/// The share of such seeds, of those that tell no story: one of these many.
const ONE_IN: u64 = 8;
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
    let count = stream.range(1..=2);
    let kinds = kinds(network);
    let operations = (0..count).map(|_| operation(&mut stream, &kinds, layout)).collect();
    let chaos = fault(&mut stream, layout).map(Entry::written).into_iter().collect();
    Some(Story { operations, chaos, works_s: 25.0, keys: None })
}

/// What can be done on a network: who drains a shard key by key over slow links has not done with it when the run is over.
fn kinds(network: &Network) -> Vec<(u64, &'static str)> {
    let is_slow = network.latency_ms.as_ref().is_some_and(|latency| latency.max > SLOW_MS);
    KINDS.iter().copied().filter(|(_, kind)| !is_slow || *kind != "scale_in").collect()
}

fn operation(stream: &mut Stream, kinds: &[(u64, &'static str)], layout: Layout) -> Value {
    let kind = stream.weighted(kinds);
    let own = op::draw_kind(kind, stream, layout);
    own.with("timing", "delayed").with("delay", stream.tenths(10..=50)).written()
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
            let plan = resolve(&generate(seed, Overrides::default()), None).expect("it can be run");
            let changes = plan.operations.iter().map(|op| op.action.kind());
            let changes = changes.filter(|kind| super::KINDS.iter().any(|(_, name)| kind == name));
            let changes: Vec<String> = changes.collect();
            assert!(changes.is_empty() || changes.len() == plan.operations.len() && plan.faults.len() <= 1);
            changes.into_iter().for_each(|kind| *kinds.entry(kind).or_insert(0) += 1);
        }
        assert_eq!(kinds.len(), super::KINDS.len(), "{kinds:?}");
        assert!(kinds.values().all(|count| (2..80).contains(count)), "{kinds:?}");
    }
}
