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
            // What is the same after a start as before the end is not told again.
            Body::Tell {
                message:
                    Told::NodeExited { node, .. } | Told::NodeStarted { node } | Told::NodePaused { node, .. },
            } => {
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
        // Where the new owner of a replica's slots has not said so itself, they are the replica's in the table (8.1).
        let served =
            self.rows.values().filter(|row| row.doubt != Some(Doubt::Fail)).flat_map(|row| &row.slots);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(s)
    }

    fn probe(state: ViewState, rows: Vec<ViewRow>) -> Body {
        Body::Probe { node: NodeId(1), state, rows, gone: Vec::new() }
    }

    fn owner(node: u16, slots: (u16, u16), doubt: Option<Doubt>) -> ViewRow {
        let role = ViewRole::Primary { epoch: 1 };
        ViewRow { member: Member::Node(NodeId(node)), role, slots: vec![slots], doubt }
    }

    #[test]
    fn what_is_not_told_again_is_as_it_was_also_after_a_start() {
        let mut views = Views::default();
        let both = vec![owner(1, (0, 8000), None), owner(2, (8001, 16_383), None)];
        views.see(at(1), &probe(ViewState::Ok, both));
        views.see(
            at(9),
            &Body::Tell { message: Told::NodeExited { node: NodeId(1), status: None, expected: Some(true) } },
        );
        views.see(at(10), &probe(ViewState::NoAnswer, vec![]));
        views.see(at(11), &probe(ViewState::Ok, vec![]));
        views.see(at(15), &probe(ViewState::Fail, vec![owner(2, (8001, 16_383), Some(Doubt::Fail))]));
        views.phase(Phase::Validate, at(20));
        let told = |span: &ViewSpan| (span.from, span.until, span.ok, span.has_majority, span.has_all_slots);
        let spans: Vec<_> = views.spans.iter().map(told).collect();
        let expected =
            [(at(11), at(15), Some(true), true, true), (at(15), at(20), Some(false), false, false)];
        assert_eq!(spans, expected);
    }
}
