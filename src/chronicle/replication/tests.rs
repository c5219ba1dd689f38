//! Replication as small sequences of events tell it.

use super::*;
use crate::event::{Command, Commands, Kind, Position};
use crate::id::Host;

/// Node-1 is the primary, node-2 its replica on connection 1; each command has ten bytes.
struct Wire {
    seen: Replication,
    at: SimTime,
}

const PRIMARY: NodeId = NodeId(1);
const REPLICA: NodeId = NodeId(2);

fn at(s: u64) -> SimTime {
    SimTime::from_ns(s * 1_000_000_000)
}

impl Wire {
    /// Three processes, and nothing else.
    fn new() -> Self {
        let mut wire = Wire { seen: Replication::new(SimDuration::from_secs(2)), at: SimTime::ZERO };
        [1, 2, 3].into_iter().for_each(|n| wire.node(n, Body::Start { incarnation: 1 }));
        wire
    }

    /// Node-2 has the data set of node-1 as of offset 100, at 1 s.
    fn synchronised() -> Self {
        let mut wire = Wire::new();
        wire.ask(1, REPLICA, PRIMARY, -1);
        wire.at = at(1);
        wire.answer(1, PRIMARY, REPLICA, Answer::Full(Position { id: "x".to_owned(), offset: 100 }));
        wire.says(1, PRIMARY, REPLICA, 10, Replicated { whole: Some(true), ..Replicated::default() });
        wire.deliver(1, REPLICA, 11);
        wire.loaded();
        wire
    }

    fn loaded(&mut self) {
        self.node(2, Body::Log { line: "PRIMARY <-> REPLICA sync: Finished with success".to_owned() });
    }

    fn event(&mut self, actor: ActorId, body: Body) {
        self.seen.see(&Event { i: 0, at: self.at, actor, kind: Kind::Effect, cause: None, body });
    }

    fn node(&mut self, node: u16, body: Body) {
        self.event(ActorId::Node(NodeId(node)), body);
    }

    fn says(&mut self, conn: u64, from: NodeId, to: NodeId, len: u64, said: Replicated) {
        let repl = (!said.is_empty()).then(|| Box::new(said));
        let sent = Body::Sent {
            from: ActorId::Node(from),
            conn,
            channel: Channel::Replication,
            to: Host::Node(to),
            len,
            digest: String::new(),
            bus: None,
            repl,
        };
        self.event(ActorId::Network, sent);
    }

    fn ask(&mut self, conn: u64, replica: NodeId, primary: NodeId, offset: i64) {
        let asks = Some(Position { id: "x".to_owned(), offset });
        self.says(conn, replica, primary, 30, Replicated { asks, ..Replicated::default() });
    }

    fn answer(&mut self, conn: u64, primary: NodeId, replica: NodeId, answer: Answer) {
        self.says(conn, primary, replica, 1, Replicated { answer: Some(answer), ..Replicated::default() });
    }

    fn stream(&mut self, conn: u64, primary: NodeId, replica: NodeId, to: u64, digests: &[u64]) {
        let commands = digests.iter().map(|digest| Command { len: 10, digest: *digest }).collect::<Vec<_>>();
        let len = 10 * commands.len() as u64;
        let said = Replicated { to: Some(to), commands: Commands(commands), ..Replicated::default() };
        self.says(conn, primary, replica, len, said);
    }

    fn acknowledge(&mut self, ack: u64) {
        self.says(1, REPLICA, PRIMARY, 30, Replicated { ack: Some(ack), ..Replicated::default() });
    }

    fn deliver(&mut self, conn: u64, to: NodeId, len: u64) {
        self.event(ActorId::Node(to), Body::Deliver { conn, len });
    }

    fn promote(&mut self, node: NodeId) {
        self.node(node.0, Body::Log { line: "Failover election won: I'm the new primary.".to_owned() });
    }

    /// Reign, and lowest and highest offset, of what a node copied.
    fn copied(&self, node: NodeId) -> Option<(usize, u64, u64)> {
        match self.seen.data_of(node, self.at)? {
            Cut { of, extent: Extent::Copied(copied) } => Some((of.0, copied.low, copied.high)),
            Cut { extent: Extent::Until(_), .. } => None,
        }
    }

    fn breaches(&self) -> Vec<What> {
        self.seen.breaches.iter().map(|breach| breach.what).collect()
    }
}

#[test]
fn a_replica_has_what_reached_it_and_surely_what_it_acknowledged() {
    let mut wire = Wire::synchronised();
    assert_eq!(wire.copied(REPLICA), Some((0, 100, 100)));
    wire.stream(1, PRIMARY, REPLICA, 120, &[1, 2]);
    assert_eq!(wire.copied(REPLICA), Some((0, 100, 100)), "it is under way");
    wire.deliver(1, REPLICA, 15);
    assert_eq!(wire.copied(REPLICA), Some((0, 100, 110)), "a command and a half");
    wire.deliver(1, REPLICA, 5);
    wire.acknowledge(120);
    assert_eq!(wire.copied(REPLICA), Some((0, 120, 120)));
    assert_eq!(wire.breaches(), []);
}

#[test]
fn what_reaches_a_stopped_process_counts_when_it_runs_again() {
    let mut wire = Wire::synchronised();
    wire.node(2, Body::Pause { paused: true });
    wire.stream(1, PRIMARY, REPLICA, 110, &[1]);
    wire.deliver(1, REPLICA, 10);
    assert_eq!(wire.copied(REPLICA), Some((0, 100, 100)));
    wire.node(2, Body::Pause { paused: false });
    assert_eq!(wire.copied(REPLICA), Some((0, 100, 110)));
}

#[test]
fn a_new_primary_goes_on_from_what_it_had_and_says_so_itself() {
    let mut wire = Wire::synchronised();
    wire.stream(1, PRIMARY, REPLICA, 120, &[1, 2]);
    wire.deliver(1, REPLICA, 20);
    wire.at = at(5);
    wire.seen.said(REPLICA, wire.at, 110, true);
    wire.promote(REPLICA);
    let (id, reign) = wire.seen.reigns().last().expect("it reigns");
    let copied = Copied { low: 110, high: 110, since: at(1) };
    assert_eq!(reign.by, Begin::Takeover(Cut { of: ReignId(0), extent: Extent::Copied(copied) }));
    assert_eq!(wire.seen.data_of(REPLICA, at(9)), Some(Cut { of: id, extent: Extent::Until(at(9)) }));
    wire.seen.heard((PRIMARY, REPLICA), [at(6), at(7)], Some(&[(0, 9)]), false);
    assert_eq!(wire.seen.reign(id).heard_by(PRIMARY), None, "both have the same epoch");
    wire.seen.heard((PRIMARY, REPLICA), [at(6), at(7)], Some(&[(0, 9)]), true);
    assert_eq!(wire.seen.reign(id).heard_by(PRIMARY), Some(at(7)));
}

#[test]
fn a_new_primary_had_no_more_than_it_says_later() {
    let mut wire = Wire::synchronised();
    wire.stream(1, PRIMARY, REPLICA, 120, &[1, 2]);
    wire.deliver(1, REPLICA, 20);
    wire.at = at(5);
    wire.promote(REPLICA);
    wire.seen.said(REPLICA, at(6), 110, true);
    wire.seen.said(REPLICA, at(7), 115, true);
    let (_, reign) = wire.seen.reigns().last().expect("it reigns");
    let Begin::Takeover(Cut { extent: Extent::Copied(copied), .. }) = reign.by else { panic!("{reign:?}") };
    assert_eq!((copied.low, copied.high), (100, 110));
}

#[test]
fn what_was_sent_before_a_takeover_is_not_news() {
    let mut wire = Wire::synchronised();
    wire.at = at(5);
    wire.promote(REPLICA);
    wire.seen.heard((PRIMARY, REPLICA), [at(4), at(7)], Some(&[]), true);
    wire.seen.heard((PRIMARY, REPLICA), [at(6), at(8)], None, true);
    let (id, _) = wire.seen.reigns().last().expect("it reigns");
    assert_eq!(wire.seen.reign(id).heard_by(PRIMARY), None);
}

#[test]
fn two_replicas_of_one_history_get_the_same_also_through_a_takeover() {
    let mut wire = Wire::synchronised();
    wire.stream(1, PRIMARY, REPLICA, 120, &[1, 2]);
    wire.deliver(1, REPLICA, 20);
    wire.promote(REPLICA);
    wire.ask(2, NodeId(3), REPLICA, 101);
    wire.answer(2, REPLICA, NodeId(3), Answer::Continue("y".to_owned()));
    wire.stream(2, REPLICA, NodeId(3), 130, &[1, 2, 3]);
    assert_eq!(wire.breaches(), []);
    let counts: Vec<usize> = wire.seen.reigns().map(|(_, reign)| reign.commands().len()).collect();
    assert_eq!(counts, [2, 0, 0, 1]);
    wire.ask(3, NodeId(3), REPLICA, 111);
    wire.answer(3, REPLICA, NodeId(3), Answer::Continue("y".to_owned()));
    wire.stream(3, REPLICA, NodeId(3), 120, &[7]);
    assert_eq!(wire.breaches(), [What::Differs { offset: 120 }]);
}

#[test]
fn a_replica_must_not_acknowledge_what_did_not_reach_it_nor_less_than_before() {
    let mut wire = Wire::synchronised();
    wire.stream(1, PRIMARY, REPLICA, 120, &[1, 2]);
    wire.deliver(1, REPLICA, 10);
    wire.acknowledge(120);
    wire.acknowledge(110);
    let expected =
        [What::AcksBeyond { acked: 120, arrived: 110 }, What::AcksBack { acked: 110, before: 120 }];
    assert_eq!(wire.breaches(), expected);
}

#[test]
fn an_old_primary_goes_on_only_if_it_has_nothing_of_its_own() {
    for (asked, wrong) in [(121, None), (131, Some(What::Diverged { from: 130, common: Some(120) }))] {
        let mut wire = Wire::synchronised();
        wire.stream(1, PRIMARY, REPLICA, 120, &[1, 2]);
        wire.deliver(1, REPLICA, 20);
        wire.promote(PRIMARY);
        wire.ask(9, REPLICA, PRIMARY, 121);
        wire.answer(9, PRIMARY, REPLICA, Answer::Continue("x".to_owned()));
        wire.deliver(9, REPLICA, 1);
        wire.promote(REPLICA);
        wire.ask(2, PRIMARY, REPLICA, asked);
        wire.answer(2, REPLICA, PRIMARY, Answer::Continue("y".to_owned()));
        assert_eq!(wire.breaches(), wrong.into_iter().collect::<Vec<_>>(), "{asked}");
    }
}

#[test]
fn a_replica_goes_on_where_it_stopped() {
    let mut wire = Wire::synchronised();
    wire.stream(1, PRIMARY, REPLICA, 120, &[1, 2]);
    wire.deliver(1, REPLICA, 10);
    wire.acknowledge(110);
    for asked in [111, 101, 121] {
        wire.ask(2, REPLICA, PRIMARY, asked);
        wire.answer(2, PRIMARY, REPLICA, Answer::Continue(String::new()));
    }
    let elsewhere = |from| What::GoesOnElsewhere { from, low: 110, high: 110 };
    assert_eq!(wire.breaches(), [elsewhere(100), elsewhere(120)]);
}

#[test]
fn with_two_channels_the_stream_counts_once_the_data_set_is_there() {
    let mut wire = Wire::new();
    wire.ask(1, REPLICA, PRIMARY, -1);
    wire.answer(1, PRIMARY, REPLICA, Answer::Dual);
    wire.answer(2, PRIMARY, REPLICA, Answer::Snapshot(Position { id: "x".to_owned(), offset: 50 }));
    wire.ask(1, REPLICA, PRIMARY, 51);
    wire.answer(1, PRIMARY, REPLICA, Answer::Continue("x".to_owned()));
    wire.stream(1, PRIMARY, REPLICA, 60, &[1]);
    wire.deliver(1, REPLICA, 12);
    assert_eq!(wire.copied(REPLICA), None);
    wire.says(2, PRIMARY, REPLICA, 10, Replicated { whole: Some(true), ..Replicated::default() });
    wire.deliver(2, REPLICA, 11);
    wire.loaded();
    assert_eq!(wire.copied(REPLICA), Some((0, 50, 60)));
    assert_eq!(wire.breaches(), []);
}

#[test]
fn with_two_channels_the_data_set_may_be_there_before_the_stream_goes_on() {
    let mut wire = Wire::synchronised();
    wire.ask(3, REPLICA, PRIMARY, 101);
    wire.answer(3, PRIMARY, REPLICA, Answer::Dual);
    wire.answer(4, PRIMARY, REPLICA, Answer::Snapshot(Position { id: "y".to_owned(), offset: 50 }));
    wire.says(4, PRIMARY, REPLICA, 10, Replicated { whole: Some(true), ..Replicated::default() });
    wire.deliver(4, REPLICA, 11);
    wire.ask(3, REPLICA, PRIMARY, 51);
    wire.answer(3, PRIMARY, REPLICA, Answer::Continue("y".to_owned()));
    wire.stream(3, PRIMARY, REPLICA, 60, &[1]);
    wire.deliver(3, REPLICA, 12);
    assert_eq!(wire.copied(REPLICA), Some((0, 100, 100)), "it is not loaded");
    wire.loaded();
    assert_eq!(wire.copied(REPLICA), Some((0, 50, 60)));
    assert_eq!(wire.breaches(), []);
}

#[test]
fn a_data_set_counts_once_it_is_loaded_and_not_at_all_if_it_is_given_up() {
    let mut wire = Wire::synchronised();
    wire.answer(1, PRIMARY, REPLICA, Answer::Full(Position { id: "y".to_owned(), offset: 500 }));
    wire.says(1, PRIMARY, REPLICA, 10, Replicated { whole: Some(true), ..Replicated::default() });
    wire.deliver(1, REPLICA, 11);
    wire.stream(1, PRIMARY, REPLICA, 510, &[1]);
    wire.deliver(1, REPLICA, 10);
    assert_eq!(wire.copied(REPLICA), Some((0, 100, 100)));
    let mut given_up = Wire { seen: wire.seen.clone(), at: wire.at };
    wire.acknowledge(510);
    assert_eq!(wire.copied(REPLICA), Some((0, 510, 510)));
    given_up.ask(2, REPLICA, PRIMARY, 101);
    given_up.loaded();
    assert_eq!(given_up.copied(REPLICA), Some((0, 100, 100)));
    assert_eq!((wire.breaches(), given_up.breaches()), (vec![], vec![]));
}

#[test]
fn a_replica_that_calls_itself_a_primary_without_a_takeover_was_reset() {
    let mut wire = Wire::synchronised();
    wire.seen.said(REPLICA, at(5), 100, true);
    assert_eq!(wire.copied(REPLICA), Some((0, 100, 100)), "it may say in this turn that it took over");
    wire.seen.said(REPLICA, at(6), 100, true);
    assert_eq!(wire.copied(REPLICA), None);
    let (_, reign) = wire.seen.reigns().last().expect("it began anew");
    assert_eq!((reign.node, reign.parent()), (REPLICA, None));
}

#[test]
fn a_primary_that_sends_what_is_no_command_is_told_at_once() {
    let mut wire = Wire::synchronised();
    wire.at = at(3);
    wire.says(1, PRIMARY, REPLICA, 7, Replicated { no_command: Some(100), ..Replicated::default() });
    let what = What::NoCommand { offset: 100 };
    assert_eq!(wire.seen.breaches, [Breach { at: at(3), replica: REPLICA, primary: PRIMARY, what }]);
    let text = "node-1 sent node-2 at 3.000000s what is no command, behind offset 100";
    assert_eq!(wire.seen.breaches[0].to_string(), text);
}

#[test]
fn a_restart_keeps_what_there_was_before_in_mind() {
    let mut wire = Wire::synchronised();
    wire.at = at(4);
    wire.node(2, Body::Start { incarnation: 2 });
    let (_, reign) = wire.seen.reigns().last().expect("it was started");
    let copied = Copied::from(100, at(1));
    assert_eq!(reign.parent(), Some(Cut { of: ReignId(0), extent: Extent::Copied(copied) }));
}

#[test]
fn a_log_that_says_nothing_of_replication_is_told_from_one_without_any() {
    let mut wire = Wire::new();
    assert!(wire.seen.is_told());
    wire.says(1, REPLICA, PRIMARY, 30, Replicated::default());
    assert!(!wire.seen.is_told());
    assert!(Wire::synchronised().seen.is_told());
}
