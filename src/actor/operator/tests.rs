//! The operator against a played cluster: a queue, links of a millisecond, and servers that obey.

use std::collections::{BTreeMap, BTreeSet};

use redis::Value;

use super::*;
use crate::actor::message::{Arrival, Arrived, ChaosMessage, Chunk, End, NetworkMessage};
use crate::fault::LatencyRange;
use crate::id::{Host, NodeId, ShardId};
use crate::plan::{ClusterPlan, Limits, NetworkPlan, Plan};
use crate::time::SimDuration;
use crate::wire::resp::Decoder;

mod beside;
mod failover;
mod form;
mod resolve;

pub fn plan(shards: u16, replicas: u16) -> Plan {
    let latency = LatencyRange { min_ns: SimDuration::from_ms(1), max_ns: SimDuration::from_ms(1) };
    let second = SimDuration::from_secs(1);
    Plan {
        name: "operator".to_owned(),
        seed: 1,
        epoch_us: 0,
        cluster: ClusterPlan::of(shards, replicas),
        network: NetworkPlan { latency, delays: Vec::new() },
        operations: Vec::new(),
        faults: Vec::new(),
        workload: None,
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

/// A played cluster. Views are shared: what one node knows, all know.
#[derive(Debug)]
struct Servers {
    cluster: ClusterPlan,
    /// Nobody listens there.
    down: BTreeSet<NodeId>,
    /// They take everything and answer nothing.
    mute: BTreeSet<NodeId>,
    /// How often each still says that it is loading.
    loading: BTreeMap<NodeId, u32>,
    met: BTreeSet<NodeId>,
    epochs: BTreeMap<NodeId, u64>,
    /// The shard whose slots each owns.
    owners: BTreeMap<NodeId, ShardId>,
    primaries: BTreeMap<NodeId, NodeId>,
    /// What a failover does.
    failover: Failing,
    /// Nodes that have not heard of any change since, with the view that they go on giving.
    stale: BTreeMap<NodeId, String>,
    /// What is answered instead of the usual, by the beginning of a command.
    instead: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failing {
    Succeeds,
    Hangs,
}

fn id(node: NodeId) -> String {
    format!("{:040x}", 0xabc00 + u64::from(node.0))
}

impl Servers {
    /// Servers that know nothing yet.
    fn fresh(cluster: &ClusterPlan) -> Self {
        let (down, mute, loading, met, epochs, owners, primaries, stale, instead) = Default::default();
        let failover = Failing::Succeeds;
        let cluster = cluster.clone();
        Servers { cluster, down, mute, loading, met, epochs, owners, primaries, failover, stale, instead }
    }

    /// A cluster as the plan lays it out.
    fn formed(cluster: &ClusterPlan) -> Self {
        let mut servers = Servers::fresh(cluster);
        for node in cluster.nodes() {
            let shard = cluster.shard_of(node);
            let first = cluster.first_primary(shard);
            servers.met.insert(node);
            servers.epochs.insert(node, u64::from(node.0));
            if first == node {
                servers.owners.insert(node, shard);
            } else {
                servers.primaries.insert(node, first);
            }
        }
        servers
    }

    fn serve(&mut self, node: NodeId, command: &str) -> Option<String> {
        if self.mute.contains(&node) {
            return None;
        }
        if let Some(left) = self.loading.get_mut(&node).filter(|left| **left > 0) {
            *left -= 1;
            return Some("-LOADING the dataset".to_owned());
        }
        let instead = self.instead.iter().find(|(begin, _)| command.starts_with(begin.as_str()));
        if let Some((_, reply)) = instead {
            return Some(reply.clone());
        }
        Some(self.reply(node, command))
    }

    fn reply(&mut self, node: NodeId, command: &str) -> String {
        let words: Vec<&str> = command.split(' ').collect();
        match words.as_slice() {
            ["PING"] => "+PONG".to_owned(),
            ["CLUSTER", "MYID"] => bulk(&id(node)),
            ["CLUSTER", "NODES"] => bulk(&self.stale.get(&node).cloned().unwrap_or_else(|| self.nodes(node))),
            ["CLUSTER", "FAILOVER", ..] if !self.primaries.contains_key(&node) => {
                "-ERR You should send CLUSTER FAILOVER to a replica".to_owned()
            }
            ["CLUSTER", "INFO"] => bulk(&self.info()),
            ["INFO", "replication"] => bulk(&self.replication(node)),
            ["CLUSTER", rest @ ..] => {
                self.change(node, rest);
                "+OK".to_owned()
            }
            _ => "-ERR unknown command".to_owned(),
        }
    }

    fn change(&mut self, node: NodeId, words: &[&str]) {
        match words {
            ["SET-CONFIG-EPOCH", epoch] => {
                self.epochs.insert(node, epoch.parse().expect("a number"));
            }
            ["ADDSLOTSRANGE", first, last] => {
                let slots = (first.parse().expect("a slot"), last.parse().expect("a slot"));
                let mut shards = self.cluster.shards();
                let shard = shards.find(|shard| self.cluster.slots_of(*shard) == slots).expect("a shard");
                self.owners.insert(node, shard);
            }
            ["MEET", ip, "6379"] => {
                let Some(Host::Node(other)) = Host::from_address(ip.parse().expect("an address")) else {
                    panic!("{ip} is no node")
                };
                self.met.extend([node, other]);
            }
            ["REPLICATE", primary] => {
                let primary = self.cluster.nodes().find(|other| id(*other) == *primary);
                self.primaries.insert(node, primary.expect("a node"));
            }
            ["FAILOVER", ..] if self.failover == Failing::Succeeds => self.take_over(node),
            ["FAILOVER", ..] => {}
            other => panic!("{other:?} is not played"),
        }
    }

    fn take_over(&mut self, node: NodeId) {
        let old = self.primaries.remove(&node).expect("a replica takes over");
        let shard = self.owners.remove(&old).expect("a primary had slots");
        let epoch = self.epochs.values().max().copied().unwrap_or_default() + 1;
        self.owners.insert(node, shard);
        self.epochs.insert(node, epoch);
        self.primaries.values_mut().filter(|primary| **primary == old).for_each(|primary| *primary = node);
        self.primaries.insert(old, node);
    }

    fn nodes(&self, viewer: NodeId) -> String {
        let known = self.cluster.nodes().filter(|node| *node == viewer || self.met.contains(node));
        known.map(|node| self.line(viewer, node)).collect()
    }

    fn line(&self, viewer: NodeId, node: NodeId) -> String {
        let (id_text, ip) = (id(node), Host::Node(node).address());
        let myself = if node == viewer { "myself," } else { "" };
        let fail = if self.down.contains(&node) { ",fail" } else { "" };
        let primary = self.primaries.get(&node);
        let role = if primary.is_some() { "slave" } else { "master" };
        let primary_id = primary.map_or("-".to_owned(), |primary| id(*primary));
        let epoch = self.epochs.get(primary.unwrap_or(&node)).copied().unwrap_or_default();
        let slots = self.owners.get(&node).map_or(String::new(), |shard| {
            let (first, last) = self.cluster.slots_of(*shard);
            format!(" {first}-{last}")
        });
        let flags = format!("{myself}{role}{fail}");
        format!("{id_text} {ip}:6379@16379,, {flags} {primary_id} 0 0 {epoch} connected{slots}\n")
    }

    fn info(&self) -> String {
        let ok = self.owners.len() == usize::from(self.cluster.shards);
        let state = if ok { "ok" } else { "fail" };
        format!(
            "cluster_state:{state}\r\ncluster_slots_assigned:0\r\ncluster_slots_ok:0\r\ncluster_slots_pfail:0\r\n\
             cluster_slots_fail:0\r\ncluster_known_nodes:0\r\ncluster_size:0\r\ncluster_current_epoch:0\r\n\
             cluster_my_epoch:0\r\n"
        )
    }

    fn replication(&self, node: NodeId) -> String {
        let role = match self.primaries.get(&node) {
            Some(primary) => format!(
                "role:slave\r\nmaster_host:{}\r\nmaster_port:6379\r\nmaster_link_status:up",
                Host::Node(*primary).address()
            ),
            None => "role:master".to_owned(),
        };
        format!("# Replication\r\n{role}\r\nmaster_replid:abc\r\nmaster_repl_offset:0\r\n")
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}", text.len())
}

struct Rig {
    operator: Operator,
    servers: Servers,
    queue: BTreeMap<(SimTime, u64), Message>,
    queued: u64,
    links: BTreeMap<u64, (NodeId, Decoder)>,
    /// What was noted or told to others, one line each.
    lines: Vec<String>,
    /// What was asked, one line each.
    asked: Vec<String>,
    /// Chaos lets every operation go at once.
    obliging: bool,
}

impl Rig {
    fn new(plan: &Plan, servers: Servers) -> Self {
        let (queue, links, lines, asked) = Default::default();
        let operator = Operator::new(plan);
        Rig { operator, servers, queue, queued: 0, links, lines, asked, obliging: true }
    }

    fn tell(&mut self, at: SimTime, message: OperatorMessage) {
        self.queue(at, Message::Operator(message));
    }

    fn queue(&mut self, at: SimTime, message: Message) {
        self.queued += 1;
        self.queue.insert((at, self.queued), message);
    }

    /// Delivers what is due before `end` and gives the lines of all that was seen.
    fn run(&mut self, end: SimTime) -> String {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 < end) {
            let ((now, _), message) = entry.remove_entry();
            let mut out = Out::default();
            self.operator.handle(now, message, &mut out);
            self.line_up(now, out);
        }
        std::mem::take(&mut self.lines).join("\n")
    }

    fn line_up(&mut self, now: SimTime, out: Out) {
        assert!(out.acts.is_empty());
        for note in out.notes {
            self.lines.push(format!("{} ms: {note:?}", now.as_ns() / 1_000_000));
        }
        for (delay, to, message) in out.sends {
            match (to, message) {
                (ActorId::Operator, message) => self.queue(now + delay, message),
                (ActorId::Network, Message::Network(message)) => self.network(now, message),
                (to, message) => self.heard(now, to, &message),
            }
        }
    }

    fn heard(&mut self, now: SimTime, to: ActorId, message: &Message) {
        let text = match message {
            Message::Chaos(message) => format!("{message:?}"),
            Message::Director(message) => format!("{message:?}"),
            other => panic!("{other:?} is nothing an operator says"),
        };
        self.lines.push(format!("{} ms: to {to}: {text}", now.as_ns() / 1_000_000));
        if let Message::Chaos(ChaosMessage::OperationDue { op }) = message
            && self.obliging
        {
            self.tell(now, OperatorMessage::Go { op: *op });
        }
    }

    fn network(&mut self, now: SimTime, message: NetworkMessage) {
        match message {
            NetworkMessage::Dial { from, to, .. } => {
                let Some(Host::Node(node)) = Host::from_address(*to.ip()) else { panic!("{to} is no node") };
                assert!(self.links.insert(from.handle, (node, Decoder::default())).is_none());
                let refused = self.servers.down.contains(&node);
                self.arrive(now, from, if refused { Arrival::Refused } else { Arrival::Connected });
            }
            NetworkMessage::Sent { from, chunk } => {
                let (node, decoder) = self.links.get_mut(&from.handle).expect("a dialled connection");
                decoder.push(&chunk.bytes);
                let (node, command) =
                    (*node, words(&decoder.pop().expect("a command").expect("a whole one")));
                let more: Vec<String> = std::iter::from_fn(|| decoder.pop().expect("a command"))
                    .map(|command| words(&command))
                    .collect();
                for command in std::iter::once(command).chain(more) {
                    self.serve(now, from, node, &command);
                }
            }
            _ => {}
        }
    }

    fn serve(&mut self, now: SimTime, from: End, node: NodeId, command: &str) {
        self.asked.push(format!("{node} {command}"));
        if let Some(reply) = self.servers.serve(node, command) {
            let bytes = format!("{reply}\r\n").into_bytes();
            self.arrive(now, from, Arrival::Data(Chunk::plain(bytes)));
        }
    }

    fn arrive(&mut self, now: SimTime, to: End, arrival: Arrival) {
        let arrived = Arrived { conn: 0, handle: to.handle, arrival };
        self.queue(now + SimDuration::from_ms(2), Message::Arrived(arrived));
    }
}

fn words(command: &Value) -> String {
    let Value::Array(words) = command else { panic!("{command:?} is no command") };
    let word = |word: &Value| match word {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).expect("text"),
        other => panic!("{other:?} is no word"),
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The instant `ms` milliseconds after the beginning.
fn ms(ms: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_ms(ms)
}
