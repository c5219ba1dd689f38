//! Faults of links and of machines, each by its effect on a real cluster.

use std::collections::BTreeSet;

use valkey_fuzzer::event::{Body, Event, LinkState};
use valkey_fuzzer::fault::Channel;
use valkey_fuzzer::id::{ActorId, Host, NodeId};
use valkey_fuzzer::time::SimTime;

use crate::support::{Ran, all_servers, plan, run, server};

/// A run of three shards of two with these faults, in which nothing is violated.
fn ran(chaos: &str, server: &valkey_fuzzer::servers::Server) -> (Ran, Vec<Event>) {
    let yaml = format!(
        "scenario: {{name: links, seed: 8}}\ncluster: {{shards: 3, replicas: 1, node_timeout_ms: 2000, formation: preset}}\nchaos:\n{chaos}\n\
         workload: {{duration: 12}}\n"
    );
    let ran = run(&plan(&yaml), server);
    let violated = ran.report.validations.iter().filter(|validation| validation.verdict.name() == "violated");
    let violated: Vec<_> = violated.map(|found| (found.name, found.verdict.detail())).collect();
    assert!(violated.is_empty(), "{} {}: {violated:?}", server.name, server.version);
    let events = ran.events();
    (ran, events)
}

fn on_server(chaos: &str) -> Vec<Event> {
    ran(chaos, &server()).1
}

/// When the first fault fired and when it was healed.
fn span(events: &[Event]) -> (SimTime, SimTime) {
    let fired = events.iter().find(|event| matches!(event.body, Body::Fault { .. })).expect("it fired");
    let healed = events.iter().find(|event| matches!(event.body, Body::Heal { .. })).expect("it was healed");
    (fired.at, healed.at)
}

/// The connections between two hosts that carry this, by who dialled.
fn conns(events: &[Event], from: u16, to: u16, channel: Channel) -> BTreeSet<u64> {
    let of = |event: &Event| match &event.body {
        Body::Sent {
            from: ActorId::Node(NodeId(node)),
            conn,
            channel: on,
            to: Host::Node(NodeId(peer)),
            ..
        } => (*on == channel && (*node, *peer) == (from, to)).then_some(*conn),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

/// When bytes of these connections reach a node.
fn delivered(events: &[Event], node: u16, conns: &BTreeSet<u64>) -> Vec<SimTime> {
    let at = |event: &Event| match &event.body {
        Body::Deliver { conn, .. } if conns.contains(conn) && event.actor == ActorId::Node(NodeId(node)) => {
            Some(event.at)
        }
        _ => None,
    };
    events.iter().filter_map(at).collect()
}

fn latencies_ms(events: &[Event], from: SimTime, until: SimTime) -> Vec<u64> {
    let ms = |event: &Event| match event.body {
        Body::Latency { ns, .. } if (from..until).contains(&event.at) => Some(ns.as_ms()),
        _ => None,
    };
    events.iter().filter_map(ms).collect()
}

#[test]
fn a_jam_of_replication_comes_at_once_at_the_heal() {
    let events =
        on_server("  - {type: network_jam, a: [1], b: [2], channels: [replication], at: 3, duration: 2}");
    let (fired, healed) = span(&events);
    let stream = conns(&events, 1, 2, Channel::Replication);
    let came = delivered(&events, 2, &stream);
    let meanwhile = came.iter().filter(|at| (fired..healed).contains(at)).count();
    assert!(meanwhile <= 2, "{meanwhile} chunks got through, besides what was under way");
    let after = came.iter().filter(|at| **at >= healed && at.since(healed).as_ms() < 5).count();
    assert!(after >= 5, "{after} chunks came at once");
    let bus = delivered(&events, 2, &conns(&events, 1, 2, Channel::Bus));
    assert!(bus.iter().any(|at| (fired..healed).contains(at)), "the bus goes on");
}

#[test]
fn losses_show_as_pauses_that_double() {
    let events = on_server("  - {type: network_loss, node: 2, one_in: 3, at: 2, duration: 6}");
    let (fired, healed) = span(&events);
    let seen = latencies_ms(&events, fired, healed);
    for pause in [200, 600, 1_400] {
        assert!(seen.iter().any(|ms| (pause..pause + 3).contains(ms)), "no pause of {pause} ms: {seen:?}");
    }
    assert!(latencies_ms(&events, healed, SimTime::NEVER).iter().all(|ms| *ms < 3_010));
    let events = on_server(
        "  - {type: network_tail, node: 2, one_in: 5, latency_ms: {min: 400, max: 500}, at: 2, duration: 6}",
    );
    let (fired, healed) = span(&events);
    let late = latencies_ms(&events, fired, healed).iter().filter(|ms| **ms >= 300).count();
    assert!(late >= 5, "{late} chunks are late");
}

#[test]
fn a_slow_link_takes_as_long_as_is_said_until_it_is_healed() {
    let events = on_server(
        "  - {type: network_latency, node: 2, latency_ms: {min: 300, max: 400}, at: 2, duration: 4}",
    );
    let (fired, healed) = span(&events);
    let slow = |from, until| latencies_ms(&events, from, until).into_iter().filter(|ms| *ms >= 300).count();
    assert!(slow(fired, healed) > 10, "{}", slow(fired, healed));
    assert_eq!(slow(SimTime::ZERO, fired), 0);
    assert_eq!(latencies_ms(&events, fired, healed).into_iter().filter(|ms| *ms > 400).count(), 0);
}

#[test]
fn a_narrow_link_lets_no_more_through() {
    let events = on_server(
        "  - {type: network_bandwidth, a: [1], b: [3], channels: [bus], bytes_per_s: 3000, at: 2, duration: 6}",
    );
    let (fired, healed) = span(&events);
    let bus = conns(&events, 1, 3, Channel::Bus);
    let came = delivered(&events, 3, &bus).into_iter().filter(|at| (fired..healed).contains(at)).count();
    // A message has 2256 bytes or more: four in three seconds, and one that was on its way.
    assert!((2..=9).contains(&came), "{came} messages in six seconds");
    let held = events.iter().filter(|event| matches!(event.body, Body::Held { .. })).count();
    assert!(held > 0);
}

#[test]
fn connections_are_reset_at_both_ends_and_new_ones_are_refused() {
    let events = on_server(
        "  - {type: connection_reset, a: [1], b: [2], channels: [replication], when: {fault: 2}}
  - {type: connection_refused, a: [2], b: [1], channels: [replication], at: 3, duration: 3}",
    );
    // The reset is healed as soon as it is done.
    let (fired, _) = span(&events);
    let in_links = |state: LinkState| {
        let is_it =
            move |event: &&Event| matches!(event.body, Body::Link { state: seen, .. } if seen == state);
        events
            .iter()
            .filter(move |event| event.at >= fired && event.at.since(fired).as_ms() < 3_000)
            .filter(is_it)
    };
    let ends: BTreeSet<_> = in_links(LinkState::Reset).map(|event| event.actor).collect();
    assert_eq!(ends, [1, 2].map(|node| ActorId::Node(NodeId(node))).into_iter().collect());
    assert!(in_links(LinkState::Refused).any(|event| event.actor == ActorId::Node(NodeId(2))));
}

#[test]
fn a_lost_machine_says_nothing_until_it_is_back_on_every_server() {
    for server in all_servers() {
        let chaos = "  - {type: machine_loss, node: 1, at: 3, restart_after: 5}";
        let (ran, events) = ran(chaos, &server);
        let (lost, back) = span(&events);
        let dialled = |event: &Event| match &event.body {
            Body::Dial { from, conn, to, .. } if event.at < lost => {
                let is_own = *from == ActorId::Node(NodeId(1)) || *to == Host::Node(NodeId(1));
                is_own.then_some(*conn)
            }
            _ => None,
        };
        let own: BTreeSet<u64> = events.iter().filter_map(dialled).collect();
        let told = events.iter().filter(|event| match event.body {
            Body::Link { conn, state: LinkState::Eof | LinkState::Reset } => {
                own.contains(&conn) && (lost..back).contains(&event.at) && is_under_test(event.actor)
            }
            _ => false,
        });
        assert_eq!(told.collect::<Vec<_>>(), [] as [&Event; 0], "somebody was told");
        let won = ran.log().contains("Failover election won");
        assert!(won, "{}: its replica took over", server.version);
    }
}

fn is_under_test(actor: ActorId) -> bool {
    matches!(actor, ActorId::Node(node) if node != NodeId(1)) || matches!(actor, ActorId::Client(_))
}

#[test]
fn a_split_has_its_shape_and_a_swizzle_its_order() {
    let events =
        on_server("  - {type: network_split, shape: ring, row: [1, 2, 3, 4, 5, 6], at: 3, duration: 6}");
    let (fired, healed) = span(&events);
    let silent = |from: u16, to: u16| {
        let bus: BTreeSet<u64> = conns(&events, from, to, Channel::Bus)
            .union(&conns(&events, to, from, Channel::Bus))
            .copied()
            .collect();
        let heard = delivered(&events, to, &bus).into_iter();
        heard.filter(|at| at.since(fired).as_ms() > 100 && *at > fired && *at < healed).count() == 0
    };
    let cut: Vec<(u16, u16)> =
        (1..=6).flat_map(|a| (a + 1..=6).map(move |b| (a, b))).filter(|(a, b)| silent(*a, *b)).collect();
    assert_eq!(cut, [(1, 4), (2, 5), (3, 6)], "each sees all but the one opposite");

    let events =
        on_server("  - {type: network_swizzle, clog: [2, 4, 6], free: [4, 6, 2], gap: 0.5, hold: 2, at: 3}");
    let (fired, healed) = span(&events);
    let steps = events.iter().filter(|event| matches!(event.body, Body::Rule { .. }));
    let after: Vec<u64> = steps.map(|event| event.at.since(fired).as_ms()).collect();
    assert_eq!(after, [0, 500, 1_000, 3_000, 3_500, 4_000]);
    assert_eq!(healed.since(fired).as_ms(), 4_000);
}

#[test]
fn a_slow_machine_takes_longer_for_everything_until_it_is_healed() {
    let events = on_server("  - {type: process_slow, node: 1, times: 100, at: 4, duration: 4}");
    let (fired, healed) = span(&events);
    // From the arrival of a request at node 1 to its answer.
    let mut open: std::collections::BTreeMap<u64, SimTime> = Default::default();
    let mut took: Vec<(SimTime, u64)> = Vec::new();
    for event in &events {
        match &event.body {
            Body::Deliver { conn, .. } if event.actor == ActorId::Node(NodeId(1)) => {
                open.insert(*conn, event.at);
            }
            Body::Sent { from: ActorId::Node(NodeId(1)), conn, channel: Channel::Client, .. } => {
                took.extend(open.remove(conn).map(|at| (at, event.at.since(at).as_ns())));
            }
            _ => {}
        }
    }
    let median = |from: SimTime, until: SimTime| {
        let mut span: Vec<u64> =
            took.iter().filter(|(at, _)| (from..until).contains(at)).map(|(_, ns)| *ns).collect();
        span.sort_unstable();
        span[span.len() / 2]
    };
    let (before, during, after) =
        (median(SimTime::ZERO, fired), median(fired, healed), median(healed, SimTime::NEVER));
    assert!(during > 20 * before, "{before} ns before, {during} ns meanwhile");
    assert!(after < 5 * before, "{before} ns before, {after} ns after");
}

#[test]
fn a_connection_to_a_machine_that_is_gone_times_out_where_the_server_keeps_it_alive() {
    for server in all_servers() {
        let chaos = "  - {type: machine_loss, node: 1, at: 3, restart_after: 9}";
        let (_, events) = ran(chaos, &server);
        let (lost, back) = span(&events);
        let timed_out: Vec<&Event> =
            events.iter().filter(|event| is_end(event, LinkState::TimedOut) && event.at < back).collect();
        // `clusterAcceptHandler`: twice the node timeout, and three attempts a third of that apart.
        let after_ms = |event: &&Event| event.at.since(lost).as_ms();
        let in_time = timed_out.iter().filter(|event| (7_000..=8_100).contains(&after_ms(event)));
        let by_whom: BTreeSet<ActorId> = in_time.map(|event| event.actor).collect();
        let others = (2..=6).map(|node| ActorId::Node(NodeId(node)));
        assert_eq!(by_whom, others.collect(), "{}: {timed_out:?}", server.version);
    }
}

/// Whether an end of a connection comes to be like this.
fn is_end(event: &Event, state: LinkState) -> bool {
    matches!(event.body, Body::Link { state: seen, .. } if seen == state)
}
