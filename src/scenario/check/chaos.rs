//! The checks of `chaos`: whom a fault hits, what it needs, and what it is tied to.

use std::collections::BTreeSet;

use super::Finds;
use crate::scenario::error::Place;
use crate::scenario::keys;
use crate::scenario::{Chaos, ChaosKind, Coordination, Member, Operation, OperationKind, TargetKind};

impl Finds {
    pub(super) fn chaos(&mut self, place: &Place, chaos: &Chaos, operations: &[Operation]) {
        self.problems.extend(keys::stray_in_chaos(place, chaos));
        for (key, value) in [("restart_after", chaos.restart_after), ("delay", chaos.delay), ("at", chaos.at)]
        {
            self.seconds(&place.key(key), value);
        }
        self.duration(&place.key("duration"), chaos.duration);
        self.target(place, chaos);
        self.coordination(place, chaos, operations);
        match chaos.kind {
            ChaosKind::NetworkPartition => self.partition(place, chaos),
            ChaosKind::NetworkLatency => self.slow_links(place, chaos),
            ChaosKind::ProcessKill | ChaosKind::ProcessPause => {}
        }
    }

    fn target(&mut self, place: &Place, chaos: &Chaos) {
        self.shard(place, chaos.shard);
        self.node(&place.key("node"), chaos.node);
        match (chaos.target, chaos.shard, chaos.node) {
            (Some(TargetKind::Primary | TargetKind::Replica), None, _) => {
                self.add(place, "it is not said of which shard", "add `shard:`");
            }
            (Some(TargetKind::Node), _, None) => self.add(place, "it is not said which node", "add `node:`"),
            (Some(TargetKind::Primary | TargetKind::Replica | TargetKind::Random), _, Some(_)) => {
                self.add(&place.key("node"), "the target is no node", "write `target: node`, or no `node:`");
            }
            (_, Some(shard), Some(node)) if self.shape.shard_of(node) != shard => {
                self.add(&place.key("node"), format!("node {node} is not in shard {shard}"), "drop `shard:`");
            }
            _ => {}
        }
        if chaos.target == Some(TargetKind::Replica) && self.shape.replicas == 0 {
            self.add(&place.key("target"), "there are no replicas", "set `cluster.replicas` to 1 or more");
        } else if chaos.target == Some(TargetKind::Replica) {
            self.range(&place.key("replica"), chaos.replica, 1, self.shape.replicas);
        } else if chaos.replica.is_some() {
            self.add(&place.key("replica"), "the target is no replica", "write `target: replica`");
        }
    }

    fn coordination(&mut self, place: &Place, chaos: &Chaos, operations: &[Operation]) {
        let Some(coordination) = chaos.coordination else { return self.uncoordinated(place, chaos) };
        if chaos.at.is_some() {
            self.add(&place.key("at"), "the fault is tied to an operation", "keep `at` or `coordination`");
        }
        if operations.is_empty() {
            let advice = "add one to `operations`, or write `at:` instead";
            return self.add(&place.key("coordination"), "there is no operation to be tied to", advice);
        }
        let named = chaos.operation.map(|number| (number, nth(operations, number)));
        if let Some((number, None)) = named {
            let advice = format!("the operations are 1 to {}", operations.len());
            return self.add(&place.key("operation"), format!("there is no operation {number}"), advice);
        }
        let is_failover = |operation: &Operation| operation.kind == OperationKind::Failover;
        let fits = named.map_or_else(
            || operations.iter().any(is_failover),
            |(_, operation)| operation.is_some_and(is_failover),
        );
        if coordination == Coordination::BeforeFailover && !fits {
            self.add(&place.key("coordination"), "there is no such failover", "write `before_operation`");
        }
        if chaos.step.is_some() {
            self.step(&place.key("step"), chaos, fits);
        }
    }

    fn step(&mut self, place: &Place, chaos: &Chaos, fits: bool) {
        if chaos.coordination != Some(Coordination::DuringOperation) {
            self.add(
                place,
                "a step is a moment within an operation",
                "write `during_operation`, or no `step`",
            );
        } else if !fits {
            self.add(place, "only a failover has steps", "write `delay:` instead");
        }
        if chaos.delay.is_some() {
            self.add(place, "there is a delay too", "keep `delay` or `step`");
        }
    }

    fn uncoordinated(&mut self, place: &Place, chaos: &Chaos) {
        let tied = [
            ("operation", chaos.operation.is_some()),
            ("delay", chaos.delay.is_some()),
            ("step", chaos.step.is_some()),
        ];
        for (key, is_there) in tied {
            if is_there {
                let advice = "add `coordination:`, or write `at:` (seconds after the workload began)";
                self.add(&place.key(key), "the fault is tied to no operation", advice);
            }
        }
    }

    fn partition(&mut self, place: &Place, chaos: &Chaos) {
        let targeted = chaos.target.is_some() || chaos.shard.is_some() || chaos.node.is_some();
        if targeted && (chaos.a.is_some() || chaos.b.is_some()) {
            self.add(place, "there are a target and sides", "keep `target`, or `a` and `b`");
        }
        if chaos.b.is_some() && chaos.a.is_none() {
            self.add(&place.key("b"), "there is no side `a`", "name one side `a`");
        }
        if chaos.channels.as_ref().is_some_and(Vec::is_empty) {
            self.add(&place.key("channels"), "no channel is cut", "leave `channels` out to cut all of them");
        }
        let mut seen = BTreeSet::new();
        for (key, side) in [("a", &chaos.a), ("b", &chaos.b)] {
            self.side(&place.key(key), side.as_deref(), &mut seen);
        }
        if chaos.b.is_none() && seen.len() as u64 > self.shape.nodes() {
            self.add(&place.key("a"), "everybody is on this side", "leave somebody out");
        }
    }

    /// One side; `seen` holds the members met so far, with 0 for the clients.
    fn side(&mut self, place: &Place, side: Option<&[Member]>, seen: &mut BTreeSet<u64>) {
        let Some(side) = side else { return };
        if side.is_empty() {
            self.add(place, "nobody is on this side", "list nodes by number, or `clients`");
        }
        for (index, member) in side.iter().enumerate() {
            let (number, name) = match member {
                Member::Clients => (0, "clients".to_owned()),
                Member::Node(number) => (*number, format!("node {number}")),
            };
            if matches!(member, Member::Node(_)) {
                self.node(&place.index(index), Some(number));
            }
            if !seen.insert(number) {
                self.add(
                    &place.index(index),
                    format!("{name} stands twice"),
                    "everybody is on one side at most",
                );
            }
        }
    }

    fn slow_links(&mut self, place: &Place, chaos: &Chaos) {
        match &chaos.latency_ms {
            Some(latency) => self.latency(&place.key("latency_ms"), latency),
            None => self.add(place, "it is not said how slow", "add `latency_ms: {min: 50, max: 200}`, say"),
        }
        self.node(&place.key("peer"), chaos.peer);
        if chaos.peer.is_some() && chaos.peer == chaos.node {
            self.add(&place.key("peer"), "a node has no link to itself", "name another node");
        }
    }
}

fn nth(operations: &[Operation], number: u64) -> Option<&Operation> {
    operations.get(usize::try_from(number.checked_sub(1)?).ok()?)
}
