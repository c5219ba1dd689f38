//! What the log says of the surveys: a node's view when it is new, and then only what changes of it.

use std::collections::BTreeMap;

use super::super::Out;
use crate::event::Body;
use crate::id::NodeId;
use crate::invariant::evidence::{NodeEvidence, ViewEntry};

/// The views as they were noted last.
#[derive(Debug, Default)]
pub(super) struct Journal(BTreeMap<NodeId, Page>);

/// A view in short: the state, and a text for each member by its name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    state: &'static str,
    rows: BTreeMap<String, String>,
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
            if let Some(text) = page.news(before) {
                out.note(Body::Probe { node: node.node, text });
                *before = page;
            }
        }
    }
}

impl Page {
    fn of(node: &NodeEvidence) -> Self {
        let state = match (node.reachable, node.cluster_state_ok) {
            (false, _) => "no answer",
            (_, Some(true)) => "ok",
            (_, Some(false)) => "fail",
            (_, None) => "state unknown",
        };
        let members = node.view.iter().filter(|row| !row.flags.iter().any(|flag| flag == "handshake"));
        let named = |id: &str| name(node.view.iter().find(|row| row.id == id), id);
        Page { state, rows: members.map(|row| (name(Some(row), &row.id), describe(row, named))).collect() }
    }

    /// What differs from the page before; nothing if nothing does.
    fn news(&self, before: &Page) -> Option<String> {
        let changed = self.rows.iter().filter(|(name, text)| before.rows.get(*name) != Some(*text));
        let gone = before.rows.keys().filter(|name| !self.rows.contains_key(*name));
        let mut parts = vec![self.state.to_owned()];
        parts.extend(changed.map(|(name, text)| format!("{name} {text}")));
        parts.extend(gone.map(|name| format!("{name} gone")));
        (parts.len() > 1 || self.state != before.state).then(|| parts.join("; "))
    }
}

/// The plan's name of a member, or the beginning of its id.
fn name(row: Option<&ViewEntry>, id: &str) -> String {
    let node = row.and_then(|row| row.node);
    node.map_or_else(|| id.chars().take(8).collect(), |node| node.to_string())
}

fn describe(row: &ViewEntry, named: impl Fn(&str) -> String) -> String {
    let mut text = match (&row.primary_id, row.is_primary) {
        (_, true) => format!("primary at epoch {}", row.config_epoch),
        (Some(primary), _) => format!("replica of {}", named(primary)),
        (None, _) => "replica of nobody".to_owned(),
    };
    for (first, last) in &row.slots {
        text.push_str(&format!(" {first}-{last}"));
    }
    if row.fail || row.pfail {
        text.push_str(if row.fail { " fail" } else { " fail?" });
    }
    text
}
