//! What the log says of the surveys: a node's view when it is new, and then only what changes of it.

use std::collections::BTreeMap;

use super::super::Out;
use crate::event::{Body, Doubt, Member, ViewRole, ViewRow, ViewState};
use crate::id::NodeId;
use crate::invariant::evidence::{NodeEvidence, ViewEntry};

/// The views as they were noted last.
#[derive(Debug, Default)]
pub(super) struct Journal(BTreeMap<NodeId, Page>);

/// A view in short: what the node says of the whole, and a row for each member.
#[derive(Debug, Default)]
struct Page {
    state: Option<ViewState>,
    rows: BTreeMap<Member, ViewRow>,
}

impl Journal {
    /// Notes what changed of the views of all live nodes.
    pub fn note(&mut self, nodes: &[NodeEvidence], out: &mut Out) {
        for node in nodes.iter().filter(|n| n.is_live()) {
            let mut page = Page::of(node);
            let before = self.0.entry(node.node).or_default();
            // Who says nothing has not changed its mind.
            if page.rows.is_empty() {
                page.rows.clone_from(&before.rows);
            }
            if let Some(news) = page.news(node.node, before) {
                out.note(news);
                *before = page;
            }
        }
    }
}

impl Page {
    fn of(node: &NodeEvidence) -> Self {
        let members = node.view.iter().filter(|row| !row.flags.iter().any(|flag| flag == "handshake"));
        let named = |id: &str| name(node.view.iter().find(|row| row.id == id), id);
        let rows = members.map(|entry| row(entry, named)).map(|row| (row.member.clone(), row)).collect();
        Page { state: Some(state(node)), rows }
    }

    /// What differs from the page before; nothing if nothing does.
    fn news(&self, node: NodeId, before: &Page) -> Option<Body> {
        let changed = self.rows.iter().filter(|(member, row)| before.rows.get(*member) != Some(*row));
        let rows: Vec<ViewRow> = changed.map(|(_, row)| row.clone()).collect();
        let gone: Vec<Member> =
            before.rows.keys().filter(|member| !self.rows.contains_key(*member)).cloned().collect();
        let is_news = !rows.is_empty() || !gone.is_empty() || self.state != before.state;
        let state = self.state.unwrap_or_default();
        is_news.then_some(Body::Probe { node, state, rows, gone })
    }
}

fn state(node: &NodeEvidence) -> ViewState {
    match (node.reachable, node.cluster_state_ok) {
        (false, _) => ViewState::NoAnswer,
        (_, Some(true)) => ViewState::Ok,
        (_, Some(false)) => ViewState::Fail,
        (_, None) => ViewState::Unknown,
    }
}

/// The plan's name of a member, or the beginning of its id.
fn name(row: Option<&ViewEntry>, id: &str) -> Member {
    let node = row.and_then(|row| row.node);
    node.map_or_else(|| Member::Stranger(id.chars().take(8).collect()), Member::Node)
}

fn row(entry: &ViewEntry, named: impl Fn(&str) -> Member) -> ViewRow {
    let role = match entry.is_primary {
        true => ViewRole::Primary { epoch: entry.config_epoch },
        false => ViewRole::Replica { of: entry.primary_id.as_deref().map(named) },
    };
    let doubt = match (entry.fail, entry.pfail) {
        (true, _) => Some(Doubt::Fail),
        (false, true) => Some(Doubt::Pfail),
        (false, false) => None,
    };
    ViewRow { member: name(Some(entry), &entry.id), role, slots: entry.slots.clone(), doubt }
}
