//! What keys hold in the end, as it was read from the owners of their slots: it must be what the last operations left.
//!
//! A value of another type than a string is read as a digest, and only its type is compared here; that replicas have the same is
//! `data_consistency`. A key whose deadline lies near the end may be there or not.

use std::collections::BTreeMap;

use super::ask::Ask;
use super::cell::Cell;
use super::{Case, Findings};
use crate::id::NodeId;
use crate::invariant::evidence::{Content, NodeEvidence, Role};
use crate::model::{Cells, Clock, State, cell_of};
use crate::wire::resp::key_slot;

/// For how long before the end of a run, in milliseconds, nobody says when a key was read.
const READ_WITHIN_MS: i64 = 60_000;

/// What was read in the end.
pub(super) struct Ending<'e> {
    case: &'e Case<'e>,
    /// Keys by their node and cell.
    keys: BTreeMap<(NodeId, &'e str), Vec<(&'e String, &'e Content)>>,
}

impl<'e> Ending<'e> {
    /// Puts the keys of all nodes in order.
    pub fn of(case: &'e Case<'e>) -> Self {
        let mut keys: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for node in case.evidence.seen() {
            for (key, content) in node.keys.iter().flatten() {
                keys.entry((node.node, cell_of(key))).or_default().push((key, content));
            }
        }
        Ending { case, keys }
    }

    /// Compares the keys of a cell; how many were.
    pub fn judge(&self, cell: &Cell, asks: &[Ask], findings: &mut Findings) -> u64 {
        let Some(ask) = asks.first() else { return 0 };
        let slot = key_slot(ask.entry.request.key().as_bytes());
        let Some(owner) = owner(self.case, slot).filter(|owner| owner.keys.is_some()) else { return 0 };
        let Some(held) = cell.reigns.last_of(owner.node).map(|reign| cell.held(reign)) else { return 0 };
        let own = self.keys.get(&(owner.node, cell.name)).map_or(&[][..], Vec::as_slice);
        let Some(states) = held.known() else { return 0 };
        compare(self.case, owner.node, (states, own), findings);
        own.len() as u64
    }
}

fn compare(
    case: &Case,
    owner: NodeId,
    (states, own): (&Cells, &[(&String, &Content)]),
    findings: &mut Findings,
) {
    let now = clock(case);
    let states = states.iter().flat_map(|state| state.clone().at(now)).collect::<Vec<_>>();
    if !states.iter().any(|state| is_held(state, own)) {
        let has = own.iter().map(|(key, content)| format!("{key} = {}", told(content))).collect::<Vec<_>>();
        let has = if has.is_empty() { "nothing".to_owned() } else { has.join(", ") };
        let wants = states.iter().take(3).map(State::to_string).collect::<Vec<_>>().join(" or ");
        let what = format!("{owner} has {has} in the end; what was executed leaves {wants}");
        findings.wrong(case.evidence.ended_at, what);
    }
}

/// The only live primary that claims a slot.
fn owner<'e>(case: &Case<'e>, slot: u16) -> Option<&'e NodeEvidence> {
    let claims = |node: &&NodeEvidence| {
        let is_in = |(first, last): &(u16, u16)| (*first..=*last).contains(&slot);
        node.role == Some(Role::Primary) && node.own_slots().iter().any(is_in)
    };
    let mut owners = case.evidence.seen().filter(claims);
    owners.next().filter(|_| owners.next().is_none())
}

fn clock(case: &Case) -> Clock {
    let ended = ((case.evidence.plan.epoch_us + case.evidence.ended_at.as_ns() / 1_000) / 1_000) as i64;
    (ended - READ_WITHIN_MS, ended)
}

/// Whether a state is just what was read.
fn is_held(state: &State, own: &[(&String, &Content)]) -> bool {
    let is_it = |(key, content): &(&String, &Content)| match content {
        Content::Text(text) => state.holds(key, text),
        Content::Other { kind, .. } => state.get(key).is_some_and(|item| item.value.kind() == kind),
    };
    state.items().count() == own.len() && own.iter().all(is_it)
}

fn told(content: &Content) -> String {
    match content {
        Content::Text(text) => format!("{text:?}"),
        Content::Other { kind, .. } => format!("a {kind}"),
    }
}
