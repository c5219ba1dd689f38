//! Chaos against a hand-driven run: a queue, an operator who knows who is who, and processes that end when told to.

use std::collections::BTreeMap;

use super::*;
use crate::actor::message::NodeMessage;
use crate::fault::{
    Channel, Direction, FaultAction, LatencyRange, NetworkLatency, NetworkPartition, ProcessKill,
    ProcessPause, Signal,
};
use crate::id::ShardId;
use crate::op::{Command, Op, OpAction};
use crate::plan::{ClusterPlan, Limits, NetworkPlan, Pattern, WorkloadPlan};

mod actions;
mod moments;

const ONE: OpId = OpId(1);

/// A plan with three shards of two, two clients, two operations, and these faults.
fn plan(faults: Vec<(Trigger, FaultAction)>) -> Plan {
    let second = SimDuration::from_secs(1);
    let latency = LatencyRange { min_ns: SimDuration::ZERO, max_ns: SimDuration::ZERO };
    let op = |n| Op {
        id: OpId(n),
        start: Default::default(),
        delay_ns: second,
        action: OpAction::Command(Command { node: NodeId(1), args: vec!["PING".to_owned()] }),
        expect: None,
    };
    let fault = |(index, (trigger, action))| Fault { id: FaultId(index as u16 + 1), trigger, action };
    Plan {
        name: "chaos".to_owned(),
        seed: 1,
        epoch_us: 0,
        cluster: ClusterPlan::of(3, 1),
        network: NetworkPlan { latency, delays: Vec::new() },
        operations: vec![op(1), op(2)],
        faults: faults.into_iter().enumerate().map(fault).collect(),
        workload: Some(WorkloadPlan {
            pattern: Pattern::Mixed,
            rate_per_s: 1,
            duration_ns: second,
            clients: 2,
            keys: 1,
            value_bytes: 8,
            mix: BTreeMap::new(),
            protocol: 2,
            reconnect: None,
            pinned: false,
            timeout_ns: None,
            commands: Vec::new(),
        }),
        guests: Vec::new(),
        limits: Limits {
            slot_coverage: true,
            replica_sync: true,
            data_consistency: true,
            max_convergence_ns: second,
            max_replication_lag_ns: second,
            ..Limits::default()
        },
    }
}

fn for_ms(ms: u64) -> SimDuration {
    SimDuration::from_ms(ms)
}

fn at(ms: u64) -> Trigger {
    Trigger::At { delay_ns: for_ms(ms) }
}

/// A kill of the primary of shard 1, or a pause of node 4: two faults that are easily told apart.
fn kill(restart_after_ms: Option<u64>) -> FaultAction {
    let target = Target::Primary(ShardId(1));
    FaultAction::ProcessKill(ProcessKill {
        target,
        signal: Signal::Kill,
        restart_after_ns: restart_after_ms.map(for_ms),
    })
}

fn pause(ms: u64) -> FaultAction {
    FaultAction::ProcessPause(ProcessPause { target: Target::Node(NodeId(4)), duration_ns: for_ms(ms) })
}

struct Rig {
    chaos: Chaos,
    queue: BTreeMap<(SimTime, u64), ChaosMessage>,
    queued: u64,
    lines: Vec<String>,
    /// How long the operator takes to look roles up; it never answers if absent.
    looks_up_in: Option<SimDuration>,
    /// Nobody plays any part.
    desolate: bool,
    /// How long a process takes to end; it never does if absent.
    ends_in: Option<SimDuration>,
}

impl Rig {
    fn new(faults: Vec<(Trigger, FaultAction)>) -> Self {
        let (queue, lines) = Default::default();
        let chaos = Chaos::new(&plan(faults));
        let (looks_up_in, ends_in) = (Some(for_ms(2)), Some(for_ms(1)));
        let mut rig = Rig { chaos, queue, queued: 0, lines, looks_up_in, desolate: false, ends_in };
        rig.tell(0, ChaosMessage::Begin);
        rig
    }

    fn tell(&mut self, at_ms: u64, message: ChaosMessage) {
        self.queue(SimTime::ZERO + for_ms(at_ms), message);
    }

    fn queue(&mut self, at: SimTime, message: ChaosMessage) {
        self.queued += 1;
        self.queue.insert((at, self.queued), message);
    }

    fn run(mut self) -> String {
        while let Some(((now, _), message)) = self.queue.pop_first() {
            let mut out = Out::default();
            self.chaos.handle(now, Message::Chaos(message), &mut out);
            self.line_up(now, out);
        }
        self.lines.join("\n")
    }

    fn line_up(&mut self, now: SimTime, out: Out) {
        assert!(out.acts.is_empty());
        for (delay, to, message) in out.sends {
            match message {
                Message::Chaos(message) => self.queue(now + delay, message),
                message => {
                    assert_eq!(delay, SimDuration::ZERO);
                    self.heard(now, to, message);
                }
            }
        }
        for note in out.notes {
            self.line(now, &format!("{note:?}"));
        }
    }

    fn line(&mut self, now: SimTime, text: &str) {
        self.lines.push(format!("{} ms: {text}", now.as_ns() / 1_000_000));
    }

    fn heard(&mut self, now: SimTime, to: ActorId, message: Message) {
        let text = match &message {
            Message::Validator(ValidatorMessage::Disturbed { .. }) => return,
            Message::Operator(message) => format!("{message:?}"),
            Message::Node(message) => format!("{message:?}"),
            Message::Network(message) => format!("{message:?}"),
            Message::Validator(message) => format!("{message:?}"),
            Message::Director(message) => format!("{message:?}"),
            other => panic!("{other:?} is nothing that chaos says"),
        };
        self.line(now, &format!("to {to}: {text}"));
        match (to, message) {
            (_, Message::Operator(OperatorMessage::Resolve { fault, targets })) => {
                let nodes = targets.into_iter().map(|target| self.part(target)).collect();
                if let Some(delay) = self.looks_up_in {
                    self.queue(now + delay, ChaosMessage::Resolved { fault, nodes });
                }
            }
            (ActorId::Node(node), Message::Node(NodeMessage::Signal { .. })) => {
                if let Some(delay) = self.ends_in {
                    self.queue(now + delay, ChaosMessage::NodeExited { node, expected: true });
                }
            }
            _ => {}
        }
    }

    fn part(&self, target: Target) -> Option<NodeId> {
        match target {
            Target::Node(node) => Some(node),
            Target::Clients => None,
            _ if self.desolate => None,
            Target::Primary(shard) => Some(NodeId(2 * shard.0 - 1)),
            Target::Replica(shard, _) => Some(NodeId(2 * shard.0)),
        }
    }
}

fn check(rig: Rig, expected: expect_test::Expect) {
    expected.assert_eq(&rig.run());
}

#[test]
fn no_faults_are_done_at_once() {
    check(Rig::new(Vec::new()), expect_test::expect!["0 ms: to director: FaultsDone"]);
}

#[test]
fn the_validator_is_told_of_every_disturbance() {
    let mut chaos = Chaos::new(&plan(vec![(at(0), pause(5))]));
    let mut whys = Vec::new();
    let messages = [
        ChaosMessage::Begin,
        ChaosMessage::Fire { fault: FaultId(1) },
        ChaosMessage::OperationEnded { op: ONE },
        ChaosMessage::Heal { fault: FaultId(1) },
    ];
    for message in messages {
        let mut out = Out::default();
        chaos.handle(SimTime::ZERO, Message::Chaos(message), &mut out);
        whys.extend(out.sends.into_iter().filter_map(|(_, _, message)| match message {
            Message::Validator(ValidatorMessage::Disturbed { why }) => Some(why),
            _ => None,
        }));
    }
    assert_eq!(whys, ["pause of node-4 for 0.005 s", "operation 1 ended", "node-4 runs again"]);
}

#[test]
fn the_same_run_gives_the_same_lines() {
    let run = || {
        let mut rig = Rig::new(vec![(at(10), kill(Some(100))), (at(10), pause(5)), (at(3), pause(50))]);
        rig.tell(5, ChaosMessage::OperationDue { op: ONE });
        rig.run()
    };
    assert_eq!(run(), run());
}
