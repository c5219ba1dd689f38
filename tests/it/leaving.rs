//! How the program ends when somebody leaves, kills it, or has two of it work in one place.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{output, pause, program, text};
use crate::support::server;

/// A run that lasts some seconds of real time, if nobody ends it.
const LONG: [&str; 7] = ["run", "--seed", "3", "--shards", "8", "--replicas", "2"];

/// A short run's folder of results in `folder`.
fn recorded(folder: &Path) -> String {
    server();
    let (file, out) = (folder.join("s.yaml"), folder.join("out").display().to_string());
    fs::write(&file, "scenario: {name: s, seed: 1}\nworkload: {duration: 2}\n").expect("written");
    let done = output(&["run", &file.display().to_string(), "--out", &out]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    out
}

/// Replays up to an event, with these lines at the prompt.
fn replayed(log: &str, lines: &str) -> Output {
    let mut command = program();
    command.args(["replay", log, "--until", "500"]).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id() as i32), signal).expect("it lives");
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if is_so() {
            return;
        }
        pause();
    }
    panic!("never: {what}");
}

#[test]
fn who_leaves_the_prompt_is_told_where_and_that_all_was_equal() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = recorded(folder.path());
    for lines in ["quit\n", "", "step 3\nexit\n", "\"\nquit", "node-2 NONSENSE\n"] {
        let left = replayed(&log, lines);
        let said = text(&left.stdout);
        assert_eq!(left.status.code(), Some(0), "{lines:?}: {said}{}", text(&left.stderr));
        assert!(said.contains("left before event ") && !said.contains("parts"), "{lines:?}: {said}");
        assert_eq!(lines.contains("NONSENSE"), said.contains("(error) ERR unknown command 'NONSENSE'"));
    }
    let went_on = replayed(&log, "continue\n");
    assert!(text(&went_on.stdout).contains("and the verdicts"), "{}", text(&went_on.stdout));
}

#[test]
fn a_signal_at_the_prompt_is_an_interruption_and_no_difference() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = recorded(folder.path());
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let printed = folder.path().join("printed");
        let mut command = program();
        command.args(["replay", &log, "--until", "500"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let stdout = fs::File::create(&printed).expect("a file");
        let mut child = command.stdout(stdout).spawn().expect("the program starts");
        let stdin = child.stdin.take();
        until("it stands still", || fs::read_to_string(&printed).is_ok_and(|said| said.contains("node-6: ")));
        send(&child, signal);
        let left = child.wait_with_output().expect("it ends");
        drop(stdin);
        assert_eq!(left.status.code(), Some(130), "{}", text(&left.stderr));
        assert!(text(&left.stderr).contains("equal so far"), "{}", text(&left.stderr));
    }
}

#[test]
fn a_replay_that_is_interrupted_on_its_way_is_equal_so_far() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out").display().to_string();
    let done = program().args(LONG).args(["--out", &out]).output().expect("the program starts");
    assert!(matches!(done.status.code(), Some(0 | 1)), "{}", text(&done.stderr));
    let mut command = program();
    command.args(["replay", &out]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    until("servers run", || fs::read_to_string(&children).is_ok_and(|pids| pids.split(' ').count() > 12));
    send(&child, Signal::SIGINT);
    let left = child.wait_with_output().expect("it ends");
    assert_eq!(left.status.code(), Some(130), "{}{}", text(&left.stdout), text(&left.stderr));
    assert!(text(&left.stderr).contains("interrupted; equal so far"), "{}", text(&left.stderr));
}

#[test]
fn a_replay_does_not_write_over_the_log_that_it_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = recorded(folder.path());
    let before = fs::read(Path::new(&log).join("events.jsonl")).expect("a log");
    let refused = output(&["replay", &log, "--out", &log]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("holds the log itself"), "{}", text(&refused.stderr));
    assert_eq!(fs::read(Path::new(&log).join("events.jsonl")).expect("a log"), before);
}

#[test]
fn two_runs_do_not_share_a_folder() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out").display().to_string();
    let mut first = program();
    first.args(LONG).args(["--out", &out]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut first = first.spawn().expect("the program starts");
    until("it runs", || Path::new(&out).join("nodes/node-1").exists());
    let second = output(&["run", "--seed", "4", "--out", &out]);
    assert_eq!(second.status.code(), Some(4), "{}", text(&second.stderr));
    let said = format!("{out} belongs to a run that is under way");
    assert!(text(&second.stderr).contains(&said), "{}", text(&second.stderr));
    first.kill().expect("it can be killed");
    first.wait().expect("it can be reaped");
    // Its folder is nobody's any more.
    recorded(folder.path());
}

#[test]
fn what_a_run_leaves_that_was_killed_at_once_is_known_for_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    for remains in [&["nodes/node-1"][..], &["nodes"], &[]] {
        remains.iter().for_each(|part| fs::create_dir_all(out.join(part)).expect("a folder"));
        fs::create_dir_all(&out).expect("a folder");
        fs::write(out.join("events.jsonl"), "").expect("written");
        recorded(folder.path());
        fs::remove_dir_all(&out).expect("removed");
    }
    fs::create_dir_all(out.join("nodes/node-x")).expect("a folder");
    fs::write(out.join("events.jsonl"), "").expect("written");
    let refused = output(&["run", "--seed", "1", "--out", &out.display().to_string()]);
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
}

#[test]
fn runs_are_kept_apart_by_their_servers_version_and_the_newest_is_linked() {
    let one = server();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("s.yaml"), "scenario: {name: s, seed: 1}\nworkload: {duration: 1}\n")
        .expect("written");
    let mut command = program();
    let done = command.args(["run", "s.yaml"]).current_dir(folder.path()).output().expect("it starts");
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let latest = fs::read_link(folder.path().join("runs/latest")).expect("a link");
    assert!(latest.to_string_lossy().ends_with(&format!("_{}", one.version)), "{}", latest.display());
    assert!(folder.path().join("runs/latest/report.txt").is_file());
}

#[test]
fn a_campaign_that_is_signalled_twice_at_once_says_what_it_came_to() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = program();
    command.args(["fuzz", "--shards", "3"]).current_dir(folder.path());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let ledger = folder.path().join("campaigns/generated/campaign.jsonl");
    until("runs count", || fs::read_to_string(&ledger).is_ok_and(|lines| lines.lines().count() > 2));
    send(&child, Signal::SIGTERM);
    send(&child, Signal::SIGTERM);
    let left = child.wait_with_output().expect("it ends");
    assert_eq!(left.status.code(), Some(130), "{}", text(&left.stderr));
    assert!(text(&left.stdout).contains("=== valkey-fuzzer Campaign ==="), "{}", text(&left.stdout));
}

#[test]
fn results_that_cannot_be_written_are_said_before_anything_runs() {
    server();
    for arguments in [
        &["bench", "--runs", "100000", "--out", "/dev/null/x"][..],
        &["bench", "--runs", "100000", "--out", "/tmp", "--plot", "/no/such/folder/x.svg"],
        &["run", "--seed", "1", "--export", "/no/such/folder/x.yaml"],
        &["run", "--seed", "1", "--record", "/dev/null/x"],
    ] {
        let refused = output(arguments);
        assert_eq!(refused.status.code(), Some(4), "{arguments:?}");
        assert!(text(&refused.stderr).starts_with("error: cannot write /"), "{}", text(&refused.stderr));
    }
}
