//! The cluster bus: whole messages to typed values and back, byte for byte.
//!
//! Source of every offset and length: `cluster_legacy.h` of the server (`clusterMsg`, `clusterMsgLight`,
//! `clusterMsgPingExt`) and `clusterIsValidPacket`. All integers are big endian. What the server would ignore or close
//! the link for is an error here; what it keeps without looking at it (padding, unused fields, messages and extensions
//! of a later version) is kept raw, so that `encode(&decode(bytes)?)` is `bytes` again.

mod bytes;
mod flags;
mod framer;
mod header;
mod payload;
mod teller;

pub use flags::{MessageFlags, NodeFlags};
pub use framer::Framer;
pub use header::{FullHeader, Head};
pub use payload::{Extension, ExtensionValue, Gossip, GossipEntry, ModuleData, Payload, Publication, Update};
pub use teller::{PUBLISHED_BYTES_MAX, Teller};

use std::borrow::Cow;
use std::fmt;

pub use crate::event::MessageType;

use crate::event::BusSummary;
use bytes::Reader;

/// The first four bytes of every message.
pub const SIGNATURE: [u8; 4] = *b"RCmb";
/// The only version of the protocol there is.
pub const VERSION: u16 = 1;
/// The length of a full header, and so of the shortest message with one.
pub const FULL_HEADER_BYTES: usize = 2256;
/// The length of a light header, and so of the shortest message.
pub const LIGHT_HEADER_BYTES: usize = 16;
/// The longest message that is believed; a length above it is garbage.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Where the first byte of a full header's message flags stands; its lowest bit says that clients are paused.
const MFLAGS_AT: usize = 2253;

/// The bit of the type field that says: light header.
const LIGHT: u16 = 0x8000;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// The bytes do not begin as every message does; the server closes such a link.
    #[error("bad signature on the cluster bus")]
    BadSignature,
    /// The length field cannot be right; the server closes such a link.
    #[error("bad length {0} on the cluster bus")]
    BadLength(u32),
    /// There are more or fewer bytes than the length field says.
    #[error("message of {expected} bytes comes with {actual}")]
    WrongSize { expected: usize, actual: usize },
    /// A version of the protocol that nobody speaks; the server ignores such a message.
    #[error("unknown cluster bus version {0}")]
    BadVersion(u16),
    /// A type that needs a full header comes with a light one; the server ignores such a message.
    #[error("{0} with a light header")]
    NotLight(MessageType),
    /// The payload is shorter or longer than its own fields say; the server ignores such a message.
    #[error("{0} whose payload does not fit its length")]
    BadPayload(MessageType),
}

/// The id of a node or shard: 40 hexadecimal digits, all zero bytes for none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(pub [u8; 40]);

impl NodeName {
    /// No node.
    pub const NONE: NodeName = NodeName([0; 40]);

    /// Whether it names nobody.
    pub fn is_none(&self) -> bool {
        *self == NodeName::NONE
    }

    /// The id as text, up to the first zero byte; bytes that are no text are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        text_of(&self.0)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeName({self})")
    }
}

/// The text of a field that ends with its first zero byte.
fn text_of(field: &[u8]) -> Cow<'_, str> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end])
}

/// One message of the cluster bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The header, without what the payload says anyway.
    pub head: Head,
    /// The rest; it also decides the message's type.
    pub payload: Payload,
}

impl Message {
    /// The message's type.
    pub fn r#type(&self) -> MessageType {
        self.payload.r#type()
    }

    /// The sender's id, which light messages do not carry.
    pub fn sender(&self) -> Option<NodeName> {
        match &self.head {
            Head::Full(header) => Some(header.sender),
            Head::Light { .. } => None,
        }
    }
}

/// Reads one whole message.
pub fn decode(bytes: &[u8]) -> Result<Message, BusError> {
    let expected = check_prefix(bytes)?.ok_or(BusError::WrongSize { expected: 16, actual: bytes.len() })?;
    if expected != bytes.len() {
        return Err(BusError::WrongSize { expected, actual: bytes.len() });
    }
    let mut reader = Reader::new(bytes);
    let head = Head::decode(&mut reader)?;
    let payload = Payload::decode(&head, reader.rest())?;
    Ok(Message { head: head.head, payload })
}

/// The bytes of one message; its length, type and counts follow from the payload.
pub fn encode(message: &Message) -> Vec<u8> {
    let mut out = Vec::with_capacity(FULL_HEADER_BYTES + message.payload.length());
    message.head.encode(message.payload.r#type(), message.payload.counts(), &mut out);
    message.payload.encode(&mut out);
    let length = (out.len() as u32).to_be_bytes();
    out[4..8].copy_from_slice(&length);
    out
}

/// What a message says without regard to what its sender said before; nothing if it is none. Checks no payload.
pub fn summarise(bytes: &[u8]) -> Option<BusSummary> {
    let (r#type, light) = type_of(bytes)?;
    let epoch = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
    Some(BusSummary {
        r#type,
        current_epoch: if light { None } else { Some(epoch(16)?) },
        config_epoch: if light { None } else { Some(epoch(24)?) },
        paused: (!light && bytes.get(MFLAGS_AT)? & MessageFlags::PAUSED != 0).then_some(true),
        forced: (!light && bytes.get(MFLAGS_AT)? & MessageFlags::FORCE_ACK != 0).then_some(true),
        ..BusSummary::of_type(r#type)
    })
}

/// The type of the message that these bytes begin, and whether its header is light; nothing if they are no message.
pub fn type_of(bytes: &[u8]) -> Option<(MessageType, bool)> {
    check_prefix(bytes).ok().flatten()?;
    let field = u16::from_be_bytes([*bytes.get(12)?, *bytes.get(13)?]);
    Some((MessageType(field & !LIGHT), field & LIGHT != 0))
}

/// The sender of the message that these bytes begin; nothing if they are no message, or one with a light header.
pub fn sender_of(bytes: &[u8]) -> Option<NodeName> {
    let (_, light) = type_of(bytes)?;
    let field = bytes.get(40..80)?.try_into().ok()?;
    (!light).then_some(NodeName(field))
}

/// The length of the message that `bytes` begin, once there are enough of them to know it. A wrong signature is found
/// with the first wrong byte.
fn check_prefix(bytes: &[u8]) -> Result<Option<usize>, BusError> {
    let seen = bytes.len().min(SIGNATURE.len());
    if bytes[..seen] != SIGNATURE[..seen] {
        return Err(BusError::BadSignature);
    }
    let Some(length) = bytes.get(4..8).and_then(|field| field.try_into().ok()).map(u32::from_be_bytes) else {
        return Ok(None);
    };
    let believable = LIGHT_HEADER_BYTES..=MESSAGE_BYTES_MAX;
    match believable.contains(&(length as usize)) {
        true => Ok(Some(length as usize)),
        false => Err(BusError::BadLength(length)),
    }
}

#[cfg(test)]
mod tests;
