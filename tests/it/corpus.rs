//! The recordings in `replay/` replay event by event, give their golden reports, and say the truth about servers.
//!
//! Where behaviour changes on purpose they are recorded again (`replay/README.md`); where only a report's words do,
//! `UPDATE_EXPECT=1 cargo test corpus` is enough.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use expect_test::expect_file;
use valkey_fuzzer::cli;
use valkey_fuzzer::commands::servers::{find_server, server_for};
use valkey_fuzzer::event_log::COMPRESSED_LOG_FILE;
use valkey_fuzzer::invariant::CATALOGUE;
use valkey_fuzzer::replay::Recording;
use valkey_fuzzer::replay::corpus::{
    self, Effort, README_FILE, REPORT_FILE, Readme, Recorded, SCENARIO_FILE,
};
use valkey_fuzzer::report::Status;
use valkey_fuzzer::saboteurs;
use valkey_fuzzer::scenario;

use crate::support::{self, plan, run};

/// Invariants that only saboteurs have violated so far (`saboteurs.rs`): no recording shows them.
const BY_SABOTEURS: &[&str] = &[
    "formation",
    "votes",
    "epochs",
    "persisted_epochs",
    "one_story",
    "persistence",
    "answers",
    "cluster_state",
    "duties",
    "tracking",
    "replica_migration",
    "candidates",
    "failover_time",
    "guests",
    "orphans",
    "resources",
    "security",
    "no_deadlock",
];

/// Every folder of the corpus, by name.
#[expect(clippy::disallowed_methods, reason = "the folders are sorted afterwards")]
fn folders() -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("replay");
    let entries = fs::read_dir(&corpus).expect("the corpus is there").flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 5, "{folders:?}");
    folders
}

fn readme(folder: &Path) -> Readme {
    Readme::load(folder).unwrap_or_else(|error| panic!("{error}"))
}

fn open(folder: &Path) -> Recording {
    Recording::open(folder).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_recording_replays_to_its_last_event_and_its_report() {
    for folder in folders() {
        let name = folder.display();
        let recording = open(&folder);
        assert!(!recording.decisions.truncated, "{name} is cut off");
        let server = server_for(&recording, None, &cli::environment());
        let server = server.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        let out = tempfile::tempdir().expect("a folder");
        let replayed = recording.replay(&server, out.path(), &AtomicBool::new(false), &mut |_| {});
        let replayed = replayed.unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Some(parted) = &replayed.parted {
            panic!("{name}: {parted}");
        }
        assert!(!replayed.outcome.interrupted, "{name} does not come to its end");
        expect_file![folder.join(REPORT_FILE)].assert_eq(&corpus::golden(&replayed.outcome.report));
    }
}

#[test]
fn every_readme_says_the_truth_about_the_servers_it_names() {
    for folder in folders() {
        let (readme, recording) = (readme(&folder), open(&folder));
        let scenario = scenario::load(&folder.join(SCENARIO_FILE)).unwrap_or_else(|error| panic!("{error}"));
        let plan = valkey_fuzzer::plan::resolve(&scenario, None).expect("a recorded scenario has its seed");
        assert_eq!(plan, *recording.plan(), "{}: the scenario is not the recorded one", folder.display());
        let claims = readme.fails.iter().map(|server| (server, Status::Failed));
        let claims: Vec<_> =
            claims.chain(readme.passes.iter().map(|server| (server, Status::Passed))).collect();
        let recorded = corpus::spec(&recording.header.server);
        let named = |name: &String| recorded == *name || recorded.starts_with(&format!("{name}."));
        assert!(claims.iter().any(|(name, _)| named(name)), "{}: nothing on {recorded}", folder.display());
        for (name, status) in claims {
            let server = find_server(Some(name.clone()), &cli::environment());
            let server = server.unwrap_or_else(|error| panic!("{}: {error:#}", folder.display()));
            let found = run(&plan, &server).report;
            assert_eq!(
                found.status,
                status,
                "{} on {}: {:#?}",
                folder.display(),
                server.version,
                found.validations
            );
        }
    }
}

#[test]
fn each_invariant_is_violated_in_some_recording_and_each_folder_holds_nothing_else() {
    let mut violated = BTreeSet::new();
    let mut servers = BTreeSet::new();
    for folder in folders() {
        let (recording, name) = (open(&folder), folder.display());
        let found = recording.violated().expect("the log can be read");
        assert_eq!(found.is_empty(), readme(&folder).fails.is_empty(), "{name} violates {found:?}");
        violated.extend(found);
        servers.insert(recording.header.server.sha256);
        for file in [README_FILE, REPORT_FILE, SCENARIO_FILE, COMPRESSED_LOG_FILE] {
            assert!(folder.join(file).is_file(), "{name} has no {file}");
        }
    }
    let by_servers = CATALOGUE.iter().filter(|invariant| !BY_SABOTEURS.contains(&invariant.name));
    let all: BTreeSet<String> = by_servers.map(|invariant| invariant.name.to_owned()).collect();
    assert_eq!(violated, all);
    assert!(servers.len() >= 2, "all recordings are of one server");
}

#[test]
fn what_no_recording_violates_a_saboteur_does() {
    for invariant in BY_SABOTEURS {
        assert!(saboteurs::all().any(|saboteur| saboteur.catches.contains(invariant)), "{invariant}");
    }
}

#[test]
fn a_run_is_kept_as_a_recording_that_replays_and_its_readme_is_nobodys_to_overwrite() {
    let server = support::server();
    let scenario = support::scenario(include_str!("scenarios/quiet.yaml"));
    let ran = run(&plan(include_str!("scenarios/quiet.yaml")), &server);
    let (identity, log) = (server.identity(), ran.folder.path().join("events.jsonl"));
    let report = &ran.report;
    let effort = Effort::Much;
    let recorded = Recorded { scenario: &scenario, server: &identity, report, log: &log, effort };
    let folder = tempfile::tempdir().expect("a folder");
    let first = Readme::of_run(&recorded);
    assert_eq!((first.fails.len(), first.passes.as_slice()), (0, &[corpus::spec(&identity)][..]));
    corpus::keep(folder.path(), &recorded, &first).expect("it can be written");
    let other = Readme { shows: "something else".to_owned(), ..first.clone() };
    corpus::keep(folder.path(), &recorded, &other).expect("it can be written again");
    assert_eq!(readme(folder.path()), first);
    let again = scenario::load(&folder.path().join(SCENARIO_FILE)).expect("the scenario is good");
    assert_eq!(again.server, Some(corpus::spec(&identity)));
    let out = tempfile::tempdir().expect("a folder");
    let replayed = open(folder.path()).replay(&server, out.path(), &AtomicBool::new(false), &mut |_| {});
    let replayed = replayed.expect("the world works");
    assert!(replayed.parted.is_none());
    let golden = fs::read_to_string(folder.path().join(REPORT_FILE)).expect("a report");
    assert_eq!(corpus::golden(&replayed.outcome.report), golden);
}
