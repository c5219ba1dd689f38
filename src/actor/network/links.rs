//! Links between hosts: their latency, and the rules that faults set on them.

use std::collections::BTreeMap;

use crate::actor::message::Rule;
use crate::fault::{Channel, Direction, FaultId, LatencyRange};
use crate::id::Host;
use crate::rng::Stream;
use crate::time::SimDuration;

/// The network that operator and validator reach the nodes by: apart from the cluster's own, quick and never faulty,
/// so that what they see says nothing about the network under test.
const MANAGEMENT: LatencyRange =
    LatencyRange { min_ns: SimDuration::from_us(200), max_ns: SimDuration::from_ms(1) };

/// Every link, with a random stream of its own.
pub struct Links {
    seed: u64,
    latency: LatencyRange,
    streams: BTreeMap<(Host, Host), Stream>,
    rules: BTreeMap<FaultId, Rule>,
    ceased: bool,
}

impl Links {
    /// Links that all have this latency.
    pub fn new(seed: u64, latency: LatencyRange) -> Self {
        Links { seed, latency, streams: BTreeMap::new(), rules: BTreeMap::new(), ceased: false }
    }

    /// A fault sets a rule.
    pub fn set(&mut self, fault: FaultId, rule: Rule) {
        self.rules.insert(fault, rule);
    }

    /// A fault heals.
    pub fn clear(&mut self, fault: FaultId) {
        self.rules.remove(&fault);
    }

    /// Nothing is drawn any more.
    pub fn cease(&mut self) {
        self.ceased = true;
    }

    /// Whether a rule holds back what goes from one host to another.
    pub fn is_cut(&self, from: Host, to: Host, channel: Channel) -> bool {
        self.rules.values().any(|rule| match rule {
            Rule::Slow { .. } => false,
            Rule::Cut { a, b, direction, channels } => {
                let forth = a.contains(&from) && b.contains(&to);
                let back = *direction == Direction::Both && b.contains(&from) && a.contains(&to);
                (forth || back) && (channels.is_empty() || channels.contains(&channel))
            }
        })
    }

    /// How long something takes from one host to another, this time.
    pub fn draw_latency(&mut self, from: Host, to: Host) -> SimDuration {
        let LatencyRange { min_ns, max_ns } = self.latency_of(from, to);
        if self.ceased {
            return SimDuration::from_ns(min_ns.as_ns().midpoint(max_ns.as_ns()));
        }
        let seed = self.seed;
        let stream = self
            .streams
            .entry((from, to))
            .or_insert_with(|| Stream::new(seed, "network", &format!("latency {from} {to}")));
        SimDuration::from_ns(stream.range(min_ns.as_ns()..=max_ns.as_ns()))
    }

    fn latency_of(&self, from: Host, to: Host) -> LatencyRange {
        if [from, to].iter().any(|host| matches!(host, Host::Operator | Host::Validator)) {
            return MANAGEMENT;
        }
        let slowed = self.rules.values().find_map(|rule| match rule {
            Rule::Slow { a, b, latency } => {
                let forth = a.contains(&from) && b.contains(&to);
                let back = b.contains(&from) && a.contains(&to);
                (forth || back).then_some(*latency)
            }
            Rule::Cut { .. } => None,
        });
        slowed.unwrap_or(self.latency)
    }
}
