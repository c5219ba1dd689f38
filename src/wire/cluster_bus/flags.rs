//! The two sets of flags of a full header: what the sender is, and what it wants with this message.

use std::fmt;

/// What a node is, in the eyes of who says so (`CLUSTER_NODE_*` of the server).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct NodeFlags(pub u16);

impl NodeFlags {
    /// It is a primary.
    pub const PRIMARY: NodeFlags = NodeFlags(1);
    /// It is a replica.
    pub const REPLICA: NodeFlags = NodeFlags(2);
    /// It does not answer, in the eyes of the sender alone.
    pub const PFAIL: NodeFlags = NodeFlags(4);
    /// It does not answer, in the eyes of a majority.
    pub const FAIL: NodeFlags = NodeFlags(8);
    /// It is the sender.
    pub const MYSELF: NodeFlags = NodeFlags(16);
    /// It is not a member yet, and its name is made up.
    pub const HANDSHAKE: NodeFlags = NodeFlags(32);
    /// Its address is not known.
    pub const NOADDR: NodeFlags = NodeFlags(64);
    /// It is to be sent a MEET.
    pub const MEET: NodeFlags = NodeFlags(128);
    /// It is a primary that replicas may migrate to.
    pub const MIGRATE_TO: NodeFlags = NodeFlags(256);
    /// It does not try to take over.
    pub const NOFAILOVER: NodeFlags = NodeFlags(512);
    /// It understands extensions.
    pub const EXTENSIONS: NodeFlags = NodeFlags(1024);
    /// It understands PUBLISH with a light header.
    pub const LIGHT_PUBLISH: NodeFlags = NodeFlags(2048);
    /// It understands MODULE with a light header (from 8.1); 9.x reads it as "tolerates several MEETs" as well.
    pub const LIGHT_MODULE: NodeFlags = NodeFlags(4096);
    /// It is a replica that sees its primary failed (from 9.1).
    pub const MY_PRIMARY_FAIL: NodeFlags = NodeFlags(8192);

    const NAMES: [&'static str; 14] = [
        "primary",
        "replica",
        "pfail",
        "fail",
        "myself",
        "handshake",
        "noaddr",
        "meet",
        "migrate_to",
        "nofailover",
        "extensions",
        "light_publish",
        "light_module",
        "my_primary_fail",
    ];

    /// Whether all flags of `other` are set.
    pub fn contains(self, other: NodeFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags and those of `other`.
    #[must_use]
    pub fn with(self, other: NodeFlags) -> NodeFlags {
        NodeFlags(self.0 | other.0)
    }
}

impl fmt::Display for NodeFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = (0..16)
            .filter(|bit| self.0 & (1 << bit) != 0)
            .map(|bit| Self::NAMES.get(bit).map_or_else(|| format!("bit_{bit}"), |name| (*name).to_owned()))
            .collect();
        f.write_str(&names.join(","))
    }
}

impl fmt::Debug for NodeFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeFlags({self})")
    }
}

/// What a message asks of its receiver (`CLUSTERMSG_FLAG0_*` of the server, and two bytes nobody uses).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MessageFlags(pub [u8; 3]);

impl MessageFlags {
    /// The sender stopped its clients for a manual failover, and its offset is final.
    pub const PAUSED: u8 = 1;
    /// A vote is asked for although the primary may be well.
    pub const FORCE_ACK: u8 = 2;
    /// Extensions follow the gossip entries.
    pub const EXT_DATA: u8 = 4;

    /// Whether the sender's clients are stopped for a manual failover.
    pub fn paused(self) -> bool {
        self.0[0] & Self::PAUSED != 0
    }

    /// Whether a vote is asked for although the primary may be well.
    pub fn force_ack(self) -> bool {
        self.0[0] & Self::FORCE_ACK != 0
    }

    /// Whether extensions follow the gossip entries.
    pub fn ext_data(self) -> bool {
        self.0[0] & Self::EXT_DATA != 0
    }
}
