//! Faults and operations of a plan in words, as the report tells them.

use crate::fault::{FaultAction, Target};
use crate::op::{FailoverMode, OpAction};

/// A fault: `Process Kill (shard 2, primary, SIGKILL)`.
pub(super) fn fault(action: &FaultAction) -> String {
    match action {
        FaultAction::ProcessKill { target: whom, signal, .. } => {
            format!("Process Kill ({}, {})", target(*whom), signal.name())
        }
        FaultAction::ProcessPause { target: whom, duration_ns } => {
            format!("Process Pause ({}, {duration_ns})", target(*whom))
        }
        FaultAction::NetworkPartition { a, b, duration_ns, .. } => {
            format!("Network Partition ({} from {}, {duration_ns})", targets(a), targets(b))
        }
        FaultAction::NetworkLatency { target: whom, peer, latency, duration_ns } => {
            let to = peer.map_or(String::new(), |peer| format!(" to {}", target(peer)));
            let (min, max) = (latency.min_ns, latency.max_ns);
            format!("Network Latency ({}{to}, {min} to {max}, {duration_ns})", target(*whom))
        }
    }
}

/// An operation: `Failover (shard 1, primary)`.
pub(super) fn operation(action: &OpAction) -> String {
    match action {
        OpAction::Failover { shard, mode, .. } => match mode {
            FailoverMode::Default => format!("Failover ({shard}, primary)"),
            FailoverMode::Force => format!("Failover ({shard}, primary, FORCE)"),
            FailoverMode::Takeover => format!("Failover ({shard}, primary, TAKEOVER)"),
        },
        OpAction::Command { node, args } => format!("Command ({node}, {})", args.join(" ")),
    }
}

fn target(target: Target) -> String {
    match target {
        Target::Primary(shard) => format!("{shard}, primary"),
        Target::Replica(shard, index) => format!("{shard}, replica {}", u32::from(index) + 1),
        Target::Node(node) => node.to_string(),
        Target::Clients => "clients".to_owned(),
    }
}

fn targets(all: &[Target]) -> String {
    match all {
        [] => "everyone else".to_owned(),
        all => all.iter().map(|one| target(*one)).collect::<Vec<_>>().join(" and "),
    }
}
