//! Hand-written events, and the figures that are read from them.

use super::*;
use crate::event::{Doubt, LinkState, Member, ViewRole, ViewState};
use crate::fault::{Channel, Fault, FaultAction, FaultId, ProcessKill, Signal, Target, Trigger};
use crate::history::Request;
use crate::id::{CLIENT_PORT, ClientId, Host};
use crate::op::{Failover, FailoverMode, Op, OpAction, OpId};
use crate::plan::{Overrides, generate, resolve};
use crate::time::SimDuration;

/// A run of three shards with one replica each, whose node 1 (shard 1) may be killed and failed over.
struct Feed {
    convergence: Convergence,
    count: u64,
    at_ms: u64,
}

fn plan() -> Plan {
    let overrides = Overrides { shards: Some(3), replicas: Some(1), ..Overrides::default() };
    let mut plan = resolve(&generate(1, &overrides), None).expect("a generated scenario has a plan");
    let target = Target::Primary(ShardId(1));
    let action =
        FaultAction::ProcessKill(ProcessKill { target, signal: Signal::Kill, restart_after_ns: None });
    let trigger = Trigger::At { delay_ns: SimDuration::ZERO };
    plan.faults = vec![Fault { id: FaultId(1), trigger, action }];
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

impl Feed {
    /// Every node runs and has told its id.
    fn of(plan: &Plan) -> Self {
        let mut feed = Feed { convergence: Convergence::new(plan), count: 0, at_ms: 0 };
        for node in 1..=6 {
            feed.node(node, Body::Start { incarnation: 1 });
            feed.log(node, &format!("No cluster configuration found, I'm {}", id(node)));
        }
        feed
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.at_ms = ms;
        self
    }

    fn see(&mut self, actor: ActorId, body: Body) -> &mut Self {
        let at = SimTime::ZERO + SimDuration::from_ms(self.at_ms);
        let event = Event { i: self.count, at, actor, kind: body.kind(), cause: None, body };
        self.count += 1;
        self.convergence.see(&event);
        self
    }

    fn node(&mut self, node: u16, body: Body) -> &mut Self {
        self.see(ActorId::Node(NodeId(node)), body)
    }

    fn log(&mut self, node: u16, line: &str) -> &mut Self {
        self.node(node, Body::Log { line: format!("1:S 01 Jan 2026 00:00:00.000 * {line}") })
    }

    fn probe(&mut self, node: u16, rows: Vec<ViewRow>) -> &mut Self {
        let state = ViewState::Ok;
        self.see(ActorId::Validator, Body::Probe { node: NodeId(node), state, rows, gone: Vec::new() })
    }

    fn kill(&mut self) -> &mut Self {
        self.see(
            ActorId::Chaos,
            Body::Fault { fault: FaultId(1), text: String::new(), hit: vec![NodeId(1)] },
        );
        self.node(1, Body::Exited { status: "SIGKILL".to_owned() })
    }

    fn ask(&mut self, sequence: u64, request: Request) -> &mut Self {
        self.see(ActorId::Client(ClientId(1)), Body::Invoke { sequence, request })
    }

    fn tell(&mut self, sequence: u64, outcome: Outcome, node: u16) -> &mut Self {
        let body = Body::Complete { sequence, outcome, node: Some(NodeId(node)) };
        self.see(ActorId::Client(ClientId(1)), body)
    }

    fn set(&mut self, sequence: u64) -> &mut Self {
        self.ask(sequence, Request::Set { key: KEY.to_owned(), value: format!("v{sequence}") })
    }

    fn get(&mut self, sequence: u64) -> &mut Self {
        self.ask(sequence, Request::Get { key: KEY.to_owned() })
    }

    fn wrote(&mut self, sequence: u64, node: u16) -> &mut Self {
        self.tell(sequence, Outcome::Ok(None), node)
    }

    fn read(&mut self, sequence: u64, value: &str, node: u16) -> &mut Self {
        self.tell(sequence, Outcome::Ok(Some(value.to_owned())), node)
    }

    fn sent(&mut self, from: u16) -> &mut Self {
        let body = Body::Sent {
            from: ActorId::Node(NodeId(from)),
            conn: 7,
            channel: Channel::Replication,
            to: Host::Node(NodeId(3 - from)),
            len: 10,
            digest: String::new(),
            bus: None,
            repl: None,
        };
        self.see(ActorId::Network, body)
    }

    fn ms(self, metric: Metric) -> Vec<Option<u64>> {
        let figures = self.convergence.finish();
        figures.iter().map(|figures| figures.get(&metric).map(|took| took.as_ms())).collect()
    }
}

fn row(node: u16, role: ViewRole, slots: Option<(u16, u16)>, doubt: Option<Doubt>) -> ViewRow {
    ViewRow { member: Member::Node(NodeId(node)), role, slots: slots.into_iter().collect(), doubt }
}

fn primary(node: u16, slots: Option<(u16, u16)>, doubt: Option<Doubt>) -> ViewRow {
    row(node, ViewRole::Primary { epoch: 7 }, slots, doubt)
}

fn replica(node: u16, of: u16, doubt: Option<Doubt>) -> ViewRow {
    row(node, ViewRole::Replica { of: Some(Member::Node(NodeId(of))) }, None, doubt)
}

/// A key of shard 1.
const KEY: &str = "key:0";
const WON: &str = "Failover election won: I'm the new primary.";
const OK: &str = "Cluster state changed: ok";

fn id(node: u16) -> String {
    format!("{node:040x}")
}

fn feed() -> Feed {
    Feed::of(&plan())
}

#[test]
fn the_test_key_is_of_shard_1() {
    assert!(crate::wire::resp::key_slot(KEY.as_bytes()) <= plan().cluster.slots_of(ShardId(1)).1);
}

#[test]
fn the_first_sign_of_a_suspicion_counts_whoever_gives_it() {
    let own = |feed: &mut Feed| {
        feed.log(4, &format!("NODE {} () possibly failing.", id(1)));
    };
    let reported = |feed: &mut Feed| {
        feed.log(6, &format!("Node {} () reported node {} () as not reachable.", id(3), id(1)));
    };
    let surveyed = |feed: &mut Feed| {
        feed.probe(3, vec![primary(1, Some((0, 5460)), Some(Doubt::Pfail))]);
    };
    let marked = |feed: &mut Feed| {
        feed.log(3, &format!("Marking node {} () as failing (quorum reached).", id(1)));
    };
    let signs: [&dyn Fn(&mut Feed); 4] = [&own, &reported, &surveyed, &marked];
    for sign in signs {
        let mut feed = feed();
        feed.at(1_000).kill();
        sign(feed.at(3_100));
        feed.at(3_500).log(2, &format!("NODE {} () possibly failing.", id(1)));
        assert_eq!(feed.ms(Metric::Pfail), [Some(2_100)]);
    }
}

#[test]
fn a_suspicion_of_another_node_or_before_the_disruption_is_none() {
    let mut feed = feed();
    feed.at(900).log(4, &format!("NODE {} () possibly failing.", id(1)));
    feed.at(1_000).kill().at(1_500).log(4, &format!("NODE {} () possibly failing.", id(3)));
    feed.probe(
        2,
        vec![primary(3, Some((5461, 10922)), Some(Doubt::Pfail)), replica(10, 1, Some(Doubt::Pfail))],
    );
    assert_eq!(feed.ms(Metric::Pfail), [None]);
}

#[test]
fn failure_is_agreed_when_the_first_node_says_so() {
    let mut feed = feed();
    feed.at(1_000).kill();
    feed.at(3_400).log(5, &format!("Marking node {} (10.0.0.1:6379) as failing (quorum reached).", id(1)));
    feed.at(3_401).log(6, &format!("Marking node {} () as failing (quorum reached).", id(1)));
    assert_eq!(feed.ms(Metric::Fail), [Some(2_400)]);
}

#[test]
fn a_vote_is_won_by_a_node_of_the_shard() {
    let mut feed = feed();
    feed.at(1_000).kill().at(1_200).log(4, WON).at(4_000).log(2, WON);
    assert_eq!(feed.ms(Metric::VoteWon), [Some(3_000)]);
}

#[test]
fn an_election_lasts_from_the_first_fail_to_the_vote() {
    let mut feed = feed();
    feed.at(1_000).kill();
    feed.at(3_400).log(5, &format!("Marking node {} () as failing (quorum reached).", id(1)));
    feed.at(4_300).log(2, WON);
    assert_eq!(feed.ms(Metric::Election), [Some(900)]);
}

#[test]
fn a_failover_that_is_asked_for_needs_no_fail() {
    let mut feed = feed();
    feed.at(1_000).see(ActorId::Operator, Body::Operation { op: OpId(1), text: String::new() });
    feed.at(1_100).log(2, WON);
    assert_eq!(feed.ms(Metric::Election), [None]);
}

#[test]
fn writes_are_accepted_when_the_new_primary_serves_and_a_client_has_heard_so() {
    let mut feed = feed();
    feed.at(1_000).kill().at(1_050).set(1).at(1_060).wrote(1, 1);
    feed.at(3_000).set(2).at(4_000).log(2, WON).at(4_020).log(2, OK);
    feed.at(4_100).wrote(2, 2).at(4_200).set(3).wrote(3, 2);
    assert_eq!(feed.ms(Metric::Writable), [Some(3_020)]);
}

#[test]
fn a_new_primary_that_never_called_the_cluster_down_serves_from_its_vote_on() {
    let mut feed = feed();
    feed.log(2, OK).at(1_000).kill().at(4_000).log(2, WON).at(4_050).set(1).at(4_100).wrote(1, 2);
    assert_eq!(feed.ms(Metric::Writable), [Some(3_000)]);
}

#[test]
fn a_new_primary_that_no_client_wrote_to_is_not_known_to_accept_writes() {
    let mut feed = feed();
    feed.at(1_000).kill().at(4_000).log(2, WON).log(2, OK).set(1).tell(1, Outcome::Fail("no".to_owned()), 2);
    assert_eq!(feed.ms(Metric::Writable), [None]);
}

#[test]
fn views_agree_when_the_last_live_node_knows_the_new_owner() {
    let mut feed = feed();
    feed.at(1_000).kill().at(2_000).log(3, OK).at(4_000).log(2, WON).log(2, OK);
    for (node, ms) in [(3, 4_001), (4, 4_003), (5, 4_002)] {
        feed.at(ms).log(node, OK);
    }
    feed.at(4_090).probe(6, vec![primary(1, None, Some(Doubt::Fail)), primary(2, Some((0, 5460)), None)]);
    assert_eq!(feed.ms(Metric::ViewsAgree), [Some(3_090)]);
}

#[test]
fn a_node_that_lives_and_knows_nothing_keeps_views_apart() {
    let mut feed = feed();
    feed.at(1_000).kill().at(4_000).log(2, WON).log(2, OK).at(4_001).log(3, OK).log(4, OK).log(5, OK);
    feed.probe(6, vec![primary(2, None, None)]);
    assert_eq!(feed.ms(Metric::ViewsAgree), [None]);
}

#[test]
fn replicas_are_in_sync_from_their_start_on() {
    let mut feed = feed();
    feed.at(1_000).kill().at(4_000).log(2, WON).at(9_000).node(1, Body::Start { incarnation: 2 });
    feed.at(9_012).log(1, "PRIMARY <-> REPLICA sync: Finished with success");
    assert_eq!(feed.ms(Metric::InSync), [Some(12)]);
}

#[test]
fn a_shard_without_a_live_replica_is_never_in_sync() {
    let mut feed = feed();
    feed.at(1_000).kill().at(4_000).log(2, WON);
    feed.at(5_000).log(4, "Successful partial resynchronization with primary.");
    assert_eq!(feed.ms(Metric::InSync), [None]);
}

#[test]
fn writes_are_unavailable_between_two_that_were_acknowledged() {
    let mut feed = feed();
    feed.at(980).set(1).at(990).wrote(1, 1).at(1_000).kill();
    feed.at(1_500).set(2).at(2_500).tell(2, Outcome::Info("lost".to_owned()), 1);
    feed.at(2_600).set(3).at(4_290).wrote(3, 2).set(4).at(4_300).wrote(4, 2);
    assert_eq!(feed.ms(Metric::Unwritable), [Some(3_300)]);
}

#[test]
fn an_outage_that_outlasts_the_clients_is_not_measured() {
    let mut feed = feed();
    feed.at(1_000).kill().at(1_005).set(1).wrote(1, 1);
    feed.at(1_100).set(2).at(6_100).tell(2, Outcome::Fail("no time left".to_owned()), 1);
    assert_eq!(feed.ms(Metric::Unwritable), [None]);
}

#[test]
fn reads_of_what_was_overwritten_are_stale() {
    let mut feed = feed();
    feed.at(100).set(1).at(110).wrote(1, 1).at(120).set(2).at(130).wrote(2, 1).at(1_000).kill();
    feed.at(2_000).get(3).at(2_010).read(3, "v1", 2);
    feed.at(2_500).get(4).at(2_510).read(4, "v2", 2);
    assert_eq!(feed.ms(Metric::StaleReads), [Some(1_010)]);
}

#[test]
fn a_read_beside_the_write_may_see_either_value() {
    let mut feed = feed();
    feed.at(100).set(1).at(110).wrote(1, 1).at(1_000).kill();
    feed.at(2_000).set(2).get(3).at(2_010).wrote(2, 2).at(2_020).read(3, "v1", 2);
    feed.at(2_100).get(4).at(2_110).read(4, "never acknowledged", 2);
    assert_eq!(feed.ms(Metric::StaleReads), [Some(0)]);
}

#[test]
fn a_key_that_is_gone_is_stale() {
    let mut feed = feed();
    feed.at(100).set(1).at(110).wrote(1, 1).at(1_000).kill();
    feed.at(2_000).get(2).at(2_010).tell(2, Outcome::Ok(None), 2);
    assert_eq!(feed.ms(Metric::StaleReads), [Some(1_010)]);
}

#[test]
fn the_longest_way_of_a_chunk_to_a_replica_is_the_lag() {
    let mut feed = feed();
    let (from, to) = (ActorId::Node(NodeId(2)), Host::Node(NodeId(1)));
    feed.see(ActorId::Network, Body::Dial { from, conn: 7, to, port: CLIENT_PORT });
    feed.at(900).sent(1).at(1_000).kill();
    feed.at(1_100).sent(1).sent(2).at(1_150).sent(1);
    feed.node(2, Body::Link { conn: 7, state: LinkState::Credit });
    for (ms, node) in [(1_160, 2), (1_170, 1), (1_180, 2), (1_190, 2)] {
        feed.at(ms).node(node, Body::Deliver { conn: 7, len: 10 });
    }
    assert_eq!(feed.ms(Metric::Lag), [Some(80)]);
}

#[test]
fn an_operation_that_is_tried_again_is_one_disruption() {
    let mut feed = feed();
    let asked = Body::Operation { op: OpId(1), text: String::new() };
    feed.at(1_000).see(ActorId::Operator, asked.clone()).at(2_000).see(ActorId::Operator, asked);
    feed.at(2_100).log(2, WON);
    assert_eq!(feed.ms(Metric::VoteWon), [Some(1_100)]);
}

#[test]
fn a_second_disruption_of_a_shard_ends_the_first() {
    let mut feed = feed();
    feed.at(1_000)
        .kill()
        .at(2_000)
        .see(ActorId::Operator, Body::Operation { op: OpId(1), text: String::new() });
    feed.at(2_500).log(2, WON);
    assert_eq!(feed.ms(Metric::VoteWon), [None, Some(500)]);
}

#[test]
fn what_hits_no_primary_disrupts_nothing() {
    let mut feed = feed();
    feed.at(1_000)
        .see(ActorId::Chaos, Body::Fault { fault: FaultId(1), text: "missed".to_owned(), hit: Vec::new() });
    assert!(feed.convergence.finish().is_empty());
}
