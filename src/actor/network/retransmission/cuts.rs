//! Two nodes with one connection, and a link between them that is cut and healed.

use std::collections::BTreeMap;

use super::super::*;
use crate::actor::message::Rule;
use crate::fault::{Direction, FaultId, LatencyRange, Links, Trouble};
use crate::id::{BUS_PORT, NodeId};

const NODES: [NodeId; ENDS] = [NodeId(1), NodeId(2)];
const FAULT: FaultId = FaultId(1);
const LATENCY: SimDuration = SimDuration::from_ms(1);

/// The network, its queue, and what arrived at the nodes.
struct Bench {
    network: Network,
    now: SimTime,
    queue: BTreeMap<(SimTime, u64), NetworkMessage>,
    pushed: u64,
    arrived: Vec<(u64, End, Arrival)>,
    ends: [End; ENDS],
}

fn ms(ms: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_ms(ms)
}

impl Bench {
    /// A connection from the first node to the second one, made by the end of the first hundred milliseconds.
    fn new() -> Self {
        let dialling = End { owner: ActorId::Node(NODES[0]), handle: 7 };
        let latency = LatencyRange { min_ns: LATENCY, max_ns: LATENCY };
        let plan = NetworkPlan { latency, delays: Vec::new() };
        let mut bench = Bench {
            network: Network::new(1, &plan),
            now: SimTime::ZERO,
            queue: BTreeMap::new(),
            pushed: 0,
            arrived: Vec::new(),
            ends: [dialling; ENDS],
        };
        bench.tell(NetworkMessage::Listen { host: Host::Node(NODES[1]), port: BUS_PORT });
        let to = SocketAddrV4::new(Host::Node(NODES[1]).address(), BUS_PORT);
        bench.tell(NetworkMessage::Dial { from: dialling, local_port: 1, to });
        bench.run_until(100);
        bench.ends[1] =
            bench.arrived.iter().map(|(_, end, _)| *end).find(|end| *end != dialling).expect("accepted");
        bench.arrived.clear();
        bench
    }

    fn tell(&mut self, message: NetworkMessage) {
        let mut out = Out::default();
        self.network.handle(self.now, Message::Network(message), &mut out);
        for (delay, to, message) in out.sends {
            match message {
                Message::Network(message) => {
                    self.pushed += 1;
                    self.queue.insert((self.now + delay, self.pushed), message);
                }
                // No socket here keeps its connection alive.
                Message::Arrived(Arrived { arrival: Arrival::Unheard, .. }) => {}
                Message::Arrived(Arrived { handle, arrival, .. }) => {
                    let at = (self.now + delay).since(SimTime::ZERO).as_ms();
                    self.arrived.push((at, End { owner: to, handle }, arrival));
                }
                _ => {}
            }
        }
    }

    fn run_until(&mut self, until: u64) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= ms(until)) {
            self.now = entry.key().0;
            let message = entry.remove();
            self.tell(message);
        }
        self.now = ms(until);
    }

    fn cut(&mut self, direction: Direction) {
        let [a, b] = NODES.map(|node| vec![Host::Node(node)]);
        let links = Links { trouble: Trouble::Cut, direction, channels: Vec::new() };
        self.tell(NetworkMessage::SetRule { fault: FAULT, rule: Rule { seams: vec![(a, b)], links } });
    }

    fn heal(&mut self) {
        self.tell(NetworkMessage::ClearRule { fault: FAULT });
    }

    fn send(&mut self, side: usize, len: usize) {
        let chunk = Chunk::plain(vec![0; len]);
        self.tell(NetworkMessage::Sent { from: self.ends[side], chunk });
    }

    /// When and how much arrived at a side: bytes, or none for anything else.
    fn arrivals(&self, side: usize) -> Vec<(u64, Option<usize>)> {
        let at_side = self.arrived.iter().filter(|(_, end, _)| *end == self.ends[side]);
        at_side
            .map(|(at, _, arrival)| match arrival {
                Arrival::Data(chunk) => (*at, Some(chunk.bytes.len())),
                _ => (*at, None),
            })
            .collect()
    }
}

#[test]
fn what_a_cut_held_comes_with_the_next_attempt_after_the_heal() {
    let mut bench = Bench::new();
    bench.cut(Direction::Both);
    bench.send(0, 5);
    bench.run_until(900);
    bench.heal();
    bench.run_until(1_000);
    bench.send(0, 6);
    assert_eq!(bench.arrivals(1), []);
    bench.run_until(5_000);
    // Sent at 100 ms, tried again at 300, 700 and 1500.
    assert_eq!(bench.arrivals(1), [(1_501, Some(5)), (1_501, Some(6))]);
}

#[test]
fn an_attempt_within_another_cut_is_none() {
    let mut bench = Bench::new();
    bench.cut(Direction::Both);
    bench.send(0, 5);
    bench.run_until(900);
    bench.heal();
    bench.run_until(1_000);
    bench.cut(Direction::Both);
    bench.run_until(2_000);
    bench.heal();
    bench.run_until(9_000);
    assert_eq!(bench.arrivals(1), [(3_101, Some(5))]);
}

#[test]
fn the_way_that_is_open_stalls_when_nothing_comes_back() {
    let mut bench = Bench::new();
    bench.cut(Direction::OneWay);
    for _ in 0..4 {
        bench.send(1, 6_000);
    }
    bench.run_until(5_000);
    assert_eq!(bench.arrivals(0), [(101, Some(6_000)), (101, Some(6_000))]);
    bench.heal();
    bench.run_until(20_000);
    assert_eq!(bench.arrivals(0).len(), 4);
}

#[test]
fn what_a_dead_process_sent_into_a_cut_never_comes() {
    let mut bench = Bench::new();
    bench.cut(Direction::Both);
    bench.send(0, 5);
    bench.tell(NetworkMessage::Closed { from: bench.ends[0], reset: false });
    bench.tell(NetworkMessage::Gone { host: Host::Node(NODES[0]) });
    bench.run_until(900);
    bench.heal();
    bench.run_until(5_000);
    assert_eq!(bench.arrivals(1), [(1_501, None)]);
}
