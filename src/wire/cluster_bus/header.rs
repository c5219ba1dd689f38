//! Headers of cluster bus messages: the full one of 2256 bytes, and the light one of 16 without a sender.

use super::bytes::Reader;
use super::flags::{MessageFlags, NodeFlags};
use super::{BusError, LIGHT, MessageType, NodeName, SIGNATURE, VERSION, text_of};
use crate::wire::SlotMap;

/// The header of a message, without length and type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// Who the sender is and how it sees itself.
    Full(Box<FullHeader>),
    /// Nothing; the receiver knows the sender by the link. The two unused fields are kept.
    Light { unused: [[u8; 2]; 2] },
}

/// How the sender sees itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullHeader {
    /// The sender's client port, or TLS port if the bus speaks TLS.
    pub port: u16,
    /// The count field. In messages with gossip the number of entries is written instead.
    pub count: u16,
    /// The highest epoch the sender knows.
    pub current_epoch: u64,
    /// The epoch of the sender's slots; a replica sends its primary's.
    pub config_epoch: u64,
    /// The sender's replication offset; frozen and final while [`MessageFlags::paused`].
    pub offset: u64,
    /// The sender.
    pub sender: NodeName,
    /// The slots of the sender; a replica sends its primary's.
    pub slots: SlotMap,
    /// The sender's primary; none if it is one itself.
    pub replica_of: NodeName,
    /// The address the sender announces, as text; zero bytes mean "see the socket".
    pub ip: [u8; 46],
    /// The extensions field. In messages with gossip the number of extensions is written instead.
    pub extensions: u16,
    /// Kept as it was.
    pub unused: [u8; 30],
    /// The sender's other client port.
    pub other_port: u16,
    /// The sender's bus port.
    pub bus_port: u16,
    /// What the sender is.
    pub flags: NodeFlags,
    /// The cluster as the sender sees it: 0 is ok, 1 is fail.
    pub state: u8,
    /// What the message asks for.
    pub message_flags: MessageFlags,
}

impl FullHeader {
    /// A header that says nothing but who sends it.
    pub fn new(sender: NodeName) -> Self {
        FullHeader {
            port: 0,
            count: 0,
            current_epoch: 0,
            config_epoch: 0,
            offset: 0,
            sender,
            slots: SlotMap::EMPTY,
            replica_of: NodeName::NONE,
            ip: [0; 46],
            extensions: 0,
            unused: [0; 30],
            other_port: 0,
            bus_port: 0,
            flags: NodeFlags::default(),
            state: 0,
            message_flags: MessageFlags::default(),
        }
    }

    /// The announced address; empty if the socket's is meant.
    pub fn announced_ip(&self) -> String {
        text_of(&self.ip).into_owned()
    }

    fn decode(reader: &mut Reader<'_>, port: u16, count: u16) -> Option<Self> {
        Some(FullHeader {
            port,
            count,
            current_epoch: reader.u64()?,
            config_epoch: reader.u64()?,
            offset: reader.u64()?,
            sender: NodeName(reader.array()?),
            slots: SlotMap(reader.array()?),
            replica_of: NodeName(reader.array()?),
            ip: reader.array()?,
            extensions: reader.u16()?,
            unused: reader.array()?,
            other_port: reader.u16()?,
            bus_port: reader.u16()?,
            flags: NodeFlags(reader.u16()?),
            state: reader.u8()?,
            message_flags: MessageFlags(reader.array()?),
        })
    }

    /// Writes what follows the first 16 bytes.
    fn encode(&self, extensions: u16, out: &mut Vec<u8>) {
        for number in [self.current_epoch, self.config_epoch, self.offset] {
            out.extend(number.to_be_bytes());
        }
        for field in [&self.sender.0[..], &self.slots.0, &self.replica_of.0, &self.ip] {
            out.extend(field);
        }
        out.extend(extensions.to_be_bytes());
        out.extend(self.unused);
        for number in [self.other_port, self.bus_port, self.flags.0] {
            out.extend(number.to_be_bytes());
        }
        out.push(self.state);
        out.extend(self.message_flags.0);
    }
}

/// A decoded header with the type that the payload is read by.
pub(super) struct DecodedHead {
    pub(super) head: Head,
    pub(super) r#type: MessageType,
}

/// How much gossip follows a header.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) entries: u16,
    pub(super) extensions: u16,
}

impl Head {
    /// Reads a header from the beginning of a message, whose signature and length were checked.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<DecodedHead, BusError> {
        let too_short =
            BusError::WrongSize { expected: super::FULL_HEADER_BYTES, actual: reader.rest().len() };
        let [version, first, r#type, second] = first_fields(reader).ok_or(too_short.clone())?;
        if version != VERSION {
            return Err(BusError::BadVersion(version));
        }
        let light = r#type & LIGHT != 0;
        let r#type = MessageType(r#type & !LIGHT);
        if light && !r#type.may_be_light() {
            return Err(BusError::NotLight(r#type));
        }
        let head = match light {
            true => Head::Light { unused: [first.to_be_bytes(), second.to_be_bytes()] },
            false => Head::Full(Box::new(FullHeader::decode(reader, first, second).ok_or(too_short)?)),
        };
        Ok(DecodedHead { head, r#type })
    }

    /// Writes a header before a payload, with a length of 0 that the caller fills in. What the payload says of itself
    /// replaces what the header kept of it.
    pub(super) fn encode(&self, r#type: MessageType, counts: Option<Counts>, out: &mut Vec<u8>) {
        let (light, first, second) = match self {
            Head::Light { unused: [a, b] } => (LIGHT, u16::from_be_bytes(*a), u16::from_be_bytes(*b)),
            Head::Full(full) => (0, full.port, counts.map_or(full.count, |counts| counts.entries)),
        };
        out.extend(SIGNATURE);
        out.extend([0; 4]);
        for number in [VERSION, first, r#type.0 | light, second] {
            out.extend(number.to_be_bytes());
        }
        if let Head::Full(full) = self {
            full.encode(counts.map_or(full.extensions, |counts| counts.extensions), out);
        }
    }
}

/// Skips signature and length and reads the four short fields that both headers have.
fn first_fields(reader: &mut Reader<'_>) -> Option<[u16; 4]> {
    reader.slice(8)?;
    Some([reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?])
}
