//! A client against a hand-driven cluster: a queue, links of a millisecond, and a function that plays the servers.

use std::collections::BTreeMap;

use proptest::prelude::*;
use redis::Value;

use super::*;
use crate::actor::message::{Arrival, Arrived, Chunk, End, NetworkMessage};
use crate::event_log::ClientDecisions;
use crate::fault::LatencyRange;
use crate::history::Request;
use crate::id::Host;
use crate::plan::{ClusterPlan, Limits, NetworkPlan, Pattern, WorkloadPlan};
use crate::wire::resp::{Decoder, key_slot};

/// What a played server makes of a command; the command `DIAL` stands for a request for a connection.
#[derive(Clone, Debug)]
enum Play {
    Say(String),
    Silence,
    Reset,
    /// The reply in pieces that end at these places.
    Pieces(String, Vec<usize>),
}

fn say(reply: &str) -> Play {
    Play::Say(format!("{reply}\r\n"))
}

fn plan(seed: u64, pattern: Pattern) -> Plan {
    let latency = LatencyRange { min_ns: SimDuration::from_ms(1), max_ns: SimDuration::from_ms(1) };
    let second = SimDuration::from_secs(1);
    Plan {
        name: "client".to_owned(),
        seed,
        epoch_us: 0,
        cluster: ClusterPlan::of(3, 1),
        network: NetworkPlan { latency, delays: Vec::new() },
        operations: Vec::new(),
        faults: Vec::new(),
        workload: Some(WorkloadPlan {
            pattern,
            rate_per_s: 1,
            // Too short for a second operation.
            duration_ns: SimDuration::from_ms(400),
            clients: 1,
            keys: 10,
            value_bytes: 8,
            mix: BTreeMap::new(),
            protocol: 2,
            reconnect: None,
            pinned: false,
            timeout_ns: None,
            commands: Vec::new(),
        }),
        guests: Vec::new(),
        limits: Limits {
            slot_coverage: true,
            replica_sync: true,
            data_consistency: true,
            max_convergence_ns: second,
            max_replication_lag_ns: second,
            ..Limits::default()
        },
    }
}

/// A plan whose first and only operation is a write, or a read.
fn one(write: bool) -> Plan {
    let first = |seed: &u64| {
        let plan = plan(*seed, Pattern::Mixed);
        let request = Draws::new(ClientId(1), &plan, ClientDecisions::default())
            .expect("there is a workload")
            .request(1);
        matches!(request, Request::Set { .. }) == write
    };
    plan((0..).find(first).expect("half of all seeds begin so"), Pattern::Mixed)
}

struct Rig<F> {
    client: Client,
    server: F,
    queue: BTreeMap<(SimTime, u64), Message>,
    queued: u64,
    links: BTreeMap<u64, (NodeId, Decoder)>,
    lines: Vec<String>,
    invoked: Vec<(SimTime, Request)>,
    done: u64,
}

impl<F: FnMut(NodeId, &str) -> Play> Rig<F> {
    fn new(plan: &Plan, server: F) -> Self {
        let client = Client::new(ClientId(1), plan, ClientDecisions::default()).expect("there is a workload");
        let (queue, links, lines, invoked) = Default::default();
        let mut rig = Rig { client, server, queue, queued: 0, links, lines, invoked, done: 0 };
        rig.queue(SimTime::ZERO, Message::Client(ClientMessage::Begin));
        rig
    }

    fn queue(&mut self, at: SimTime, message: Message) {
        self.queued += 1;
        self.queue.insert((at, self.queued), message);
    }

    /// Delivers what is due before `end` and gives the lines of all that was seen.
    fn run(&mut self, end: SimTime) -> Vec<String> {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 < end) {
            let ((now, _), message) = entry.remove_entry();
            let mut out = Out::default();
            self.client.handle(now, message, &mut out);
            self.line_up(now, out);
        }
        std::mem::take(&mut self.lines)
    }

    fn line_up(&mut self, now: SimTime, out: Out) {
        assert!(out.acts.is_empty());
        for note in out.notes {
            self.noted(now, note);
        }
        for (delay, to, message) in out.sends {
            match (to, message) {
                (ActorId::Client(_), message) => self.queue(now + delay, message),
                (ActorId::Director, Message::Director(DirectorMessage::ClientDone)) => self.done += 1,
                (ActorId::Network, Message::Network(message)) => self.network(now, message),
                other => panic!("{other:?} is nothing a client says"),
            }
        }
    }

    fn noted(&mut self, now: SimTime, note: Body) {
        if let Body::Invoke { request, .. } = &note {
            self.invoked.push((now, request.clone()));
        }
        let text = match note {
            Body::Invoke { sequence, request: Request::Get { key } } => format!("#{sequence} get {key}"),
            Body::Invoke { sequence, request: Request::Set { key, value } } => {
                format!("#{sequence} set {key} {value}")
            }
            Body::Invoke { sequence, request } => format!("#{sequence} call {request}"),
            Body::Complete { sequence, outcome, node } => {
                let by = node.map_or("nobody".to_owned(), |node| node.to_string());
                format!("#{sequence} {outcome:?} by {by}")
            }
            Body::Picked { node, why } => format!("turns to {node}: {why}"),
            Body::Gap { .. } | Body::Redirect { .. } | Body::OutOfStep { .. } => return,
            other => panic!("{other:?} is nothing a client notes"),
        };
        self.lines.push(format!("{} ms: {text}", now.as_ns() / 1_000_000));
    }

    fn network(&mut self, now: SimTime, message: NetworkMessage) {
        match message {
            NetworkMessage::Dial { from, to, .. } => {
                let Some(Host::Node(node)) = Host::from_address(*to.ip()) else { panic!("{to} is no node") };
                assert!(self.links.insert(from.handle, (node, Decoder::default())).is_none());
                self.serve(now, from, node, "DIAL");
            }
            NetworkMessage::Sent { from, chunk } => {
                let (node, decoder) = self.links.get_mut(&from.handle).expect("a dialled connection");
                let node = *node;
                decoder.push(&chunk.bytes);
                let commands: Vec<String> = std::iter::from_fn(|| decoder.pop().expect("a command"))
                    .map(|command| words(&command))
                    .collect();
                for command in commands {
                    self.lines.push(format!("{} ms: {node} < {command}", now.as_ns() / 1_000_000));
                    self.serve(now, from, node, &command);
                }
            }
            _ => {}
        }
    }

    fn serve(&mut self, now: SimTime, from: End, node: NodeId, command: &str) {
        let arrivals = match (self.server)(node, command) {
            Play::Silence => vec![],
            Play::Reset if command == "DIAL" => vec![Arrival::Refused],
            Play::Reset => vec![Arrival::Reset],
            _ if command == "DIAL" => vec![Arrival::Connected],
            Play::Say(reply) => vec![data(&reply)],
            Play::Pieces(reply, mut cuts) => {
                cuts.sort_unstable();
                let (starts, ends) = ([vec![0], cuts.clone()].concat(), [cuts, vec![reply.len()]].concat());
                starts.iter().zip(ends).map(|(start, end)| data(&reply[*start..end])).collect()
            }
        };
        for arrival in arrivals {
            let arrived = Arrived { conn: 0, handle: from.handle, arrival };
            self.queue(now + SimDuration::from_ms(2), Message::Arrived(arrived));
        }
    }
}

fn data(text: &str) -> Arrival {
    Arrival::Data(Chunk::plain(text.as_bytes().to_vec()))
}

fn words(command: &Value) -> String {
    let Value::Array(words) = command else { panic!("{command:?} is no command") };
    let word = |word: &Value| match word {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).expect("text"),
        other => panic!("{other:?} is no word"),
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A server that does everything.
fn obliging(command: &str) -> Play {
    match command.split(' ').next() {
        Some("GET") => say("$3\r\nabc"),
        Some("CLUSTER") => say("*0"),
        _ => say("+OK"),
    }
}

/// Runs the plan's operations against `server` and compares what was seen.
fn check(plan: &Plan, server: impl FnMut(NodeId, &str) -> Play, expected: expect_test::Expect) {
    let mut rig = Rig::new(plan, server);
    let lines = rig.run(SimTime::NEVER);
    assert_eq!(rig.done, 1, "the client says once that it is done");
    expected.assert_eq(&lines.join("\n"));
}

/// A server that answers the first commands with `replies`, and everything after them obligingly.
fn script(replies: &[&str]) -> impl FnMut(NodeId, &str) -> Play {
    let mut replies: Vec<Play> = replies.iter().rev().map(|reply| say(reply)).collect();
    move |_, command| match command {
        "DIAL" => say(""),
        "ASKING" => say("+OK"),
        command if command.starts_with("CLUSTER") => obliging(command),
        command => replies.pop().unwrap_or_else(|| obliging(command)),
    }
}

mod calls;
mod history;
mod routing;
mod script;
