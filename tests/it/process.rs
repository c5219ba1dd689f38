//! Real processes: wrappers are seen through, children take turns, and full sockets hold their writers back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use valkey_fuzzer::servers::inspect;
use valkey_fuzzer::shim;

use crate::support::{plan, run, server};

fn script(folder: &Path, text: &str) -> std::path::PathBuf {
    let path = folder.join("valkey-server");
    fs::write(&path, text).expect("the script is written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is made executable");
    path
}

#[test]
fn a_wrapper_script_is_seen_through_and_gives_the_same_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let shim = folder.path().join("shim.so");
    fs::write(&shim, shim::OBJECT).expect("the shim is written");
    let direct = server();
    let program: Vec<String> = std::iter::once(direct.program().display().to_string())
        .chain(direct.argv_prefix().iter().skip(1).map(|word| word.to_string_lossy().into_owned()))
        .collect();
    let text = format!(
        "#!/bin/sh\nname=$(basename \"$0\")\nexport WRAPPED=$name\nexec {} \"$@\"\n",
        program.join(" ")
    );
    let wrapper = script(folder.path(), &text);
    let wrapped = inspect(&wrapper, Some(&shim)).expect("the wrapper leads to the server");
    assert_eq!(wrapped.identity(), direct.identity());
    let plan = plan(include_str!("scenarios/quiet.yaml"));
    let logs = [run(&plan, &direct), run(&plan, &wrapped)].map(|ran| ran.report.meters.log_sha256);
    assert_eq!(logs[0], logs[1]);
}

#[test]
fn a_script_that_starts_no_server_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let shim = folder.path().join("shim.so");
    fs::write(&shim, shim::OBJECT).expect("the shim is written");
    let wrapper = script(folder.path(), "#!/bin/sh\necho Valkey server v=8.1.8\n");
    assert!(inspect(&wrapper, Some(&shim)).is_err());
}

#[test]
fn a_full_synchronisation_of_a_hundred_megabytes_arrives_whole() {
    let ran = run(
        &plan(
            "scenario: {name: large-data, seed: 1}
cluster: {config: {client-output-buffer-limit: 'replica 0 0 0', rdbcompression: 'no'}}
operations:
  - {type: command, node: 1, args: [DEBUG, POPULATE, 10000, big, 10000], delay: 2}
  - {type: command, node: 1, args: [DEBUG, CHANGE-REPL-ID], delay: 1}
chaos:
  - {type: process_kill, target: node, node: 2, at: 4, restart_after: 1}
workload: {duration: 15}",
        ),
        &server(),
    );
    assert_eq!(ran.validation("replica_sync").verdict.name(), "holds");
    assert_eq!(ran.validation("views_agree").verdict.name(), "holds");
    let data = ran.validation("data_consistency").verdict.detail().to_owned();
    let compared =
        data.strip_prefix("100% match across 3 replicas (").and_then(|rest| rest.split(' ').next());
    let compared: u32 = compared.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{data}"));
    assert!(compared > 10_000, "{data}");
    let sent: u64 = ran.log().lines().filter_map(replication_bytes_to_node_2).sum();
    assert!(sent > 100_000_000, "only {sent} bytes went to the replica");
}

/// The length of a chunk that node 1 sent to node 2 on a replication channel, if the line tells of one.
fn replication_bytes_to_node_2(line: &str) -> Option<u64> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    let from_to = (event["from"].as_str()?, event["channel"].as_str()?, event["to"].as_str()?);
    (from_to == ("node-1", "replication", "node-2")).then(|| event["len"].as_u64())?
}

#[test]
fn saving_and_rewriting_in_children_ends_well() {
    let ran = run(
        &plan(
            "scenario: {name: children, seed: 4}
cluster: {config: {appendonly: 'yes'}}
operations:
  - {type: command, node: 1, args: [BGSAVE], delay: 2}
  - {type: command, node: 3, args: [BGREWRITEAOF], delay: 1}
chaos:
  - {type: process_kill, target: node, node: 5, at: 5, restart_after: 1}
workload: {duration: 10}",
        ),
        &server(),
    );
    let log = ran.log();
    assert!(log.contains("Background saving terminated with success"));
    assert!(log.contains("Background AOF rewrite finished successfully"));
    assert!(
        ran.report.validations.iter().all(|v| v.verdict.name() == "holds"),
        "{:?}",
        ran.report.validations
    );
}

#[test]
fn what_an_old_primary_wrote_before_it_heard_of_a_takeover_may_be_lost() {
    let ran = run(&plan(include_str!("../../scenarios/takeover-behind-a-partition.yaml")), &server());
    let data = &ran.validation("data_consistency").verdict;
    assert_eq!(data.name(), "holds", "{}", data.detail());
    assert!(data.detail().contains("lost as asynchronous replication allows"), "{}", data.detail());
}

#[test]
fn a_wrapper_that_gives_the_server_arguments_of_its_own_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let shim = folder.path().join("shim.so");
    fs::write(&shim, shim::OBJECT).expect("the shim is written");
    let program = server().program().display().to_string();
    for (own, said) in [("--maxmemory 1mb", "(--maxmemory 1mb)"), ("/etc/x.conf", "(/etc/x.conf)")] {
        let wrapper = script(folder.path(), &format!("#!/bin/sh\nexec {program} {own} \"$@\"\n"));
        let refused = inspect(&wrapper, Some(&shim)).expect_err("its arguments would be lost").to_string();
        assert!(refused.contains(said) || refused.contains("ends so"), "{refused}");
    }
}
