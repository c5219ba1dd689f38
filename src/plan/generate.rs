//! A scenario from nothing but a seed, in the words a person would have used.
//!
//! What comes out is a scenario, not a plan, so that it can be written to a file, read, changed and run again. One
//! stream per purpose: a new kind of fault moves no cluster size. Each seed switches some kinds of faults off
//! altogether (swarm testing: Groce and others, ISSTA 2012), because kinds hide each other's bugs.

mod faults;

use crate::op::FailoverMode;
use crate::rng::Stream;
use crate::scenario::{
    Cluster, Head, Intensity, LatencyMs, Network, Operation, OperationKind, Pattern, Scenario, TargetKind,
    Timing, Workload,
};

/// What a caller fixes instead of leaving it to the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// How many shards, 3 to 16.
    pub shards: Option<u16>,
    /// How many replicas each shard has, 0 to 5.
    pub replicas: Option<u16>,
}

/// The scenario of a seed.
pub fn generate(seed: u64, overrides: Overrides) -> Scenario {
    let cluster = cluster(seed, overrides);
    let operations = operations(seed, &cluster);
    Scenario {
        head: Head { name: name_of_seed(seed), seed: Some(seed) },
        chaos: faults::chaos(seed, &cluster, &operations),
        network: network(seed),
        workload: workload(seed),
        cluster: cluster.written(),
        operations,
        ..Scenario::default()
    }
}

/// The name of the scenario of a seed.
pub(super) fn name_of_seed(seed: u64) -> String {
    format!("seed-{seed}")
}

/// The size of the generated cluster.
#[derive(Clone, Copy)]
struct Size {
    shards: u64,
    replicas: u64,
    node_timeout_ms: Option<u64>,
}

impl Size {
    fn nodes(self) -> u64 {
        self.shards * (1 + self.replicas)
    }

    fn written(self) -> Cluster {
        Cluster {
            shards: Some(self.shards),
            replicas: Some(self.replicas),
            node_timeout_ms: self.node_timeout_ms,
            ..Cluster::default()
        }
    }
}

fn stream(seed: u64, purpose: &str) -> Stream {
    Stream::new(seed, "generator", purpose)
}

/// One of `choices`, as likely as its weight.
fn weighted<T: Copy>(stream: &mut Stream, choices: &[(u64, T)]) -> T {
    let mut drawn = stream.below(choices.iter().map(|(weight, _)| weight).sum());
    for (weight, choice) in choices {
        match drawn.checked_sub(*weight) {
            Some(rest) => drawn = rest,
            None => return *choice,
        }
    }
    unreachable!("a number below the sum of the weights falls to one of them")
}

/// Seconds in steps of a tenth, both ends included.
fn tenths(stream: &mut Stream, range: std::ops::RangeInclusive<u64>) -> f64 {
    stream.range(range) as f64 / 10.0
}

/// Small clusters more often: they run faster, and most bugs need no more.
fn cluster(seed: u64, overrides: Overrides) -> Size {
    let mut sizes = stream(seed, "shards");
    let (least, most) =
        weighted(&mut sizes, &[(45, (3, 3)), (25, (4, 5)), (18, (6, 8)), (9, (9, 12)), (3, (13, 16))]);
    let shards = sizes.range(least..=most);
    let replicas = weighted(&mut stream(seed, "replicas"), &[(15, 0), (55, 1), (30, 2)]);
    let timeout = [(70, None), (15, Some(2_000)), (10, Some(1_000)), (5, Some(10_000))];
    Size {
        shards: overrides.shards.map_or(shards, u64::from),
        replicas: overrides.replicas.map_or(replicas, u64::from),
        node_timeout_ms: weighted(&mut stream(seed, "node timeout"), &timeout),
    }
}

fn network(seed: u64) -> Network {
    let latencies = [
        (60, None),
        (15, Some(LatencyMs { min: 0.1, max: 0.3 })),
        (15, Some(LatencyMs { min: 1.0, max: 5.0 })),
        (10, Some(LatencyMs { min: 2.0, max: 30.0 })),
    ];
    Network { latency_ms: weighted(&mut stream(seed, "network"), &latencies), ..Network::default() }
}

fn workload(seed: u64) -> Workload {
    let patterns = [(2, Pattern::Mixed), (1, Pattern::ReadHeavy), (1, Pattern::WriteHeavy)];
    let intensities = [(5, Intensity::Low), (4, Intensity::Medium), (1, Intensity::High)];
    let key_counts = [(2, None), (1, Some(20)), (1, Some(5_000))];
    Workload {
        enabled: Some(true),
        pattern: Some(weighted(&mut stream(seed, "pattern"), &patterns)),
        intensity: Some(weighted(&mut stream(seed, "intensity"), &intensities)),
        duration: Some(tenths(&mut stream(seed, "workload duration"), 100..=300)),
        clients: Some(stream(seed, "clients").range(1..=8)),
        keys: weighted(&mut stream(seed, "keys"), &key_counts),
        ..Workload::default()
    }
}

fn operations(seed: u64, cluster: &Size) -> Vec<Operation> {
    let counts = [(35, 1), (30, 2), (20, 3), (10, 4), (5, 5)];
    let count = weighted(&mut stream(seed, "operation count"), &counts);
    (1..=count).map(|number| operation(&mut stream(seed, &format!("operation {number}")), cluster)).collect()
}

fn operation(stream: &mut Stream, cluster: &Size) -> Operation {
    let is_failover = stream.chance(4, 5) && cluster.replicas > 0;
    let is_delayed = stream.chance(2, 3);
    let base = Operation {
        kind: OperationKind::Command,
        target: None,
        shard: None,
        node: None,
        mode: None,
        args: None,
        expect: None,
        timing: Some(if is_delayed { Timing::Delayed } else { Timing::Immediate }),
        delay: is_delayed.then(|| tenths(stream, 5..=60)),
    };
    if is_failover { failover(stream, cluster, base) } else { command(stream, cluster, base) }
}

fn failover(stream: &mut Stream, cluster: &Size, base: Operation) -> Operation {
    let shard = stream.range(1..=cluster.shards);
    let modes = [(6, None), (3, Some(FailoverMode::Force)), (1, Some(FailoverMode::Takeover))];
    let replica = (shard - 1) * (1 + cluster.replicas) + 1 + stream.range(1..=cluster.replicas);
    Operation {
        kind: OperationKind::Failover,
        target: Some(TargetKind::Primary),
        shard: Some(shard),
        node: stream.chance(1, 5).then_some(replica),
        mode: weighted(stream, &modes),
        ..base
    }
}

/// Commands that a healthy cluster does not mind, some of them with work in the background.
const COMMANDS: [&[&str]; 9] = [
    &["PING"],
    &["CLUSTER", "INFO"],
    &["CLUSTER", "NODES"],
    &["CLUSTER", "SHARDS"],
    &["INFO"],
    &["DBSIZE"],
    &["BGSAVE"],
    &["CONFIG", "SET", "repl-backlog-size", "2097152"],
    &["CONFIG", "SET", "hz", "20"],
];

fn command(stream: &mut Stream, cluster: &Size, base: Operation) -> Operation {
    let words = stream.pick(&COMMANDS).copied().unwrap_or(&["PING"]);
    Operation {
        node: Some(stream.range(1..=cluster.nodes())),
        args: Some(words.iter().map(ToString::to_string).collect()),
        ..base
    }
}
