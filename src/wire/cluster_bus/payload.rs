//! What follows the header of a cluster bus message: gossip, extensions, and the payloads of the other types.

use std::borrow::Cow;

use super::bytes::Reader;
use super::flags::NodeFlags;
use super::header::{Counts, DecodedHead, Head};
use super::{BusError, MessageType, NodeName, text_of};
use crate::wire::SlotMap;

/// What follows the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// "Are you there?"
    Ping(Gossip),
    /// The answer to PING and MEET, or news for everyone.
    Pong(Gossip),
    /// A PING that makes the receiver accept the sender as a member.
    Meet(Gossip),
    /// A majority sees this node failed.
    Fail(NodeName),
    /// A message of a channel.
    Publish(Publication),
    /// A replica asks for votes.
    FailoverAuthRequest,
    /// A vote.
    FailoverAuthAck,
    /// Somebody else owns slots that the receiver claims.
    Update(Box<Update>),
    /// A replica asks its primary to begin a manual failover.
    MfStart,
    /// A message between modules.
    Module(ModuleData),
    /// A message of a channel of one shard.
    PublishShard(Publication),
    /// A type of a later version.
    Unknown { r#type: MessageType, bytes: Vec<u8> },
}

/// What the sender of a PING, PONG or MEET knows of others and tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gossip {
    /// Some other nodes. Not more than 65535.
    pub entries: Vec<GossipEntry>,
    /// Further facts, mostly of the sender. Not more than 65535.
    pub extensions: Vec<Extension>,
}

/// How the sender sees another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipEntry {
    /// The node.
    pub name: NodeName,
    /// When it was last pinged without an answer yet, in seconds of the Unix epoch; 0 if nothing is outstanding.
    pub ping_sent_s: u32,
    /// When it last answered, in seconds of the Unix epoch.
    pub pong_received_s: u32,
    /// Its address as text.
    pub ip: [u8; 46],
    /// Its client port.
    pub port: u16,
    /// Its bus port.
    pub bus_port: u16,
    /// What it is.
    pub flags: NodeFlags,
    /// Its other client port.
    pub other_port: u16,
    /// Kept as it was.
    pub unused: [u8; 2],
}

/// An extension, kept raw; [`Extension::value`] reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Which one.
    pub r#type: u16,
    /// Kept as it was.
    pub unused: [u8; 2],
    /// Its data with the padding to a multiple of 8 bytes.
    pub data: Vec<u8>,
}

/// What an extension says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtensionValue<'a> {
    /// The sender's host name; empty for none.
    Hostname(Cow<'a, str>),
    /// The sender's name for people.
    HumanNodename(Cow<'a, str>),
    /// A node to be forgotten, and for how many seconds it is not to come back.
    ForgottenNode { name: NodeName, ttl_s: u64 },
    /// The sender's shard.
    ShardId(NodeName),
    /// The sender's IPv4 address for clients.
    ClientIpv4(Cow<'a, str>),
    /// The sender's IPv6 address for clients.
    ClientIpv6(Cow<'a, str>),
    /// The sender's port for clients (9.x).
    ClientPort(u16),
    /// The sender's TLS port for clients (9.x).
    ClientTlsPort(u16),
    /// The sender's availability zone (9.x).
    AvailabilityZone(Cow<'a, str>),
    /// An extension of a later version, or one whose data is too short.
    Other,
}

/// A message of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The channel's name.
    pub channel: Vec<u8>,
    /// The message.
    pub message: Vec<u8>,
}

/// The slots of a node and since which epoch it has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The epoch of the slots.
    pub config_epoch: u64,
    /// The owner.
    pub name: NodeName,
    /// All of its slots.
    pub slots: SlotMap,
}

/// A message between modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleData {
    /// The module.
    pub module: u64,
    /// The module's own type.
    pub r#type: u8,
    /// The message.
    pub bytes: Vec<u8>,
}

impl Payload {
    /// The type of a message with this payload.
    pub fn r#type(&self) -> MessageType {
        MessageType(match self {
            Payload::Ping(_) => 0,
            Payload::Pong(_) => 1,
            Payload::Meet(_) => 2,
            Payload::Fail(_) => 3,
            Payload::Publish(_) => 4,
            Payload::FailoverAuthRequest => 5,
            Payload::FailoverAuthAck => 6,
            Payload::Update(_) => 7,
            Payload::MfStart => 8,
            Payload::Module(_) => 9,
            Payload::PublishShard(_) => 10,
            Payload::Unknown { r#type, .. } => r#type.0,
        })
    }

    /// The gossip of a PING, PONG or MEET.
    pub fn gossip(&self) -> Option<&Gossip> {
        match self {
            Payload::Ping(gossip) | Payload::Pong(gossip) | Payload::Meet(gossip) => Some(gossip),
            _ => None,
        }
    }

    /// How much gossip it holds, if it is of a type that gossips.
    pub(super) fn counts(&self) -> Option<Counts> {
        let gossip = self.gossip()?;
        Some(Counts { entries: gossip.entries.len() as u16, extensions: gossip.extensions.len() as u16 })
    }

    /// About how many bytes it takes, to allocate once.
    pub(super) fn length(&self) -> usize {
        match self {
            Payload::Ping(gossip) | Payload::Pong(gossip) | Payload::Meet(gossip) => {
                gossip.entries.len() * 104 + gossip.extensions.iter().map(|e| 8 + e.data.len()).sum::<usize>()
            }
            Payload::Publish(publication) | Payload::PublishShard(publication) => {
                8 + publication.channel.len() + publication.message.len()
            }
            Payload::Module(module) => 13 + module.bytes.len(),
            Payload::Unknown { bytes, .. } => bytes.len(),
            Payload::Update(_) => 2096,
            Payload::Fail(_) => 40,
            Payload::FailoverAuthRequest | Payload::FailoverAuthAck | Payload::MfStart => 0,
        }
    }

    /// Reads all of `bytes` as the payload of a message with this header.
    pub(super) fn decode(head: &DecodedHead, bytes: &[u8]) -> Result<Payload, BusError> {
        let mut reader = Reader::new(bytes);
        let payload = Self::read(head, &mut reader).filter(|_| reader.rest().is_empty());
        payload.ok_or(BusError::BadPayload(head.r#type))
    }

    fn read(head: &DecodedHead, reader: &mut Reader<'_>) -> Option<Payload> {
        Some(match head.r#type.0 {
            0 => Payload::Ping(Gossip::read(&head.head, reader)?),
            1 => Payload::Pong(Gossip::read(&head.head, reader)?),
            2 => Payload::Meet(Gossip::read(&head.head, reader)?),
            3 => Payload::Fail(NodeName(reader.array()?)),
            4 => Payload::Publish(Publication::read(reader)?),
            5 => Payload::FailoverAuthRequest,
            6 => Payload::FailoverAuthAck,
            7 => Payload::Update(Box::new(Update::read(reader)?)),
            8 => Payload::MfStart,
            9 => Payload::Module(ModuleData::read(reader)?),
            10 => Payload::PublishShard(Publication::read(reader)?),
            _ => Payload::Unknown { r#type: head.r#type, bytes: reader.slice(reader.rest().len())?.to_vec() },
        })
    }

    /// Writes the payload.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Payload::Ping(gossip) | Payload::Pong(gossip) | Payload::Meet(gossip) => gossip.encode(out),
            Payload::Fail(name) => out.extend(name.0),
            Payload::Publish(publication) | Payload::PublishShard(publication) => publication.encode(out),
            Payload::FailoverAuthRequest | Payload::FailoverAuthAck | Payload::MfStart => {}
            Payload::Update(update) => update.encode(out),
            Payload::Module(module) => module.encode(out),
            Payload::Unknown { bytes, .. } => out.extend(bytes),
        }
    }
}

impl Gossip {
    fn read(head: &Head, reader: &mut Reader<'_>) -> Option<Gossip> {
        let Head::Full(full) = head else { return None };
        let entries = (0..full.count).map(|_| GossipEntry::read(reader)).collect::<Option<_>>()?;
        let extensions = (0..full.extensions).map(|_| Extension::read(reader)).collect::<Option<_>>()?;
        Some(Gossip { entries, extensions })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.entries.iter().for_each(|entry| entry.encode(out));
        self.extensions.iter().for_each(|extension| extension.encode(out));
    }
}

impl GossipEntry {
    /// The node's address; empty if it is not known.
    pub fn address(&self) -> Cow<'_, str> {
        text_of(&self.ip)
    }

    fn read(reader: &mut Reader<'_>) -> Option<GossipEntry> {
        Some(GossipEntry {
            name: NodeName(reader.array()?),
            ping_sent_s: reader.u32()?,
            pong_received_s: reader.u32()?,
            ip: reader.array()?,
            port: reader.u16()?,
            bus_port: reader.u16()?,
            flags: NodeFlags(reader.u16()?),
            other_port: reader.u16()?,
            unused: reader.array()?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.name.0);
        out.extend(self.ping_sent_s.to_be_bytes());
        out.extend(self.pong_received_s.to_be_bytes());
        out.extend(self.ip);
        for number in [self.port, self.bus_port, self.flags.0, self.other_port] {
            out.extend(number.to_be_bytes());
        }
        out.extend(self.unused);
    }
}

impl Extension {
    /// An extension with this data, padded as the server does.
    pub fn new(r#type: u16, data: &[u8]) -> Extension {
        let mut data = data.to_vec();
        data.resize(data.len().next_multiple_of(8), 0);
        Extension { r#type, unused: [0; 2], data }
    }

    /// What it says.
    pub fn value(&self) -> ExtensionValue<'_> {
        self.read_value().unwrap_or(ExtensionValue::Other)
    }

    fn read_value(&self) -> Option<ExtensionValue<'_>> {
        let text = text_of(&self.data);
        let mut reader = Reader::new(&self.data);
        Some(match self.r#type {
            0 => ExtensionValue::Hostname(text),
            1 => ExtensionValue::HumanNodename(text),
            2 => ExtensionValue::ForgottenNode { name: NodeName(reader.array()?), ttl_s: reader.u64()? },
            3 => ExtensionValue::ShardId(NodeName(reader.array()?)),
            4 => ExtensionValue::ClientIpv4(text),
            5 => ExtensionValue::ClientIpv6(text),
            6 => ExtensionValue::ClientPort(reader.u16()?),
            7 => ExtensionValue::ClientTlsPort(reader.u16()?),
            8 => ExtensionValue::AvailabilityZone(text),
            _ => return None,
        })
    }

    /// Reads one; its length counts its own 8 bytes and is a multiple of 8 (`clusterIsValidPacket`).
    fn read(reader: &mut Reader<'_>) -> Option<Extension> {
        let length = reader.u32()? as usize;
        let (r#type, unused) = (reader.u16()?, reader.array()?);
        let data = reader.slice(length.checked_sub(8).filter(|length| length % 8 == 0)?)?.to_vec();
        Some(Extension { r#type, unused, data })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend((self.data.len() as u32 + 8).to_be_bytes());
        out.extend(self.r#type.to_be_bytes());
        out.extend(self.unused);
        out.extend(&self.data);
    }
}

impl Publication {
    fn read(reader: &mut Reader<'_>) -> Option<Publication> {
        let (channel, message) = (reader.u32()? as usize, reader.u32()? as usize);
        Some(Publication {
            channel: reader.slice(channel)?.to_vec(),
            message: reader.slice(message)?.to_vec(),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend((self.channel.len() as u32).to_be_bytes());
        out.extend((self.message.len() as u32).to_be_bytes());
        out.extend(&self.channel);
        out.extend(&self.message);
    }
}

impl Update {
    fn read(reader: &mut Reader<'_>) -> Option<Update> {
        Some(Update {
            config_epoch: reader.u64()?,
            name: NodeName(reader.array()?),
            slots: SlotMap(reader.array()?),
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.config_epoch.to_be_bytes());
        out.extend(self.name.0);
        out.extend(self.slots.0);
    }
}

impl ModuleData {
    fn read(reader: &mut Reader<'_>) -> Option<ModuleData> {
        let (module, length, r#type) = (reader.u64()?, reader.u32()? as usize, reader.u8()?);
        Some(ModuleData { module, r#type, bytes: reader.slice(length)?.to_vec() })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.module.to_be_bytes());
        out.extend((self.bytes.len() as u32).to_be_bytes());
        out.push(self.r#type);
        out.extend(&self.bytes);
    }
}
