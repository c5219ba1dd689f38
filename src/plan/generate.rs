//! A scenario from nothing but a seed, in the words a person would have used.
//!
//! What comes out is a scenario, not a plan, so that it can be written to a file, read, changed and run again. One
//! stream per purpose: a new kind of fault moves no cluster size. Each seed switches some kinds of faults off
//! altogether (swarm testing: Groce and others, ISSTA 2012), because kinds hide each other's bugs.

mod members;
mod settings;
mod story;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::story::Story;
use crate::language::{Entry, Layout, Value};
use crate::model::{KINDS, TRACKING};
use crate::rng::Stream;
use crate::scenario::{
    Cluster, Formation, Head, Intensity, LatencyMs, Network, PLAIN, Pattern, Scenario, Workload,
};
use crate::words::CommandLine;
use crate::{fault, op};

/// What a caller fixes instead of leaving it to the seed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// How many shards, 3 to 16.
    pub shards: Option<u16>,
    /// How many replicas each shard has, 0 to 5.
    pub replicas: Option<u16>,
    /// The server that nodes are upgraded to in a share of the seeds: a version, or a path. A seed cannot know which there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade_to: Option<String>,
}

impl Overrides {
    /// A command line that says the same.
    pub fn typed_in(&self, command: CommandLine) -> CommandLine {
        let command = command.maybe("--shards", self.shards).maybe("--replicas", self.replicas);
        command.maybe("--upgrade-to", self.upgrade_to.as_deref())
    }
}

/// The scenario of a seed.
pub fn generate(seed: u64, overrides: &Overrides) -> Scenario {
    let mut cluster = cluster(seed, overrides);
    let story = story::draw(seed, overrides, &mut cluster);
    let network = network(seed);
    let story = story.or_else(|| members::draw(seed, &mut cluster, &network));
    let story = story.unwrap_or_else(|| drawn_apart(seed, cluster.layout()));
    let workload = workload(seed, &story);
    let Story { mut operations, chaos, latency_ms, .. } = story;
    let upgrade = overrides.upgrade_to.as_deref().and_then(|to| upgrade(seed, cluster.layout(), to));
    operations.extend(upgrade.map(Entry::written));
    Scenario {
        head: Head { name: name_of_seed(seed), seed: Some(seed) },
        network: Network { latency_ms: latency_ms.or(network.latency_ms), ..Network::default() },
        workload,
        cluster: cluster.written(),
        operations,
        chaos,
        ..Scenario::default()
    }
}

/// The scenario of a seed for servers that can have several databases in a cluster, or cannot.
pub fn generate_for(seed: u64, overrides: &Overrides, has_databases: bool) -> Scenario {
    let mut scenario = generate(seed, overrides);
    let mut stream = stream(seed, "databases");
    if has_databases && overrides.upgrade_to.is_none() && stream.chance(1, DATABASES_ONE_IN) {
        scenario.cluster.databases = Some(stream.weighted(&[(3, 2), (2, 4), (1, 16)]));
        if stream.chance(1, 2) {
            let mix = &mut scenario.workload.mix;
            mix.entry(PLAIN.to_owned()).or_insert(3);
            mix.insert(DATABASES.to_owned(), stream.range(1..=3));
        }
    }
    scenario
}

/// The share of seeds with several databases, of those on servers that can have them: one of these many.
const DATABASES_ONE_IN: u64 = 5;
/// The kind of commands that goes from one database to another.
const DATABASES: &str = "databases";

/// The share of seeds with it: one of these many.
const TRACKING_ONE_IN: u64 = 8;
/// Kinds of commands that have draws of their own.
const APART: [&str; 2] = [DATABASES, TRACKING];

/// Operations and faults that are drawn one by one.
fn drawn_apart(seed: u64, layout: Layout) -> Story {
    let (operations, failovers) = op::draw(seed, layout);
    Story { operations, chaos: fault::draw(seed, layout, &failovers), ..Story::default() }
}

/// A third of the seeds upgrade: all nodes of a small cluster, or some of any, which are of mixed versions from then on.
fn upgrade(seed: u64, layout: Layout, to: &str) -> Option<Entry> {
    /// Each is waited for: more would take minutes.
    const NODES_MAX: usize = 9;
    let mut stream = stream(seed, "upgrade");
    if !stream.chance(1, 3) {
        return None;
    }
    let is_all = usize::from(layout.node_count()) <= NODES_MAX && stream.chance(1, 2);
    let some = layout.nodes().filter(|_| stream.chance(1, 2)).take(NODES_MAX).collect::<Vec<_>>();
    let nodes = some.into_iter().map(Value::from).collect::<Vec<_>>();
    let upgrade = Entry::of("rolling_upgrade").with("to", to).with("hand_over", stream.chance(3, 4));
    let upgrade = upgrade.maybe("nodes", (!is_all && !nodes.is_empty()).then_some(nodes));
    Some(later(upgrade, stream.tenths(0..=50)))
}

/// An operation that comes so many seconds after the one before it.
fn later(operation: Entry, delay: f64) -> Entry {
    operation.with("timing", "delayed").with("delay", delay)
}

/// The name of the scenario of a seed.
pub(super) fn name_of_seed(seed: u64) -> String {
    format!("seed-{seed}")
}

/// The generated cluster.
struct Shape {
    shards: u64,
    replicas: u64,
    spares: Option<u64>,
    node_timeout_ms: Option<u64>,
    formation: Option<Formation>,
    config: BTreeMap<String, String>,
}

impl Shape {
    fn layout(&self) -> Layout {
        let spares = self.spares.unwrap_or_default() as u16;
        Layout { shards: self.shards as u16, replicas: self.replicas as u16, spares }
    }

    fn written(self) -> Cluster {
        Cluster {
            shards: Some(self.shards),
            replicas: Some(self.replicas),
            spares: self.spares,
            node_timeout_ms: self.node_timeout_ms,
            formation: self.formation,
            config: self.config,
            ..Cluster::default()
        }
    }
}

fn stream(seed: u64, purpose: &str) -> Stream {
    Stream::new(seed, "generator", purpose)
}

/// Small clusters more often: they run faster, and most bugs need no more.
fn cluster(seed: u64, overrides: &Overrides) -> Shape {
    let mut sizes = stream(seed, "shards");
    let (least, most) =
        sizes.weighted(&[(45, (3, 3)), (25, (4, 5)), (18, (6, 8)), (9, (9, 12)), (3, (13, 16))]);
    let shards = sizes.range(least..=most);
    let replicas = stream(seed, "replicas").weighted(&[(15, 0), (55, 1), (30, 2)]);
    let timeouts = [
        (60, None),
        (18, Some(2_000)),
        (10, Some(1_000)),
        (3, Some(500)),
        (6, Some(10_000)),
        (3, Some(15_000)),
    ];
    // Where a cluster comes from is seldom what breaks it, and to form one takes a tenth of a campaign.
    let formations = [(1, None), (1, Some(Formation::Preset))];
    let replicas = overrides.replicas.map_or(replicas, u64::from);
    Shape {
        shards: overrides.shards.map_or(shards, u64::from),
        replicas,
        spares: stream(seed, "spares").weighted(&[(4, None), (1, Some(1)), (1, Some(2))]),
        node_timeout_ms: stream(seed, "node timeout").weighted(&timeouts),
        formation: stream(seed, "formation").weighted(&formations),
        config: settings::settings(seed, replicas > 0),
    }
}

fn network(seed: u64) -> Network {
    let latencies = [
        (60, None),
        (15, Some(LatencyMs { min: 0.1, max: 0.3 })),
        (15, Some(LatencyMs { min: 1.0, max: 5.0 })),
        (10, Some(LatencyMs { min: 2.0, max: 30.0 })),
    ];
    Network { latency_ms: stream(seed, "network").weighted(&latencies), ..Network::default() }
}

/// What clients do, for as long and with as many keys as the story wants.
fn workload(seed: u64, story: &Story) -> Workload {
    let patterns = [(2, Pattern::Mixed), (1, Pattern::ReadHeavy), (1, Pattern::WriteHeavy)];
    let intensities = [(5, Intensity::Low), (4, Intensity::Medium), (1, Intensity::High)];
    // A million keys: none is written twice, so that each loss is one that a later write cannot hide.
    let key_counts = [(4, None), (2, Some(20)), (1, Some(5_000)), (1, Some(1_000_000))];
    Workload {
        enabled: Some(true),
        pattern: Some(stream(seed, "pattern").weighted(&patterns)),
        intensity: story.intensity.or(Some(stream(seed, "intensity").weighted(&intensities))),
        duration: Some(stream(seed, "workload duration").tenths(100..=300).max(story.works_s)),
        clients: story.clients.or(Some(stream(seed, "clients").range(1..=8))),
        keys: story.keys.or_else(|| stream(seed, "keys").weighted(&key_counts)),
        mix: if story.mix.is_empty() { mix(seed) } else { owned(story.mix) },
        protocol: stream(seed, "protocol").chance(1, 4).then_some(3),
        // Who asks at random is sent where a slot is, and meets the half moved ones at both ends.
        pinned: stream(seed, "pinned").chance(1, if story.keys.is_some() { 2 } else { 6 }).then_some(true),
        reconnect: stream(seed, "reconnect").weighted(&[(6, None), (1, Some(3)), (1, Some(50))]),
        ..Workload::default()
    }
}

fn owned(mix: &[(&str, u64)]) -> BTreeMap<String, u64> {
    mix.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
}

/// The kind of commands that is drawn seldom, and with little weight: each of its messages goes to all who listen.
const LOUD: &str = "channels";

/// What clients say beside `SET` and `GET`: half of the seeds nothing, the others some of all kinds; and some keep what they read.
fn mix(seed: u64) -> BTreeMap<String, u64> {
    let mut mix = shared_mix(seed);
    if stream(seed, TRACKING).chance(1, TRACKING_ONE_IN) {
        // It takes reads before and behind a change to see what a client was told of it.
        mix.entry(PLAIN.to_owned()).or_insert(2);
        let others: u64 = mix.values().sum();
        mix.insert(TRACKING.to_owned(), others.div_ceil(3));
    }
    mix
}

fn shared_mix(seed: u64) -> BTreeMap<String, u64> {
    let mut stream = stream(seed, "mix");
    if stream.chance(1, 2) {
        return BTreeMap::new();
    }
    let drawn = KINDS.iter().filter(|kind| !APART.contains(&kind.name)).filter_map(|kind| {
        let is_loud = kind.name == LOUD;
        let weight = stream.range(1..=if is_loud { 1 } else { 5 });
        stream.chance(1, if is_loud { 6 } else { 2 }).then(|| (kind.name.to_owned(), weight))
    });
    let mut mix: BTreeMap<String, u64> = drawn.collect();
    // What is lost is best told by keys and values that occur once, so these stay.
    let others: u64 = mix.values().sum();
    mix.insert(PLAIN.to_owned(), others.max(1));
    mix
}
