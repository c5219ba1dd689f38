//! The faults of a plan: whom each hits, when it fires, and how long it lasts, drawn where the scenario is silent.

use crate::fault::{Fault, FaultAction, FaultId, Moment, Signal, Target, Trigger};
use crate::id::{NodeId, ShardId};
use crate::op::{FailoverMode, Op, OpAction};
use crate::rng::Stream;
use crate::scenario::{Chaos, ChaosKind, Coordination, Member, TargetKind};
use crate::time::SimDuration;

use super::written::{drawn_ms, latency, small};
use super::{ClusterPlan, WorkloadPlan};

/// What the faults of one plan are drawn from.
pub(super) struct Draw<'p> {
    pub(super) seed: u64,
    pub(super) cluster: &'p ClusterPlan,
    pub(super) operations: &'p [Op],
    pub(super) workload: Option<&'p WorkloadPlan>,
}

impl Draw<'_> {
    /// The fault that `written` describes.
    pub(super) fn fault(&self, id: FaultId, written: &Chaos) -> Fault {
        let target = self.target(id, written);
        let duration_ns = written
            .duration
            .map(SimDuration::from_secs_f64)
            .unwrap_or_else(|| self.drawn(id, "duration", 1_000..=10_000));
        let action = match written.kind {
            ChaosKind::ProcessKill => FaultAction::ProcessKill {
                target,
                signal: written.signal.unwrap_or(Signal::Kill),
                restart_after_ns: written.restart_after.map(SimDuration::from_secs_f64),
            },
            ChaosKind::ProcessPause => FaultAction::ProcessPause { target, duration_ns },
            ChaosKind::NetworkPartition => FaultAction::NetworkPartition {
                a: written.a.as_ref().map_or_else(|| vec![target], |side| members(side)),
                b: written.b.as_deref().map(members).unwrap_or_default(),
                direction: written.direction.unwrap_or_default(),
                channels: written.channels.clone().unwrap_or_default(),
                duration_ns,
            },
            ChaosKind::NetworkLatency => FaultAction::NetworkLatency {
                target,
                peer: written.peer.map(|peer| Target::Node(NodeId(small(peer)))),
                latency: latency(&written.latency_ms.expect("check demands the latency of slow links")),
                duration_ns,
            },
        };
        Fault { id, trigger: self.trigger(id, written), action }
    }

    fn stream(&self, id: FaultId, what: &str) -> Stream {
        Stream::new(self.seed, "plan", &format!("fault {} {what}", id.0))
    }

    fn drawn(&self, id: FaultId, what: &str, range_ms: std::ops::RangeInclusive<u64>) -> SimDuration {
        drawn_ms(self.seed, &format!("fault {} {what}", id.0), range_ms)
    }

    /// Roles stay roles, to be looked up when the fault fires; `random` becomes a node here.
    fn target(&self, id: FaultId, written: &Chaos) -> Target {
        let shard = written.shard.map(|shard| ShardId(small(shard)));
        let mut stream = self.stream(id, "target");
        match (written.target, shard, written.node) {
            (Some(TargetKind::Primary), Some(shard), _) => Target::Primary(shard),
            (Some(TargetKind::Replica), Some(shard), _) => {
                let any = stream.below(u64::from(self.cluster.replicas.max(1)));
                Target::Replica(shard, small(written.replica.map_or(any, |nth| nth - 1)))
            }
            (_, _, Some(node)) => Target::Node(NodeId(small(node))),
            (_, Some(shard), None) => {
                let first = self.cluster.first_primary(shard).0;
                Target::Node(NodeId(first + small(stream.range(0..=u64::from(self.cluster.replicas)))))
            }
            (_, None, None) => {
                Target::Node(NodeId(small(stream.range(1..=u64::from(self.cluster.node_count())))))
            }
        }
    }

    fn trigger(&self, id: FaultId, written: &Chaos) -> Trigger {
        let delay = written.delay.map(SimDuration::from_secs_f64);
        let Some(coordination) = written.coordination else {
            let at = written.at.map(SimDuration::from_secs_f64);
            return Trigger::At { delay_ns: at.unwrap_or_else(|| self.drawn(id, "at", self.working_ms())) };
        };
        let op = self.tied_to(written, coordination);
        match coordination {
            Coordination::BeforeOperation | Coordination::BeforeFailover => {
                Trigger::BeforeOp { op: op.id, lead_ns: delay.unwrap_or_default() }
            }
            Coordination::DuringOperation => Trigger::DuringOp {
                op: op.id,
                moment: match (delay, written.step) {
                    (Some(delay_ns), _) => Moment::After { delay_ns },
                    (None, Some(step)) => Moment::BusStep { step: step as u8 },
                    (None, None) => self.moment(id, op),
                },
            },
            Coordination::AfterOperation => {
                Trigger::AfterOp { op: op.id, delay_ns: delay.unwrap_or_default() }
            }
        }
    }

    /// The part of the run in which a fault without a time fires: the first three quarters of the workload.
    fn working_ms(&self) -> std::ops::RangeInclusive<u64> {
        let duration_ms = self.workload.map_or(10_000, |workload| workload.duration_ns.as_ms());
        0..=duration_ms / 4 * 3
    }

    /// The operation named by number, else the first that fits and is in the fault's shard, else the first that fits.
    fn tied_to(&self, written: &Chaos, coordination: Coordination) -> &Op {
        if let Some(number) = written.operation {
            return &self.operations[usize::from(small(number)) - 1];
        }
        let any_will_do = coordination != Coordination::BeforeFailover && written.step.is_none();
        let fits = |op: &&Op| any_will_do || matches!(op.action, OpAction::Failover { .. });
        let node = written.node.or_else(|| first_node(written.a.as_deref()));
        let shard = written.shard.map(|shard| ShardId(small(shard)));
        let shard = shard.or_else(|| node.map(|node| self.cluster.shard_of(NodeId(small(node)))));
        let mut fitting = self.operations.iter().filter(fits);
        let same_shard = fitting.clone().find(|op| Some(self.shard_of(op)) == shard);
        same_shard.or_else(|| fitting.next()).expect("check demands an operation to be tied to")
    }

    fn shard_of(&self, op: &Op) -> ShardId {
        match &op.action {
            OpAction::Failover { shard, .. } => *shard,
            OpAction::Command { node, .. } => self.cluster.shard_of(*node),
        }
    }

    /// A step that the operation shows on the bus: without a hand-over no pause, without a vote nothing at all.
    fn moment(&self, id: FaultId, op: &Op) -> Moment {
        let steps = match op.action {
            OpAction::Failover { mode: FailoverMode::Default, .. } => 0..=3,
            OpAction::Failover { mode: FailoverMode::Force, .. } => 2..=3,
            _ => return Moment::After { delay_ns: SimDuration::ZERO },
        };
        Moment::BusStep { step: self.stream(id, "moment").range(steps) as u8 }
    }
}

fn members(side: &[Member]) -> Vec<Target> {
    side.iter()
        .map(|member| match member {
            Member::Node(number) => Target::Node(NodeId(small(*number))),
            Member::Clients => Target::Clients,
        })
        .collect()
}

fn first_node(side: Option<&[Member]>) -> Option<u64> {
    side?.iter().find_map(|member| match member {
        Member::Node(number) => Some(*number),
        Member::Clients => None,
    })
}
