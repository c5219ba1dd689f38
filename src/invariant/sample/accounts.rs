//! What nodes of the sample say of themselves: the views that the evidence has, in the servers' words.

use crate::event::{Said, Topic};
use crate::id::{CLIENT_PORT, Host, NodeId};
use crate::invariant::account::Account;
use crate::invariant::evidence::{Evidence, NodeEvidence, Role, ViewEntry};
use crate::wire::cluster_file::NodesConf;

/// Lets every live node tell anew what its view says.
pub fn tell(evidence: &mut Evidence) {
    let live = evidence.nodes.iter().filter(|node| node.is_live() && !node.view.is_empty());
    evidence.accounts = live.map(|node| (node.node, account(evidence, node))).collect();
}

fn account(evidence: &Evidence, node: &NodeEvidence) -> Account {
    let mut account = Account::default();
    let answers = [
        (Topic::Nodes, text(lines(node, ""))),
        (Topic::Slots, slots(node)),
        (Topic::Shards, shards(evidence, node)),
        (Topic::Info, text(info(node))),
        (Topic::Links, links(node)),
        (Topic::Id, text(node.node_id.clone().unwrap_or_default())),
        (Topic::ShardId, text(shard_id(evidence, node.node))),
        (Topic::Role, role(node)),
        (Topic::Replication, text(replication(evidence, node))),
        (Topic::SlotMigrations, list([])),
    ];
    for (topic, said) in answers {
        account.take(evidence.ended_at, topic, &said);
    }
    let shard = format!(",,shard-id={}", shard_id(evidence, node.node));
    let file = format!("{}vars currentEpoch 9 lastVoteEpoch 0\n", lines(node, &shard));
    account.nodes_conf = Some(Ok(NodesConf::parse(&file).expect("a file")));
    assert!(account.garbled.is_empty(), "{:?}", account.garbled);
    account
}

fn text(text: impl Into<String>) -> Said {
    Said::Text(text.into())
}

fn list(parts: impl IntoIterator<Item = Said>) -> Said {
    Said::List(parts.into_iter().collect())
}

fn ip(node: NodeId) -> String {
    Host::Node(node).address().to_string()
}

fn number(number: impl Into<i64>) -> Said {
    Said::Number(number.into())
}

/// Lines as in `CLUSTER NODES`, with `further` after each address.
fn lines(node: &NodeEvidence, further: &str) -> String {
    let line = |row: &ViewEntry| {
        let role = if row.is_primary { "master" } else { "slave" };
        let flags = [row.flags.join(","), role.to_owned()].into_iter().filter(|flag| !flag.is_empty());
        let doubt = if row.fail {
            ",fail"
        } else if row.pfail {
            ",fail?"
        } else {
            ""
        };
        let of = row.primary_id.as_deref().unwrap_or("-");
        let link = if row.link_up { "connected" } else { "disconnected" };
        let slots: String = row.slots.iter().map(|(first, last)| format!(" {first}-{last}")).collect();
        let at = format!("{}:{CLIENT_PORT}@16379", row.node.map(ip).unwrap_or_default());
        let flags = flags.collect::<Vec<_>>().join(",");
        format!("{} {at}{further} {flags}{doubt} {of} 0 0 {} {link}{slots}\n", row.id, row.config_epoch)
    };
    node.view.iter().map(line).collect()
}

fn endpoint(row: &ViewEntry) -> Said {
    list([text(row.node.map(ip).unwrap_or_default()), number(CLIENT_PORT), text(row.id.clone()), list([])])
}

fn slots(node: &NodeEvidence) -> Said {
    let mut owners: Vec<_> =
        node.view.iter().flat_map(|row| row.slots.iter().map(move |range| (*range, row))).collect();
    owners.sort_by_key(|(range, _)| *range);
    list(owners.into_iter().map(|((first, last), owner)| {
        let replicas = node.view.iter().filter(|row| row.primary_id.as_ref() == Some(&owner.id) && !row.fail);
        let ends = [number(first), number(last), endpoint(owner)];
        list(ends.into_iter().chain(replicas.map(endpoint)))
    }))
}

fn shard_id(evidence: &Evidence, node: NodeId) -> String {
    format!("{:040x}", 0x1000 + evidence.plan.cluster.shard_of(node).0)
}

fn shards(evidence: &Evidence, node: &NodeEvidence) -> Said {
    list(evidence.plan.cluster.shards().map(|shard| {
        let of_shard =
            |row: &&ViewEntry| row.node.is_some_and(|of| evidence.plan.cluster.shard_of(of) == shard);
        let rows = node.view.iter().filter(of_shard).collect::<Vec<_>>();
        let slots =
            rows.iter().flat_map(|row| &row.slots).flat_map(|(first, last)| [number(*first), number(*last)]);
        list([text("slots"), list(slots), text("nodes"), list(rows.iter().map(|row| member(row)))])
    }))
}

fn member(row: &ViewEntry) -> Said {
    let role = if row.is_primary { "master" } else { "replica" };
    let health = if row.fail { "fail" } else { "online" };
    list([
        text("id"),
        text(row.id.clone()),
        text("port"),
        number(CLIENT_PORT),
        text("ip"),
        text(row.node.map(ip).unwrap_or_default()),
        text("role"),
        text(role),
        text("replication-offset"),
        number(1_000),
        text("health"),
        text(health),
    ])
}

fn info(node: &NodeEvidence) -> String {
    let slots = |row: &ViewEntry| -> u32 { row.slots.iter().map(|(a, b)| u32::from(b - a) + 1).sum() };
    let of = |is: fn(&ViewEntry) -> bool| node.view.iter().filter(|row| is(row)).map(slots).sum::<u32>();
    let size = node.view.iter().filter(|row| !row.slots.is_empty()).count();
    let epoch = node.own_row().map_or(0, |row| row.config_epoch);
    let state = if node.cluster_state_ok == Some(true) { "ok" } else { "fail" };
    format!(
        "cluster_state:{state}\r\ncluster_slots_assigned:{}\r\ncluster_slots_ok:{}\r\ncluster_slots_pfail:{}\r\n\
         cluster_slots_fail:{}\r\ncluster_known_nodes:{}\r\ncluster_size:{size}\r\ncluster_current_epoch:20\r\n\
         cluster_my_epoch:{epoch}\r\n",
        of(|_| true),
        of(|row| !row.fail && !row.pfail),
        of(|row| row.pfail && !row.fail),
        of(|row| row.fail),
        node.view.len(),
    )
}

fn links(node: &NodeEvidence) -> Said {
    let others = node.view.iter().filter(|row| !row.is_myself() && row.link_up);
    list(others.flat_map(|row| {
        ["to", "from"].map(|way| list([text("direction"), text(way), text("node"), text(row.id.clone())]))
    }))
}

fn role(node: &NodeEvidence) -> Said {
    match node.primary.filter(|_| node.role == Some(Role::Replica)) {
        None => list([text("master"), number(1_000), list([])]),
        Some(primary) => {
            let link = if node.link_up == Some(true) { "connected" } else { "connect" };
            list([text("slave"), text(ip(primary)), number(CLIENT_PORT), text(link), number(1_000)])
        }
    }
}

fn replication(evidence: &Evidence, node: &NodeEvidence) -> String {
    let primary = node.primary.filter(|_| node.role == Some(Role::Replica));
    let history =
        format!("master_replid:{:040x}\r\nmaster_repl_offset:1000\r\n", primary.unwrap_or(node.node).0);
    if let Some(primary) = primary {
        let link = if node.link_up == Some(true) { "up" } else { "down" };
        return format!(
            "# Replication\r\nrole:slave\r\nmaster_host:{}\r\nmaster_port:{CLIENT_PORT}\r\n\
             master_link_status:{link}\r\nslave_repl_offset:1000\r\nslave_read_only:1\r\n{history}",
            ip(primary)
        );
    }
    let attached =
        evidence.live().filter(|other| other.primary == Some(node.node) && other.role == Some(Role::Replica));
    let lines: String = attached
        .enumerate()
        .map(|(i, other)| {
            format!("slave{i}:ip={},port={CLIENT_PORT},state=online,offset=1000,lag=0\r\n", ip(other.node))
        })
        .collect();
    format!("# Replication\r\nrole:master\r\n{lines}{history}")
}
