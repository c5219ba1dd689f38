//! A campaign's workers: each has a session of its own, is told when somebody asks for the end, and goes with the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getsid};

use crate::program::{pause, program, text};
use crate::support::server;

/// A campaign with two workers that does not end by itself.
fn campaign(folder: &Path) -> Child {
    server();
    let mut command = program();
    command.args(["fuzz", "--jobs", "2", "--no-shrink", "--out", "out"]).current_dir(folder);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

/// Waits until something is there.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..3_000 {
        if let Some(seen) = look() {
            return seen;
        }
        pause();
    }
    panic!("never: {what}");
}

/// The children of all threads of a process.
#[expect(clippy::disallowed_methods, reason = "their order does not matter")]
fn children(process: Pid) -> BTreeSet<Pid> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let pids = |text: String| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>();
    children.flat_map(pids).map(Pid::from_raw).collect()
}

/// The workers of a campaign and their servers, once both are in the middle of a run.
fn at_work(campaign: &Child) -> (Vec<Pid>, Vec<Pid>) {
    until("two workers have servers", || {
        let workers: Vec<Pid> = children(Pid::from_raw(campaign.id() as i32)).into_iter().collect();
        let servers: Vec<BTreeSet<Pid>> = workers.iter().map(|worker| children(*worker)).collect();
        let all_work = workers.len() == 2 && servers.iter().all(|servers| servers.len() >= 3);
        all_work.then(|| (workers, servers.into_iter().flatten().collect()))
    })
}

/// Waits until none of these processes is there; one that nobody has reaped has no command line any more.
fn until_gone(processes: &[Pid]) {
    let is_gone = |pid: &Pid| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default().is_empty();
    until("all of them are gone", || processes.iter().all(is_gone).then_some(()));
}

fn send(process: Pid, signal: Signal) {
    kill(process, signal).expect("it lives");
}

#[test]
fn each_worker_has_a_session_of_its_own_and_hears_of_an_interruption() {
    let folder = tempfile::tempdir().expect("a folder");
    let campaign = campaign(folder.path());
    let (workers, servers) = at_work(&campaign);
    for worker in &workers {
        assert_eq!(getsid(Some(*worker)), Ok(*worker));
    }
    send(Pid::from_raw(campaign.id() as i32), Signal::SIGINT);
    let left = campaign.wait_with_output().expect("it ends");
    assert_eq!(left.status.code(), Some(130), "{}", text(&left.stderr));
    assert!(text(&left.stdout).contains("=== valkey-fuzzer Campaign ==="), "{}", text(&left.stdout));
    until_gone(&[workers, servers].concat());
}

#[test]
fn workers_and_their_servers_go_with_a_program_that_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut campaign = campaign(folder.path());
    let (workers, servers) = at_work(&campaign);
    campaign.kill().expect("it can be killed");
    campaign.wait().expect("it can be reaped");
    until_gone(&[workers, servers].concat());
}

#[test]
fn a_worker_that_is_killed_is_an_error_of_its_run_and_another_takes_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let campaign = campaign(folder.path());
    let (workers, servers) = at_work(&campaign);
    send(workers[0], Signal::SIGKILL);
    let (others, _) = until("another worker", || {
        let (others, servers) = at_work(&campaign);
        (others != workers).then_some((others, servers))
    });
    assert!(!others.contains(&workers[0]) && others.contains(&workers[1]), "{others:?} after {workers:?}");
    send(Pid::from_raw(campaign.id() as i32), Signal::SIGTERM);
    let left = campaign.wait_with_output().expect("it ends");
    assert_eq!(left.status.code(), Some(130), "{}", text(&left.stderr));
    let ledger = fs::read_to_string(folder.path().join("out/campaign.jsonl")).expect("a ledger");
    let errors: Vec<&str> = ledger.lines().filter(|line| line.contains(r#""status":"error""#)).collect();
    assert!(matches!(errors[..], [one] if one.contains("its process ended with signal: 9")), "{errors:?}");
    until_gone(&[workers, others, servers].concat());
}
