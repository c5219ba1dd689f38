//! Asks every live primary about the slots it claims, as a client would.

use std::collections::BTreeMap;

use super::super::session::Answer;
use super::line::Scene;
use super::probe_keys::ProbeKeys;
use crate::id::NodeId;
use crate::invariant::evidence::{NodeEvidence, SlotAnswer};
use crate::wire::SLOT_COUNT;

/// Answers so far, by node and range; a range that was refused anywhere is refused.
#[derive(Debug, Default)]
pub(super) struct SlotReader {
    open: BTreeMap<u64, (NodeId, (u16, u16))>,
    answers: BTreeMap<(NodeId, (u16, u16)), Result<(), String>>,
}

impl SlotReader {
    /// Asks for a key of the first, the middle and the last slot of each range.
    pub fn begin(nodes: &[NodeEvidence], scene: &mut Scene) -> Self {
        let mut reader = SlotReader::default();
        let mut keys = ProbeKeys::new();
        for node in nodes.iter().filter(|n| n.is_live()) {
            for range in node.own_slots() {
                for key in keys_of(*range, &mut keys) {
                    reader.open.insert(scene.ask(node.node, &["GET", &key]), (node.node, *range));
                }
            }
        }
        reader
    }

    /// Takes an answer to one of its questions; others are passed over.
    pub fn answered(&mut self, answer: &Answer) {
        let Some(asked) = self.open.remove(&answer.tag) else {
            return;
        };
        let result = answer.result.as_ref().map(drop).map_err(ToString::to_string);
        let so_far = self.answers.entry(asked).or_insert(Ok(()));
        if so_far.is_ok() {
            *so_far = result;
        }
    }

    /// Whether nothing is left to wait for.
    pub fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    /// Who was asked and did not answer everything yet.
    pub fn unanswered(&self) -> impl Iterator<Item = NodeId> {
        self.open.values().map(|(node, _)| *node)
    }

    /// The answers of a node.
    pub fn of(&self, node: NodeId) -> Vec<SlotAnswer> {
        let own = self.answers.iter().filter(|((of, _), _)| *of == node);
        own.map(|((_, (first, last)), answer)| SlotAnswer {
            first: *first,
            last: *last,
            answer: answer.clone(),
        })
        .collect()
    }
}

/// A key for the first, the middle and the last slot of a range, fewer if these are the same.
fn keys_of((first, last): (u16, u16), keys: &mut ProbeKeys) -> Vec<String> {
    let last = last.min(SLOT_COUNT - 1);
    let mut slots = vec![first, first.midpoint(last), last];
    slots.dedup();
    slots.into_iter().map(|slot| keys.of(slot)).collect()
}
