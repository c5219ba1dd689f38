//! The code's own rules: layers, purpose heads, and who may name what.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layer of every top-level module, as `lib.rs` tells it.
const LAYERS: &[(&str, u8)] = &[
    ("time", 0),
    ("rng", 0),
    ("id", 0),
    ("wall", 0),
    ("scratch", 0),
    ("hold", 0),
    ("statistics", 0),
    ("stop", 0),
    ("words", 0),
    ("workers", 0),
    ("fault", 1),
    ("op", 1),
    ("event", 1),
    ("history", 1),
    ("scenario", 2),
    ("plan", 2),
    ("bisect", 3),
    ("event_log", 3),
    ("wire", 3),
    ("chronicle", 4),
    ("convergence", 4),
    ("invariant", 4),
    ("leaders", 4),
    ("report", 4),
    ("actor", 5),
    ("shim", 6),
    ("world", 6),
    ("servers", 6),
    ("scheduler", 7),
    ("simulation", 8),
    ("benchmark", 9),
    ("replay", 9),
    ("campaign", 10),
    ("commands", 11),
    ("cli", 12),
];

fn sources() -> Vec<(PathBuf, String)> {
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).expect("a source file can be read");
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

#[expect(clippy::disallowed_methods, reason = "the files are sorted afterwards")]
fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a source folder can be read").flatten().map(|entry| entry.path()).collect()
}

/// The top-level module a source file belongs to.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("a file of src");
    let first = inside.components().next().expect("a file has a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The production part of a file: what comes before its tests.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

/// The modules that a text names by `crate::` paths, grouped imports included.
fn named(text: &str) -> Vec<String> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    text.match_indices("crate::").map(|(at, path)| word(&text[at + path.len()..])).collect()
}

#[test]
fn a_module_names_its_own_layer_and_lower_ones_only() {
    let layers: BTreeMap<&str, u8> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path);
        let preload = path.components().any(|part| part.as_os_str() == "preload");
        let Some(own) = layers.get(module.as_str()).filter(|_| !preload) else {
            assert!(preload || ["lib", "main"].contains(&module.as_str()), "{module} has no layer");
            continue;
        };
        for other in named(production(&text)) {
            if layers.get(other.as_str()).is_some_and(|layer| layer > own) {
                wrong.push(format!("{} names {other}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_says_first_what_it_is() {
    let without: Vec<_> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert!(without.is_empty(), "{without:#?}");
}

#[test]
fn only_their_own_places_name_actix_and_the_yaml_library() {
    for (path, text) in sources() {
        let at = path.to_string_lossy().into_owned();
        let names = |word: &str| {
            production(&text).lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word))
        };
        assert!(!names("actix") || at.ends_with("actor/host.rs"), "{at} names actix");
        assert!(!names("serde_yaml") || at.ends_with("scenario/parse.rs"), "{at} names serde_yaml");
    }
}

#[test]
fn nothing_is_allowed_without_a_reason_and_no_test_is_ignored() {
    for (path, text) in sources() {
        for mark in ["#[allow(", "#![allow(", "#[ignore", "todo!(", "unimplemented!("] {
            assert!(!text.contains(mark), "{} has {mark}", path.display());
        }
    }
}
