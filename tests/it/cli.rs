//! The program as a user meets it: exit codes, messages, files, and what is left behind.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::program::{output, pause, program, text};
use crate::support::server;

/// Runs a scenario's text; exit code and standard error.
fn run_text(yaml: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("scenario.yaml");
    fs::write(&file, yaml).expect("the file is written");
    let out =
        output(&["run", &file.to_string_lossy(), "--out", &folder.path().join("out").to_string_lossy()]);
    (out.status.code(), text(&out.stderr))
}

#[test]
fn a_good_run_prints_the_summary_and_leaves_its_results() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios/quiet.yaml");
    let done = output(&["run", &scenario.to_string_lossy(), "--out", &out.to_string_lossy()]);
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    assert!(text(&done.stdout).contains("=== valkey-fuzzer Test Results ==="));
    assert!(text(&done.stdout).contains("Status: PASSED"));
    for file in ["events.jsonl", "scenario.yaml", "report.txt", "report.json", "nodes/node-1/valkey.log"] {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("report.json")).expect("a report")).expect("JSON");
    for key in ["status", "seed", "server_version", "virtual_s", "wall_s", "events", "turns", "log_sha256"] {
        assert!(!json[key].is_null(), "{key} is missing");
    }
    for key in ["validations", "operations", "faults", "workload"] {
        assert!(!json[key].is_null(), "{key} is missing");
    }
}

#[test]
fn bad_scenarios_end_with_exit_2_and_say_where() {
    for (yaml, said) in [
        ("scenario: {name: x, seed: 1}\nclutser: {shards: 3}\n", "cluster"),
        ("scenario: {name: x, seed: 1}\ncluster: {shards: 2}\n", "shards"),
        (
            "scenario: {name: x, seed: 1}\ncluster: {shards: 3, replicas: 0}\noperations:\n  - {type: failover, target: primary, shard: 1}\n",
            "replica",
        ),
        ("", "empty"),
    ] {
        let (code, stderr) = run_text(yaml);
        assert_eq!(code, Some(2), "{yaml:?}: {stderr}");
        assert!(stderr.contains(said), "{yaml:?}: {stderr}");
        assert!(stderr.lines().count() < 40, "more than a screen: {stderr}");
    }
}

#[test]
fn a_configuration_that_the_server_refuses_is_no_finding() {
    server();
    let (code, stderr) =
        run_text("scenario: {name: x, seed: 1}\ncluster: {config: {no-such-directive: 5}}\n");
    assert_eq!(code, Some(2), "{stderr}");
    for said in ["node-1", "no-such-directive", "Bad directive", "cluster.config"] {
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
}

#[test]
fn a_report_that_cannot_be_printed_is_an_error() {
    let full = fs::File::options().write(true).open("/dev/full").expect("it is always there");
    let out = program().arg("servers").stdout(full).output().expect("the program starts");
    assert_eq!(out.status.code(), Some(4), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("cannot write to standard output"), "{}", text(&out.stderr));
}

#[test]
fn a_server_that_is_none_is_refused_with_its_reason() {
    let out = output(&["run", "--seed", "1", "--server", "/bin/true"]);
    assert_eq!(out.status.code(), Some(4));
    assert!(text(&out.stderr).contains("/bin/true"), "{}", text(&out.stderr));
}

#[test]
fn killing_the_program_leaves_no_server_behind() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let mut child = program()
        .args(["run", "--seed", "3", "--shards", "8", "--replicas", "1", "--out", &out.to_string_lossy()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let group = wait_for_servers(child.id());
    child.kill().expect("it can be killed");
    child.wait().expect("it can be reaped");
    for _ in 0..500 {
        if group.iter().all(|pid| !is_alive(*pid)) {
            return;
        }
        pause();
    }
    panic!("servers outlive the program: {group:?}");
}

/// The servers that the program started, once there are some.
fn wait_for_servers(program: u32) -> Vec<u32> {
    for _ in 0..2_000 {
        let children =
            fs::read_to_string(format!("/proc/{program}/task/{program}/children")).unwrap_or_default();
        let pids: Vec<u32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
        if pids.len() >= 4 {
            return pids;
        }
        pause();
    }
    panic!("the program starts no servers");
}

fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let precious = folder.path().join("nodes");
    fs::create_dir(&precious).expect("a folder");
    fs::write(precious.join("keep"), "mine").expect("a file");
    let out = output(&["run", "--seed", "1", "--out", &folder.path().to_string_lossy()]);
    assert_eq!(out.status.code(), Some(4));
    assert!(text(&out.stderr).contains("name another folder"), "{}", text(&out.stderr));
    assert_eq!(fs::read_to_string(precious.join("keep")).expect("it is still there"), "mine");
}

#[test]
fn a_directive_that_the_server_refuses_is_bad_input_in_every_command() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("s.yaml").display().to_string();
    let out = folder.path().join("out").display().to_string();
    fs::write(&file, "scenario: {name: x, seed: 1}\ncluster: {config: {no-such-directive: 5}}\n")
        .expect("written");
    for arguments in [
        &["run", &file][..],
        &["fuzz", "--runs", "4", "--scenario", &file],
        &["bench", &file, "--runs", "1000"],
    ] {
        let refused = output(&[arguments, &["--out", &out]].concat());
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", text(&refused.stderr));
        assert!(text(&refused.stderr).contains("no-such-directive"), "{}", text(&refused.stderr));
    }
}

#[test]
fn an_invariant_that_does_not_exist_is_said_with_the_nearest_one() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, out) = (folder.path().join("s.yaml"), folder.path().join("out").display().to_string());
    fs::write(&file, "scenario: {name: s, seed: 1}\nworkload: {duration: 1}\n").expect("written");
    let done = output(&["run", &file.display().to_string(), "--out", &out]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    for (name, said) in [
        ("replica_snyc", "there is no invariant replica_snyc; did you mean replica_sync? there are "),
        ("foo", "there is no invariant foo; there are "),
        ("replica_sync", "the recorded run does not violate replica_sync"),
    ] {
        let refused = output(&["bisect", &out, "--invariant", name]);
        assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
        assert!(text(&refused.stderr).contains(said), "{}", text(&refused.stderr));
    }
}

#[test]
fn names_that_nodes_tell_each_other_and_five_replicas_can_be_had() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, out) = (folder.path().join("s.yaml"), folder.path().join("out").display().to_string());
    let yaml = "scenario: {name: s, seed: 1}
cluster:
  replicas: 5
  config: {cluster-announce-hostname: one.example, cluster-announce-human-nodename: someone}
operations: [{type: failover, target: primary, shard: 1, delay: 1}]
workload: {duration: 3}
";
    fs::write(&file, yaml).expect("written");
    let done = output(&["run", &file.display().to_string(), "--out", &out]);
    assert_eq!(done.status.code(), Some(0), "{}{}", text(&done.stdout), text(&done.stderr));
    assert!(text(&done.stdout).contains("Total Nodes: 18"), "{}", text(&done.stdout));
}
