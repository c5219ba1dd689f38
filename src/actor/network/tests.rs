//! Connections on links of a millisecond: how they begin, what goes through them, and how they end.

use super::*;
use crate::actor::message::KeepAlive;
use crate::fault::LatencyRange;
use crate::id::NodeId;

mod keep_alive;
mod troubles;

const MS: SimDuration = SimDuration::from_ms(1);
const DIALLER: End = End { owner: ActorId::Node(NodeId(1)), handle: 7 };
const PORT: u16 = 6379;

/// A network and the instant it has come to.
struct Rig {
    network: Network,
    now: SimTime,
    queue: Vec<(SimTime, ActorId, Message)>,
    /// What arrived at actors, and when.
    arrived: Vec<(SimTime, End, Arrival)>,
    /// How sockets keep their connections alive.
    keeps: Option<KeepAlive>,
}

impl Rig {
    fn new() -> Self {
        let plan = NetworkPlan { latency: LatencyRange { min_ns: MS, max_ns: MS }, delays: Vec::new() };
        let network = Network::new(1, &plan);
        Rig { network, now: SimTime::ZERO, queue: Vec::new(), arrived: Vec::new(), keeps: None }
    }

    /// The same, where node 2 listens.
    fn listening() -> Self {
        let mut rig = Rig::new();
        rig.tell(NetworkMessage::Listen { host: Host::Node(NodeId(2)), port: PORT });
        rig
    }

    fn tell(&mut self, message: NetworkMessage) {
        let mut out = Out::default();
        self.network.handle(self.now, Message::Network(message), &mut out);
        let sends = out.sends.into_iter().map(|(delay, to, message)| (self.now + delay, to, message));
        self.queue.extend(sends);
    }

    /// Lets everything happen that is under way.
    fn run(&mut self) {
        self.run_until(SimTime::NEVER);
    }

    /// The same, as far as it happens by then.
    fn run_until(&mut self, end: SimTime) {
        while let Some(first) = (0..self.queue.len()).min_by_key(|i| self.queue[*i].0)
            && self.queue[first].0 <= end
        {
            let (at, to, message) = self.queue.remove(first);
            self.now = at;
            match message {
                Message::Network(message) => self.tell(message),
                Message::Arrived(Arrived { handle, arrival: Arrival::Unheard, .. }) => {
                    let from = End { owner: to, handle };
                    self.keeps
                        .into_iter()
                        .for_each(|how| self.tell(NetworkMessage::KeepsAlive { from, how }));
                }
                Message::Arrived(Arrived { handle, arrival, .. }) => {
                    self.arrived.push((at, End { owner: to, handle }, arrival));
                }
                other => unreachable!("the network tells nobody {other:?}"),
            }
        }
    }

    fn dial(&mut self, node: u16) {
        let to = SocketAddrV4::new(Host::Node(NodeId(node)).address(), PORT);
        self.tell(NetworkMessage::Dial { from: DIALLER, local_port: 0, to });
        self.run();
    }

    /// A connection from node 1 to node 2: the accepting end.
    fn connect(&mut self) -> End {
        self.dial(2);
        let incoming = |(_, end, arrival): &(SimTime, End, Arrival)| {
            matches!(arrival, Arrival::Incoming { .. }).then_some(*end)
        };
        let end = self.arrived.iter().find_map(incoming).expect("somebody listens");
        self.arrived.clear();
        end
    }

    /// What arrived since the last look, in order.
    fn seen(&mut self) -> Vec<(End, Arrival)> {
        self.run();
        self.arrived.drain(..).map(|(_, end, arrival)| (end, arrival)).collect()
    }
}

fn chunk(text: &str) -> Chunk {
    Chunk::plain(text.as_bytes().to_vec())
}

#[test]
fn a_call_is_answered_after_the_way_there_and_back() {
    let mut rig = Rig::listening();
    rig.dial(2);
    let at = |ms| SimTime::ZERO + MS.times(ms);
    let arrived: Vec<_> = rig.arrived.iter().map(|(at, end, _)| (*at, end.owner)).collect();
    assert_eq!(arrived, [(at(1), ActorId::Node(NodeId(2))), (at(2), DIALLER.owner)]);
    assert_eq!(rig.arrived[1].2, Arrival::Connected);
}

#[test]
fn a_call_where_nobody_listens_is_refused() {
    let mut rig = Rig::listening();
    rig.dial(3);
    assert_eq!(rig.seen(), [(DIALLER, Arrival::Refused)]);
    rig.tell(NetworkMessage::Unlisten { host: Host::Node(NodeId(2)), port: PORT });
    rig.dial(2);
    assert_eq!(rig.seen(), [(DIALLER, Arrival::Refused)]);
}

#[test]
fn a_call_to_an_address_that_is_no_hosts_is_refused() {
    let mut rig = Rig::new();
    let to = SocketAddrV4::new([192, 0, 2, 1].into(), PORT);
    rig.tell(NetworkMessage::Dial { from: DIALLER, local_port: 0, to });
    assert_eq!(rig.seen(), [(DIALLER, Arrival::Refused)]);
}

#[test]
fn bytes_and_ends_of_both_ways_keep_their_order() {
    let mut rig = Rig::listening();
    let accepted = rig.connect();
    for text in ["one", "two"] {
        rig.tell(NetworkMessage::Sent { from: DIALLER, chunk: chunk(text) });
    }
    rig.tell(NetworkMessage::Shut { from: DIALLER });
    let got: Vec<u8> = rig
        .seen()
        .into_iter()
        .flat_map(|(end, arrival)| match arrival {
            Arrival::Data(chunk) if end == accepted => chunk.bytes,
            Arrival::Eof if end == accepted => b"!".to_vec(),
            other => unreachable!("{other:?} at {end:?}"),
        })
        .collect();
    assert_eq!(got, b"onetwo!");
    rig.tell(NetworkMessage::Sent { from: accepted, chunk: chunk("back") });
    assert_eq!(rig.seen(), [(DIALLER, Arrival::Data(chunk("back")))]);
}

#[test]
fn an_end_that_closes_is_seen_as_it_closed() {
    for (reset, arrival) in [(false, Arrival::Eof), (true, Arrival::Reset)] {
        let mut rig = Rig::listening();
        let accepted = rig.connect();
        rig.tell(NetworkMessage::Closed { from: DIALLER, reset });
        assert_eq!(rig.seen(), [(accepted, arrival)]);
    }
}

#[test]
fn bytes_for_an_end_that_is_gone_come_back_as_a_reset() {
    let mut rig = Rig::listening();
    let accepted = rig.connect();
    rig.tell(NetworkMessage::Closed { from: DIALLER, reset: false });
    rig.seen();
    rig.tell(NetworkMessage::Sent { from: accepted, chunk: chunk("too late") });
    assert_eq!(rig.seen(), [(accepted, Arrival::Reset)]);
    rig.tell(NetworkMessage::Closed { from: accepted, reset: true });
    rig.tell(NetworkMessage::Sent { from: accepted, chunk: chunk("from nobody") });
    assert_eq!(rig.seen(), []);
}

#[test]
fn room_that_a_process_makes_goes_back_to_its_peer() {
    let mut rig = Rig::listening();
    let accepted = rig.connect();
    rig.tell(NetworkMessage::Consumed { from: accepted, len: 1000 });
    assert_eq!(rig.seen(), [(DIALLER, Arrival::Credit { len: 1000 })]);
}

#[test]
fn room_that_an_actor_makes_is_given_in_steps() {
    let mut rig = Rig::listening();
    let from = End { owner: ActorId::Operator, handle: 1 };
    let to = SocketAddrV4::new(Host::Node(NodeId(2)).address(), PORT);
    rig.tell(NetworkMessage::Dial { from, local_port: 0, to });
    let accepted = rig.seen()[0].0;
    let half = Chunk::plain(vec![0; CREDIT_STEP as usize / 2]);
    let credits = |rig: &mut Rig| {
        rig.tell(NetworkMessage::Sent { from: accepted, chunk: half.clone() });
        rig.seen()
            .iter()
            .any(|(end, arrival)| *end == accepted && *arrival == Arrival::Credit { len: CREDIT_STEP })
    };
    assert_eq!([credits(&mut rig), credits(&mut rig)], [false, true]);
}
