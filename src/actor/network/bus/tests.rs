//! Two nodes that dialled each other, and rules for what they say.

use std::collections::BTreeMap;

use super::super::*;
use crate::actor::message::BusSides;
use crate::event::BusSummary;
use crate::fault::{BusAct, BusRule, Dialler, FaultId, LatencyRange};
use crate::id::NodeId;

const NODES: [NodeId; ENDS] = [NodeId(1), NodeId(2)];
const FAULT: FaultId = FaultId(1);
const MS: SimDuration = SimDuration::from_ms(1);

/// The network, its queue, and what arrived at the second node, as numbers, and when.
struct Pair {
    network: Network,
    now: SimTime,
    queue: BTreeMap<(SimTime, u64), NetworkMessage>,
    pushed: u64,
    arrived: Vec<(u64, End, Arrival)>,
    notes: Vec<BusAct>,
    /// The ends of the first node: of the connection that it dialled, and of the one that it accepted.
    ends: [End; ENDS],
}

impl Pair {
    fn new() -> Self {
        let plan = NetworkPlan { latency: LatencyRange { min_ns: MS, max_ns: MS }, delays: Vec::new() };
        let mut network = Network::new(1, &plan);
        network.splits = Splits::Recorded(pieces::Recorded::new());
        let dialling = NODES.map(|node| End { owner: ActorId::Node(node), handle: 7 });
        let mut pair = Pair {
            network,
            now: SimTime::ZERO,
            queue: BTreeMap::new(),
            pushed: 0,
            arrived: Vec::new(),
            notes: Vec::new(),
            ends: dialling,
        };
        NODES
            .into_iter()
            .for_each(|node| pair.tell(NetworkMessage::Listen { host: Host::Node(node), port: BUS_PORT }));
        for (node, end) in NODES.into_iter().zip(dialling) {
            let to = NODES[usize::from(node == NODES[0])];
            let to = SocketAddrV4::new(Host::Node(to).address(), BUS_PORT);
            pair.tell(NetworkMessage::Dial { from: end, local_port: 1, to });
            pair.run_until(50 * u64::from(node.0));
        }
        let accepted =
            |(_, end, _): &&(u64, End, Arrival)| end.owner == ActorId::Node(NODES[0]) && end.handle != 7;
        pair.ends[1] = pair.arrived.iter().find(accepted).map(|(_, end, _)| *end).expect("it was dialled");
        pair.arrived.clear();
        pair
    }

    fn tell(&mut self, message: NetworkMessage) {
        let mut out = Out::default();
        self.network.handle(self.now, Message::Network(message), &mut out);
        self.notes.extend(out.notes.iter().filter_map(|note| match note {
            Body::Ruled { act, .. } => Some(*act),
            _ => None,
        }));
        for (delay, to, message) in out.sends {
            match message {
                Message::Network(message) => {
                    self.pushed += 1;
                    self.queue.insert((self.now + delay, self.pushed), message);
                }
                Message::Arrived(Arrived { handle, arrival, .. }) => {
                    let at = (self.now + delay).since(SimTime::ZERO).as_ms();
                    self.arrived.push((at, End { owner: to, handle }, arrival));
                }
                _ => {}
            }
        }
    }

    fn run_until(&mut self, until_ms: u64) {
        let until = SimTime::ZERO + SimDuration::from_ms(until_ms);
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until) {
            self.now = entry.key().0;
            let message = entry.remove();
            self.tell(message);
        }
        self.now = until;
    }

    fn rule(mut self, rule: BusRule) -> Self {
        let sides = BusSides { from: vec![NODES[0]], to: Vec::new(), both_ways: false };
        self.tell(NetworkMessage::SetBusRule { fault: FAULT, sides, rule: Box::new(rule) });
        self
    }

    /// The first node sends a message on one of its connections: the one that it dialled is 0.
    fn send(&mut self, link: usize, r#type: MessageType, number: u8) {
        let chunk =
            Chunk { bus: Some(Box::new(BusSummary::of_type(r#type))), ..Chunk::plain(vec![number; 10]) };
        self.tell(NetworkMessage::Sent { from: self.ends[link], chunk });
    }

    /// A ping, a vote, and a ping on the connection that the first node dialled.
    fn say(&mut self) {
        let vote = MessageType::FAILOVER_AUTH_ACK;
        (0..).zip([MessageType::PING, vote, MessageType::PING]).for_each(|(n, of)| self.send(0, of, n));
    }

    /// What arrived at the second node by then, as the first byte of each message, and when it did.
    fn heard(&self) -> Vec<(u64, u8)> {
        let at_second = self.arrived.iter().filter(|(_, end, _)| end.owner == ActorId::Node(NODES[1]));
        let bytes = at_second.filter_map(|(at, _, arrival)| match arrival {
            Arrival::Data(chunk) => Some((*at, chunk.bytes[0])),
            _ => None,
        });
        bytes.collect()
    }

    /// Room given back to the first node.
    fn credit(&self) -> u64 {
        let credits = self.arrived.iter().filter_map(|(_, end, arrival)| match arrival {
            Arrival::Credit { len } if end.owner == ActorId::Node(NODES[0]) => Some(*len),
            _ => None,
        });
        credits.sum()
    }
}

fn votes(act: BusAct) -> BusRule {
    BusRule { types: vec![MessageType::FAILOVER_AUTH_ACK], ..BusRule::every(act) }
}

#[test]
fn a_dropped_message_is_gone_and_leaves_its_room() {
    let mut pair = Pair::new().rule(votes(BusAct::Drop));
    pair.say();
    pair.run_until(200);
    assert_eq!(pair.heard(), [(101, 0), (101, 2)]);
    assert_eq!((pair.credit(), &pair.notes[..]), (10, &[BusAct::Drop][..]));
}

#[test]
fn a_delayed_message_keeps_its_place() {
    let delay = SimDuration::from_ms(50);
    let delay = Some(LatencyRange { min_ns: delay, max_ns: delay });
    let mut pair = Pair::new().rule(BusRule { delay, ..votes(BusAct::Delay) });
    pair.say();
    pair.run_until(200);
    assert_eq!(pair.heard(), [(101, 0), (151, 1), (151, 2)]);
}

#[test]
fn a_held_message_and_what_follows_on_its_connection_come_when_the_rule_is_gone() {
    let mut pair = Pair::new().rule(votes(BusAct::Hold));
    pair.say();
    pair.send(1, MessageType::PONG, 9);
    pair.run_until(500);
    pair.send(0, MessageType::PING, 3);
    assert_eq!(pair.heard(), [(101, 0), (101, 9)]);
    pair.tell(NetworkMessage::ClearRule { fault: FAULT });
    pair.run_until(600);
    assert_eq!(pair.heard()[2..], [(501, 1), (501, 2), (501, 3)]);
}

#[test]
fn one_of_two_connections_is_held_and_the_other_goes_on() {
    let rule = BusRule { dialled_by: Some(Dialler::To), ..BusRule::every(BusAct::Hold) };
    let mut pair = Pair::new().rule(rule);
    pair.send(0, MessageType::PING, 1);
    pair.send(1, MessageType::PONG, 2);
    pair.run_until(200);
    assert_eq!(pair.heard(), [(101, 1)]);
}

#[test]
fn a_reset_connection_is_gone_for_both() {
    let mut pair = Pair::new().rule(votes(BusAct::Reset));
    pair.say();
    pair.run_until(200);
    assert_eq!(pair.heard(), [(101, 0)]);
    let resets = pair.arrived.iter().filter(|(.., arrival)| *arrival == Arrival::Reset);
    let owners: Vec<ActorId> = resets.map(|(_, end, _)| end.owner).collect();
    assert_eq!(owners, [ActorId::Node(NODES[1]), ActorId::Node(NODES[0])]);
}

#[test]
fn what_no_network_may_do_is_done() {
    let heard = |act, after_ms: Option<u64>| {
        let after_ns = after_ms.map(SimDuration::from_ms);
        let mut pair = Pair::new().rule(BusRule { after_ns, ..votes(act) });
        pair.say();
        pair.run_until(500);
        pair.heard().into_iter().map(|(_, number)| number).collect::<Vec<_>>()
    };
    assert_eq!(heard(BusAct::Duplicate, None), [0, 1, 1, 2]);
    assert_eq!(heard(BusAct::Swap, None), [0, 2, 1]);
    assert_eq!(heard(BusAct::Replay, Some(50)), [0, 1, 2, 1]);
}

#[test]
fn altered_bytes_are_other_bytes_and_cut_off_ones_leave_their_room() {
    let second = |act| {
        let mut pair = Pair::new().rule(BusRule { count: Some(1), ..BusRule::every(act) });
        pair.send(0, MessageType::PING, 7);
        pair.run_until(200);
        let bytes = pair.arrived.iter().find_map(|(_, end, arrival)| match arrival {
            Arrival::Data(chunk) if end.owner == ActorId::Node(NODES[1]) => Some(chunk.bytes.clone()),
            _ => None,
        });
        (bytes.expect("something arrives"), pair.credit())
    };
    let flipped = second(BusAct::Flip).0;
    let bits: u32 = flipped.iter().map(|byte| (byte ^ 7).count_ones()).sum();
    assert_eq!((flipped.len(), bits), (10, 1));
    let (rest, credit) = second(BusAct::Truncate);
    assert_eq!((rest.len() as u64 + credit, rest.iter().all(|byte| *byte == 7)), (10, true));
    let lied = second(BusAct::Lie).0;
    let says = u32::from_be_bytes([lied[4], lied[5], lied[6], lied[7]]);
    assert!((11..=20).contains(&says), "{says}");
}
