//! Cues against events as they come.

use super::*;
use crate::chronicle::sample::{at, event};
use crate::event::Claim;
use crate::fault::Channel;
use crate::fault::cue::{FaultStep, Sight, SyncStep};
use crate::id::Host;

/// A fault that waits for this.
fn cues(cue: Cue) -> Cues {
    let waiting = Waiting {
        whom: Waiter::Fault(FaultId(1)),
        targets: vec![Target::Node(NodeId(9))],
        left: cue.nth,
        cue,
    };
    Cues {
        layout: Layout { shards: 3, replicas: 1, spares: 0 },
        begun: false,
        waiting: vec![waiting],
        roles: BTreeMap::new(),
        failing: BTreeSet::new(),
        met: VecDeque::new(),
    }
}

fn run() -> Body {
    Body::Phase { phase: Phase::Run }
}

fn log(line: &str) -> Body {
    Body::Log { line: line.to_owned() }
}

fn sent(from: u16, to: u16, bus: BusSummary) -> Body {
    Body::Sent {
        from: ActorId::Node(NodeId(from)),
        conn: 1,
        channel: Channel::Bus,
        to: Host::Node(NodeId(to)),
        len: 10,
        digest: String::new(),
        bus: Some(Box::new(bus)),
        repl: None,
    }
}

fn asks(from: u16, to: u16) -> Body {
    sent(from, to, BusSummary::of_type(MessageType::FAILOVER_AUTH_REQUEST))
}

fn says(from: u16, flags: u16) -> Body {
    let claim = Claim { id: format!("{from:040x}"), flags, of: None, slots: Vec::new(), ok: true };
    sent(from, 1, BusSummary { claim: Some(Box::new(claim)), ..BusSummary::of_type(MessageType::PONG) })
}

/// The places of the events at which a cue was met; they all happen at node 4.
fn met(cue: Cue, bodies: Vec<Body>) -> Vec<u64> {
    let mut cues = cues(cue);
    for (i, body) in (0..).zip(bodies) {
        let event = Event { i, ..event(i, ActorId::Node(NodeId(4)), body) };
        cues.see(&event, &Members::empty());
    }
    std::iter::from_fn(|| cues.take()).map(|met| met.event).collect()
}

fn at_node(sight: Sight, node: u16, nth: u64) -> Cue {
    Cue { sight, node: Some(NodeId(node)), nth }
}

#[test]
fn a_message_counts_by_type_sender_and_receiver_once_the_workload_has_begun() {
    let ask =
        |to: Option<u16>| Sight::Bus { message: MessageType::FAILOVER_AUTH_REQUEST, to: to.map(NodeId) };
    let seen = || vec![asks(2, 1), run(), asks(2, 1), says(2, 2), asks(3, 1), asks(2, 5), asks(2, 1)];
    assert_eq!(met(Cue::of(ask(None)), seen()), [2]);
    assert_eq!(met(at_node(ask(None), 2, 2), seen()), [5]);
    assert_eq!(met(at_node(ask(Some(1)), 2, 2), seen()), [6]);
    assert!(met(at_node(ask(None), 2, 9), seen()).is_empty());
}

#[test]
fn a_node_becomes_what_it_was_not_when_it_spoke_last() {
    let becomes = |becoming| at_node(Sight::Becomes(becoming), 4, 1);
    let role = vec![says(4, 2), run(), says(4, 2), says(3, 1), says(4, 1), says(4, 2)];
    assert_eq!(met(becomes(Becoming::Primary), role.clone()), [4]);
    assert_eq!(met(becomes(Becoming::Replica), role), [5]);
    let life = vec![run(), Body::Exited { status: "SIGKILL".to_owned() }, Body::Start { incarnation: 2 }];
    assert_eq!(met(becomes(Becoming::Down), life.clone()), [1]);
    assert_eq!(met(becomes(Becoming::Up), life), [2]);
}

#[test]
fn lines_of_a_log_are_read_in_the_servers_words() {
    let started = "7:S * PRIMARY <-> REPLICA sync started";
    let lines = || vec![run(), log("7:S * Start of election delayed"), log(started), log(started)];
    assert_eq!(met(Cue::of(Sight::Log("Start of election".to_owned())), lines()), [1]);
    assert_eq!(met(at_node(Sight::Sync(SyncStep::Started), 4, 2), lines()), [3]);
    assert!(met(at_node(Sight::Sync(SyncStep::Started), 5, 1), lines()).is_empty());
}

#[test]
fn a_fault_that_hit_nobody_has_not_fired() {
    let fault = |hit: &[u16]| Body::Fault {
        fault: FaultId(2),
        text: String::new(),
        hit: hit.iter().map(|node| NodeId(*node)).collect(),
    };
    let heal = Body::Heal { fault: FaultId(2), text: String::new() };
    let bodies = || vec![run(), fault(&[]), fault(&[3]), heal.clone()];
    assert_eq!(met(Cue::of(Sight::Fault(FaultId(2), FaultStep::Fired)), bodies()), [2]);
    assert_eq!(met(Cue::of(Sight::Fault(FaultId(2), FaultStep::Healed)), bodies()), [3]);
}

#[test]
fn roles_are_those_that_nodes_claim() {
    use crate::chronicle::sample::{Says, message};
    use std::sync::Arc;
    let layout = Layout { shards: 3, replicas: 1, spares: 0 };
    let (first, last) = layout.slots_of(ShardId(1));
    let mut members = Members::empty();
    let targets = [Target::Primary(ShardId(1)), Target::Replica(ShardId(1), 3), Target::Clients];
    assert_eq!(nodes(&targets, layout, &members), [], "nobody has said anything");
    let words = [
        Says::primary(1, 1, (first, last)),
        Says::primary(2, 7, (first, last)),
        Says::replica(5, 2),
        Says::primary(3, 9, (last, last)),
    ];
    for says in words {
        members.said(&Arc::new(message(says, 1, at(1).as_ns() / 1_000_000_000)));
    }
    let found = nodes(&targets, layout, &members);
    assert_eq!(found, [Some(NodeId(2)), Some(NodeId(5)), None]);
}

#[test]
fn an_operation_waits_as_a_fault_does() {
    let mut cues = cues(Cue::of(Sight::Sync(SyncStep::Done)));
    cues.waiting[0].whom = Waiter::Op(OpId(3));
    for (i, body) in (0..).zip([run(), log("MASTER <-> REPLICA sync: Finished with success")]) {
        cues.see(&Event { i, ..event(i, ActorId::Node(NodeId(4)), body) }, &Members::empty());
    }
    assert_eq!(cues.take().map(|met| (met.whom, met.event)), Some((Waiter::Op(OpId(3)), 1)));
}
