//! What rules make of traffic between two nodes, and what is left of a machine that is gone.

use super::*;
use crate::fault::{Channel, Direction, FaultId, Links as Traffic, Trouble};

const FAULT: FaultId = FaultId(1);
const NODES: [NodeId; 2] = [NodeId(1), NodeId(2)];

/// A rule for all traffic from node 1 to node 2, or between them.
fn rule(trouble: Trouble, direction: Direction) -> NetworkMessage {
    let [a, b] = NODES.map(|node| vec![Host::Node(node)]);
    let links = Traffic { trouble, direction, channels: Vec::new() };
    NetworkMessage::SetRule { fault: FAULT, rule: Rule { seams: vec![(a, b)], links } }
}

impl Rig {
    /// Sends texts from node 1, one every millisecond, and heals after so many milliseconds.
    fn send(&mut self, texts: &[&str], heal_after_ms: u64) {
        let begin = self.now;
        for (ms, text) in (0..).zip(texts) {
            self.now = begin + MS.times(ms);
            self.tell(NetworkMessage::Sent { from: DIALLER, chunk: chunk(text) });
        }
        let heal = Message::Network(NetworkMessage::ClearRule { fault: FAULT });
        self.queue.push((begin + MS.times(heal_after_ms), ActorId::Network, heal));
    }

    /// How many milliseconds after `begin` texts arrived, and what else did.
    fn came(&mut self, begin: SimTime) -> Vec<(u64, String)> {
        self.run();
        let words = |arrival: Arrival| match arrival {
            Arrival::Data(chunk) => String::from_utf8_lossy(&chunk.bytes).into_owned(),
            other => format!("{other:?}"),
        };
        self.arrived.drain(..).map(|(at, _, arrival)| (at.since(begin).as_ms(), words(arrival))).collect()
    }
}

/// When texts come that are sent a millisecond apart under a rule that is healed after so long.
fn come(trouble: Trouble, texts: &[&str], heal_after_ms: u64) -> Vec<u64> {
    let mut rig = Rig::listening();
    rig.connect();
    let begin = rig.now;
    rig.tell(rule(trouble, Direction::OneWay));
    rig.send(texts, heal_after_ms);
    let came = rig.came(begin);
    let heard: String = came.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(heard, texts.concat(), "{trouble:?}: everything comes, and in its order");
    came.into_iter().map(|(ms, _)| ms).collect()
}

#[test]
fn a_jam_lets_everything_go_at_once_and_a_cut_with_the_next_attempt() {
    assert_eq!(come(Trouble::Jam, &["one", "two"], 1_000), [1_001, 1_001]);
    assert_eq!(come(Trouble::Cut, &["one", "two"], 1_000), [1_401, 1_401]);
}

#[test]
fn a_narrow_link_takes_its_time_for_each_chunk_and_none_once_it_is_wide() {
    // With its headers each has 100 bytes: a tenth of a second at 1000 bytes a second.
    let text = "x".repeat(34);
    let texts = [text.as_str(); 4];
    assert_eq!(come(Trouble::Narrow { bytes_per_s: 1_000 }, &texts, 5_000), [1, 101, 201, 301]);
    assert_eq!(come(Trouble::Narrow { bytes_per_s: 1_000 }, &texts, 150), [1, 101, 151, 151]);
}

#[test]
fn what_is_lost_comes_after_pauses_that_double_and_holds_up_what_follows() {
    let texts = ["a"; 200];
    let late = come(Trouble::Lossy { one_in: 3 }, &texts, 60_000);
    let pauses = [200, 600, 1_400, 3_000];
    let first = late.iter().zip(1..).find(|(ms, sent)| **ms > *sent).map(|(ms, sent)| ms - sent);
    assert!(first.is_some_and(|pause| pauses.contains(&pause)), "{late:?}");
    assert!(late.windows(2).all(|pair| pair[0] <= pair[1]), "{late:?}");
    let tail =
        Trouble::Tail { one_in: 10, longer: LatencyRange { min_ns: MS.times(50), max_ns: MS.times(90) } };
    let late = come(tail, &texts, 60_000);
    let longest = late.iter().zip(1..).map(|(ms, sent)| ms - sent).max();
    assert!(longest.is_some_and(|longest| (50..=90).contains(&longest)), "{late:?}");
}

#[test]
fn both_ends_of_a_connection_see_a_reset_and_nothing_after_it() {
    let mut rig = Rig::listening();
    let accepted = rig.connect();
    rig.tell(NetworkMessage::Sent { from: DIALLER, chunk: chunk("before") });
    rig.tell(rule(Trouble::Reset, Direction::Both));
    rig.tell(NetworkMessage::Sent { from: DIALLER, chunk: chunk("after") });
    let data = Arrival::Data(chunk("before"));
    assert_eq!(rig.seen(), [(accepted, data), (DIALLER, Arrival::Reset), (accepted, Arrival::Reset)]);
    rig.tell(NetworkMessage::Closed { from: DIALLER, reset: false });
    rig.tell(NetworkMessage::Closed { from: accepted, reset: false });
    assert_eq!(rig.seen(), []);
    assert!(rig.network.connections.is_empty());
}

#[test]
fn a_rule_of_one_channel_leaves_the_others_alone() {
    let mut rig = Rig::listening();
    rig.connect();
    let [a, b] = NODES.map(|node| vec![Host::Node(node)]);
    let links = Traffic { trouble: Trouble::Reset, direction: Direction::Both, channels: vec![Channel::Bus] };
    rig.tell(NetworkMessage::SetRule { fault: FAULT, rule: Rule { seams: vec![(a, b)], links } });
    assert_eq!(rig.seen(), []);
}

#[test]
fn only_new_connections_are_refused() {
    let mut rig = Rig::listening();
    let accepted = rig.connect();
    rig.tell(rule(Trouble::Refuse, Direction::OneWay));
    rig.tell(NetworkMessage::Sent { from: DIALLER, chunk: chunk("old") });
    assert_eq!(rig.seen(), [(accepted, Arrival::Data(chunk("old")))]);
    rig.dial(2);
    assert_eq!(rig.seen(), [(DIALLER, Arrival::Refused)]);
}

#[test]
fn a_lost_machine_is_silent_and_resets_who_tries_again_once_it_is_back() {
    let mut rig = Rig::listening();
    let accepted = rig.connect();
    let begin = rig.now;
    rig.tell(NetworkMessage::Machine { node: NODES[1], lost: true });
    rig.tell(NetworkMessage::Closed { from: accepted, reset: true });
    rig.tell(NetworkMessage::Gone { host: Host::Node(NODES[1]) });
    rig.tell(NetworkMessage::Sent { from: DIALLER, chunk: chunk("into the dark") });
    assert_eq!(rig.seen(), [], "nobody says that the process is gone");
    rig.now = begin + MS.times(1_000);
    rig.tell(NetworkMessage::Machine { node: NODES[1], lost: false });
    assert_eq!(rig.came(begin), [(1_401, "Reset".to_owned())], "to the attempt after 1.4 s");
}

#[test]
fn what_was_under_way_to_a_lost_machine_is_tried_again_too() {
    let back_after = |arrives_first: bool| {
        let mut rig = Rig::listening();
        rig.connect();
        rig.tell(NetworkMessage::Sent { from: DIALLER, chunk: chunk("last words") });
        if arrives_first {
            rig.run();
        }
        let begin = rig.now;
        rig.tell(NetworkMessage::Machine { node: NODES[1], lost: true });
        rig.run_until(begin + MS.times(1_000));
        rig.now = begin + MS.times(1_000);
        rig.tell(NetworkMessage::Machine { node: NODES[1], lost: false });
        rig.came(begin).into_iter().filter(|(_, what)| what == "Reset").collect::<Vec<_>>()
    };
    assert_eq!(back_after(false), [(1_401, "Reset".to_owned())], "to the attempt after 1.4 s");
    assert_eq!(back_after(true), [], "its receipt was heard of");
}

#[test]
fn what_a_lost_machine_held_is_lost_and_a_call_to_it_waits() {
    let mut rig = Rig::listening();
    let accepted = rig.connect();
    rig.tell(rule(Trouble::Cut, Direction::Both));
    rig.tell(NetworkMessage::Sent { from: accepted, chunk: chunk("held") });
    rig.tell(NetworkMessage::Machine { node: NODES[1], lost: true });
    rig.tell(NetworkMessage::ClearRule { fault: FAULT });
    assert_eq!(rig.seen(), []);
    let to = SocketAddrV4::new(Host::Node(NODES[1]).address(), PORT);
    let (again, begin) = (End { handle: 8, ..DIALLER }, rig.now);
    rig.tell(NetworkMessage::Dial { from: again, local_port: 0, to });
    rig.now = begin + MS.times(1_500);
    rig.tell(NetworkMessage::Machine { node: NODES[1], lost: false });
    rig.run();
    let connected = rig.arrived.iter().find(|(_, end, _)| *end == again).expect("the call is answered");
    assert_eq!((connected.0.since(begin).as_ms(), &connected.2), (3_002, &Arrival::Connected));
}
