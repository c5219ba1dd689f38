//! Disks, clocks and losses of power on real servers: each fault's effect is seen.

use crate::support::{Ran, all_servers, assert_holds, assert_logged, assert_violates, plan, run, server};

fn ran(yaml: &str) -> Ran {
    run(&plan(yaml), &server())
}

/// The same plan with a fault, and with settings of the servers.
fn with(config: &str, faults: &str) -> String {
    format!(
        "scenario: {{name: disk, seed: 7}}\ncluster: {{node_timeout_ms: 15000, config: {{{config}}}}}\nchaos:\n{faults}\n\
         workload: {{pattern: write_heavy, duration: 12}}"
    )
}

#[test]
fn a_server_without_room_for_nodes_conf_ends_by_its_own_rule_and_comes_back() {
    for server in all_servers() {
        let ran = run(&plan(include_str!("../../scenarios/disk-full-nodes-conf.yaml")), &server);
        assert_logged(
            &ran,
            &["No space left on device", "can't update cluster config file", "it is started again"],
        );
        assert_holds(&ran);
    }
}

#[test]
fn an_append_only_file_that_cannot_be_synchronised_ends_a_server_that_always_does() {
    let ran = ran(&with(
        "appendonly: 'yes', appendfsync: always",
        "  - {type: disk, how: error, call: fsync, file: aof, node: 1, at: 3, duration: 3}",
    ));
    assert_logged(
        &ran,
        &["fsync error when the AOF fsync policy is 'always': Input/output error", "started again"],
    );
    assert_holds(&ran);
}

#[test]
fn a_command_that_was_written_in_part_is_cut_off() {
    let ran = ran(&with(
        "appendonly: 'yes'",
        "  - {type: disk, how: short, file: aof_incr, count: 1, node: 1, at: 3, duration: 3}
  - {type: disk, how: full, file: aof_incr, count: 1, node: 1, at: 3, duration: 3}",
    ));
    assert_logged(&ran, &["Short write while writing to the AOF file"]);
    assert_holds(&ran);
}

#[test]
fn answers_wait_for_a_slow_disk_that_must_have_them_first() {
    let longest = |slow: &str| {
        let ran = ran(&with(
            "appendonly: 'yes', appendfsync: always",
            &format!(
                "  - {{type: disk, how: slow, slow_by: {slow}, file: aof_incr, node: 1, at: 3, duration: 2}}"
            ),
        ));
        assert_holds(&ran);
        ran.report.workload.expect("there was a workload").latency_ms_max
    };
    let (quick, slow) = (longest("0.001"), longest("0.4"));
    assert!(quick < 100.0 && slow >= 400.0, "{quick} and {slow}");
}

#[test]
fn what_always_synchronises_survives_every_loss_of_power() {
    for leaves in ["everything", "synced", "torn_write", "cut_tail", "lost_rename"] {
        let ran = ran(&with(
            "appendonly: 'yes', appendfsync: always",
            &format!("  - {{type: disk_crash, leaves: {leaves}, node: 1, at: 5, restart_after: 1}}"),
        ));
        assert_logged(&ran, &["\"power lost\"", "DB loaded from append only file"]);
        assert_holds(&ran);
        let kept = &ran.validation("data_consistency").verdict;
        assert!(!kept.detail().contains("lost as"), "{leaves}: {}", kept.detail());
    }
}

#[test]
fn a_machine_that_is_lost_has_on_its_disk_what_was_synchronised() {
    let ran = ran(&with(
        "appendonly: 'yes', appendfsync: always",
        "  - {type: machine_loss, leaves: synced, node: 1, at: 5, restart_after: 2}",
    ));
    assert_logged(
        &ran,
        &["loss of the machine of node-1", "\"power lost\"", "DB loaded from append only file"],
    );
    assert_holds(&ran);
    let kept = &ran.validation("data_consistency").verdict;
    assert!(!kept.detail().contains("lost as"), "{}", kept.detail());
}

#[test]
fn a_torn_tail_is_truncated() {
    let ran = ran(include_str!("../../scenarios/aof-tail-torn.yaml"));
    assert_logged(&ran, &["\"power lost\"", "loaded anyway because aof-load-truncated is enabled"]);
    assert_holds(&ran);
}

#[test]
fn a_vote_has_not_left_when_the_power_goes_before_it_is_on_disk() {
    for server in all_servers() {
        let ran = run(&plan(include_str!("../../scenarios/crash-between-vote-and-fsync.yaml")), &server);
        assert_logged(&ran, &["\"power lost\""]);
        assert_holds(&ran);
    }
}

#[test]
fn a_disk_that_lies_makes_a_node_forget_its_vote() {
    let ran = ran(include_str!("../../scenarios/sabotage-old-nodes-conf.yaml"));
    assert_violates(&ran, "persistence", "has in nodes.conf its last vote in 0");
}

#[test]
fn a_disk_that_lies_loses_what_it_promised_to_keep() {
    let ran = ran(&with(
        "appendonly: 'yes', appendfsync: always",
        "  - {type: disk, how: lie, file: all, node: 1, at: 2, duration: 8}\n  - {type: disk_crash, leaves: synced, node: 1, at: 5, restart_after: 1}",
    ));
    assert_violates(&ran, "data_consistency", "had it on disk when it was restarted");
}

/// The hours that node 1's log shows, in the order in which they come.
fn hours(ran: &Ran) -> Vec<String> {
    let log = std::fs::read_to_string(ran.folder.path().join("nodes/node-1/valkey.log")).expect("a log");
    let mut hours: Vec<String> =
        log.lines().filter_map(|line| Some(line.split(' ').nth(4)?[..2].to_owned())).collect();
    hours.dedup();
    hours
}

#[test]
fn a_clock_that_jumps_is_seen_in_what_a_server_writes() {
    let ran =
        ran(&with("loglevel: debug", "  - {type: clock, how: jump, by: 7200, node: 1, at: 3, duration: 3}"));
    let hours = hours(&ran);
    assert!(hours.len() >= 3 && hours[0] == hours[hours.len() - 1], "{hours:?}");
    assert_holds(&ran);
}

#[test]
fn crashes_and_clocks_give_one_log() {
    for yaml in [
        include_str!("../../scenarios/sabotage-old-nodes-conf.yaml"),
        include_str!("../../scenarios/strobe-clock.yaml"),
    ] {
        let (one, other) = (ran(yaml), ran(yaml));
        assert_eq!(one.report.meters.log_sha256, other.report.meters.log_sha256);
    }
}

#[test]
fn a_server_rewrites_its_configuration_and_starts_with_it() {
    for server in all_servers() {
        let ran = run(
            &plan(
                "scenario: {name: rewrite, seed: 8}
operations:
  - {type: command, node: 2, args: [CONFIG, SET, maxmemory, 77mb], delay: 1}
  - {type: command, node: 2, args: [CONFIG, REWRITE]}
  - {type: command, node: 2, args: [CONFIG, GET, maxmemory], delay: 6}
chaos:
  - {type: process_kill, node: 2, at: 3, restart_after: 1}
workload: {duration: 12}",
            ),
            &server,
        );
        assert_logged(&ran, &["CONFIG REWRITE executed with success.", "80740352"]);
        assert_holds(&ran);
    }
}

#[test]
fn children_that_are_killed_or_hang_come_to_nothing() {
    let snapshot = |are: &str| {
        ran(&format!(
            "scenario: {{name: children, seed: 9}}
operations:
  - {{type: command, node: 1, args: [BGSAVE], delay: 3}}
chaos:
  - {{type: children, are: {are}, node: 1, at: 2, duration: 5}}
workload: {{duration: 12}}"
        ))
    };
    let killed = snapshot("killed");
    assert_logged(&killed, &["Background saving terminated by signal 9"]);
    assert_holds(&killed);
    let hung = snapshot("hung");
    assert_logged(&hung, &["Background saving terminated with success"]);
    assert_holds(&hung);
    let started = |ran: &Ran, text: &str| {
        let line = ran.log().lines().find(|line| line.contains(text)).map(str::to_owned).expect("it is told");
        serde_json::from_str::<serde_json::Value>(&line).expect("an event")["at"]
            .as_u64()
            .expect("an instant")
    };
    let begun = started(&hung, "Background saving started");
    assert!(started(&hung, "Background saving terminated") > begun + 1_000_000_000);
}

#[test]
fn a_fault_can_wait_for_a_call_that_concerns_a_file() {
    let ran = ran("scenario: {name: cue, seed: 10}
operations:
  - {type: failover, shard: 1, delay: 2}
chaos:
  - {type: process_pause, node: 3, when: {file: nodes.conf, call: fsync, node: 2}, duration: 1}
workload: {duration: 10}");
    assert_logged(&ran, &["\"what\":\"file\",\"call\":\"fsync\",\"file\":\"nodes_conf\"", "pause of node-3"]);
}
