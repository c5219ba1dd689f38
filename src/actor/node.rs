//! A node: the life of one server, from start to end and back.
//!
//! It decides when its server gets the turn; what the server does with it is the world's to see. Whatever arrives at a
//! paused server's sockets waits there, as it does in a kernel.

mod orders;

use std::collections::BTreeMap;

pub use self::orders::Order;
use self::orders::Orders;
use super::message::{
    Arrival, Arrived, ChaosMessage, Message, NetworkMessage, NodeMessage, OperatorMessage, ValidatorMessage,
};
use super::{Act, Actor, Out};
use crate::fault::{POWER_LOST, Signal};
use crate::id::{ActorId, Host, NodeId};
use crate::time::SimTime;

/// The life of one server.
pub struct Node {
    id: NodeId,
    state: State,
    orders: Orders,
    /// A signal that ends it was sent, so that its end surprises nobody.
    end_expected: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Down,
    Running,
    Paused,
}

impl Node {
    /// A node that was not started yet, in a run with this seed.
    pub fn new(id: NodeId, seed: u64) -> Self {
        Node { id, state: State::Down, orders: Orders::drawn(seed, id), end_expected: false }
    }

    /// The same, whose turns have the orders that they had in an earlier run, by their numbers.
    pub fn guided_by(self, orders: BTreeMap<u64, u64>) -> Self {
        Node { orders: Orders::recorded(orders), ..self }
    }

    fn resume(&mut self, out: &mut Out) {
        if self.state == State::Running {
            out.act(Act::Resume { node: self.id, order: self.orders.next_turn() });
        }
    }

    fn arrived(&mut self, Arrived { handle, arrival, .. }: Arrived, out: &mut Out) {
        if self.state != State::Down {
            let is_seen = arrival != Arrival::Unheard;
            out.act(Act::Socket { node: self.id, handle, arrival });
            if is_seen {
                self.resume(out);
            }
        }
    }

    fn start(&mut self, incarnation: u32, out: &mut Out) {
        if self.state != State::Down {
            return;
        }
        self.state = State::Running;
        self.end_expected = false;
        out.act(Act::Start { node: self.id, incarnation });
        self.resume(out);
        self.tell_life(true, out);
        out.send(ActorId::Validator, Message::Validator(ValidatorMessage::NodeStarted { node: self.id }));
    }

    fn tell_life(&self, alive: bool, out: &mut Out) {
        out.send(ActorId::Operator, Message::Operator(OperatorMessage::NodeLife { node: self.id, alive }));
    }

    fn signal(&mut self, signal: Signal, out: &mut Out) {
        match (self.state, signal) {
            (State::Down, _) => {}
            // A stopped process takes note of the signal when it runs again.
            (State::Paused, Signal::Term) => {
                self.end_expected = true;
                out.act(Act::Mark { node: self.id, signal });
            }
            _ => {
                self.end_expected = true;
                out.act(Act::Signal { node: self.id, signal });
            }
        }
    }

    fn pause(&mut self, paused: bool, out: &mut Out) {
        match (self.state, paused) {
            (State::Running, true) => self.state = State::Paused,
            (State::Paused, false) => {
                self.state = State::Running;
                self.resume(out);
            }
            _ => {}
        }
    }

    fn exited(&mut self, status: String, out: &mut Out) {
        self.state = State::Down;
        let (node, expected) = (self.id, self.end_expected || status == POWER_LOST);
        out.send(ActorId::Network, Message::Network(NetworkMessage::Gone { host: Host::Node(node) }));
        out.send(ActorId::Chaos, Message::Chaos(ChaosMessage::NodeExited { node, expected }));
        self.tell_life(false, out);
        let ended = ValidatorMessage::NodeExited { node, status, expected };
        out.send(ActorId::Validator, Message::Validator(ended));
    }
}

impl Actor for Node {
    fn handle(&mut self, _now: SimTime, message: Message, out: &mut Out) {
        match message {
            Message::Arrived(arrived) => self.arrived(arrived, out),
            Message::Node(NodeMessage::Start { incarnation }) => self.start(incarnation, out),
            Message::Node(NodeMessage::Wipe) if self.state == State::Down => {
                out.act(Act::Wipe { node: self.id })
            }
            Message::Node(NodeMessage::KeepCopy { op }) => out.act(Act::KeepCopy { node: self.id, op }),
            Message::Node(NodeMessage::PutBack { op }) if self.state == State::Down => {
                out.act(Act::PutBack { node: self.id, op })
            }
            Message::Node(NodeMessage::Install { server }) if self.state == State::Down => {
                out.act(Act::Install { node: self.id, server })
            }
            Message::Node(NodeMessage::Wipe | NodeMessage::PutBack { .. } | NodeMessage::Install { .. }) => {}
            Message::Node(NodeMessage::Wake) => self.resume(out),
            Message::Node(NodeMessage::Signal { signal }) => self.signal(signal, out),
            Message::Node(NodeMessage::Pause) => self.pause(true, out),
            Message::Node(NodeMessage::Slow { times_slower }) => {
                out.act(Act::Slow { node: self.id, times_slower });
            }
            Message::Node(NodeMessage::Unpause) => self.pause(false, out),
            Message::Node(NodeMessage::Exited { status }) => self.exited(status, out),
            Message::Node(NodeMessage::Cease) => self.orders.cease(),
            Message::Node(NodeMessage::Livelock { .. }) => self.exited("livelock".to_owned(), out),
            Message::Node(NodeMessage::Deadlock { .. }) => self.exited("deadlock".to_owned(), out),
            Message::Node(NodeMessage::Afflict { fault, affliction }) => {
                out.act(Act::Afflict { node: self.id, fault, affliction });
            }
            Message::Node(NodeMessage::LosePower { remains }) => {
                out.act(Act::LosePower { node: self.id, remains });
            }
            Message::Node(NodeMessage::Lie { lie, about }) => out.act(Act::Lie { node: self.id, lie, about }),
            // The log has them; that is all there is to do.
            Message::Node(
                NodeMessage::Lied { .. }
                | NodeMessage::Log { .. }
                | NodeMessage::Child { .. }
                | NodeMessage::File { .. }
                | NodeMessage::Saved { .. },
            ) => {}
            other => unreachable!("no message {other:?} is for a node"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: NodeId = NodeId(1);

    /// What comes of messages, one after another: the acts, and who is told.
    fn handled(messages: impl IntoIterator<Item = Message>) -> Vec<(Vec<String>, Vec<ActorId>)> {
        let mut node = Node::new(ME, 1);
        let mut handle = |message| {
            let mut out = Out::default();
            node.handle(SimTime::ZERO, message, &mut out);
            let acts = out.acts.iter().map(|act| format!("{act:?}")).map(word).collect();
            (acts, out.sends.iter().map(|(_, to, _)| *to).collect())
        };
        messages.into_iter().map(&mut handle).collect()
    }

    /// An act's own name.
    fn word(act: String) -> String {
        act.split(' ').next().unwrap_or_default().to_owned()
    }

    fn acts(messages: impl IntoIterator<Item = Message>) -> Vec<Vec<String>> {
        handled(messages).into_iter().map(|(acts, _)| acts).collect()
    }

    fn node(message: NodeMessage) -> Message {
        Message::Node(message)
    }

    fn start() -> Message {
        node(NodeMessage::Start { incarnation: 1 })
    }

    fn arrives() -> Message {
        Message::Arrived(Arrived { conn: 1, handle: 1, arrival: Arrival::Eof })
    }

    fn signal(signal: Signal) -> Message {
        node(NodeMessage::Signal { signal })
    }

    #[test]
    fn a_node_is_started_once() {
        let told = handled([start(), start()]);
        assert_eq!(
            told[0],
            (vec!["Start".into(), "Resume".into()], vec![ActorId::Operator, ActorId::Validator])
        );
        assert_eq!(told[1], (vec![], vec![]));
    }

    #[test]
    fn what_arrives_at_a_paused_node_waits_for_its_turn() {
        let acts = acts([
            start(),
            node(NodeMessage::Pause),
            arrives(),
            node(NodeMessage::Wake),
            node(NodeMessage::Unpause),
        ]);
        assert_eq!(acts[2], ["Socket"]);
        assert!(acts[3].is_empty());
        assert_eq!(acts[4], ["Resume"]);
    }

    #[test]
    fn what_arrives_at_a_node_that_is_down_is_lost() {
        let exited = node(NodeMessage::Exited { status: "exit 0".to_owned() });
        let acts =
            acts([arrives(), start(), exited, arrives(), node(NodeMessage::Wake), signal(Signal::Kill)]);
        for (i, lost) in [0, 3, 4, 5].map(|i| (i, acts[i].is_empty())) {
            assert!(lost, "message {i}");
        }
    }

    #[test]
    fn a_paused_node_takes_note_of_a_request_to_end_and_dies_at_once_of_a_kill() {
        let acts = acts([start(), node(NodeMessage::Pause), signal(Signal::Term), signal(Signal::Kill)]);
        assert_eq!((&acts[2][..], &acts[3][..]), (&["Mark".to_owned()][..], &["Signal".to_owned()][..]));
    }

    #[test]
    fn an_end_is_expected_only_after_a_signal() {
        let expected = |messages: Vec<Message>| {
            let mut node = Node::new(ME, 1);
            let mut out = Out::default();
            messages.into_iter().for_each(|message| node.handle(SimTime::ZERO, message, &mut out));
            out.sends.into_iter().find_map(|(_, _, message)| match message {
                Message::Validator(ValidatorMessage::NodeExited { expected, .. }) => Some(expected),
                _ => None,
            })
        };
        let exited = || node(NodeMessage::Exited { status: "SIGKILL".to_owned() });
        assert_eq!(expected(vec![start(), exited()]), Some(false));
        assert_eq!(expected(vec![start(), signal(Signal::Kill), exited()]), Some(true));
        let again = vec![start(), signal(Signal::Kill), start(), exited()];
        assert_eq!(expected(again), Some(true));
    }
}
