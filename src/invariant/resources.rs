//! What a server holds is explained by what is there: no connection, no child and no memory is kept for nobody.
//!
//! Each time the cluster has settled, and in the end, every node is asked (`INFO`), and its answer is held against what the network
//! and the kernel know at that moment: the connections that are open to it, the children that it forked. Its memory is compared with
//! that of the others of its shard, which hold the same keys, from one look to the next.

use std::collections::BTreeMap;

use super::verdict::Findings;
use super::{Applies, Case, Invariant, Verdict, always_asked};
use crate::chronicle::{Look, Numbers};
use crate::id::NodeId;
use crate::time::{SimDuration, SimTime};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "resources",
    title: "Resources",
    statement: "servers keep no connection, no child and no memory that nobody needs any more",
    applies: Applies::Always,
    asked: always_asked,
    check,
};

/// So long a server may keep a connection whose other end is gone, as it knows: it reads it at once, but for connections that
/// it keeps for another `MIGRATE` (`MIGRATE_SOCKET_CACHE_TTL`, 10 s).
const KEPT: SimDuration = SimDuration::from_secs(20);
/// Memory that grows from look to look is told from this many looks on.
const LOOKS: usize = 8;
/// Looks that belong together: at most so long apart, and at as many keys but for this share.
const TOGETHER: (SimDuration, f64) = (SimDuration::from_secs(2), 0.02);
/// Growth that is told: this share of what there is, and so many bytes.
const GROWTH: (f64, f64) = (0.05, 262_144.0);
/// The share of all pairs of looks of which the later one has more.
const STEADY: f64 = 0.9;
/// What the first call of a command takes at most, for the histogram of its latencies.
const FIRST_CALL: f64 = 65_536.0;
/// What a server has for a database from the moment on that somebody selects it: three tables of all slots (`createDatabase`).
const DATABASE: f64 = 819_200.0;
/// What memory is kept in that is bounded otherwise and fills up by and by.
const ACCOUNTED: [&str; 4] =
    ["mem_clients_normal", "mem_total_replication_buffers", "mem_aof_buffer", "mem_cluster_links"];

fn check(case: &Case) -> Verdict {
    let looks = case.evidence.chronicle.holdings.looks();
    let mut findings = Findings::default();
    for look in looks {
        for what in wrong(look) {
            findings.broken_by((look.at, look.event), format!("{} {what}", look.node));
        }
    }
    let beside = beside(case, looks);
    let databases = f64::from(case.evidence.plan.cluster.databases - 1) * DATABASE;
    for (look, more) in lives(looks).values().filter_map(|life| grown(life, &beside, databases)) {
        let text =
            format!("{} has {more:.0} bytes more than it had beside those with the same keys", look.node);
        findings.broken_by((look.at, look.event), text);
    }
    findings.verdict(|| format!("{} looks at what nodes hold", looks.len()))
}

/// What contradicts one look.
fn wrong(look: &Look) -> Vec<String> {
    let mut found = Vec::new();
    let number = |name: &str| look.said.get(name).copied();
    if let (Some(clients), Some(replicas)) = (number("connected_clients"), number("connected_slaves")) {
        let (least, most) = look.clients;
        let counted = usize::try_from(clients + replicas).unwrap_or_default();
        if !(least..=most).contains(&counted) {
            found.push(format!(
                "counts {counted} clients and replicas, of which {least} to {most} are connected"
            ));
        }
    }
    let in_progress = |name: &str| number(name).is_some_and(|is| is != 0);
    for name in ["rdb_bgsave_in_progress", "aof_rewrite_in_progress"] {
        if in_progress(name) && !look.has_child {
            found.push(format!("says {name} and has no child"));
        }
    }
    for (peer, since) in look.stale.iter().filter(|(_, since)| *since + KEPT < look.at) {
        found.push(format!("keeps its connection with {peer}, which is gone since {since}"));
    }
    found.extend(look.doubled.iter().map(|peer| format!("has more than one link to {peer}")));
    found
}

/// The looks at each life of a node.
fn lives(looks: &[Look]) -> BTreeMap<(NodeId, SimTime), Vec<&Look>> {
    let mut lives: BTreeMap<_, Vec<&Look>> = BTreeMap::new();
    for look in looks {
        lives.entry((look.node, look.started_at)).or_default().push(look);
    }
    lives
}

/// How much more a node had at a look than the others of its shard had then, with the same keys; nothing if nobody tells.
fn beside<'e>(case: &Case<'e>, looks: &'e [Look]) -> impl Fn(&Look) -> Option<f64> {
    let shard = |node: NodeId| case.evidence.accounts.get(&node)?.shard_id.as_deref();
    let shards: BTreeMap<NodeId, &str> =
        case.evidence.accounts.keys().filter_map(|node| Some((*node, shard(*node)?))).collect();
    move |look| {
        let own = shards.get(&look.node)?;
        let keys = look.said.get("keys")?;
        let alike = |other: &&Look| {
            let apart = other.said.get("keys").map_or(u64::MAX, |there| there.abs_diff(*keys));
            other.at <= look.at + TOGETHER.0
                && look.at <= other.at + TOGETHER.0
                && apart as f64 <= *keys as f64 * TOGETHER.1
        };
        let others =
            looks.iter().filter(|other| other.node != look.node && shards.get(&other.node) == Some(own));
        let least = others.filter(alike).filter_map(|other| bytes(&other.said)).reduce(f64::min)?;
        Some(bytes(&look.said)? - least)
    }
}

/// The last look at a life in which memory grew all the time, and by how much more than what databases take that it may not have
/// had at first.
fn grown<'l>(
    life: &[&'l Look],
    beside: &impl Fn(&Look) -> Option<f64>,
    databases: f64,
) -> Option<(&'l Look, f64)> {
    if life.len() < LOOKS {
        return None;
    }
    let more = life.iter().filter_map(|look| beside(look)).collect::<Vec<_>>();
    let growth = more.last()? - more.first()?;
    let pairs = more.len() * (more.len() - 1) / 2;
    let grew =
        more.iter().enumerate().map(|(i, early)| more[i..].iter().filter(|late| *late > early).count());
    let is_steady = grew.sum::<usize>() as f64 >= pairs as f64 * STEADY;
    let (first, last) = (*life.first()?, *life.last()?);
    let commands = |look: &Look| look.said.get("commands").map(|count| *count as f64);
    let growth = growth - (commands(last)? - commands(first)?) * FIRST_CALL - databases;
    let is_much = growth > bytes(&last.said)? * GROWTH.0 && growth > GROWTH.1;
    (more.len() >= LOOKS && is_steady && is_much).then_some((last, growth))
}

/// The bytes that a node has for nothing that is bounded otherwise.
fn bytes(said: &Numbers) -> Option<f64> {
    let accounted = ACCOUNTED.iter().filter_map(|name| said.get(*name)).sum::<i64>();
    Some((said.get("used_memory")? - accounted) as f64)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy};
    use super::*;
    use crate::chronicle::Holdings;
    use crate::event::{Body, ChildState, Closing, Event, LinkState, Said, Topic};
    use crate::id::{ActorId, BUS_PORT, CLIENT_PORT, ClientId, Host};
    use crate::invariant::Evidence;

    const NODE: ActorId = ActorId::Node(NodeId(1));
    const CLIENT: ActorId = ActorId::Client(ClientId(1));

    /// What is seen at a second.
    fn see(evidence: &mut Evidence, second: u64, actor: ActorId, body: Body) {
        let kind = body.kind();
        evidence.chronicle.holdings.see(&Event { i: second, at: at(second), actor, kind, cause: None, body });
    }

    /// A client has a connection to node 1 from second 1 on.
    fn connected() -> Evidence {
        let mut evidence = healthy();
        evidence.chronicle.holdings = Holdings::default();
        see(&mut evidence, 0, NODE, Body::Start { incarnation: 1 });
        let to = Host::Node(NodeId(1));
        see(&mut evidence, 1, ActorId::Network, Body::Dial { from: CLIENT, conn: 7, to, port: CLIENT_PORT });
        see(&mut evidence, 1, NODE, Body::Link { conn: 7, state: LinkState::Incoming });
        evidence
    }

    fn tells(evidence: &mut Evidence, second: u64, node: u16, numbers: &[(&str, i64)]) {
        let pair = |(name, number): &(&str, i64)| [Said::Text((*name).to_owned()), Said::Number(*number)];
        let said = Said::List(numbers.iter().flat_map(pair).collect());
        let account = Body::Account { node: NodeId(node), topic: Topic::Resources, said };
        see(evidence, second, ActorId::Validator, account);
    }

    fn verdict(evidence: &Evidence) -> String {
        check(&Case::of(evidence)).detail().to_owned()
    }

    #[test]
    fn clients_are_as_many_as_are_connected() {
        let mut evidence = connected();
        tells(&mut evidence, 10, 1, &[("connected_clients", 1), ("connected_slaves", 0)]);
        assert_eq!(verdict(&evidence), "1 looks at what nodes hold");
        tells(&mut evidence, 20, 1, &[("connected_clients", 1), ("connected_slaves", 1)]);
        assert_eq!(verdict(&evidence), "node-1 counts 2 clients and replicas, of which 1 to 1 are connected");
        let mut evidence = connected();
        see(&mut evidence, 5, NODE, Body::Closed { from: NODE, conn: 7, how: Closing::Closed });
        tells(&mut evidence, 9, 1, &[("connected_clients", 1), ("connected_slaves", 0)]);
        assert_eq!(verdict(&evidence), "1 looks at what nodes hold", "it was closed a moment ago");
        tells(&mut evidence, 19, 1, &[("connected_clients", 1), ("connected_slaves", 0)]);
        assert!(check(&Case::of(&evidence)).is_violated());
    }

    #[test]
    fn what_is_asked_for_before_a_start_arrives_after_it_and_what_is_given_up_does_not() {
        let mut evidence = connected();
        see(&mut evidence, 2, NODE, Body::Exited { status: "SIGKILL".to_owned() });
        let to = Host::Node(NodeId(1));
        see(&mut evidence, 2, ActorId::Network, Body::Dial { from: CLIENT, conn: 8, to, port: CLIENT_PORT });
        see(&mut evidence, 2, NODE, Body::Exited { status: "SIGKILL".to_owned() });
        see(&mut evidence, 2, NODE, Body::Start { incarnation: 2 });
        see(&mut evidence, 3, NODE, Body::Link { conn: 8, state: LinkState::Incoming });
        tells(&mut evidence, 20, 1, &[("connected_clients", 1), ("connected_slaves", 0)]);
        assert_eq!(verdict(&evidence), "1 looks at what nodes hold");
        let (to, port) = (Host::Node(NodeId(2)), BUS_PORT);
        for conn in [11, 12] {
            see(&mut evidence, 21, ActorId::Network, Body::Dial { from: NODE, conn, to, port });
        }
        let closed = Body::Closed { from: NODE, conn: 11, how: Closing::Closed };
        see(&mut evidence, 22, ActorId::Network, closed);
        for conn in [11, 12] {
            see(&mut evidence, 22, NODE, Body::Link { conn, state: LinkState::Connected });
        }
        tells(&mut evidence, 40, 1, &[]);
        assert_eq!(verdict(&evidence), "2 looks at what nodes hold");
    }

    #[test]
    fn a_connection_whose_other_end_is_gone_is_closed() {
        let mut evidence = connected();
        see(&mut evidence, 5, NODE, Body::Link { conn: 7, state: LinkState::Eof });
        tells(&mut evidence, 20, 1, &[]);
        assert!(!check(&Case::of(&evidence)).is_violated());
        tells(&mut evidence, 30, 1, &[]);
        let told = "node-1 keeps its connection with client-1, which is gone since 5.000000s";
        assert_eq!(verdict(&evidence), told);
    }

    #[test]
    fn a_child_that_is_told_of_was_forked() {
        let mut evidence = connected();
        see(&mut evidence, 5, NODE, Body::Child { pid: 9, state: ChildState::Forked });
        tells(&mut evidence, 60, 1, &[("rdb_bgsave_in_progress", 1)]);
        assert!(!check(&Case::of(&evidence)).is_violated());
        see(&mut evidence, 61, NODE, Body::Child { pid: 9, state: ChildState::Ended });
        tells(&mut evidence, 70, 1, &[("rdb_bgsave_in_progress", 1)]);
        assert_eq!(verdict(&evidence), "node-1 says rdb_bgsave_in_progress and has no child");
    }

    #[test]
    fn memory_that_grows_beside_that_of_the_shard_is_a_leak() {
        // Both have more keys each time; node 2 is the replica of node 1.
        let leaks = |databases: u16, each: i64| {
            let mut evidence = connected();
            evidence.plan.cluster.databases = databases;
            for look in 1..=10 {
                let keys = look * 1000;
                for (node, more) in [(1, look * each), (2, 0)] {
                    let used = 3_000_000 + keys * 100 + more;
                    tells(
                        &mut evidence,
                        look as u64 * 10,
                        node,
                        &[("used_memory", used), ("keys", keys), ("commands", 20)],
                    );
                }
            }
            check(&Case::of(&evidence))
        };
        assert!(!leaks(1, 0).is_violated() && !leaks(1, 20_000).is_violated());
        let told = "node-1 has 540000 bytes more than it had beside those with the same keys";
        assert_eq!(leaks(1, 60_000).detail(), told);
        assert!(!leaks(2, 60_000).is_violated(), "it may have made the second one meanwhile");
        assert!(leaks(2, 200_000).is_violated());
    }
}
