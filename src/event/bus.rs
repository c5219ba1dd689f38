//! What the log says of a message of the cluster bus.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::language::Word;

/// The epochs that stand in a node's `nodes.conf`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedEpochs {
    /// The highest epoch that the node knew.
    pub current_epoch: u64,
    /// The last epoch in which it gave its vote away.
    pub last_vote_epoch: u64,
    /// Its own config epoch.
    pub config_epoch: u64,
}

/// What the first bytes of a cluster bus message say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusSummary {
    /// The message's type.
    pub r#type: MessageType,
    /// The sender's current epoch; absent in light messages.
    pub current_epoch: Option<u64>,
    /// The sender's (or its primary's) config epoch; absent in light messages.
    pub config_epoch: Option<u64>,
    /// The sender has paused its clients for a manual failover; absent if it has not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paused: Option<bool>,
    /// The sender asks for a vote although its primary may be well; absent if it does not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub forced: Option<bool>,
    /// The sender's replication offset; absent if it is that of its last full header.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub offset: Option<u64>,
    /// What the sender says of itself; absent if it is what its last full header said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub claim: Option<Box<Claim>>,
    /// The cluster id of the node that a FAIL or UPDATE is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub about: Option<String>,
    /// Gossip about nodes that the sender's process doubts, or has doubted: other gossip is left out.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub gossip: Vec<Gossiped>,
    /// The message of a channel that a PUBLISH or PUBLISHSHARD carries; absent if it is a long one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub published: Option<Box<Published>>,
}

/// A message of a channel: the channel, and the message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Published(pub String, pub String);

/// What a node says of itself in every full header of the cluster bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Its cluster id.
    pub id: String,
    /// What it is, as the server's bits (`CLUSTER_NODE_*`).
    pub flags: u16,
    /// The cluster id of its primary; absent at a primary.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub of: Option<String>,
    /// The slots it owns, or its primary does: first and last of each range.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub slots: Vec<(u16, u16)>,
    /// Whether it does what clients ask, as it sees the cluster.
    pub ok: bool,
}

/// What gossip says of a node: its cluster id, and what it is as the server's bits (`CLUSTER_NODE_*`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gossiped(pub String, pub u16);

impl Claim {
    /// The bit of `flags` that says: a primary.
    pub const PRIMARY: u16 = 1;
    /// The bit of `flags` that says: a replica.
    pub const REPLICA: u16 = 2;
    /// The bit of `flags` that says: it does not try to take over.
    pub const NO_FAILOVER: u16 = 512;

    /// Whether it says that it is a primary.
    pub fn is_primary(&self) -> bool {
        self.flags & Self::PRIMARY != 0
    }

    /// Whether it says that it is a primary and owns slots.
    pub fn owns_slots(&self) -> bool {
        self.is_primary() && !self.slots.is_empty()
    }
}

impl Gossiped {
    /// The bit that says: it does not answer the sender.
    pub const PFAIL: u16 = 4;
    /// The bit that says: it does not answer a majority.
    pub const FAIL: u16 = 8;

    /// Whether the sender doubts the node.
    pub fn is_doubt(&self) -> bool {
        Self::doubts(self.1)
    }

    /// Whether these flags say so.
    pub fn doubts(flags: u16) -> bool {
        flags & (Self::PFAIL | Self::FAIL) != 0
    }
}

impl BusSummary {
    /// A message of this type that says nothing else.
    pub fn of_type(r#type: MessageType) -> Self {
        BusSummary {
            r#type,
            current_epoch: None,
            config_epoch: None,
            paused: None,
            forced: None,
            offset: None,
            claim: None,
            about: None,
            gossip: Vec::new(),
            published: None,
        }
    }

    /// The summary without what it says of nodes: type, epochs, and whether clients are paused.
    #[must_use]
    pub fn brief(&self) -> Self {
        let BusSummary { r#type, current_epoch, config_epoch, paused, .. } = *self;
        BusSummary { current_epoch, config_epoch, paused, ..BusSummary::of_type(r#type) }
    }
}

/// The type field of a message without its light bit; in text the server's word in lower case, or `type_N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MessageType(pub u16);

impl MessageType {
    /// A node asks whether another is there.
    pub const PING: MessageType = MessageType(0);
    /// The answer to a PING, or news for everyone.
    pub const PONG: MessageType = MessageType(1);
    /// A PING of one that may be unknown, and is to be taken in.
    pub const MEET: MessageType = MessageType(2);
    /// Somebody is called failing.
    pub const FAIL: MessageType = MessageType(3);
    /// A replica asks for votes.
    pub const FAILOVER_AUTH_REQUEST: MessageType = MessageType(5);
    /// A primary votes.
    pub const FAILOVER_AUTH_ACK: MessageType = MessageType(6);
    /// Somebody else owns slots that the receiver claims.
    pub const UPDATE: MessageType = MessageType(7);
    /// A replica asks its primary to hand over.
    pub const MFSTART: MessageType = MessageType(8);
    /// A message of a channel, to all.
    pub const PUBLISH: MessageType = MessageType(4);
    /// A message of a channel of one shard, to its nodes.
    pub const PUBLISHSHARD: MessageType = MessageType(10);

    /// Every type of the versions 8.0 to 9.1, by number: the server's `CLUSTERMSG_TYPE_*`, lower case.
    pub const NAMES: [&'static str; 11] = [
        "ping",
        "pong",
        "meet",
        "fail",
        "publish",
        "failover_auth_request",
        "failover_auth_ack",
        "update",
        "mfstart",
        "module",
        "publishshard",
    ];

    /// Whether servers send this type with a light header (`messageTypeSupportsLightHdr`).
    pub fn may_be_light(self) -> bool {
        // A type we do not know may be anything.
        matches!(self.0, 4 | 9 | 10..)
    }
}

impl Word for MessageType {
    const WORDS: &'static [(&'static str, Self)] = &{
        let mut words = [("", MessageType::PING); Self::NAMES.len()];
        let mut n = 0;
        while n < words.len() {
            words[n] = (Self::NAMES[n], MessageType(n as u16));
            n += 1;
        }
        words
    };
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "type_{}", self.0),
        }
    }
}

/// A text that names no type of message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no type of a cluster bus message")]
pub struct UnknownMessageType(String);

impl FromStr for MessageType {
    type Err = UnknownMessageType;

    fn from_str(text: &str) -> Result<Self, UnknownMessageType> {
        let known = Self::NAMES.iter().position(|known| *known == text).map(|n| n as u16);
        let is_new = |n: &u16| usize::from(*n) >= Self::NAMES.len();
        let number = || text.strip_prefix("type_")?.parse().ok().filter(is_new);
        known.or_else(number).map(MessageType).ok_or_else(|| UnknownMessageType(text.to_owned()))
    }
}

impl From<MessageType> for String {
    fn from(r#type: MessageType) -> String {
        r#type.to_string()
    }
}

impl TryFrom<String> for MessageType {
    type Error = UnknownMessageType;

    fn try_from(text: String) -> Result<Self, UnknownMessageType> {
        text.parse()
    }
}
