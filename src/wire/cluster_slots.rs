//! `CLUSTER SLOTS`: which nodes serve which slots, as a client is told (`clusterCommandSlots` of the server).

use std::collections::BTreeSet;

use super::SlotRange;
use crate::event::Said;

/// Slots in a row and who serves them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotGroup {
    /// The slots.
    pub slots: SlotRange,
    /// Their owner.
    pub owner: Endpoint,
    /// Its replicas that are available; one that is held for dead or has no data yet is not.
    pub replicas: BTreeSet<Endpoint>,
}

/// A node and where a client finds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// Its address; empty if it is not known.
    pub ip: String,
    /// Its client port.
    pub port: u16,
}

/// Reads the answer; nothing if it is none.
pub fn parse(said: &Said) -> Option<Vec<SlotGroup>> {
    said.list()?.iter().map(group).collect()
}

fn group(said: &Said) -> Option<SlotGroup> {
    let [first, last, owner, replicas @ ..] = said.list()? else { return None };
    let slot = |said: &Said| u16::try_from(said.number()?).ok();
    Some(SlotGroup {
        slots: SlotRange { first: slot(first)?, last: slot(last)? },
        owner: endpoint(owner)?,
        replicas: replicas.iter().map(endpoint).collect::<Option<_>>()?,
    })
}

fn endpoint(said: &Said) -> Option<Endpoint> {
    let [endpoint, port, id, further @ ..] = said.list()? else { return None };
    // A client may be given a host name instead (`cluster-preferred-endpoint-type`), and then the address stands below.
    let ip = further.first().and_then(|further| further.field("ip")).unwrap_or(endpoint);
    let ip = ip.text().unwrap_or_default().to_owned();
    Some(Endpoint { id: id.text()?.to_owned(), ip, port: u16::try_from(port.number()?).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_its_owner_first() {
        let said = r#"[[0,5460,["10.0.0.1",6379,"a",[]],["10.0.0.2",6379,"b",["hostname","h"]]]]"#;
        let groups = parse(&serde_json::from_str(said).expect("a list")).expect("a group");
        let end = |id: &str, n: u8| Endpoint { id: id.to_owned(), ip: format!("10.0.0.{n}"), port: 6379 };
        let slots = SlotRange { first: 0, last: 5460 };
        assert_eq!(groups, [SlotGroup { slots, owner: end("a", 1), replicas: [end("b", 2)].into() }]);
        assert_eq!(parse(&Said::Number(7)), None);
    }
}
