//! Commands other than plain reads and writes: sent in one go, and tried again only if none of them did anything.

use super::*;
use crate::model::key_of_all;
use crate::plan::ClientCommand;

/// A plan whose only client calls these commands.
fn calls(commands: &[&str]) -> Plan {
    let commands = commands.iter().map(|command| command.split(' ').map(str::to_owned).collect());
    let commands = commands.collect::<Vec<Vec<String>>>();
    let request = Request::Call { key: key_of_all(&commands).to_owned(), commands };
    let command = ClientCommand { client: ClientId(1), at_ns: SimDuration::ZERO, request };
    let workload = WorkloadPlan::of_script(vec![command]);
    Plan { workload: Some(workload), ..plan(1, Pattern::Mixed) }
}

#[test]
fn several_commands_are_sent_at_once_and_their_replies_kept_in_order() {
    check(
        &calls(&["LPUSH {t}a x", "LRANGE {t}a 0 -1", "GET {t}a"]),
        script(&[":1", "*1\r\n$1\r\nx", "-WRONGTYPE Operation against a key"]),
        expect_test::expect![[r#"
            0 ms: #1 call LPUSH {t}a x; LRANGE {t}a 0 -1; GET {t}a
            2 ms: node-5 < LPUSH {t}a x
            2 ms: node-5 < LRANGE {t}a 0 -1
            2 ms: node-5 < GET {t}a
            4 ms: #1 Replied([Int(1), List([Text("x")]), Error("WRONGTYPE Operation against a key")]) by node-5"#]],
    );
}

#[test]
fn a_transaction_that_was_sent_elsewhere_is_tried_there() {
    check(
        &calls(&["MULTI", "INCR k", "EXEC"]),
        script(&[
            "+OK",
            "-MOVED 12706 10.0.0.1:6379",
            "-EXECABORT Transaction discarded because of previous errors.",
            "+OK",
            "+QUEUED",
            "*1\r\n:1",
        ]),
        expect_test::expect![[r#"
            0 ms: #1 call MULTI; INCR k; EXEC
            2 ms: node-3 < MULTI
            2 ms: node-3 < INCR k
            2 ms: node-3 < EXEC
            6 ms: node-1 < MULTI
            6 ms: node-1 < INCR k
            6 ms: node-1 < EXEC
            8 ms: #1 Replied([Status("OK"), Status("QUEUED"), List([Int(1)])]) by node-1"#]],
    );
}

#[test]
fn what_was_done_in_part_is_not_tried_again() {
    check(
        &calls(&["INCR k", "INCR k"]),
        script(&[":1", "-MOVED 12706 10.0.0.1:6379"]),
        expect_test::expect![[r#"
            0 ms: #1 call INCR k; INCR k
            2 ms: node-3 < INCR k
            2 ms: node-3 < INCR k
            4 ms: #1 Replied([Int(1), Error("MOVED 12706 10.0.0.1:6379")]) by node-3"#]],
    );
}

#[test]
fn a_lost_reply_of_a_write_leaves_its_outcome_open_and_a_read_is_tried_again() {
    for (command, expected) in [
        (
            "INCR k",
            expect_test::expect![[r#"
            0 ms: #1 call INCR k
            2 ms: node-3 < INCR k
            4 ms: #1 Info("lost: connection reset") by nobody"#]],
        ),
        (
            "TTL k",
            expect_test::expect![[r#"
            0 ms: #1 call TTL k
            2 ms: node-3 < TTL k
            4 ms: turns to node-4: the owners are asked for
            6 ms: node-4 < CLUSTER SLOTS
            14 ms: turns to node-2: no owner is known
            16 ms: node-2 < TTL k
            18 ms: #1 Replied([Int(7)]) by node-2"#]],
        ),
    ] {
        let mut replies = vec![Play::Reset];
        let server = move |_, command: &str| match command {
            "DIAL" => say(""),
            command if command.starts_with("CLUSTER") => obliging(command),
            _ => replies.pop().unwrap_or_else(|| say(":7")),
        };
        check(&calls(&[command]), server, expected);
    }
}

#[test]
fn what_is_kept_is_read_over_a_connection_that_says_so_first_and_is_given_up_if_refused() {
    check(
        &calls(&["GET tracked:1"]),
        script(&["+OK", "-BUSY a script is running", "$1\r\na", "%0", "+OK", "$1\r\nb"]),
        expect_test::expect![[r#"
            0 ms: #1 call GET tracked:1
            2 ms: node-1 < HELLO 3
            2 ms: node-1 < CLIENT TRACKING ON
            2 ms: node-1 < GET tracked:1
            4 ms: turns to node-4: the owners are asked for
            6 ms: node-4 < CLUSTER SLOTS
            14 ms: turns to node-3: no owner is known
            16 ms: node-3 < HELLO 3
            16 ms: node-3 < CLIENT TRACKING ON
            16 ms: node-3 < GET tracked:1
            18 ms: #1 Replied([Text("b")]) by node-3"#]],
    );
}
