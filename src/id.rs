//! Names of the participants: nodes, shards, clients, actors, simulated hosts.
//!
//! Nodes and shards count from 1, as in a scenario. Node 1 is the primary of shard 1, then come its replicas,
//! then shard 2. Every name has one text form, used in the log, in reports and on the command line.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The client port of every simulated node; the cluster bus is at [`BUS_PORT`].
pub const CLIENT_PORT: u16 = 6379;
/// The cluster bus port of every simulated node.
pub const BUS_PORT: u16 = CLIENT_PORT + 10_000;

/// A server of the cluster, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u16);

/// A shard as the scenario lays it out, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardId(pub u16);

/// A simulated client of the workload, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub u16);

/// A program of the user's that runs on a host of its own, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GuestId(pub u16);

/// Who an event is delivered to. Its text form is a node's or client's name, or the role in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorId {
    /// The director of the run's phases.
    Director,
    /// One server process and its life.
    Node(NodeId),
    /// All links and connections.
    Network,
    /// Faults and their heals.
    Chaos,
    /// The person who operates the cluster: forms it, asks for failovers, types commands.
    Operator,
    /// One simulated client.
    Client(ClientId),
    /// One program of the user's.
    Guest(GuestId),
    /// Probes and invariants.
    Validator,
}

/// A machine of the simulated network; every node and every client has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// The machine of a node: 10.0.0.1 is node 1, 10.0.1.0 is node 256.
    Node(NodeId),
    /// The machine of a workload client: from 10.1.0.1.
    Client(ClientId),
    /// The machine of a program of the user's: from 10.3.0.1.
    Guest(GuestId),
    /// The operator's machine, 10.2.0.1; faults never touch its links.
    Operator,
    /// The validator's machine, 10.2.0.2; faults never touch its links.
    Validator,
    /// The machine of whoever belongs to nobody, 10.2.0.3.
    Stranger,
}

impl ActorId {
    /// The node, if it is one.
    pub fn node(self) -> Option<NodeId> {
        match self {
            ActorId::Node(node) => Some(node),
            _ => None,
        }
    }
}

impl Host {
    /// The node whose machine it is, if it is a node's.
    pub fn node(self) -> Option<NodeId> {
        match self {
            Host::Node(node) => Some(node),
            _ => None,
        }
    }

    /// Whether real processes run there.
    pub fn has_processes(self) -> bool {
        matches!(self, Host::Node(_) | Host::Guest(_))
    }

    /// Who hears of what its processes do, if it has any.
    pub fn owner(self) -> Option<ActorId> {
        match self {
            Host::Node(node) => Some(ActorId::Node(node)),
            Host::Guest(guest) => Some(ActorId::Guest(guest)),
            _ => None,
        }
    }

    /// The host's address in the simulated network.
    pub fn address(self) -> Ipv4Addr {
        let [high, low] = match self {
            Host::Node(NodeId(n)) => n,
            Host::Client(ClientId(n)) => n,
            Host::Guest(GuestId(n)) => n,
            Host::Operator => 1,
            Host::Validator => 2,
            Host::Stranger => 3,
        }
        .to_be_bytes();
        let net = match self {
            Host::Node(_) => 0,
            Host::Client(_) => 1,
            Host::Operator | Host::Validator | Host::Stranger => 2,
            Host::Guest(_) => 3,
        };
        Ipv4Addr::new(10, net, high, low)
    }

    /// The host with this address, if there can be one.
    pub fn from_address(address: Ipv4Addr) -> Option<Host> {
        let [ten, net, high, low] = address.octets();
        let n = u16::from_be_bytes([high, low]);
        match (ten, net, n) {
            (10, 0, 1..) => Some(Host::Node(NodeId(n))),
            (10, 1, 1..) => Some(Host::Client(ClientId(n))),
            (10, 3, 1..) => Some(Host::Guest(GuestId(n))),
            (10, 2, 1) => Some(Host::Operator),
            (10, 2, 2) => Some(Host::Validator),
            (10, 2, 3) => Some(Host::Stranger),
            _ => None,
        }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node-{}", self.0)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {}", self.0)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client-{}", self.0)
    }
}

impl fmt::Display for GuestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guest-{}", self.0)
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ActorId::Director => f.write_str("director"),
            ActorId::Node(n) => n.fmt(f),
            ActorId::Network => f.write_str("network"),
            ActorId::Chaos => f.write_str("chaos"),
            ActorId::Operator => f.write_str("operator"),
            ActorId::Client(c) => c.fmt(f),
            ActorId::Guest(g) => g.fmt(f),
            ActorId::Validator => f.write_str("validator"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Node(n) => n.fmt(f),
            Host::Client(c) => c.fmt(f),
            Host::Guest(g) => g.fmt(f),
            Host::Operator => f.write_str("operator"),
            Host::Validator => f.write_str("validator"),
            Host::Stranger => f.write_str("stranger"),
        }
    }
}

/// A text that names no actor or host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no participant")]
pub struct UnknownName(String);

fn numbered(text: &str, prefix: &str) -> Option<u16> {
    text.strip_prefix(prefix)?.parse().ok().filter(|n| *n > 0)
}

impl FromStr for ActorId {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        if let Some(n) = numbered(text, "node-") {
            return Ok(ActorId::Node(NodeId(n)));
        }
        if let Some(n) = numbered(text, "client-") {
            return Ok(ActorId::Client(ClientId(n)));
        }
        if let Some(n) = numbered(text, "guest-") {
            return Ok(ActorId::Guest(GuestId(n)));
        }
        [ActorId::Director, ActorId::Network, ActorId::Chaos, ActorId::Operator, ActorId::Validator]
            .into_iter()
            .find(|actor| actor.to_string() == text)
            .ok_or_else(|| UnknownName(text.to_owned()))
    }
}

impl FromStr for Host {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        if text == "stranger" {
            return Ok(Host::Stranger);
        }
        match text.parse()? {
            ActorId::Node(n) => Ok(Host::Node(n)),
            ActorId::Client(c) => Ok(Host::Client(c)),
            ActorId::Guest(g) => Ok(Host::Guest(g)),
            ActorId::Operator => Ok(Host::Operator),
            ActorId::Validator => Ok(Host::Validator),
            _ => Err(UnknownName(text.to_owned())),
        }
    }
}

/// Serialises a name as its text form.
macro_rules! serde_by_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

serde_by_text!(ActorId, Host);
