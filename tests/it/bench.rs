//! Benchmarks give one result on any machine, and find what became worse.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;
use valkey_fuzzer::convergence::Metric;

use crate::program::{program, text};
use crate::support::{Load, server};

/// Shorter than the built-in one: the workload need not last longer than a failover with short timeouts.
const SCENARIO: &str = "
scenario: {name: short-kill}
cluster: {shards: 3, replicas: 1, node_timeout_ms: 600}
chaos: [{type: process_kill, target: primary, shard: 1, restart_after: 5}]
workload: {rate: 200, clients: 12, keys: 100, duration: 6}
";

/// A folder with the scenario, and for results.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        server();
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("scenario.yaml"), SCENARIO).expect("the scenario is written");
        Place(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `bench` on the scenario with its results in the folder `out`.
    fn bench(&self, out: &str, arguments: &[&str]) -> Output {
        let mut command = program();
        command.arg("bench").arg(self.path("scenario.yaml")).args(arguments).arg("--out").arg(self.path(out));
        command.output().expect("the program starts")
    }

    fn read(&self, out: &str, file: &Path) -> Vec<u8> {
        fs::read(self.path(out).join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// The files of a folder of results.
#[expect(clippy::disallowed_methods, reason = "the files are sorted afterwards")]
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there").flatten();
    let mut names: Vec<PathBuf> = entries.map(|entry| entry.file_name().into()).collect();
    names.sort();
    names
}

#[test]
fn one_command_gives_the_same_bytes_with_any_number_of_jobs_under_load() {
    let place = Place::new();
    let configs = ["--config", "cluster-node-timeout=500", "--config", "cluster-node-timeout=700"];
    let bench = |out: &str, jobs: &str| {
        let mut arguments = vec!["--runs", "3", "--seed-start", "5", "--check-interposition", "--jobs", jobs];
        arguments.extend(configs);
        let done = place.bench(out, &arguments);
        assert_eq!(done.status.code(), Some(0), "{}", said(&done));
        text(&done.stdout)
    };
    let alone = bench("one", "1");
    let _load = Load::start();
    assert_eq!(alone, bench("two", "2"));
    let files_of_one = files(&place.path("one"));
    assert_eq!(files_of_one, files(&place.path("two")));
    for file in &files_of_one {
        assert!(place.read("one", file) == place.read("two", file), "{} differs", file.display());
    }
    let of_kind = |ending: &str| {
        files_of_one.iter().filter(|file| file.extension().is_some_and(|kind| kind == ending)).count()
    };
    assert_eq!(["hgrm", "hlog", "json", "svg"].map(of_kind), [2 * Metric::ALL.len(), 2, 1, 1]);
}

#[test]
fn every_metric_is_reached_and_the_steps_of_a_failover_come_in_order() {
    let place = Place::new();
    let done = place.bench("out", &["--runs", "2"]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let json: serde_json::Value =
        serde_json::from_slice(&place.read("out", Path::new("bench.json"))).expect("it is JSON");
    let metrics = json["variants"][0]["metrics"].as_array().expect("metrics");
    let sample = |name: &str, run: usize| {
        let metric = metrics.iter().find(|metric| metric["name"] == name).expect("the metric is there");
        assert_eq!((metric["count"].as_u64(), metric["missed"].as_u64()), (Some(2), Some(0)), "{name}");
        metric["samples_ns"][run].as_u64().expect("a figure")
    };
    for run in 0..2 {
        let steps = ["pfail", "fail", "vote_won", "writable"].map(|name| sample(name, run));
        assert!(steps.is_sorted() && steps[0] > 0, "{steps:?}");
        assert_eq!(sample("election", run), steps[2] - steps[1]);
        let (won, agree, unwritable) = (steps[2], sample("views_agree", run), sample("unwritable", run));
        assert!(agree >= won && unwritable >= won, "{steps:?}, {agree}, {unwritable}");
        assert!(sample("in_sync", run) > 0 && sample("lag", run) > 0);
        sample("stale_reads", run);
    }
}

#[test]
fn a_longer_node_timeout_is_a_regression_against_a_baseline() {
    let place = Place::new();
    let timeout = |ms: u64| format!("cluster-node-timeout={ms}");
    let made = place.bench("base", &["--runs", "12", "--config", &timeout(400)]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    let baseline = place.path("base/bench.json").to_string_lossy().into_owned();
    let against = |out: &str, ms: u64| {
        place.bench(
            out,
            &["--runs", "12", "--config", &timeout(ms), "--baseline", &baseline, "--threshold", "10%"],
        )
    };
    let same = against("same", 400);
    assert_eq!(same.status.code(), Some(0), "{}", said(&same));
    assert!(said(&same).contains("no regression beyond 10 % against the baseline"), "{}", said(&same));
    let slower = against("slower", 1_000);
    assert_eq!(slower.status.code(), Some(1), "{}", said(&slower));
    for name in ["pfail p50", "fail p50", "vote_won p50"] {
        assert!(said(&slower).contains(&format!(": {name} was ")), "{name}: {}", said(&slower));
    }
    assert!(said(&slower).contains("to run it again: valkey-fuzzer bench "), "{}", said(&slower));
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_runs() {
    let place = Place::new();
    let file = |name: &str, content: &str| {
        fs::write(place.path(name), content).expect("the file is written");
        place.path(name).to_string_lossy().into_owned()
    };
    let foreign = file("foreign.json", "{\"seed\": 1}");
    let newer = file("newer.json", "{\"format\": 99}");
    let other = "{\"format\":1,\"tool\":\"\",\"scenario\":{\"name\":\"x\",\"sha256\":\"00\"},\"seeds\":{\"first\":1,\"count\":1},\"variants\":[]}";
    let other = file("other.json", other);
    let cases: [(&[&str], &str); 7] = [
        (&["--baseline", &foreign], "is no bench.json: it names no format"),
        (&["--baseline", &newer], "has format 99, and this version reads format 1 only"),
        (&["--baseline", &other], "is of another scenario (x, sha256 00) than this benchmark (short-kill)"),
        (&["--baseline", "/no/such/file"], "the baseline /no/such/file cannot be read"),
        (&["--plot", "plot.gif"], "a picture is a .svg or a .png"),
        (&["--config", "hz"], "--config hz: write `key=value`"),
        (&["--config", "port=7"], "every simulated node has the same ports"),
    ];
    for (arguments, why) in cases {
        let refused = place.bench("out", arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", said(&refused));
        assert!(said(&refused).contains(why), "{arguments:?}: {}", said(&refused));
        assert!(!place.path("out").exists(), "{arguments:?}");
    }
}

#[test]
fn a_server_that_is_none_is_refused() {
    let refused = Place::new().bench("out", &["--server", "/bin/true"]);
    assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
    assert!(said(&refused).contains("/bin/true"), "{}", said(&refused));
}
