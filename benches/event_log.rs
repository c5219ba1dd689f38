//! What one event costs: to push, to serialise, to read, to index, and to be found by the index. The aim is less than
//! 700 ns to serialise one. What a question to the index saves is printed as a ratio to reading the log.

use std::hint::black_box;
use std::io;
use std::ops::ControlFlow;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use valkey_fuzzer::event::{Body, BusSummary, Event, MessageType, What};
use valkey_fuzzer::event_log::{
    Filter, Header, IndexedLog, Keep, LogReader, LogWriter, ServerIdentity, Trace, event_line,
};
use valkey_fuzzer::fault::{Channel, LatencyRange};
use valkey_fuzzer::id::{ActorId, Host, NodeId};
use valkey_fuzzer::plan::{ClusterPlan, Limits, NetworkPlan, Plan};
use valkey_fuzzer::time::{SimDuration, SimTime};
use valkey_fuzzer::wall::Stopwatch;

const EVENTS: u64 = 10_000;
/// How long the log is that an index is asked about.
const INDEXED_EVENTS: u64 = 500_000;

/// The usual mix: a server wakes, sends, and what it sent gets a latency and arrives.
fn events(count: u64) -> Vec<Event> {
    let body = |i: u64| match i % 4 {
        0 => Body::Wake,
        1 => Body::Sent {
            from: ActorId::Node(NodeId(1)),
            conn: i % 60,
            channel: Channel::Bus,
            to: Host::Node(NodeId(2)),
            len: 2568,
            digest: format!("{:016x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            bus: Some(Box::new(BusSummary {
                current_epoch: Some(6),
                config_epoch: Some(3),
                ..BusSummary::of_type(MessageType::PING)
            })),
            repl: None,
        },
        2 => Body::Latency { conn: i % 60, ns: SimDuration::from_us(700 + i % 300) },
        _ => Body::Deliver { conn: i % 60, len: 2568 },
    };
    let event = |i| {
        let body = body(i);
        let (at, actor) = (SimTime::from_ns(i * 31_007), ActorId::Node(NodeId((i % 6 + 1) as u16)));
        Event { i, at, actor, kind: body.kind(), cause: i.checked_sub(1), body }
    };
    (0..count).map(event).collect()
}

fn header() -> Header {
    let latency = LatencyRange { min_ns: SimDuration::from_us(500), max_ns: SimDuration::from_ms(1) };
    let plan = Plan {
        name: "bench".to_owned(),
        seed: 1,
        epoch_us: 0,
        cluster: ClusterPlan::of(3, 1),
        network: NetworkPlan { latency, delays: Vec::new() },
        operations: Vec::new(),
        faults: Vec::new(),
        workload: None,
        guests: Vec::new(),
        limits: Limits {
            slot_coverage: true,
            replica_sync: true,
            data_consistency: true,
            max_convergence_ns: SimDuration::from_secs(30),
            max_replication_lag_ns: SimDuration::from_secs(1),
            ..Limits::default()
        },
    };
    Header::new(plan, ServerIdentity::default(), String::new())
}

fn log_of(events: &[Event]) -> Vec<u8> {
    let mut text = serde_json::to_vec(&header()).expect("a header is plain data");
    for event in events {
        text.push(b'\n');
        text.extend(event_line(event).into_bytes());
    }
    text.push(b'\n');
    text
}

fn event_log(criterion: &mut Criterion) {
    let events = events(EVENTS);
    let log = log_of(&events);
    let mut group = criterion.benchmark_group("event_log");
    group.throughput(Throughput::Elements(EVENTS)).sample_size(20);
    group.bench_function("serialise", |bencher| {
        let mut text = Vec::new();
        bencher.iter(|| {
            text.clear();
            let write = |event: &Event| serde_json::to_writer(&mut text, black_box(event));
            events.iter().map(write).for_each(|result| result.expect("an event is plain data"));
        });
    });
    group.bench_function("push_and_finish", |bencher| {
        let write = |events: Vec<Event>| {
            let mut writer = LogWriter::spawn(Box::new(io::sink()), &header());
            events.into_iter().for_each(|event| writer.push(event));
            writer.finish().expect("a sink takes everything")
        };
        bencher.iter_batched(|| events.clone(), write, criterion::BatchSize::LargeInput);
    });
    group.bench_function("read", |bencher| {
        bencher.iter(|| LogReader::new(&log[..]).expect("a log").filter(|event| event.is_ok()).count());
    });
    group.finish();
}

/// How much faster the index answers than a plain scan of the log does.
fn index(_criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    std::fs::write(&path, log_of(&events(INDEXED_EVENTS))).expect("there is room for a log");
    let keep = Keep { cache_dir: folder.path().join("cache"), from_bytes: 0 };
    let open = || IndexedLog::open(&path, &keep, &mut |_| {}).expect("a good log");
    let scan = seconds(|| valkey_fuzzer::event_log::open(&path).expect("a log").count());
    let build = seconds(open);
    let middle = SimTime::from_ns(INDEXED_EVENTS / 2 * 31_007);
    let window = Filter { from: middle, to: middle + SimDuration::from_ms(10), ..Filter::default() };
    let select = |filter: &Filter| {
        let mut count = 0;
        let visit = &mut |_: &Event, _: &[u8]| {
            count += 1;
            ControlFlow::Continue(())
        };
        open().select(filter, visit).expect("a good log");
        count
    };
    let rare = Filter { whats: vec![What::Fault], ..Filter::default() };
    let answers = [
        ("index, built", build),
        ("opened again", seconds(open)),
        (
            "event with causes and effects",
            seconds(|| Trace::of(&open(), INDEXED_EVENTS / 2).expect("a good log")),
        ),
        ("window of 10 ms", seconds(|| select(&window))),
        ("statement that is rare", seconds(|| select(&rare))),
    ];
    say(&format!("{INDEXED_EVENTS} events, read through in {:.0} ms; of that", scan * 1e3));
    for (what, took) in answers {
        say(&format!("  {what}: {:.2} ms, 1 / {:.1}", took * 1e3, scan / took));
    }
}

fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let watch = Stopwatch::start();
    black_box(work());
    watch.elapsed().as_secs_f64()
}

#[expect(clippy::disallowed_macros, reason = "a bench says what it measured")]
fn say(text: &str) {
    println!("{text}");
}

criterion_group!(benches, event_log, index);
criterion_main!(benches);
