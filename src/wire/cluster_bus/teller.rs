//! What a server's process says on the bus, as the log has it: what it repeats is told once.
//!
//! A full header repeats role, primary, slots and state, two kilobytes of them, with each of some hundred thousand
//! messages; they change a few times in a run. And of gossip only what is said of doubted nodes decides anything.

use std::collections::BTreeSet;

use super::{FULL_HEADER_BYTES, LIGHT_HEADER_BYTES, NodeFlags, NodeName, summarise, type_of};
use crate::event::{BusSummary, Claim, Gossiped, MessageType, Published};
use crate::wire::SlotMap;

/// Where a full header's fields stand (`clusterMsg`).
const COUNT_AT: usize = 14;
const OFFSET_AT: usize = 32;
/// Sender, slots and primary, one after the other.
const SELF_AT: std::ops::Range<usize> = 40..2168;
const FLAGS_AT: usize = 2250;
const STATE_AT: usize = 2252;
/// The length of an entry of gossip, and where its flags stand in it (`clusterMsgDataGossip`).
const ENTRY_BYTES: usize = 104;
const ENTRY_FLAGS_AT: usize = 98;
/// Types with entries of gossip: PING, PONG and MEET.
const GOSSIPS: std::ops::RangeInclusive<u16> = 0..=2;
/// Types that name a node, and where its id stands in their payload: FAIL and UPDATE.
const NAMES: [(u16, usize); 2] = [(3, 0), (7, 8)];

/// How much of a channel and its message is told.
pub const PUBLISHED_BYTES_MAX: usize = 256;

/// Remembers what a process said of itself last, and whom it ever doubted.
#[derive(Debug, Default)]
pub struct Teller {
    /// Sender, slots, primary, flags and state as they stood in the last full header.
    said: Vec<u8>,
    offset: Option<u64>,
    doubted: BTreeSet<NodeName>,
}

impl Teller {
    /// What the process's next message says, with what is new in it; nothing if it is no message.
    pub fn tell(&mut self, bytes: &[u8]) -> Option<BusSummary> {
        let mut summary = summarise(bytes)?;
        let (r#type, light) = type_of(bytes)?;
        if [MessageType::PUBLISH, MessageType::PUBLISHSHARD].contains(&r#type) {
            let header = if light { LIGHT_HEADER_BYTES } else { FULL_HEADER_BYTES };
            summary.published = bytes.get(header..).and_then(published).map(Box::new);
        }
        if !light && bytes.len() >= FULL_HEADER_BYTES {
            summary.offset = self.offset(bytes);
            summary.claim = self.claim(bytes);
            summary.about = named(r#type.0, bytes);
            if GOSSIPS.contains(&r#type.0) {
                summary.gossip = self.gossip(bytes);
            }
        }
        Some(summary)
    }

    fn offset(&mut self, header: &[u8]) -> Option<u64> {
        let offset = header[OFFSET_AT..OFFSET_AT + 8].try_into().ok().map(u64::from_be_bytes);
        (offset != std::mem::replace(&mut self.offset, offset)).then_some(offset).flatten()
    }

    fn claim(&mut self, header: &[u8]) -> Option<Box<Claim>> {
        let flags_and_state = &header[FLAGS_AT..=STATE_AT];
        let (fields, rest) = self.said.split_at(self.said.len().min(SELF_AT.len()));
        if (fields, rest) == (&header[SELF_AT], flags_and_state) {
            return None;
        }
        self.said.clear();
        self.said.extend_from_slice(&header[SELF_AT]);
        self.said.extend_from_slice(flags_and_state);
        Some(Box::new(claim(header)))
    }

    fn gossip(&mut self, message: &[u8]) -> Vec<Gossiped> {
        let count = usize::from(u16_at(message, COUNT_AT));
        let entries = message[FULL_HEADER_BYTES..].chunks_exact(ENTRY_BYTES).take(count);
        entries.filter_map(|entry| self.gossiped(entry)).collect()
    }

    fn gossiped(&mut self, entry: &[u8]) -> Option<Gossiped> {
        let (name, flags) = (name_at(entry, 0)?, u16_at(entry, ENTRY_FLAGS_AT));
        if Gossiped::doubts(flags) {
            self.doubted.insert(name);
        }
        self.doubted.contains(&name).then(|| Gossiped(name.to_string(), flags))
    }
}

/// What a full header says of its sender.
fn claim(header: &[u8]) -> Claim {
    let id = |at: usize| name_at(header, at).filter(|name| !name.is_none()).map(|name| name.to_string());
    let slots = SELF_AT.start + 40;
    let slots = header[slots..slots + 2048].try_into().map_or(SlotMap::EMPTY, SlotMap);
    let flags = u16_at(header, FLAGS_AT);
    Claim {
        id: id(SELF_AT.start).unwrap_or_default(),
        flags,
        of: id(SELF_AT.end - 40).filter(|_| !NodeFlags(flags).contains(NodeFlags::PRIMARY)),
        slots: slots.ranges().iter().map(|range| (range.first, range.last)).collect(),
        ok: header[STATE_AT] == 0,
    }
}

/// The message of a channel in a payload, unless it is a long one.
fn published(payload: &[u8]) -> Option<Published> {
    let (lengths, text) = payload.split_at_checked(8)?;
    let length = |at: usize| Some(u32::from_be_bytes(lengths[at..at + 4].try_into().ok()?) as usize);
    let (channel, message) = text.split_at_checked(length(0)?)?;
    let is_whole = message.len() == length(4)? && text.len() <= PUBLISHED_BYTES_MAX;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    is_whole.then(|| Published(text(channel), text(message)))
}

/// The node that a message names in its payload.
fn named(r#type: u16, message: &[u8]) -> Option<String> {
    let (_, at) = NAMES.into_iter().find(|(of, _)| *of == r#type)?;
    name_at(message, FULL_HEADER_BYTES + at).map(|name| name.to_string())
}

fn name_at(bytes: &[u8], at: usize) -> Option<NodeName> {
    bytes.get(at..at + 40)?.try_into().ok().map(NodeName)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

#[cfg(test)]
mod tests {
    use super::super::{
        FullHeader, Gossip, GossipEntry, Head, Message, Payload, Publication, Update, encode,
    };
    use super::*;

    fn name(letter: u8) -> NodeName {
        NodeName([letter; 40])
    }

    fn header() -> FullHeader {
        let mut header = FullHeader::new(name(b'a'));
        (header.flags, header.offset) = (NodeFlags::PRIMARY.with(NodeFlags::MYSELF), 7);
        (0..=5).for_each(|slot| header.slots.insert(slot));
        header
    }

    fn message(header: FullHeader, payload: Payload) -> Vec<u8> {
        encode(&Message { head: Head::Full(Box::new(header)), payload })
    }

    fn ping(header: FullHeader, about: &[(u8, NodeFlags)]) -> Vec<u8> {
        let entry = |(letter, flags): &(u8, NodeFlags)| GossipEntry {
            name: name(*letter),
            ping_sent_s: 0,
            pong_received_s: 0,
            ip: [0; 46],
            port: 0,
            bus_port: 0,
            flags: *flags,
            other_port: 0,
            unused: [0; 2],
        };
        let entries = about.iter().map(entry).collect();
        message(header, Payload::Ping(Gossip { entries, extensions: Vec::new() }))
    }

    #[test]
    fn what_is_repeated_is_told_once() {
        let mut teller = Teller::default();
        let first = teller.tell(&ping(header(), &[])).expect("a message");
        let claim = Claim { id: "a".repeat(40), flags: 17, of: None, slots: vec![(0, 5)], ok: true };
        assert_eq!((first.claim, first.offset), (Some(Box::new(claim.clone())), Some(7)));
        let again = teller.tell(&ping(header(), &[])).expect("a message");
        assert_eq!((again.claim, again.offset), (None, None));
        let mut replica = header();
        (replica.replica_of, replica.flags, replica.state) = (name(b'b'), NodeFlags::REPLICA, 1);
        let changed = teller.tell(&ping(replica, &[])).and_then(|told| told.claim);
        let of = Some("b".repeat(40));
        assert_eq!(changed, Some(Box::new(Claim { flags: 2, of, ok: false, ..claim })));
    }

    #[test]
    fn gossip_is_told_of_doubted_nodes_and_of_those_that_were() {
        let mut teller = Teller::default();
        let healthy = (b'c', NodeFlags::PRIMARY);
        let doubted = (b'b', NodeFlags::PRIMARY.with(NodeFlags::PFAIL));
        let mut told = |about: &[_]| teller.tell(&ping(header(), about)).expect("a message").gossip;
        assert_eq!(told(&[(b'b', NodeFlags::PRIMARY), healthy]), []);
        assert_eq!(told(&[doubted, healthy]), [Gossiped("b".repeat(40), 5)]);
        assert_eq!(told(&[healthy, (b'b', NodeFlags::PRIMARY)]), [Gossiped("b".repeat(40), 1)]);
    }

    #[test]
    fn a_message_about_a_node_names_it() {
        let update = Update { config_epoch: 3, name: name(b'd'), slots: SlotMap::EMPTY };
        for payload in [Payload::Fail(name(b'd')), Payload::Update(Box::new(update))] {
            let told = Teller::default().tell(&message(header(), payload)).and_then(|told| told.about);
            assert_eq!(told, Some("d".repeat(40)));
        }
        assert_eq!(Teller::default().tell(&ping(header(), &[])).and_then(|told| told.about), None);
    }

    #[test]
    fn a_message_of_a_channel_is_told_whatever_its_header() {
        let publication = |channel: &[u8]| Publication { channel: channel.to_vec(), message: b"m".to_vec() };
        let tell =
            |message: &Message| Teller::default().tell(&encode(message)).and_then(|told| told.published);
        let wanted = Some(Box::new(Published("news".to_owned(), "m".to_owned())));
        let full =
            Message { head: Head::Full(Box::new(header())), payload: Payload::Publish(publication(b"news")) };
        assert_eq!(tell(&full), wanted);
        let light = Head::Light { unused: [[0; 2]; 2] };
        let payload = Payload::PublishShard(publication(b"news"));
        assert_eq!(tell(&Message { head: light.clone(), payload }), wanted);
        let payload = Payload::Publish(publication(&[b'x'; 300]));
        assert_eq!(tell(&Message { head: light, payload }), None, "a long one");
    }

    #[test]
    fn bytes_that_are_cut_off_are_told_without_panic() {
        let whole = ping(header(), &[(b'b', NodeFlags::PFAIL)]);
        for end in [0, 15, 16, 40, FULL_HEADER_BYTES - 1, FULL_HEADER_BYTES, whole.len() - 1] {
            let _ = Teller::default().tell(&whole[..end]);
        }
        let mut fail = message(header(), Payload::Fail(name(b'd')));
        fail.truncate(FULL_HEADER_BYTES + 9);
        assert_eq!(Teller::default().tell(&fail).and_then(|told| told.about), None);
    }
}
