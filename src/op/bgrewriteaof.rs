//! `bgrewriteaof`: nodes write their append-only files anew.

use serde::{Deserialize, Serialize};

use super::recipients::AtNodes;
use crate::id::NodeId;

/// Nodes are told to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bgrewriteaof {
    /// The nodes.
    pub nodes: Vec<NodeId>,
}

impl AtNodes for Bgrewriteaof {
    const NAME: &'static str = "bgrewriteaof";
    const ABOUT: &'static str =
        "`BGREWRITEAOF`: nodes write their append-only files anew in children, whether they keep one or not.";
    const EXAMPLE: &'static str = "type: bgrewriteaof\nnode: 1";
    const ARGS: &'static [&'static str] = &["BGREWRITEAOF"];

    fn at(nodes: Vec<NodeId>) -> Self {
        Bgrewriteaof { nodes }
    }

    fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }
}
