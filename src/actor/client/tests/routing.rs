//! Redirections, pauses, refreshes of the slot owners, and how a client stops.

use super::*;

#[test]
fn a_moved_slot_is_followed_and_remembered() {
    let mut plan = one(true);
    let workload = plan.workload.as_mut().expect("there is a workload");
    (workload.keys, workload.duration_ns) = (1, SimDuration::from_secs(2));
    let slot = key_slot(b"key:0");
    check(
        &plan,
        script(&[&format!("-MOVED {slot} 10.0.0.6:6379")]),
        expect_test::expect![[r#"
        0 ms: #1 set key:0 c1:1....
        2 ms: node-1 < SET key:0 c1:1....
        6 ms: node-6 < SET key:0 c1:1....
        8 ms: #1 Ok(None) by node-6
        1391 ms: #2 get key:0
        1391 ms: node-6 < GET key:0
        1393 ms: #2 Ok(Some("abc")) by node-6
        1912 ms: #3 get key:0
        1912 ms: node-6 < GET key:0
        1914 ms: #3 Ok(Some("abc")) by node-6"#]],
    );
}

#[test]
fn an_asked_node_is_asked_once() {
    let mut plan = one(true);
    let workload = plan.workload.as_mut().expect("there is a workload");
    (workload.keys, workload.duration_ns) = (1, SimDuration::from_secs(2));
    let slot = key_slot(b"key:0");
    check(
        &plan,
        script(&[&format!("-ASK {slot} 10.0.0.6:6379")]),
        expect_test::expect![[r#"
        0 ms: #1 set key:0 c1:1....
        2 ms: node-1 < SET key:0 c1:1....
        6 ms: node-6 < ASKING
        6 ms: node-6 < SET key:0 c1:1....
        8 ms: #1 Ok(None) by node-6
        1391 ms: #2 get key:0
        1391 ms: node-1 < GET key:0
        1393 ms: #2 Ok(Some("abc")) by node-1
        1912 ms: #3 get key:0
        1912 ms: node-1 < GET key:0
        1914 ms: #3 Ok(Some("abc")) by node-1"#]],
    );
}

#[test]
fn what_passes_is_waited_out_longer_and_longer() {
    let replies = ["-TRYAGAIN Multiple keys", "-TRYAGAIN Multiple keys", "-LOADING the dataset"];
    check(
        &one(true),
        script(&replies),
        expect_test::expect![[r#"
            0 ms: #1 set key:6 c1:1....
            2 ms: node-5 < SET key:6 c1:1....
            14 ms: node-5 < SET key:6 c1:1....
            36 ms: node-5 < SET key:6 c1:1....
            38 ms: turns to node-1: the owners are asked for
            40 ms: node-1 < CLUSTER SLOTS
            78 ms: node-5 < SET key:6 c1:1....
            80 ms: #1 Ok(None) by node-5"#]],
    );
}

#[test]
fn when_the_cluster_is_down_the_owners_are_asked_for() {
    let mut downs = 0;
    let server = move |_, command: &str| {
        downs += u32::from(command.starts_with("SET"));
        match command {
            command if command.starts_with("SET") && downs == 1 => say("-CLUSTERDOWN The cluster is down"),
            "CLUSTER SLOTS" => say("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$8\r\n10.0.0.4\r\n:6379"),
            command => obliging(command),
        }
    };
    check(
        &one(true),
        server,
        expect_test::expect![[r#"
            0 ms: #1 set key:6 c1:1....
            2 ms: node-5 < SET key:6 c1:1....
            4 ms: turns to node-1: the owners are asked for
            6 ms: node-1 < CLUSTER SLOTS
            16 ms: node-4 < SET key:6 c1:1....
            18 ms: #1 Ok(None) by node-4"#]],
    );
}

#[test]
fn a_cluster_that_stays_down_ends_in_a_failure() {
    let server = |_, command: &str| match command {
        command if command.starts_with("SET") => say("-CLUSTERDOWN The cluster is down"),
        command => obliging(command),
    };
    let lines = Rig::new(&one(true), server).run(SimTime::NEVER);
    let refreshes = lines.iter().filter(|line| line.ends_with("CLUSTER SLOTS")).count();
    assert!((4..=6).contains(&refreshes), "{refreshes} refreshes in five seconds");
    let last = lines.last().expect("the write is complete");
    assert!(last.contains(r#"Fail("no time left: CLUSTERDOWN The cluster is down")"#), "{last}");
}

#[test]
fn nodes_that_send_a_client_to_and_fro_are_left_alone_for_a_while() {
    let server = |node: NodeId, command: &str| match command {
        command if command.starts_with("SET") => say(&format!("-MOVED 7 10.0.0.{}:6379", node.0 % 2 + 1)),
        command => obliging(command),
    };
    let lines = Rig::new(&one(true), server).run(SimTime::NEVER);
    let writes = lines.iter().filter(|line| line.contains("< SET")).count();
    assert_eq!(writes, 32);
    assert!(lines.last().is_some_and(|line| line.contains("Fail(")), "{lines:?}");
}

#[test]
fn a_client_that_is_stopped_finishes_what_is_open() {
    let mut rig = Rig::new(&one(true), |_, command: &str| obliging(command));
    rig.queue(SimTime::from_ns(1), Message::Client(ClientMessage::Stop));
    let lines = rig.run(SimTime::NEVER);
    assert_eq!(rig.done, 1);
    assert!(lines.last().is_some_and(|line| line.contains("Ok(None)")), "{lines:?}");
}

#[test]
fn a_client_that_is_stopped_before_it_begins_does_nothing() {
    let mut rig = Rig::new(&one(true), |_, command: &str| obliging(command));
    rig.queue.clear();
    for message in [ClientMessage::Stop, ClientMessage::Begin, ClientMessage::Stop] {
        rig.queue(SimTime::ZERO, Message::Client(message));
    }
    assert_eq!(rig.run(SimTime::NEVER), [""; 0]);
    assert_eq!(rig.done, 1);
}

#[test]
fn timers_of_earlier_operations_are_passed_over() {
    let mut rig = Rig::new(&one(false), |_, command: &str| match command {
        command if command.starts_with("GET") => Play::Silence,
        command => obliging(command),
    });
    for sequence in [0, 1, 2] {
        for message in [ClientMessage::Alarm, ClientMessage::Retry { sequence }] {
            rig.queue(SimTime::from_ns(5_000_000), Message::Client(message));
        }
    }
    let lines = rig.run(SimTime::from_ns(900_000_000));
    assert_eq!(lines.iter().filter(|line| line.contains("< GET")).count(), 1, "{lines:?}");
}
