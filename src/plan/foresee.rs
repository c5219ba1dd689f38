//! Foresees which operations the plan itself makes impossible, so that nobody takes their failure for a find.
//!
//! Only what is certain is said: a fault counts if it surely fires before the operation starts, a death if the
//! process surely stays dead, a role if nothing in the plan can have moved it. Silence means "may well succeed".
//! The server's rules: `CLUSTER FAILOVER` needs the primary to answer, and so does the hand-over; `FORCE` needs the
//! votes of a majority of all primaries with slots; `TAKEOVER` needs nobody.

use crate::fault::{Fault, FaultAction, Signal, Target, Trigger};
use crate::id::{NodeId, ShardId};
use crate::op::{FailoverMode, Op, OpAction};
use crate::time::SimDuration;

use super::ClusterPlan;

/// How much sooner than the node timeout a primary counts as not yet replaced.
const MARGIN_NS: u64 = 1_000_000_000;

/// Says of each operation whether it is expected to fail, and why.
pub(super) fn mark(cluster: &ClusterPlan, operations: &mut [Op], faults: &[Fault]) {
    for index in 0..operations.len() {
        let outlook = Outlook { cluster, operations, faults, index };
        let reason = outlook.reason();
        operations[index].expected_to_fail = reason;
    }
}

/// One operation, and everything that may come before it.
struct Outlook<'p> {
    cluster: &'p ClusterPlan,
    operations: &'p [Op],
    faults: &'p [Fault],
    index: usize,
}

impl Outlook<'_> {
    fn reason(&self) -> Option<String> {
        match &self.operations[self.index].action {
            OpAction::Command { node, .. } => self.is_dead(*node).then(|| dead(*node)),
            OpAction::Failover { shard, mode, to } => self.failover(*shard, *mode, *to),
        }
    }

    fn failover(&self, shard: ShardId, mode: FailoverMode, to: Option<NodeId>) -> Option<String> {
        if self.is_reshaped() {
            return None;
        }
        if let Some(node) = to.filter(|node| self.is_dead(*node)) {
            return Some(dead(node));
        }
        if to == Some(self.cluster.first_primary(shard)) && self.is_untouched(shard) {
            return Some(format!("{} is the primary already", self.cluster.first_primary(shard)));
        }
        if self.has_no_replica_left(shard) {
            return Some(format!("no replica of {shard} is left"));
        }
        if mode == FailoverMode::Default && self.has_lost_its_primary(shard) {
            return Some(format!("the primary of {shard} is killed before and cannot hand over"));
        }
        (mode != FailoverMode::Takeover && self.is_quorum_lost())
            .then(|| "a majority of the primaries is killed before and cannot vote".to_owned())
    }

    /// Whether an earlier command may have changed which node belongs where.
    fn is_reshaped(&self) -> bool {
        let reshapes = |op: &Op| match &op.action {
            OpAction::Command { args, .. } => !is_harmless(args),
            OpAction::Failover { .. } => false,
        };
        self.operations[..self.index].iter().any(reshapes)
    }

    /// The kills that surely fired before the operation starts and after which the process stays dead.
    fn kills(&self) -> impl Iterator<Item = (&Fault, Target)> {
        self.faults.iter().filter(|fault| self.surely_fires(fault)).filter_map(|fault| match fault.action {
            FaultAction::ProcessKill { target, signal: Signal::Kill, restart_after_ns: None } => {
                let target = match target {
                    // Without replicas nothing ever moves the role.
                    Target::Primary(shard) if self.cluster.replicas == 0 => {
                        Target::Node(self.cluster.first_primary(shard))
                    }
                    other => other,
                };
                (!self.may_restart(self.shard_of(target))).then_some((fault, target))
            }
            _ => None,
        })
    }

    fn is_dead(&self, node: NodeId) -> bool {
        self.kills().any(|(_, target)| target == Target::Node(node))
    }

    /// A shard of two nodes with its replica dead, or with both nodes dead. With more nodes, replicas of other
    /// shards may have moved in.
    fn has_no_replica_left(&self, shard: ShardId) -> bool {
        let first = self.cluster.first_primary(shard);
        self.cluster.replicas == 1
            && self.kills().any(|(fault, target)| match target {
                Target::Replica(of, _) => of == shard && self.is_alone(fault, shard),
                Target::Node(node) if self.cluster.shard_of(node) == shard => {
                    let other = NodeId(if node == first { first.0 + 1 } else { first.0 });
                    self.is_dead(other)
                        || node != first && self.is_alone(fault, shard) && !self.is_failed_over(shard)
                }
                _ => false,
            })
    }

    /// A primary that is dead and that no election can have replaced, or whose only replica is all that is left.
    fn has_lost_its_primary(&self, shard: ShardId) -> bool {
        self.kills().any(|(fault, target)| {
            let is_primary = self.is_primary(fault, target, shard);
            is_primary && (self.cluster.replicas == 1 || self.is_too_early_to_be_replaced(fault))
        })
    }

    /// So many primaries died that the rest is no majority, and so fast that none of them can have been replaced.
    fn is_quorum_lost(&self) -> bool {
        let takes_over =
            |op: &Op| matches!(op.action, OpAction::Failover { mode: FailoverMode::Takeover, .. });
        if self.operations[..self.index].iter().any(takes_over) {
            return false;
        }
        let needed = usize::from(self.cluster.shards.div_ceil(2));
        self.kills().any(|(first, _)| {
            let together = |shard: &ShardId| {
                self.kills().any(|(fault, target)| {
                    self.is_soon_after(first, fault) && self.is_primary(fault, target, *shard)
                })
            };
            self.cluster.shards().filter(together).count() >= needed
        })
    }

    /// Whether `fault` surely hits the primary of `shard`.
    fn is_primary(&self, fault: &Fault, target: Target, shard: ShardId) -> bool {
        let by_node =
            target == Target::Node(self.cluster.first_primary(shard)) && !self.is_failed_over(shard);
        (by_node || target == Target::Primary(shard)) && self.is_alone(fault, shard)
    }

    /// Whether an operation up to this one may have moved the role of primary in `shard`.
    fn is_failed_over(&self, shard: ShardId) -> bool {
        let moves = |op: &Op| matches!(op.action, OpAction::Failover { shard: of, .. } if of == shard);
        self.operations[..self.index].iter().any(moves)
    }

    /// Whether nothing at all happens to `shard` before the operation.
    fn is_untouched(&self, shard: ShardId) -> bool {
        !self.is_failed_over(shard) && !self.faults.iter().any(|fault| self.may_touch(fault, shard))
    }

    /// Whether `fault` is the only one that can have moved a role in `shard`.
    fn is_alone(&self, fault: &Fault, shard: ShardId) -> bool {
        !self.faults.iter().any(|other| other.id != fault.id && self.may_touch(other, shard))
    }

    fn may_touch(&self, fault: &Fault, shard: ShardId) -> bool {
        match fault.action {
            FaultAction::ProcessKill { target, .. } | FaultAction::ProcessPause { target, .. } => {
                self.shard_of(target) == Some(shard)
            }
            FaultAction::NetworkPartition { .. } | FaultAction::NetworkLatency { .. } => true,
        }
    }

    fn may_restart(&self, shard: Option<ShardId>) -> bool {
        self.faults.iter().any(|fault| match fault.action {
            FaultAction::ProcessKill { target, restart_after_ns: Some(_), .. } => {
                self.shard_of(target) == shard
            }
            _ => false,
        })
    }

    fn shard_of(&self, target: Target) -> Option<ShardId> {
        match target {
            Target::Primary(shard) | Target::Replica(shard, _) => Some(shard),
            Target::Node(node) => Some(self.cluster.shard_of(node)),
            Target::Clients => None,
        }
    }

    /// Whether the fault has surely fired when the operation starts.
    fn surely_fires(&self, fault: &Fault) -> bool {
        match fault.trigger {
            Trigger::At { delay_ns } => delay_ns < self.least_time(0),
            Trigger::BeforeOp { op, .. } => op <= self.operations[self.index].id,
            Trigger::AfterOp { op, delay_ns } => {
                usize::from(op.0) <= self.index && delay_ns < self.least_time(usize::from(op.0))
            }
            Trigger::DuringOp { .. } => false,
        }
    }

    /// The least time between the end of the first `ended` operations and the start of this one.
    fn least_time(&self, ended: usize) -> SimDuration {
        let between = &self.operations[ended..=self.index];
        between.iter().fold(SimDuration::ZERO, |sum, op| sum + op.delay_ns)
    }

    /// Whether the fault fires so shortly before the operation that no election fits in between.
    fn is_too_early_to_be_replaced(&self, fault: &Fault) -> bool {
        let id = self.operations[self.index].id;
        let leads = self.faults.iter().filter_map(|fault| match fault.trigger {
            Trigger::BeforeOp { op, lead_ns } if op == id => Some(lead_ns),
            _ => None,
        });
        // Several leads may be waited for one after the other; so their sum is the most it can be.
        let most = leads.fold(SimDuration::ZERO, |sum, lead| sum + lead);
        matches!(fault.trigger, Trigger::BeforeOp { op, .. } if op == id) && most < self.no_election()
    }

    /// Whether `fault` fires with `first` or so shortly after it that no election fits in between.
    fn is_soon_after(&self, first: &Fault, fault: &Fault) -> bool {
        match (first.trigger, fault.trigger) {
            (Trigger::At { delay_ns: one }, Trigger::At { delay_ns: other }) => {
                other >= one && other - one < self.no_election()
            }
            (Trigger::BeforeOp { op: one, lead_ns: lead }, Trigger::BeforeOp { op: other, lead_ns }) => {
                one == other && lead + lead_ns < self.no_election()
            }
            (one, other) => one == other,
        }
    }

    /// A time in which no replica can be elected after a primary died; none if the timeout is short.
    fn no_election(&self) -> SimDuration {
        SimDuration::from_ms(self.cluster.node_timeout_ms) - SimDuration::from_ns(MARGIN_NS)
    }
}

fn dead(node: NodeId) -> String {
    format!("{node} is killed before and never restarted")
}

/// Whether a command leaves roles and slots alone for certain.
fn is_harmless(args: &[String]) -> bool {
    let word = |index: usize| args.get(index).map(|word| word.to_ascii_lowercase()).unwrap_or_default();
    let reads = ["info", "nodes", "shards", "slots", "links", "myid", "myshardid", "keyslot", "slot-stats"];
    match word(0).as_str() {
        "cluster" => reads.contains(&word(1).as_str()),
        "ping" | "info" | "dbsize" | "bgsave" | "save" | "lastsave" | "time" | "role" | "flushall" => true,
        "config" => word(1) == "get" || word(1) == "resetstat",
        _ => false,
    }
}
