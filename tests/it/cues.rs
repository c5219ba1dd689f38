//! Faults that wait for something to be seen, on real clusters.

use valkey_fuzzer::event::{Body, Event, Told};
use valkey_fuzzer::id::ActorId;
use valkey_fuzzer::report::{ActionOutcome, Status};

use crate::support::{all_servers, plan, run, server, server_with_others};

/// A primary of a small, quick cluster dies at 2 s; this happens besides.
fn failover(chaos: &str) -> String {
    format!(
        "scenario: {{name: cue, seed: 5}}\ncluster: {{shards: 3, replicas: 1, node_timeout_ms: 1000, formation: preset}}\nchaos:\n  - \
         {{type: process_kill, node: 1, at: 2, restart_after: 6}}\n{chaos}\nworkload: {{duration: 10}}\n"
    )
}

/// The event that a fault waited for, and the one that it fired with.
fn cue_and_fault(events: &[Event], wanted: u16) -> (&Event, &Event) {
    let of = |event: &&Event| match &event.body {
        Body::Tell { message: Told::Seen { fault, .. } } => fault.0 == wanted,
        _ => false,
    };
    let told = events.iter().find(of).expect("chaos was told");
    let fired =
        events.iter().find(|event| matches!(&event.body, Body::Fault { fault, .. } if fault.0 == wanted));
    (&events[told.cause.expect("something was seen") as usize], fired.expect("it fired"))
}

#[test]
fn who_asks_for_votes_dies_with_its_first_request_on_every_server() {
    let chaos = "  - {type: process_kill, target: replica, shard: 1, when: {bus: failover_auth_request}, restart_after: 3}";
    for server in all_servers() {
        let ran = run(&plan(&failover(chaos)), &server);
        let events = ran.events();
        let (cue, fired) = cue_and_fault(&events, 2);
        let Body::Sent { bus: Some(bus), .. } = &cue.body else { panic!("{cue:?}") };
        assert_eq!(bus.r#type.to_string(), "failover_auth_request");
        let Body::Fault { hit, .. } = &fired.body else { panic!("{fired:?}") };
        assert_eq!((fired.at, hit[0].0), (cue.at, 2), "nothing happened in between");
        // The signal goes before whatever else waits for the same instant.
        let signal = events
            .iter()
            .skip(fired.i as usize + 1)
            .find(|event| event.kind != fired.kind || event.actor != fired.actor);
        assert!(matches!(signal, Some(Event { body: Body::Signal { .. }, .. })), "{signal:?}");
        assert_eq!(ran.report.faults[1].outcome, ActionOutcome::Done);
    }
}

#[test]
fn a_line_of_a_log_a_role_and_another_fault_are_seen() {
    let chaos = "  - {type: process_pause, node: 4, duration: 0.2, when: {log: Start of election, node: 2}, delay: 0.1}
  - {type: process_pause, node: 3, duration: 0.3, when: {node: 2, becomes: primary}}
  - {type: process_pause, node: 5, duration: 0.4, when: {fault: 3, healed}}
  - {type: process_pause, node: 6, duration: 0.4, when: {sync: done, node: 1}}
  - {type: process_pause, node: 6, duration: 0.4, when: {slot: 9, is: importing}}";
    let ran = run(&plan(&failover(chaos)), &server());
    let events = ran.events();
    let waited_ms = |fault| {
        let (cue, fired) = cue_and_fault(&events, fault);
        fired.at.since(cue.at).as_ns() / 1_000_000
    };
    assert_eq!([2, 3, 4, 5].map(waited_ms), [100, 0, 0, 0]);
    let outcomes = ran.report.faults.iter().map(|fault| fault.outcome);
    let (done, missed) = (ActionOutcome::Done, ActionOutcome::Missed);
    assert_eq!(outcomes.collect::<Vec<_>>(), [done, done, done, done, done, missed]);
    let why = &ran.report.faults[5].detail;
    assert!(why.contains("what it waits for was never seen"), "{why}");
}

/// When an operation was sent, and when what it waited for was seen.
fn cue_and_operation(events: &[Event], wanted: u16) -> (&Event, &Event) {
    let of = |event: &&Event| match &event.body {
        Body::Tell { message: Told::OperationSeen { op } } => event.actor == ActorId::Chaos && op.0 == wanted,
        _ => false,
    };
    let told = events.iter().find(of).expect("chaos was told");
    let sent =
        events.iter().find(|event| matches!(&event.body, Body::Operation { op, .. } if op.0 == wanted));
    (&events[told.cause.expect("something was seen") as usize], sent.expect("it was sent"))
}

#[test]
fn operations_begin_with_what_faults_wait_for_and_are_missed_if_it_is_never_seen() {
    let operations = "operations:
  - {type: bgsave, node: 3, when: {sync: started}}
  - {type: bgsave, node: 5, when: {file: nodes.conf, call: fsync, nth: 3, node: 3}, delay: 0.1}
  - {type: failover, shard: 2, when: {fault: 1, healed}, delay: 1}
  - {type: failover, shard: 3, when: {log: nobody ever says this}}
";
    let ran = run(&plan(&(failover("") + operations)), &server());
    let events = ran.events();
    let seen: Vec<&Body> = [1, 2, 3].map(|op| &cue_and_operation(&events, op).0.body).to_vec();
    assert!(matches!(seen[0], Body::Log { line } if line.contains("sync")), "{:?}", seen[0]);
    assert!(matches!(seen[1], Body::File { .. }), "{:?}", seen[1]);
    assert!(matches!(seen[2], Body::Heal { .. }), "{:?}", seen[2]);
    let (cue, sent) = cue_and_operation(&events, 1);
    assert!(sent.at.since(cue.at).as_ms() < 20, "it is done at once: {} and {}", cue.at, sent.at);
    let (cue, sent) = cue_and_operation(&events, 2);
    assert!((100..120).contains(&sent.at.since(cue.at).as_ms()), "{} and {}", cue.at, sent.at);
    let outcomes: Vec<_> = ran.report.operations.iter().map(|op| op.outcome).collect();
    let (done, missed) = (ActionOutcome::Done, ActionOutcome::Missed);
    assert_eq!(outcomes, [done, done, done, missed]);
    assert_eq!(ran.report.operations[3].detail, "what it waits for was never seen");
    assert_eq!(ran.report.status, Status::Passed, "{:?}", ran.report.validations);
}

#[test]
fn a_slot_that_moves_and_a_migration_in_its_states_are_seen() {
    let scenario = |method: &str, when: &str| {
        format!(
            "scenario: {{name: cue, seed: 6}}\ncluster: {{shards: 3, replicas: 1, node_timeout_ms: 1000, formation: preset}}
operations:
  - {{type: reshard, from: 1, to: 2, slots: [100], method: {method}, delay: 1}}
  - {{type: bgsave, node: 5, when: {when}}}
chaos: [{{type: process_pause, node: 6, duration: 0.2, when: {when}}}]\nworkload: {{duration: 6}}\n"
        )
    };
    let seen = |method: &str, when: &str, spec: &str| {
        let plan = plan(&scenario(method, when));
        let ran = run(&plan, &server_with_others(spec, &plan));
        let events = ran.events();
        let (operation, fault) =
            (cue_and_operation(&events, 2).0.clone(), cue_and_fault(&events, 1).0.clone());
        assert_eq!(operation, fault, "{when}");
        assert_eq!(ran.report.operations[0].outcome, ActionOutcome::Done);
        operation.body
    };
    let slot = seen("legacy", "{slot: 100, is: importing}", "8.1.8");
    assert!(matches!(&slot, Body::Log { line } if line.contains("100")), "{slot:?}");
    let paused = seen("atomic", "{migration: failover-paused}", "9.1.2");
    assert!(matches!(&paused, Body::Log { line } if line.contains("failover-paused")), "{paused:?}");
}
