//! From a file or a text to a scenario, and back to YAML.
//!
//! The only file that names the YAML library, so that another one can take its place. Input is not trusted: what
//! is read, how deep it nests and what its aliases stand for is bounded before anything is built from it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeSeed;
use serde_yaml::{Deserializer, Value};

use super::Scenario;
use super::budget::{Budget, Walk};
use super::check::check;
use super::error::ScenarioError;
use super::locate::Probe;
use super::reword::reword;
use crate::language::{Place, Problem};

/// The largest file that is read; only a long script of commands comes near it.
const MAX_BYTES: u64 = 16 << 20;
/// The most opening brackets in a text of up to `FULL_BYTES`, and the fewer the longer it is: the YAML library takes
/// time in proportion to nesting times length.
const MAX_BRACKETS: usize = 2_000;
const FULL_BYTES: usize = 256 << 10;

/// Reads and checks a scenario file.
pub fn load(path: &Path) -> Result<Scenario, ScenarioError> {
    let name = path.display().to_string();
    let bytes = read(path).map_err(|source| unreadable(&name, source))?;
    if bytes.len() as u64 > MAX_BYTES {
        let advice = "a scenario is a few kilobytes of YAML: is this the right file?";
        let message = format!("is larger than {} MiB", MAX_BYTES >> 20);
        return Err(ScenarioError::Unreadable { name, message, advice, source: None });
    }
    let text = String::from_utf8(bytes).map_err(|error| not_utf8(&name, error.as_bytes()))?;
    parse_str(&name, &text)
}

/// Reads and checks a scenario from `text`, which messages call `name`.
pub fn parse_str(name: &str, text: &str) -> Result<Scenario, ScenarioError> {
    let invalid = |problems| ScenarioError::Invalid { name: name.to_owned(), problems };
    let scenario = read_text(text).map_err(|problem| invalid(vec![problem]))?;
    let mut problems = check(&scenario);
    if problems.is_empty() {
        return Ok(scenario);
    }
    for problem in problems.iter_mut().take(16) {
        problem.place.position = position_of(text, &problem.place);
    }
    Err(invalid(problems))
}

impl Scenario {
    /// The scenario as YAML, without the keys that are absent; reading it gives the same scenario.
    pub fn to_yaml(&self) -> String {
        let mut value = serde_yaml::to_value(self).expect("every part of a scenario has a YAML form");
        prune(&mut value);
        serde_yaml::to_string(&value).expect("a YAML value can be written")
    }
}

/// At most one byte more than is allowed, so that a huge file costs nothing.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(name: &str, source: io::Error) -> ScenarioError {
    let (message, advice) = match source.kind() {
        io::ErrorKind::NotFound => ("there is no such file", "check the path; examples are in scenarios/"),
        io::ErrorKind::IsADirectory => ("is a directory", "name one of the scenario files in it"),
        io::ErrorKind::PermissionDenied => ("may not be read", "check the permissions of the file"),
        _ => ("cannot be read", "check the file and the disk it is on"),
    };
    // What was just said is not said again in the system's words.
    let is_said = matches!(
        source.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::PermissionDenied
    );
    let source = (!is_said).then_some(source);
    ScenarioError::Unreadable { name: name.to_owned(), message: message.to_owned(), advice, source }
}

fn not_utf8(name: &str, bytes: &[u8]) -> ScenarioError {
    let valid: String = bytes.utf8_chunks().next().map(|chunk| chunk.valid().to_owned()).unwrap_or_default();
    let line = valid.matches('\n').count() + 1;
    let column = valid.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let place = Place { path: Vec::new(), position: Some((line, column)) };
    let problem = place.problem("this byte is not UTF-8", "save the file as UTF-8 text");
    ScenarioError::Invalid { name: name.to_owned(), problems: vec![problem] }
}

fn read_text(text: &str) -> Result<Scenario, Problem> {
    let top = Place { path: Vec::new(), position: Some((1, 1)) };
    let most = MAX_BRACKETS * FULL_BYTES / text.len().max(FULL_BYTES);
    if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > most {
        return Err(top.problem(
            format!("there are more than {most} brackets"),
            "write lists and maps one entry a line, without brackets",
        ));
    }
    let budget = Budget::new();
    let walked =
        Walk(&budget).deserialize(Deserializer::from_str(text)).map_err(|error| problem(text, &error));
    if is_blank(text) {
        return Err(top.problem("the scenario is empty", "begin with `scenario:` and below it `name:`"));
    }
    walked?;
    Scenario::deserialize(Deserializer::from_str(text)).map_err(|error| problem(text, &error))
}

/// Whether there is nothing but comments and marks of documents.
fn is_blank(text: &str) -> bool {
    text.trim_start_matches('\u{feff}')
        .lines()
        .all(|line| matches!(line.trim(), "" | "---" | "...") || line.trim().starts_with('#'))
}

fn problem(text: &str, error: &serde_yaml::Error) -> Problem {
    let location = error.location().map(|at| (at.line(), at.column()));
    let mut message = error.to_string();
    if let Some((line, column)) = location {
        message = message.replace(&format!(" at line {line} column {column}"), "");
    }
    let position = location.or_else(|| second_document(text)).unwrap_or((1, 1));
    let (place, message, advice) = reword(&message);
    Place { position: Some(position), ..place }.problem(message, advice)
}

/// Where a second document begins, for the one error that does not say it.
fn second_document(text: &str) -> Option<(usize, usize)> {
    let marks = text.lines().enumerate().skip(1).filter(|(_, line)| line.starts_with("---"));
    marks.last().map(|(index, _)| (index + 1, 1))
}

fn position_of(text: &str, place: &Place) -> Option<(usize, usize)> {
    let here = Probe(&place.path).deserialize(Deserializer::from_str(text)).err()?.location()?;
    Some((here.line(), here.column()))
}

/// The lists whose entries are as they were written: there a key may say something without a value.
const ENTRIES: [&str; 2] = ["operations", "chaos"];

/// Takes out what is absent, and sections in which nothing is left.
fn prune(value: &mut Value) {
    let is_absent = |value: &Value| match value {
        Value::Null => true,
        Value::Mapping(map) => map.is_empty(),
        Value::Sequence(list) => list.is_empty(),
        _ => false,
    };
    match value {
        Value::Mapping(map) => {
            let is_entries = |key: &Value| key.as_str().is_some_and(|key| ENTRIES.contains(&key));
            map.iter_mut().filter(|(key, _)| !is_entries(key)).for_each(|(_, value)| prune(value));
            map.retain(|_, value| !is_absent(value));
        }
        Value::Sequence(list) => list.iter_mut().for_each(prune),
        _ => {}
    }
}
