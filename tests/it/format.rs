//! `replay/FORMAT.md` says all that the code writes and nothing else, and a log of format 1 is read for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect;
use serde::de::DeserializeOwned;
use valkey_fuzzer::event::{Body, ChildState, Closing, Doubt, Kind, LinkState, Phase, Told, ViewState};
use valkey_fuzzer::event_log;
use valkey_fuzzer::fault::{Channel, Direction, Signal};
use valkey_fuzzer::history::{Outcome, Request};
use valkey_fuzzer::invariant::CATALOGUE;
use valkey_fuzzer::op::FailoverMode;
use valkey_fuzzer::plan::Pattern;

/// A log with one of everything, written when format 1 was new. It is never written again.
pub fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1.jsonl.zst")
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("replay/FORMAT.md");
    fs::read_to_string(path).expect("the format is described")
}

/// The words between backticks.
fn words(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The names of an enum's variants, as its own parser tells them.
fn variants<T: DeserializeOwned + std::fmt::Debug>(nonsense: &str) -> BTreeSet<String> {
    let error = serde_json::from_str::<T>(nonsense).expect_err("nonsense is no variant").to_string();
    let (_, names) = error.split_once("expected ").expect("the parser says what it expected");
    words(names).into_iter().collect()
}

/// The rows of the table below a heading: its cells, without the table's head.
fn rows(document: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = document.split_once(&format!("\n{heading}")).unwrap_or_else(|| panic!("no {heading}"));
    let section = rest.lines().skip(1).take_while(|line| !line.starts_with('#'));
    let rows = section.filter(|line| {
        line.starts_with("| `") && !line.starts_with("| `what` |") && !line.starts_with("| `message` |")
    });
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What each statement's row says: its kind, its fields in order, and the words in its meaning.
fn statements() -> BTreeMap<String, (String, Vec<String>, BTreeSet<String>)> {
    let document = document();
    let sections = [
        ("## Decisions", "decision"),
        ("## Effects", "effect"),
        ("## Observations", "observation"),
        ("## Verdicts", "verdict"),
    ];
    let all = sections.into_iter().flat_map(|(heading, kind)| {
        rows(&document, heading).into_iter().map(move |row| {
            let [what, fields, meaning] = &row[..] else { panic!("a row of {heading} is odd: {row:?}") };
            let said = (kind.to_owned(), words(fields), words(meaning).into_iter().collect());
            (words(what).concat(), said)
        })
    });
    all.collect()
}

#[test]
fn every_statement_stands_in_the_document_and_none_besides() {
    let statements = statements();
    let documented: BTreeSet<String> = statements.keys().cloned().collect();
    assert_eq!(documented, variants::<Body>(r#"{"what":"?"}"#));
    let kinds: BTreeSet<String> = statements.values().map(|(kind, ..)| kind.clone()).collect();
    assert_eq!(kinds, variants::<Kind>("\"?\""));
    assert_eq!(statements["link"].2, variants::<LinkState>("\"?\""));
    assert_eq!(statements["phase"].2, variants::<Phase>("\"?\""));
    assert_eq!(statements["closed"].2, variants::<Closing>("\"?\""));
    assert_eq!(statements["child"].2, variants::<ChildState>("\"?\""));
}

#[test]
fn every_message_stands_in_the_document_and_none_besides() {
    let documented = rows(&document(), "### Messages");
    let documented = documented.iter().map(|row| words(&row[0]).concat()).collect::<BTreeSet<_>>();
    assert_eq!(documented, variants::<Told>(r#"{"message":"?"}"#));
}

#[test]
fn every_other_word_of_the_code_stands_in_the_document() {
    let said: BTreeSet<String> = words(&document()).into_iter().collect();
    let document = document();
    let mut code = BTreeSet::new();
    code.extend(variants::<Channel>("\"?\""));
    code.extend(variants::<Direction>("\"?\""));
    code.extend(variants::<Signal>("\"?\""));
    code.extend(variants::<FailoverMode>("\"?\""));
    code.extend(variants::<Pattern>("\"?\""));
    code.extend(variants::<ViewState>("\"?\""));
    code.extend(variants::<Doubt>("\"?\""));
    code.extend(CATALOGUE.iter().map(|invariant| invariant.name.to_owned()));
    code.extend(["holds", "unknown", "violated"].map(str::to_owned));
    let missing: Vec<&String> = code.difference(&said).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for words in [variants::<Request>("{\"?\":0}"), variants::<Outcome>("{\"?\":0}")] {
        assert!(words.iter().all(|word| document.contains(&format!("{{\"{word}\":"))), "{words:?}");
    }
}

/// The fields of each statement in order, as the document has them for a format.
fn fields_of(format: u64) -> BTreeMap<String, Vec<String>> {
    let document = document();
    let of = |row: &Vec<String>| (words(&row[0]).concat(), words(&row[1]));
    let now = statements().into_iter().map(|(what, (_, fields, _))| (what, fields));
    let then = rows(&document, "## Format 1");
    now.chain(then.iter().map(of).filter(|_| format == 1)).collect()
}

/// Asserts that a line has the documented keys in their order.
fn check_keys(line: &str, fields_of: &BTreeMap<String, Vec<String>>) {
    let document = document();
    let common: Vec<String> =
        rows(&document, "## Every event").iter().map(|row| words(&row[0]).concat()).collect();
    let keys = keys_of(line);
    let (head, fields) = keys.split_at(6);
    let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let what = event["what"].as_str().expect("a text");
    assert_eq!(head[..5], common[..5], "{line}");
    assert_eq!(head[5], "what", "{line}");
    let mut documented = fields_of[what].clone();
    if let Some(message) = event["message"].as_str() {
        let messages = rows(&document, "### Messages");
        let row = messages.iter().find(|row| words(&row[0]) == [message]).expect("a documented message");
        documented.extend(words(&row[1]));
    }
    let mut in_order = documented.iter();
    assert!(fields.iter().all(|field| in_order.any(|known| known == field)), "{line}: {documented:?}");
}

#[test]
fn a_real_log_has_the_documented_keys_in_their_order() {
    let (document, fields_of_1, fields_of_2) = (document(), fields_of(1), fields_of(2));
    let mut text = String::new();
    let mut lines = event_log::open_lines(&fixture()).expect("the fixture is there");
    std::io::Read::read_to_string(&mut lines, &mut text).expect("it is text");
    let mut seen = BTreeSet::new();
    for (line, event) in text.lines().skip(1).zip(event_log::open(&fixture()).expect("it is a log")) {
        let event = event.expect("every event is good");
        // A few of each statement tell as much as thousands.
        if seen.insert((event.body.word(), event.i % 8)) {
            check_keys(line, &fields_of_1);
            check_keys(&event_log::event_line(&event), &fields_of_2);
        }
    }
    let header = text.lines().next().expect("a header");
    let documented: Vec<String> =
        rows(&document, "## Header").iter().map(|row| words(&row[0]).concat()).collect();
    assert_eq!(keys_of(header), documented);
    let (_, plan) = header.split_once("\"plan\":").expect("a plan");
    let documented: Vec<String> =
        rows(&document, "### `plan`").iter().map(|row| words(&row[0]).concat()).collect();
    // It has no guests, and so no word of them.
    let documented: Vec<String> = documented.into_iter().filter(|key| key != "guests").collect();
    assert_eq!(keys_of(plan), documented);
}

/// The keys of the object that a text begins with, in their order.
fn keys_of(text: &str) -> Vec<String> {
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    let (mut keys, mut word) = (Vec::new(), String::new());
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => {
                in_text = !in_text;
                if in_text {
                    word.clear();
                }
                continue;
            }
            _ if in_text => word.push(c),
            ':' if depth == 1 => keys.push(std::mem::take(&mut word)),
            '{' | '[' => depth += 1,
            '}' | ']' if depth == 1 => break,
            '}' | ']' => depth -= 1,
            _ => {}
        }
    }
    keys
}

#[test]
fn the_kept_log_of_format_1_is_read_whole() {
    let mut reader = event_log::open(&fixture()).expect("it is a log");
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for event in &mut reader {
        let body = serde_json::to_value(event.expect("every event is good").body).expect("JSON");
        *counts.entry(body["what"].as_str().expect("a text").to_owned()).or_default() += 1;
    }
    assert!(!reader.truncated());
    let mut words: BTreeSet<_> = counts.keys().cloned().collect();
    let of_guests = ["guest_start", "guest_program", "guest_wrote", "guest_ended", "output"];
    for later in [
        "gap",
        "split",
        "order",
        "deadlock",
        "account",
        "ruled",
        "file",
        "saved",
        "redirect",
        "out_of_step",
        "pushed",
        "stranger_got",
    ]
    .into_iter()
    .chain(of_guests)
    {
        assert!(words.insert(later.to_owned()), "format 1 has no {later}");
    }
    assert_eq!(words, variants::<Body>(r#"{"what":"?"}"#));
    let header = reader.header();
    let server = &header.server;
    let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    let said = format!(
        "format {}, {}, seed {}, {} {} {}, {}\n{}",
        header.format,
        header.tool,
        header.seed,
        server.name,
        server.version,
        server.sha256,
        header.plan.name,
        counts.join("\n")
    );
    expect![[r#"
        format 1, valkey-fuzzer 0.1.0, seed 21, valkey 8.0.1 629d7d628b5db43a08a7dc14ae3dfa6fb0abe095256b974c55cee606d19860ff, one of everything
        child 8
        closed 104
        complete 22
        deliver 2101
        dial 93
        exited 1
        fault 3
        heal 3
        held 6
        invoke 22
        latency 2330
        link 199
        listen 14
        livelock 1
        log 275
        operation 2
        operation_ended 2
        pause 2
        phase 4
        picked 5
        probe 19
        reply 1
        rule 2
        sent 2101
        signal 1
        start 7
        tell 221
        timer 116
        verdict 10
        wake 327"#]].assert_eq(&said);
}
