//! What the log says of a node's view of the cluster: rows, of which prose is made in `report/` alone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::NodeId;

/// What a node says of the cluster as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewState {
    /// It does not answer.
    #[default]
    NoAnswer,
    /// It does what clients ask.
    Ok,
    /// It does not.
    Fail,
    /// It answers, but does not say.
    Unknown,
}

/// A member of the cluster as a view names it: one of the plan's nodes, or the first digits of an unknown id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Member {
    /// A node of the plan.
    Node(NodeId),
    /// Somebody else.
    Stranger(String),
}

/// What a view says of one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRow {
    /// Who.
    pub member: Member,
    /// What it is.
    #[serde(flatten)]
    pub role: ViewRole,
    /// The slots it owns: first and last of each range.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub slots: Vec<(u16, u16)>,
    /// Whether it is thought to be alive; absent if it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub doubt: Option<Doubt>,
}

/// What a member is in a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum ViewRole {
    /// A primary, with its config epoch.
    Primary { epoch: u64 },
    /// A replica, of nobody if the view does not say of whom.
    Replica { of: Option<Member> },
}

/// How much a view doubts that a member is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// This view alone suspects it.
    Pfail,
    /// A majority has it as failed.
    Fail,
}

impl From<String> for Member {
    fn from(text: String) -> Member {
        let number = text.strip_prefix("node-").and_then(|number| u16::from_str(number).ok());
        // Only the text that the node itself gives is its name, so that what is read is written again.
        let node = number.map(NodeId).filter(|node| node.to_string() == text);
        node.map_or(Member::Stranger(text), Member::Node)
    }
}

impl From<Member> for String {
    fn from(member: Member) -> String {
        member.to_string()
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Member::Node(node) => node.fmt(f),
            Member::Stranger(id) => f.write_str(id),
        }
    }
}
