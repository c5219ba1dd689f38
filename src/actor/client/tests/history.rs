//! Outcomes are true: what may have been done is `Info`, what surely was not is `Fail`.

use super::*;
use crate::rng::Stream;

#[test]
fn a_write_and_a_read_are_done() {
    check(
        &one(true),
        |_, command| obliging(command),
        expect_test::expect![[r#"
        0 ms: #1 set key:6 c1:1....
        2 ms: node-5 < SET key:6 c1:1....
        4 ms: #1 Ok(None) by node-5"#]],
    );
    check(
        &one(false),
        |_, command| obliging(command),
        expect_test::expect![[r#"
        0 ms: #1 get key:4
        2 ms: node-1 < GET key:4
        4 ms: #1 Ok(Some("abc")) by node-1"#]],
    );
}

#[test]
fn a_write_whose_connection_breaks_cannot_be_known() {
    let server = |_, command: &str| if command.starts_with("SET") { Play::Reset } else { obliging(command) };
    check(
        &one(true),
        server,
        expect_test::expect![[r#"
            0 ms: #1 set key:6 c1:1....
            2 ms: node-5 < SET key:6 c1:1....
            4 ms: #1 Info("lost: connection reset") by nobody
            4 ms: turns to node-1: the owners are asked for
            6 ms: node-1 < CLUSTER SLOTS"#]],
    );
}

#[test]
fn a_write_that_is_never_answered_cannot_be_known() {
    let server =
        |_, command: &str| if command.starts_with("SET") { Play::Silence } else { obliging(command) };
    check(
        &one(true),
        server,
        expect_test::expect![[r#"
            0 ms: #1 set key:6 c1:1....
            2 ms: node-5 < SET key:6 c1:1....
            1008 ms: #1 Info("lost: timed out") by nobody"#]],
    );
}

#[test]
fn a_write_that_was_never_sent_is_tried_again() {
    let mut dials = 0;
    let server = |_, command: &str| {
        dials += u32::from(command == "DIAL");
        if command == "DIAL" && dials == 1 { Play::Reset } else { obliging(command) }
    };
    check(
        &one(true),
        server,
        expect_test::expect![[r#"
            0 ms: #1 set key:6 c1:1....
            2 ms: turns to node-1: the owners are asked for
            4 ms: node-1 < CLUSTER SLOTS
            12 ms: turns to node-3: no owner is known
            14 ms: node-3 < SET key:6 c1:1....
            16 ms: #1 Ok(None) by node-3"#]],
    );
}

#[test]
fn a_write_that_was_redirected_and_then_lost_cannot_be_known() {
    let server = |node, command: &str| match command {
        "DIAL" => say(""),
        _ if !command.starts_with("SET") => obliging(command),
        _ if node == NodeId(6) => Play::Reset,
        _ => say("-MOVED 7 10.0.0.6:6379"),
    };
    check(
        &one(true),
        server,
        expect_test::expect![[r#"
            0 ms: #1 set key:6 c1:1....
            2 ms: node-5 < SET key:6 c1:1....
            6 ms: node-6 < SET key:6 c1:1....
            8 ms: #1 Info("lost: connection reset") by node-5
            8 ms: turns to node-1: the owners are asked for
            10 ms: node-1 < CLUSTER SLOTS"#]],
    );
}

#[test]
fn a_read_whose_connection_breaks_is_tried_again() {
    let mut reads = 0;
    let server = |_, command: &str| {
        reads += u32::from(command.starts_with("GET"));
        if command.starts_with("GET") && reads == 1 { Play::Reset } else { obliging(command) }
    };
    check(
        &one(false),
        server,
        expect_test::expect![[r#"
            0 ms: #1 get key:4
            2 ms: node-1 < GET key:4
            4 ms: turns to node-3: the owners are asked for
            6 ms: node-3 < CLUSTER SLOTS
            14 ms: turns to node-4: no owner is known
            16 ms: node-4 < GET key:4
            18 ms: #1 Ok(Some("abc")) by node-4"#]],
    );
}

#[test]
fn when_nobody_can_be_reached_time_runs_out() {
    let mut rig = Rig::new(&one(true), |_, _: &str| Play::Silence);
    let lines = rig.run(SimTime::NEVER);
    expect_test::expect![[r#"
        0 ms: #1 set key:6 c1:1....
        1008 ms: turns to node-1: the owners are asked for
        1018 ms: turns to node-3: no owner is known
        2026 ms: turns to node-1: the owners are asked for
        2046 ms: turns to node-2: no owner is known
        3054 ms: turns to node-3: the owners are asked for
        3094 ms: turns to node-6: no owner is known
        4102 ms: turns to node-3: the owners are asked for
        4182 ms: turns to node-2: no owner is known
        5040 ms: #1 Fail("no time left: not sent: timed out") by nobody"#]]
    .assert_eq(&lines.join("\n"));
    assert_eq!(rig.done, 1);
}

#[test]
fn an_error_that_nobody_expects_is_a_failure_in_the_servers_words() {
    for write in [true, false] {
        let mut rig = Rig::new(&one(write), script(&["-MISCONF no space left"]));
        let lines = rig.run(SimTime::NEVER);
        assert!(lines.last().is_some_and(|line| line.contains(r#"Fail("MISCONF no space left") by node-"#)));
    }
}

#[test]
fn an_impossible_reply_to_a_write_cannot_be_known() {
    let mut rig = Rig::new(&one(true), script(&["$-1"]));
    let lines = rig.run(SimTime::NEVER);
    assert!(lines.last().is_some_and(|line| line.contains("Info(")), "{lines:?}");
}

/// Lines of a run of twenty virtual seconds with servers that are moody by the command's number.
fn long_run(seed: u64) -> Vec<String> {
    let mut plan = plan(seed, Pattern::Mixed);
    let workload = plan.workload.as_mut().expect("there is a workload");
    (workload.rate_per_s, workload.duration_ns) = (20, SimDuration::from_secs(20));
    let mut count = 0;
    let server = move |_, command: &str| {
        count += 1;
        match count % 23 {
            3 => Play::Silence,
            7 => Play::Reset,
            11 if command != "DIAL" => say("-CLUSTERDOWN The cluster is down"),
            17 if command != "DIAL" => say("-MOVED 5 10.0.0.4:6379"),
            _ => obliging(command),
        }
    };
    let mut rig = Rig::new(&plan, server);
    let lines = rig.run(SimTime::NEVER);
    assert_eq!(rig.done, 1);
    lines
}

#[test]
fn one_seed_gives_one_history() {
    assert_eq!(long_run(1), long_run(1));
    assert_ne!(long_run(1), long_run(2));
}

#[test]
fn every_invocation_is_completed_before_the_next() {
    for seed in 0..20 {
        let lines = long_run(seed);
        let history: Vec<&String> = lines.iter().filter(|line| line.contains('#')).collect();
        assert!(history.len() > 20, "seed {seed} did next to nothing");
        for (index, pair) in history.chunks(2).enumerate() {
            let [invoke, complete] = pair else { panic!("{pair:?} is not complete") };
            let number = format!("#{} ", index + 1);
            assert!(invoke.contains(&number) && complete.contains(&number), "{pair:?}");
        }
    }
}

/// What the servers of a stormy run made of the writes that they were sent.
#[derive(Default)]
struct Storm {
    /// How often each value was written.
    written: BTreeMap<String, u32>,
}

impl Storm {
    /// Does a write or not, and tells the truth about it or nothing.
    fn serve(&mut self, mood: &mut Stream, command: &str) -> Play {
        let answer = match mood.below(12) {
            0 => Play::Silence,
            1 | 2 => Play::Reset,
            _ if command == "DIAL" => return say(""),
            3 => return say("-MOVED 5 10.0.0.4:6379"),
            4 => return say("-ASK 5 10.0.0.2:6379"),
            5 => return say("-CLUSTERDOWN The cluster is down"),
            6 => return say("-MISCONF no space left"),
            _ => obliging(command),
        };
        if let (Some(write), true) = (command.strip_prefix("SET "), mood.chance(2, 3)) {
            *self.written.entry(write.to_owned()).or_default() += 1;
        } else if command.starts_with("SET") && matches!(answer, Play::Say(_)) {
            return say("-ERR not today");
        }
        answer
    }
}

#[test]
fn no_outcome_of_a_write_is_a_lie() {
    for seed in 0..40 {
        let mut plan = plan(seed, Pattern::WriteHeavy);
        let workload = plan.workload.as_mut().expect("there is a workload");
        (workload.rate_per_s, workload.duration_ns) = (50, SimDuration::from_secs(20));
        let (mut storm, mut mood) = (Storm::default(), Stream::new(seed, "test", "mood"));
        let lines = Rig::new(&plan, |_, command: &str| storm.serve(&mut mood, command)).run(SimTime::NEVER);
        let history: Vec<&String> = lines.iter().filter(|line| line.contains('#')).collect();
        for pair in history.chunks(2) {
            let [Some((_, write)), Some((_, outcome))] =
                [pair[0].split_once(" set "), pair[1].split_once('#')]
            else {
                continue;
            };
            let times = storm.written.get(write).copied().unwrap_or_default();
            let expected = if outcome.contains("Ok(") {
                1..=1
            } else if outcome.contains("Info(") {
                0..=1
            } else {
                0..=0
            };
            assert!(expected.contains(&times), "seed {seed}: {write} was done {times} times: {outcome}");
        }
    }
}

#[test]
fn clients_share_the_rate() {
    let mut plan = plan(3, Pattern::WriteHeavy);
    let workload = plan.workload.as_mut().expect("there is a workload");
    (workload.rate_per_s, workload.clients, workload.duration_ns) = (100, 4, SimDuration::from_secs(20));
    let lines = Rig::new(&plan, |_, command: &str| obliging(command)).run(SimTime::NEVER);
    let count = |word: &str| lines.iter().filter(|line| line.contains('#') && line.contains(word)).count();
    let (writes, reads) = (count(" set "), count(" get "));
    assert!((450..550).contains(&(writes + reads)), "{writes} + {reads} are not 25 a second");
    assert!(writes > 7 * reads, "{writes} writes and {reads} reads are not write-heavy");
}

#[test]
fn the_first_operations_of_clients_are_staggered() {
    let mut plan = plan(3, Pattern::Mixed);
    plan.workload.as_mut().expect("there is a workload").clients = 4;
    let first = |client| {
        Draws::new(ClientId(client), &plan, ClientDecisions::default())
            .expect("there is a workload")
            .first_gap()
            .as_ms()
    };
    assert_eq!([1, 2, 3, 4].map(first), [0, 1000, 2000, 3000]);
}

proptest! {
    #[test]
    fn a_reply_in_any_pieces_is_the_same_reply(cuts in prop::collection::vec(0usize..15, 0..6)) {
        let server = |_, command: &str| match command {
            command if command.starts_with("GET") => Play::Pieces("$8\r\nab\r\n\r\ncd\r\n".to_owned(), cuts.clone()),
            command => obliging(command),
        };
        let lines = Rig::new(&one(false), server).run(SimTime::NEVER);
        let last = lines.last().expect("the read is complete");
        prop_assert!(last.contains(r#"Ok(Some("ab\r\n\r\ncd"))"#), "{}", last);
    }
}
