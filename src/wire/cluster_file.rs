//! `nodes.conf`: what a node knows of the cluster across its restarts (`clusterSaveConfig`, `clusterLoadConfig`).

use super::cluster_nodes::{ClusterNodes, NodesError};
use crate::event::SavedEpochs;

/// The file, typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodesConf {
    /// Its lines, in the form of `CLUSTER NODES` with shard ids; nobody in handshake is among them.
    pub nodes: ClusterNodes,
    /// The highest epoch that the node knew when it wrote.
    pub current_epoch: u64,
    /// The last epoch in which it gave its vote away.
    pub last_vote_epoch: u64,
}

/// Why a file is none that a server would start with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodesConfError {
    /// One of its lines is no node's.
    #[error(transparent)]
    Nodes(#[from] NodesError),
    /// The line with the epochs is not there, or not whole.
    #[error("no whole `vars` line")]
    Vars,
    /// No line, or more than one, is the node's own.
    #[error("{0} lines are of the node itself")]
    Myself(usize),
}

impl NodesConf {
    /// Reads the file.
    pub fn parse(text: &str) -> Result<NodesConf, NodesConfError> {
        let nodes = ClusterNodes::parse(text)?;
        let vars = text.lines().filter_map(|line| line.trim().strip_prefix("vars ")).next_back();
        let words = vars.ok_or(NodesConfError::Vars)?.split_ascii_whitespace().collect::<Vec<_>>();
        let var = |name: &str| {
            let pair = words.chunks_exact(2).find(|pair| pair[0].eq_ignore_ascii_case(name));
            pair.and_then(|pair| pair[1].parse().ok()).ok_or(NodesConfError::Vars)
        };
        let own = nodes.nodes.iter().filter(|node| node.is_myself()).count();
        if own != 1 {
            return Err(NodesConfError::Myself(own));
        }
        Ok(NodesConf { current_epoch: var("currentEpoch")?, last_vote_epoch: var("lastVoteEpoch")?, nodes })
    }

    /// The epochs in it that the node itself answers for.
    pub fn epochs(&self) -> SavedEpochs {
        SavedEpochs {
            current_epoch: self.current_epoch,
            last_vote_epoch: self.last_vote_epoch,
            config_epoch: self.nodes.myself().map_or(0, |own| own.config_epoch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "a 10.0.0.1:6379@16379,,tcp-port=6379,shard-id=s myself,master - 0 0 3 connected 0-5 [7->-b]";

    #[test]
    fn a_file_has_nodes_and_epochs() {
        let file =
            NodesConf::parse(&format!("{LINE}\nvars currentEpoch 6 lastVoteEpoch 5\n")).expect("a file");
        assert_eq!((file.current_epoch, file.last_vote_epoch), (6, 5));
        let own = file.nodes.myself().expect("its own line");
        assert_eq!((own.shard_id(), own.config_epoch, own.open_slots.len()), (Some("s"), 3, 1));
    }

    #[test]
    fn a_file_that_was_cut_off_is_none() {
        for (text, why) in [
            (LINE.to_owned(), "no whole `vars` line"),
            (format!("{LINE}\nvars currentEpoch 6"), "no whole `vars` line"),
            ("vars currentEpoch 6 lastVoteEpoch 5".to_owned(), "0 lines are of the node itself"),
        ] {
            assert_eq!(NodesConf::parse(&text).expect_err("no file").to_string(), why);
        }
        assert!(NodesConf::parse("a 10.0.0.1:6379 mas").is_err());
    }
}
