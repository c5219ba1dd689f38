//! Faults in words, with whom they really hit.

use crate::fault::{Channel, Direction, LatencyRange, Links, Target, Trouble};
use crate::id::NodeId;
use crate::time::SimDuration;

/// Whom a target turned out to be.
pub(super) fn who(target: Target, node: Option<NodeId>) -> String {
    match (target, node) {
        (Target::Clients, _) => "all clients".to_owned(),
        (Target::Primary(shard), Some(node)) => format!("{node}, the primary of {shard}"),
        (Target::Replica(shard, _), Some(node)) => format!("{node}, a replica of {shard}"),
        (_, Some(node)) => node.to_string(),
        (target, None) => nobody(target),
    }
}

/// That there is nobody a target could mean.
pub(super) fn nobody(target: Target) -> String {
    match target {
        Target::Primary(shard) => format!("{shard} has no primary"),
        Target::Replica(shard, _) => format!("{shard} has no replica"),
        Target::Node(node) => format!("there is no {node}"),
        Target::Clients => "there are no clients".to_owned(),
    }
}

/// Several targets in a row.
pub(super) fn all(targets: &[Target], nodes: &[Option<NodeId>]) -> String {
    let one = |(target, node): (&Target, &Option<NodeId>)| match who(*target, *node).split_once(", ") {
        Some((name, part)) => format!("{name} ({part})"),
        None => who(*target, *node),
    };
    targets.iter().zip(nodes).map(one).collect::<Vec<_>>().join(", ")
}

/// Which way and what a partition cuts.
pub(super) fn extent(direction: Direction, channels: &[Channel]) -> String {
    let way = match direction {
        Direction::Both => "both ways",
        Direction::OneWay => "one way",
    };
    let name = |channel: &Channel| match channel {
        Channel::Client => "client",
        Channel::Bus => "bus",
        Channel::Replication => "replication",
    };
    match channels {
        [] => way.to_owned(),
        some => format!("{way}, {} only", some.iter().map(name).collect::<Vec<_>>().join(" and ")),
    }
}

/// What becomes of links, of whom and for how long.
pub(super) fn links(links: &Links, between: &str, duration: SimDuration) -> String {
    let extent = extent(links.direction, &links.channels);
    let lasts = format!("{between} for {}", seconds(duration));
    match links.trouble {
        Trouble::Cut => format!("links cut {lasts}, {extent}"),
        Trouble::Slow(LatencyRange { min_ns, max_ns }) => {
            format!("latency of {} to {} ms {lasts}", min_ns.as_ms(), max_ns.as_ms())
        }
        Trouble::Tail { one_in, longer: LatencyRange { min_ns, max_ns } } => {
            format!(
                "one chunk in {one_in} {} to {} ms late {lasts}, {extent}",
                min_ns.as_ms(),
                max_ns.as_ms()
            )
        }
        Trouble::Narrow { bytes_per_s } => format!("{bytes_per_s} bytes/s {lasts}, {extent}"),
        Trouble::Jam => format!("traffic jammed {lasts}, {extent}"),
        Trouble::Lossy { one_in } => format!("one chunk in {one_in} lost {lasts}, {extent}"),
        Trouble::Refuse => format!("connections refused {lasts}, {extent}"),
        Trouble::Reset => format!("connections reset {between}, {extent}"),
    }
}

/// A duration for people.
pub(super) fn seconds(duration: SimDuration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}
