//! What one event costs: to push, to serialise, to read. The aim is less than 700 ns to serialise one.

use std::hint::black_box;
use std::io;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use valkey_fuzzer::event::{Body, BusSummary, Event};
use valkey_fuzzer::event_log::{Header, LogReader, LogWriter, ServerIdentity, event_line};
use valkey_fuzzer::fault::{Channel, LatencyRange};
use valkey_fuzzer::id::{ActorId, Host, NodeId};
use valkey_fuzzer::plan::{ClusterPlan, Limits, NetworkPlan, Plan};
use valkey_fuzzer::time::{SimDuration, SimTime};

const EVENTS: u64 = 10_000;

/// The usual mix: a server wakes, sends, and what it sent gets a latency and arrives.
fn events() -> Vec<Event> {
    let body = |i: u64| match i % 4 {
        0 => Body::Wake,
        1 => Body::Sent {
            from: ActorId::Node(NodeId(1)),
            conn: i % 60,
            channel: Channel::Bus,
            to: Host::Node(NodeId(2)),
            len: 2568,
            digest: format!("{:016x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            bus: Some(BusSummary {
                r#type: "ping".to_owned(),
                current_epoch: Some(6),
                config_epoch: Some(3),
                paused: None,
            }),
        },
        2 => Body::Latency { conn: i % 60, ns: SimDuration::from_us(700 + i % 300) },
        _ => Body::Deliver { conn: i % 60, len: 2568 },
    };
    let event = |i| {
        let body = body(i);
        let (at, actor) = (SimTime::from_ns(i * 31_007), ActorId::Node(NodeId((i % 6 + 1) as u16)));
        Event { i, at, actor, kind: body.kind(), cause: i.checked_sub(1), body }
    };
    (0..EVENTS).map(event).collect()
}

fn header() -> Header {
    let latency = LatencyRange { min_ns: SimDuration::from_us(500), max_ns: SimDuration::from_ms(1) };
    let plan = Plan {
        name: "bench".to_owned(),
        seed: 1,
        epoch_us: 0,
        cluster: ClusterPlan { shards: 3, replicas: 1, node_timeout_ms: 5000, config: [].into() },
        network: NetworkPlan { latency, delays: Vec::new() },
        operations: Vec::new(),
        faults: Vec::new(),
        workload: None,
        limits: Limits {
            slot_coverage: true,
            replica_sync: true,
            data_consistency: true,
            max_convergence_ns: SimDuration::from_secs(30),
            max_replication_lag_ns: SimDuration::from_secs(1),
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
    let events = events();
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

criterion_group!(benches, event_log);
criterion_main!(benches);
