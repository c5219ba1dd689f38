//! Says in the words of the scenario what the YAML reader says in the words of Rust's types.
//!
//! The reader's messages are taken apart by their fixed phrases; one that is not known is passed on as it is, so
//! that a new version of the reader makes messages plainer, never wrong.

use crate::language::{Place, Step};
use crate::words::nearest;

/// What the reader calls things, and what a person calls them.
const WORDS: [(&str, &str); 12] = [
    ("a sequence", "a list"),
    ("sequence", "a list"),
    ("a boolean", "true or false"),
    ("unit value", "nothing"),
    ("option", "a value"),
    ("struct Scenario", "the sections of a scenario"),
    ("a string", "a text"),
    ("string ", "the text "),
    ("floating point ", "the number "),
    ("integer ", "the number "),
    ("boolean ", "the value "),
    ("map", "keys"),
];

/// Place, message and advice for a message of the reader without its position.
pub(super) fn reword(raw: &str) -> (Place, String, String) {
    let (place, text) = split_place(raw);
    let names: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let (message, advice) = match text {
        _ if text.starts_with("unknown field") => unknown("the key", "here", &names),
        _ if text.starts_with("unknown variant") => unknown("the value", "here", &names),
        _ if text.starts_with("missing field") => missing(&names),
        _ if text.starts_with("invalid ") && text.contains(", expected ") => mismatch(text),
        _ => passed_on(text),
    };
    (place, message, advice)
}

/// `chaos[0].shard: text`, taken apart.
fn split_place(raw: &str) -> (Place, &str) {
    let Some((path, text)) = raw.split_once(": ") else { return (Place::default(), raw) };
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']');
    if path.is_empty() || path.len() > 200 || !path.chars().all(is_path) {
        return (Place::default(), raw);
    }
    let mut steps = Vec::new();
    for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
        match part.strip_suffix(']').and_then(|index| index.parse().ok()) {
            Some(index) => steps.push(Step::Index(index)),
            None => steps.push(Step::Key(part.to_owned())),
        }
    }
    (Place { path: steps, position: None }, text)
}

fn unknown(what: &str, place: &str, names: &[&str]) -> (String, String) {
    let (found, allowed) = names.split_first().unwrap_or((&"", &[]));
    let list = format!("{place} can stand: {}", allowed.join(", "));
    let advice = match nearest(found, allowed) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    };
    (format!("{what} `{found}` is not known here"), advice)
}

fn missing(names: &[&str]) -> (String, String) {
    let key = names.first().unwrap_or(&"");
    let advice = match *key {
        "scenario" => "begin with `scenario:` and below it `name:`".to_owned(),
        _ => format!("add `{key}:`"),
    };
    (format!("the key `{key}` is missing"), advice)
}

fn mismatch(text: &str) -> (String, String) {
    let (found, expected) = text.rsplit_once(", expected ").unwrap_or((text, "something else"));
    let found = found.split_once(": ").map_or(found, |(_, found)| found);
    if found == "enum" {
        return ("a tag (`!name`) stands here".to_owned(), "take the tag away".to_owned());
    }
    // The reader names the type that a number would need; a person only needs to know that it is too large.
    let too_large = found.strip_suffix(" as u128").or(found.strip_suffix(" as i128"));
    let advice = match too_large {
        Some(_) => format!("write {}, at most {}", plain(expected), u64::MAX),
        None => format!("write {}", plain(expected)),
    };
    (format!("{} cannot stand here", plain(too_large.unwrap_or(found))), advice)
}

/// `words` of the reader in plain ones.
fn plain(words: &str) -> String {
    match words {
        "u64" | "u16" => return "a whole number, 0 or more".to_owned(),
        "f64" => return "a number".to_owned(),
        "field identifier" => return "a key".to_owned(),
        "map" => return "keys with values".to_owned(),
        _ => {}
    }
    for (theirs, ours) in WORDS {
        if let Some(rest) = words.strip_prefix(theirs) {
            return format!("{ours}{rest}");
        }
    }
    words.to_owned()
}

fn passed_on(text: &str) -> (String, String) {
    let advice = match text {
        _ if text.contains("more than one document") => "keep one document: no second `---`",
        _ if text.contains("stands twice") => "keep one of them",
        _ if text.contains("recursion limit") => "a scenario is never nested so deep",
        _ if text.contains("aliases") || text.contains("repetition limit") => {
            "write values out instead of aliases"
        }
        _ if text.contains("unknown anchor") => "put texts that begin with `*` in quotes",
        _ if text.contains("cannot start any token") => {
            "indent with spaces, and put special characters in quotes"
        }
        _ if text.contains("names no participant") => "write a host: `node-1`, say, or `client-1`",
        _ if text.contains("side of a partition") => "for example `a: [1, 2]` and `b: [clients]`",
        _ => "check the indentation, colons and quotes of this line and the one before",
    };
    let text = match text {
        _ if text.contains("more than one document") => "there is more than one document",
        _ if text.contains("repetition limit") => "the aliases stand for too much",
        _ => text,
    };
    (text.to_owned(), advice.to_owned())
}
