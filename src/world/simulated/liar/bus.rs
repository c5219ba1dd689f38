//! Lies on the cluster bus: messages that are left out, altered, or made up.

use super::{Liar, Place};
use crate::fault::Lie;
use crate::id::Host;
use crate::wire::SlotMap;
use crate::wire::cluster_bus::{
    Extension, FullHeader, Gossip, Head, Message, MessageFlags, NodeFlags, NodeName, Payload, decode, encode,
};

/// The extensions with a node to be forgotten and with a shard id (`CLUSTERMSG_EXT_TYPE_*`).
const FORGOTTEN: u16 = 2;
const SHARD_ID: u16 = 3;
/// What a forgotten node is to stay so for, in seconds.
const FORGOTTEN_FOR_S: u64 = 600;
/// Further than any offset of a run.
const FAR: u64 = 1 << 40;
/// An address of nobody's.
const NOWHERE: &[u8] = b"10.0.0.250";

impl Liar {
    pub(super) fn on_bus(&mut self, place: Place, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        let message = decode(bytes).ok()?;
        self.learn(&message);
        if self.swallows(&message, place) {
            return Some(Vec::new());
        }
        let Head::Full(_) = &message.head else { return None };
        if let Some(more) = self.makes_up(&message, place) {
            return Some(vec![bytes.to_vec(), encode(&more)]);
        }
        let mut altered = message.clone();
        self.alters(&mut altered);
        (altered != message).then(|| vec![encode(&altered)])
    }

    /// Takes the cluster ids of others from what the node tells of them.
    fn learn(&mut self, message: &Message) {
        for entry in message.payload.gossip().into_iter().flat_map(|gossip| &gossip.entries) {
            let end = entry.ip.iter().position(|byte| *byte == 0).unwrap_or(entry.ip.len());
            let address = std::str::from_utf8(&entry.ip[..end]).ok().and_then(|ip| ip.parse().ok());
            if let Some(Host::Node(node)) = address.and_then(Host::from_address) {
                self.ids.insert(node, entry.name);
            }
        }
    }

    fn about_id(&self) -> Option<NodeName> {
        self.ids.get(&self.about?).copied()
    }

    fn swallows(&self, message: &Message, place: Place) -> bool {
        match (self.lie, &message.payload) {
            (Lie::SwallowVotes, Payload::FailoverAuthAck)
            | (Lie::SwallowRequests, Payload::FailoverAuthRequest)
            | (Lie::SwallowMfstart, Payload::MfStart)
            | (Lie::HideDoubts, Payload::Fail(_))
            | (Lie::SwallowPublish, Payload::Publish(_) | Payload::PublishShard(_)) => true,
            (Lie::Mute, _) => self.about.is_none_or(|about| place.peer == Some(Host::Node(about))),
            _ => false,
        }
    }

    /// A message that nobody wrote, to go out behind another one.
    fn makes_up(&mut self, message: &Message, place: Place) -> Option<Message> {
        let Head::Full(header) = &message.head else { return None };
        let gossips = message.payload.gossip().is_some();
        let is_first = gossips && !self.told.contains(&place.handle);
        let is_to_it = self.about.is_some_and(|about| place.peer == Some(Host::Node(about)));
        let payload = match (self.lie, &message.payload) {
            (Lie::VoteTwice, Payload::FailoverAuthAck) => return Some(message.clone()),
            (Lie::VoteUnasked, _) if is_first && is_to_it && self.told.is_empty() => Payload::FailoverAuthAck,
            (Lie::AskUnasked, _) if is_first => Payload::FailoverAuthRequest,
            (Lie::FailLive, _) if is_first => Payload::Fail(self.about_id()?),
            _ => return None,
        };
        self.told.insert(place.handle);
        let header = FullHeader {
            count: 0,
            extensions: 0,
            message_flags: MessageFlags::default(),
            ..(**header).clone()
        };
        Some(Message { head: Head::Full(Box::new(header)), payload })
    }

    fn alters(&mut self, message: &mut Message) {
        let about = self.about_id();
        let is_request = message.payload == Payload::FailoverAuthRequest;
        if let Some(gossip) = gossip_of(&mut message.payload) {
            self.alters_gossip(gossip, about);
        }
        let has_gossip = message.payload.gossip().is_some();
        let Head::Full(header) = &mut message.head else { return };
        let is_primary = header.flags.contains(NodeFlags::PRIMARY);
        match self.lie {
            Lie::LeadAlone if !is_primary => self.leads(header),
            Lie::EpochBack => self.goes_back(header),
            Lie::ConfigEpochBack if is_primary => header.config_epoch = header.config_epoch.saturating_sub(1),
            Lie::ConfigEpochAbove => header.config_epoch = header.current_epoch + 1,
            Lie::ConfigEpochRaised if is_primary => self.raises(header),
            Lie::OffsetBelow if is_request => header.offset = header.offset.saturating_sub(1),
            Lie::OffsetMoves if header.message_flags.paused() => {
                self.count += 1;
                header.offset += self.count;
            }
            Lie::OffsetAhead if !is_primary => header.offset += FAR,
            Lie::SlotTooMany => self.claims_more(header),
            Lie::SlotTooFew => header.slots = without_first(&header.slots),
            Lie::StateOk => header.state = 0,
            Lie::ReplicaOf if !is_primary => header.replica_of = about.unwrap_or(header.replica_of),
            Lie::ForgetLive if has_gossip && about.is_some() => {
                header.message_flags.0[0] |= MessageFlags::EXT_DATA
            }
            Lie::WrongAddress => header.ip[..NOWHERE.len()].copy_from_slice(NOWHERE),
            _ => {}
        }
    }

    fn alters_gossip(&self, gossip: &mut Gossip, about: Option<NodeName>) {
        let doubts = NodeFlags::PFAIL.with(NodeFlags::FAIL).0;
        match self.lie {
            Lie::HideDoubts => gossip.entries.iter_mut().for_each(|entry| entry.flags.0 &= !doubts),
            Lie::DoubtLive => {
                let it = gossip.entries.iter_mut().filter(|entry| Some(entry.name) == about);
                it.for_each(|entry| entry.flags = entry.flags.with(NodeFlags::PFAIL));
            }
            Lie::ShardId => {
                let ids = gossip.extensions.iter_mut().filter(|extension| extension.r#type == SHARD_ID);
                ids.for_each(|extension| extension.data[..40].fill(b'5'));
            }
            Lie::ForgetLive => gossip.extensions.extend(about.map(forgotten)),
            _ => {}
        }
    }

    /// Its config epoch is the one after the current one, of when it began to lie.
    fn raises(&mut self, header: &mut FullHeader) {
        if self.count == 0 {
            self.count = header.current_epoch + 1;
        }
        header.config_epoch = self.count;
        header.current_epoch = header.current_epoch.max(self.count);
    }

    /// As if it had been elected.
    fn leads(&mut self, header: &mut FullHeader) {
        header.flags = NodeFlags(header.flags.0 & !NodeFlags::REPLICA.0).with(NodeFlags::PRIMARY);
        header.replica_of = NodeName::NONE;
        self.raises(header);
    }

    fn goes_back(&mut self, header: &mut FullHeader) {
        /// So many headers are honest.
        const HONEST: u64 = 50;
        self.count += 1;
        if self.count > HONEST {
            header.current_epoch = header.current_epoch.saturating_sub(1);
            header.config_epoch = header.config_epoch.min(header.current_epoch);
        }
    }

    /// The first slot of all, in an epoch above everybody's.
    fn claims_more(&mut self, header: &mut FullHeader) {
        header.slots.insert(0);
        self.raises(header);
    }
}

fn gossip_of(payload: &mut Payload) -> Option<&mut Gossip> {
    match payload {
        Payload::Ping(gossip) | Payload::Pong(gossip) | Payload::Meet(gossip) => Some(gossip),
        _ => None,
    }
}

fn without_first(slots: &SlotMap) -> SlotMap {
    let mut ranges = slots.ranges();
    if let Some(first) = ranges.first_mut() {
        first.first += 1;
    }
    ranges.into_iter().filter(|range| range.first <= range.last).collect()
}

fn forgotten(name: NodeName) -> Extension {
    let mut data = name.0.to_vec();
    data.extend(FORGOTTEN_FOR_S.to_be_bytes());
    Extension { r#type: FORGOTTEN, unused: [0; 2], data }
}
