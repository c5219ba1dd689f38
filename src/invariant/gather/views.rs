//! What each node said of the cluster's state while it said the same of the members, for as long as it lasted.
//!
//! A survey asks both in one go, and the log has only what changes. So what stands between two probes of a node was said
//! at every survey between them; a node that ends or is stopped meanwhile is not asked, and its span is left out.

use std::collections::BTreeMap;

use crate::event::{Body, Doubt, Member, Phase, Told, ViewRole, ViewRow, ViewState};
use crate::id::NodeId;
use crate::invariant::evidence::ViewSpan;
use crate::time::{SimDuration, SimTime};
use crate::wire::SLOT_COUNT;

/// Spans that are shorter may have been seen by a single survey: a settled cluster is surveyed every two seconds.
const SHORTEST: SimDuration = SimDuration::from_secs(3);

/// The views as they are, and those that were.
#[derive(Debug, Default)]
pub(super) struct Views {
    pages: BTreeMap<NodeId, Page>,
    /// Whether surveys go on.
    is_over: bool,
    pub spans: Vec<ViewSpan>,
}

#[derive(Debug)]
struct Page {
    /// When it became so; nothing after something that no survey tells.
    since: Option<SimTime>,
    state: ViewState,
    rows: BTreeMap<Member, ViewRow>,
}

impl Views {
    /// Takes what the validator was told or noted.
    pub fn see(&mut self, at: SimTime, body: &Body) {
        match body {
            Body::Probe { node, state, rows, gone } => {
                self.end(*node, at);
                let new = || Page { since: None, state: *state, rows: BTreeMap::new() };
                let page = self.pages.entry(*node).or_insert_with(new);
                (page.since, page.state) = (Some(at).filter(|_| !self.is_over), *state);
                page.rows.retain(|member, _| !gone.contains(member));
                page.rows.extend(rows.iter().map(|row| (row.member.clone(), row.clone())));
            }
            Body::Tell { message: Told::NodeExited { node, .. } } => drop(self.pages.remove(node)),
            Body::Tell { message: Told::NodeStarted { node } | Told::NodePaused { node, .. } } => {
                self.pages.entry(*node).and_modify(|page| page.since = None);
            }
            _ => {}
        }
    }

    /// A phase of the run begins; once it is judged, nobody is surveyed any more.
    pub fn phase(&mut self, phase: Phase, at: SimTime) {
        if matches!(phase, Phase::Validate | Phase::Done) && !self.is_over {
            self.is_over = true;
            let nodes: Vec<NodeId> = self.pages.keys().copied().collect();
            nodes.into_iter().for_each(|node| self.end(node, at));
            self.pages.clear();
        }
    }

    fn end(&mut self, node: NodeId, at: SimTime) {
        let Some(page) = self.pages.get(&node) else { return };
        if let Some(since) = page.since.filter(|since| at.since(*since) >= SHORTEST) {
            self.spans.push(page.span(node, since, at));
        }
    }
}

impl Page {
    fn span(&self, node: NodeId, from: SimTime, until: SimTime) -> ViewSpan {
        let owners =
            self.rows.values().filter(|row| is_primary(row) && !row.slots.is_empty()).collect::<Vec<_>>();
        let reachable = owners.iter().filter(|row| row.doubt.is_none()).count();
        let served = owners.iter().filter(|row| row.doubt != Some(Doubt::Fail)).flat_map(|row| &row.slots);
        let served: u32 = served.map(|(first, last)| u32::from(*last) + 1 - u32::from(*first)).sum();
        ViewSpan {
            node,
            from,
            until,
            ok: match self.state {
                ViewState::Ok => Some(true),
                ViewState::Fail => Some(false),
                ViewState::NoAnswer | ViewState::Unknown => None,
            },
            has_all_slots: served == u32::from(SLOT_COUNT),
            has_majority: reachable > owners.len() / 2,
        }
    }
}

fn is_primary(row: &ViewRow) -> bool {
    matches!(row.role, ViewRole::Primary { .. })
}
