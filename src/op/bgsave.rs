//! `bgsave`: nodes write their data to disk in children.

use serde::{Deserialize, Serialize};

use super::recipients::AtNodes;
use crate::id::NodeId;

/// Nodes are told to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bgsave {
    /// The nodes.
    pub nodes: Vec<NodeId>,
}

impl AtNodes for Bgsave {
    const NAME: &'static str = "bgsave";
    const ABOUT: &'static str = "`BGSAVE`: nodes write their data to disk in children.";
    const EXAMPLE: &'static str = "type: bgsave\nnodes: [1, 2]";
    const ARGS: &'static [&'static str] = &["BGSAVE"];

    fn at(nodes: Vec<NodeId>) -> Self {
        Bgsave { nodes }
    }

    fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }
}
