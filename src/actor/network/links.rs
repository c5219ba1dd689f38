//! Links between hosts: their latency, and the rules that faults set on them.

use std::collections::BTreeMap;

use crate::actor::message::Rule;
use crate::fault::{Channel, Direction, FaultId, LatencyRange};
use crate::id::Host;
use crate::plan::NetworkPlan;
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
    /// What is said of single draws, by direction and number.
    delays: BTreeMap<(Host, Host, u64), SimDuration>,
    ways: BTreeMap<(Host, Host), Way>,
    rules: BTreeMap<FaultId, Rule>,
    ceased: bool,
}

/// One direction of a link.
struct Way {
    stream: Stream,
    /// Latencies drawn so far.
    drawn: u64,
}

impl Links {
    /// The links of a network without faults.
    pub fn new(seed: u64, network: &NetworkPlan) -> Self {
        let delays = network.delays.iter().map(|d| ((d.from, d.to, d.nth), d.delay_ns)).collect();
        Links {
            seed,
            latency: network.latency,
            delays,
            ways: BTreeMap::new(),
            rules: BTreeMap::new(),
            ceased: false,
        }
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

    /// How long something takes from one host to another, this time. The stream goes on whatever is said of this
    /// draw, so that no other one moves.
    pub fn draw_latency(&mut self, from: Host, to: Host) -> SimDuration {
        let LatencyRange { min_ns, max_ns } = self.latency_of(from, to);
        if self.ceased {
            return SimDuration::from_ns(min_ns.as_ns().midpoint(max_ns.as_ns()));
        }
        let seed = self.seed;
        let way = self.ways.entry((from, to)).or_insert_with(|| {
            let stream = Stream::new(seed, "network", &format!("latency {from} {to}"));
            Way { stream, drawn: 0 }
        });
        way.drawn += 1;
        let drawn = SimDuration::from_ns(way.stream.range(min_ns.as_ns()..=max_ns.as_ns()));
        self.delays.get(&(from, to, way.drawn)).copied().unwrap_or(drawn)
    }

    fn latency_of(&self, from: Host, to: Host) -> LatencyRange {
        if is_managed(from, to) {
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

/// Whether a link is the management's, and no part of the network under test.
pub fn is_managed(from: Host, to: Host) -> bool {
    [from, to].iter().any(|host| matches!(host, Host::Operator | Host::Validator))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ClientId, NodeId};
    use crate::plan::LinkDelay;

    const NODE: Host = Host::Node(NodeId(1));
    const CLIENT: Host = Host::Client(ClientId(2));

    /// The first five latencies from the node to the client, and the first one back.
    fn drawn(delays: Vec<LinkDelay>) -> (Vec<SimDuration>, SimDuration) {
        let latency = LatencyRange { min_ns: SimDuration::from_us(1), max_ns: SimDuration::from_ms(9) };
        let mut links = Links::new(7, &NetworkPlan { latency, delays });
        let forth = (0..5).map(|_| links.draw_latency(NODE, CLIENT)).collect();
        (forth, links.draw_latency(CLIENT, NODE))
    }

    #[test]
    fn a_delay_takes_the_place_of_one_draw_and_moves_no_other() {
        let (mut forth, back) = drawn(Vec::new());
        let delay_ns = SimDuration::from_ns(3_200_001);
        forth[2] = delay_ns;
        let third = LinkDelay { from: NODE, to: CLIENT, nth: 3, delay_ns };
        let never = LinkDelay { nth: 99, ..third };
        assert_eq!(drawn(vec![third, never]), (forth, back));
    }
}
