//! Which keys belong to which kind of operation and fault, and which known word is nearest to an unknown one.
//!
//! A key of another kind would silently do nothing, which is the worst a scenario can do; so it is an error.

use super::error::{Place, Problem};
use super::{Chaos, ChaosKind, Operation, OperationKind};

/// Keys that every fault has beside `type` and its target.
const EVERY_FAULT: [&str; 5] = ["coordination", "operation", "delay", "step", "at"];
/// Keys that say whom a fault hits.
const TARGET: [&str; 4] = ["target", "shard", "replica", "node"];

/// The keys of an operation that do not belong to its type.
pub(super) fn stray_in_operation(place: &Place, operation: &Operation) -> Vec<Problem> {
    let failover = ["type", "target", "shard", "node", "mode", "timing", "delay"];
    let command = ["type", "node", "args", "expect", "timing", "delay"];
    let (kind, allowed) = match operation.kind {
        OperationKind::Failover => ("failover", &failover[..]),
        OperationKind::Command => ("command", &command[..]),
    };
    let Operation { kind: _, target, shard, node, mode, args, expect, timing, delay } = operation;
    let present = [
        ("target", target.is_some()),
        ("shard", shard.is_some()),
        ("node", node.is_some()),
        ("mode", mode.is_some()),
        ("args", args.is_some()),
        ("expect", expect.is_some()),
        ("timing", timing.is_some()),
        ("delay", delay.is_some()),
    ];
    stray(place, kind, allowed, &present)
}

/// The keys of a fault that do not belong to its type.
pub(super) fn stray_in_chaos(place: &Place, chaos: &Chaos) -> Vec<Problem> {
    let (kind, own): (_, &[&str]) = match chaos.kind {
        ChaosKind::ProcessKill => ("process_kill", &["signal", "restart_after"]),
        ChaosKind::ProcessPause => ("process_pause", &["duration"]),
        ChaosKind::NetworkPartition => {
            ("network_partition", &["a", "b", "direction", "channels", "duration"])
        }
        ChaosKind::NetworkLatency => ("network_latency", &["latency_ms", "peer", "duration"]),
    };
    let allowed = [&["type"], own, &TARGET, &EVERY_FAULT].concat();
    stray(place, kind, &allowed, &present_in_chaos(chaos))
}

fn present_in_chaos(chaos: &Chaos) -> [(&'static str, bool); 18] {
    [
        ("signal", chaos.signal.is_some()),
        ("target", chaos.target.is_some()),
        ("shard", chaos.shard.is_some()),
        ("replica", chaos.replica.is_some()),
        ("node", chaos.node.is_some()),
        ("a", chaos.a.is_some()),
        ("b", chaos.b.is_some()),
        ("direction", chaos.direction.is_some()),
        ("channels", chaos.channels.is_some()),
        ("latency_ms", chaos.latency_ms.is_some()),
        ("peer", chaos.peer.is_some()),
        ("duration", chaos.duration.is_some()),
        ("restart_after", chaos.restart_after.is_some()),
        ("coordination", chaos.coordination.is_some()),
        ("operation", chaos.operation.is_some()),
        ("delay", chaos.delay.is_some()),
        ("step", chaos.step.is_some()),
        ("at", chaos.at.is_some()),
    ]
}

fn stray(place: &Place, kind: &str, allowed: &[&str], present: &[(&str, bool)]) -> Vec<Problem> {
    let strays = present.iter().filter(|(key, is_there)| *is_there && !allowed.contains(key));
    strays
        .map(|(key, _)| {
            let message = format!("`{key}` does not belong to a {kind}");
            place.key(key).problem(message, format!("its keys are: {}", allowed.join(", ")))
        })
        .collect()
}
