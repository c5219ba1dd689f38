//! The director's phases, message by message.

use super::*;
use crate::plan::generate::{Overrides, generate};
use crate::plan::resolve::resolve;

/// A plan with clients.
fn plan() -> Plan {
    let scenario = generate(1, &Overrides { shards: Some(3), replicas: Some(0), ..Overrides::default() });
    let plan = resolve(&scenario, None).expect("a generated scenario has a plan");
    assert!(plan.workload.is_some(), "the seed is one with clients");
    plan
}

/// The phases that messages lead through, and how the run ends, if it does.
fn led(messages: &[DirectorMessage]) -> (Vec<Phase>, Option<Option<String>>) {
    led_by(&plan(), messages)
}

fn led_by(plan: &Plan, messages: &[DirectorMessage]) -> (Vec<Phase>, Option<Option<String>>) {
    let mut director = Director::new(plan);
    let mut out = Out::default();
    for message in messages {
        director.handle(SimTime::ZERO, Message::Director(message.clone()), &mut out);
    }
    let phases = out.notes.iter().filter_map(|note| match note {
        Body::Phase { phase } => Some(*phase),
        _ => None,
    });
    let end = out.acts.iter().find_map(|act| match act {
        Act::Finish { unfinished } => Some(unfinished.clone()),
        _ => None,
    });
    (phases.collect(), end)
}

fn clients_done() -> Vec<DirectorMessage> {
    let clients = plan().workload.expect("the plan has clients").clients;
    vec![DirectorMessage::ClientDone; usize::from(clients)]
}

#[test]
fn it_settles_when_operations_faults_and_clients_are_through_in_whatever_order() {
    use DirectorMessage::{Begin, FaultsDone, Formed, OperationsDone};
    let through = (vec![Phase::Form, Phase::Run, Phase::Settle], None);
    let first = [vec![Begin, Formed, OperationsDone, FaultsDone], clients_done()].concat();
    assert_eq!(led(&first), through);
    let last = [vec![Begin, Formed], clients_done(), vec![FaultsDone, OperationsDone]].concat();
    assert_eq!(led(&last), through);
    assert_eq!(led(&last[..last.len() - 1]), (vec![Phase::Form, Phase::Run], None));
}

#[test]
fn it_starts_every_server_and_has_the_cluster_formed() {
    let mut out = Out::default();
    let plan = plan();
    Director::new(&plan).handle(SimTime::ZERO, Message::Director(DirectorMessage::Begin), &mut out);
    let mut told: Vec<ActorId> = plan.cluster.nodes().map(ActorId::Node).collect();
    told.extend([ActorId::Operator, ActorId::Director]);
    assert_eq!(out.sends.iter().map(|(_, to, _)| *to).collect::<Vec<_>>(), told);
    let patience = out.sends.last().expect("it reminds itself").0;
    assert!(patience > SimDuration::from_secs(300), "{patience}");
}

#[test]
fn a_run_ends_once_and_says_why_it_is_not_through() {
    use DirectorMessage::{Begin, FormationFailed, Formed, Judged, Overdue};
    let failed = led(&[Begin, FormationFailed { why: "nobody answers".to_owned() }, Overdue]);
    let why = Some(Some("the cluster was not formed: nobody answers".to_owned()));
    assert_eq!(failed, (vec![Phase::Form, Phase::Done], why));
    let (phases, end) = led(&[Begin, Formed, Overdue]);
    assert_eq!(phases.last(), Some(&Phase::Done));
    assert!(end.flatten().is_some_and(|why| why.contains("was not through")));
    assert_eq!(led(&[Begin, Formed, Judged, Judged]).1, Some(None));
}

#[test]
fn without_a_cluster_it_ends_with_the_last_guest() {
    use DirectorMessage::{Begin, GuestDone};
    let guest = |id| crate::plan::GuestPlan::of(GuestId(id), "one", &["true"]);
    let mut plan = Plan { workload: None, guests: vec![guest(1), guest(2)], ..plan() };
    (plan.cluster.shards, plan.operations, plan.faults) = (0, Vec::new(), Vec::new());
    assert_eq!(led_by(&plan, &[Begin, GuestDone]), (vec![Phase::Run], None));
    let ended = (vec![Phase::Run, Phase::Done], Some(None));
    assert_eq!(led_by(&plan, &[Begin, GuestDone, GuestDone]), ended);
}
