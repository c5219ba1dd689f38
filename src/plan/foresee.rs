//! Foresees which operations the plan itself makes impossible, so that nobody takes their failure for a find.
//!
//! Only what is certain is said: a fault counts if it surely fires before the operation starts, a death if the
//! process surely stays dead, a role if nothing in the plan can have moved it. Silence means "may well succeed".
//! The server's rules: `CLUSTER FAILOVER` needs the primary to answer, and so does the hand-over; `FORCE` needs the
//! votes of a majority of all primaries with slots; `TAKEOVER` needs nobody.

use crate::fault::{Effect, Fault, Signal, Target, Trigger};
use crate::id::{NodeId, ShardId};
use crate::op::{self, Failover, FailoverMode, Op, Start};
use crate::time::SimDuration;

use super::{ClusterPlan, NetworkPlan};

/// How much sooner than the node timeout a primary counts as not yet replaced.
const MARGIN: SimDuration = SimDuration::from_secs(1);

/// Says of each operation whether it is expected to fail, and why.
pub(super) fn mark(cluster: &ClusterPlan, network: &NetworkPlan, operations: &mut [Op], faults: &[Fault]) {
    let round_trip = network.latency.max_ns + network.latency.max_ns;
    // A ping that was under way when its node died counts towards the timeout.
    let no_election = SimDuration::from_ms(cluster.node_timeout_ms) - MARGIN - round_trip;
    for index in 0..operations.len() {
        let outlook = Outlook { cluster, operations, faults, index, no_election };
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
    /// A time in which no replica can be elected after a primary died; none if the timeout is short.
    no_election: SimDuration,
}

impl Outlook<'_> {
    fn reason(&self) -> Option<String> {
        let action = &self.operations[self.index].action;
        if let Some(Failover { shard, mode, to }) = action.as_failover() {
            return self.failover(*shard, *mode, *to);
        }
        let typed = action.typed();
        typed.iter().find(|typed| self.is_dead(typed.node)).map(|typed| dead(typed.node))
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
        if mode == FailoverMode::Default && self.cannot_hand_over(shard) {
            return Some(format!("the hand-over of {shard} needs a node that is killed before"));
        }
        (mode != FailoverMode::Takeover && self.is_quorum_lost())
            .then(|| "a majority of the primaries is killed before and cannot vote".to_owned())
    }

    /// Whether an earlier command may have changed which node belongs where.
    fn is_reshaped(&self) -> bool {
        let layout = self.cluster.layout();
        let hands_over = |op: &Op| op.action.as_failover().is_none() && !op.action.failovers().is_empty();
        let reshapes = |op: &Op| {
            hands_over(op) || op.action.reshapes(layout) || op.action.types(|typed| !is_harmless(&typed.args))
        };
        self.earlier().any(reshapes)
    }

    /// The kills that surely fired before the operation starts and after which the process stays dead.
    fn kills(&self) -> impl Iterator<Item = (&Fault, Target)> {
        self.faults.iter().filter(|fault| self.surely_fires(fault)).filter_map(|fault| {
            let (Signal::Kill, None) = fault.action.ends_process()? else { return None };
            // Whether a step of a machine's files comes at all, nobody knows.
            if matches!(fault.action.effect(), Effect::Crash { step: Some(_), .. }) {
                return None;
            }
            let target = match fault.action.targets().first().copied()? {
                // Without replicas nothing ever moves the role.
                Target::Primary(shard) if self.cluster.replicas == 0 => {
                    Target::Node(self.cluster.first_primary(shard))
                }
                other => other,
            };
            (!self.may_restart(self.shard_of(target))).then_some((fault, target))
        })
    }

    fn is_dead(&self, node: NodeId) -> bool {
        self.kills().any(|(_, target)| target == Target::Node(node))
    }

    /// A shard of two nodes with its replica dead, or with both nodes dead. With more nodes, replicas of other
    /// shards may have moved in.
    fn has_no_replica_left(&self, shard: ShardId) -> bool {
        let first = self.cluster.first_primary(shard);
        let is_replica = |fault: &Fault, target: Target| match target {
            Target::Replica(of, _) => of == shard,
            Target::Node(node) => node != first && self.cluster.shard_of(node) == shard,
            _ => false,
        } && self.is_alone(fault, shard) && !self.is_failed_over(shard);
        let mut dead = self.cluster.nodes().filter(|node| self.is_dead(*node));
        self.cluster.replicas == 1
            && (self.kills().any(|(fault, target)| is_replica(fault, target))
                || dead.by_ref().filter(|node| self.cluster.shard_of(*node) == shard).count() == 2)
    }

    /// A hand-over needs two live nodes. In a shard of two any death ends that, whoever is primary by now; in a
    /// larger one the death of the primary does, until another one is elected.
    fn cannot_hand_over(&self, shard: ShardId) -> bool {
        self.kills().any(|(fault, target)| {
            let is_surely_here = matches!(target, Target::Node(_)) || self.is_alone(fault, shard);
            let is_last_but_one = self.cluster.replicas == 1 && self.shard_of(target) == Some(shard);
            is_last_but_one && is_surely_here
                || self.is_primary(fault, target, shard) && self.is_too_early_to_be_replaced(fault)
        })
    }

    /// So many primaries died that the rest is no majority, and so fast that none of them can have been replaced.
    fn is_quorum_lost(&self) -> bool {
        let takes_over =
            |op: &Op| op.action.as_failover().is_some_and(|failover| failover.mode == FailoverMode::Takeover);
        if self.earlier().any(takes_over) {
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
        let moves = |op: &Op| op.action.replaces_primary_of() == Some(shard);
        self.earlier().any(moves)
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
        let hits = |target: Target| self.shard_of(target) == Some(shard);
        fault.action.is_of_links() || fault.action.targets().into_iter().any(hits)
    }

    fn may_restart(&self, shard: Option<ShardId>) -> bool {
        self.faults.iter().any(|fault| {
            let restarts = matches!(fault.action.ends_process(), Some((_, Some(_))));
            restarts && fault.action.targets().into_iter().any(|target| self.shard_of(target) == shard)
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
            Trigger::At { delay_ns } => delay_ns < self.least_start(self.index),
            Trigger::BeforeOp { op, .. } => {
                let own = self.operations[self.index].id;
                op == own || self.waits() && op < own && self.is_waited_for(usize::from(op.0).wrapping_sub(1))
            }
            Trigger::AfterOp { op, delay_ns } => {
                let ended = usize::from(op.0);
                let waits = self.waits() && ended <= self.index && self.is_waited_for(ended.wrapping_sub(1));
                waits && delay_ns < self.least_time(ended)
            }
            Trigger::DuringOp { .. } | Trigger::Seen { .. } => false,
        }
    }

    /// Whether the operation waits for the end of all before it.
    fn waits(&self) -> bool {
        self.operations[self.index].start.is_after()
    }

    /// Whether operations after it wait for the end of an operation: not if it, or what it begins with, waits for a sight.
    fn is_waited_for(&self, index: usize) -> bool {
        let leader = || op::leader(index, |i| &self.operations[i].start);
        index < self.operations.len() && self.operations[leader()].start.cue().is_none()
    }

    /// The operations that may have begun before this one.
    fn earlier(&self) -> impl Iterator<Item = &Op> {
        let ordered = self.operations.iter().all(|op| op.start.is_after());
        let all = self.operations.iter().enumerate();
        all.filter(move |(i, _)| if ordered { *i < self.index } else { *i != self.index }).map(|(_, op)| op)
    }

    /// The least time between the end of the first `ended` operations and the start of this one, which waits for them.
    fn least_time(&self, ended: usize) -> SimDuration {
        let between = self.operations[ended..=self.index].iter().filter(|op| op.start.is_after());
        between.fold(SimDuration::ZERO, |sum, op| sum + op.delay_ns)
    }

    /// The least time between the beginning of the workload and the start of an operation.
    fn least_start(&self, index: usize) -> SimDuration {
        let op = &self.operations[index];
        let before = match op.start {
            Start::Beginning | Start::Seen(_) => SimDuration::ZERO,
            Start::Beside => {
                index.checked_sub(1).map_or(SimDuration::ZERO, |before| self.least_start(before))
            }
            Start::After => {
                let before = (0..index).filter(|before| self.is_waited_for(*before));
                before.map(|before| self.least_start(before)).max().unwrap_or_default()
            }
        };
        before + op.delay_ns
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
        matches!(fault.trigger, Trigger::BeforeOp { op, .. } if op == id) && most < self.no_election
    }

    /// Whether `fault` fires with `first` or so shortly after it that no election fits in between.
    fn is_soon_after(&self, first: &Fault, fault: &Fault) -> bool {
        match (&first.trigger, &fault.trigger) {
            (Trigger::At { delay_ns: one }, Trigger::At { delay_ns: other }) => {
                other >= one && *other - *one < self.no_election
            }
            (Trigger::BeforeOp { op: one, lead_ns: lead }, Trigger::BeforeOp { op: other, lead_ns }) => {
                one == other && *lead + *lead_ns < self.no_election
            }
            (one, other) => one == other,
        }
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
