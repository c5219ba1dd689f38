//! Who is told that a node is failing calls it failing too, until it hears that node again (`clusterProcessPacket`, `FAIL`).

use std::collections::BTreeMap;

use super::{Duty, Known, Neglect};
use crate::chronicle::bus::{Heard, Message};
use crate::chronicle::views::READ_WITHIN;
use crate::event::{Gossiped, MessageType};
use crate::id::NodeId;
use crate::time::SimTime;

/// Which calls of failure reached whom, by who heard it and about whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Heed {
    told_at: BTreeMap<(NodeId, NodeId), SimTime>,
}

impl Heed {
    pub fn forget(&mut self, node: NodeId) {
        self.told_at.retain(|(viewer, about), _| *viewer != node && *about != node);
    }

    pub fn heard(&mut self, heard: &Heard, known: &Known) {
        let Message { from, to, r#type, about, .. } = &*heard.message;
        // Who is heard again may be well.
        self.told_at.remove(&(*to, *from));
        let failing = about.as_deref().filter(|_| *r#type == MessageType::FAIL);
        let Some(node) = failing.and_then(|id| known.members.current(id)) else {
            return;
        };
        // A call by somebody unknown is dropped, and so is one about somebody unknown.
        let knows = |of| known.views.heard_at(*to, of).is_some_and(|at| at + READ_WITHIN < heard.at);
        if node != *to && knows(*from) && knows(node) {
            self.told_at.entry((*to, node)).or_insert(heard.at);
        }
    }

    pub fn said(&mut self, message: &Message, known: &Known) -> Vec<Neglect> {
        let (viewer, at) = (message.from, message.at);
        let mut found = Vec::new();
        for gossiped in &message.gossip {
            let Some(about) = known.members.current(&gossiped.0) else { continue };
            let Some(since) = self.told_at.get(&(viewer, about)).copied() else { continue };
            if at.since(since) <= READ_WITHIN {
                continue;
            }
            self.told_at.remove(&(viewer, about));
            let by_hand = known.asks.changed_members() || known.asks.changed_node(viewer, at);
            let heeds = gossiped.1 & Gossiped::FAIL != 0;
            if !heeds && !by_hand && known.is_steady(viewer, since) {
                found.push(Neglect::shown_by(message, since, Duty::Heed(about)));
            }
        }
        found
    }
}
