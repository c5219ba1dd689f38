//! What end-to-end tests share: a real server, a run in a folder of its own, and load beside it.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tempfile::TempDir;
use valkey_fuzzer::cli;
use valkey_fuzzer::commands::servers::{find_server, options, with_others};
use valkey_fuzzer::event::Event;
use valkey_fuzzer::event_log::{self, LOG_FILE};
use valkey_fuzzer::plan::Plan;
use valkey_fuzzer::plan::resolve::resolve;
use valkey_fuzzer::report::{RunReport, Status, Validation};
use valkey_fuzzer::scenario::{self, Scenario};
use valkey_fuzzer::servers::{self, Server};
use valkey_fuzzer::simulation::{Outcome, Simulation};

/// The server that a plain `run` takes; fetched if there is none. A test without a server fails.
pub fn server() -> Server {
    find_server(None, &cli::environment()).expect("a server is found or fetched")
}

/// A server of the store with those that a plan gives to nodes beside it.
pub fn server_with_others(spec: &str, plan: &Plan) -> Server {
    let environment = cli::environment();
    let found = find_server(Some(spec.to_owned()), &environment).expect("the server is in the store");
    with_others(found, plan.other_servers(), &environment).expect("the others are in the store")
}

/// Every server that is at hand: at least the one of a plain `run`.
pub fn all_servers() -> Vec<Server> {
    let first = server();
    let (options, _shim) = options(None, &cli::environment()).expect("there is room for the shim");
    let mut all: Vec<Server> =
        servers::list(&options).into_iter().filter_map(|listed| listed.server.ok()).collect();
    all.push(first);
    all.sort_by(|a, b| (a.name, &a.version, &a.sha256).cmp(&(b.name, &b.version, &b.sha256)));
    all.dedup_by(|a, b| a.sha256 == b.sha256);
    all
}

/// A scenario from its YAML.
pub fn scenario(yaml: &str) -> Scenario {
    scenario::parse_str("test", yaml).expect("the test's scenario is good")
}

/// The plan of a scenario's YAML.
pub fn plan(yaml: &str) -> Plan {
    resolve(&scenario(yaml), None).expect("the test's scenario has a plan")
}

/// A run's outcome and the folder of its results.
pub struct Ran {
    pub report: RunReport,
    pub unfinished: Option<String>,
    pub folder: TempDir,
}

impl Ran {
    /// The verdict on an invariant.
    pub fn validation(&self, name: &str) -> &Validation {
        let found = self.report.validations.iter().find(|validation| validation.name == name);
        found.unwrap_or_else(|| panic!("{name} was not judged: {:?}", self.report.validations))
    }

    /// The log's events.
    pub fn events(&self) -> Vec<Event> {
        let log = event_log::open(self.folder.path()).expect("a log");
        log.map(|event| event.expect("a good line")).collect()
    }

    /// The log's bytes.
    pub fn log(&self) -> String {
        let path = self.folder.path().join(event_log::LOG_FILE);
        std::fs::read_to_string(path).expect("the log is there")
    }
}

/// Runs a plan to its end on `server`, with the check that nothing goes round the shim.
pub fn run(plan: &Plan, server: &Server) -> Ran {
    let folder = tempfile::tempdir().expect("there is room for results");
    let Outcome { report, unfinished, .. } = Simulation {
        reproduction: "a test".to_owned(),
        check_interposition: true,
        ..Simulation::new(plan, server, folder.path())
    }
    .run(&AtomicBool::new(false), &mut |_| {})
    .expect("the world works");
    Ran { report, unfinished, folder }
}

/// No invariant is violated.
pub fn assert_holds(ran: &Ran) {
    let wrong = ran.report.validations.iter().filter(|v| v.verdict.name() == "violated");
    let wrong: Vec<_> = wrong.map(|v| (v.name, v.verdict.detail())).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The log has all these texts.
pub fn assert_logged(ran: &Ran, texts: &[&str]) {
    let log = ran.log();
    let missing: Vec<_> = texts.iter().filter(|text| !log.contains(**text)).collect();
    assert!(missing.is_empty(), "{LOG_FILE} has nothing of {missing:?}");
}

/// The run is violated in `invariant`, and its detail says why in these words.
pub fn assert_violates(ran: &Ran, invariant: &str, why: &str) {
    let verdict = &ran.validation(invariant).verdict;
    assert_eq!(verdict.name(), "violated", "{invariant}: {}", verdict.detail());
    assert!(verdict.detail().contains(why), "{invariant}: {}", verdict.detail());
    assert!(matches!(ran.report.status, Status::Failed));
}

/// Two busy loops, as long as it lives: a quiet machine hides races.
pub struct Load {
    stop: Arc<AtomicBool>,
    loops: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts the loops.
    #[expect(clippy::disallowed_methods, reason = "the load is beside the simulation, not in it")]
    pub fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let loops = (0..2)
            .map(|_| {
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        black_box(0);
                    }
                })
            })
            .collect();
        Load { stop, loops }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for one in self.loops.drain(..) {
            one.join().expect("a busy loop does not panic");
        }
    }
}
