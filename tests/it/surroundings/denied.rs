//! What a host can deny or take away: the run goes on, or ends with exit 4 and says what to do.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{log, quiet_run};
use crate::program::{pause, program, text};
use crate::support::server;

/// Has calls answered with `EPERM` in the program and all that it starts, as the filter of a container does.
fn deny(command: &mut Command, numbers: &[i64]) {
    let step = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut filter = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for number in numbers {
        let is_it = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        filter.push(libc::sock_filter { jf: 1, ..step(is_it, *number as u32) });
        filter.push(step(libc::BPF_RET, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32));
    }
    filter.push(step(libc::BPF_RET, libc::SECCOMP_RET_ALLOW));
    // SAFETY: the closure makes system calls only; the filter lives in it.
    unsafe { command.pre_exec(move || install(&mut filter)) };
}

fn install(filter: &mut [libc::sock_filter]) -> io::Result<()> {
    let whole = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: a valid filter for this process.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            | libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const whole, 0, 0)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[test]
fn where_a_container_denies_calls_the_run_goes_on_and_says_what_is_lost() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let [free, denied] = ["free", "denied"].map(|name| folder.path().join(name));
    assert_eq!(quiet_run(&free, |_| {}).status.code(), Some(0));
    let numbers = [
        libc::SYS_personality,
        libc::SYS_close_range,
        libc::SYS_pidfd_open,
        libc::SYS_ptrace,
        libc::SYS_perf_event_open,
    ];
    let done = quiet_run(&denied, |command| deny(command, &numbers));
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    for word in ["ADDR_NO_RANDOMIZE", "two runs of one seed may differ", "seccomp=unconfined"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(said.matches("ADDR_NO_RANDOMIZE").count(), 1, "it is said once: {said}");
    assert!(!log(&denied).is_empty());
}

/// Puts small file systems in memory over a place, for the program alone.
fn shrink(command: &mut Command, places: Vec<std::ffi::CString>, options: &'static std::ffi::CStr) {
    let enter = move || {
        let (none, tmpfs) = (c"none".as_ptr(), c"tmpfs".as_ptr());
        // SAFETY: all strings are NUL-terminated; the mounts are seen by this process and its children only.
        let result = unsafe {
            let private = libc::MS_REC | libc::MS_PRIVATE;
            let apart = libc::unshare(libc::CLONE_NEWNS)
                | libc::mount(none, c"/".as_ptr(), std::ptr::null(), private, std::ptr::null());
            places.iter().fold(apart, |result, place| {
                result | libc::mount(none, place.as_ptr(), tmpfs, 0, options.as_ptr().cast())
            })
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: the closure makes system calls only.
    unsafe { command.pre_exec(enter) };
}

/// Writes more than a small file system holds.
const LARGE: &str = "
scenario: {name: large, seed: 1}
cluster: {config: {appendonly: 'yes', rdbcompression: 'no'}}
operations:
  - {type: command, node: 1, args: [DEBUG, POPULATE, 2000, big, 10000]}
  - {type: command, node: 1, args: [BGREWRITEAOF]}
workload: {duration: 5}
";

#[test]
fn a_full_file_system_of_the_host_is_no_fault_of_the_server() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let temporary = folder.path().join("temporary");
    fs::create_dir(&temporary).expect("a folder");
    let file = folder.path().join("large.yaml");
    fs::write(&file, LARGE).expect("written");
    let run = |places: &[&Path], out: &str| {
        let mut command = program();
        let out = folder.path().join(out);
        command.arg("run").arg(&file).arg("--out").arg(out).env("TMPDIR", &temporary);
        let places = places.iter().map(|place| {
            std::ffi::CString::new(place.as_os_str().as_encoded_bytes()).expect("no NUL in a path")
        });
        shrink(&mut command, places.collect(), c"size=9m");
        command.output().expect("the program starts, and may mount")
    };
    let memory = Path::new("/dev/shm");
    let nowhere = run(&[memory, &temporary], "nowhere");
    let said = text(&nowhere.stderr);
    assert_eq!(nowhere.status.code(), Some(4), "{said}");
    assert!(said.contains("no room left in /dev/shm") && said.contains("--shm-size"), "{said}");
    let on_disk = run(&[memory], "on-disk");
    assert_ne!(on_disk.status.code(), Some(4), "the disk is roomier: {}", text(&on_disk.stderr));
}

/// Starts a long run, which `TMPDIR` keeps apart, and waits for its servers.
fn started(out: &Path, temporary: &Path) -> (std::process::Child, Vec<Pid>) {
    let mut child = program()
        .args(["run", "--seed", "3", "--shards", "8", "--replicas", "1", "--out"])
        .arg(out)
        .env("TMPDIR", temporary)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let file = format!("/proc/{0}/task/{0}/children", child.id());
    for _ in 0..2_000 {
        let children = fs::read_to_string(&file).unwrap_or_default();
        let pids: Vec<Pid> =
            children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect();
        if pids.len() >= 12 {
            return (child, pids);
        }
        pause();
    }
    let _ = child.kill();
    panic!("the program starts no servers: {:?}", child.wait());
}

#[test]
fn a_server_that_somebody_else_kills_is_no_finding() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let (child, servers) = started(&folder.path().join("out"), folder.path());
    kill(servers[2], Signal::SIGKILL).expect("it is there");
    let done = child.wait_with_output().expect("it ends");
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(4), "{said}");
    assert!(said.contains("was killed with SIGKILL, and not by this tool"), "{said}");
}

#[test]
fn what_a_killed_run_left_in_any_place_is_swept_by_the_next() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let temporary = folder.path().join("temporary");
    fs::create_dir_all(temporary.join("valkey-fuzzer-LEFTOVER/work")).expect("a folder");
    fs::write(temporary.join("valkey-fuzzer-LEFTOVER/lock"), "").expect("a lock that nobody holds");
    let (mut child, _) = started(&folder.path().join("out"), &temporary);
    child.kill().expect("it can be killed");
    child.wait().expect("it can be reaped");
    let done = quiet_run(&folder.path().join("next"), |command| {
        command.env("TMPDIR", &temporary);
    });
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    #[expect(clippy::disallowed_methods, reason = "there is nothing to be in order")]
    let left: Vec<_> = fs::read_dir(&temporary).expect("a folder").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}
