//! A node's view of the cluster in a sentence.

use super::word::word;
use crate::event::{Doubt, Member, ViewRole, ViewRow, ViewState};

/// What a survey saw: `ok; node-1 primary at epoch 7 0-5460; node-2 replica of node-1 fail?; 27af6a40 gone`.
pub(super) fn view(state: ViewState, rows: &[ViewRow], gone: &[Member]) -> String {
    let rows = rows.iter().map(row);
    let gone = gone.iter().map(|member| format!("{member} gone"));
    let parts: Vec<String> = [word(&state).replace('_', " ")].into_iter().chain(rows).chain(gone).collect();
    parts.join("; ")
}

fn row(row: &ViewRow) -> String {
    let role = match &row.role {
        ViewRole::Primary { epoch } => format!("primary at epoch {epoch}"),
        ViewRole::Replica { of: Some(primary) } => format!("replica of {primary}"),
        ViewRole::Replica { of: None } => "replica of nobody".to_owned(),
    };
    let slots: String = row.slots.iter().map(|(first, last)| format!(" {first}-{last}")).collect();
    let doubt = match row.doubt {
        Some(Doubt::Fail) => " fail",
        Some(Doubt::Pfail) => " fail?",
        None => "",
    };
    format!("{} {role}{slots}{doubt}", row.member)
}
