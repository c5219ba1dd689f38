//! What a plan does to the cluster against its will: each kind of fault has its room, a file with all that is known of it.
//!
//! A fault that lasts carries its duration, and the heal at its end is part of it, so that no plan can forget to heal. A new
//! kind is a file that implements [`FaultKind`] and a line of the catalogue; what it does is said as an [`Effect`].

mod affliction;
mod between;
mod bus_messages;
mod bus_rule;
mod catalogue;
mod children;
pub mod clock;
mod compound;
mod connection_refused;
mod connection_reset;
pub mod cue;
mod descriptors;
mod disk;
mod disk_crash;
mod effect;
mod lie;
mod link_fault;
mod machine_loss;
mod memory_limit;
mod network_bandwidth;
mod network_jam;
mod network_latency;
mod network_loss;
mod network_partition;
mod network_split;
mod network_swizzle;
mod network_tail;
mod peer;
mod process_kill;
mod process_pause;
mod process_slow;
mod sabotage;
mod shape;
mod sides;
mod stale_link;
mod starved;
pub mod stranger;
pub mod trigger;

use serde::{Deserialize, Serialize};

pub use crate::language::target::Target;
pub use affliction::{
    Affliction, ChildFate, FileCall, FileClass, FileRule, FileVerdict, Moment as SideOfCall, POWER_LOST,
    Remains, Step, WallClock,
};
pub use bus_messages::BusMessages;
pub use bus_rule::{Age, BusAct, BusRule, Dialler, Says};
pub use catalogue::{FaultAction, abouts, draw, never_comes, read, waits_for_itself};
pub use children::Children;
pub use clock::Clock;
pub use connection_refused::ConnectionRefused;
pub use connection_reset::ConnectionReset;
pub use cue::Cue;
pub use descriptors::Descriptors;
pub use disk::Disk;
pub use disk_crash::DiskCrash;
pub use effect::{Effect, Links, Seam, Stage, Trouble};
pub use lie::Lie;
pub use machine_loss::MachineLoss;
pub use memory_limit::MemoryLimit;
pub use network_bandwidth::NetworkBandwidth;
pub use network_jam::NetworkJam;
pub use network_latency::NetworkLatency;
pub use network_loss::NetworkLoss;
pub use network_partition::{Direction, NetworkPartition};
pub use network_split::NetworkSplit;
pub use network_swizzle::NetworkSwizzle;
pub use network_tail::NetworkTail;
pub use process_kill::{ProcessKill, Signal};
pub use process_pause::ProcessPause;
pub use process_slow::ProcessSlow;
pub use sabotage::Sabotage;
pub use stale_link::StaleLink;
pub use starved::{Policy, Resource, Starved};
pub use stranger::Stranger;
pub use trigger::{Moment, Tie, Ties, Trigger};

use crate::id::NodeId;
use crate::language::{Entry, Form, Key, Layout, Reader, Value, Word, in_millis};
use crate::rng::Stream;
use crate::time::SimDuration;

/// The number of a fault in its plan, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u16);

/// One fault of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its place in the plan.
    pub id: FaultId,
    /// When it fires.
    pub trigger: Trigger,
    /// What it does.
    pub action: FaultAction,
}

impl Fault {
    /// The longest it can take from the moment its trigger is armed to its heal, its operation's own time aside.
    pub fn longest_ns(&self) -> SimDuration {
        self.trigger.longest_ns() + self.action.lasts()
    }

    /// The fault as an entry of a scenario, leaving nothing open.
    pub fn write(&self) -> Value {
        self.action.write().and(self.trigger.write()).written()
    }
}

/// All that is known of a kind of fault, apart from when it fires.
pub trait FaultKind: Sized {
    /// Its name, as in a scenario.
    const NAME: &'static str;
    /// What it does, in a sentence, for the reference of the language.
    const ABOUT: &'static str;
    /// Its own keys.
    const KEYS: &'static [Key];
    /// What it is aimed at.
    const AIM: Aim;
    /// An entry that can be run in a cluster of three shards with one replica each.
    const EXAMPLE: &'static str;
    /// How many kinds it is to the swarm, of which each seed leaves some out.
    const VARIANTS: usize = 1;

    /// Reads and checks it, drawing what the entry leaves open; nothing if that needs what is missing.
    fn read(reader: &mut Reader) -> Option<Self>;
    /// Its own keys and its target's, leaving nothing open.
    fn write(&self) -> Entry;
    /// Draws an entry as a person would have written it.
    fn draw(variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry;
    /// What is planned, for the report.
    fn in_words(&self) -> String;
    /// Whom it hits, in the order in which they are looked up.
    fn targets(&self) -> Vec<Target>;
    /// All of its targets, to be changed.
    fn targets_mut(&mut self) -> Vec<&mut Target>;
    /// What it does.
    fn effect(&self) -> Effect;
    /// The longest time from its begin to its end.
    fn lasts(&self) -> SimDuration;

    /// Whether a scenario has words for whom it hits.
    fn can_be_said(&self) -> bool {
        self.targets().iter().all(|target| *target != Target::Clients)
    }

    /// Whether a server that ends while this lasts, with these as its last words, ends by a rule of its own because of it.
    fn excuses_end(&self, _last_words: &str) -> bool {
        false
    }

    /// Those of the nodes it hit that cannot serve meanwhile: their shards need another primary.
    fn victims<'h>(&self, _hit: &'h [NodeId]) -> &'h [NodeId] {
        &[]
    }
}

/// What a kind of fault is aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// The one node of its target.
    Target,
    /// Links, which are no single shard's.
    Links,
}

/// What the faults of one generated scenario have in common.
#[derive(Clone, Copy, Debug)]
pub struct Swarm {
    /// The scenario's seed.
    pub seed: u64,
    /// The cluster.
    pub layout: Layout,
}

/// How long a fault lasts.
const LASTS: Key =
    Key::new("duration", Form::Duration, "seconds until the heal; 1 to 10 are drawn if absent");

/// Reads how long a fault lasts.
fn duration(reader: &Reader) -> SimDuration {
    reader.seconds("duration").unwrap_or_else(|| reader.drawn_ms("duration", 1_000..=10_000))
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A client at the client port.
    Client,
    /// The cluster bus.
    Bus,
    /// A node at another node's client port: replication, or keys on the move.
    Replication,
}

impl Word for Channel {
    const WORDS: &'static [(&'static str, Self)] =
        &[("client", Channel::Client), ("bus", Channel::Bus), ("replication", Channel::Replication)];
}

/// The latency of a link: each chunk draws one, uniformly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyRange {
    /// The least.
    pub min_ns: SimDuration,
    /// The most.
    pub max_ns: SimDuration,
}

impl LatencyRange {
    /// The range as it is written, in milliseconds.
    fn written(self) -> Value {
        latency_value((in_millis(self.min_ns), in_millis(self.max_ns)))
    }
}

/// A latency of so many milliseconds, as it is written.
fn latency_value((min, max): (f64, f64)) -> Value {
    Value::Map(vec![("min".to_owned(), min.into()), ("max".to_owned(), max.into())])
}
