//! Logs that were spoilt, by disks, by hand or on purpose: an error that names the line, never a panic, and never more
//! memory than a line and the decisions take.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, Mutex};

use proptest::prelude::*;
use proptest::sample::Index;
use valkey_fuzzer::event::Event;
use valkey_fuzzer::event_log::compare::Comparison;
use valkey_fuzzer::event_log::{self, COMPRESSED_LOG_FILE, Decisions, LogReader, event_line};
use valkey_fuzzer::history::Request;
use valkey_fuzzer::id::NodeId;
use valkey_fuzzer::replay::Recording;
use valkey_fuzzer::replay::align::align;
use valkey_fuzzer::replay::bisect::Injected;
use valkey_fuzzer::replay::inspect::{Moment, Until};
use valkey_fuzzer::scheduler::Guide;
use valkey_fuzzer::simulation::Simulation;
use valkey_fuzzer::time::SimDuration;

use crate::format::fixture;
use crate::support::{plan, run, server};

/// A real log cut down to the first statement of each sort, and its events.
struct Small {
    text: String,
    events: Vec<Event>,
}

static SMALL: LazyLock<Small> = LazyLock::new(|| {
    let mut reader = event_log::open(&fixture()).expect("the fixture is a log");
    let header = serde_json::to_string(reader.header()).expect("a header is plain data");
    let mut seen = BTreeSet::new();
    let mut events: Vec<Event> = Vec::new();
    for event in &mut reader {
        let event = event.expect("the fixture is good");
        if seen.insert(what(&event)) {
            events.push(Event { i: events.len() as u64, cause: None, ..event });
        }
    }
    let lines: Vec<String> = std::iter::once(header).chain(events.iter().map(event_line)).collect();
    Small { text: lines.join("\n") + "\n", events }
});

/// The word for what happened.
fn what(event: &Event) -> String {
    let body = serde_json::to_value(&event.body).expect("JSON");
    body["what"].as_str().expect("a text").to_owned()
}

/// Has everything that reads logs read this one; what opening it as a recording came to.
fn survives(log: &[u8]) -> Result<(), String> {
    if let Ok(mut reader) = LogReader::new(log) {
        let errors: Vec<String> =
            (&mut reader).filter_map(Result::err).map(|error| error.to_string()).collect();
        assert!(errors.len() <= 1 && errors.iter().all(|text| text.starts_with("line ")), "{errors:?}");
    }
    let _ = Decisions::load(log);
    if let Ok(mut comparison) = Comparison::new(Box::new(Cursor::new(log.to_owned()))) {
        SMALL.events.iter().for_each(|event| comparison.see(event, event_line(event).as_bytes()));
        let _ = comparison.finish();
    }
    if let (Ok(one), Ok(other)) = (LogReader::new(log), LogReader::new(SMALL.text.as_bytes())) {
        let _ = align(one, other);
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), log).expect("written");
    opens(file.path())
}

fn opens(path: &Path) -> Result<(), String> {
    let recording = Recording::open(path).map_err(|error| error.to_string())?;
    let events = recording.decisions.events;
    let _ = (recording.violated(), Injected::of(&recording), recording.comparison());
    for i in [0, events / 2, events, u64::MAX] {
        let _ = (Moment::of(&recording, Until::Event(i)), Moment::after(&recording, i));
    }
    Ok(())
}

/// Ways to spoil a text.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Cut(Index),
    DropLine(Index),
    DoubleLine(Index),
    SwapLines(Index, Index),
    Number(Index, &'static str),
    Insert(Index, &'static str),
}

/// In place of a number.
const NUMBERS: [&str; 10] =
    ["18446744073709551615", "18446744073709551616", "-1", "1e400", "0.5", "1e3", "null", "[]", "\"7\"", ""];
/// Anywhere.
const BYTES: [&str; 8] = ["\0", "\r", "\u{feff}", "\n", "{", "\"", "[[[[[[[[[[[[[[[[", "\\u0000"];

fn any_damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        at().prop_map(Damage::Cut),
        at().prop_map(Damage::DropLine),
        at().prop_map(Damage::DoubleLine),
        (at(), at()).prop_map(|(one, other)| Damage::SwapLines(one, other)),
        (at(), prop::sample::select(&NUMBERS[..])).prop_map(|(at, text)| Damage::Number(at, text)),
        (at(), prop::sample::select(&BYTES[..])).prop_map(|(at, text)| Damage::Insert(at, text)),
    ]
}

fn spoil(mut log: Vec<u8>, damage: &Damage) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = log.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return log;
    }
    match damage {
        Damage::Flip(at, bit) => {
            let at = at.index(log.len());
            log[at] ^= 1 << bit;
            return log;
        }
        Damage::Cut(at) => {
            log.truncate(at.index(log.len()));
            return log;
        }
        Damage::Number(at, text) => return with_number(&log, *at, text),
        Damage::Insert(at, text) => {
            let at = at.index(log.len());
            log.splice(at..at, text.bytes());
            return log;
        }
        Damage::DropLine(at) => drop(lines.remove(at.index(lines.len()))),
        Damage::DoubleLine(at) => {
            let at = at.index(lines.len());
            lines.insert(at, lines[at].clone());
        }
        Damage::SwapLines(one, other) => {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            lines.swap(one, other);
        }
    }
    lines.concat()
}

/// The log with one of its numbers replaced.
fn with_number(log: &[u8], at: Index, text: &str) -> Vec<u8> {
    let is_digit = |i: usize| log[i].is_ascii_digit();
    let begins: Vec<usize> = (1..log.len()).filter(|i| is_digit(*i) && log[i - 1] == b':').collect();
    if begins.is_empty() {
        return log.to_owned();
    }
    let begin = begins[at.index(begins.len())];
    let end = (begin..log.len()).find(|i| !is_digit(*i)).unwrap_or(log.len());
    [&log[..begin], text.as_bytes(), &log[end..]].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes_are_no_log_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(survives(&bytes).is_err());
        let header = SMALL.text.lines().next().expect("a header");
        let _ = survives(&[header.as_bytes(), b"\n", &bytes].concat());
    }

    #[test]
    fn a_spoilt_log_never_panics(damages in prop::collection::vec(any_damage(), 1..5)) {
        let log = damages.iter().fold(SMALL.text.clone().into_bytes(), spoil);
        let _ = survives(&log);
        let compressed = zstd::encode_all(&log[..], 1).expect("it compresses");
        let _ = survives(&compressed);
    }

    #[test]
    fn a_spoilt_compressed_log_never_panics(at in any::<Index>(), bit in 0..8_u8, cut in any::<Index>()) {
        let mut log = zstd::encode_all(SMALL.text.as_bytes(), 1).expect("it compresses");
        let at = at.index(log.len());
        log[at] ^= 1 << bit;
        let _ = survives(&log);
        log.truncate(cut.index(log.len()));
        let _ = survives(&log);
    }
}

#[test]
fn the_small_log_is_good_however_its_lines_end() {
    survives(SMALL.text.as_bytes()).expect("it is good");
    survives(SMALL.text.replace('\n', "\r\n").as_bytes()).expect("carriage returns are blanks");
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let nested = "[".repeat(1_000_000);
    for (from, to, said) in [
        ("{\"format\"", "\u{feff}{\"format\"", "the first line is no header"),
        ("\"format\":1", "\"format\":3", "event log format 3 is not known to this version (knows 1 to 2)"),
        ("\"seed\":", "\"seed\":1e400,\"seed\":", "the first line is no header"),
        ("{\"i\":3,", "{\"i\":4,", "line 5 of the event log has event 4 where 3 should be"),
        ("{\"i\":3,", "{\"i\":18446744073709551616,", "line 5 of the event log is no event"),
        ("{\"i\":3,", "\0{\"i\":3,", "line 5 of the event log is no event"),
        ("{\"i\":3,", &format!("{{\"x\":{nested},\"i\":3,"), "line 5 of the event log is no event"),
        ("{\"i\":3,", "\n{\"i\":3,", "line 5 of the event log is no event"),
    ] {
        assert!(SMALL.text.contains(from), "{from}");
        let error = survives(SMALL.text.replacen(from, to, 1).as_bytes()).expect_err("it is spoilt");
        assert!(error.contains(said), "{said}: {}", &error[..error.len().min(500)]);
    }
}

#[test]
fn a_plan_beyond_the_limits_of_scenarios_is_not_run() {
    for (from, to) in [
        ("\"shards\":3", "\"shards\":65535"),
        ("\"replicas\":1", "\"replicas\":65535"),
        ("\"node_timeout_ms\":1000", "\"node_timeout_ms\":18446744073709551615"),
        ("\"config\":{}", "\"config\":{\"loadmodule\":\"/tmp/x.so\"}"),
        ("\"epoch_us\":", "\"epoch_us\":9"),
        ("\"keys\":9", "\"keys\":18446744073709551615"),
        ("\"value_bytes\":64", "\"value_bytes\":18446744073709551615"),
        ("\"clients\":2", "\"clients\":65535"),
        ("\"rate_per_s\":12", "\"rate_per_s\":0"),
        ("\"duration_ns\":2500000000", "\"duration_ns\":18446744073709551615"),
        ("\"target\":{\"node\":3}", "\"target\":{\"node\":0}"),
        ("\"target\":{\"node\":3}", "\"target\":{\"replica\":[1,65535]}"),
        ("\"target\":{\"node\":3}", "\"target\":\"clients\""),
    ] {
        assert!(
            SMALL.text.contains(from),
            "{from} is not in {}",
            SMALL.text.lines().next().expect("a header")
        );
        let error = survives(SMALL.text.replacen(from, to, 1).as_bytes()).expect_err("it is refused");
        assert!(error.contains("the plan in its header cannot be run: "), "{to}: {error}");
    }
}

/// A source of one byte again and again, which counts what was taken of it.
struct Endless {
    byte: u8,
    left: u64,
    taken: Arc<Mutex<u64>>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (buffer.len() as u64).min(self.left);
        buffer[..count as usize].fill(self.byte);
        self.left -= count;
        *self.taken.lock().expect("nobody panicked") += count;
        Ok(count as usize)
    }
}

#[test]
fn of_a_line_without_end_no_more_is_read_than_a_line_may_have() {
    let taken = Arc::new(Mutex::new(0));
    let header = SMALL.text.lines().next().expect("a header").to_owned() + "\n";
    let endless = || {
        let source = Endless { byte: b'x', left: 1 << 30, taken: Arc::clone(&taken) };
        BufReader::new(Cursor::new(header.clone()).chain(source))
    };
    let mut reader = LogReader::new(endless()).expect("the header is good");
    let error = reader.next().expect("there is a line").expect_err("it has no end").to_string();
    assert_eq!(error, "line 2 of the event log is longer than 16777216 bytes");
    assert_eq!(Decisions::load(endless()).expect_err("it has no end").to_string(), error);
    assert!(*taken.lock().expect("nobody panicked") < 2 * (17 << 20), "both together took more");
}

#[test]
fn a_few_bytes_that_expand_to_a_gigabyte_are_refused_by_the_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(COMPRESSED_LOG_FILE);
    let header = SMALL.text.lines().next().expect("a header").to_owned() + "\n";
    for (before, line) in [("", 1), (&header[..], 2)] {
        let file = File::create(&path).expect("a file");
        let mut encoder = zstd::Encoder::new(file, 1).expect("an encoder");
        encoder.write_all(before.as_bytes()).expect("written");
        io::copy(&mut io::repeat(0).take(1 << 30), &mut encoder).expect("written");
        encoder.finish().expect("written");
        assert!(fs::metadata(&path).expect("it is there").len() < 1 << 20);
        let error = opens(folder.path()).expect_err("it is refused");
        assert!(error.contains(&format!("line {line} of the event log is longer than")), "{error}");
    }
}

/// One line again and again is not as many decisions.
#[test]
fn a_line_that_is_repeated_does_not_fill_the_memory() {
    let header = SMALL.text.lines().next().expect("a header");
    let latency = SMALL.text.lines().find(|line| line.contains("\"what\":\"latency\"")).expect("a latency");
    let numbered = latency.replacen(&latency[..latency.find(',').expect("a key")], "{\"i\":0", 1);
    let log = [header, &numbered, &numbered].join("\n") + "\n";
    let error = Decisions::load(log.as_bytes()).expect_err("it is refused").to_string();
    assert_eq!(error, "line 3 of the event log has event 0 where 1 should be");
}

#[test]
fn decisions_beyond_reason_end_a_run_and_not_the_program() {
    let server = server();
    let plan = plan(include_str!("scenarios/quiet.yaml"));
    let ran = run(&plan, &server);
    let recording = Recording::open(ran.folder.path()).expect("the log is good");
    let never = SimDuration::from_ns(u64::MAX);
    let hostile: [&dyn Fn(&mut Decisions); 5] = [
        &|decisions| decisions.latencies.values_mut().flatten().for_each(|latency| *latency = never),
        &|decisions| decisions.latencies.values_mut().skip(30).flatten().for_each(|latency| *latency = never),
        &|decisions| {
            decisions
                .clients
                .values_mut()
                .for_each(|client| client.gaps.iter_mut().for_each(|gap| *gap = never));
        },
        &|decisions| {
            let node = |n: u16| NodeId(n);
            decisions.clients.values_mut().for_each(|client| {
                client.nodes = [0, 7, 60_000, u16::MAX].into_iter().map(node).collect();
            });
        },
        &|decisions| {
            let odd = ["", "\0", "{x}", &"k".repeat(1 << 20)].map(str::to_owned);
            decisions.clients.values_mut().for_each(|client| {
                client.requests = odd.iter().map(|key| Request::Get { key: key.clone() }).collect();
                client.gaps.iter_mut().for_each(|gap| *gap = SimDuration::ZERO);
            });
        },
    ];
    for (number, spoil) in hostile.iter().enumerate() {
        let mut decisions = recording.decisions.clone();
        spoil(&mut decisions);
        let out = tempfile::tempdir().expect("a folder");
        let guide = Guide { decisions, ..Guide::default() };
        let simulation = Simulation { guide, ..Simulation::new(&plan, &server, out.path()) };
        let outcome = simulation.run(&AtomicBool::new(false), &mut |_| {});
        assert!(outcome.is_ok(), "number {number}: {}", outcome.err().expect("it failed"));
    }
}
