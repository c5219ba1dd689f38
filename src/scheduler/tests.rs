//! The scheduler over a world of scripts: what comes when, to whom, and how a run ends.

use super::*;
use crate::event::{Body, Event};
use crate::event_log::LogWriter;
use crate::fault::LatencyRange;
use crate::invariant::gather::Gatherer;
use crate::plan::{ClusterPlan, Limits, NetworkPlan};
use crate::time::SimDuration;
use crate::world::fake::{Fake, Step};

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);
const MS: SimDuration = SimDuration::from_ms(1);

/// Three nodes a millisecond apart, and nothing that happens to them. Nobody answers the operator, so it forms no
/// cluster; the run ends with its patience.
fn plan() -> Plan {
    Plan {
        name: "scripts".to_owned(),
        seed: 1,
        epoch_us: 0,
        cluster: ClusterPlan::of(3, 0),
        network: NetworkPlan { latency: LatencyRange { min_ns: MS, max_ns: MS }, delays: Vec::new() },
        operations: Vec::new(),
        faults: Vec::new(),
        workload: None,
        guests: Vec::new(),
        limits: Limits::default(),
    }
}

struct Ran {
    ending: Result<Ending, WorldError>,
    events: Vec<Event>,
}

impl Ran {
    fn only(&self, wanted: impl Fn(&Event) -> bool) -> &Event {
        let found: Vec<_> = self.events.iter().filter(|event| wanted(event)).collect();
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0]
    }

    /// When a node wrote this line.
    fn said(&self, line: &str) -> SimTime {
        self.only(|event| matches!(&event.body, Body::Log { line: it } if it == line)).at
    }

    /// Who was told something by an event, in order.
    fn told_by(&self, cause: &Event) -> Vec<ActorId> {
        self.events.iter().filter(|event| event.cause == Some(cause.i)).map(|event| event.actor).collect()
    }
}

fn at(ms: u64) -> SimTime {
    SimTime::ZERO + MS.times(ms)
}

fn run(world: Fake) -> Ran {
    run_guided(world, Guide::default())
}

fn run_guided(world: Fake, guide: Guide) -> Ran {
    let stop = AtomicBool::new(false);
    run_watched(world, guide, &mut Watcher { stop: &stop, progress: &mut |_| {}, halt: None })
}

/// Runs a call, frozen for the first time before its fifth event.
fn run_visited(visit: &mut dyn FnMut(&mut Frozen) -> Onward) -> Ran {
    let stop = AtomicBool::new(false);
    let halt = Some(Halt { before: 4, visit });
    run_watched(a_call(), Guide::default(), &mut Watcher { stop: &stop, progress: &mut |_| {}, halt })
}

fn run_watched(world: Fake, guide: Guide, watcher: &mut Watcher) -> Ran {
    let plan = plan();
    let events = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&events);
    let observer: Observer = Box::new(move |event: &Event| kept.borrow_mut().push(event.clone()));
    let recorder = Recorder::new(LogWriter::nowhere(), Gatherer::new(&plan)).observed_by(Some(observer));
    let log = Rc::new(RefCell::new(recorder));
    let ending = Scheduler::new(&plan, guide, world, log).run(watcher);
    Ran { ending, events: events.take() }
}

/// Node 2 dials node 1, which blocks for longer than that takes.
fn a_call() -> Fake {
    let called = [
        Step::Listen(7000),
        Step::Block(MS.times(20)),
        Step::Say("woken"),
        Step::Block(MS.times(100)),
        Step::Say("later"),
    ];
    Fake::default().with(ONE, called).with(TWO, [Step::Block(MS.times(5)), Step::Dial(1, ONE, 7000)])
}

#[test]
fn what_a_turn_shows_comes_at_its_end_in_its_order() {
    let steps = [Step::Say("a"), Step::Listen(7000), Step::Say("b"), Step::Work(MS.times(5)), Step::Say("c")];
    let ran = run(Fake::default().with(ONE, steps));
    let start =
        ran.only(|event| event.actor == ActorId::Node(ONE) && matches!(event.body, Body::Start { .. }));
    let shown: Vec<_> =
        ran.events.iter().filter(|event| event.cause == Some(start.i) && event.at == at(5)).collect();
    let words: Vec<String> = shown
        .iter()
        .map(|event| match &event.body {
            Body::Log { line } => line.clone(),
            Body::Listen { port, .. } => port.to_string(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(words, ["a", "7000", "b", "c"]);
}

#[test]
fn a_deadline_that_was_overtaken_is_not_delivered() {
    let ran = run(a_call());
    // Dialled at 5 ms, there a millisecond later; its new deadline counts from then.
    assert_eq!((ran.said("woken"), ran.said("later")), (at(6), at(106)));
    let woken = |event: &&Event| event.actor == ActorId::Node(ONE) && matches!(event.body, Body::Wake);
    let deadlines: Vec<SimTime> = ran.events.iter().filter(woken).map(|event| event.at).collect();
    assert_eq!(deadlines, [at(106)]);
}

#[test]
fn an_end_is_told_to_everybody_whom_it_concerns() {
    let ends = [
        (Step::Exit("exit 3"), "exit 3"),
        (Step::Livelock, "it works for ever"),
        (Step::Deadlock, "it waits for itself"),
    ];
    for (step, status) in ends {
        let ran = run(Fake::default().with(TWO, [Step::Block(MS), step]));
        let ended = ran.only(|event| match &event.body {
            Body::Exited { status: it } | Body::Livelock { detail: it } | Body::Deadlock { detail: it } => {
                it == status
            }
            _ => false,
        });
        assert_eq!((ended.actor, ended.at), (ActorId::Node(TWO), at(1)));
        let told = [ActorId::Network, ActorId::Chaos, ActorId::Operator, ActorId::Validator];
        assert_eq!(ran.told_by(ended), told);
    }
}

#[test]
fn what_arrives_at_a_node_that_ended_disturbs_nobody() {
    let dialler = [Step::Block(MS.times(5)), Step::Dial(1, ONE, 7000), Step::Await, Step::Say("answered")];
    let ran = run(Fake::default()
        .with(ONE, [Step::Listen(7000), Step::Block(MS), Step::Exit("exit 0")])
        .with(TWO, dialler));
    assert!(ran.ending.is_ok());
    // The listener went without a word, so the network still takes calls for it; they end nowhere.
    assert_eq!(ran.said("answered"), at(7));
}

#[test]
fn a_world_that_fails_ends_the_run_with_its_reason() {
    let ran = run(Fake::default().with(ONE, [Step::Say("last words"), Step::GiveUp("no such call")]));
    let error = ran.ending.expect_err("the world failed").to_string();
    assert_eq!(error, "node-1: no such call");
}

#[test]
fn a_run_that_is_to_end_at_an_event_ends_there() {
    let guide = Guide { end_at: Some(20), ..Guide::default() };
    let ran = run_guided(a_call(), guide);
    let ending = ran.ending.expect("the world works");
    assert!(ending.interrupted && ending.unfinished.is_none());
    // The delivery that makes the event may make further ones.
    assert!((20..30).contains(&ran.events.len()), "{}", ran.events.len());
    let whole = run(a_call()).events;
    assert_eq!(ran.events[..], whole[..ran.events.len()]);
}

#[test]
fn nothing_is_injected_after_the_event_from_which_it_ceases() {
    let guide = Guide { cease_at: Some(10), ..Guide::default() };
    let ran = run_guided(a_call(), guide);
    let first = ran.events.iter().position(|event| event.i >= 10 && event.cause.is_none());
    let first = first.expect("somebody is told to cease");
    let told: Vec<ActorId> = ran.events[first..first + 3].iter().map(|event| event.actor).collect();
    assert_eq!(told, [ActorId::Network, ActorId::Chaos, ActorId::Operator]);
    assert!(ran.events[..first].iter().skip(1).all(|event| event.cause.is_some()));
}

#[test]
fn a_frozen_run_goes_on_as_if_it_had_not_been() {
    let mut visited = Vec::new();
    let mut visit = |frozen: &mut Frozen| {
        visited.push(frozen.events());
        if visited.len() < 3 { Onward::Until(frozen.events() + 5) } else { Onward::ToTheEnd }
    };
    let ran = run_visited(&mut visit);
    assert_eq!(visited.len(), 3);
    assert!(visited[0] >= 4 && visited.windows(2).all(|two| two[1] >= two[0] + 5), "{visited:?}");
    assert_eq!(ran.events, run(a_call()).events);
}

#[test]
fn a_frozen_run_can_be_left() {
    let mut visit = |_: &mut Frozen| Onward::Nowhere;
    let ran = run_visited(&mut visit);
    let ending = ran.ending.expect("the world works");
    assert!(ending.interrupted && ran.events.len() < 12, "{}", ran.events.len());
}

#[test]
fn a_run_that_nobody_wants_does_not_begin() {
    let stop = AtomicBool::new(true);
    let mut watcher = Watcher { stop: &stop, progress: &mut |_| {}, halt: None };
    let ran = run_watched(a_call(), Guide::default(), &mut watcher);
    assert!(ran.ending.expect("the world works").interrupted && ran.events.is_empty());
}

#[test]
fn events_are_numbered_in_order_and_time_never_goes_back() {
    let ran = run(a_call());
    let ending = ran.ending.expect("the world works");
    assert!(ending.unfinished.is_some(), "a cluster of scripts is not formed");
    assert!(ran.events.iter().enumerate().all(|(i, event)| event.i == i as u64));
    assert!(ran.events.windows(2).all(|two| two[0].at <= two[1].at));
    assert!(ran.events.iter().all(|event| event.cause.is_none_or(|cause| cause < event.i)));
}
