//! `guest`: programs of the user's from the command line, with what they start, twice the same; and what cannot be.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::program::{program, text, with_inherited_descriptors};
use crate::support::server;

/// A server that a shell starts, a client that asks it, and a status of the shell's own.
const SERVER_OF_ITS_OWN: &str = "\
valkey-server --port 7000 --unixsocket here --save '' >server.log 2>&1 &
until valkey-cli -p 7000 ping | grep -q PONG; do sleep 0.05; done
valkey-cli -p 7000 set a 1
valkey-cli -s here get a
valkey-cli -p 7000 client list | grep -o ' addr=127.0.0.1:[0-9]* laddr=127.0.0.1:7000'
valkey-cli -p 7000 shutdown nosave
wait
exit 3
";

/// A process that is stopped does nothing until it is to go on; then it takes up what it was at.
const STOPPED: &str = "\
(sleep 1; echo ran >>out) & pid=$!
kill -STOP $pid
sleep 3
[ -e out ] || echo stopped
ps j $pid | tail -n 1 | grep -q ' T ' && echo told
kill -CONT $pid
wait $pid
cat out
sleep 100 & pid=$!
kill -STOP $pid
kill -KILL $pid
wait $pid
echo $?
";

/// A server of Tcl's that answers two callers, by the event loop, with timers between.
const TCL: &str = "\
proc answer {channel address port} {
    fconfigure $channel -buffering line
    puts $channel \"hello [gets $channel] from $address\"
    close $channel
}
proc call {name} {
    set channel [socket 127.0.0.1 7100]
    fconfigure $channel -buffering line -blocking 0
    puts $channel $name
    fileevent $channel readable [list heard $channel]
}
proc heard {channel} {
    if {[gets $channel line] >= 0} {puts $line} elseif {[eof $channel]} {close $channel; incr ::done}
}
socket -server answer 7100
set begun [clock seconds]
after 2000 {call one}
after 5000 {call two}
while {[incr rounds] < 10 && (![info exists done] || $done < 2)} {vwait done}
puts \"took [expr {[clock seconds] - $begun}] s\"
puts [exec echo a child | tr a-z A-Z]
set pipe [open {|sh -c {sleep 3; echo late; exit 4}} r]
puts [gets $pipe]
catch {close $pipe} message options
puts [dict get $options -errorcode]
";

/// Runs a program as a guest, in a folder of its own that holds this script, from a caller that arranges something; what
/// came of it, and its log.
fn guest(script: &str, words: &[&str], arrange: impl Fn(&mut Command) -> &mut Command) -> (Output, String) {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("script"), script).expect("the script is written");
    let out = folder.path().join("results");
    let mut command = program();
    command.current_dir(folder.path()).args(["guest", "--seed", "5", "--out"]);
    let done = arrange(command.arg(&out).arg("--").args(words)).output().expect("the program starts");
    replays(folder.path(), &out, 0);
    (done, fs::read_to_string(out.join("events.jsonl")).unwrap_or_default())
}

/// A log runs again to the same events and verdicts, where its folder is at hand.
fn replays(folder: &Path, out: &Path, status: i32) {
    let again = program().current_dir(folder).arg("replay").arg(out).output().expect("the program starts");
    assert_eq!(again.status.code(), Some(status), "{}{}", text(&again.stdout), text(&again.stderr));
}

/// Runs it twice, in two folders and by two callers; the logs are the same to the byte.
fn guest_twice(script: &str, words: &[&str]) -> Output {
    let (done, log) = guest(script, words, |command| command);
    let (again, other) = guest(script, words, with_inherited_descriptors);
    let apart = log.lines().zip(other.lines()).find(|(a, b)| a != b);
    let wrote = || text(&done.stderr) + &text(&again.stderr);
    assert!(
        !log.is_empty() && log.len() == other.len(),
        "{} and {} bytes\n{}",
        log.len(),
        other.len(),
        wrote()
    );
    assert!(apart.is_none(), "{apart:#?}\n{}", wrote());
    done
}

#[test]
fn a_shell_starts_a_server_and_asks_it_and_its_status_is_the_commands() {
    let done = guest_twice(SERVER_OF_ITS_OWN, &["sh", "script"]);
    assert_eq!(done.status.code(), Some(3), "{}{}", text(&done.stdout), text(&done.stderr));
    let wrote = text(&done.stdout);
    assert!(wrote.starts_with("OK\n1\n addr=127.0.0.1:"), "{wrote}");
}

#[test]
fn a_stopped_process_goes_on_when_it_is_told_to_as_on_the_host() {
    let done = guest_twice(STOPPED, &["sh", "script"]);
    assert_eq!(text(&done.stdout), natively(STOPPED), "{}", text(&done.stderr));
}

#[expect(clippy::disallowed_methods, reason = "what the host makes of it is what is wanted")]
fn natively(script: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut shell = Command::new("sh");
    let done = shell.args(["-c", script]).current_dir(folder.path()).output().expect("there is a shell");
    text(&done.stdout)
}

#[test]
fn a_tcl_script_serves_itself_waits_and_reads_its_children() {
    let done = guest_twice(TCL, &["tclsh", "script"]);
    let wrote = text(&done.stdout);
    let wanted = "hello one from 127.0.0.1\nhello two from 127.0.0.1\ntook 5 s\nA CHILD\nlate\nCHILDSTATUS ";
    assert!(wrote.starts_with(wanted) && wrote.ends_with(" 4\n"), "{wrote}{}", text(&done.stderr));
    assert_eq!(done.status.code(), Some(0));
}

/// Runs a shell's line under eight seeds, in this folder; the status and what was said.
fn rates(folder: &Path, line: &str, out: &str) -> Output {
    let words = [
        "guest",
        "--runs",
        "8",
        "--seed-start",
        "1",
        "--jobs",
        "2",
        "--empty",
        "--out",
        out,
        "--",
        "sh",
        "-c",
        line,
    ];
    program().current_dir(folder).args(words).output().expect("the program starts")
}

#[test]
fn a_program_that_fails_with_some_seeds_has_a_rate_and_each_failure_a_recording() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let done = rates(folder.path(), "echo $$; exit $(($$ % 2))", "one");
    let said = text(&done.stdout);
    assert_eq!(done.status.code(), Some(1), "{said}{}", text(&done.stderr));
    let (runs, conclusion) = said.split_once("\n\n").expect("runs, and what they came to");
    assert_eq!(runs.lines().count(), 8, "{said}");
    let failed: Vec<&str> = conclusion
        .lines()
        .filter_map(|line| line.strip_prefix("seed ")?.split_once(": exit 1"))
        .map(|(seed, _)| seed)
        .collect();
    assert!(!failed.is_empty() && failed.len() < 8, "{said}");
    assert!(
        conclusion.starts_with(&format!(
            "Failure rate: {:.1} % ({} of 8 runs; 95 %: ",
            failed.len() as f64 * 12.5,
            failed.len()
        )),
        "{said}"
    );
    for seed in failed {
        let kept = conclusion
            .lines()
            .find(|line| line.contains(&format!("failures/seed-{seed}-")))
            .expect("it is kept");
        let kept = folder.path().join(kept.trim());
        let wrote = fs::read_to_string(kept.join("guests/sh/stdout")).expect("its output is kept");
        assert_eq!(wrote.trim().parse::<u64>().expect("a number") % 2, 1);
        replays(folder.path(), &kept, 1);
        let again = program()
            .current_dir(folder.path())
            .args(["guest", "--seed", seed, "--empty", "--", "sh", "-c", "echo $$; exit $(($$ % 2))"])
            .output();
        let again = again.expect("the program starts");
        assert_eq!((again.status.code(), text(&again.stdout)), (Some(1), wrote));
    }
    // What was run is not run again, and elsewhere it comes to the same.
    let later = rates(folder.path(), "echo $$; exit $(($$ % 2))", "one");
    assert!(text(&later.stderr).contains("8 runs are there already"), "{}", text(&later.stderr));
    let other = rates(folder.path(), "echo $$; exit $(($$ % 2))", "two");
    let summary =
        |name: &str| fs::read_to_string(folder.path().join(name).join("summary.json")).expect("a summary");
    assert_eq!(summary("one").replace("one/", ""), summary("two").replace("two/", ""));
    assert_eq!(
        text(&other.stdout).split_once("\n\n").map(|(_, rest)| rest.replace("two/", "one/")),
        Some(conclusion.to_owned())
    );
}

/// The status and the words of a guest that cannot be.
fn refused(words: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let done = program().current_dir(folder.path()).args(["guest", "--empty"]).args(words).output();
    let done = done.expect("the program starts");
    (done.status.code(), text(&done.stderr))
}

#[test]
fn what_cannot_be_run_is_refused_by_name_and_status() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let garbage = folder.path().join("static");
    // The head of a program for this machine that asks for no loader.
    let head = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 9], &[2, 0, 62, 0, 1, 0, 0, 0], &[0; 40]].concat();
    fs::write(&garbage, head).expect("a file");
    let garbage = garbage.display().to_string();
    for (words, status, said) in [
        (vec![], 2, "<PROGRAM>"),
        (vec!["--", "no-such-program"], 127, "no-such-program"),
        (vec!["--", "/no/such/program"], 127, "/no/such/program"),
        (vec!["--", garbage.as_str()], 126, garbage.as_str()),
        (vec!["--folder", "/no/such/folder"], 2, "--folder"),
        (vec!["--timeout", "1", "--", "sleep", "10"], 124, "did not end within"),
        (vec!["--", "sh", "-c", "kill -TERM $$"], 143, "SIGTERM"),
    ] {
        let (code, stderr) = refused(&words);
        assert_eq!(code, Some(status), "{words:?}: {stderr}");
        assert!(stderr.contains(said), "{words:?}: {stderr}");
    }
}
