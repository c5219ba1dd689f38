//! The format as bytes, round trips of every kind of event, and logs that crashes, disks and people have been at.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::event::{
    Body, BusSummary, ChildState, Claim, Closing, Doubt, Event, Gossiped, LinkState, Member, MessageType,
    OutputStream, Phase, Published, Said, SavedEpochs, Told, Topic, ViewRole, ViewRow, ViewState,
};
use crate::fault::{BusAct, Channel, FaultId, FileCall, FileClass, LatencyRange};
use crate::history::{Outcome, Request};
use crate::id::{ActorId, ClientId, Host, NodeId};
use crate::op::{Ending, OpId};
use crate::plan::{ClusterPlan, Limits, NetworkPlan};
use crate::time::{SimDuration, SimTime};

fn check(actual: &str, expected: Expect) {
    expected.assert_eq(actual);
}

fn header() -> Header {
    let latency = LatencyRange { min_ns: SimDuration::from_us(500), max_ns: SimDuration::from_ms(1) };
    let plan = Plan {
        name: "one failover".to_owned(),
        seed: u64::MAX,
        epoch_us: 1_700_000_000_000_000,
        cluster: ClusterPlan::of(3, 1),
        network: NetworkPlan { latency, delays: Vec::new() },
        operations: Vec::new(),
        faults: Vec::new(),
        workload: None,
        guests: Vec::new(),
        limits: Limits {
            slot_coverage: true,
            replica_sync: false,
            data_consistency: true,
            max_convergence_ns: SimDuration::from_secs(30),
            max_replication_lag_ns: SimDuration::from_secs(1),
            ..Limits::default()
        },
    };
    let server = ServerIdentity {
        name: "valkey".to_owned(),
        version: "8.1.1".to_owned(),
        build_id: "384b3c0d511f998a".to_owned(),
        sha256: "00".repeat(32),
    };
    Header { tool: "valkey-fuzzer 0.1.0".to_owned(), ..Header::new(plan, server, "5af3".to_owned()) }
}

fn event(i: u64, at: u64, actor: ActorId, cause: Option<u64>, body: Body) -> Event {
    Event { i, at: SimTime::from_ns(at), actor, kind: body.kind(), cause, body }
}

/// A primary and a replica of a stranger.
fn rows(node: NodeId, epoch: u64, text: String, flag: bool) -> Vec<ViewRow> {
    let stranger = Member::from(text);
    let primary = ViewRow {
        member: Member::Node(node),
        role: ViewRole::Primary { epoch },
        slots: vec![(0, node.0)],
        doubt: flag.then_some(Doubt::Pfail),
    };
    let role = ViewRole::Replica { of: flag.then(|| stranger.clone()) };
    vec![primary, ViewRow { member: stranger, role, slots: Vec::new(), doubt: None }]
}

fn gone(text: String, flag: bool) -> Vec<Member> {
    flag.then(|| Member::from(text)).into_iter().collect()
}

/// A list of everything that can be said, or an error.
fn said(number: u64, text: String, flag: bool) -> Said {
    let list = vec![Said::Nothing, Said::Number(number as i64), Said::Text(text.clone())];
    if flag { Said::List(list) } else { Said::Error { error: text } }
}

fn claim(small: u16, text: &str) -> Claim {
    let of = (small > 1).then(|| text.to_owned());
    Claim { id: text.to_owned(), flags: small, of, slots: vec![(small, small)], ok: small == 0 }
}

/// One event of each kind of statement, all values from these.
fn bodies(number: u64, small: u16, flag: bool, text: &str, host: Host) -> Vec<Body> {
    let epoch = flag.then_some(number);
    let bus = BusSummary {
        r#type: MessageType(small),
        current_epoch: epoch,
        config_epoch: epoch,
        paused: epoch.map(|_| true),
        forced: epoch.map(|_| true),
        offset: epoch,
        claim: epoch.map(|_| Box::new(claim(small, text))),
        about: epoch.map(|_| text.to_owned()),
        gossip: epoch.map(|_| Gossiped(text.to_owned(), small)).into_iter().collect(),
        published: epoch.map(|_| Box::new(Published(text.to_owned(), text.to_owned()))),
    };
    let (conn, len, op, fault, node) = (number, u64::from(small), OpId(small), FaultId(small), NodeId(small));
    let text = || text.to_owned();
    let channel = if flag { Channel::Bus } else { Channel::Replication };
    vec![
        Body::Latency { conn, ns: SimDuration::from_ns(number) },
        Body::Held { conn, len },
        Body::Picked { node, why: text() },
        Body::Gap { ns: SimDuration::from_ns(number) },
        Body::Split { conn, first: len },
        Body::Ruled { fault, nth: number, conn, from: node, to: node, act: BusAct::Lie },
        Body::Order { turn: len, draw: number },
        Body::Phase { phase: Phase::Settle },
        Body::Start { incarnation: number as u32 },
        Body::Wake,
        Body::Deliver { conn, len },
        Body::Link { conn, state: LinkState::TimedOut },
        Body::Signal { signal: text() },
        Body::Pause { paused: flag },
        Body::Rule { fault, on: flag },
        Body::Timer { purpose: text() },
        Body::Fault { fault, text: text(), hit: if flag { vec![] } else { vec![node] } },
        Body::Heal { fault, text: text() },
        Body::Operation { op, text: text() },
        Body::Tell { message: Told::Words { text: text() } },
        Body::GuestStart,
        Body::GuestWrote { conn, len, commands: vec![vec![text(), text()]], partial: flag },
        Body::GuestProgram { program: text(), sha256: text(), folder: None },
        Body::Output { stream: OutputStream::Stderr, line: text() },
        Body::GuestEnded { status: text() },
        Body::Dial { from: ActorId::Operator, conn, to: host, port: small },
        Body::Listen { node, port: small },
        Body::Sent {
            from: ActorId::Node(node),
            conn,
            channel,
            to: host,
            len,
            digest: text(),
            bus: flag.then_some(Box::new(bus)),
            repl: None,
        },
        Body::Closed { from: ActorId::Node(node), conn, how: Closing::HalfClosed },
        Body::Log { line: text() },
        Body::Exited { status: text() },
        Body::Child { pid: number as u32, state: ChildState::Forked },
        Body::File { call: FileCall::Fsync, file: FileClass::NodesConf },
        Body::Saved { epochs: SavedEpochs { current_epoch: 9, last_vote_epoch: 8, config_epoch: 7 } },
        Body::Livelock { detail: text() },
        Body::Deadlock { detail: text() },
        Body::Reply { op: flag.then_some(op), text: text(), total: flag.then_some(number) },
        Body::OperationEnded { op, done: flag, text: text(), ending: flag.then_some(Ending::Done) },
        Body::Invoke { sequence: number, request: Request::Set { key: text(), value: text() } },
        Body::Invoke { sequence: number, request: Request::Get { key: text() } },
        Body::Complete { sequence: number, outcome: Outcome::Ok(flag.then(text)), node: Some(node) },
        Body::Complete { sequence: number, outcome: Outcome::Fail(text()), node: None },
        Body::Complete { sequence: number, outcome: Outcome::Info(text()), node: None },
        Body::Redirect { node, slot: small, to: node, ask: flag },
        Body::OutOfStep { node, detail: text() },
        Body::Pushed { node, push: vec![text(), text()] },
        Body::Probe {
            node,
            state: ViewState::Unknown,
            rows: rows(node, number, text(), flag),
            gone: gone(text(), flag),
        },
        Body::Account { node, topic: Topic::Slots, said: said(number, text(), flag) },
        Body::Verdict { invariant: text(), verdict: text(), detail: text() },
        Body::StrangerGot { fault: FaultId(small), node: NodeId(small), bus: flag, text: text() },
    ]
}

/// Events of every kind; their numbers are their places.
pub(super) fn one_of_each() -> Vec<Event> {
    bodies(7, 3, true, "a \"text\"\n", Host::Operator)
        .into_iter()
        .enumerate()
        .map(|(i, body)| event(i as u64, i as u64 * 10, ActorId::Network, (i as u64).checked_sub(1), body))
        .collect()
}

pub(super) fn any_event() -> impl Strategy<Value = Event> {
    let actor = prop_oneof![
        Just(ActorId::Director),
        Just(ActorId::Network),
        Just(ActorId::Validator),
        (1..=u16::MAX).prop_map(|n| ActorId::Node(NodeId(n))),
        (1..=u16::MAX).prop_map(|n| ActorId::Client(ClientId(n))),
    ];
    let number = || prop_oneof![Just(u64::MAX), Just(1 << 63), Just(0), any::<u64>()];
    let host = prop_oneof![Just(Host::Validator), (1..=u16::MAX).prop_map(|n| Host::Node(NodeId(n)))];
    let body = (number(), any::<u16>(), any::<bool>(), any::<String>(), host, any::<prop::sample::Index>())
        .prop_map(|(number, small, flag, text, host, which)| {
            let mut bodies = bodies(number, small, flag, &text, host);
            bodies.swap_remove(which.index(bodies.len()))
        });
    (number(), number(), actor, prop::option::of(number()), body)
        .prop_map(|(i, at, actor, cause, body)| event(i, at, actor, cause, body))
}

pub(super) fn log_of(events: &[Event]) -> Vec<u8> {
    let mut text = serde_json::to_vec(&header()).expect("a header is plain data");
    for event in events {
        text.push(b'\n');
        text.extend(event_line(event).into_bytes());
    }
    text.push(b'\n');
    text
}

/// What becomes of a log: how many events were read, whether the end was cut off, and the error.
fn read(log: &[u8]) -> String {
    let mut reader = match LogReader::new(log) {
        Ok(reader) => reader,
        Err(error) => return error.to_string(),
    };
    let (mut count, mut error) = (0, None);
    for event in &mut reader {
        match event {
            Ok(_) => count += 1,
            Err(found) => error = Some(found),
        }
    }
    let error = error.map_or("none".to_owned(), |error| error.to_string());
    format!("{count} events, truncated: {}, error: {error}", reader.truncated())
}

/// The log of one of each with the first `from` in its text replaced.
fn edited(from: &str, to: &str) -> Vec<u8> {
    let log = String::from_utf8(log_of(&one_of_each())).expect("JSON is UTF-8");
    assert!(log.contains(from), "{from} is in the log");
    log.replacen(from, to, 1).into_bytes()
}

/// A sink whose bytes can be looked at, and which is full after some of them.
#[derive(Clone, Default)]
struct Shared {
    bytes: Arc<Mutex<Vec<u8>>>,
    room: Option<usize>,
}

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().expect("no writer panicked").clone()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.bytes.lock().expect("no writer panicked");
        if self.room.is_some_and(|room| all.len() + bytes.len() > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        all.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_format_is_these_bytes() {
    let text = String::from_utf8(log_of(&one_of_each())).expect("JSON is UTF-8");
    check(
        &text,
        expect![[r#"
            {"format":2,"tool":"valkey-fuzzer 0.1.0","seed":18446744073709551615,"plan":{"name":"one failover","seed":18446744073709551615,"epoch_us":1700000000000000,"cluster":{"shards":3,"replicas":1,"node_timeout_ms":5000,"config":{}},"network":{"latency":{"min_ns":500000,"max_ns":1000000}},"operations":[],"faults":[],"workload":null,"limits":{"slot_coverage":true,"replica_sync":false,"data_consistency":true,"operations":true,"max_convergence_ns":30000000000,"max_replication_lag_ns":1000000000}},"server":{"name":"valkey","version":"8.1.1","build_id":"384b3c0d511f998a","sha256":"0000000000000000000000000000000000000000000000000000000000000000"},"shim":"5af3"}
            {"i":0,"at":0,"actor":"network","kind":"decision","cause":null,"what":"latency","conn":7,"ns":7}
            {"i":1,"at":10,"actor":"network","kind":"decision","cause":0,"what":"held","conn":7,"len":3}
            {"i":2,"at":20,"actor":"network","kind":"decision","cause":1,"what":"picked","node":3,"why":"a \"text\"\n"}
            {"i":3,"at":30,"actor":"network","kind":"decision","cause":2,"what":"gap","ns":7}
            {"i":4,"at":40,"actor":"network","kind":"decision","cause":3,"what":"split","conn":7,"first":3}
            {"i":5,"at":50,"actor":"network","kind":"decision","cause":4,"what":"ruled","fault":3,"nth":7,"conn":7,"from":3,"to":3,"act":"lie"}
            {"i":6,"at":60,"actor":"network","kind":"decision","cause":5,"what":"order","turn":3,"draw":7}
            {"i":7,"at":70,"actor":"network","kind":"effect","cause":6,"what":"phase","phase":"settle"}
            {"i":8,"at":80,"actor":"network","kind":"effect","cause":7,"what":"start","incarnation":7}
            {"i":9,"at":90,"actor":"network","kind":"effect","cause":8,"what":"wake"}
            {"i":10,"at":100,"actor":"network","kind":"effect","cause":9,"what":"deliver","conn":7,"len":3}
            {"i":11,"at":110,"actor":"network","kind":"effect","cause":10,"what":"link","conn":7,"state":"timed_out"}
            {"i":12,"at":120,"actor":"network","kind":"effect","cause":11,"what":"signal","signal":"a \"text\"\n"}
            {"i":13,"at":130,"actor":"network","kind":"effect","cause":12,"what":"pause","paused":true}
            {"i":14,"at":140,"actor":"network","kind":"effect","cause":13,"what":"rule","fault":3,"on":true}
            {"i":15,"at":150,"actor":"network","kind":"effect","cause":14,"what":"timer","purpose":"a \"text\"\n"}
            {"i":16,"at":160,"actor":"network","kind":"effect","cause":15,"what":"fault","fault":3,"text":"a \"text\"\n"}
            {"i":17,"at":170,"actor":"network","kind":"effect","cause":16,"what":"heal","fault":3,"text":"a \"text\"\n"}
            {"i":18,"at":180,"actor":"network","kind":"effect","cause":17,"what":"operation","op":3,"text":"a \"text\"\n"}
            {"i":19,"at":190,"actor":"network","kind":"effect","cause":18,"what":"tell","message":"words","text":"a \"text\"\n"}
            {"i":20,"at":200,"actor":"network","kind":"effect","cause":19,"what":"guest_start"}
            {"i":21,"at":210,"actor":"network","kind":"effect","cause":20,"what":"guest_wrote","conn":7,"len":3,"commands":[["a \"text\"\n","a \"text\"\n"]],"partial":true}
            {"i":22,"at":220,"actor":"network","kind":"observation","cause":21,"what":"guest_program","program":"a \"text\"\n","sha256":"a \"text\"\n"}
            {"i":23,"at":230,"actor":"network","kind":"observation","cause":22,"what":"output","stream":"stderr","line":"a \"text\"\n"}
            {"i":24,"at":240,"actor":"network","kind":"observation","cause":23,"what":"guest_ended","status":"a \"text\"\n"}
            {"i":25,"at":250,"actor":"network","kind":"observation","cause":24,"what":"dial","from":"operator","conn":7,"to":"operator","port":3}
            {"i":26,"at":260,"actor":"network","kind":"observation","cause":25,"what":"listen","node":3,"port":3}
            {"i":27,"at":270,"actor":"network","kind":"observation","cause":26,"what":"sent","from":"node-3","conn":7,"channel":"bus","to":"operator","len":3,"digest":"a \"text\"\n","bus":{"type":"fail","current_epoch":7,"config_epoch":7,"paused":true,"forced":true,"offset":7,"claim":{"id":"a \"text\"\n","flags":3,"of":"a \"text\"\n","slots":[[3,3]],"ok":false},"about":"a \"text\"\n","gossip":[["a \"text\"\n",3]],"published":["a \"text\"\n","a \"text\"\n"]}}
            {"i":28,"at":280,"actor":"network","kind":"observation","cause":27,"what":"closed","from":"node-3","conn":7,"how":"half-closed"}
            {"i":29,"at":290,"actor":"network","kind":"observation","cause":28,"what":"log","line":"a \"text\"\n"}
            {"i":30,"at":300,"actor":"network","kind":"observation","cause":29,"what":"exited","status":"a \"text\"\n"}
            {"i":31,"at":310,"actor":"network","kind":"observation","cause":30,"what":"child","pid":7,"state":"forked"}
            {"i":32,"at":320,"actor":"network","kind":"observation","cause":31,"what":"file","call":"fsync","file":"nodes_conf"}
            {"i":33,"at":330,"actor":"network","kind":"observation","cause":32,"what":"saved","current_epoch":9,"last_vote_epoch":8,"config_epoch":7}
            {"i":34,"at":340,"actor":"network","kind":"observation","cause":33,"what":"livelock","detail":"a \"text\"\n"}
            {"i":35,"at":350,"actor":"network","kind":"observation","cause":34,"what":"deadlock","detail":"a \"text\"\n"}
            {"i":36,"at":360,"actor":"network","kind":"observation","cause":35,"what":"reply","op":3,"text":"a \"text\"\n","total":7}
            {"i":37,"at":370,"actor":"network","kind":"observation","cause":36,"what":"operation_ended","op":3,"done":true,"text":"a \"text\"\n","ending":"done"}
            {"i":38,"at":380,"actor":"network","kind":"observation","cause":37,"what":"invoke","sequence":7,"request":{"set":{"key":"a \"text\"\n","value":"a \"text\"\n"}}}
            {"i":39,"at":390,"actor":"network","kind":"observation","cause":38,"what":"invoke","sequence":7,"request":{"get":{"key":"a \"text\"\n"}}}
            {"i":40,"at":400,"actor":"network","kind":"observation","cause":39,"what":"complete","sequence":7,"outcome":{"ok":"a \"text\"\n"},"node":3}
            {"i":41,"at":410,"actor":"network","kind":"observation","cause":40,"what":"complete","sequence":7,"outcome":{"fail":"a \"text\"\n"},"node":null}
            {"i":42,"at":420,"actor":"network","kind":"observation","cause":41,"what":"complete","sequence":7,"outcome":{"info":"a \"text\"\n"},"node":null}
            {"i":43,"at":430,"actor":"network","kind":"observation","cause":42,"what":"redirect","node":3,"slot":3,"to":3,"ask":true}
            {"i":44,"at":440,"actor":"network","kind":"observation","cause":43,"what":"out_of_step","node":3,"detail":"a \"text\"\n"}
            {"i":45,"at":450,"actor":"network","kind":"observation","cause":44,"what":"pushed","node":3,"push":["a \"text\"\n","a \"text\"\n"]}
            {"i":46,"at":460,"actor":"network","kind":"observation","cause":45,"what":"probe","node":3,"state":"unknown","rows":[{"member":"node-3","role":"primary","epoch":7,"slots":[[0,3]],"doubt":"pfail"},{"member":"a \"text\"\n","role":"replica","of":"a \"text\"\n"}],"gone":["a \"text\"\n"]}
            {"i":47,"at":470,"actor":"network","kind":"observation","cause":46,"what":"account","node":3,"topic":"slots","said":[null,7,"a \"text\"\n"]}
            {"i":48,"at":480,"actor":"network","kind":"verdict","cause":47,"what":"verdict","invariant":"a \"text\"\n","verdict":"a \"text\"\n","detail":"a \"text\"\n"}
            {"i":49,"at":490,"actor":"network","kind":"observation","cause":48,"what":"stranger_got","fault":3,"node":3,"bus":true,"text":"a \"text\"\n"}
        "#]],
    );
}

#[test]
fn the_format_document_names_every_statement_there_is() {
    let error = serde_json::from_str::<Body>(r#"{"what":""}"#).expect_err("there is no such statement");
    let error = error.to_string();
    let known: BTreeSet<&str> = error.split('`').skip(3).step_by(2).collect();
    let document = include_str!("../../replay/FORMAT.md");
    let line = |what: &&&str| document.lines().any(|line| line.starts_with(&format!("| `{what}` ")));
    assert_eq!(known.iter().filter(|what| !line(what)).collect::<Vec<_>>(), Vec::<&&str>::new());
    let tested = one_of_each();
    let tested =
        tested.iter().map(|event| serde_json::to_value(&event.body).expect("an event is plain data"));
    let tested: BTreeSet<String> =
        tested.map(|body| body["what"].as_str().expect("a text").to_owned()).collect();
    assert_eq!(tested.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
}

#[test]
fn what_was_pushed_is_read_and_the_digest_is_the_one_of_the_bytes() {
    let (sink, events) = (Shared::default(), one_of_each());
    let mut writer = LogWriter::spawn(Box::new(sink.clone()), &header());
    events.iter().for_each(|event| writer.push(event.clone()));
    let summary = writer.finish().expect("the sink takes everything");
    let log = sink.bytes();
    assert_eq!(log, log_of(&events));
    assert_eq!((summary.events, summary.bytes), (events.len() as u64, log.len() as u64));
    check(&summary.sha256, expect!["5bb42f13a38e1a124af5573dcf619153a0ae7d29eaa42e6df7a0f07a607630e7"]);
    let reader = LogReader::new(&log[..]).expect("a log");
    assert_eq!(reader.header(), &header());
    assert_eq!(reader.map(|event| event.expect("an event")).collect::<Vec<_>>(), events);
}

fn wakes(count: u64) -> impl Iterator<Item = Event> {
    (0..count).map(|i| event(i, i, ActorId::Director, None, Body::Wake))
}

#[test]
fn a_log_that_nobody_finished_is_whole() {
    let sink = Shared::default();
    let log = sink.clone();
    let panicked = std::panic::catch_unwind(move || {
        let mut writer = LogWriter::spawn(Box::new(log), &header());
        wakes(1000).for_each(|event| writer.push(event));
        std::panic::resume_unwind(Box::new("the run failed"));
    });
    assert!(panicked.is_err());
    check(&read(&sink.bytes()), expect!["1000 events, truncated: false, error: none"]);
}

#[test]
fn a_full_disk_is_told_at_the_end_and_holds_nobody_up() {
    let sink = Shared { room: Some(100_000), ..Shared::default() };
    let mut writer = LogWriter::spawn(Box::new(sink), &header());
    wakes(200_000).for_each(|event| writer.push(event));
    assert!(writer.has_failed());
    let error = writer.finish().expect_err("the log is not whole");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    check(
        &error.to_string(),
        expect!["writing the event log after 1024 events (83430 bytes): no storage space"],
    );
}

#[test]
fn a_sink_that_takes_nothing_is_told_even_without_events() {
    let sink = Shared { room: Some(0), ..Shared::default() };
    let error = LogWriter::spawn(Box::new(sink), &header()).finish().expect_err("no header was written");
    check(&error.to_string(), expect!["writing the event log after 0 events (0 bytes): no storage space"]);
}

#[test]
fn a_line_that_a_crash_cut_off_is_left_out_and_told() {
    let log = log_of(&one_of_each());
    let last = log.len() - 1;
    check(
        &[read(&log), read(&log[..last]), read(&log[..last - 1]), read(&log[..last - 80])].join("\n"),
        expect![[r#"
            50 events, truncated: false, error: none
            50 events, truncated: false, error: none
            49 events, truncated: true, error: none
            49 events, truncated: true, error: none"#]],
    );
}

#[test]
fn what_is_no_log_is_refused_by_name() {
    let unfit = |from, to| read(&edited(from, to));
    let mut not_text = log_of(&one_of_each());
    let at = not_text.len() - 20;
    not_text[at] = 0xff;
    let answers = [
        read(b""),
        read(b"\n"),
        read(b"{\"form"),
        read(b"{\"format\":2}\n"),
        read(b"[1,2]\n"),
        unfit("\"format\":2,", "\"format\":7,"),
        unfit("\"seed\":18446744073709551615", "\"seed\":4"),
        unfit("\"i\":0,", "\"i\":1,"),
        unfit("\"i\":9,", "\"i\":8,"),
        unfit("\"i\":9,", "\"i\":-9,"),
        unfit("\"i\":9,", "\"i\":99999999999999999999999,"),
        unfit("\"i\":9,", "\"i\":9.0,"),
        unfit("\"at\":90,", "\"at\":79,"),
        unfit("\"cause\":8", "\"cause\":9"),
        unfit("\"kind\":\"decision\"", "\"kind\":\"effect\""),
        unfit("\"what\":\"wake\"", "\"what\":\"sleep\""),
        unfit("\"actor\":\"network\"", "\"actor\":\"node-0\""),
        unfit("{\"i\":5", "\n{\"i\":5"),
        unfit("{\"i\":5", &"[".repeat(100_000)),
        read(&not_text),
    ];
    check(
        &answers.join("\n"),
        expect![[r#"
            the event log is empty
            the first line is no header of an event log: EOF while parsing a value at column 0
            the first line is no header of an event log: EOF while parsing a string at column 6
            the first line is no header of an event log: missing field `tool` at column 12
            the first line is no header of an event log: trailing characters at column 4
            event log format 7 is not known to this version (knows 1 to 2)
            the first line is no header of an event log: its seed is not its plan's
            0 events, truncated: false, error: line 2 of the event log has event 1 where 0 should be
            9 events, truncated: false, error: line 11 of the event log has event 8 where 9 should be
            9 events, truncated: false, error: line 11 of the event log is no event: invalid value: integer `-9`, expected u64 at column 7
            9 events, truncated: false, error: line 11 of the event log is no event: invalid type: floating point `1e+23`, expected u64 at column 28
            9 events, truncated: false, error: line 11 of the event log is no event: invalid type: floating point `9.0`, expected u64 at column 8
            9 events, truncated: false, error: line 11 of the event log: time goes back from 80 ns to 79 ns
            9 events, truncated: false, error: line 11 of the event log: event 9 names event 9 as its cause
            0 events, truncated: false, error: line 2 of the event log: the kind of event 0 does not fit what happened
            9 events, truncated: false, error: line 11 of the event log is no event: unknown variant `sleep`, expected one of `latency`, `held`, `picked`, `gap`, `ruled`, `split`, `order`, `phase`, `start`, `wake`, `deliver`, `link`, `signal`, `pause`, `rule`, `guest_start`, `timer`, `fault`, `heal`, `stranger_got`, `operation`, `guest_wrote`, `tell`, `dial`, `listen`, `sent`, `closed`, `log`, `exited`, `guest_program`, `output`, `guest_ended`, `child`, `file`, `saved`, `livelock`, `deadlock`, `reply`, `operation_ended`, `invoke`, `complete`, `redirect`, `out_of_step`, `pushed`, `probe`, `account`, `verdict` at column 74
            0 events, truncated: false, error: line 2 of the event log is no event: `node-0` names no participant at column 30
            5 events, truncated: false, error: line 7 of the event log is no event: EOF while parsing a value at column 0
            5 events, truncated: false, error: line 7 of the event log is no event: invalid type: sequence, expected struct Event at column 0
            49 events, truncated: false, error: line 51 of the event log is not UTF-8"#]],
    );
}

#[test]
fn a_line_without_an_end_does_not_fill_the_memory() {
    let endless = io::BufReader::new(io::repeat(b' '));
    check(
        &LogReader::new(endless).expect_err("refused").to_string(),
        expect!["line 1 of the event log is longer than 16777216 bytes"],
    );
}

#[test]
fn the_first_difference_is_told_and_none_after_it() {
    let events = one_of_each();
    let (mut other, shorter) = (events.clone(), events[..4].to_vec());
    other[2].at = SimTime::from_ns(21);
    other[2].body = Body::Picked { node: NodeId(1), why: "first".to_owned() };
    other[3].at = SimTime::from_ns(40);
    let diff = |left: &[Event], right: &[Event]| {
        let (left, right) = (left.iter().cloned(), right.iter().cloned());
        let found = first_difference(left.map(Ok::<_, ReadError>), right.map(Ok));
        found.expect("events in memory can be read")
    };
    assert_eq!(diff(&events, &events), None);
    assert_eq!(diff(&[], &[]), None);
    let found = [diff(&events, &other), diff(&events, &shorter), diff(&[], &shorter)];
    let found = found.map(|difference| difference.expect("they differ").to_string());
    check(
        &found.join("\n"),
        expect![[r#"
            event 2 differs in at, what
              first:  {"i":2,"at":20,"actor":"network","kind":"decision","cause":1,"what":"picked","node":3,"why":"a \"text\"\n"}
              second: {"i":2,"at":21,"actor":"network","kind":"decision","cause":1,"what":"picked","node":1,"why":"first"}
            one log ends before event 4
              first:  {"i":4,"at":40,"actor":"network","kind":"decision","cause":3,"what":"split","conn":7,"first":3}
              second: (the log ends)
            one log ends before event 0
              first:  (the log ends)
              second: {"i":0,"at":0,"actor":"network","kind":"decision","cause":null,"what":"latency","conn":7,"ns":7}"#]],
    );
}

#[test]
fn lines_part_where_their_events_do() {
    let events = one_of_each();
    let mut other = events.clone();
    other[4].at = SimTime::from_ns(41);
    let diff =
        |left: &[u8], right: &[u8]| first_difference_of_lines(left, right).map_err(|error| error.is_second);
    let (text, length) = (log_of(&events), events.len() as u64);
    assert_eq!(diff(&text, &text), Ok((length, None)));
    let respaced = String::from_utf8(text.clone()).expect("text").replace("\"what\":", "\"what\": ");
    assert_eq!(diff(&text, respaced.as_bytes()), Ok((length, None)));
    let naive = first_difference::<ReadError>(events.iter().cloned().map(Ok), other.iter().cloned().map(Ok));
    let naive = naive.expect("events in memory can be read");
    assert_eq!(diff(&text, &log_of(&other)), Ok((4, naive)));
    let cut = diff(&text, &text[..text.len() - 9]).expect("readable");
    assert_eq!((cut.0, cut.1.map(|end| (end.left.is_some(), end.right))), (length - 1, Some((true, None))));
    let garbled = [&text[..text.len() - 9], b"\n"].concat();
    assert_eq!(diff(&text, &garbled), Err(true));
    assert_eq!(diff(&garbled, &text), Err(false));
}

#[test]
fn a_chain_goes_back_to_the_first_cause() {
    let mut events: Vec<Event> = wakes(6).collect();
    for (i, cause) in [(5, 3), (4, 3), (3, 0), (2, 1)] {
        events[i].cause = Some(cause);
    }
    let numbers = |events: &[Event], i| chain(events, i).iter().map(|event| event.i).collect::<Vec<_>>();
    assert_eq!(numbers(&events, 5), [5, 3, 0]);
    assert_eq!(numbers(&events, 0), [0]);
    assert_eq!(numbers(&events, 6), [0; 0]);
    assert_eq!(numbers(&events[2..], 5), [5, 3]);
    events[3].cause = Some(5);
    assert_eq!(numbers(&events, 5), [5, 3]);
}

proptest! {
    #[test]
    fn an_event_comes_back_as_it_was(event in any_event()) {
        let line = event_line(&event);
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(serde_json::from_str::<Event>(&line).expect("a line is an event"), event);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
        let mut log = log_of(&one_of_each()[..3]);
        log.extend(bytes);
        read(&log);
    }

    #[test]
    fn a_mutated_log_never_panics(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut log = log_of(&one_of_each());
        for (at, byte) in changes {
            let at = at.index(log.len());
            log[at] = byte;
        }
        read(&log);
        log.truncate(cut.index(log.len()));
        read(&log);
    }

    #[test]
    fn a_log_cut_off_anywhere_gives_the_events_before(cut in any::<prop::sample::Index>()) {
        let (log, events) = (log_of(&one_of_each()), one_of_each());
        let body = log.iter().position(|byte| *byte == b'\n').expect("a header has an end") + 1;
        let cut = body + cut.index(log.len() - body);
        let whole = log[body..cut].iter().filter(|byte| **byte == b'\n').count();
        let mut reader = LogReader::new(&log[..cut]).expect("the header is whole");
        let got: Vec<Event> = (&mut reader).map(|event| event.expect("what is whole is read")).collect();
        // A line that lacks nothing but its newline is whole as well.
        prop_assert!(got.len() == whole || got.len() == whole + 1 && log[cut] == b'\n');
        prop_assert_eq!(&got[..], &events[..got.len()]);
        prop_assert_eq!(reader.truncated(), log[cut - 1] != b'\n' && got.len() == whole);
    }
}
