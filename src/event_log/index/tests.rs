//! Answers by an index are those of reading the whole log, for any log; and an index that is not the log's is never used.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use crate::event::{Body, Event, Kind, MessageType, What};
use crate::event_log::tests::{any_event, log_of};
use crate::event_log::{Filter, IndexedLog, Keep, Kept, LogReader, OpenError, Trace, chain};
use crate::fault::Channel;
use crate::id::{ActorId, NodeId};
use crate::time::{SimDuration, SimTime};

/// A log in a folder of its own, and a cache beside it.
struct Place {
    folder: TempDir,
    log: PathBuf,
}

impl Place {
    fn of(text: &[u8], name: &str) -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("logs")).expect("a folder");
        let log = folder.path().join("logs").join(name);
        fs::write(&log, text).expect("written");
        Place { folder, log }
    }

    fn keep(&self, from_bytes: u64) -> Keep {
        Keep { cache_dir: self.folder.path().join("cache"), from_bytes }
    }

    fn index(&self) -> PathBuf {
        let mut name = self.log.clone().into_os_string();
        name.push(".idx");
        name.into()
    }

    fn open(&self) -> Result<IndexedLog, OpenError> {
        IndexedLog::open(&self.log, &self.keep(0), &mut |_| {})
    }

    /// Opens it; whether it had to be read for that.
    fn opened_by_reading(&self) -> bool {
        let before = inode(&self.index());
        self.open().expect("a good log");
        before != inode(&self.index())
    }
}

/// Which file it is: a new index is a new file.
fn inode(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map_or(0, |metadata| metadata.ino())
}

/// Any events in the order of a log, each caused by some event before it or by none.
fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let link = (any_event(), any::<prop::sample::Index>(), any::<bool>(), 0..3_u64);
    prop::collection::vec(link, 0..300).prop_map(|links| {
        let mut at = 0;
        let number =
            |(i, (event, cause, is_root, later)): (usize, (Event, prop::sample::Index, bool, u64))| {
                at += later;
                let cause = (!is_root && i > 0).then(|| cause.index(i) as u64);
                Event { i: i as u64, at: SimTime::from_ns(at), cause, ..event }
            };
        links.into_iter().enumerate().map(number).collect()
    })
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let nodes = prop::collection::vec((1..9_u16).prop_map(NodeId), 0..3);
    let actors = prop::collection::vec(prop::sample::select(vec![ActorId::Network, ActorId::Director]), 0..2);
    let kinds = prop::collection::vec(prop::sample::select(vec![Kind::Decision, Kind::Effect]), 0..2);
    let whats = prop::collection::vec(prop::sample::select(&What::ALL[..]), 0..4);
    let channels = prop::collection::vec(prop::sample::select(vec![Channel::Bus, Channel::Client]), 0..2);
    let messages = prop::collection::vec(
        prop::sample::select(vec![MessageType(0), MessageType(7), MessageType(77)]),
        0..2,
    );
    let time = (0..300_u64, prop_oneof![Just(u64::MAX), 0..600_u64]);
    (nodes, actors, kinds, whats, channels, messages, time).prop_map(
        |(nodes, actors, kinds, whats, channels, messages, (from, to))| Filter {
            nodes,
            actors,
            kinds,
            whats,
            channels,
            messages,
            from: SimTime::from_ns(from),
            to: SimTime::from_ns(to),
        },
    )
}

fn selected(log: &IndexedLog, filter: &Filter) -> Vec<Event> {
    let mut found = Vec::new();
    log.select(filter, &mut |event, line| {
        assert_eq!(line, crate::event_log::event_line(event).as_bytes());
        found.push(event.clone());
        ControlFlow::Continue(())
    })
    .expect("a good log");
    found
}

fn check_answers(events: &[Event], log: &IndexedLog, filter: &Filter, i: u64) {
    assert_eq!(log.events(), events.len() as u64);
    let wanted: Vec<Event> = events.iter().filter(|event| filter.wants(event)).cloned().collect();
    assert_eq!(selected(log, filter), wanted);
    assert_eq!(log.event(i).expect("a good log").as_ref(), events.get(i as usize));
    let naive: Vec<u64> = chain(events, i).iter().map(|event| event.i).collect();
    assert_eq!(log.causes(i).collect::<Vec<_>>(), naive);
    let short = log.chain(i, 2, 1).expect("a good log");
    let shown: Vec<u64> = short.near.iter().chain(&short.far).map(|event| event.i).collect();
    assert_eq!(shown.len() as u64 + short.left_out, naive.len() as u64);
    assert!(shown.iter().all(|i| naive.contains(i)) && shown.last() == naive.last());
    let effects: Vec<u64> =
        events.iter().filter(|event| event.cause == Some(i)).map(|event| event.i).collect();
    assert_eq!(log.effects(i).collect::<Vec<_>>(), effects);
    let before = |event: &&Event| event.cause.is_some() && event.i < i;
    let siblings =
        events.iter().filter(before).filter(|e| Some(e.cause) == events.get(i as usize).map(|e| e.cause));
    assert_eq!(log.siblings_before(i).collect::<Vec<_>>(), siblings.map(|event| event.i).collect::<Vec<_>>());
    if let Some(event) = events.get(i as usize) {
        let of_actor = events.iter().filter(|other| other.actor == event.actor && other.i < i);
        let mut last: Vec<Event> = of_actor.rev().take(3).cloned().collect();
        last.reverse();
        assert_eq!(log.last_of(event.actor, i, 3).expect("a good log"), last);
        Trace::of(log, i).expect("a good log");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn answers_are_those_of_reading_it_all(
        (events, filter, i) in (any_events(), any_filter(), 0..310_u64),
    ) {
        let text = log_of(&events);
        let plain = Place::of(&text, "events.jsonl");
        check_answers(&events, &plain.open().expect("a good log"), &filter, i);
        // The second time the index is there.
        check_answers(&events, &plain.open().expect("a good log"), &filter, i);
        let packed = Place::of(&zstd::encode_all(&text[..], 3).expect("it compresses"), "events.jsonl.zst");
        check_answers(&events, &packed.open().expect("a good log"), &filter, i);
        check_answers(&events, &packed.open().expect("a good log"), &filter, i);
    }

    #[test]
    fn a_damaged_index_is_built_anew(
        place in any::<prop::sample::Index>(),
        bit in 0..8_u32,
        cut in any::<bool>(),
    ) {
        let log = Place::of(&log_of(&crate::event_log::tests::one_of_each()), "events.jsonl");
        log.open().expect("a good log");
        let sound = fs::read(log.index()).expect("it is kept");
        let mut damaged = sound.clone();
        let place = place.index(damaged.len());
        match cut {
            true => damaged.truncate(place),
            false => damaged[place] ^= 1 << bit,
        }
        fs::write(log.index(), damaged).expect("written");
        log.open().expect("a good log");
        prop_assert_eq!(fs::read(log.index()).expect("it is kept"), sound);
    }
}

#[test]
fn the_digest_counts_what_is_there() {
    let events = crate::event_log::tests::one_of_each();
    let log = Place::of(&log_of(&events), "events.jsonl").open().expect("a good log");
    let digest = log.digest();
    assert_eq!(digest.events, events.len() as u64);
    for what in What::ALL {
        let count = events.iter().filter(|event| event.body.what() == what).count() as u64;
        assert_eq!(digest.of_what(what), count, "{what:?}");
        assert!(count > 0, "{what:?} is in no sample");
        assert!(events.iter().all(|event| event.body.what() != what || event.kind == what.kind()));
    }
    assert_eq!((digest.clients.invoked, digest.clients.ok), (2, 1));
    assert_eq!((digest.operations.entries.len(), digest.faults.entries.len()), (1, 1));
    assert!(digest.faults.entries[0].is.healed.is_some());
}

#[test]
fn the_words_of_statements_are_those_of_the_log() {
    for event in crate::event_log::tests::one_of_each() {
        let line: serde_json::Value =
            serde_json::from_str(&crate::event_log::event_line(&event)).expect("a line is JSON");
        assert_eq!(line["what"], event.body.word());
    }
}

#[test]
fn an_index_is_used_again_until_the_log_changes() {
    let events = crate::event_log::tests::one_of_each();
    let log = Place::of(&log_of(&events[..9]), "events.jsonl");
    assert!(log.opened_by_reading());
    assert!(!log.opened_by_reading());
    fs::write(&log.log, log_of(&events)).expect("written");
    assert!(log.opened_by_reading());
    assert_eq!(log.open().expect("a good log").events(), events.len() as u64);
}

#[test]
fn a_small_log_leaves_nothing_behind() {
    let log = Place::of(&log_of(&crate::event_log::tests::one_of_each()), "events.jsonl");
    let opened = IndexedLog::open(&log.log, &log.keep(1 << 20), &mut |_| {}).expect("a good log");
    assert_eq!(*opened.kept(), Kept::No);
    assert!(!log.index().exists() && !log.folder.path().join("cache").exists());
}

#[test]
fn an_index_goes_into_the_cache_if_its_folder_takes_none() {
    let log = Place::of(&log_of(&crate::event_log::tests::one_of_each()), "events.jsonl");
    // A folder of this name is in the way for anybody, even for root.
    fs::create_dir(log.index()).expect("a folder");
    for _ in 0..2 {
        let opened = log.open().expect("a good log");
        assert!(matches!(opened.kept(), Kept::InCache(place) if place.is_file()), "{:?}", opened.kept());
    }
    fs::remove_dir_all(log.folder.path().join("cache")).expect("removed");
    fs::write(log.folder.path().join("cache"), "in the way").expect("written");
    let opened = log.open().expect("a good log");
    assert!(matches!(opened.kept(), Kept::Nowhere(_)), "{:?}", opened.kept());
}

#[test]
fn a_log_that_was_cut_off_is_indexed_as_far_as_it_goes() {
    let text = log_of(&crate::event_log::tests::one_of_each());
    let log = Place::of(&text[..text.len() - 5], "events.jsonl").open().expect("a good log");
    assert!(log.digest().truncated);
    let whole = LogReader::new(&text[..]).expect("a header").count() as u64;
    assert_eq!(log.events(), whole - 1);
    let header = text.split_inclusive(|byte| *byte == b'\n').next().expect("a header");
    let log = Place::of(header, "events.jsonl").open().expect("a log without events");
    assert_eq!((log.events(), log.event(0).expect("readable")), (0, None));
}

#[test]
fn a_compressed_log_that_was_cut_off_is_indexed_as_far_as_it_can_be_had() {
    let latency = |i: u64| {
        let body = Body::Latency { conn: i % 7, ns: SimDuration::from_ns(i * i % 1_000_003) };
        Event { i, at: SimTime::from_ns(i), actor: ActorId::Network, kind: body.kind(), cause: None, body }
    };
    let text = log_of(&(0..20_000).map(latency).collect::<Vec<_>>());
    let packed = zstd::encode_all(&text[..], 1).expect("it compresses");
    let log = Place::of(&packed[..packed.len() * 3 / 4], "events.jsonl.zst").open().expect("a good log");
    let whole = LogReader::new(&text[..]).expect("a header").count() as u64;
    assert!(log.digest().truncated);
    assert!((whole / 4..whole).contains(&log.events()), "{} of {whole}", log.events());
    let last = log.events() - 1;
    assert_eq!(log.event(last).expect("readable").expect("there is one").i, last);
}

#[test]
fn what_is_wrong_with_a_log_is_told_with_its_line() {
    let events = crate::event_log::tests::one_of_each();
    let mut wrong = events.clone();
    wrong[3].cause = Some(u64::MAX);
    let told =
        |text: &[u8]| Place::of(text, "events.jsonl").open().map(drop).expect_err("refused").to_string();
    let text = told(&log_of(&wrong));
    assert!(text.contains("line 5 of the event log: event 3 names event 18446744073709551615"), "{text}");
    wrong.clone_from(&events);
    wrong.swap(5, 6);
    assert!(told(&log_of(&wrong)).contains("line 7 of the event log has event 6 where 5 should be"));
    let mut bytes = log_of(&events);
    let end = bytes.len() - 3;
    bytes[end] = 0xff;
    assert!(told(&bytes).contains("not UTF-8"));
}
