//! Of two primaries with the same config epoch the one with the smaller id takes a new one (`clusterHandleConfigEpochCollision`).

use std::collections::BTreeMap;

use super::{Duty, Known, Neglect};
use crate::chronicle::bus::{Heard, Message};
use crate::chronicle::pairs::Pairs;
use crate::chronicle::views::READ_WITHIN;
use crate::event::MessageType;
use crate::id::NodeId;
use crate::time::SimTime;

/// Who was told that another primary has its epoch: when, which, and whose.
#[derive(Clone, Debug, Default)]
pub(super) struct Collide {
    told: BTreeMap<NodeId, (SimTime, u64, NodeId)>,
    /// The newest epoch that a node heard of another one.
    newest: Pairs<u64>,
}

impl Collide {
    pub fn forget(&mut self, node: NodeId) {
        self.told.remove(&node);
        self.newest.forget(node);
    }

    pub fn heard(&mut self, heard: &Heard, known: &Known) {
        let Message { from, to, r#type, header, .. } = &*heard.message;
        let Some(header) = header.as_ref().filter(|header| header.claim.is_primary()) else {
            return;
        };
        let newest = self.newest.get_or_insert((*to, *from), 0);
        *newest = header.config_epoch.max(*newest);
        let is_newest = *newest == header.config_epoch;
        let own = known.members.get(*to).and_then(|member| member.header());
        // A node knows another one for certain that it heard before.
        let knows = known.views.heard_at(*to, *from).is_some_and(|at| at + READ_WITHIN < heard.at);
        let collides = own.is_some_and(|own| {
            own.claim.is_primary()
                && own.config_epoch == header.config_epoch
                && header.claim.id > own.claim.id
        });
        if is_newest && knows && collides && matches!(*r#type, MessageType::PING | MessageType::PONG) {
            self.told.entry(*to).or_insert((heard.at, header.config_epoch, *from));
        }
    }

    pub fn said(&mut self, message: &Message, known: &Known) -> Vec<Neglect> {
        let node = message.from;
        let (Some(header), Some((since, epoch, other))) = (&message.header, self.told.get(&node).copied())
        else {
            return Vec::new();
        };
        if message.at.since(since) <= READ_WITHIN {
            return Vec::new();
        }
        self.told.remove(&node);
        let asks = known.asks;
        let by_hand = asks.changed_node(node, message.at)
            || asks.changed_node(other, message.at)
            || asks.changed_members();
        let stays = header.claim.is_primary() && header.config_epoch == epoch;
        let neglects = stays && !by_hand && known.is_steady(node, since);
        neglects.then(|| Neglect::shown_by(message, since, Duty::Part(other))).into_iter().collect()
    }
}
