//! What a command says that repeats it is typed as it stands, and does the same again.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::program::{output, program, text};
use crate::support::server;

/// A run that fails at once, whatever else happens.
const FAILS: &str = "scenario: {name: fails}
operations: [{type: command, node: 1, args: [FLUSHALL], delay: 2}]
workload: {duration: 4}
";

/// A folder whose path has everything that a shell would take for something else.
fn odd_folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("it's $HOME; a *").tempdir().expect("a folder")
}

/// The last line of what went to standard error, without what introduces it.
fn repetition(output: &Output) -> String {
    let stderr = text(&output.stderr);
    let last = stderr.lines().last().unwrap_or_default();
    let command = last.strip_prefix("to run it again: ");
    command.unwrap_or_else(|| panic!("the last line says nothing: {stderr}")).to_owned()
}

/// Types a line into a shell, in `folder`.
#[expect(clippy::disallowed_methods, reason = "a shell reads what was printed for one")]
fn typed(line: &str, folder: &Path) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_valkey-fuzzer")).parent().expect("it is in a folder");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]).current_dir(folder).stdin(Stdio::null());
    command.env("PATH", format!("{}:/usr/bin:/bin", program.display())).env_remove("VALKEY_SERVER");
    command.output().expect("there is a shell")
}

/// What a run's report says its log's digest is.
fn digest(output: &Output) -> String {
    let stdout = text(&output.stdout);
    let line = stdout.lines().find(|line| line.starts_with("Log SHA-256: "));
    line.unwrap_or_else(|| panic!("no digest: {stdout}{}", text(&output.stderr))).to_owned()
}

/// A link to the server under a name that is another program's.
fn misleading_link(folder: &Path) -> String {
    let link = folder.join("valkey-server");
    symlink(&server().binary, &link).expect("a link");
    link.display().to_string()
}

#[test]
fn a_run_is_repeated_by_what_it_says_wherever_its_files_are() {
    let folder = odd_folder();
    fs::write(folder.path().join("-s.yaml"), FAILS).expect("written");
    let link = misleading_link(folder.path());
    let ways: [(&[&str], Option<&str>); 3] =
        [(&["--server", &link], None), (&[], Some(&link)), (&["--check-interposition"], None)];
    for (arguments, environment) in ways {
        let mut command = program();
        command.args(["run", "./-s.yaml"]).args(arguments).current_dir(folder.path());
        environment.map(|server| command.env("VALKEY_SERVER", server));
        let first = command.output().expect("the program starts");
        assert_eq!(first.status.code(), Some(1), "{}", text(&first.stderr));
        let again = typed(&repetition(&first), folder.path());
        assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
        assert_eq!(digest(&again), digest(&first));
        assert_eq!(repetition(&again), repetition(&first));
    }
}

#[test]
fn a_campaigns_failure_is_repeated_by_what_the_summary_says() {
    let folder = odd_folder();
    fs::write(folder.path().join("s.yaml"), FAILS).expect("written");
    let link = misleading_link(folder.path());
    let mut command = program();
    command.args(["fuzz", "--runs", "1", "--scenario", "s.yaml", "--no-shrink", "--server", &link]);
    let done = command.current_dir(folder.path()).output().expect("the program starts");
    assert_eq!(done.status.code(), Some(1), "{}", text(&done.stderr));
    let summary = text(&done.stdout);
    let run = summary.lines().map(str::trim).find(|line| line.starts_with("valkey-fuzzer run "));
    let again = typed(run.unwrap_or_else(|| panic!("no command: {summary}")), folder.path());
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
    let whole = typed(&repetition(&done), folder.path());
    assert_eq!(whole.status.code(), Some(1), "{}", text(&whole.stderr));
    assert!(text(&whole.stderr).contains("1 run is there already"), "{}", text(&whole.stderr));
}

#[test]
fn a_bisected_run_is_repeated_by_what_its_minimal_cause_says() {
    let folder = odd_folder();
    fs::write(folder.path().join("s.yaml"), FAILS).expect("written");
    let link = misleading_link(folder.path());
    let run = |arguments: &[&str]| {
        let mut command = program();
        command.args(arguments).current_dir(folder.path()).output().expect("the program starts")
    };
    run(&["run", "s.yaml", "--seed", "1", "--server", &link, "--out", "a run"]);
    let found = run(&["bisect", "a run", "--server", &link]);
    assert_eq!(found.status.code(), Some(0), "{}", text(&found.stderr));
    let said = text(&found.stdout);
    let (_, by_itself) = said.trim_end().split_once("to run it by itself: ").expect("it says how");
    let again = typed(by_itself, folder.path());
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
}

/// One way for every command to fail, with the exit it has.
#[test]
fn whatever_does_not_end_well_ends_with_what_repeats_it() {
    let folder = odd_folder();
    fs::write(folder.path().join("bad.yaml"), "scenario: {name: x}\nclutser: {}\n").expect("written");
    let missing = "no such file";
    let cases: [(&[&str], i32); 12] = [
        (&["run", missing], 2),
        (&["run", "bad.yaml"], 2),
        (&["run", "--seed", "1", "--server", "/no/such/server"], 4),
        (&["run", "--seed", "1", "--record", "/dev/null/x"], 4),
        (&["fuzz", "--runs", "1", "--scenario", missing], 2),
        (&["replay", missing], 2),
        (&["bisect", missing], 2),
        (&["show", missing], 2),
        (&["bench", missing], 2),
        (&["bench", "--runs", "1", "--baseline", missing], 2),
        (&["validate", missing], 2),
        (&["servers", "install", "nonsense"], 4),
    ];
    for (arguments, code) in cases {
        let mut command = program();
        let done = command.args(arguments).current_dir(folder.path()).output().expect("the program starts");
        let said = text(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {said}");
        let again = typed(&repetition(&done), folder.path());
        assert_eq!((again.status.code(), text(&again.stderr)), (Some(code), said), "{arguments:?}");
    }
    assert_eq!(output(&["validate", "scenarios/basic-failover.yaml"]).status.code(), Some(0));
}
