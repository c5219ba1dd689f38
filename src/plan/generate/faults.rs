//! The faults of a generated scenario: some kinds per seed, each with its heal, some tied to operations.

use super::{Size, stream, tenths, weighted};
use crate::fault::{Channel, Direction, Signal};
use crate::rng::Stream;
use crate::scenario::{
    Chaos, ChaosKind, Coordination, LatencyMs, Member, Operation, OperationKind, TargetKind,
};

/// What can be switched on or off for a seed.
const KINDS: [(ChaosKind, Option<Signal>); 5] = [
    (ChaosKind::ProcessKill, Some(Signal::Kill)),
    (ChaosKind::ProcessKill, Some(Signal::Term)),
    (ChaosKind::ProcessPause, None),
    (ChaosKind::NetworkPartition, None),
    (ChaosKind::NetworkLatency, None),
];

/// The faults of a seed, none at all in some.
pub(super) fn chaos(seed: u64, cluster: &Size, operations: &[Operation]) -> Vec<Chaos> {
    let counts = [(10, 0), (25, 1), (30, 2), (20, 3), (10, 4), (5, 5)];
    let count: u64 = weighted(&mut stream(seed, "fault count"), &counts);
    let swarm = Swarm::of(seed);
    (1..=count)
        .map(|number| {
            let mut stream = stream(seed, &format!("fault {number}"));
            let mut fault = swarm.fault(&mut stream, cluster);
            time(&mut stream, &mut fault, operations);
            fault
        })
        .collect()
}

/// What one seed does at all.
struct Swarm {
    kinds: Vec<(ChaosKind, Option<Signal>)>,
    kills_for_good: bool,
}

impl Swarm {
    fn of(seed: u64) -> Swarm {
        let mut draw = stream(seed, "fault kinds");
        let mut kinds: Vec<_> = KINDS.into_iter().filter(|_| draw.chance(1, 2)).collect();
        if kinds.is_empty() {
            kinds.extend(draw.pick(&KINDS));
        }
        Swarm { kinds, kills_for_good: stream(seed, "kills for good").chance(1, 5) }
    }

    fn fault(&self, stream: &mut Stream, cluster: &Size) -> Chaos {
        let (kind, signal) = *stream.pick(&self.kinds).expect("a seed has at least one kind of fault");
        let fault = Chaos { signal, ..Chaos::of(kind) };
        match kind {
            ChaosKind::ProcessKill => {
                let stays_dead = self.kills_for_good && stream.chance(1, 2);
                let restart_after = (!stays_dead).then(|| tenths(stream, 5..=120));
                Chaos { restart_after, ..aimed(stream, cluster, fault) }
            }
            ChaosKind::ProcessPause => {
                Chaos { duration: Some(tenths(stream, 2..=120)), ..aimed(stream, cluster, fault) }
            }
            ChaosKind::NetworkPartition => partition(stream, cluster, fault),
            ChaosKind::NetworkLatency => slow_links(stream, cluster, fault),
        }
    }
}

/// Aims at a role more often than at a node: what role a node has is what the cluster is about.
fn aimed(stream: &mut Stream, cluster: &Size, fault: Chaos) -> Chaos {
    let shard = Some(stream.range(1..=cluster.shards));
    let node = stream.range(1..=cluster.nodes());
    let kinds = [
        (6, TargetKind::Primary),
        (if cluster.replicas > 0 { 3 } else { 0 }, TargetKind::Replica),
        (1, TargetKind::Random),
        (1, TargetKind::Node),
    ];
    let target = Some(weighted(stream, &kinds));
    match target {
        Some(TargetKind::Node) => Chaos { target, node: Some(node), ..fault },
        _ => Chaos { target, shard, ..fault },
    }
}

fn partition(stream: &mut Stream, cluster: &Size, fault: Chaos) -> Chaos {
    let directions = [(3, None), (2, Some(Direction::OneWay))];
    let channels: [(u64, Option<&[Channel]>); 4] = [
        (6, None),
        (2, Some(&[Channel::Bus])),
        (1, Some(&[Channel::Replication])),
        (1, Some(&[Channel::Bus, Channel::Replication])),
    ];
    let fault = Chaos {
        direction: weighted(stream, &directions),
        channels: weighted(stream, &channels).map(<[Channel]>::to_vec),
        duration: Some(tenths(stream, 10..=150)),
        ..fault
    };
    if stream.chance(1, 2) {
        return aimed(stream, cluster, fault);
    }
    let (a, b) = sides(stream, cluster);
    Chaos { a: Some(a), b, ..fault }
}

/// A minority and everybody else, the clients on either side or, unnamed, cut off from the minority.
fn sides(stream: &mut Stream, cluster: &Size) -> (Vec<Member>, Option<Vec<Member>>) {
    let mut nodes: Vec<u64> = (1..=cluster.nodes()).collect();
    let least = stream.range(1..=(cluster.nodes() / 2).min(6));
    let mut minority: Vec<u64> =
        (0..least).map(|_| nodes.swap_remove(stream.below(nodes.len() as u64) as usize)).collect();
    minority.sort_unstable();
    nodes.sort_unstable();
    let mut a: Vec<Member> = minority.into_iter().map(Member::Node).collect();
    if stream.chance(1, 3) {
        a.push(Member::Clients);
    }
    let b = stream.chance(1, 3).then(|| nodes.into_iter().map(Member::Node).collect());
    (a, b)
}

fn slow_links(stream: &mut Stream, cluster: &Size, fault: Chaos) -> Chaos {
    let latencies = [
        (3, LatencyMs { min: 5.0, max: 50.0 }),
        (3, LatencyMs { min: 50.0, max: 300.0 }),
        (2, LatencyMs { min: 300.0, max: 900.0 }),
        (1, LatencyMs { min: 900.0, max: 2500.0 }),
    ];
    let fault = Chaos {
        latency_ms: Some(weighted(stream, &latencies)),
        duration: Some(tenths(stream, 10..=150)),
        ..fault
    };
    let aimed = aimed(stream, cluster, fault);
    let peer = stream.range(1..=cluster.nodes());
    Chaos { peer: (stream.chance(1, 4) && aimed.node != Some(peer)).then_some(peer), ..aimed }
}

/// Half of the faults are tied to an operation, where they do most harm; the others come when they come.
fn time(stream: &mut Stream, fault: &mut Chaos, operations: &[Operation]) {
    if operations.is_empty() || stream.chance(1, 2) {
        fault.at = Some(tenths(stream, 0..=150));
        return;
    }
    let number = stream.range(1..=operations.len() as u64);
    let is_failover = operations[number as usize - 1].kind == OperationKind::Failover;
    let before = if is_failover { Coordination::BeforeFailover } else { Coordination::BeforeOperation };
    let coordinations = [(2, before), (4, Coordination::DuringOperation), (2, Coordination::AfterOperation)];
    let coordination = weighted(stream, &coordinations);
    fault.operation = Some(number);
    fault.coordination = Some(coordination);
    fault.delay = match coordination {
        Coordination::DuringOperation => stream.chance(1, 4).then(|| stream.range(0..=300) as f64 / 1000.0),
        _ => Some(tenths(stream, 0..=60)),
    };
}
