//! A recorded log runs again: equal to the last event, with its own decisions, and wherever it is stopped on the way.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use valkey_fuzzer::event::Body;
use valkey_fuzzer::event_log::{self, COMPRESSED_LOG_FILE, LOG_FILE};
use valkey_fuzzer::id::NodeId;
use valkey_fuzzer::replay::align::align;
use valkey_fuzzer::replay::inspect::{Moment, NodeState, Twin, Until};
use valkey_fuzzer::replay::{Recording, Replayed};
use valkey_fuzzer::rng::Stream;
use valkey_fuzzer::scheduler::{Frozen, Guide, Halt, Onward, Watcher};
use valkey_fuzzer::servers::Server;
use valkey_fuzzer::simulation::{Log, Simulation};
use valkey_fuzzer::time::SimDuration;

use crate::support::{Ran, all_servers, plan, run, server};

fn recorded(server: &Server) -> Ran {
    run(&plan(include_str!("scenarios/kill-and-failover.yaml")), server)
}

fn replay(log: &Path, server: &Server) -> Replayed {
    let recording = Recording::open(log).expect("the log is good");
    let out = tempfile::tempdir().expect("a folder");
    recording.replay(server, out.path(), &AtomicBool::new(false), &mut |_| {}).expect("the world works")
}

fn assert_equal(log: &Path, server: &Server) -> Replayed {
    let replayed = replay(log, server);
    assert!(replayed.parted.is_none(), "{}", replayed.parted.expect("it parted"));
    replayed
}

#[test]
fn a_log_replays_to_its_last_event_plain_and_compressed() {
    let server = server();
    let ran = recorded(&server);
    let replayed = assert_equal(ran.folder.path(), &server);
    assert!(!replayed.outcome.interrupted);
    assert_eq!(replayed.outcome.report.meters.log_sha256, ran.report.meters.log_sha256);
    let recording = Recording::open(ran.folder.path()).expect("the log is good");
    let checked = recording.check(&server, &AtomicBool::new(false), &mut |_| {}).expect("the world works");
    assert!(checked.parted.is_none() && !checked.outcome.interrupted);
    let folder = tempfile::tempdir().expect("a folder");
    let compressed = zstd::encode_all(ran.log().as_bytes(), 3).expect("it compresses");
    fs::write(folder.path().join(COMPRESSED_LOG_FILE), compressed).expect("written");
    assert_equal(folder.path(), &server);
}

#[test]
fn a_log_that_a_crash_cut_off_replays_as_far_as_it_goes() {
    let server = server();
    let log = recorded(&server).log();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(LOG_FILE);
    let mut cuts = Stream::new(1, "test", "cuts");
    for _ in 0..4 {
        let cut = cuts.range(log.len() as u64 / 10..=log.len() as u64 - 1) as usize;
        fs::write(&file, &log.as_bytes()[..cut]).expect("written");
        assert_equal(&file, &server);
    }
}

#[test]
fn decisions_come_from_the_log_and_not_from_the_seed() {
    let server = server();
    let plan = plan(include_str!("scenarios/quiet.yaml"));
    let first = run(&plan, &server);
    let mut recording = Recording::open(first.folder.path()).expect("the log is good");
    // Latencies, requests and paces that no stream of this seed gives.
    for latencies in recording.decisions.latencies.values_mut() {
        latencies.iter_mut().for_each(|latency| *latency = SimDuration::from_us(333));
    }
    for client in recording.decisions.clients.values_mut() {
        client.requests.rotate_left(1);
        client.gaps.iter_mut().for_each(|gap| *gap = SimDuration::from_ms(70));
    }
    let guide = Guide { decisions: recording.decisions, ..Guide::default() };
    let out = tempfile::tempdir().expect("a folder");
    Simulation { guide, ..Simulation::new(&plan, &server, out.path()) }
        .run(&AtomicBool::new(false), &mut |_| {})
        .expect("the world works");
    let other = Recording::open(out.path()).expect("the log is good");
    assert_ne!(other.decisions, Recording::open(first.folder.path()).expect("the log is good").decisions);
    assert_equal(out.path(), &server);
}

#[test]
fn a_log_that_somebody_changed_is_told_where_and_why() {
    let server = server();
    let log = recorded(&server).log();
    let changed =
        log.lines().enumerate().find(|(_, line)| line.contains("\"what\":\"sent\"")).expect("bytes are sent");
    let (number, line) = changed;
    let other = line.replacen("\"len\":", "\"len\":1", 1);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(LOG_FILE);
    fs::write(&file, log.replacen(line, &other, 1)).expect("written");
    let parted = replay(&file, &server).parted.expect("they differ");
    assert_eq!(parted.0.difference.index, number as u64 - 1);
    let text = parted.to_string();
    for part in ["differs in what", "expected:", "got:", "because of", "the last events of network"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[test]
fn another_server_is_compared_by_meaning() {
    let servers = all_servers();
    let [one, other] = [servers.first(), servers.last()].map(|server| server.expect("there is a server"));
    let ran = recorded(one);
    let recording = Recording::open(ran.folder.path()).expect("the log is good");
    let out = tempfile::tempdir().expect("a folder");
    let mut simulation = recording.simulation(other, out.path());
    simulation.guide.end_at = None;
    simulation.run(&AtomicBool::new(false), &mut |_| {}).expect("the world works");
    let open = |path: &Path| event_log::open(path).expect("the log is good");
    let found = align(open(ran.folder.path()), open(out.path())).expect("both can be read");
    let differs = one.sha256 != other.sha256;
    assert_eq!(found.first.is_some(), differs);
    assert_eq!(found.only_recorded + found.only_replayed > 0, differs);
    assert!(found.aligned > 1_000, "{found:?}");
}

/// Views are the same whether the run was stopped before or not, and a run that was stopped and asked about ends with
/// the recorded log.
#[test]
fn looking_at_a_run_changes_nothing() {
    let server = server();
    let ran = recorded(&server);
    let recording = Recording::open(ran.folder.path()).expect("the log is good");
    let mut draw = Stream::new(7, "test", "indexes");
    let mut stops: Vec<Moment> = (0..6)
        .map(|_| Until::Event(draw.below(recording.decisions.events)))
        .map(|until| Moment::of(&recording, until).expect("the moment is in the run"))
        .collect();
    stops.sort_by_key(|moment| moment.next.i);
    let views = |moment: &Moment| {
        let mut twin = Twin::start(&recording, &server, moment.next.i).expect("a twin starts");
        twin.views(&recording, moment).expect("the twin answers")
    };
    let mut visited = 0;
    let mut visit = |frozen: &mut Frozen| {
        let moment = &stops[visited];
        assert_eq!(frozen.events(), moment.next.i);
        let seen = views(moment);
        // A run that is asked itself, at the end of all those stops, says the same.
        visited += 1;
        match stops.get(visited) {
            Some(next) => Onward::Until(next.next.i),
            None => {
                for view in seen {
                    if let NodeState::Up { nodes, .. } = view.state {
                        let answer = frozen.ask(view.node, &["CLUSTER", "NODES"]).expect("it answers");
                        assert_eq!(redis::Value::BulkString(nodes.into_bytes()), answer);
                    }
                }
                Onward::Nowhere
            }
        }
    };
    let out = tempfile::tempdir().expect("a folder");
    let mut simulation = recording.simulation(&server, out.path());
    let halt = Some(Halt { before: stops[0].next.i, visit: &mut visit });
    let stop = AtomicBool::new(false);
    simulation
        .run_watched(&mut Watcher { stop: &stop, progress: &mut |_| {}, halt })
        .expect("the world works");
    assert_eq!(visited, stops.len());
}

/// The short run of the tests below: a failover, a death with a return, a pause.
fn short(server: &Server) -> Ran {
    run(
        &plan(
            "scenario: {name: short, seed: 5}
cluster: {node_timeout_ms: 1000}
operations: [{type: failover, target: primary, shard: 1, delay: 0.5}]
chaos:
  - {type: process_kill, target: node, node: 3, at: 1, restart_after: 0.3}
  - {type: process_pause, target: node, node: 6, at: 1.5, duration: 0.3}
workload: {duration: 2.5, rate: 10, clients: 2}",
        ),
        server,
    )
}

/// So many moments of a recording, in order.
fn moments(recording: &Recording, count: usize, purpose: &str) -> Vec<Moment> {
    let mut draw = Stream::new(8, "test", purpose);
    let mut indexes: Vec<u64> = (0..count).map(|_| draw.below(recording.decisions.events)).collect();
    indexes.sort_unstable();
    let moment = |i| Moment::of(recording, Until::Event(i)).expect("the moment is in the run");
    indexes.into_iter().map(moment).collect()
}

/// What the nodes of a run say that was stopped at each of `stops` on its way to the last of them, unless they are down.
fn said_after(recording: &Recording, server: &Server, stops: &[Moment]) -> Vec<(NodeId, redis::Value)> {
    let (mut visited, mut said) = (0, Vec::new());
    let mut visit = |frozen: &mut Frozen| {
        assert_eq!(frozen.events(), stops[visited].next.i);
        visited += 1;
        if let Some(next) = stops.get(visited) {
            return Onward::Until(next.next.i);
        }
        let nodes = recording.plan().cluster.nodes().filter(|node| !stops[visited - 1].paused.contains(node));
        said.extend(nodes.filter_map(|node| Some((node, frozen.ask(node, &["CLUSTER", "NODES"]).ok()?))));
        Onward::Nowhere
    };
    let out = tempfile::tempdir().expect("a folder");
    let mut simulation = Simulation { log: Log::Dropped, ..recording.simulation(server, out.path()) };
    let halt = Some(Halt { before: stops[0].next.i, visit: &mut visit });
    let stop = AtomicBool::new(false);
    simulation
        .run_watched(&mut Watcher { stop: &stop, progress: &mut |_| {}, halt })
        .expect("the world works");
    said
}

#[test]
fn at_a_hundred_moments_a_run_that_never_stopped_before_says_what_one_says_that_did() {
    let server = server();
    let ran = short(&server);
    let recording = Recording::open(ran.folder.path()).expect("the log is good");
    let mut stops = moments(&recording, 100, "hundred");
    stops.dedup_by_key(|moment| moment.next.i);
    for count in 1..=stops.len() {
        let moment = &stops[count - 1];
        let mut twin = Twin::start(&recording, &server, moment.next.i).expect("a twin starts");
        let views = twin.views(&recording, moment).expect("the twin answers");
        let straight = views.into_iter().filter_map(|view| match view.state {
            NodeState::Up { nodes, .. } => Some((view.node, redis::Value::BulkString(nodes.into_bytes()))),
            _ => None,
        });
        let stopped = said_after(&recording, &server, &stops[..count]);
        for (node, nodes) in straight {
            let other = stopped.iter().find(|(other, _)| *other == node);
            assert_eq!(other, Some(&(node, nodes)), "before event {}", moment.next.i);
        }
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_to_the_recorded_end() {
    let server = server();
    let ran = short(&server);
    let recording = Recording::open(ran.folder.path()).expect("the log is good");
    for moment in moments(&recording, 8, "onward") {
        assert_goes_on(&recording, &server, &ran, &moment);
    }
}

fn assert_goes_on(recording: &Recording, server: &Server, ran: &Ran, moment: &Moment) {
    let mut visit = |_: &mut Frozen| {
        let mut twin = Twin::start(recording, server, moment.next.i).expect("a twin starts");
        for node in recording.plan().cluster.nodes() {
            // Even a question that destroys everything.
            let _ = twin.ask(node, vec!["FLUSHALL".to_owned()]);
        }
        Onward::ToTheEnd
    };
    let out = tempfile::tempdir().expect("a folder");
    let log = Log::Compared(Box::new(recording.comparison().expect("the log is good")));
    let mut simulation = Simulation { log, ..recording.simulation(server, out.path()) };
    let halt = Some(Halt { before: moment.next.i, visit: &mut visit });
    let stop = AtomicBool::new(false);
    let watcher = &mut Watcher { stop: &stop, progress: &mut |_| {}, halt };
    let mut outcome = simulation.run_watched(watcher).expect("the world works");
    assert!(recording.parted(&mut outcome).expect("the log can be read").is_none());
    assert_eq!(outcome.report.meters.log_sha256, ran.report.meters.log_sha256);
}

#[test]
fn nothing_is_injected_after_a_run_ceases_to() {
    let server = server();
    let ran = recorded(&server);
    let events: Vec<_> = event_log::open(ran.folder.path())
        .expect("a log")
        .collect::<Result<_, _>>()
        .expect("the log is good");
    let fault = events.iter().find(|event| matches!(&event.body, Body::Fault { hit, .. } if !hit.is_empty()));
    let keep = fault.expect("a fault fires").i + 1;
    let guide = Guide { cease_at: Some(keep), ..Guide::default() };
    let plan = plan(include_str!("scenarios/kill-and-failover.yaml"));
    let out = tempfile::tempdir().expect("a folder");
    let outcome = Simulation { guide, ..Simulation::new(&plan, &server, out.path()) }
        .run(&AtomicBool::new(false), &mut |_| {})
        .expect("the world works");
    assert_eq!(outcome.unfinished, None);
    let after: Vec<_> =
        event_log::open(out.path()).expect("a log").collect::<Result<_, _>>().expect("the log is good");
    let kept = keep as usize;
    assert_eq!(events[..kept], after[..kept]);
    let injected = |event: &&valkey_fuzzer::event::Event| match &event.body {
        Body::Operation { .. } | Body::Invoke { .. } => true,
        Body::Fault { hit, .. } => !hit.is_empty(),
        _ => false,
    };
    // What the fault's own delivery noted besides it may stand just behind it.
    let late: Vec<_> = after[kept + 8..].iter().filter(injected).collect();
    assert!(late.is_empty(), "{late:#?}");
}
