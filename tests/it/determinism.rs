//! One seed is one history, byte for byte: on every server at hand, under load, from different folders.

use valkey_fuzzer::plan::generate::{Overrides, generate};
use valkey_fuzzer::plan::resolve::resolve;
use valkey_fuzzer::servers::Server;

use crate::support::{Load, Ran, all_servers, plan, run, server};

/// The whole of two logs is compared only where their digests differ, to name the first event that does.
fn assert_same_log(one: &Ran, other: &Ran, what: &str) {
    if one.report.meters.log_sha256 == other.report.meters.log_sha256 {
        return;
    }
    let (one, other) = (one.log(), other.log());
    let first = one.lines().zip(other.lines()).find(|(a, b)| a != b);
    panic!("{what}: the logs differ, first here: {first:#?}");
}

fn runs_alike(server: &Server, yaml: &str, what: &str) {
    let plan = plan(yaml);
    let (one, other) = (run(&plan, server), run(&plan, server));
    assert_same_log(&one, &other, &format!("{what} on {} {}", server.name, server.version));
}

#[test]
fn a_kill_with_restart_and_a_failover_give_one_log_on_every_server() {
    let _load = Load::start();
    for server in all_servers() {
        runs_alike(&server, include_str!("scenarios/kill-and-failover.yaml"), "kill and failover");
    }
}

#[test]
fn generated_seeds_give_one_log_under_load() {
    let _load = Load::start();
    let server = server();
    for seed in 1..=3 {
        let overrides = Overrides { shards: Some(3), replicas: Some(1), ..Overrides::default() };
        let plan = resolve(&generate(seed, &overrides), None).expect("a generated scenario has a plan");
        let (one, other) = (run(&plan, &server), run(&plan, &server));
        assert_same_log(&one, &other, &format!("seed {seed}"));
    }
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let alone = run(&plan(include_str!("scenarios/kill-and-failover.yaml")), &server());
    #[expect(clippy::disallowed_methods, reason = "two runs side by side are what is tested")]
    let beside =
        || std::thread::spawn(|| run(&plan(include_str!("scenarios/kill-and-failover.yaml")), &server()));
    let (one, other) = (beside(), beside());
    for joined in [one.join(), other.join()] {
        assert_same_log(&alone, &joined.expect("a run beside another does not panic"), "beside another run");
    }
}

#[test]
fn an_exported_scenario_runs_to_the_same_log() {
    let server = server();
    let scenario = generate(5, &Overrides { shards: Some(3), replicas: Some(1), ..Overrides::default() });
    let generated = run(&resolve(&scenario, None).expect("a plan"), &server);
    let exported = run(&plan(&scenario.to_yaml()), &server);
    assert_same_log(&generated, &exported, "exported");
}

#[test]
fn the_header_names_the_run_and_never_a_path() {
    let ran = run(&plan(include_str!("scenarios/quiet.yaml")), &server());
    let log = ran.log();
    let header = log.lines().next().expect("a header");
    assert!(!header.contains("\":\"/"), "{header}");
    assert!(!log.contains("/dev/shm") && !log.contains("/tmp"), "a path of the host is in the log");
    assert!(header.starts_with("{\"format\":2,\"tool\":\"valkey-fuzzer "), "{header}");
}

/// A shell or a test runner hands descriptors down; a server that inherited one would number its own differently.
#[test]
fn what_the_fuzzer_itself_inherited_changes_nothing() {
    let (plan, server) = (plan(include_str!("scenarios/quiet.yaml")), server());
    let before = run(&plan, &server);
    let file = std::fs::File::open("/dev/null").expect("it opens");
    let inherited: Vec<_> = (0..5)
        .map(|_| nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_DUPFD(3)).expect("there is room"))
        .collect();
    assert!(inherited.iter().all(|fd| *fd > 2));
    assert_eq!(run(&plan, &server).report.meters.log_sha256, before.report.meters.log_sha256);
}
