//! A process of the host whose number is the one that a crashing server takes for its own comes to no harm.
//!
//! Server and bystander run in a namespace of process numbers made for them: whatever goes wrong there reaches nobody.

use std::fs;
use std::path::Path;
use std::process::Command;

use valkey_fuzzer::event_log::LOG_FILE;

use crate::program::text;
use crate::support::all_servers;

/// A primary that ends in a crash report, in which servers signal their own threads by number.
const SCENARIO: &str = "scenario: {name: bystander, seed: 1}
operations: [{type: command, node: 1, args: [DEBUG, SEGFAULT], delay: 1}]
workload: {duration: 2}
";
/// Runs a command beside a process with a given number (none if it is 0), which must be there afterwards, asleep or about to be.
const BESIDE: &str = r#"
number=$1; shift
if [ "$number" -gt 0 ]; then
    echo $((number - 1)) 2>/dev/null >/proc/sys/kernel/ns_last_pid ||
        { sleep 0 & while [ $! -lt $((number - 1)) ]; do sleep 0 & done; wait; }
    sleep 3600 &
    [ $! = "$number" ] || { echo "the bystander is $!" >&2; exit 90; }
fi
"$@"
code=$?
[ "$number" = 0 ] || case "$(sed 's/.*) \(.\).*/\1/' "/proc/$number/stat")" in
    S | R) ;;
    *) cat "/proc/$number/stat" >&2; exit 91 ;;
esac
exit $code
"#;

/// Runs the scenario in a namespace of its own, beside a process with this number; its log.
#[expect(clippy::disallowed_methods, reason = "the program itself is what is tested")]
fn log_beside(number: u32, version: &str, folder: &Path) -> String {
    let scenario = folder.join("scenario.yaml");
    fs::write(&scenario, SCENARIO).expect("written");
    let out = folder.join(format!("beside-{number}"));
    let as_root: &[&str] =
        if nix::unistd::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let output = Command::new("unshare")
        .args(as_root)
        .args([
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            BESIDE,
            "sh",
            &number.to_string(),
        ])
        .arg(env!("CARGO_BIN_EXE_valkey-fuzzer"))
        .args(["run", "--server", version, "--out"])
        .args([&out, &scenario])
        .output()
        .expect("unshare starts");
    // The crash is a violation, and nothing else ends otherwise than it should.
    assert_eq!(output.status.code(), Some(1), "{version} beside {number}: {}", text(&output.stderr));
    fs::read_to_string(out.join(LOG_FILE)).expect("the log is there")
}

/// The process number that node 1 has in its own eyes, as it stands before each line of its log.
fn number_in_own_eyes(log: &str) -> u32 {
    let numbers = log.lines().filter_map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        let own = event["actor"] == "node-1" && event["what"] == "log";
        own.then(|| event["line"].as_str()?.split_once(':')?.0.parse().ok())?
    });
    numbers.into_iter().next().expect("node 1 writes a log")
}

#[test]
fn a_crashing_server_leaves_the_process_with_its_number_alone() {
    for server in all_servers() {
        let folder = tempfile::tempdir().expect("a folder");
        let alone = log_beside(0, &server.version, folder.path());
        let number = number_in_own_eyes(&alone);
        let beside = log_beside(number, &server.version, folder.path());
        let first = alone.lines().zip(beside.lines()).find(|(one, other)| one != other);
        assert!(alone == beside, "{}: the logs differ, first here: {first:#?}", server.version);
    }
}
