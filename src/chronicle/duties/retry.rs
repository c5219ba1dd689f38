//! A replica that asked for votes and did not win asks again while its primary is failing (`clusterHandleReplicaFailover`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Duty, Known, Neglect};
use crate::chronicle::bus::Message;
use crate::event::MessageType;
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};

/// The least that an election lasts (`CLUSTER_OPERATION_TIMEOUT`).
const LEAST: SimDuration = SimDuration::from_secs(2);
/// What the first place makes a replica wait at most, with an empty offset, and two crons at one hertz.
const STANDS: SimDuration = SimDuration::from_ms(3_500);
/// What each replica and each failed primary before it adds.
const RANK: SimDuration = SimDuration::from_ms(1_000);

/// Who asked last, when, in which epoch and in the place of whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Retry {
    asked: BTreeMap<NodeId, (SimTime, u64, NodeId)>,
}

impl Retry {
    pub fn forget(&mut self, node: NodeId) {
        self.asked.retain(|by, (_, _, of)| *by != node && *of != node);
    }

    pub fn said(&mut self, message: &Arc<Message>, known: &Known) -> Vec<Neglect> {
        let (node, at) = (message.from, message.at);
        let Some(header) = &message.header else {
            return Vec::new();
        };
        let of = header.claim.of.as_deref().and_then(|id| known.members.current(id));
        let Some(of) = of else {
            self.asked.remove(&node);
            return Vec::new();
        };
        if message.r#type == MessageType::FAILOVER_AUTH_REQUEST {
            let before = self.asked.get(&node);
            if before.is_none_or(|(_, epoch, _)| *epoch < header.current_epoch) {
                // By hand it asks once.
                let by_hand = known.asks.failover_of(node).is_some();
                self.asked.remove(&node);
                self.asked.extend((!by_hand).then_some((node, (at, header.current_epoch, of))));
            }
            return Vec::new();
        }
        self.late(message, of, known).into_iter().collect()
    }

    fn late(&mut self, message: &Message, of: NodeId, known: &Known) -> Option<Neglect> {
        let (node, at) = (message.from, message.at);
        let (since, _, asked_of) = self.asked.get(&node).copied()?;
        let heard_again = known.views.heard_at(node, of).is_some_and(|heard_at| heard_at >= since);
        if asked_of != of || heard_again {
            self.asked.remove(&node);
            return None;
        }
        let places = known.members.all().count() as u64;
        let due = known.node_timeout().times(2).max(LEAST).times(2) + STANDS + RANK.times(places);
        if at.since(since) <= due {
            return None;
        }
        self.asked.remove(&node);
        let by_hand = known.asks.changed_members() || known.asks.changed_node(node, at);
        let neglects = !by_hand && known.is_steady(node, since);
        let fresh_at = known.candidates.fresh_at(node);
        neglects.then(|| Neglect::shown_by(message, since, Duty::Retry { of, fresh_at }))
    }
}
