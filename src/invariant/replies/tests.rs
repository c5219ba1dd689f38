//! Histories that the order of execution explains, and some that it does not.

use super::super::sample::{at, disturb, healthy, operation};
use super::*;
use crate::chronicle::replication::{Begin, Copied, Cut, Executed, Extent, Reign, ReignId};
use crate::chronicle::{Execution, Moment};
use crate::fault::POWER_LOST;
use crate::history::{Entry, Outcome, Reply, Request};
use crate::id::{ClientId, NodeId};
use crate::invariant::evidence::{Content, DiskReport, DiskStep, ExitReport};
use crate::op::{Command, Ending, Method, OpAction, Reshard, Which};
use crate::wire::resp;

/// What clients of a run asked and were told, by turns of its nodes: a turn is a second.
struct Told {
    evidence: Evidence,
}

impl Told {
    /// Node 1 reigns from the beginning on.
    fn new() -> Self {
        let mut evidence = healthy();
        let reign = Reign::new(NodeId(1), at(0), Begin::Start { before: None });
        evidence.chronicle.replication.begin_for_test(reign);
        // What keys hold in the end is told by the tests that ask for it.
        evidence.nodes.iter_mut().for_each(|node| node.keys = None);
        Told { evidence }
    }

    /// A client asks a command that a node gets in one turn and replies to in another one, or never.
    fn ask(&mut self, node: u16, turns: (u64, u64), command: &str, told: Option<Reply>) -> &mut Self {
        self.ask_all(node, turns, &[command], told.map(|reply| vec![reply]))
    }

    /// The same with several commands at once.
    fn ask_all(
        &mut self,
        node: u16,
        (from, to): (u64, u64),
        commands: &[&str],
        told: Option<Vec<Reply>>,
    ) -> &mut Self {
        let words = |command: &&str| command.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let commands: Vec<_> = commands.iter().map(words).collect();
        let request = Request::Call { key: commands[0][1].clone(), commands };
        let (client, sequence) = (ClientId(1), self.evidence.history.len() as u64 + 1);
        let moment = |turn| Some(Moment { event: turn, at: at(turn) });
        let execution = Execution {
            node: NodeId(node),
            conn: 1,
            from: moment(from),
            to: moment(to),
            again: false,
            data: None,
        };
        self.evidence.chronicle.executions.insert_for_test(client, sequence, execution);
        let is_told = told.is_some();
        let outcome = told.map_or(Outcome::Info("lost".to_owned()), Outcome::Replied);
        self.evidence.history.push(Entry {
            client,
            sequence,
            request,
            database: 0,
            invoked_at: at(from),
            completed_at: is_told.then(|| at(to)),
            outcome: Some(outcome),
            node: Some(NodeId(node)),
        });
        self
    }

    fn incr(&mut self, node: u16, turn: u64, told: i64) -> &mut Self {
        self.ask(node, (turn, turn), "INCR n", Some(Reply::Int(told)))
    }

    /// The stream of the first reign has a command of the clients' that ends at an offset.
    fn stream(&mut self, reign: usize, end: u64, command: &str) -> &mut Self {
        let packed = resp::pack(&command.split(' ').collect::<Vec<_>>());
        let executed = Executed { end, len: 1, digest: xxhash_rust::xxh3::xxh3_64(&packed) };
        let reign = self.evidence.chronicle.replication.reign_for_test(ReignId(reign));
        reign.execute(executed).expect("it fits");
        self
    }

    /// Node 2 takes over with what it had executed of the first reign.
    fn take_over(&mut self, turn: u64, (low, high): (u64, u64)) -> &mut Self {
        let copied = Extent::Copied(Copied { low, high, since: at(0) });
        let begin = Begin::Takeover(Cut { of: ReignId(0), extent: copied });
        self.evidence.chronicle.replication.begin_for_test(Reign::new(NodeId(2), at(turn), begin));
        self
    }

    /// Node 2 copied so much of the first reign when it was asked last.
    fn of_copy(&mut self, (low, high): (u64, u64)) -> &mut Self {
        let extent = Extent::Copied(Copied { low, high, since: at(0) });
        let sequence = self.evidence.history.len() as u64;
        let executions = &mut self.evidence.chronicle.executions;
        let execution = executions.of(ClientId(1), sequence).expect("it was asked");
        let data = Some(Cut { of: ReignId(0), extent });
        executions.insert_for_test(ClientId(1), sequence, Execution { data, ..execution });
        self
    }

    /// What was asked last had been asked before over its connection, and was refused.
    fn again(&mut self) -> &mut Self {
        let sequence = self.evidence.history.len() as u64;
        let executions = &mut self.evidence.chronicle.executions;
        let execution = executions.of(ClientId(1), sequence).expect("it was asked");
        executions.insert_for_test(ClientId(1), sequence, Execution { again: true, ..execution });
        self
    }

    /// A transaction that comes to nothing.
    fn broken(&mut self, turn: u64) -> &mut Self {
        self.ask(1, (turn, turn), "INCR n", Some(Reply::Nil));
        let entry = self.evidence.history.last_mut().expect("it was asked");
        let commands = ["MULTI", "INCR n", "EXEC"].map(|text| text.split(' ').map(str::to_owned).collect());
        entry.request = Request::Call { key: "n".to_owned(), commands: commands.to_vec() };
        let status = |text: &str| Reply::Status(text.to_owned());
        entry.outcome = Some(Outcome::Replied(vec![status("OK"), status("QUEUED"), Reply::Nil]));
        self
    }

    fn verdict(&self) -> Verdict {
        check(&Case::of(&self.evidence))
    }

    fn holds(&self, explained: u64) {
        let text = format!("{explained} replies explained by the order of execution");
        assert_eq!(self.verdict(), Verdict::holds(text));
    }

    fn is_broken(&self, what: &str) {
        let verdict = self.verdict();
        assert!(verdict.is_violated() && verdict.detail().contains(what), "{verdict:?}");
    }
}

#[test]
fn other_commands_come_between_those_that_reach_a_node_in_pieces() {
    let read = || vec![Reply::Nil, Reply::Text("1".to_owned())];
    let verdict = |turns: (u64, u64)| {
        let mut told = Told::new();
        told.ask_all(1, turns, &["GET n", "GET n"], Some(read())).incr(1, 2, 1);
        check(&Case::of(&told.evidence))
    };
    assert!(!verdict((1, 3)).is_violated(), "one came before and the other one after");
    assert!(verdict((2, 2)).is_violated(), "both were executed at once");
}

#[test]
fn each_reply_follows_from_what_was_executed_before() {
    Told::new().incr(1, 1, 1).incr(1, 2, 2).incr(1, 3, 3).holds(3);
    let text = "client-1 #2 at 2.000000s was told (integer) 3 by node-1 for INCR n; n held n = \"1\" before";
    Told::new().incr(1, 1, 1).incr(1, 2, 3).is_broken(text);
}

#[test]
fn a_watch_may_have_been_set_when_what_came_with_it_was_refused() {
    let watched = || Some(Reply::Status("OK".to_owned()));
    Told::new().ask(1, (1, 1), "WATCH n", watched()).broken(2).is_broken("(nil)");
    Told::new().ask(1, (1, 1), "WATCH n", watched()).again().broken(2).holds(2);
    Told::new().ask(1, (1, 1), "WATCH n", watched()).again().broken(2).broken(3).is_broken("#3");
}

#[test]
fn an_increment_is_neither_lost_nor_done_twice() {
    Told::new().incr(1, 1, 1).incr(1, 2, 1).is_broken("(integer) 1");
    let ghost = |told| {
        let mut run = Told::new();
        run.incr(1, 1, 1).ask(1, (2, 3), "INCR n", None).incr(1, 4, told);
        run
    };
    ghost(2).holds(2);
    ghost(3).holds(2);
    ghost(4).is_broken("(integer) 4");
}

#[test]
fn what_was_not_told_happens_once_and_not_after_its_connection_is_gone() {
    let mut run = Told::new();
    run.ask(1, (1, 3), "INCR n", None).incr(1, 4, 2).incr(1, 5, 3).holds(2);
    let mut late = Told::new();
    late.ask(1, (1, 3), "INCR n", None).incr(1, 4, 1).incr(1, 5, 3).is_broken("(integer) 3");
}

#[test]
fn within_one_turn_any_order_will_do() {
    Told::new().incr(1, 1, 2).incr(1, 1, 1).holds(2);
    Told::new().incr(1, 1, 2).incr(1, 1, 2).is_broken("and client-1 #2");
    Told::new().incr(1, 2, 2).incr(1, 1, 1).holds(2);
    Told::new().incr(1, 2, 1).incr(1, 1, 2).is_broken("(integer) 2");
}

#[test]
fn a_takeover_goes_on_with_what_its_node_had() {
    let lost_of = |cut, told| {
        let mut run = Told::new();
        run.incr(1, 1, 1).incr(1, 2, 2).incr(1, 3, 3);
        run.stream(0, 10, "INCR n").stream(0, 20, "INCR n").stream(0, 30, "INCR n");
        run.take_over(5, cut).incr(2, 6, told);
        run
    };
    lost_of((20, 20), 3).holds(4);
    lost_of((20, 20), 4).is_broken("(integer) 4");
    lost_of((30, 30), 4).holds(4);
    lost_of((0, 0), 1).holds(4);
    lost_of((0, 30), 3).holds(4);
    lost_of((30, 30), 3).is_broken("(integer) 3");
}

#[test]
fn a_deletion_does_not_come_back_and_an_expiry_not_early() {
    let mut run = Told::new();
    run.ask(1, (1, 1), "RPUSH l a", Some(Reply::Int(1))).ask(1, (2, 2), "DEL l", Some(Reply::Int(1)));
    run.ask(1, (3, 3), "LLEN l", Some(Reply::Int(1))).is_broken("l held nothing before");
    let mut run = Told::new();
    run.ask(1, (1, 1), "SET k v PX 9000", Some(Reply::Status("OK".to_owned())));
    run.ask(1, (5, 5), "GET k", Some(Reply::Nil)).is_broken("(nil)");
}

#[test]
fn what_the_plans_own_commands_wrote_is_not_followed() {
    let mut run = Told::new();
    run.ask(1, (1, 1), "INCR k27", Some(Reply::Int(1))).ask(1, (9, 9), "INCR k27", Some(Reply::Int(6)));
    let args = ["SET", "k27", "5"].map(str::to_owned).to_vec();
    operation(&mut run.evidence, OpAction::Command(Command { node: NodeId(1), args }), (5, 6), Ending::Done);
    let text = "1 replies explained by the order of execution, 1 not followed";
    assert_eq!(run.verdict(), Verdict::holds(text));
}

#[test]
fn after_a_command_that_the_model_does_not_know_nothing_is_followed() {
    let mut run = Told::new();
    run.incr(1, 1, 1).ask(1, (2, 2), "NOSUCH n", Some(Reply::Int(1))).incr(1, 3, 9);
    assert_eq!(
        run.verdict(),
        Verdict::holds("1 replies explained by the order of execution, 2 not followed")
    );
}

#[test]
fn a_replica_tells_what_it_has_and_how_old_that_is_is_known() {
    let read = |told: &str, cut| {
        let mut run = Told::new();
        run.incr(1, 1, 1).incr(1, 2, 2).stream(0, 10, "INCR n").stream(0, 20, "INCR n");
        run.ask(2, (7, 7), "GET n", Some(Reply::text(told.as_bytes()))).of_copy(cut);
        run
    };
    let text = "3 replies explained by the order of execution, 1 of them by replicas, 1 of those behind, the oldest by 5.000 s (1 to 10s)";
    assert_eq!(read("1", (10, 10)).verdict(), Verdict::holds(text));
    let text = "3 replies explained by the order of execution, 1 of them by replicas, 0 of those behind, the oldest by 0.000 s";
    assert_eq!(read("2", (10, 20)).verdict(), Verdict::holds(text));
    read("1", (20, 20)).is_broken("for GET n; n held n = \"2\" before");
    read("2", (10, 10)).is_broken("for GET n");
}

#[test]
fn what_a_data_set_holds_is_not_looked_for_behind_it() {
    let mut run = Told::new();
    run.incr(1, 1, 1).incr(1, 3, 2).incr(1, 9, 3).stream(0, 60, "INCR n").stream(0, 90, "INCR n");
    run.evidence.chronicle.replication.reign_for_test(ReignId(0)).snapshots.push((at(2), 50));
    run.ask(2, (7, 7), "GET n", Some(Reply::text(b"2"))).of_copy((60, 60));
    assert_eq!(run.verdict().name(), "holds");
}

#[test]
fn what_has_expired_is_not_taken_for_the_doing_of_a_command_that_found_nothing() {
    let ok = || Some(Reply::Status("OK".to_owned()));
    let mut run = Told::new();
    run.ask(1, (1, 1), "SET k v PX 1000", ok()).ask(1, (4, 4), "PERSIST k", Some(Reply::Int(0)));
    run.ask(1, (5, 5), "SETEX k 9 w", ok()).ask(1, (8, 8), "PERSIST k", Some(Reply::Int(1)));
    run.stream(0, 80, "PERSIST k");
    run.ask(2, (7, 7), "GET k", Some(Reply::text(b"w"))).of_copy((60, 60));
    assert_eq!(run.verdict().name(), "holds", "{:?}", run.verdict());
    run.ask(2, (9, 9), "TTL k", Some(Reply::Int(7))).of_copy((80, 80)).is_broken("for TTL k");
}

#[test]
fn what_is_read_in_the_end_is_what_was_left() {
    let ended = |content: Option<Content>| {
        let mut run = Told::new();
        run.ask(1, (1, 1), "INCR k27", Some(Reply::Int(1)));
        let keys = content.map(|content| ("k27".to_owned(), content)).into_iter().collect();
        run.evidence.nodes[0].keys = Some(keys);
        run
    };
    let text = |text: &str| Some(Content::Text(text.to_owned()));
    let holds = "1 replies explained by the order of execution, 1 keys are in the end what they must be";
    assert_eq!(ended(text("1")).verdict(), Verdict::holds(holds));
    ended(text("2")).is_broken("node-1 has k27 = \"2\" in the end; what was executed leaves k27 = \"1\"");
    ended(None).is_broken("node-1 has nothing in the end");
    let list = Content::Other { kind: "list".to_owned(), digest: String::new() };
    ended(Some(list)).is_broken("k27 = a list");
}

/// Slots of shard 1 went to node 3 between two turns.
fn resharded((from, to): (u64, u64)) -> Told {
    let mut run = Told::new();
    let reign = Reign::new(NodeId(3), at(0), Begin::Start { before: None });
    run.evidence.chronicle.replication.begin_for_test(reign);
    let slots = Reshard::plain(ShardId(1), ShardId(2), Which::Count(100), Method::Legacy);
    operation(&mut run.evidence, OpAction::Reshard(slots), (from, to), Ending::Done);
    run
}

#[test]
fn what_a_key_holds_goes_with_its_slot() {
    let after = |told| {
        let mut run = resharded((4, 8));
        run.ask(1, (1, 1), "INCR k27", Some(Reply::Int(1)));
        run.ask(3, (6, 6), "INCR k27", Some(Reply::Int(2))).ask(3, (9, 9), "INCR k27", Some(told));
        run
    };
    after(Reply::Int(3)).holds(3);
    after(Reply::Int(2)).is_broken("k27 held k27 = \"2\" before");
    let mut back = after(Reply::Int(3));
    back.ask(1, (10, 10), "GET k27", Some(Reply::Nil)).is_broken("k27 held k27 = \"3\" before");
}

#[test]
fn a_key_that_goes_elsewhere_expires_when_it_would_have() {
    let left = |told| {
        let mut run = resharded((4, 8));
        run.ask(1, (1, 1), "SET k27 v PX 60000", Some(Reply::Status("OK".to_owned())));
        run.ask(3, (9, 9), "PTTL k27", Some(Reply::Int(told)));
        run
    };
    left(52_500).holds(2);
    left(-1).is_broken("for PTTL k27");
    left(60_000).is_broken("for PTTL k27");
}

#[test]
fn what_moves_while_anything_else_goes_on_is_not_followed() {
    let mut run = resharded((4, 8));
    disturb(&mut run.evidence, 5, 6);
    run.ask(1, (1, 1), "INCR k27", Some(Reply::Int(1))).ask(3, (9, 9), "INCR k27", Some(Reply::Int(7)));
    let text = "1 replies explained by the order of execution, 1 not followed";
    assert_eq!(run.verdict(), Verdict::holds(text));
}

#[test]
fn a_key_that_is_drawn_is_one_that_somebody_wrote() {
    let mut told = Told::new();
    told.ask(1, (1, 1), "SET k v", Some(Reply::Status("OK".to_owned())));
    let drew = |told: &mut Told, turn, key: &str| {
        told.ask(1, (turn, turn), "RANDOMKEY x", Some(Reply::Text(key.to_owned())));
        let entry = told.evidence.history.last_mut().expect("it was asked");
        entry.request = Request::Call { key: String::new(), commands: vec![vec!["RANDOMKEY".to_owned()]] };
    };
    drew(&mut told, 2, "k");
    told.holds(2);
    drew(&mut told, 3, "other");
    told.is_broken("\"other\" that nobody wrote");
}

#[test]
fn a_blocking_pop_that_was_refused_was_not_served() {
    let refused = |error: &str| {
        let mut run = Told::new();
        run.ask(1, (1, 1), "RPUSH q a", Some(Reply::Int(1)));
        run.ask(1, (2, 2), "BLPOP q 1", Some(Reply::Error(error.to_owned())));
        run.ask(1, (3, 3), "LPOP q", Some(Reply::Text("a".to_owned())));
        run
    };
    let run = refused("NOREPLICAS Not enough good replicas to write.");
    assert_eq!(run.verdict().name(), "holds", "{:?}", run.verdict());
    refused("UNBLOCKED force unblock").is_broken("BLPOP q 1");
}

#[test]
fn clients_that_wait_may_be_left_in_the_turn_in_which_they_came() {
    let mut run = Told::new();
    // Something else was answered in the turn before the one that took the command.
    run.ask(1, (3, 9), "BRPOP q 0.9", None).ask(1, (5, 4), "BRPOP q 0.9", None);
    assert_eq!(run.verdict().name(), "holds", "{:?}", run.verdict());
}

/// Node 1 counts three times, the last time with a `WAITAOF`; the power goes at 5 s, and its append-only file is read at 6 s.
fn powered_off(fsync: &str, told: &str) -> Told {
    let mut run = Told::new();
    let pairs =
        [("appendonly", "yes"), ("appendfsync", fsync)].map(|(name, is)| (name.to_owned(), is.to_owned()));
    run.evidence.plan.cluster.config.extend(pairs);
    run.incr(1, 1, 1).incr(1, 3, 2);
    let on_disk = Reply::List(vec![Reply::Int(told.parse().expect("a number")), Reply::Int(0)]);
    run.ask_all(1, (4, 4), &["INCR n", "WAITAOF 1 0 0"], Some(vec![Reply::Int(3), on_disk]));
    let (node, status) = (NodeId(1), POWER_LOST.to_owned());
    let (expected, reason, restarted_at) = (true, None, Some(at(6)));
    run.evidence.exits.push(ExitReport { node, at: at(5), status, expected, reason, restarted_at });
    run.evidence.disk.push(DiskReport { node, at: at(6), step: DiskStep::LoadedAppendOnly });
    let begin = Begin::Start { before: Some(Cut { of: ReignId(0), extent: Extent::Until(at(6)) }) };
    run.evidence.chronicle.replication.begin_for_test(Reign::new(node, at(6), begin));
    run
}

#[test]
fn what_is_on_disk_is_there_after_a_restart() {
    let goes_on = |fsync, told, count| {
        let mut run = powered_off(fsync, told);
        run.incr(1, 7, count);
        run.verdict().is_violated()
    };
    // What was told more than two seconds before is there, the rest may be.
    assert_eq!([1, 2, 3, 4].map(|count| goes_on("everysec", "0", count)), [true, false, false, false]);
    assert_eq!([2, 3, 4].map(|count| goes_on("everysec", "1", count)), [true, true, false]);
    assert_eq!([3, 4].map(|count| goes_on("always", "0", count)), [true, false]);
    assert_eq!([1, 4, 5].map(|count| goes_on("no", "0", count)), [false, false, true]);
}
