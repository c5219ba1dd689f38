//! Links between hosts: their latency, and the rules that faults set on them.

use std::collections::BTreeMap;

use super::retransmission::{most_lost, paused};
use crate::actor::message::Rule;
use crate::fault::{Channel, Direction, FaultId, LatencyRange, Links as Traffic, Trouble};
use crate::id::Host;
use crate::plan::NetworkPlan;
use crate::rng::Stream;
use crate::time::{SimDuration, SimTime};

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
    ways: BTreeMap<Way, Draws>,
    rules: BTreeMap<FaultId, Rule>,
    /// Until when narrow links are busy.
    busy_until: BTreeMap<Way, SimTime>,
    /// Streams of what rules make of traffic, so that they move no latency.
    troubled: BTreeMap<Way, Stream>,
    ceased: bool,
}

/// One direction of a link: from whom to whom.
pub type Way = (Host, Host);

/// What is drawn for one direction of a link.
struct Draws {
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
            busy_until: BTreeMap::new(),
            troubled: BTreeMap::new(),
            ceased: false,
        }
    }

    /// A fault sets a rule; gives the one that it had before.
    pub fn set(&mut self, fault: FaultId, rule: Rule) -> Option<Rule> {
        self.rules.insert(fault, rule)
    }

    /// A fault heals; gives the rule that it had.
    pub fn clear(&mut self, fault: FaultId) -> Option<Rule> {
        let rule = self.rules.remove(&fault)?;
        if matches!(rule.links.trouble, Trouble::Narrow { .. }) {
            self.busy_until.clear();
        }
        Some(rule)
    }

    /// Nothing is drawn any more.
    pub fn cease(&mut self) {
        self.ceased = true;
    }

    /// What rules make of the traffic from one host to another.
    fn troubles(&self, way: Way, channel: Channel) -> impl Iterator<Item = Trouble> + '_ {
        let rules = self.rules.values().filter(move |rule| covers(rule, way, channel));
        rules.map(|rule| rule.links.trouble)
    }

    /// Whether a rule holds back what goes from one host to another.
    pub fn is_cut(&self, from: Host, to: Host, channel: Channel) -> bool {
        self.troubles((from, to), channel).any(|trouble| matches!(trouble, Trouble::Cut | Trouble::Jam))
    }

    /// Whether a rule refuses connections that one host dials to another.
    pub fn is_refused(&self, from: Host, to: Host, channel: Channel) -> bool {
        self.troubles((from, to), channel).any(|trouble| trouble == Trouble::Refuse)
    }

    /// Until when a narrow link is busy with what was sent before.
    pub fn busy_until(&self, from: Host, to: Host, channel: Channel) -> Option<SimTime> {
        self.rate((from, to), channel)?;
        self.busy_until.get(&(from, to)).copied()
    }

    /// Bytes go through a link, which takes their time if it is narrow.
    pub fn occupy(&mut self, (from, to): Way, channel: Channel, now: SimTime, len: u64) {
        /// What goes with every chunk: headers of Ethernet, IP and TCP.
        const HEADERS_BYTES: u64 = 66;
        if let Some(bytes_per_s) = self.rate((from, to), channel) {
            let ns = u128::from(len + HEADERS_BYTES) * 1_000_000_000 / u128::from(bytes_per_s.max(1));
            let taken = SimDuration::from_ns(u64::try_from(ns).unwrap_or(u64::MAX));
            let busy = self.busy_until.entry((from, to)).or_insert(now);
            *busy = (*busy).max(now) + taken;
        }
    }

    /// The least bandwidth that a rule gives a link, in bytes a second.
    fn rate(&self, way: Way, channel: Channel) -> Option<u64> {
        let rates = self.troubles(way, channel).filter_map(|trouble| match trouble {
            Trouble::Narrow { bytes_per_s } => Some(bytes_per_s),
            _ => None,
        });
        rates.min()
    }

    /// How much later than its latency says something comes, this time: it is in the tail, or it is lost and sent again.
    pub fn lateness(&mut self, way: Way, channel: Channel, is_knock: bool) -> SimDuration {
        let troubles: Vec<Trouble> = match self.ceased {
            true => Vec::new(),
            false => self.troubles(way, channel).collect(),
        };
        let mut late = SimDuration::ZERO;
        for trouble in troubles {
            late = late
                + match trouble {
                    Trouble::Tail { one_in, longer } => self.tail(way, one_in, longer),
                    Trouble::Lossy { one_in } => self.loss(way, one_in, is_knock),
                    _ => SimDuration::ZERO,
                };
        }
        late
    }

    fn tail(&mut self, way: Way, one_in: u64, longer: LatencyRange) -> SimDuration {
        let stream = self.trouble_stream(way);
        match stream.chance(1, one_in) {
            true => SimDuration::from_ns(stream.range(longer.min_ns.as_ns()..=longer.max_ns.as_ns())),
            false => SimDuration::ZERO,
        }
    }

    /// Each attempt may be lost; the last one that is drawn never is, so that no loss outlasts a heal by long.
    fn loss(&mut self, way: Way, one_in: u64, is_knock: bool) -> SimDuration {
        let stream = self.trouble_stream(way);
        let lost = (0..most_lost(is_knock)).take_while(|_| stream.chance(1, one_in)).count();
        paused(lost as u32, is_knock)
    }

    fn trouble_stream(&mut self, way: Way) -> &mut Stream {
        let seed = self.seed;
        let new = || Stream::new(seed, "network", &format!("trouble {} {}", way.0, way.1));
        self.troubled.entry(way).or_insert_with(new)
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
            Draws { stream, drawn: 0 }
        });
        way.drawn += 1;
        let drawn = SimDuration::from_ns(way.stream.range(min_ns.as_ns()..=max_ns.as_ns()));
        self.delays.get(&(from, to, way.drawn)).copied().unwrap_or(drawn)
    }

    fn latency_of(&self, from: Host, to: Host) -> LatencyRange {
        if is_managed(from, to) {
            return MANAGEMENT;
        }
        let slow = self.rules.values().filter(|rule| covers_hosts(rule, (from, to)));
        let slowed = slow.map(|rule| rule.links.trouble).find_map(|trouble| match trouble {
            Trouble::Slow(latency) => Some(latency),
            _ => None,
        });
        slowed.unwrap_or(self.latency)
    }
}

/// Whether a rule is about the traffic from one host to another.
pub fn covers(rule: &Rule, way: Way, channel: Channel) -> bool {
    let Traffic { channels, .. } = &rule.links;
    (channels.is_empty() || channels.contains(&channel)) && covers_hosts(rule, way)
}

fn covers_hosts(rule: &Rule, (from, to): Way) -> bool {
    let both = rule.links.direction == Direction::Both;
    rule.seams.iter().any(|(a, b)| {
        let forth = a.contains(&from) && b.contains(&to);
        forth || both && b.contains(&from) && a.contains(&to)
    })
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
