//! A cluster that answers as told: the other side of the validator in its tests.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::message::{Arrival, Arrived, Chunk, NetworkMessage};
use super::super::*;
use crate::wire::resp::{Decoder, key_slot};

/// How long a message takes from one side to the other.
const LATENCY: SimDuration = SimDuration::from_ms(1);
/// How many keys a page of `SCAN` has.
const PAGE: usize = 3;

pub struct Fake {
    pub validator: Validator,
    pub now: SimTime,
    pub nodes: BTreeMap<NodeId, FakeNode>,
    queue: BTreeMap<(SimTime, u64), Message>,
    count: u64,
    pub notes: Vec<String>,
    pub acts: Vec<Act>,
    pub judged: bool,
    /// Who listens at the other end of each of the validator's ends.
    ends: BTreeMap<u64, (NodeId, Decoder)>,
    /// Those whom the test changed since the validator asked who stirred.
    stirred: BTreeSet<NodeId>,
    /// Every command, with who got it.
    pub commands: Vec<(NodeId, String)>,
}

pub struct FakeNode {
    pub alive: bool,
    pub silent: bool,
    pub primary: Option<NodeId>,
    pub slots: Option<(u16, u16)>,
    pub offset: u64,
    pub link_up: bool,
    pub state: &'static str,
    pub keys: BTreeMap<String, String>,
    /// Keys that hold a list.
    pub lists: BTreeSet<String>,
    /// Its `INFO keyspace`, how often its file was read, and with how many of them it saves anew.
    pub keyspace: &'static str,
    pub files_read: u32,
    pub saves: u32,
    /// Nodes it holds for failed.
    pub failed: BTreeSet<NodeId>,
}

impl Fake {
    pub fn new(plan: &Plan) -> Self {
        let cluster = &plan.cluster;
        let node = |node: NodeId| {
            let shard = cluster.shard_of(node);
            let primary = Some(cluster.first_primary(shard)).filter(|primary| *primary != node);
            let fake = FakeNode {
                alive: true,
                silent: false,
                primary,
                slots: primary.is_none().then(|| cluster.slots_of(shard)),
                offset: 1000,
                link_up: true,
                state: "ok",
                keys: BTreeMap::new(),
                lists: BTreeSet::new(),
                keyspace: "# Keyspace\r\n",
                files_read: 0,
                saves: 0,
                failed: BTreeSet::new(),
            };
            (node, fake)
        };
        Fake {
            validator: Validator::new(plan),
            now: SimTime::ZERO,
            nodes: cluster.nodes().map(node).collect(),
            queue: BTreeMap::new(),
            count: 0,
            notes: Vec::new(),
            acts: Vec::new(),
            judged: false,
            ends: BTreeMap::new(),
            stirred: BTreeSet::new(),
            commands: Vec::new(),
        }
    }

    pub fn node(&mut self, node: u16) -> &mut FakeNode {
        self.stirred.insert(NodeId(node));
        self.nodes.get_mut(&NodeId(node)).expect("a node of the plan")
    }

    pub fn tell(&mut self, message: ValidatorMessage) {
        self.deliver(Message::Validator(message));
    }

    /// Lets time go on.
    pub fn run_for(&mut self, duration: SimDuration) {
        let until = self.now + duration;
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until) {
            self.now = entry.key().0;
            let message = entry.remove();
            self.deliver(message);
        }
        self.now = until;
    }

    /// Lets time go on until the validator is through, and takes what it found.
    pub fn findings(&mut self, within_s: u64) -> Findings {
        self.run_for(SimDuration::from_secs(within_s));
        assert!(self.judged, "not judged at {}", self.now);
        match self.acts.as_slice() {
            [Act::Present { findings }] => (**findings).clone(),
            other => panic!("{other:?}"),
        }
    }

    fn deliver(&mut self, message: Message) {
        let mut out = Out::default();
        if let Body::Timer { purpose } = self.validator.describe(&message) {
            self.notes.push(format!("{}: {purpose}", self.now));
        }
        self.validator.handle(self.now, message, &mut out);
        self.notes.extend(out.notes.iter().map(|note| format!("{}: {note:?}", self.now)));
        for act in out.acts {
            match act {
                Act::ReadNodesConf { node } => self.read_nodes_conf(node),
                Act::AskWhoStirred => {
                    let nodes = std::mem::take(&mut self.stirred);
                    self.push(SimDuration::ZERO, Message::Validator(ValidatorMessage::Stirred { nodes }));
                }
                act => self.acts.push(act),
            }
        }
        for (delay, to, message) in out.sends {
            match (to, message) {
                (ActorId::Network, Message::Network(message)) => self.network(message),
                (ActorId::Director, message) => {
                    self.judged = message == Message::Director(DirectorMessage::Judged);
                }
                (ActorId::Validator, message) => self.push(delay, message),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The file is another one each time that it is read, for as many times as the node was told.
    fn read_nodes_conf(&mut self, node: NodeId) {
        let fake = self.nodes.get_mut(&node).expect("a node of the plan");
        fake.files_read += 1;
        let text = Some(format!("file {}", fake.files_read.min(fake.saves)));
        self.push(SimDuration::ZERO, Message::Validator(ValidatorMessage::NodesConf { node, text }));
    }

    fn push(&mut self, delay: SimDuration, message: Message) {
        self.count += 1;
        self.queue.insert((self.now + delay, self.count), message);
    }

    fn arrive(&mut self, handle: u64, arrival: Arrival) {
        self.push(LATENCY, Message::Arrived(Arrived { conn: handle, handle, arrival }));
    }

    fn network(&mut self, message: NetworkMessage) {
        match message {
            NetworkMessage::Dial { from, to, .. } => {
                let Some(crate::id::Host::Node(node)) = crate::id::Host::from_address(*to.ip()) else {
                    panic!("{to} is no node");
                };
                let alive = self.nodes[&node].alive;
                self.ends.insert(from.handle, (node, Decoder::default()));
                self.arrive(from.handle, if alive { Arrival::Connected } else { Arrival::Refused });
            }
            NetworkMessage::Sent { from, chunk } => self.sent(from.handle, &chunk.bytes),
            NetworkMessage::Closed { from, .. } => drop(self.ends.remove(&from.handle)),
            other => panic!("{other:?}"),
        }
    }

    fn sent(&mut self, handle: u64, bytes: &[u8]) {
        let (node, decoder) = self.ends.get_mut(&handle).expect("an open end");
        let node = *node;
        decoder.push(bytes);
        let mut commands = Vec::new();
        while let Some(redis::Value::Array(args)) = decoder.pop().expect("a command") {
            commands.push(args.into_iter().map(text).collect::<Vec<_>>());
        }
        let mut reply = String::new();
        for args in commands {
            self.commands.push((node, args.join(" ")));
            reply += &self.answer(node, &args.iter().map(String::as_str).collect::<Vec<_>>());
        }
        if self.nodes[&node].alive && !self.nodes[&node].silent {
            self.arrive(handle, Arrival::Data(Chunk::plain(reply.into_bytes())));
        }
    }

    /// The process ends, and its connections with it.
    pub fn kill(&mut self, node: u16) {
        self.node(node).alive = false;
        let ends = self.ends.iter().filter(|(_, (of, _))| of.0 == node).map(|(handle, _)| *handle);
        for handle in ends.collect::<Vec<_>>() {
            self.arrive(handle, Arrival::Reset);
        }
        let (status, expected) = ("SIGKILL".to_owned(), true);
        self.tell(ValidatorMessage::NodeExited { node: NodeId(node), status, expected });
    }

    fn answer(&self, node: NodeId, args: &[&str]) -> String {
        let fake = &self.nodes[&node];
        match args {
            ["CLUSTER", "NODES"] => bulk(&self.view(node)),
            ["CLUSTER", "INFO"] => bulk(&info(fake.state)),
            ["INFO", "replication"] => bulk(&self.replication(node)),
            ["CLUSTER", "MYID"] => bulk(&id(node)),
            ["CLUSTER", "SLOTS" | "SHARDS" | "LINKS" | "MYSHARDID" | "GETSLOTMIGRATIONS"] | ["ROLE"] => {
                "-ERR not here\r\n".to_owned()
            }
            ["INFO", "clients", ..] => bulk("# Clients\r\nconnected_clients:1\r\n"),
            ["INFO", "keyspace"] => bulk(fake.keyspace),
            ["PEXPIRETIME", key] if key.starts_with("gone") => ":-2\r\n".to_owned(),
            ["PEXPIRETIME", key] => format!(":{}\r\n", key.len()),
            ["CONFIG", "SET", ..] | ["READONLY"] => "+OK\r\n".to_owned(),
            ["INFO", "stats"] => bulk("# Stats\r\nevicted_keys:7\r\n"),
            ["FUNCTION", "LIST", "WITHCODE"] => {
                let words = ["library_name", "lib", "engine", "LUA", "library_code", "#!lua"].map(bulk);
                format!("*1\r\n*6\r\n{}", words.concat())
            }
            ["SCAN", cursor, "COUNT", _] => page(fake, cursor.parse().expect("a cursor")),
            ["GET", key] => self.get(node, key),
            ["TYPE", key] if key.starts_with("stream") => "+stream\r\n".to_owned(),
            ["TYPE", key] if key.starts_with("gone") => "+none\r\n".to_owned(),
            ["TYPE", _] => "+list\r\n".to_owned(),
            ["XINFO", "GROUPS", _] => {
                let [name, group, pending, last, id] =
                    ["name", "g", "pending", "last-delivered-id", "1-7"].map(bulk);
                format!("*1\r\n*6\r\n{name}{group}{pending}:2\r\n{last}{id}")
            }
            ["DEBUG", "DIGEST-VALUE", key] => format!("*1\r\n+digest-of-{key}\r\n"),
            other => panic!("{other:?}"),
        }
    }

    fn get(&self, node: NodeId, key: &str) -> String {
        let fake = &self.nodes[&node];
        let owner = fake.primary.map_or(fake, |primary| &self.nodes[&primary]);
        let slot = key_slot(key.as_bytes());
        if !owner.slots.is_some_and(|(first, last)| (first..=last).contains(&slot)) {
            return format!("-MOVED {slot} 10.0.0.9:6379\r\n");
        }
        if fake.lists.contains(key) {
            return "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n".to_owned();
        }
        fake.keys.get(key).map_or("$-1\r\n".to_owned(), |value| bulk(value))
    }

    fn view(&self, viewer: NodeId) -> String {
        let mut text = String::new();
        for (node, fake) in &self.nodes {
            let mut flags = vec![if fake.primary.is_none() { "master" } else { "slave" }];
            flags.extend((*node == viewer).then_some("myself"));
            flags.extend(self.nodes[&viewer].failed.contains(node).then_some("fail"));
            let (id, flags) = (id(*node), flags.join(","));
            let primary = fake.primary.map_or("-".to_owned(), super::cluster::id);
            let slots = fake.slots.map_or(String::new(), |(first, last)| format!(" {first}-{last}"));
            let address = format!("{}:6379@16379", crate::id::Host::Node(*node).address());
            text += &format!("{id} {address} {flags} {primary} 0 0 1 connected{slots}\n");
        }
        text
    }

    fn replication(&self, node: NodeId) -> String {
        let fake = &self.nodes[&node];
        let offset = fake.offset;
        let replid = format!("{:040x}", fake.primary.unwrap_or(node).0);
        let role = match fake.primary {
            None => "role:master\r\n".to_owned(),
            Some(primary) => {
                let host = crate::id::Host::Node(primary).address();
                let link = if fake.link_up { "up" } else { "down" };
                format!(
                    "role:slave\r\nmaster_host:{host}\r\nmaster_port:6379\r\nmaster_link_status:{link}\r\n\
                     slave_repl_offset:{offset}\r\n"
                )
            }
        };
        format!("# Replication\r\n{role}master_replid:{replid}\r\nmaster_repl_offset:{offset}\r\n")
    }
}

fn id(node: NodeId) -> String {
    format!("{:040x}", node.0)
}

fn text(value: redis::Value) -> String {
    match value {
        redis::Value::BulkString(bytes) => String::from_utf8(bytes).expect("text"),
        other => panic!("{other:?}"),
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn info(state: &str) -> String {
    format!(
        "cluster_state:{state}\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\n\
         cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:3\r\ncluster_size:3\r\n\
         cluster_current_epoch:3\r\ncluster_my_epoch:1\r\n"
    )
}

/// A page of the keys and the cursor of the next one. The last key of a page comes again on the next.
fn page(fake: &FakeNode, cursor: usize) -> String {
    let all = fake.keys.keys().chain(&fake.lists).collect::<Vec<_>>();
    let keys = all.iter().skip(cursor.saturating_sub(1)).take(PAGE + 1).map(|key| bulk(key));
    let keys = keys.collect::<Vec<_>>();
    let next = if cursor + PAGE < all.len() { cursor + PAGE } else { 0 };
    format!("*2\r\n{}*{}\r\n{}", bulk(&next.to_string()), keys.len(), keys.concat())
}
