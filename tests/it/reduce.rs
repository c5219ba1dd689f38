//! A reduced plan runs like the run it was taken from, on a real server.

use std::collections::{BTreeMap, BTreeSet};

use valkey_fuzzer::event::{Body, Event, Phase};
use valkey_fuzzer::fault::FaultId;
use valkey_fuzzer::history::{Outcome, Request};
use valkey_fuzzer::id::{ActorId, NodeId};
use valkey_fuzzer::op::OpId;
use valkey_fuzzer::plan::{Overrides, Plan, Timeline, generate, resolve};
use valkey_fuzzer::time::SimTime;

use crate::support::{run, server};

fn generated(seed: u64) -> Plan {
    let overrides = Overrides { shards: Some(3), replicas: Some(1), ..Overrides::default() };
    resolve(&generate(seed, &overrides), None).expect("a generated scenario has a plan")
}

/// What clients asked, when, and what came of it.
#[derive(Debug, PartialEq)]
enum Seen {
    Invoke(Request),
    Complete(Outcome, Option<NodeId>),
}

fn history(events: &[Event]) -> Vec<(SimTime, ActorId, Seen)> {
    let seen = |event: &Event| {
        let what = match &event.body {
            Body::Invoke { request, .. } => Seen::Invoke(request.clone()),
            Body::Complete { outcome, node, .. } => Seen::Complete(outcome.clone(), *node),
            _ => return None,
        };
        Some((event.at, event.actor, what))
    };
    events.iter().filter_map(seen).collect()
}

/// Everything that was sent, by whom and when.
fn sent(events: &[Event]) -> Vec<(SimTime, &Body)> {
    let is_sent = |event: &&Event| matches!(event.body, Body::Sent { .. } | Body::Latency { .. });
    events.iter().filter(is_sent).map(|event| (event.at, &event.body)).collect()
}

/// A plan as it comes back from the scenario that says it.
fn as_said(plan: &Plan) -> Plan {
    let scenario = valkey_fuzzer::scenario::parse_str("reduced", &plan.to_scenario().to_yaml());
    resolve(&scenario.expect("what was written is read"), None).expect("it can be run")
}

#[test]
fn the_script_of_a_run_is_that_run() {
    let server = server();
    let is_done =
        |(_, _, seen): &(_, _, Seen)| matches!(seen, Seen::Invoke(_) | Seen::Complete(Outcome::Ok(_), _));
    // Those whose clients meet pauses, kills, cut links and slow ones: they wait, try again and give up.
    let mut faulty = 0;
    for seed in 1..30 {
        if faulty == 4 {
            break;
        }
        let plan = generated(seed);
        // A script subscribes to nothing, so that nobody listens any more.
        if plan.to_scenario().workload.mix.contains_key("channels") {
            continue;
        }
        let before = run(&plan, &server).events();
        let timeline = Timeline::of(&before);
        if timeline.commands.len() <= 100 || history(&before).iter().all(is_done) {
            continue;
        }
        faulty += 1;
        let scripted = plan.scripted(&timeline);
        let after = run(&as_said(&scripted), &server).events();
        assert_eq!(history(&after), history(&before), "seed {seed}");
        assert_eq!(sent(&after), sent(&before), "seed {seed}");
    }
    assert_eq!(faulty, 4, "all seeds are too quiet");
}

type Times = (BTreeMap<OpId, SimTime>, BTreeMap<FaultId, SimTime>);

/// When the operations and faults of a reduced run were, by their first numbers.
fn times(timeline: &Timeline, op: impl Fn(OpId) -> OpId, fault: impl Fn(FaultId) -> FaultId) -> Times {
    let sent = timeline.operations.iter().filter_map(|(id, times)| Some((op(*id), times.started_at?)));
    (sent.collect(), timeline.faults.iter().map(|(id, times)| (fault(*id), times.at)).collect())
}

#[test]
fn what_is_kept_of_a_run_is_when_it_was() {
    // Those with several operations, and faults.
    let is_eventful = |seed: &u64| {
        let plan = generated(*seed);
        plan.operations.len() > 1 && !plan.faults.is_empty()
    };
    (1..).filter(is_eventful).take(3).for_each(check_kept);
}

fn check_kept(seed: u64) {
    let server = server();
    let plan = generated(seed);
    let ran = run(&plan, &server);
    let before = Timeline::of(ran.events());
    let operations: BTreeSet<OpId> = plan.operations.iter().map(|op| op.id).collect();
    let faults: BTreeSet<FaultId> = plan.faults.iter().map(|fault| fault.id).collect();
    let all = plan.keeping(&before, &operations, &faults).plan;
    assert_eq!(run(&as_said(&all), &server).report.meters.log_sha256, ran.report.meters.log_sha256);

    let sent_ops = before.operations.iter().filter(|(_, times)| times.started_at.is_some());
    let last = sent_ops.map(|(id, _)| *id).next_back().into_iter().collect();
    let kept = plan.keeping(&before, &last, &faults);
    let after = Timeline::of(run(&as_said(&kept.plan), &server).events());
    let (sent, fired) = times(&after, |id| kept.operations[&id], |id| kept.faults[&id]);
    let (sent_before, fired_before) = times(&before, |id| id, |id| id);
    assert_eq!(sent.len(), 1);
    for (id, at) in &sent {
        assert!(
            is_near(*at, sent_before[id]),
            "seed {seed}: {id:?} was sent at {at}, before at {}",
            sent_before[id]
        );
    }
    for (id, at) in &fired {
        assert!(
            is_near(*at, fired_before[id]),
            "seed {seed}: {id:?} fired at {at}, before at {}",
            fired_before[id]
        );
    }
}

/// Roles are looked up again, which takes some milliseconds on the management network.
fn is_near(a: SimTime, b: SimTime) -> bool {
    a.since(b).as_ms() + b.since(a).as_ms() < 20
}

#[test]
fn a_smaller_cluster_runs_by_itself() {
    let plan = resolve(
        &generate(1, &Overrides { shards: Some(5), replicas: Some(2), ..Overrides::default() }),
        None,
    )
    .expect("a plan");
    let smallest = plan.smaller_clusters().into_iter().next().expect("not everything is named");
    let ran = run(&as_said(&smallest), &server());
    assert_eq!(ran.unfinished, None);
    let began = |event: &Event| matches!(event.body, Body::Phase { phase: Phase::Run });
    assert!(ran.events().iter().any(began), "the cluster was formed");
}
