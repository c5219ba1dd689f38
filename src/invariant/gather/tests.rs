//! Hand-written events, and what is gathered from them.

use super::*;
use crate::event::{BusSummary, Claim, MessageType};
use crate::fault::{Channel, Fault, FaultAction, FaultId, ProcessKill, Signal, Target, Trigger};
use crate::history::{Outcome, Request};
use crate::id::{ClientId, Host, ShardId};
use crate::invariant::sample::{at, healthy};
use crate::invariant::{CATALOGUE, judge};
use crate::op::{Command, Failover, FailoverMode, Op, OpAction, OpId};
use crate::time::SimDuration;

/// A gatherer that is fed one event a second.
struct Feed {
    gatherer: Gatherer,
    count: u64,
}

impl Feed {
    fn new(plan: &Plan) -> Self {
        Feed { gatherer: Gatherer::new(plan), count: 0 }
    }

    fn see(&mut self, actor: ActorId, body: Body) -> &mut Self {
        self.count += 1;
        let event = Event { i: self.count, at: at(self.count), actor, kind: body.kind(), cause: None, body };
        self.gatherer.see(&event);
        self
    }

    fn node(&mut self, node: u16, body: Body) -> &mut Self {
        self.see(ActorId::Node(NodeId(node)), body)
    }

    fn log(&mut self, node: u16, line: &str) -> &mut Self {
        self.node(node, Body::Log { line: format!("1:S 01 Jan 2026 00:00:00.000 * {line}") })
    }

    fn finish(self) -> Evidence {
        let nodes = healthy().nodes;
        let findings = Findings {
            ended_at: at(100),
            settle_began_at: Some(at(60)),
            nodes,
            agreement: vec![],
            lag_samples: vec![],
        };
        self.gatherer.finish(Some(findings))
    }
}

fn feed() -> Feed {
    Feed::new(&healthy().plan)
}

fn id(node: u16) -> String {
    format!("{node:040x}")
}

#[test]
fn operations_of_clients_become_the_history_and_open_ones_stay_open() {
    let mut feed = feed();
    let client = ActorId::Client(ClientId(1));
    let request = Request::Get { key: "k".to_owned() };
    feed.see(client, Body::Invoke { sequence: 1, request: request.clone() });
    let outcome = Outcome::Ok(Some("v".to_owned()));
    feed.see(client, Body::Complete { sequence: 1, outcome: outcome.clone(), node: Some(NodeId(3)) });
    feed.see(client, Body::Invoke { sequence: 2, request });
    let history = feed.finish().history;
    assert_eq!((history[0].completed_at, &history[0].outcome), (Some(at(2)), &Some(outcome)));
    assert_eq!((history[1].invoked_at, history[1].completed_at), (at(3), None));
    assert_eq!(history[0].node, Some(NodeId(3)));
}

#[test]
fn an_end_is_expected_only_after_a_signal_that_fits() {
    let cases = [
        (Some("SIGKILL"), "SIGKILL", true),
        (Some("SIGTERM"), "exit 0", true),
        (Some("SIGTERM"), "SIGSEGV", false),
        (Some("SIGKILL"), "exit 0", false),
        (None, "SIGKILL", false),
        (None, "exit 0", false),
    ];
    for (signal, status, expected) in cases {
        let mut feed = feed();
        feed.node(1, Body::Start { incarnation: 1 });
        if let Some(signal) = signal {
            feed.node(1, Body::Signal { signal: signal.to_owned() });
        }
        feed.node(1, Body::Exited { status: status.to_owned() });
        feed.node(1, Body::Start { incarnation: 2 });
        feed.node(1, Body::Exited { status: "SIGKILL".to_owned() });
        let exits = feed.finish().exits;
        assert_eq!(exits[0].expected, expected, "{signal:?} {status}");
        assert!(exits[0].restarted_at.is_some());
        assert!(
            !exits[1].expected && exits[1].restarted_at.is_none(),
            "the signal was for the process before"
        );
    }
}

#[test]
fn what_happens_after_the_end_of_the_run_is_the_harness() {
    let mut feed = feed();
    feed.see(ActorId::Director, Body::Phase { phase: Phase::Done });
    feed.node(1, Body::Exited { status: "SIGKILL".to_owned() });
    assert!(feed.finish().exits.is_empty());
}

#[test]
fn the_last_lines_and_the_suspicious_ones_are_kept() {
    let mut feed = feed();
    feed.log(1, "=== ASSERTION FAILED ===");
    for number in 0..2_010 {
        feed.log(1, &format!("line {number}"));
    }
    feed.node(2, Body::Livelock { detail: "spins".to_owned() });
    feed.node(3, Body::Deadlock { detail: "waits".to_owned() });
    let evidence = feed.finish();
    assert_eq!((evidence.suspicious_log_lines.len(), evidence.log_tail.len()), (1, 2_000));
    assert!(evidence.log_tail[1_999].line.ends_with("line 2009"));
    assert_eq!((evidence.livelocks[0].node, evidence.deadlocks[0].node), (NodeId(2), NodeId(3)));
}

#[test]
fn an_election_after_a_crash_is_not_coordinated() {
    let mut feed = feed();
    feed.log(2, "Failover election won: I'm the new primary.");
    let follows = format!(
        "Configuration change detected. Reconfiguring myself as a replica of node {} () in shard x",
        id(2)
    );
    feed.log(1, &follows);
    let changes = feed.finish().primary_changes;
    let expected = super::super::evidence::PrimaryChange {
        at: at(1),
        shard: ShardId(1),
        from: NodeId(1),
        to: NodeId(2),
        coordinated: false,
        stepped_down_at: Some(at(2)),
    };
    assert_eq!(changes, [expected]);
}

#[test]
fn a_handover_is_coordinated_if_it_was_carried_through() {
    let accepted = "Manual failover user request accepted (user request from 'id=7').";
    let ready = "All primary replication stream processed, manual failover can start.";
    let won = "Failover election won: I'm the new primary.";
    let redis = [
        "Manual failover user request accepted.",
        "All master replication stream processed, manual failover can start.",
    ];
    let cases: [(&[&str], bool); 6] = [
        (&[accepted, ready, won], true),
        (&[redis[0], redis[1], "Failover election won: I'm the new master."], true),
        (&[accepted, won], false),
        (&[accepted, ready, "Manual failover timed out.", won], false),
        (&["Forced failover user request accepted (user request from 'id=7').", won], false),
        (&["Taking over the primary (user request from 'id=7')."], false),
    ];
    for (lines, coordinated) in cases {
        let mut feed = feed();
        for line in lines {
            feed.log(2, line);
        }
        let changes = feed.finish().primary_changes;
        assert_eq!(changes.iter().map(|c| c.coordinated).collect::<Vec<_>>(), [coordinated], "{lines:?}");
    }
}

#[test]
fn a_shard_that_changes_hands_twice_has_two_changes() {
    let mut feed = feed();
    feed.log(2, "Failover election won: I'm the new primary.");
    feed.log(1, &format!("Configuration change detected. Reconfiguring myself as a replica of {}", id(2)));
    feed.log(1, "Failover election won: I'm the new primary.");
    let changes = feed.finish().primary_changes;
    let who = changes.iter().map(|c| (c.from.0, c.to.0, c.stepped_down_at)).collect::<Vec<_>>();
    assert_eq!(who, [(1, 2, Some(at(2))), (2, 1, None)]);
}

#[test]
fn a_replica_that_moved_takes_over_the_shard_it_moved_to() {
    let mut feed = feed();
    feed.log(2, &format!("Migrating to orphaned primary {} () in shard x", id(3)));
    feed.log(2, "Failover election won: I'm the new primary.");
    let changes = feed.finish().primary_changes;
    assert_eq!((changes[0].shard, changes[0].from), (ShardId(2), NodeId(3)));
}

/// `CLUSTER REPLICATE` leaves no word in the log.
#[test]
fn a_replica_that_says_on_the_bus_whom_it_follows_takes_over_that_shard() {
    let mut feed = feed();
    let claim = Claim { id: id(2), flags: Claim::REPLICA, of: Some(id(3)), slots: vec![], ok: true };
    let bus = BusSummary { claim: Some(Box::new(claim)), ..BusSummary::of_type(MessageType::PING) };
    let (from, to) = (ActorId::Node(NodeId(2)), Host::Node(NodeId(5)));
    let (channel, digest) = (Channel::Bus, String::new());
    let sent =
        Body::Sent { from, conn: 1, channel, to, len: 1, digest, bus: Some(Box::new(bus)), repl: None };
    feed.see(ActorId::Network, sent).log(2, "Failover election won: I'm the new primary.");
    let changes = feed.finish().primary_changes;
    assert_eq!((changes[0].shard, changes[0].from), (ShardId(2), NodeId(3)));
}

/// A plan with a kill, with or without a restart, and a failover.
fn plan(restart_s: Option<u64>) -> Plan {
    let mut plan = healthy().plan;
    plan.faults = vec![Fault {
        id: FaultId(1),
        trigger: Trigger::At { delay_ns: SimDuration::from_secs(1) },
        action: FaultAction::ProcessKill(ProcessKill {
            target: Target::Primary(ShardId(2)),
            signal: Signal::Kill,
            restart_after_ns: restart_s.map(SimDuration::from_secs),
        }),
    }];
    let action = OpAction::Failover(Failover { shard: ShardId(1), mode: FailoverMode::Default, to: None });
    plan.operations = vec![Op {
        id: OpId(1),
        start: Default::default(),
        delay_ns: SimDuration::ZERO,
        action,
        expect: None,
    }];
    plan
}

#[test]
fn faults_and_operations_become_reports_and_disturbances() {
    let mut feed = Feed::new(&plan(Some(5)));
    let text = "node-3 gets SIGKILL".to_owned();
    feed.see(ActorId::Operator, Body::Operation { op: OpId(1), text: "CLUSTER FAILOVER".to_owned() });
    feed.see(ActorId::Chaos, Body::Fault { fault: FaultId(1), text, hit: vec![NodeId(3)] });
    let ended =
        Body::OperationEnded { op: OpId(1), done: true, text: "node-2 took over".to_owned(), ending: None };
    feed.see(ActorId::Operator, ended);
    feed.node(3, Body::Start { incarnation: 2 });
    let evidence = feed.finish();
    let fault = &evidence.faults[0];
    assert_eq!((fault.fired_at, fault.healed_at), (Some(at(2)), Some(at(4))));
    assert_eq!(
        (fault.text.as_str(), fault.note.as_str()),
        ("Process Kill (shard 2, primary, SIGKILL)", "node-3 gets SIGKILL")
    );
    assert!(evidence.operations[0].done && evidence.operations[0].sent_at == Some(at(1)));
    let told = evidence.disturbances.iter().map(|d| (d.at, d.ended_at, d.what.as_str()));
    let expected = [
        (at(1), Some(at(3)), "Failover (shard 1, primary)"),
        (at(2), Some(at(4)), "Process Kill (shard 2, primary, SIGKILL)"),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn a_kill_for_good_is_over_at_once_but_never_healed() {
    let mut feed = Feed::new(&plan(None));
    let fault = Body::Fault { fault: FaultId(1), text: String::new(), hit: vec![NodeId(3)] };
    let evidence = {
        feed.see(ActorId::Chaos, fault);
        feed.finish()
    };
    assert_eq!(evidence.disturbances[0].ended_at, Some(at(1)));
    assert_eq!(evidence.faults[0].healed_at, None);
}

#[test]
fn a_fault_whose_moment_never_came_is_reported_and_disturbs_nothing() {
    let evidence = Feed::new(&plan(None)).finish();
    assert_eq!((evidence.faults[0].fired_at, evidence.operations[0].sent_at), (None, None));
    assert!(evidence.disturbances.is_empty());
}

#[test]
fn a_fault_that_hits_nobody_did_not_fire() {
    let mut feed = Feed::new(&plan(None));
    let text = "missed: the operation was over".to_owned();
    feed.see(ActorId::Chaos, Body::Fault { fault: FaultId(1), text: text.clone(), hit: vec![] });
    let evidence = feed.finish();
    assert_eq!((evidence.faults[0].fired_at, &evidence.faults[0].note), (None, &text));
    assert!(evidence.disturbances.is_empty());
}

#[test]
fn a_fault_that_cuts_clients_off_hits_no_node_and_fired() {
    let mut feed = Feed::new(&plan(None));
    feed.see(ActorId::Chaos, Body::Fault { fault: FaultId(1), text: "cut".to_owned(), hit: vec![] });
    feed.see(ActorId::Chaos, Body::Heal { fault: FaultId(1), text: "as before".to_owned() });
    let evidence = feed.finish();
    assert_eq!((evidence.disturbances[0].at, evidence.disturbances[0].ended_at), (at(1), Some(at(2))));
}

#[test]
fn a_run_without_findings_is_unknown() {
    let mut feed = feed();
    for node in 1..=6 {
        feed.node(node, Body::Start { incarnation: 1 });
    }
    feed.node(1, Body::Exited { status: "SIGKILL".to_owned() });
    let evidence = feed.gatherer.finish(None);
    assert!(evidence.settle_began_at.is_none() && evidence.ended_at == at(7));
    assert!(!evidence.is_live(NodeId(1)) && evidence.is_live(NodeId(2)));
    let judged = judge(&evidence);
    let known = judged.iter().filter(|j| !j.verdict.is_unknown()).map(|j| j.invariant.name);
    // These are told by the log alone, and hold or not for as much of the run as there was.
    assert_eq!(
        known.collect::<Vec<_>>(),
        [
            "operations",
            "replication_stream",
            "reads",
            "replies",
            "promises",
            "channels",
            "cluster_state",
            "formation",
            "no_crash",
            "no_livelock",
            "no_deadlock",
            "resources"
        ]
    );
    // The limits of availability, what guests must do, a password and what clients keep are asked for by those plans alone that set them.
    assert_eq!(judged.len(), CATALOGUE.len() - 4);
}

#[test]
fn a_shutdown_by_command_is_told_to_end_and_only_in_order() {
    let cases: [(&[&str], &str, bool); 6] = [
        (&["SHUTDOWN", "NOSAVE"], "exit 0", true),
        (&["shutdown"], "exit 0", true),
        (&["SHUTDOWN", "ABORT"], "exit 0", false),
        (&["SHUTDOWN"], "exit 1", false),
        (&["SHUTDOWN"], "SIGSEGV", false),
        (&["PING"], "exit 0", false),
    ];
    for (args, status, expected) in cases {
        let mut plan = healthy().plan;
        let args = args.iter().map(ToString::to_string).collect();
        let action = OpAction::Command(Command { node: NodeId(1), args });
        let delay_ns = SimDuration::ZERO;
        plan.operations = vec![Op { id: OpId(1), start: Default::default(), delay_ns, action, expect: None }];
        let mut feed = Feed::new(&plan);
        feed.node(1, Body::Start { incarnation: 1 });
        feed.see(ActorId::Operator, Body::Operation { op: OpId(1), text: String::new() });
        feed.node(2, Body::Exited { status: "exit 0".to_owned() });
        feed.node(1, Body::Exited { status: status.to_owned() });
        let exits = feed.finish().exits;
        assert_eq!((exits[0].expected, exits[1].expected), (false, expected), "{status}");
    }
}

#[test]
fn a_clients_shutdown_ends_one_process_and_only_while_it_waits() {
    let client = ActorId::Client(ClientId(1));
    let asks = |sequence| {
        let commands = vec![vec!["SHUTDOWN".to_owned()]];
        Body::Invoke { sequence, request: Request::Call { key: String::new(), commands } }
    };
    let mut feed = feed();
    feed.see(client, asks(1));
    feed.see(
        client,
        Body::Complete { sequence: 1, outcome: Outcome::Info("no answer".to_owned()), node: None },
    );
    feed.node(1, Body::Exited { status: "exit 0".to_owned() });
    feed.see(client, asks(2));
    feed.node(2, Body::Exited { status: "exit 1".to_owned() });
    feed.node(3, Body::Exited { status: "exit 0".to_owned() });
    feed.node(4, Body::Exited { status: "exit 0".to_owned() });
    let expected = feed.finish().exits.iter().map(|exit| exit.expected).collect::<Vec<_>>();
    assert_eq!(expected, [false, false, true, false]);
}

#[test]
fn what_the_log_says_of_the_disk_is_kept() {
    use crate::invariant::evidence::DiskStep;
    let mut feed = feed();
    let lines = [
        "Background saving started by pid 7",
        "Background saving terminated with success",
        "DB saved on disk",
        "Full resync from primary: abc:1",
        "PRIMARY <-> REPLICA sync: receiving streamed RDB from primary with EOF to disk",
        "PRIMARY <-> REPLICA sync: Finished with success",
        "Full resync from master: abc:1",
        "MASTER <-> REPLICA sync: receiving 7 bytes from master to parser",
        "MASTER <-> REPLICA sync: Finished with success",
        "DB loaded from disk: 0.000 seconds",
        "DB loaded from append only file: 0.000 seconds",
        "DB loaded from base file appendonly.aof.1.base.rdb: 0.000 seconds",
        "Error writing to the AOF file: No space left on device",
        "AOF write error looks solved. The server can write again.",
    ];
    for line in lines {
        feed.log(1, line);
    }
    feed.node(1, Body::Log { line: "7:C 01 Jan 2026 00:00:00.000 * DB saved on disk".to_owned() });
    let steps = feed.finish().disk.iter().map(|report| report.step).collect::<Vec<_>>();
    let saved = |s| DiskStep::Saved { as_of: at(s) };
    let others = [
        DiskStep::LoadedSnapshot,
        DiskStep::LoadedAppendOnly,
        DiskStep::AppendFailed,
        DiskStep::AppendSolved,
    ];
    assert_eq!(steps, [&[saved(1), saved(3), saved(4)][..], &others].concat());
}

#[test]
fn an_end_is_told_with_the_assertion_or_the_function_it_crashed_in() {
    let cases: [(&[&str], Option<&str>); 6] = [
        (&["=== ASSERTION FAILED ===", "==> t.c:7 'x' is not true"], Some("t.c:7 'x' is not true")),
        (
            &["1:M # Loading the cluster node config from nodes.conf: Input/output error"],
            Some("Loading the cluster node config from nodes.conf: Input/output error"),
        ),
        (&["1:M # Out Of Memory allocating 64 bytes!"], Some("Out Of Memory allocating 64 bytes!")),
        (&["EIP:"], None),
        (&["crashed by signal: 11"], None),
        (&[], None),
    ];
    for (lines, reason) in cases {
        let mut feed = feed();
        for line in lines {
            feed.log(1, line);
        }
        let frame = "valkey-server 10.0.0.1:6379 [cluster](debugCommand+0x1f)[0x5555]".to_owned();
        feed.node(1, Body::Log { line: frame });
        feed.node(1, Body::Exited { status: "SIGSEGV".to_owned() });
        let crashed = lines.last() == Some(&"EIP:");
        let expected = if crashed { Some("in debugCommand") } else { reason };
        assert_eq!(feed.finish().exits[0].reason.as_deref(), expected, "{lines:?}");
    }
}

#[test]
fn resyncs_count_from_the_end_of_formation_on() {
    let mut feed = feed();
    feed.log(2, "Full resync from primary: abc:1");
    feed.see(ActorId::Director, Body::Phase { phase: Phase::Run });
    for line in [
        "Connection with primary lost.",
        "Successful partial resynchronization with primary.",
        "Connection with master lost.",
        "Full resync from master: abc:1",
    ] {
        feed.log(2, line);
    }
    let evidence = feed.finish();
    assert!(evidence.synchronised_at.contains_key(&NodeId(2)));
    let resyncs = evidence.resyncs;
    let counts = crate::invariant::evidence::Resyncs { full: 1, partial: 1, links_lost: 2 };
    assert_eq!(resyncs, [(NodeId(2), counts)].into());
}
