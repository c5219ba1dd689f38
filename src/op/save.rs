//! `save`: nodes write their data to disk in the foreground.

use serde::{Deserialize, Serialize};

use super::recipients::AtNodes;
use crate::id::NodeId;

/// Nodes are told to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Save {
    /// The nodes.
    pub nodes: Vec<NodeId>,
}

impl AtNodes for Save {
    const NAME: &'static str = "save";
    const ABOUT: &'static str = "`SAVE`: nodes write their data to disk, and serve nobody meanwhile.";
    const EXAMPLE: &'static str = "type: save\nnode: 1";
    const ARGS: &'static [&'static str] = &["SAVE"];

    fn at(nodes: Vec<NodeId>) -> Self {
        Save { nodes }
    }

    fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }
}
