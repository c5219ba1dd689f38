//! What the log says of a message of the cluster bus.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
}

/// The type field of a message without its light bit; in text the server's word in lower case, or `type_N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MessageType(pub u16);

impl MessageType {
    /// A node asks whether another is there.
    pub const PING: MessageType = MessageType(0);
    /// A replica asks for votes.
    pub const FAILOVER_AUTH_REQUEST: MessageType = MessageType(5);
    /// A primary votes.
    pub const FAILOVER_AUTH_ACK: MessageType = MessageType(6);
    /// A replica asks its primary to hand over.
    pub const MFSTART: MessageType = MessageType(8);

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
