//! What one command costs the model that replies are held against. The aim is a million commands a second on one core.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use valkey_fuzzer::history::Reply;
use valkey_fuzzer::model::{Asker, KINDS, Pick, State, step};
use valkey_fuzzer::rng::Stream;

const COMMANDS: u64 = 10_000;
const ASKER: Asker = Asker { now: (1_000_000, 1_000_000), conn: 1, watches_elsewhere: false };

/// Commands of a kind for one cell, as clients draw them.
fn commands(kind: &str) -> Vec<Vec<String>> {
    let kind = KINDS.iter().find(|known| known.name == kind).expect("it is a kind");
    let mut stream = Stream::new(1, "bench", kind.name);
    let mut draw = |n: u64| {
        let token = format!("c1:{n}");
        let (stream, token) = (&mut stream, token.as_str());
        (kind.draw)(&mut Pick { stream, token, cells: 1, may_listen: true, databases: 1 })
    };
    (0..COMMANDS).flat_map(|n| draw(n).concat()).collect()
}

/// Puts commands to a cell, one after the other.
fn put(commands: &[Vec<&str>], told: Option<&Reply>) -> State {
    commands.iter().fold(State::default(), |state, command| {
        let after = step(state, black_box(command), ASKER, told);
        after.and_then(|after| after.into_iter().next()).unwrap_or_default()
    })
}

fn model(c: &mut Criterion) {
    let mut group = c.benchmark_group("model");
    for kind in ["strings", "counters", "lists", "hashes", "sorted_sets"] {
        let drawn = commands(kind);
        let words = drawn.iter().map(|command| command.iter().map(String::as_str));
        let commands = words.map(Iterator::collect).collect::<Vec<Vec<&str>>>();
        group.throughput(Throughput::Elements(commands.len() as u64));
        group.bench_function(kind, |b| {
            b.iter(|| black_box(put(&commands, None)));
        });
    }
    group.finish();
}

criterion_group!(benches, model);
criterion_main!(benches);
