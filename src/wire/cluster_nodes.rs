//! `CLUSTER NODES`: one node's view of the cluster, typed, and in a form in which views can be compared.
//!
//! Format: `clusterGenNodeDescription` of the server; it is the same from 8.0 to 9.1 and in Redis 7, but for what
//! follows the host name. `nodes.conf` has the same lines and one that begins with `vars`, which is skipped.

use std::fmt;

use super::{Role, SLOT_COUNT, SlotMap, SlotRange};

/// One node's view of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterNodes {
    /// The nodes it knows, in the order of the text.
    pub nodes: Vec<NodeEntry>,
}

/// What a view says of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEntry {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub address: Address,
    /// What it is, in the order of the text.
    pub flags: Box<[NodeFlag]>,
    /// The id of its primary, if it is a replica and the primary is known.
    pub primary: Option<String>,
    /// When it was pinged and did not answer yet, in milliseconds of its viewer's clock; 0 if nothing is outstanding.
    pub ping_sent_ms: u64,
    /// When it answered last, in milliseconds of its viewer's clock.
    pub pong_received_ms: u64,
    /// The epoch of its slots; of its primary's if it is a replica.
    pub config_epoch: u64,
    /// Whether the viewer has a connection to it.
    pub connected: bool,
    /// Its slots, in the order of the text.
    pub slots: Vec<SlotRange>,
    /// Slots on the move; only a viewer's own entry has them.
    pub open_slots: Vec<OpenSlot>,
}

/// Where a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Its address, IPv4 or IPv6; empty if it is not known.
    pub ip: String,
    /// Its client port.
    pub port: u16,
    /// Its bus port; 0 if the text has none.
    pub bus_port: u16,
    /// Its host name; empty for none.
    pub hostname: String,
    /// What follows the host name (`shard-id=…`), in the order of the text.
    pub further: Vec<(String, String)>,
}

/// One flag of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeFlag {
    /// The node is the viewer itself.
    Myself,
    /// It is a primary.
    Primary,
    /// It is a replica.
    Replica,
    /// It does not answer, in the eyes of the viewer alone.
    Pfail,
    /// It does not answer, in the eyes of a majority.
    Fail,
    /// It is not a member yet, and its id is made up.
    Handshake,
    /// Its address is not known.
    Noaddr,
    /// It does not try to take over.
    Nofailover,
    /// A flag of a later version.
    Other(String),
}

/// A slot on the move between two primaries.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenSlot {
    /// The slot.
    pub slot: u16,
    /// Which way it moves, seen from the viewer.
    pub direction: OpenDirection,
    /// The id of the node at the other end.
    pub peer: String,
}

/// Which way a slot moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OpenDirection {
    /// To the viewer (`[7-<-id]`).
    Importing,
    /// Away from the viewer (`[7->-id]`).
    Migrating,
}

/// How far a node is held for dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Nothing is said against it.
    Alive,
    /// The viewer alone holds it for dead.
    Suspected,
    /// A majority holds it for dead.
    Failed,
}

/// What a view says of one node, without what differs from viewer to viewer in a cluster that agrees: clocks, links,
/// open slots, who the viewer is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CanonicalNode {
    /// Its id.
    pub id: String,
    /// Its role; nothing if the view knows none.
    pub role: Option<Role>,
    /// The id of its primary.
    pub primary: Option<String>,
    /// The epoch of its slots; absent for a replica, whose entry repeats its primary's.
    pub config_epoch: Option<u64>,
    /// Its slots in order, in as few ranges as possible.
    pub slots: Vec<SlotRange>,
    /// Whether it is held for dead.
    pub health: Health,
}

/// A text that is not what `CLUSTER NODES` answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of cluster nodes: {what} in `{text}`")]
pub struct NodesError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
    /// The line, cut off after 200 characters.
    pub text: String,
}

impl ClusterNodes {
    /// Reads the answer of `CLUSTER NODES`. Empty lines are skipped.
    pub fn parse(text: &str) -> Result<ClusterNodes, NodesError> {
        let mut nodes = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with("vars ") {
                continue;
            }
            let error = |what| NodesError { line: index + 1, what, text: line.chars().take(200).collect() };
            nodes.push(NodeEntry::parse(line).map_err(error)?);
        }
        Ok(ClusterNodes { nodes })
    }

    /// The viewer's own entry.
    pub fn myself(&self) -> Option<&NodeEntry> {
        self.nodes.iter().find(|node| node.has(&NodeFlag::Myself))
    }

    /// The entry of the node with this id.
    pub fn node(&self, id: &str) -> Option<&NodeEntry> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// Who owns the slot in this view.
    pub fn owner_of(&self, slot: u16) -> Option<&NodeEntry> {
        self.nodes.iter().find(|node| node.owns(slot))
    }

    /// All slots that are owned, with their owners, in the order of the slots.
    pub fn owners(&self) -> Vec<(SlotRange, &NodeEntry)> {
        let mut owners: Vec<_> =
            self.nodes.iter().flat_map(|node| node.slots.iter().map(move |range| (*range, node))).collect();
        owners.sort_by(|(a, x), (b, y)| (a, &x.id).cmp(&(b, &y.id)));
        owners
    }

    /// The slots that nobody owns in this view.
    pub fn unowned(&self) -> Vec<SlotRange> {
        let owned: SlotMap = self.nodes.iter().flat_map(|node| node.slots.iter().copied()).collect();
        owned.complement().ranges()
    }

    /// The view in a form that is equal for two viewers who agree: sorted by id. Nodes in handshake are left out, as
    /// they are no members yet and every viewer makes up an id of its own for them.
    pub fn canonical(&self) -> Vec<CanonicalNode> {
        let members = self.nodes.iter().filter(|node| !node.has(&NodeFlag::Handshake));
        let mut nodes: Vec<CanonicalNode> = members.map(NodeEntry::canonical).collect();
        nodes.sort();
        nodes
    }
}

impl NodeEntry {
    /// Whether the flag is set.
    pub fn has(&self, flag: &NodeFlag) -> bool {
        self.flags.contains(flag)
    }

    /// Whether this is the entry of the node that was asked.
    pub fn is_myself(&self) -> bool {
        self.has(&NodeFlag::Myself)
    }

    /// Its shard id, which `nodes.conf` tells and `CLUSTER NODES` does not.
    pub fn shard_id(&self) -> Option<&str> {
        let mut further = self.address.further.iter();
        further.find(|(name, _)| name == "shard-id").map(|(_, id)| id.as_str())
    }

    /// Its role; nothing if the viewer does not know it.
    pub fn role(&self) -> Option<Role> {
        match (self.has(&NodeFlag::Primary), self.has(&NodeFlag::Replica)) {
            (true, _) => Some(Role::Primary),
            (_, true) => Some(Role::Replica),
            _ => None,
        }
    }

    /// Whether it is held for dead.
    pub fn health(&self) -> Health {
        match (self.has(&NodeFlag::Fail), self.has(&NodeFlag::Pfail)) {
            (true, _) => Health::Failed,
            (_, true) => Health::Suspected,
            _ => Health::Alive,
        }
    }

    /// Whether it owns the slot.
    pub fn owns(&self, slot: u16) -> bool {
        self.slots.iter().any(|range| range.contains(slot))
    }

    /// How many slots it owns.
    pub fn slot_count(&self) -> u32 {
        self.slots.iter().copied().collect::<SlotMap>().count()
    }

    fn canonical(&self) -> CanonicalNode {
        let role = self.role();
        CanonicalNode {
            id: self.id.clone(),
            role,
            primary: self.primary.clone(),
            config_epoch: (role != Some(Role::Replica)).then_some(self.config_epoch),
            slots: self.slots.iter().copied().collect::<SlotMap>().ranges(),
            health: self.health(),
        }
    }

    fn parse(line: &str) -> Result<NodeEntry, &'static str> {
        let mut words = line.split_ascii_whitespace();
        let mut next = |what| words.next().ok_or(what);
        let id = next("no id")?.to_owned();
        let address = Address::parse(next("no address")?).ok_or("bad address")?;
        let flags =
            next("no flags")?.split(',').filter(|flag| *flag != "noflags").map(NodeFlag::parse).collect();
        let primary = Some(next("no primary")?).filter(|primary| *primary != "-").map(str::to_owned);
        let mut entry = NodeEntry {
            id,
            address,
            flags,
            primary,
            ping_sent_ms: next("no ping time")?.parse().map_err(|_| "bad ping time")?,
            pong_received_ms: next("no pong time")?.parse().map_err(|_| "bad pong time")?,
            config_epoch: next("no config epoch")?.parse().map_err(|_| "bad config epoch")?,
            connected: next("no link state")? == "connected",
            slots: Vec::new(),
            open_slots: Vec::new(),
        };
        words.try_for_each(|word| entry.take_slots(word))?;
        Ok(entry)
    }

    fn take_slots(&mut self, word: &str) -> Result<(), &'static str> {
        match word.strip_prefix('[') {
            Some(open) => self.open_slots.push(OpenSlot::parse(open).ok_or("bad open slot")?),
            None => self.slots.push(SlotRange::parse(word).ok_or("bad slots")?),
        }
        Ok(())
    }
}

impl Address {
    /// Reads `ip:port@busport,hostname,name=value,…`, of which only the first colon that is the last one is a must.
    fn parse(text: &str) -> Option<Address> {
        let mut parts = text.split(',');
        let (ip, ports) = parts.next()?.rsplit_once(':')?;
        let (port, bus_port) = ports.split_once('@').unwrap_or((ports, "0"));
        let mut address = Address {
            ip: ip.trim_matches(['[', ']']).to_owned(),
            port: port.parse().ok()?,
            bus_port: bus_port.parse().ok()?,
            ..Address::default()
        };
        for (index, part) in parts.enumerate() {
            match part.split_once('=') {
                Some((name, value)) => address.further.push((name.to_owned(), value.to_owned())),
                None if index == 0 => address.hostname = part.to_owned(),
                None => address.further.push((part.to_owned(), String::new())),
            }
        }
        Some(address)
    }
}

impl NodeFlag {
    fn parse(word: &str) -> NodeFlag {
        match word {
            "myself" => NodeFlag::Myself,
            "master" | "primary" => NodeFlag::Primary,
            "slave" | "replica" => NodeFlag::Replica,
            "fail?" => NodeFlag::Pfail,
            "fail" => NodeFlag::Fail,
            "handshake" => NodeFlag::Handshake,
            "noaddr" => NodeFlag::Noaddr,
            "nofailover" => NodeFlag::Nofailover,
            other => NodeFlag::Other(other.to_owned()),
        }
    }
}

impl OpenSlot {
    /// Reads `7-<-id]` or `7->-id]`.
    fn parse(text: &str) -> Option<OpenSlot> {
        let text = text.strip_suffix(']')?;
        let (slot, direction, peer) = match text.split_once("-<-") {
            Some((slot, peer)) => (slot, OpenDirection::Importing, peer),
            None => text.split_once("->-").map(|(slot, peer)| (slot, OpenDirection::Migrating, peer))?,
        };
        let slot = slot.parse().ok().filter(|slot| *slot < SLOT_COUNT)?;
        Some(OpenSlot { slot, direction, peer: peer.to_owned() })
    }
}

impl fmt::Display for CanonicalNode {
    /// One line: id, role, health, primary, epoch, slots.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role.map_or("unknown role".to_owned(), |role| role.to_string());
        write!(f, "{} {role}", self.id)?;
        match self.health {
            Health::Alive => {}
            Health::Suspected => f.write_str(" suspected")?,
            Health::Failed => f.write_str(" failed")?,
        }
        if let Some(primary) = &self.primary {
            write!(f, " of {primary}")?;
        }
        if let Some(epoch) = self.config_epoch {
            write!(f, " epoch {epoch}")?;
        }
        self.slots.iter().try_for_each(|range| write!(f, " {range}"))
    }
}
