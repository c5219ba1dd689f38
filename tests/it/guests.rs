//! Programs of the user's inside the simulation: the server's own tools against real clusters, twice the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use valkey_fuzzer::servers::Server;

use crate::support::{Load, Ran, all_servers, plan, run, server};

/// What a guest left among the results, by file.
fn left(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    gather(folder, folder, &mut files);
    files
}

#[expect(clippy::disallowed_methods, reason = "the map has an order of its own")]
fn gather(folder: &Path, root: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(&path, root, files);
        } else {
            let name = path.strip_prefix(root).expect("it is below the root").display().to_string();
            files.insert(name, fs::read(&path).expect("a file"));
        }
    }
}

/// What a guest wrote to its standard output.
fn output(ran: &Ran, guest: &str) -> String {
    let path = ran.folder.path().join("guests").join(guest).join("stdout");
    fs::read_to_string(path).expect("the output is kept")
}

/// Runs a scenario twice under load; both runs are the same to the byte, logs and outputs.
fn run_twice(server: &Server, yaml: &str) -> Ran {
    let plan = plan(yaml);
    let (one, other) = (run(&plan, server), run(&plan, server));
    let what = format!("{} {}", server.name, server.version);
    if one.report.meters.log_sha256 != other.report.meters.log_sha256 {
        let (one, other) = (one.log(), other.log());
        let first = one.lines().zip(other.lines()).find(|(a, b)| a != b);
        panic!("{what}: the logs differ, first here: {first:#?}");
    }
    let folders = [&one, &other].map(|ran| left(&ran.folder.path().join("guests")));
    assert!(!folders[0].is_empty() && folders[0] == folders[1], "{what}: the outputs differ");
    one
}

#[test]
fn a_benchmark_that_loses_a_primary_says_so_and_the_same_every_time() {
    let _load = Load::start();
    for server in all_servers() {
        let ran = run_twice(&server, include_str!("scenarios/benchmark-primary-kill.yaml"));
        let guests = ran.validation("guests");
        assert_eq!(guests.verdict.name(), "holds", "{}", guests.verdict.detail());
        assert!(output(&ran, "workload").contains("Cluster has 3 primary nodes"));
    }
}

#[test]
fn a_benchmark_of_a_healthy_cluster_comes_to_its_end() {
    let ran = run_twice(
        &server(),
        "scenario: {name: benchmark, seed: 1}\ncluster: {shards: 3, replicas: 0}\n\
         workload: {tool: valkey-benchmark, args: [-t, \"set,get\", -n, 2000, -c, 50, --cluster]}\n",
    );
    let guests = ran.validation("guests").verdict.detail().to_owned();
    assert!(guests.starts_with("workload ended with exit 0"), "{guests}");
    assert!(output(&ran, "workload").contains("====== GET ======"));
    assert_eq!(ran.report.status, valkey_fuzzer::report::Status::Passed);
}

#[test]
fn an_operators_client_checks_a_cluster_and_follows_redirections() {
    let ran = run_twice(
        &server(),
        "scenario: {name: hand, seed: 3}\ncluster: {shards: 3, replicas: 1}\nworkload: {duration: 5}\n\
         guests:\n  - name: check\n    run: [valkey-cli, --cluster, check, \"10.0.0.1:6379\"]\n    at: 1\n    \
         expect: {exit: 0, output: [\"All 16384 slots covered\"]}\n  - name: hand\n    \
         run: [valkey-cli, -c, -h, 10.0.0.1]\n    stdin: \"SET foo bar\\nGET foo\\n\"\n    at: 2\n    \
         expect: {exit: 0, output: [Redirected, bar]}\n",
    );
    assert_eq!(ran.report.status, valkey_fuzzer::report::Status::Passed, "{:?}", ran.report.validations);
}

#[test]
fn what_a_guest_is_to_come_to_is_judged() {
    let ran = run(
        &plan(
            "scenario: {name: wrong, seed: 3}\ncluster: {shards: 3, replicas: 0}\n\
             workload: {enabled: false}\nguests:\n  - name: asks\n    \
             run: [valkey-cli, -h, 10.0.0.1, ping]\n    expect: {output: [PANG]}\n",
        ),
        &server(),
    );
    crate::support::assert_violates(&ran, "guests", "asks never wrote \"PANG\"");
}

#[test]
fn an_operators_script_reshards_and_another_mends_what_its_death_left() {
    let _load = Load::start();
    let ran = run_twice(&server(), include_str!("../../scenarios/cli-reshard-aborted.yaml"));
    let guests = ran.validation("guests");
    assert_eq!(guests.verdict.name(), "holds", "{}", guests.verdict.detail());
    assert!(output(&ran, "reshard").contains("Moving slot"), "{}", output(&ran, "reshard"));
}

#[test]
fn a_python_client_gets_over_the_death_of_a_primary() {
    let _load = Load::start();
    let ran = run_twice(&server(), include_str!("../../scenarios/python-retries.yaml"));
    let guests = ran.validation("guests");
    assert_eq!(guests.verdict.name(), "holds", "{}", guests.verdict.detail());
    assert!(output(&ran, "retries").contains("Error"), "the death was seen");
}

#[test]
fn what_a_guest_starts_is_a_guest_too() {
    let ran = run_twice(
        &server(),
        "scenario: {name: shell, seed: 3}\ncluster: {shards: 3, replicas: 0}\nworkload: {enabled: false}\n\
         guests:\n  - name: shell\n    run: [sh, script.sh]\n    files:\n      script.sh: |\n        \
         valkey-cli -h 10.0.0.1 cluster info | grep cluster_state\n        \
         begun=$(date +%s); sleep 7; echo slept $(($(date +%s) - begun))\n        \
         (sleep 1; echo late) & wait; exit 3\n    expect: {exit: 3, output: [\"cluster_state:ok\", \"slept 7\", late]}\n",
    );
    let guests = ran.validation("guests");
    assert_eq!(guests.verdict.name(), "holds", "{}", guests.verdict.detail());
}

/// A shell that starts `count` processes, all of which live at once, and waits for them.
fn crowd(count: u64, exit: i32, output: &str) -> String {
    format!(
        "scenario: {{name: crowd, seed: 3}}\ncluster: {{shards: 0, replicas: 0}}\nworkload: {{enabled: false}}\n\
         guests:\n  - name: shell\n    run: [sh, script.sh]\n    files:\n      script.sh: |\n        \
         begun=$(date +%s); for i in $(seq {count}); do {{ sleep 100; echo up $i; }} & done\n        \
         sleep 50; ps -p $! >/dev/null && echo {count} at once; wait\n        \
         echo slept $(($(date +%s) - begun))\n    expect: {{exit: {exit}, output: [{output}]}}\n"
    )
}

#[test]
fn dozens_of_processes_live_at_once() {
    let ran = run_twice(&server(), &crowd(60, 0, "\"60 at once\", up 1, up 60, slept 100"));
    let guests = ran.validation("guests");
    assert_eq!(guests.verdict.name(), "holds", "{}", guests.verdict.detail());
}

#[test]
fn a_fork_for_which_there_is_no_room_fails_and_is_told() {
    let ran = run_twice(&server(), &crowd(300, 2, ""));
    let guests = ran.validation("guests");
    assert_eq!(guests.verdict.name(), "holds", "{}", guests.verdict.detail());
    let log = ran.log();
    assert_eq!(log.lines().filter(|line| line.contains("\"state\":\"refused\"")).count(), 1);
}
