//! `CLUSTER SHARDS`: the members of each shard and its slots (`clusterCommandShards` of the server).
//!
//! The answer does not name a shard: which members stand together says who has the same shard id.

use super::{Role, SlotRange};
use crate::event::Said;

/// One shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its slots, in the order of the answer.
    pub slots: Vec<SlotRange>,
    /// Its members.
    pub members: Vec<ShardMember>,
}

/// What is said of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardMember {
    /// Its id.
    pub id: String,
    /// Its address.
    pub ip: String,
    /// Its client port.
    pub port: u16,
    /// Its role.
    pub role: Role,
    /// How far it is in its data, as it told last.
    pub offset: i64,
    /// `online`, `loading` (a replica that has no data yet) or `fail`.
    pub health: String,
}

/// Reads the answer; nothing if it is none.
pub fn parse(said: &Said) -> Option<Vec<Shard>> {
    said.list()?.iter().map(shard).collect()
}

fn shard(said: &Said) -> Option<Shard> {
    let ends = said.field("slots")?.list()?.chunks(2);
    Some(Shard {
        slots: ends.map(range).collect::<Option<_>>()?,
        members: said.field("nodes")?.list()?.iter().map(member).collect::<Option<_>>()?,
    })
}

fn range(ends: &[Said]) -> Option<SlotRange> {
    let [first, last] = ends else { return None };
    let slot = |said: &Said| u16::try_from(said.number()?).ok();
    Some(SlotRange { first: slot(first)?, last: slot(last)? })
}

fn member(said: &Said) -> Option<ShardMember> {
    let text = |name| said.field(name).and_then(Said::text);
    Some(ShardMember {
        id: text("id")?.to_owned(),
        ip: text("ip")?.to_owned(),
        // It is not told of a node that has none.
        port: said.field("port").map_or(Some(0), |port| u16::try_from(port.number()?).ok())?,
        role: text("role")?.parse().ok()?,
        offset: said.field("replication-offset")?.number()?,
        health: text("health")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_has_slots_and_members() {
        let said = r#"[["slots",[0,4,7,7],"nodes",[["id","a","port",6379,"ip","10.0.0.1","endpoint","10.0.0.1",
            "role","master","replication-offset",12,"health","online"]]]]"#;
        let shards = parse(&serde_json::from_str(said).expect("a list")).expect("a shard");
        let range = |first, last| SlotRange { first, last };
        assert_eq!(shards[0].slots, [range(0, 4), range(7, 7)]);
        let member = &shards[0].members[0];
        assert_eq!((member.id.as_str(), member.role, member.offset), ("a", Role::Primary, 12));
        let ghost = said.replace(r#""port",6379,"#, "");
        let shards = parse(&serde_json::from_str(&ghost).expect("a list")).expect("a shard");
        assert_eq!(shards[0].members[0].port, 0, "it has no address");
        let odd = r#"[["slots",[0],"nodes",[]]]"#;
        assert_eq!(parse(&serde_json::from_str(odd).expect("a list")), None);
    }
}
