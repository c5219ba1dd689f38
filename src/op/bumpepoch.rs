//! `bumpepoch`: nodes raise their config epochs without anybody's agreement.

use serde::{Deserialize, Serialize};

use super::recipients::AtNodes;
use crate::id::NodeId;

/// Nodes are told to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bumpepoch {
    /// The nodes.
    pub nodes: Vec<NodeId>,
}

impl AtNodes for Bumpepoch {
    const NAME: &'static str = "bumpepoch";
    const ABOUT: &'static str = "`CLUSTER BUMPEPOCH` at one, some or all nodes, without anybody's agreement. The answer says whether the epoch was raised.";
    const EXAMPLE: &'static str = "type: bumpepoch\nnode: 3\ndelay: 1";
    const ARGS: &'static [&'static str] = &["CLUSTER", "BUMPEPOCH"];

    fn at(nodes: Vec<NodeId>) -> Self {
        Bumpepoch { nodes }
    }

    fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }
}
