//! `show` on the log of a real run: what it says, how it ends, and what it leaves behind.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use valkey_fuzzer::event_log::{COMPRESSED_LOG_FILE, LOG_FILE};

use crate::program::program;
use crate::support::{Ran, plan, run, server};

/// One recorded run with a kill and a failover, and all its events as JSON.
struct Recorded {
    ran: Ran,
    events: Vec<Value>,
}

impl Recorded {
    fn new() -> Self {
        let ran = run(&plan(include_str!("scenarios/kill-and-failover.yaml")), &server());
        let events =
            ran.log().lines().skip(1).map(|line| serde_json::from_str(line).expect("JSON")).collect();
        Recorded { ran, events }
    }

    fn folder(&self) -> &Path {
        self.ran.folder.path()
    }

    /// The number of the first event that is so.
    fn first(&self, is: impl Fn(&Value) -> bool) -> usize {
        self.events.iter().position(is).expect("there is one")
    }
}

fn show(log: &Path, options: &[&str]) -> Command {
    let mut command = program();
    command.arg("show").arg(log).args(options);
    command
}

fn output(log: &Path, options: &[&str]) -> Output {
    show(log, options).output().expect("the program starts")
}

/// What it says if all is well.
fn shown(log: &Path, options: &[&str]) -> String {
    let output = output(log, options);
    assert_eq!(output.status.code(), Some(0), "{options:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{options:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Exit code and standard error of what is refused.
fn refused(log: &Path, options: &[&str]) -> (Option<i32>, String) {
    let output = output(log, options);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Options, and which events they want.
type Case<'a> = (&'a [&'a str], &'a dyn Fn(&Value) -> bool);

/// A folder with a log that is written there.
fn written(name: &str, text: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(name), text).expect("written");
    folder
}

#[test]
fn the_summary_says_what_the_run_was_from_any_kind_of_log() {
    let recorded = Recorded::new();
    let summary = shown(recorded.folder(), &[]);
    let (file, log) = (recorded.folder().join(LOG_FILE), recorded.ran.log());
    for word in [
        "Scenario: ",
        "Seed: ",
        "\nPhases:\n",
        "\nFaults:\n",
        "\nOperations:\n",
        "SIGKILL",
        "✓ slot_coverage",
    ] {
        assert!(summary.contains(word), "{word} is missing: {summary}");
    }
    assert_eq!(shown(&file, &[]), summary);
    let packed = written(COMPRESSED_LOG_FILE, zstd::encode_all(log.as_bytes(), 3).expect("it compresses"));
    assert_eq!(shown(packed.path(), &[]), summary);
    let cut = written(LOG_FILE, &log[..log.len() / 2]);
    assert!(shown(cut.path(), &[]).contains("Cut off in the middle of a line"));
    let names = |folder: &Path| fs::metadata(folder.join(format!("{LOG_FILE}.idx"))).is_ok();
    assert!(!names(recorded.folder()) && !names(cut.path()), "a small log leaves no index");
}

#[test]
fn an_event_is_shown_with_its_causes_and_effects() {
    let recorded = Recorded::new();
    let exited = recorded.first(|event| event["what"] == "exited");
    let text = shown(recorded.folder(), &["--event", &exited.to_string()]);
    assert!(text.contains("back to the root") && text.contains("director"), "{text}");
    assert!(text.contains("Nearest injected event"), "{text}");
    let cause = recorded.events[exited]["cause"].as_u64().expect("it has a cause");
    assert!(text.contains(&format!("{cause:>8} ")), "{text}");
    let effects = recorded.events.iter().filter(|event| event["cause"] == exited).count();
    assert!(text.contains(&format!("It caused {effects}: ")), "{text}");
    let delivered = recorded.first(|event| event["what"] == "deliver");
    let text = shown(recorded.folder(), &["--event", &delivered.to_string()]);
    assert!(text.contains("Nearest decision, of the event itself:") && text.contains("latency"), "{text}");
    let text = shown(recorded.folder(), &["--around", &exited.to_string(), "--context", "2"]);
    assert_eq!((text.lines().count(), text.matches("\n> ").count()), (5, 1), "{text}");
    let past = recorded.events.len().to_string();
    for option in ["--event", "--around"] {
        let (code, said) = refused(recorded.folder(), &[option, &past]);
        assert_eq!(code, Some(2));
        assert!(said.contains(&format!("there is no event {past}")), "{said}");
    }
}

#[test]
fn filters_give_the_lines_that_a_search_of_the_log_gives() {
    let recorded = Recorded::new();
    let cases: [Case; 7] = [
        (&["--json"], &|_| true),
        (&["--what", "fault,heal"], &|event| event["what"] == "fault" || event["what"] == "heal"),
        (&["--kind", "verdict"], &|event| event["kind"] == "verdict"),
        (&["--actor", "node-2", "--what", "log"], &|event| {
            event["actor"] == "node-2" && event["what"] == "log"
        }),
        (&["--message", "FAILOVER-AUTH-REQUEST"], &|event| {
            event["what"] == "sent" && event["bus"]["type"] == "failover_auth_request"
        }),
        (&["--channel", "replication", "--time", "2s..4.5s"], &|event| {
            let at = event["at"].as_u64().expect("a time");
            event["channel"] == "replication" && (2_000_000_000..4_500_000_000).contains(&at)
        }),
        (&["--node", "3", "--what", "sent"], &|event| {
            event["what"] == "sent" && (event["from"] == "node-3" || event["to"] == "node-3")
        }),
    ];
    for (options, is) in cases {
        let wanted: Vec<&Value> = recorded.events.iter().filter(|event| is(event)).collect();
        assert!(!wanted.is_empty(), "{options:?} must find something");
        let lines =
            shown(recorded.folder(), &[options, &["--json"][..usize::from(options[0] != "--json")]].concat());
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert!(lines.iter().eq(wanted.iter().copied()), "{options:?}");
        if options[0] != "--json" {
            assert_eq!(shown(recorded.folder(), options).lines().count(), wanted.len());
            assert_eq!(shown(recorded.folder(), &[options, &["--limit", "1"]].concat()).lines().count(), 1);
        }
    }
}

#[test]
fn wrong_words_are_refused_with_the_known_ones() {
    let nowhere = Path::new("nowhere");
    for (options, said) in [
        (["--message", "pingg"], "did you mean ping?"),
        (["--what", "delivered"], "did you mean deliver?"),
        (["--kind", "decisions"], "decision"),
        (["--node", "nod-3"], "write 3 or node-3"),
        (["--time", "4s..2s"], "ends before it begins"),
    ] {
        let (code, stderr) = refused(nowhere, &options);
        assert_eq!(code, Some(2), "{options:?}");
        assert!(stderr.contains(said), "{options:?}: {stderr}");
    }
    let (code, stderr) = refused(nowhere, &[]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("nowhere"), "{stderr}");
}

#[test]
fn two_logs_are_equal_or_part_somewhere() {
    let recorded = Recorded::new();
    let other = recorded.folder().join(LOG_FILE);
    assert!(shown(recorded.folder(), &["--diff", &other.to_string_lossy()]).starts_with("equal: all "));
    let log = recorded.ran.log();
    let at = recorded.first(|event| event["what"] == "exited");
    let changed: Vec<String> = log
        .lines()
        .enumerate()
        .map(|(n, line)| if n == at + 1 { line.replace("SIGKILL", "SIGSEGV") } else { line.to_owned() })
        .collect();
    let changed = written(LOG_FILE, changed.join("\n").replace("\"tool\":\"valkey", "\"tool\":\"walkey"));
    let parted = output(recorded.folder(), &["--diff", &changed.path().to_string_lossy()]);
    let text = String::from_utf8_lossy(&parted.stdout);
    assert_eq!(parted.status.code(), Some(3), "{text}");
    assert!(text.starts_with("tool: valkey-fuzzer") && text.contains("differs in what"), "{text}");
    assert!(
        text.contains("SIGKILL") && text.contains("SIGSEGV") && text.contains("because of the same"),
        "{text}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let recorded = Recorded::new();
    let mut child = show(recorded.folder(), &["--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut first = [0; 10];
    child.stdout.take().expect("a pipe").read_exact(&mut first).expect("it says something");
    let done = child.wait_with_output().expect("it ends");
    assert_eq!(
        (done.status.code(), done.stderr.len()),
        (Some(0), 0),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}
