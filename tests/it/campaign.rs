//! Campaigns: known causes are told apart, kills lose nothing, and a server that is not the same twice is found out.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use valkey_fuzzer::campaign::{Campaign, Contestant, Crew, Ended, Ledger, Question, RunLine, Source};
use valkey_fuzzer::rng::Stream;
use valkey_fuzzer::scenario::Scenario;
use valkey_fuzzer::servers::Server;

use crate::program::{output, pause, program, text};
use crate::support::{scenario, server};

/// Five sabotages; whatever else happens to their clusters, each is one cause.
const CAUSES: [&str; 5] = [
    "- {type: command, node: 2, args: [CONFIG, SET, replica-read-only, 'no'], delay: 1}
  - {type: command, node: 2, args: [FLUSHALL], delay: 4}",
    "- {type: command, node: 1, args: [CLUSTER, SETSLOT, 5, MIGRATING, '{node-3}'], delay: 2}",
    "- {type: command, node: 4, args: [DEBUG, SEGFAULT], delay: 3}",
    "- {type: command, node: 3, args: [DEBUG, REPLICATE, SET, '{key:1}x', junk], delay: 2}",
    "- {type: command, node: 1, args: [CLUSTER, DELSLOTS, 0], delay: 3}",
];

/// Two kinds of noise, harmless operations and faults.
const NOISE: [(&str, &str); 2] = [
    (
        "- {type: command, node: 5, args: [PING], delay: 1}",
        "- {type: network_latency, target: node, node: 6, duration: 1, latency_ms: {min: 2, max: 4}}",
    ),
    (
        "- {type: failover, target: primary, shard: 3, delay: 1}",
        "- {type: process_pause, target: node, node: 6, duration: 0.5}",
    ),
];

/// Every cause with every noise.
fn causes_in_noise() -> Vec<Scenario> {
    let yaml = |cause: &str, (operation, fault): (&str, &str)| {
        format!(
            "scenario: {{name: cause}}\noperations:\n  {operation}\n  {cause}\nchaos:\n  {fault}\n\
             workload: {{duration: 9, keys: 20, pattern: read_heavy}}\n"
        )
    };
    let with_noise = |cause| NOISE.map(|noise| scenario(&yaml(cause, noise)));
    CAUSES.into_iter().flat_map(with_noise).collect()
}

fn campaign<'a>(scenarios: Vec<Scenario>, server: Server, out: &Path, stop: &'a AtomicBool) -> Campaign<'a> {
    Campaign {
        source: Source::Scenarios(scenarios),
        contestants: Contestant::of(vec![server]),
        seed_start: 1,
        seeds: Some(30),
        time: None,
        jobs: NonZeroUsize::new(2).expect("two is not zero"),
        crew: Crew::Threads,
        stop_on_first: false,
        doublecheck: (0, 1),
        kept_max: None,
        out: out.to_owned(),
        stop,
    }
}

fn ledger(campaign: &Campaign) -> Ledger {
    let servers = campaign.contestants.iter().map(|on| (on.label.clone(), on.server.identity())).collect();
    let question = Question::new(campaign.source.clone(), servers).expect("this program can be read");
    Ledger::open(&campaign.out, &question).expect("the ledger opens")
}

#[test]
fn five_causes_in_two_kinds_of_noise_are_five_finds() {
    let (folder, stop) = (tempfile::tempdir().expect("a folder"), AtomicBool::new(false));
    let campaign = campaign(causes_in_noise(), server(), folder.path(), &stop);
    let mut ledger = ledger(&campaign);
    let ended = campaign.run(&mut ledger, &mut |_| {}).expect("the world works");
    assert!(matches!(ended, Ended::Complete), "{ended:?}");
    let tally: valkey_fuzzer::campaign::Tally = ledger.runs().collect();
    let failed: u64 = tally.groups.values().map(|group| group.count).sum();
    assert!(failed >= 24, "{failed} of 30 runs failed");
    let find = |(signature, group)| campaign.find(signature, group, &mut |_, _| {}).expect("the world works");
    let finds: Vec<_> = tally.groups.iter().map(find).collect();
    let causes: BTreeSet<_> = finds.iter().map(|find| find.cause.clone().expect("a cause")).collect();
    assert_eq!(causes.len(), CAUSES.len(), "{causes:#?}");
    for find in &finds {
        assert!((1..=3).contains(&find.injected) && find.confirmed == 3, "{find:#?}");
    }
}

/// Kills a campaign in its middle again and again; the table at its end is that of one that was left alone.
#[test]
fn a_campaign_that_is_killed_goes_on_to_the_same_table() {
    server();
    let folder = tempfile::tempdir().expect("a folder");
    let yaml =
        "operations: [{type: command, node: 1, args: [FLUSHALL], delay: 2}]\nworkload: {duration: 4}\n";
    fs::write(folder.path().join("bad.yaml"), format!("scenario: {{name: bad}}\n{yaml}")).expect("written");
    fs::write(folder.path().join("good.yaml"), "scenario: {name: good}\nworkload: {duration: 2}\n")
        .expect("written");
    let fuzz = |out: &str| {
        let mut command = program();
        let arguments =
            ["fuzz", "--runs", "16", "--scenario", "bad.yaml", "--scenario", "good.yaml", "--out", out];
        command.args(arguments).current_dir(folder.path());
        command
    };
    let whole = fuzz("out").output().expect("the program runs");
    assert_eq!(whole.status.code(), Some(1), "{}", text(&whole.stderr));
    let expected = fs::read_to_string(folder.path().join("out/summary.json")).expect("a summary");
    fs::rename(folder.path().join("out"), folder.path().join("whole")).expect("renamed");
    let mut draw = Stream::new(1, "test", "kills");
    for _ in 0..5 {
        kill_after(&mut fuzz("out"), draw.range(100..=1_500));
    }
    let resumed = fuzz("out").output().expect("the program runs");
    assert_eq!(resumed.status.code(), Some(1), "{}", text(&resumed.stderr));
    assert_eq!(fs::read_to_string(folder.path().join("out/summary.json")).expect("a summary"), expected);
    let lines = fs::read_to_string(folder.path().join("out/campaign.jsonl")).expect("a ledger");
    assert_eq!(lines.lines().count(), 1 + 16, "no seed is there twice");
    assert!(!folder.path().join("out/running").exists(), "nothing of killed runs is left");
}

fn kill_after(command: &mut Command, ms: u64) {
    let null = || std::process::Stdio::null();
    let mut child = command.stdout(null()).stderr(null()).spawn().expect("the program starts");
    (0..ms / 10).for_each(|_| pause());
    child.kill().expect("it can be killed");
    child.wait().expect("it can be reaped");
}

/// The program with another version in its texts: the same server for everybody but its log.
fn in_disguise(program: &Path, version: &str) -> Vec<u8> {
    let mut bytes = fs::read(program).expect("the server can be read");
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, version).collect();
    assert!(!places.is_empty(), "a server knows its version");
    for place in places {
        bytes[place + version.len() - 1] ^= 1;
    }
    bytes
}

/// A file that is now one program and now another gives two histories, which a second run of each seed finds out.
#[test]
fn a_seed_that_is_not_the_same_twice_ends_the_campaign() {
    let (one, folder) = (server(), tempfile::tempdir().expect("a folder"));
    let other = folder.path().join("other");
    fs::write(&other, in_disguise(&one.binary, &one.version)).expect("written");
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).expect("it is made executable");
    let fickle = folder.path().join("valkey-server");
    std::os::unix::fs::symlink(&one.binary, &fickle).expect("a link");
    let stop = AtomicBool::new(false);
    let quiet = scenario("scenario: {name: quiet}\nworkload: {duration: 1}\n");
    let server = Server { binary: fickle.clone(), ..one.clone() };
    let out = folder.path().join("out");
    fs::create_dir(&out).expect("a folder");
    let campaign = Campaign { doublecheck: (1, 1), ..campaign(vec![quiet], server, &out, &stop) };
    let mut ledger = ledger(&campaign);
    let over = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            for target in [&other, &one.binary].into_iter().cycle() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let next = folder.path().join("next");
                std::os::unix::fs::symlink(target, &next).expect("a link");
                fs::rename(&next, &fickle).expect("renamed");
                pause();
            }
        });
        let ended = campaign.run(&mut ledger, &mut |_| {});
        over.store(true, Ordering::Relaxed);
        ended.expect("the world works")
    });
    let Ended::Diverged(divergence) = ended else { panic!("it ended otherwise: {ended:?}") };
    assert!(divergence.parted.to_string().contains("parts from the recorded run at event"));
    for name in ["first", "second"] {
        assert!(divergence.folder.join(name).join("events.jsonl").is_file(), "both logs are kept");
    }
}

#[test]
fn seeds_that_are_run_twice_are_equal_and_the_first_violation_can_end_it() {
    let (folder, stop) = (tempfile::tempdir().expect("a folder"), AtomicBool::new(false));
    let bad = scenario(
        "scenario: {name: bad}\noperations: [{type: command, node: 4, args: [DEBUG, SEGFAULT], delay: 1}]\nworkload: {duration: 2}\n",
    );
    let campaign = Campaign {
        doublecheck: (1, 1),
        stop_on_first: true,
        ..campaign(vec![bad], server(), folder.path(), &stop)
    };
    let mut ledger = ledger(&campaign);
    let ended = campaign.run(&mut ledger, &mut |_| {}).expect("the world works");
    assert!(matches!(ended, Ended::FirstViolation), "{ended:?}");
    let lines: Vec<&RunLine> = ledger.runs().collect();
    assert!((1..=6).contains(&lines.len()) && lines.iter().all(|line| line.doublechecked), "{lines:?}");
}

#[test]
fn nonsense_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out").display().to_string();
    for (arguments, said) in [
        (vec!["--runs", "0"], "--runs"),
        (vec!["--time", "soon"], "30s, 10m or 8h"),
        (vec!["--doublecheck", "half"], "5% or 1/20"),
        (vec!["--scenario", "/nowhere.yaml"], "/nowhere.yaml"),
        (vec!["--jobs", "0"], "--jobs"),
    ] {
        let out = output(&[&["fuzz", "--out", &out], arguments.as_slice()].concat());
        assert_eq!(out.status.code(), Some(2), "{arguments:?}");
        assert!(text(&out.stderr).contains(said), "{}", text(&out.stderr));
    }
    assert!(!Path::new(&out).exists());
}
