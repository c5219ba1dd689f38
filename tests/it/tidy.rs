//! The code's own rules: layers, purpose heads, and who may name what.

mod source;

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use source::{Source, sources};

/// The layer of every top-level module, as `lib.rs` tells it.
const LAYERS: &[(&str, u8)] = &[
    ("time", 0),
    ("rng", 0),
    ("id", 0),
    ("wall", 0),
    ("scratch", 0),
    ("hold", 0),
    ("language", 0),
    ("statistics", 0),
    ("stop", 0),
    ("words", 0),
    ("workers", 0),
    ("fault", 1),
    ("op", 1),
    ("event", 1),
    ("history", 1),
    ("model", 1),
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
    ("saboteurs", 9),
    ("campaign", 10),
    ("commands", 11),
    ("cli", 12),
];

/// The most specific module of `modules` that a path names.
fn module_named<'a>(modules: &BTreeSet<&'a [String]>, path: &[String]) -> Option<&'a [String]> {
    (1..=path.len()).rev().find_map(|length| modules.get(&path[..length]).copied())
}

#[test]
fn a_module_names_its_own_layer_and_lower_ones_only() {
    let layers: BTreeMap<&str, u8> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(module) = source.module.first().filter(|_| !is_preload(&source)) else { continue };
        let own = layers.get(module.as_str()).unwrap_or_else(|| panic!("{module} has no layer"));
        let others = source.named.iter().filter_map(|path| path.first()).collect::<BTreeSet<_>>();
        let higher = others.into_iter().filter(|other| layers.get(other.as_str()).is_some_and(|it| it > own));
        wrong.extend(higher.map(|other| format!("{} names {other}", source.path.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A folder's own file speaks for what is in it, and may name it: that way back is none.
#[test]
fn no_two_modules_name_each_other() {
    for preload in [false, true] {
        let sources: Vec<Source> = sources().into_iter().filter(|it| is_preload(it) == preload).collect();
        let modules: BTreeSet<&[String]> = sources.iter().map(|source| source.module.as_slice()).collect();
        let mut graph: DiGraphMap<&[String], ()> = DiGraphMap::new();
        for source in &sources {
            let own = source.module.as_slice();
            let others = source.named.iter().filter_map(|path| module_named(&modules, path));
            others.filter(|other| !other.starts_with(own)).for_each(|other| {
                graph.add_edge(own, other, ());
            });
        }
        let circles = tarjan_scc(&graph).into_iter().filter(|circle| circle.len() > 1);
        let circles = circles.map(|circle| circle.iter().map(|it| it.join("::")).collect::<Vec<_>>());
        assert_eq!(circles.collect::<Vec<_>>(), Vec::<Vec<String>>::new());
    }
}

/// Whether a file belongs to the shim, which is a crate of its own.
fn is_preload(source: &Source) -> bool {
    source.path.components().any(|part| part.as_os_str() == "preload")
}

#[test]
fn every_file_says_first_what_it_is() {
    let without = sources().into_iter().filter(|source| !source.text.starts_with("//! "));
    let without: Vec<_> = without.map(|source| source.path).collect();
    assert!(without.is_empty(), "{without:#?}");
}

#[test]
fn only_their_own_places_name_actix_and_the_yaml_library() {
    let named = |of: &Source, word: &str| of.named.iter().any(|path| path.iter().any(|part| part == word));
    for source in sources() {
        let at = source.path.to_string_lossy();
        assert!(!named(&source, "actix") || at.ends_with("actor/host.rs"), "{at} names actix");
        assert!(!named(&source, "serde_yaml") || at.ends_with("scenario/parse.rs"), "{at} names serde_yaml");
    }
}

#[test]
fn nothing_is_allowed_without_a_reason_and_no_test_is_ignored() {
    for Source { path, text, .. } in sources() {
        for mark in ["#[allow(", "#![allow(", "#[ignore", "todo!(", "unimplemented!("] {
            assert!(!text.contains(mark), "{} has {mark}", path.display());
        }
    }
}
